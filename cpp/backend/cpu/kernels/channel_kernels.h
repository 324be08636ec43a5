// Kernels on tensors whose channels matter: normalisation and pooling. Part of kernels.h.
//
// A tensor is seen as (outer, blocks, inner, block): row-major (N, C, ...) has blocks of one channel,
// channels-last one block of all channels, blocked layouts blocks of 16. "Lines" are elements of one channel,
// one after another; "columns" are rows of `n` neighbouring channels.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace symbind {

// All arrays per channel are in the element type (float for data held as bfloat16), except sums, which are
// double.
struct NormFns {
  // Adds up x - shift and (x - shift)^2.
  void (*line_moments)(const void* x, int64_t n, double shift, double* sum, double* square) = nullptr;
  void (*column_moments)(const void* x, int64_t rows, int64_t n, int64_t stride, const void* shift,
                         double* sum, double* square) = nullptr;
  // y = (x - mean) * scale + bias; negative results become `slope` times themselves when `relu`.
  void (*line_apply)(const void* x, void* y, int64_t n, double mean, double scale, double bias, bool relu,
                     double slope) = nullptr;
  void (*column_apply)(const void* x, void* y, int64_t rows, int64_t n, int64_t stride, const void* mean,
                       const void* scale, const void* bias, bool relu, double slope) = nullptr;
  // Adds up g and g * (x - mean), where g is dy, times `slope` where relu and the y of above is not positive.
  void (*line_grad_sums)(const void* dy, const void* x, int64_t n, double mean, double scale, double bias,
                         bool relu, double slope, double* sum, double* dot) = nullptr;
  void (*column_grad_sums)(const void* dy, const void* x, int64_t rows, int64_t n, int64_t stride,
                           const void* mean, const void* scale, const void* bias, bool relu, double slope,
                           double* sum, double* dot) = nullptr;
  // dx = a * (g - b * (x - mean) - c) with g as above. dx may be dy.
  void (*line_grad_apply)(const void* dy, const void* x, void* dx, int64_t n, double a, double b, double c,
                          double mean, double scale, double bias, bool relu, double slope) = nullptr;
  // a, b, c, mean, scale, bias follow each other in `coefficients`, each `coefficient_stride` elements long.
  void (*column_grad_apply)(const void* dy, const void* x, void* dx, int64_t rows, int64_t n, int64_t stride,
                            const void* coefficients, int64_t coefficient_stride, bool relu,
                            double slope) = nullptr;
};

enum class PoolKind : int { kMax, kAvg, kSum, kLp };

// One image: `block` neighbouring channels at each of in[0] * in[1] * in[2] positions, `step` elements apart.
struct PoolArgs {
  PoolKind kind = PoolKind::kMax;
  int p = 2;                      // kLp: 1, 2 or 3
  bool count_include_pad = true;  // kAvg
  int64_t in[3], out[3], kernel[3], stride[3], pad[3];
  int64_t block = 1, step = 1;
};

struct PoolFns {
  void (*forward)(const PoolArgs& args, const void* x, void* y) = nullptr;
  // dx is overwritten. kMax: the first element of a window that equals its maximum takes the gradient.
  void (*backward)(const PoolArgs& args, const void* dy, const void* x, const void* y, void* dx) = nullptr;
};

}  // namespace symbind
