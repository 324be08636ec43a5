// The rest of a sparse record: no index is believed before it is known to be inside.
#pragma once

#include "runtime/sparse.h"
#include "serialize/file_dtype.h"

namespace symbind {

struct SparseRecord {
  Shape shape;   // of the array
  Shape stored;  // of the values that are stored
  const FileDType* type = nullptr;
};

// Both stand after the dtype of the values. row_sparse: whole rows, with their numbers in any order.
SparsePtr read_row_sparse(ByteSource& in, const SparseRecord& record);
// csr: for each row a range of values with their columns.
SparsePtr read_csr(ByteSource& in, const SparseRecord& record);

}  // namespace symbind
