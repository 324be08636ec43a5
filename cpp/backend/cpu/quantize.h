// Numbers of int8 tensors. A range [lo, hi] of real values goes with every tensor; what one unit of it stands
// for follows MXNet: 127.5 (int8) or 255.5 (uint8) units make up the larger of |lo| and |hi|.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/dtype.h"

namespace symbind {

inline float max_abs(float lo, float hi) { return std::max(std::fabs(lo), std::fabs(hi)); }

// Units in the range; the largest value of the type and a half.
inline float quantized_range(DType type) { return type == DType::kUint8 ? 255.5f : 127.5f; }
// The whole numbers that products and sums of quantized tensors count in.
inline float whole_range(DType type) {
  return type == DType::kUint8 ? 255.f : type == DType::kInt8 ? 127.f : 2147483647.f;
}

// Units per 1.0; infinite for an empty range.
inline float quantize_scale(DType type, float lo, float hi) {
  return quantized_range(type) / max_abs(lo, hi);
}

// The nearest whole number within the type, ties to even. NaN (0 / 0 in an empty range) is the largest value.
template <class T>
T saturate(float value) {
  constexpr float lo = std::is_signed_v<T> ? -128.f : 0.f;
  constexpr float hi = std::is_signed_v<T> ? 127.f : 255.f;
  static_assert(sizeof(T) == 1, "int8 and uint8");
  value = value < hi ? value : hi;
  value = value > lo ? value : lo;
  return static_cast<T>(std::lrintf(value));
}
template <>
inline int32_t saturate<int32_t>(float value) {
  if (!(value < 2147483648.f)) return INT32_MAX;
  if (value <= -2147483648.f) return INT32_MIN;
  return static_cast<int32_t>(std::lrintf(value));
}

// Calls f(TypeTag<T>) for int8 and uint8; `what` names the caller and the tensor in the error.
template <class F>
decltype(auto) visit_quantized(DType type, const char* what, F&& f) {
  if (type == DType::kUint8) return f(TypeTag<uint8_t>{});
  check(type == DType::kInt8, what, ": got ", dtype_name(type), ", expected int8 or uint8");
  return f(TypeTag<int8_t>{});
}

}  // namespace symbind
