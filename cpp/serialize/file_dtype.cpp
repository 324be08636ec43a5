#include "serialize/file_dtype.h"

#include <algorithm>
#include <array>

namespace symbind {
namespace {

enum : int32_t { kInt16 = 8, kUint16 = 9, kUint32 = 10, kUint64 = 11, kBfloat16 = 12 };

constexpr FileDType kTypes[] = {
    {0, "float32", 4, DType::kFloat32},
    {1, "float64", 8, DType::kFloat64},
    {2, "float16", 2, DType::kFloat16},
    {3, "uint8", 1, DType::kUint8},
    {4, "int32", 4, DType::kInt32},
    {5, "int8", 1, DType::kInt8},
    {6, "int64", 8, DType::kInt64},
    {7, "bool", 1, DType::kBool},
    {kInt16, "int16", 2, DType::kInt32},
    {kUint16, "uint16", 2, DType::kInt32},
    {kUint32, "uint32", 4, DType::kInt64},
    {kUint64, "uint64", 8, DType::kInt64},
    {kBfloat16, "bfloat16", 2, DType::kFloat32},
};

float float_from_bfloat16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

// Reads n elements of type From through a small buffer, and stores convert(element) as To.
template <class From, class To, class F>
void read_converted(ByteSource& in, To* to, uint64_t n, const char* what, F&& convert) {
  std::array<From, 4096> chunk;
  while (n > 0) {
    const size_t count = static_cast<size_t>(std::min<uint64_t>(n, chunk.size()));
    in.read(chunk.data(), count * sizeof(From), what);
    for (size_t i = 0; i < count; ++i) to[i] = static_cast<To>(convert(chunk[i]));
    to += count;
    n -= count;
  }
}

}  // namespace

const FileDType& read_file_dtype(ByteSource& in) {
  const int32_t flag = in.number<int32_t>("the dtype");
  for (const FileDType& type : kTypes) {
    if (type.flag == flag) return type;
  }
  in.fail_at(in.offset() - 4, "unknown dtype: got number ", flag, ", expected 0 to 12");
}

void warn_if_converted(const ByteSource& in, const FileDType& type, std::vector<std::string>* warnings) {
  if (type.flag >= kInt16) in.warn(warnings, type.name, " elements are loaded as ", dtype_name(type.memory));
}

template <class Dim>
Shape read_shape(ByteSource& in, int64_t ndim, bool may_be_unknown) {
  if (ndim == -1 && may_be_unknown) return Shape();
  if (ndim < 0) in.fail_here("negative number of dimensions: got ", ndim);
  in.require(static_cast<uint64_t>(ndim) * sizeof(Dim), "the shape");
  if (ndim > Shape::kMaxNDim) {
    in.fail_here("too many dimensions: got ", ndim, ", expected at most ", Shape::kMaxNDim);
  }
  Shape shape = Shape::filled(static_cast<int>(ndim), 0);
  for (int i = 0; i < shape.ndim(); ++i) {
    const int64_t dim = static_cast<int64_t>(in.number<Dim>("a dimension"));
    if (dim < 0 && !(dim == -1 && may_be_unknown)) {
      in.fail_at(in.offset() - sizeof(Dim), "negative dimension: got ", dim, " for axis ", i);
    }
    shape[i] = dim;
  }
  return shape;
}
template Shape read_shape<uint32_t>(ByteSource& in, int64_t ndim, bool may_be_unknown);
template Shape read_shape<int64_t>(ByteSource& in, int64_t ndim, bool may_be_unknown);

uint64_t checked_file_bytes(const ByteSource& in, const Shape& shape, size_t element_size, const char* what) {
  int64_t bytes = static_cast<int64_t>(element_size);
  bool empty = false;
  for (int64_t d : shape) {
    empty = empty || d == 0;
    if (d != 0 && __builtin_mul_overflow(bytes, d, &bytes)) {
      in.fail_here("the size of ", what, " overflows: got shape ", shape);
    }
  }
  return empty ? 0 : static_cast<uint64_t>(bytes);
}

NDArray read_elements(ByteSource& in, const Shape& shape, const FileDType& type, const char* what) {
  const uint64_t bytes = checked_file_bytes(in, shape, type.size, what);
  if (bytes > in.remaining()) {
    in.fail_here("truncated: ", what, " of shape ", shape, " ", type.name, " needs ", bytes,
                 " bytes, the file has ", in.remaining(), " left");
  }
  const uint64_t n = bytes / type.size;
  NDArray array = make_ndarray(shape, type.memory);
  const uint64_t begin = in.offset();
  switch (type.flag) {
    case kInt16:
      read_converted<int16_t>(in, array.data_as<int32_t>(), n, what, [](int16_t v) { return v; });
      break;
    case kUint16:
      read_converted<uint16_t>(in, array.data_as<int32_t>(), n, what, [](uint16_t v) { return v; });
      break;
    case kUint32:
      read_converted<uint32_t>(in, array.data_as<int64_t>(), n, what, [](uint32_t v) { return v; });
      break;
    case kUint64:
      read_converted<uint64_t>(in, array.data_as<int64_t>(), n, what, [&](uint64_t v) {
        if (v > INT64_MAX) in.fail_at(begin, "a uint64 element does not fit in int64: got ", v);
        return v;
      });
      break;
    case kBfloat16:
      read_converted<uint16_t>(in, array.data_as<float>(), n, what, float_from_bfloat16);
      break;
    case static_cast<int32_t>(DType::kBool):  // any other byte than 0 and 1 is not a C++ bool
      read_converted<uint8_t>(in, array.data_as<bool>(), n, what, [](uint8_t v) { return v != 0; });
      break;
    default:
      in.read(array.data(), bytes, what);
  }
  return array;
}

}  // namespace symbind
