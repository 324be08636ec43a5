#include "backend/cpu/gemm.h"

#include <algorithm>
#include <memory>
#include <type_traits>

#include "backend/cpu/isa.h"
#include "backend/cpu/parallel.h"
#include "runtime/storage.h"

namespace symbind {
namespace {

// Room for packed panels, allocated once in every thread that multiplies matrices.
void* packing_workspace(size_t bytes) {
  thread_local StoragePtr storage;
  if (storage == nullptr || storage->bytes < bytes) storage = allocate_storage(bytes);
  return storage->data;
}

template <class T>
void gemm_block(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, T alpha, const T* a, int64_t lda,
                const T* b, int64_t ldb, T beta, T* c, int64_t ldc) {
  constexpr ComputeType kType = std::is_same_v<T, double> ? kF64 : kF32;
  const KernelTable& table = kernels();
  const GemmArgs args{trans_a, trans_b, m, n, k, alpha, beta, a, b, c, lda, ldb, ldc};
  table.gemm[kType](args,
                    packing_workspace(std::max(table.gemm_workspace[kF32], table.gemm_workspace[kF64])));
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
