// float32 vectors of the instruction set's width, in the compiler's vector extension. Part of kernels/*.cpp.
#pragma once

#include "backend/cpu/kernels/mathfun.h"

namespace symbind {
namespace SYMBIND_ISA {

#if defined(__AVX512F__)
inline constexpr int kFloatLanes = 16;
#elif defined(__AVX2__)
inline constexpr int kFloatLanes = 8;
#else
inline constexpr int kFloatLanes = 4;
#endif
typedef float FloatVector __attribute__((vector_size(kFloatLanes * 4)));
typedef float UnalignedFloatVector __attribute__((vector_size(kFloatLanes * 4), aligned(4), may_alias));
typedef int32_t IntVector __attribute__((vector_size(kFloatLanes * 4)));

KERNEL_INLINE FloatVector load(const float* p) { return *reinterpret_cast<const UnalignedFloatVector*>(p); }
KERNEL_INLINE void store(float* p, FloatVector v) { *reinterpret_cast<UnalignedFloatVector*>(p) = v; }
KERNEL_INLINE FloatVector splat(float x) { return FloatVector{} + x; }

// The rows of a square matrix become its columns: a perfect shuffle of the rows, once per bit of the index.
KERNEL_INLINE void transpose(FloatVector* row) {
#if defined(__clang__)
  FloatVector column[kFloatLanes];
  for (int i = 0; i < kFloatLanes; ++i) {
    for (int j = 0; j < kFloatLanes; ++j) column[i][j] = row[j][i];
  }
  for (int i = 0; i < kFloatLanes; ++i) row[i] = column[i];
#else
  IntVector low, high;
#pragma GCC unroll 16
  for (int i = 0; i < kFloatLanes; ++i) {
    low[i] = i / 2 + i % 2 * kFloatLanes;
    high[i] = low[i] + kFloatLanes / 2;
  }
#pragma GCC unroll 4
  for (int bit = 1; bit < kFloatLanes; bit *= 2) {
    FloatVector next[kFloatLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kFloatLanes / 2; ++i) {
      next[2 * i] = __builtin_shuffle(row[i], row[i + kFloatLanes / 2], low);
      next[2 * i + 1] = __builtin_shuffle(row[i], row[i + kFloatLanes / 2], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kFloatLanes; ++i) row[i] = next[i];
  }
#endif
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
