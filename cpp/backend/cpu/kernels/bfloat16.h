// float held in its upper 16 bits: what a processor's bfloat16 instructions read.
#pragma once

#include "backend/cpu/kernels/mathfun.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

struct Bfloat16 {
  uint16_t bits;
};

KERNEL_INLINE float widen(Bfloat16 x) { return bits_float(static_cast<int32_t>(uint32_t{x.bits} << 16)); }
KERNEL_INLINE float widen(float x) { return x; }
KERNEL_INLINE double widen(double x) { return x; }

// To the type that an array holds. bfloat16: to the nearest, ties to even; NaN stays NaN.
template <class S>
struct Narrow {
  KERNEL_INLINE S f(S x) { return x; }
};
template <>
struct Narrow<Bfloat16> {
  KERNEL_INLINE Bfloat16 f(float x) {
    const uint32_t bits = static_cast<uint32_t>(float_bits(x));
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return {static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded)};
  }
};

}  // namespace
}  // namespace SYMBIND_ISA
}  // namespace symbind
