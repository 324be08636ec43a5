// Dense matrix product on row-major memory, for every floating type. The portable base of FullyConnected, dot
// and convolution; oneDNN takes float32 where it is built in.
#pragma once

#include <cstdint>

namespace symbind {

// C(m, n) = alpha * op(A) * op(B) + beta * C; lda, ldb, ldc are the row lengths of the stored matrices.
// beta == 0 does not read C. Splits over OpenMP workers unless it is called from one.
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
          int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, double alpha, const double* a,
          int64_t lda, const double* b, int64_t ldb, double beta, double* c, int64_t ldc);

}  // namespace symbind
