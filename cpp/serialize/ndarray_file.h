// `.params` files: a list of arrays, with or without names, in MXNet's own format, both ways.
//
//   u64 0x112, u64 0, u64 number of arrays, the arrays (ndarray_record.h),
//   u64 number of names (0 or as many), then for each: u64 length, the bytes.
//
// Reading allocates at most 128 times the size of the file (records of 4 bytes; usually once). Sparse arrays
// stay sparse: as_ndarray() of a SparseArray (runtime/sparse.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/span.h"
#include "runtime/ndarray.h"

namespace symbind {

struct NamedArrays {
  std::vector<NDArray> arrays;
  std::vector<std::string> names;  // none, or one for each array
};

struct LoadOptions {
  std::vector<std::string>* warnings = nullptr;  // odd but harmless things are appended
  bool strict = false;                           // bytes after the end are an error, not a warning
};

// Fail (Error) with the file, the array's or name's number and the byte: not a list of arrays, truncated, a
// size that does not fit, an unknown dtype or storage type, indices out of range, a name with a NUL byte or
// given twice.
NamedArrays load_ndarray_file(const std::string& path, const LoadOptions& options = {});
NamedArrays load_ndarray_buffer(std::string_view bytes, const std::string& label,
                                const LoadOptions& options = {});

// Byte for byte what MXNet 1.9.1 writes, through a temporary file (AtomicFile). `names` is empty or has a
// name for each array; fails on duplicates and NUL bytes before anything is written.
void save_ndarray_file(const std::string& path, Span<const NDArray> arrays, Span<const std::string> names);

// One array, as in pickled NDArrays and optimizer states.
std::string ndarray_to_bytes(const NDArray& array);
NDArray ndarray_from_bytes(std::string_view bytes, const std::string& label, const LoadOptions& options = {});

}  // namespace symbind
