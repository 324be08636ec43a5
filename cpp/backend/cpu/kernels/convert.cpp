// Conversions between the element types.
#include "backend/cpu/kernels/bfloat16.h"
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/mathfun.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

namespace symbind {
namespace SYMBIND_ISA {
namespace {

struct Half {
  uint16_t bits;
};

#ifdef __F16C__
KERNEL_INLINE float half_to_float(Half h) { return _cvtsh_ss(h.bits); }
KERNEL_INLINE Half float_to_half(float x) { return {static_cast<uint16_t>(_cvtss_sh(x, 0))}; }
#else
// The same as base/half.h, which may not be included here.
KERNEL_INLINE Half float_to_half(float value) {
  const uint32_t x = static_cast<uint32_t>(float_bits(value));
  const uint32_t sign = (x >> 16) & 0x8000u;
  const uint32_t magnitude = x & 0x7fffffffu;
  uint32_t bits;
  if (magnitude >= 0x7f800000u) {
    bits = 0x7c00u | (magnitude > 0x7f800000u ? 0x200u | ((magnitude >> 13) & 0x3ffu) : 0u);
  } else if (magnitude >= 0x477ff000u) {
    bits = 0x7c00u;
  } else if (magnitude < 0x38800000u) {
    bits =
        static_cast<uint32_t>(float_bits(bits_float(static_cast<int32_t>(magnitude)) + 0.5f)) - 0x3f000000u;
  } else {
    bits = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return {static_cast<uint16_t>(sign | bits)};
}
KERNEL_INLINE float half_to_float(Half h) {
  const uint32_t sign = static_cast<uint32_t>(h.bits & 0x8000u) << 16;
  const uint32_t exponent = (h.bits >> 10) & 0x1fu;
  const uint32_t mantissa = h.bits & 0x3ffu;
  uint32_t x;
  if (exponent == 0) {
    x = static_cast<uint32_t>(float_bits(static_cast<float>(mantissa) * 5.9604644775390625e-8f));
  } else if (exponent == 31) {
    x = 0x7f800000u | (mantissa << 13);
  } else {
    x = ((exponent + 112u) << 23) | (mantissa << 13);
  }
  return bits_float(static_cast<int32_t>(sign | x));
}
#endif

template <class To, class From>
struct Convert {
  KERNEL_INLINE To f(From x) { return static_cast<To>(x); }
};
// From floating types to integers: through 32 (64) bits, so that narrow types wrap.
#define FROM_FLOAT(To, From, function)                                  \
  template <>                                                           \
  struct Convert<To, From> {                                            \
    KERNEL_INLINE To f(From x) { return static_cast<To>(function(x)); } \
  };
FROM_FLOAT(int64_t, float, to_int64)
FROM_FLOAT(int64_t, double, to_int64)
FROM_FLOAT(int32_t, float, to_int32)
FROM_FLOAT(int32_t, double, to_int32)
FROM_FLOAT(int8_t, float, to_int32)
FROM_FLOAT(int8_t, double, to_int32)
FROM_FLOAT(uint8_t, float, to_int32)
FROM_FLOAT(uint8_t, double, to_int32)
#undef FROM_FLOAT
template <class From>
struct Convert<bool, From> {
  KERNEL_INLINE bool f(From x) { return x != From(0); }
};
template <>
struct Convert<bool, Half> {
  KERNEL_INLINE bool f(Half x) { return (x.bits & 0x7fffu) != 0; }
};
template <class To>
struct Convert<To, Half> {
  KERNEL_INLINE To f(Half x) { return Convert<To, float>::f(half_to_float(x)); }
};
template <class From>
struct Convert<Half, From> {
  KERNEL_INLINE Half f(From x) { return float_to_half(static_cast<float>(x)); }
};
template <>
struct Convert<Half, Half> {
  KERNEL_INLINE Half f(Half x) { return x; }
};

template <class From, class To>
void convert(const void* x, void* y, int64_t n) {
  const From* in = static_cast<const From*>(x);
  To* out = static_cast<To*>(y);
  for (int64_t i = 0; i < n; ++i) out[i] = Convert<To, From>::f(in[i]);
}

#ifdef __F16C__
template <>
void convert<Half, float>(const void* x, void* y, int64_t n) {
  const Half* in = static_cast<const Half*>(x);
  float* out = static_cast<float*>(y);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i))));
  }
  for (; i < n; ++i) out[i] = half_to_float(in[i]);
}
template <>
void convert<float, Half>(const void* x, void* y, int64_t n) {
  const float* in = static_cast<const float*>(x);
  Half* out = static_cast<Half*>(y);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(in + i), 0));
  }
  for (; i < n; ++i) out[i] = float_to_half(in[i]);
}
#endif

void from_bfloat16(const void* x, void* y, int64_t n) {
  const Bfloat16* in = static_cast<const Bfloat16*>(x);
  float* out = static_cast<float*>(y);
  for (int64_t i = 0; i < n; ++i) out[i] = widen(in[i]);
}
void to_bfloat16(const void* x, void* y, int64_t n) {
  const float* in = static_cast<const float*>(x);
  Bfloat16* out = static_cast<Bfloat16*>(y);
  for (int64_t i = 0; i < n; ++i) out[i] = Narrow<Bfloat16>::f(in[i]);
}

template <class From>
void fill_row(ConvertFn (&row)[8]) {
  row[0] = convert<From, float>;
  row[1] = convert<From, double>;
  row[2] = convert<From, Half>;
  row[3] = convert<From, uint8_t>;
  row[4] = convert<From, int32_t>;
  row[5] = convert<From, int8_t>;
  row[6] = convert<From, int64_t>;
  row[7] = convert<From, bool>;
}

}  // namespace

void fill_convert(KernelTable& t) {
  fill_row<float>(t.convert[0]);
  fill_row<double>(t.convert[1]);
  fill_row<Half>(t.convert[2]);
  fill_row<uint8_t>(t.convert[3]);
  fill_row<int32_t>(t.convert[4]);
  fill_row<int8_t>(t.convert[5]);
  fill_row<int64_t>(t.convert[6]);
  fill_row<bool>(t.convert[7]);
  t.from_bfloat16 = from_bfloat16;
  t.to_bfloat16 = to_bfloat16;
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
