// IEEE 754 binary16 storage type: arithmetic happens in float.
#pragma once

#include <cstdint>
#include <cstring>

namespace symbind {

inline uint16_t half_from_float(float value) {
  uint32_t x;
  std::memcpy(&x, &value, 4);
  const uint32_t sign = (x >> 16) & 0x8000u;
  const uint32_t magnitude = x & 0x7fffffffu;
  if (magnitude >= 0x7f800000u) {  // inf or nan; keep a nan a nan
    return static_cast<uint16_t>(sign | 0x7c00u | (magnitude > 0x7f800000u ? 0x200u : 0u));
  }
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds past 65504
  if (magnitude < 0x38800000u) {                                               // subnormal half or zero
    float scaled;
    std::memcpy(&scaled, &magnitude, 4);
    scaled += 0.5f;  // aligns the mantissa so that the addition rounds to nearest even
    uint32_t bits;
    std::memcpy(&bits, &scaled, 4);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

inline float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1fu;
  const uint32_t mantissa = h & 0x3ffu;
  uint32_t x;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 5.9604644775390625e-8f;  // 2^-24
    std::memcpy(&x, &value, 4);
    x |= sign;
  } else if (exponent == 31) {
    x = sign | 0x7f800000u | (mantissa << 13);
  } else {
    x = sign | ((exponent + 112u) << 23) | (mantissa << 13);
  }
  float value;
  std::memcpy(&value, &x, 4);
  return value;
}

struct Half {
  uint16_t bits = 0;
  Half() = default;
  template <class T>
  Half(T value) : bits(half_from_float(static_cast<float>(value))) {}
  operator float() const { return half_to_float(bits); }
  Half& operator+=(float v) { return *this = Half(float(*this) + v); }
  Half& operator-=(float v) { return *this = Half(float(*this) - v); }
  Half& operator*=(float v) { return *this = Half(float(*this) * v); }
  Half& operator/=(float v) { return *this = Half(float(*this) / v); }
};

}  // namespace symbind
