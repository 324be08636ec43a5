#include "serialize/ndarray_record.h"

#include <algorithm>

#include "serialize/file_dtype.h"
#include "serialize/sparse_record.h"

namespace symbind {
namespace {

constexpr uint32_t kV1 = 0xF993FAC8;
constexpr uint32_t kV2 = 0xF993FAC9;
constexpr uint32_t kV3 = 0xF993FACA;
constexpr int kMaxLegacyNDim = 32;

NDArray no_array(const ByteSource& in, const RecordOptions& options) {
  in.warn(options.warnings, "the record holds no array; loaded as an empty one of shape (0,)");
  return make_ndarray(Shape{0}, DType::kFloat32);
}

// i32 device, i32 id: where the array was. Any value is accepted, everything is loaded to the CPU.
void skip_context(ByteSource& in) {
  in.number<int32_t>("the device");
  in.number<int32_t>("the device number");
}

NDArray read_dense(ByteSource& in, const Shape& shape, const RecordOptions& options) {
  skip_context(in);
  const FileDType& type = read_file_dtype(in);
  warn_if_converted(in, type, options.warnings);
  return read_elements(in, shape, type, "the data");
}

NDArray read_sparse(ByteSource& in, bool csr, RecordOptions& options) {
  SparseRecord record;
  record.stored = read_shape<int64_t>(in, in.number<int32_t>("the number of stored dimensions"), false);
  record.shape = read_shape<int64_t>(in, in.number<int32_t>("the number of dimensions"), false);
  if (record.shape.ndim() == 0) return no_array(in, options);
  skip_context(in);
  record.type = &read_file_dtype(in);
  warn_if_converted(in, *record.type, options.warnings);
  return as_ndarray(csr ? read_csr(in, record) : read_row_sparse(in, record));
}

}  // namespace

NDArray read_ndarray_record(ByteSource& in, RecordOptions& options) {
  const uint64_t begin = in.offset();
  const uint32_t first = in.number<uint32_t>("the first word of an array");
  if (first != kV1 && first != kV2 && first != kV3) {
    if (first > kMaxLegacyNDim) {
      in.fail_at(begin, "not an array: got first word 0x", std::hex, first,
                 ", expected 0xf993fac8 to 0xf993faca or a", " number of dimensions");
    }
    if (first == 0) return no_array(in, options);
    return read_dense(in, read_shape<uint32_t>(in, first, false), options);
  }
  int32_t storage = 0;
  if (first != kV1) {
    storage = in.number<int32_t>("the storage type");
    if (storage < 0 || storage > (first == kV2 ? 2 : 0)) {
      in.fail_at(in.offset() - 4, "unknown storage type: got ", storage, ", expected ",
                 first == kV2 ? "0 (dense), 1 (row_sparse) or 2 (csr)" : "0 (dense)");
    }
  }
  if (storage != 0) return read_sparse(in, storage == 2, options);
  const int32_t ndim = in.number<int32_t>("the number of dimensions");
  const Shape shape = read_shape<int64_t>(in, ndim, /*may_be_unknown=*/first == kV3);
  if (!shape.known() || (shape.ndim() == 0 && first != kV3)) return no_array(in, options);
  return read_dense(in, shape, options);
}

namespace {

template <class Number>
void write_shape(const Shape& shape, Number number) {
  number(static_cast<int32_t>(shape.ndim()));
  for (int64_t d : shape) number(d);
}

void write_sparse(const SparseArray& array, const WriteBytes& write) {
  const auto number = [&](auto value) { write(&value, sizeof(value)); };
  const bool csr = array.stype == StorageType::kCsr;
  number(kV2);
  number(static_cast<int32_t>(array.stype));
  write_shape(array.values.shape, number);
  write_shape(array.shape, number);
  number(static_cast<int32_t>(array.context.device_type));
  number(array.context.device_id);
  number(static_cast<int32_t>(array.dtype));
  std::vector<const NDArray*> aux{&array.indices};
  if (csr) aux = {&array.indptr, &array.indices};
  for (const NDArray* a : aux) {
    number(static_cast<int32_t>(a->dtype));
    write_shape(a->shape, number);
  }
  if (array.values.bytes() > 0) write(array.values.data(), array.values.bytes());
  for (const NDArray* a : aux) {
    if (a->bytes() > 0) write(a->data(), a->bytes());
  }
}

}  // namespace

void write_ndarray_record(const NDArray& array, const WriteBytes& write) {
  if (const SparsePtr sparse = sparse_of(array)) {
    write_sparse(*sparse, write);
    return;
  }
  check(!array.empty() && array.shape.known(), "[save] an array has no data: got shape ", array.shape);
  const auto number = [&](auto value) { write(&value, sizeof(value)); };
  const bool scalar = array.shape.ndim() == 0;
  number(scalar ? kV3 : kV2);
  number(int32_t{0});  // dense
  number(static_cast<int32_t>(array.shape.ndim()));
  for (int64_t d : array.shape) number(d);
  number(static_cast<int32_t>(array.context.device_type));
  number(array.context.device_id);
  number(static_cast<int32_t>(array.dtype));
  if (array.bytes() > 0) write(array.data(), array.bytes());
}

}  // namespace symbind
