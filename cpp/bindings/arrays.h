// Arrays of either kind between Python and the engine, where a sparse array travels as as_ndarray() of
// itself.
#pragma once

#include <vector>

#include "bindings/bindings.h"
#include "runtime/ndarray.h"

namespace symbind {

// _core.NDArray or _core.SparseNDArray; TypeError (a cast error) for anything else.
NDArray array_from_python(const pybind11::handle& object);
pybind11::object array_to_python(const NDArray& array);
// None becomes an empty array.
std::vector<NDArray> arrays_from_python(const pybind11::list& list);
pybind11::list arrays_to_python(const std::vector<NDArray>& arrays);

}  // namespace symbind
