// Scalar mathematics for the kernels. The float32 functions are branch-free so that loops over them
// vectorise; double uses the C library. Polynomials of exp, log and tanh: S. L. Moshier, Cephes Mathematical
// Library (expf.c, logf.c, tanhf.c). Errors stay within 2 units in the last place.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#define KERNEL_INLINE static inline __attribute__((always_inline))

namespace symbind {
namespace SYMBIND_ISA {

template <class T>
struct UnsignedOf;
template <>
struct UnsignedOf<int32_t> {
  using type = uint32_t;
};
template <>
struct UnsignedOf<int64_t> {
  using type = uint64_t;
};
template <class T>
inline constexpr bool kIsFloat = false;
template <>
inline constexpr bool kIsFloat<float> = true;
template <>
inline constexpr bool kIsFloat<double> = true;

KERNEL_INLINE int32_t float_bits(float x) {
  int32_t i;
  memcpy(&i, &x, 4);
  return i;
}
KERNEL_INLINE float bits_float(int32_t i) {
  float x;
  memcpy(&x, &i, 4);
  return x;
}

// 2^n for n in [-126, 127]
KERNEL_INLINE float pow2i(int32_t n) {
  return bits_float(static_cast<int32_t>(static_cast<uint32_t>(n + 127) << 23));
}

struct ExpSplit {
  float r;    // x - n ln 2, |r| <= ln 2 / 2
  int32_t n;  // nearest integer to x / ln 2
};
KERNEL_INLINE ExpSplit exp_split(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float t = x * 1.44269504088896341f + kMagic;
  const float n = t - kMagic;
  float r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  return {r, static_cast<int32_t>(static_cast<uint32_t>(float_bits(t)) -
                                  static_cast<uint32_t>(float_bits(kMagic)))};
}
// exp(r) - 1 for |r| <= ln 2 / 2
KERNEL_INLINE float expm1_reduced(float r) {
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return p * (r * r) + r;
}

KERNEL_INLINE float m_exp(float x) {
  float z = x > 88.8f ? 88.8f : x;  // keeps NaN
  z = z < -104.0f ? -104.0f : z;
  const ExpSplit s = exp_split(z);
  const float p = expm1_reduced(s.r) + 1.0f;
  const int32_t half = s.n >> 1;  // two factors: the result may be subnormal or overflow
  return p * pow2i(half) * pow2i(s.n - half);
}

KERNEL_INLINE float m_expm1(float x) {
  float z = x > 88.8f ? 88.8f : x;
  z = z < -20.0f ? -20.0f : z;
  const ExpSplit s = exp_split(z);
  const float scale = pow2i(s.n - 1);
  return 2.0f * (scale * expm1_reduced(s.r) + (scale - 0.5f));
}

KERNEL_INLINE float m_log(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const float y = tiny ? x * 8388608.0f : x;
  constexpr int32_t kSqrtHalf = 0x3f3504f3;
  const int32_t i =
      static_cast<int32_t>(static_cast<uint32_t>(float_bits(y)) - static_cast<uint32_t>(kSqrtHalf));
  const float e = static_cast<float>((i >> 23) - (tiny ? 23 : 0));
  const float f = bits_float((i & 0x7fffff) + kSqrtHalf) - 1.0f;
  const float z = f * f;
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  p = p * f * z;
  p = p + e * -2.12194440e-4f;
  p = p - 0.5f * z;
  float r = f + p;
  r = r + e * 0.693359375f;
  r = x == 0.0f ? -__builtin_inff() : r;
  r = x < 0.0f ? __builtin_nanf("") : r;
  return x < __builtin_inff() ? r : x + x;  // +inf and NaN
}

// The rounding error of 1 + x is put back: log(1 + x) = log(w) + (x - (w - 1)) / w.
KERNEL_INLINE float m_log1p(float x) {
  const float w = 1.0f + x;
  const float c = (x - (w - 1.0f)) / w;
  const bool plain = w > 0.0f && w < __builtin_inff();
  return m_log(w) + (plain ? c : 0.0f);
}

KERNEL_INLINE float m_tanh(float x) {
  const float a = __builtin_fabsf(x);
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  p = p * z * x + x;
  const float q = 1.0f - 2.0f / (m_exp(2.0f * a) + 1.0f);
  return a < 0.625f ? p : __builtin_copysignf(q, x);
}

KERNEL_INLINE float m_sigmoid(float x) { return 1.0f / (1.0f + m_exp(-x)); }
KERNEL_INLINE float m_softrelu(float x) {
  return (x > 0.0f ? x : 0.0f) + m_log1p(m_exp(-__builtin_fabsf(x)));
}

KERNEL_INLINE double m_exp(double x) { return __builtin_exp(x); }
KERNEL_INLINE double m_expm1(double x) { return __builtin_expm1(x); }
KERNEL_INLINE double m_log(double x) { return __builtin_log(x); }
KERNEL_INLINE double m_log1p(double x) { return __builtin_log1p(x); }
KERNEL_INLINE double m_tanh(double x) { return __builtin_tanh(x); }
KERNEL_INLINE double m_sigmoid(double x) { return 1.0 / (1.0 + __builtin_exp(-x)); }
KERNEL_INLINE double m_softrelu(double x) {
  return (x > 0.0 ? x : 0.0) + __builtin_log1p(__builtin_exp(-__builtin_fabs(x)));
}

#define SYMBIND_LIBM(name, builtin)                                           \
  KERNEL_INLINE float m_##name(float x) { return __builtin_##builtin##f(x); } \
  KERNEL_INLINE double m_##name(double x) { return __builtin_##builtin(x); }
SYMBIND_LIBM(log2, log2)
SYMBIND_LIBM(log10, log10)
SYMBIND_LIBM(sqrt, sqrt)
SYMBIND_LIBM(cbrt, cbrt)
SYMBIND_LIBM(abs, fabs)
SYMBIND_LIBM(floor, floor)
SYMBIND_LIBM(ceil, ceil)
SYMBIND_LIBM(trunc, trunc)
SYMBIND_LIBM(round, round)
SYMBIND_LIBM(sin, sin)
SYMBIND_LIBM(cos, cos)
SYMBIND_LIBM(tan, tan)
SYMBIND_LIBM(asin, asin)
SYMBIND_LIBM(acos, acos)
SYMBIND_LIBM(atan, atan)
SYMBIND_LIBM(sinh, sinh)
SYMBIND_LIBM(cosh, cosh)
SYMBIND_LIBM(asinh, asinh)
SYMBIND_LIBM(acosh, acosh)
SYMBIND_LIBM(atanh, atanh)
SYMBIND_LIBM(erf, erf)
SYMBIND_LIBM(tgamma, tgamma)
#undef SYMBIND_LIBM

// lgamma() writes the global signgam; the _r form does not.
KERNEL_INLINE double m_lgamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}
KERNEL_INLINE float m_lgamma(float x) {
  int sign;
  return lgammaf_r(x, &sign);
}

KERNEL_INLINE float m_pow(float a, float b) { return __builtin_powf(a, b); }
KERNEL_INLINE double m_pow(double a, double b) { return __builtin_pow(a, b); }
KERNEL_INLINE float m_hypot(float a, float b) { return __builtin_hypotf(a, b); }
KERNEL_INLINE double m_hypot(double a, double b) { return __builtin_hypot(a, b); }
KERNEL_INLINE float m_fmod(float a, float b) { return __builtin_fmodf(a, b); }
KERNEL_INLINE double m_fmod(double a, double b) { return __builtin_fmod(a, b); }

// The inverse of erf: Winitzki's approximation, then Newton steps on erf, or on erfc where 1 - |x| is small.
static inline double m_erfinv(double x) {
  const double a = __builtin_fabs(x);
  if (!(a < 1.0)) return a == 1.0 ? __builtin_copysign(__builtin_inf(), x) : __builtin_nan("");
  const double l = __builtin_log1p(-x * x);
  const double t = 4.330746750799873 + 0.5 * l;  // 2 / (pi * 0.147)
  double y = __builtin_sqrt(__builtin_sqrt(t * t - l / 0.147) - t);
  for (int i = 0; i < 3; ++i) {
    const double error = a < 0.5 ? __builtin_erf(y) - a : (1.0 - a) - __builtin_erfc(y);
    const double step = error * 0.886226925452758 * __builtin_exp(y * y);  // sqrt(pi) / 2
    y -= step / (1.0 + y * step);                                          // Halley
  }
  return __builtin_copysign(y, x);
}
static inline float m_erfinv(float x) { return static_cast<float>(m_erfinv(static_cast<double>(x))); }

// The logarithmic derivative of gamma: recurrence up to 6, then the asymptotic series (Abramowitz and
// Stegun 6.3.18).
static inline double m_digamma(double x) {
  double result = 0;
  if (x <= 0) {
    if (x == __builtin_floor(x)) return __builtin_nan("");
    result = -3.14159265358979323846 / __builtin_tan(3.14159265358979323846 * x);
    x = 1 - x;
  }
  for (; x < 6; x += 1) result -= 1 / x;
  const double z = 1 / (x * x);
  const double series =
      z * (1.0 / 12 -
           z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760))))));
  return result + __builtin_log(x) - 0.5 / x - series;
}
static inline float m_digamma(float x) { return static_cast<float>(m_digamma(static_cast<double>(x))); }

// Truncation with the processor's answer (the smallest integer) for NaN and values out of range.
template <class F>
KERNEL_INLINE int32_t to_int32(F x) {
  return x > F(-2147483649.0) && x < F(2147483648.0) ? static_cast<int32_t>(x) : INT32_MIN;
}
KERNEL_INLINE int32_t to_int32(float x) {
  return x >= -2147483648.0f && x < 2147483648.0f ? static_cast<int32_t>(x) : INT32_MIN;
}
template <class F>
KERNEL_INLINE int64_t to_int64(F x) {
  return x >= F(-9223372036854775808.0) && x < F(9223372036854775808.0) ? static_cast<int64_t>(x) : INT64_MIN;
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
