// Arrays that store some of their elements. What is not stored is 0.
#pragma once

#include <memory>

#include "base/storage_type.h"
#include "runtime/ndarray.h"

namespace symbind {

// row_sparse: `values` holds whole rows (slices of the first axis), `indices` their numbers, ascending unless
// a user made them otherwise. csr: two dimensions; row r has the elements indptr[r] to indptr[r + 1] of
// `values`, in the columns `indices`.
struct SparseArray {
  StorageType stype = StorageType::kRowSparse;
  Shape shape;
  DType dtype = DType::kFloat32;
  Context context;
  NDArray values;   // csr: (count); row_sparse: (count, shape[1:])
  NDArray indices;  // int64 (count)
  NDArray indptr;   // csr alone: int64 (rows + 1)

  bool rows_in_place = false;  // known: every row r is stored, as values[r]

  // Stored rows, or stored elements of a csr array.
  int64_t count() const { return indices.shape[0]; }
  // Elements in a row.
  int64_t row_size() const { return shape.product(1, shape.ndim()); }
  const int64_t* index() const { return indices.data_as<int64_t>(); }
  const int64_t* starts() const { return indptr.data_as<int64_t>(); }
  // Room for `count` rows or elements, whose values are not set. Memory is reused where nobody else holds it.
  void resize(int64_t count);
  // Nothing stored.
  void clear();
  // Is every row r stored, as values[r]?
  bool has_all_rows() const;
};
using SparsePtr = std::shared_ptr<SparseArray>;

// Without stored elements. Fails unless a csr array has 2 dimensions and a row_sparse one at least 1.
SparsePtr make_sparse(StorageType stype, const Shape& shape, DType dtype, Context context = {});

// A sparse array where an NDArray is expected: shape, dtype and context are the array's, and data() is the
// address of the SparseArray, which is what kernels of sparse tensors take. Not for code that reads elements.
NDArray as_ndarray(const SparsePtr& sparse);
// The sparse array behind such an NDArray; null for dense ones.
SparsePtr sparse_of(const NDArray& array);
StorageType storage_of(const NDArray& array);

// Fails, naming the first wrong index, unless indices and row starts are in range and in order. Without
// `full` only shapes and the ends of the row starts are checked.
void check_format(const SparseArray& array, bool full);

// Conversions. dtypes may differ; shapes must agree.
void sparse_to_dense(const SparseArray& from, void* to, DType to_type);
NDArray dense_copy(const SparseArray& from);
// Stores what is not 0 (NaN is not); rows of row_sparse with an element that is not 0.
void dense_to_sparse(const void* from, DType from_type, SparseArray& to);
// Both of one storage type.
void copy_sparse(const SparseArray& from, SparseArray& to);
// Any of the above, between arrays that may be sparse or dense. Fails between csr and row_sparse.
void copy_any(const NDArray& from, const NDArray& to);
// Stores all rows of a row_sparse array, those that were not there as zeros.
void fill_rows(SparseArray& array);
// Rows begin..end of a csr array.
void slice_csr(const SparseArray& from, int64_t begin, int64_t end, SparseArray& to);

}  // namespace symbind
