// One bind_ function per concept; module.cpp calls them.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "base/shape.h"

namespace symbind {

void bind_ndarray(pybind11::module_& m);
void bind_symbol(pybind11::module_& m);
void bind_executor(pybind11::module_& m);
void bind_custom(pybind11::module_& m);
void bind_registry(pybind11::module_& m);
void bind_serialize(pybind11::module_& m);
void bind_sparse(pybind11::module_& m);

// A Python sequence of integers as a shape; negative dimensions are refused.
Shape shape_from_python(const pybind11::handle& object);
// The same where `unknown` (0 in MXNet's Python API) marks dimensions that are not known.
Shape partial_shape_from_python(const pybind11::handle& object, int64_t unknown);
pybind11::tuple shape_to_python(const Shape& shape);
// Unknown dimensions as 0; None when even the rank is unknown.
pybind11::object partial_shape_to_python(const Shape& shape);

}  // namespace symbind
