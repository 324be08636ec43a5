// One array in MXNet's binary form, the unit of `.params` files, of optimizer states and of pickled NDArrays.
//
//   u32 first word   V2 0xF993FAC9 (0.12 to 1.9), V3 0xF993FACA (NumPy shapes), V1 0xF993FAC8 (0.11), or, up
//   to 0.10,
//                    the number of dimensions itself
//   i32 storage      V2 and V3: 0 dense, 1 row_sparse, 2 csr; sparse arrays then have the shape of their
//   values shape            i32 number of dimensions, i64 each (u32 both up to 0.10) i32 device, i32 device
//   id, i32 dtype i32 dtype, shape for each auxiliary array of a sparse one data, then the auxiliary arrays'
//   data
//
// A record ends after its shape where that says that there is no array: no dimensions (before V3), or unknown
// ones.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/ndarray.h"
#include "serialize/byte_source.h"

namespace symbind {

struct RecordOptions {
  std::vector<std::string>* warnings = nullptr;
};

// Sparse arrays come back as as_ndarray() of a SparseArray (runtime/sparse.h). Element types that NDArray
// does not have come back as the next wider one that holds their values, with a warning: int16 and uint16 as
// int32, uint32 as int64, bfloat16 as float32, uint64 as int64 if the values fit. A record without an array
// gives one of shape (0,).
NDArray read_ndarray_record(ByteSource& in, RecordOptions& options);

// `write(data, bytes)` receives the record piece by piece: V2 as MXNet 1.9.1 writes it, V3 for arrays without
// dimensions (scalars), which V2 cannot hold.
using WriteBytes = std::function<void(const void* data, size_t bytes)>;
void write_ndarray_record(const NDArray& array, const WriteBytes& write);

}  // namespace symbind
