// Matrix products bound to their sizes. All matrices are row-major and dense.
#pragma once

#include "base/kernel.h"

namespace symbind {

// C[b] = alpha * op(A[b]) * op(B[b]) + beta * C[b] for b in [0, batch), with op the transpose where asked
// for. op(A) is (m, k), op(B) is (k, n): A is stored as (k, m) when trans_a, B as (n, k) when trans_b.
struct GemmSpec {
  bool trans_a = false;
  bool trans_b = false;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  int64_t batch = 1;
  DType dtype = DType::kFloat32;
  float alpha = 1;
  float beta = 0;
};

// Inputs A, B; output C. Floating dtypes; float16 sums in float32. k == 0 gives beta * C.
Kernel make_gemm_kernel(const GemmSpec& spec);

// out(M, N) = post_ops(data(M, K) * weight(N, K)^T + bias(N)).
// Inputs data, weight and, if bias is given, bias; what a kSum post-op adds is the node's input
// `PostOp::input`. The shapes of data and out may have more dimensions: the last of `out` is N, K is weight's
// second, the rest is M.
Kernel make_fc_forward(const TensorDesc& data, const TensorDesc& weight, const TensorDesc* bias,
                       const TensorDesc& out, Span<const PostOp> post_ops);

// Column sums of a row-major (rows, cols) input into output (cols): the gradient of a bias.
Kernel make_column_sum_kernel(int64_t rows, int64_t cols, DType dtype);

}  // namespace symbind
