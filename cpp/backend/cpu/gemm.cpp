#include "backend/cpu/gemm.h"

#include <Eigen/Core>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

template <class T>
using ConstMap = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
                            Eigen::OuterStride<>>;
template <class T>
using Map =
    Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0, Eigen::OuterStride<>>;

template <class T, class A, class B>
void accumulate(T alpha, const A& a, const B& b, Map<T>& c) {
  if (c.rows() == 1 || c.cols() == 1) {
    c.noalias() +=
        alpha * a.lazyProduct(b);  // Eigen's GEMM packs its operands, which a vector does not pay for
  } else {
    c.noalias() += alpha * (a * b);
  }
}

template <class T>
void gemm_block(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, T alpha, const T* a, int64_t lda,
                const T* b, int64_t ldb, T beta, T* c, int64_t ldc) {
  Map<T> out(c, m, n, Eigen::OuterStride<>(ldc));
  if (beta == 0) {
    out.setZero();
  } else if (beta != 1) {
    out *= beta;
  }
  if (k == 0) return;
  ConstMap<T> left(a, trans_a ? k : m, trans_a ? m : k, Eigen::OuterStride<>(lda));
  ConstMap<T> right(b, trans_b ? n : k, trans_b ? k : n, Eigen::OuterStride<>(ldb));
  if (trans_a && trans_b) {
    accumulate<T>(alpha, left.transpose(), right.transpose(), out);
  } else if (trans_a) {
    accumulate<T>(alpha, left.transpose(), right, out);
  } else if (trans_b) {
    accumulate<T>(alpha, left, right.transpose(), out);
  } else {
    accumulate<T>(alpha, left, right, out);
  }
}

template <class T>
void gemm_any(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, T alpha, const T* a, int64_t lda,
              const T* b, int64_t ldb, T beta, T* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  // Split the longer side of C; a piece is worth a thread from some 100,000 multiply-adds on.
  const bool by_rows = m >= n;
  const int64_t per_line = (by_rows ? n : m) * (k > 0 ? k : 1);
  parallel_for(by_rows ? m : n, 1 + 100000 / per_line, [&](int64_t begin, int64_t end) {
    if (by_rows) {
      gemm_block(trans_a, trans_b, end - begin, n, k, alpha, a + begin * (trans_a ? 1 : lda), lda, b, ldb,
                 beta, c + begin * ldc, ldc);
    } else {
      gemm_block(trans_a, trans_b, m, end - begin, k, alpha, a, lda, b + begin * (trans_b ? ldb : 1), ldb,
                 beta, c + begin, ldc);
    }
  });
}

}  // namespace

void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
          int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  gemm_any(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, double alpha, const double* a,
          int64_t lda, const double* b, int64_t ldb, double beta, double* c, int64_t ldc) {
  gemm_any(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

}  // namespace symbind
