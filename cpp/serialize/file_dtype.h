// Element types as files number them, and the reading of shapes and elements with every size checked first.
#pragma once

#include <string>
#include <vector>

#include "runtime/ndarray.h"
#include "serialize/byte_source.h"

namespace symbind {

struct FileDType {
  int32_t flag;
  const char* name;
  size_t size;   // of an element in the file
  DType memory;  // what it is read as
};

// Reads an i32 and fails unless it is a type that can be read.
const FileDType& read_file_dtype(ByteSource& in);
void warn_if_converted(const ByteSource& in, const FileDType& type, std::vector<std::string>* warnings);

// `ndim` dimensions of type Dim, of which none is negative; where `may_be_unknown`, -1 dimensions in all or
// any one is unknown.
template <class Dim>
Shape read_shape(ByteSource& in, int64_t ndim, bool may_be_unknown);

// shape.size() * element_size. Fails where the product of the dimensions that are not 0 does not fit in 63
// bits, so that nothing which multiplies some of them later can overflow.
uint64_t checked_file_bytes(const ByteSource& in, const Shape& shape, size_t element_size, const char* what);

// shape.size() elements. Fails before it allocates unless all of them are there.
NDArray read_elements(ByteSource& in, const Shape& shape, const FileDType& type, const char* what);

}  // namespace symbind
