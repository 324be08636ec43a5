// Products of csr matrices with dense and row_sparse ones.
#pragma once

#include "backend/cpu/sparse_structure.h"

namespace symbind {

// csr (M, K) times rhs (K, N), dense: out (M, N), dense.
void csr_dot_dense(const SparseArray& lhs, const void* rhs, int64_t n, void* out);
// The same with the rows that a row_sparse rhs stores.
void csr_dot_rows(const SparseArray& lhs, const SparseArray& rhs, int64_t n, void* out);
// The transpose of csr (M, K) times rhs (M, N), dense: out (K, N) stores the columns that lhs has elements
// in. Sums run in the order of the rows of lhs, whatever the number of threads.
void csr_transposed_dot_dense(const SparseArray& lhs, const void* rhs, int64_t n, IndexGroups& groups,
                              SparseArray& out);

}  // namespace symbind
