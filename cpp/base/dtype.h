// Element types; the numbers are those of MXNet's files and Python API.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/half.h"

namespace symbind {

enum class DType : int8_t {
  kUnknown = -1,
  kFloat32 = 0,
  kFloat64 = 1,
  kFloat16 = 2,
  kUint8 = 3,
  kInt32 = 4,
  kInt8 = 5,
  kInt64 = 6,
  kBool = 7,
};

size_t dtype_size(DType type);
const char* dtype_name(DType type);
// Accepts MXNet's names ("float32", ...); fails with the list of names otherwise.
DType dtype_parse(const std::string& name);
// Accepts the file number; kUnknown if there is no such type here.
DType dtype_from_flag(int64_t flag);
inline bool is_float(DType t) { return t == DType::kFloat32 || t == DType::kFloat64 || t == DType::kFloat16; }

template <class T>
struct TypeTag {
  using type = T;
};

// Calls f(TypeTag<T>{}) for the C++ type of a dtype. bool is its own C++ type.
template <class F>
decltype(auto) visit_dtype(DType type, F&& f) {
  switch (type) {
    case DType::kFloat32:
      return f(TypeTag<float>{});
    case DType::kFloat64:
      return f(TypeTag<double>{});
    case DType::kFloat16:
      return f(TypeTag<Half>{});
    case DType::kUint8:
      return f(TypeTag<uint8_t>{});
    case DType::kInt32:
      return f(TypeTag<int32_t>{});
    case DType::kInt8:
      return f(TypeTag<int8_t>{});
    case DType::kInt64:
      return f(TypeTag<int64_t>{});
    case DType::kBool:
      return f(TypeTag<bool>{});
    default:
      fail("unknown dtype ", static_cast<int>(type));
  }
}

// The same for the floating types alone; `what` names the caller in the error.
template <class F>
decltype(auto) visit_float(DType type, const char* what, F&& f) {
  switch (type) {
    case DType::kFloat32:
      return f(TypeTag<float>{});
    case DType::kFloat64:
      return f(TypeTag<double>{});
    case DType::kFloat16:
      return f(TypeTag<Half>{});
    default:
      fail("[", what, "] expected a floating dtype, got ", dtype_name(type));
  }
}

// The type sums and products of T are computed in.
template <class T>
struct Accumulate {
  using type = T;
};
template <>
struct Accumulate<Half> {
  using type = float;
};
template <>
struct Accumulate<float> {
  using type = float;
};
template <class T>
using accumulate_t = typename Accumulate<T>::type;

}  // namespace symbind
