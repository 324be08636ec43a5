// The rest of a sparse record, read into a dense array: no index is used before it is known to be inside.
#pragma once

#include "serialize/file_dtype.h"

namespace symbind {

struct SparseRecord {
  Shape shape;   // of the array
  Shape stored;  // of the values that are stored
  const FileDType* type = nullptr;
};

// Both stand after the dtype of the values. `budget` is lowered by the bytes of the dense array, which is not
// made if it exceeds it. row_sparse: whole rows, with their numbers in any order.
NDArray read_row_sparse(ByteSource& in, const SparseRecord& record, uint64_t& budget);
// csr: for each row a range of values with their columns.
NDArray read_csr(ByteSource& in, const SparseRecord& record, uint64_t& budget);

}  // namespace symbind
