// _core.SparseNDArray: csr and row_sparse arrays, and their exchange with dense ones.
#include "runtime/sparse.h"
#include "bindings/arrays.h"
#include "bindings/bindings.h"

namespace py = pybind11;

namespace symbind {

NDArray array_from_python(const py::handle& object) {
  if (py::isinstance<SparseArray>(object)) return as_ndarray(object.cast<SparsePtr>());
  return object.cast<NDArray>();
}

py::object array_to_python(const NDArray& array) {
  if (SparsePtr sparse = sparse_of(array)) return py::cast(std::move(sparse));
  return py::cast(array);
}

std::vector<NDArray> arrays_from_python(const py::list& list) {
  std::vector<NDArray> arrays;
  arrays.reserve(list.size());
  for (const py::handle item : list) arrays.push_back(item.is_none() ? NDArray{} : array_from_python(item));
  return arrays;
}

py::list arrays_to_python(const std::vector<NDArray>& arrays) {
  py::list list;
  for (const NDArray& a : arrays) list.append(array_to_python(a));
  return list;
}

namespace {

// Copies: what others do to them must not reach indices that are known to be in range.
NDArray copy_of(const NDArray& from, DType type) {
  NDArray made = make_ndarray(from.shape, type, from.context);
  convert_elements(from.data(), from.dtype, made.data(), type, from.size());
  return made;
}

Context context_of(int type, int id) { return {static_cast<DeviceType>(type), id}; }

SparsePtr make_empty(const std::string& stype, const py::object& shape, int dtype, int device_type,
                     int device_id) {
  return make_sparse(storage_parse(stype), shape_from_python(shape), dtype_from_flag(dtype),
                     context_of(device_type, device_id));
}

void check_range(const SparseArray& a) {
  const int64_t length = a.shape[a.stype == StorageType::kCsr ? 1 : 0];
  for (int64_t i = 0; i < a.count(); ++i) {
    check(a.index()[i] >= 0 && a.index()[i] < length, "[", storage_name(a.stype), "] index ", i,
          " is out of range: got ", a.index()[i], ", expected 0 to ", length - 1, " for shape ", a.shape);
  }
  for (int64_t r = 0; a.stype == StorageType::kCsr && r < a.shape[0]; ++r) {
    check(a.starts()[r] <= a.starts()[r + 1], "[csr] indptr[", r + 1, "]: got ", a.starts()[r + 1],
          ", expected at least ", a.starts()[r]);
  }
}

// Checked as far as kernels rely on it: sizes, ranges, ascending row starts.
SparsePtr from_parts(const std::string& stype, const py::object& shape, const NDArray& values,
                     const NDArray& indices, const py::object& indptr, int device_type, int device_id) {
  SparsePtr made = make_sparse(storage_parse(stype), shape_from_python(shape), values.dtype,
                               context_of(device_type, device_id));
  check(indices.shape.ndim() == 1, "[", stype, "] indices: got shape ", indices.shape,
        ", expected 1 dimension");
  made->values = copy_of(values, values.dtype);
  made->indices = copy_of(indices, DType::kInt64);
  if (made->stype == StorageType::kCsr) made->indptr = copy_of(indptr.cast<NDArray>(), DType::kInt64);
  check_format(*made, false);
  check_range(*made);
  return made;
}

SparsePtr converted(const SparseArray& from, int dtype, int device_type, int device_id) {
  SparsePtr made =
      make_sparse(from.stype, from.shape, dtype_from_flag(dtype), context_of(device_type, device_id));
  copy_sparse(from, *made);
  return made;
}

SparsePtr rows_of(const SparseArray& from, int64_t begin, int64_t end) {
  check(from.stype == StorageType::kCsr && begin >= 0 && begin <= end && end <= from.shape[0],
        "[slice] rows ", begin, ":", end, " of a ", storage_name(from.stype), " array of shape ", from.shape);
  SparsePtr made = make_sparse(from.stype, Shape{end - begin, from.shape[1]}, from.dtype, from.context);
  slice_csr(from, begin, end, *made);
  return made;
}

// Every row stored, all with one value: what assigning a number to a row_sparse array does.
void fill_all(SparseArray& a, double value) {
  check(a.stype == StorageType::kRowSparse, "[fill] a csr array cannot be filled with a number");
  a.clear();
  fill_rows(a);
  fill_ndarray(a.values, value);
}

// Rows begin..end into `to`, without more allocations than its growth.
void copy_rows(SparseArray& to, const SparseArray& from, int64_t begin, int64_t end) {
  check(from.stype == StorageType::kCsr && to.stype == StorageType::kCsr && begin >= 0 && begin <= end &&
            end <= from.shape[0] && to.shape == Shape({end - begin, from.shape[1]}),
        "[copyto] rows ", begin, ":", end, " of shape ", from.shape, " do not fit into ", to.shape);
  slice_csr(from, begin, end, to);
}

}  // namespace

void bind_sparse(py::module_& m) {
  using Release = py::call_guard<py::gil_scoped_release>;
  py::class_<SparseArray, SparsePtr>(m, "SparseNDArray", "A csr or row_sparse array of the engine.")
      .def(py::init(&make_empty), py::arg("stype"), py::arg("shape"), py::arg("dtype"),
           py::arg("device_type") = 1, py::arg("device_id") = 0)
      .def_static("from_parts", &from_parts, py::arg("stype"), py::arg("shape"), py::arg("data"),
                  py::arg("indices"), py::arg("indptr").none(true), py::arg("device_type") = 1,
                  py::arg("device_id") = 0,
                  "Copies the parts; fails unless their sizes fit and indices are in range.")
      .def_property_readonly("stype", [](const SparseArray& a) { return storage_name(a.stype); })
      .def_property_readonly("shape", [](const SparseArray& a) { return shape_to_python(a.shape); })
      .def_property_readonly("dtype", [](const SparseArray& a) { return static_cast<int>(a.dtype); })
      .def_property_readonly("ndim", [](const SparseArray& a) { return a.shape.ndim(); })
      .def_property_readonly("size", [](const SparseArray& a) { return a.shape.size(); })
      .def_property_readonly("count", &SparseArray::count)
      .def_property_readonly("context",
                             [](const SparseArray& a) {
                               return py::make_tuple(static_cast<int>(a.context.device_type),
                                                     a.context.device_id);
                             })
      .def_property_readonly(
          "data", [](const SparseArray& a) { return copy_of(a.values, a.dtype); }, "A copy.")
      .def_property_readonly(
          "indices", [](const SparseArray& a) { return copy_of(a.indices, DType::kInt64); }, "A copy.")
      .def_property_readonly(
          "indptr",
          [](const SparseArray& a) {
            check(a.stype == StorageType::kCsr, "[indptr] a row_sparse array has none");
            return copy_of(a.indptr, DType::kInt64);
          },
          "A copy.")
      .def("to_numpy", [](const SparseArray& a) { return py::cast(dense_copy(a)).attr("to_numpy")(); })
      .def("to_dense", &dense_copy, Release())
      .def("converted", &converted, py::arg("dtype"), py::arg("device_type"), py::arg("device_id"), Release(),
           "A copy with this dtype on this device.")
      .def("copy_from",
           [](const SparsePtr& to, const py::object& from) {
             const NDArray source = array_from_python(from);
             py::gil_scoped_release release;
             copy_any(source, as_ndarray(to));
           })
      .def("copy_from_numpy",
           [](const SparsePtr& to, const py::object& from) {
             const py::object dense = py::type::of<NDArray>().attr("from_numpy")(
                 py::module_::import("numpy").attr("ascontiguousarray")(from));
             copy_any(dense.cast<NDArray>(), as_ndarray(to));
           })
      .def("fill", &fill_all, py::arg("value"))
      .def("clear", &SparseArray::clear)
      .def("slice", &rows_of, py::arg("begin"), py::arg("end"), Release(), "Rows of a csr array.")
      .def("copy_rows", &copy_rows, py::arg("from_array"), py::arg("begin"), py::arg("end"), Release())
      .def("placed_on",
           [](const SparsePtr& a, int type, int id) {
             const Context context = context_of(type, id);
             check_device(context);
             a->context = context;
             return a;
           })
      .def("check_format", &check_format, py::arg("full"));
  // One more overload of a method of NDArray, which is bound before this class is known.
  const py::object dense_class = py::type::of<NDArray>();
  dense_class.attr("copy_from") = py::cpp_function(
      [](const NDArray& to, const SparsePtr& from) {
        py::gil_scoped_release release;
        copy_any(as_ndarray(from), to);
      },
      py::name("copy_from"), py::is_method(dense_class), py::sibling(dense_class.attr("copy_from")),
      py::arg("source"));
  m.def(
      "sparse_from_dense",
      [](const std::string& stype, const NDArray& dense) {
        py::gil_scoped_release release;
        SparsePtr made = make_sparse(storage_parse(stype), dense.shape, dense.dtype, dense.context);
        dense_to_sparse(dense.data(), dense.dtype, *made);
        return made;
      },
      py::arg("stype"), py::arg("dense"));
}

}  // namespace symbind
