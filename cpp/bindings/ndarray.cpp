// _core.NDArray: dense arrays and their exchange with NumPy.
#include "runtime/ndarray.h"

#include <pybind11/numpy.h>

#include <map>

#include "bindings/bindings.h"

namespace py = pybind11;

namespace symbind {

Shape shape_from_python(const py::handle& object) {
  Shape shape = partial_shape_from_python(object, -1);
  check(shape.known(), "negative dimensions are not allowed: got ", std::string(py::str(object)));
  return shape;
}

Shape partial_shape_from_python(const py::handle& object, int64_t unknown) {
  Shape shape;
  shape.resize(0);
  if (PyLong_Check(object.ptr()) || PyIndex_Check(object.ptr())) {
    shape.push_back(object.cast<int64_t>());
  } else {
    for (const py::handle item : py::reinterpret_borrow<py::iterable>(object))
      shape.push_back(item.cast<int64_t>());
  }
  for (int i = 0; i < shape.ndim(); ++i) {
    if (shape[i] == unknown || shape[i] < 0) shape[i] = -1;
  }
  return shape;
}

py::tuple shape_to_python(const Shape& shape) {
  py::tuple result(static_cast<size_t>(shape.ndim()));
  for (int i = 0; i < shape.ndim(); ++i) result[static_cast<size_t>(i)] = py::int_(shape[i]);
  return result;
}

py::object partial_shape_to_python(const Shape& shape) {
  if (!shape.has_rank()) return py::none();
  Shape shown = shape;
  for (int i = 0; i < shown.ndim(); ++i) shown[i] = std::max<int64_t>(shown[i], 0);
  return shape_to_python(shown);
}

namespace {

py::dtype numpy_dtype(DType type) {
  // Made once each, and never freed: the interpreter may be gone by then.
  static auto* const made = new std::map<DType, py::dtype>();
  auto found = made->find(type);
  if (found == made->end()) {
    found =
        made->emplace(type, py::dtype(type == DType::kBool ? std::string("bool") : dtype_name(type))).first;
  }
  return found->second;
}

DType dtype_from_numpy(const py::dtype& dtype) {
  // NumPy writes the machine's own byte order as '='. The other one is converted by NumPy.
  if (dtype.byteorder() == '<' || dtype.byteorder() == '>') return DType::kUnknown;
  const char kind = dtype.kind();
  const auto size = dtype.itemsize();
  if (kind == 'f')
    return size == 4   ? DType::kFloat32
           : size == 8 ? DType::kFloat64
           : size == 2 ? DType::kFloat16
                       : DType::kUnknown;
  if (kind == 'i')
    return size == 4 ? DType::kInt32 : size == 8 ? DType::kInt64 : size == 1 ? DType::kInt8 : DType::kUnknown;
  if (kind == 'u' && size == 1) return DType::kUint8;
  if (kind == 'b') return DType::kBool;
  return DType::kUnknown;
}

Shape shape_of(const py::array& array) {
  Shape shape;
  shape.resize(0);
  for (py::ssize_t i = 0; i < array.ndim(); ++i) shape.push_back(array.shape(i));
  return shape;
}

// A NumPy array over the same memory, which keeps the storage alive.
py::array raw_view(const NDArray& a) {
  auto* keep = new StoragePtr(a.storage);
  py::capsule owner(keep, [](void* p) { delete static_cast<StoragePtr*>(p); });
  std::vector<py::ssize_t> shape(a.shape.begin(), a.shape.end());
  static char nothing[8];
  return py::array(numpy_dtype(a.dtype), shape, a.size() == 0 ? nothing : a.data(), owner);
}

// For callers outside of the engine, who may write whenever they like.
py::array numpy_view(const NDArray& a) {
  a.storage->exposed = true;
  return raw_view(a);
}

// For reading, while no other name for the memory leaves the package.
py::array peek_numpy(const NDArray& a) {
  py::array view = raw_view(a);
  py::detail::array_proxy(view.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return view;
}

// For writing at once, while no other name for the memory leaves the package.
py::array edit_numpy(const NDArray& a) {
  a.mark_written();
  return raw_view(a);
}

// Shares the memory of a C-contiguous array of a supported dtype.
NDArray from_numpy_shared(const py::array& array) {
  const DType dtype = dtype_from_numpy(array.dtype());
  if (dtype == DType::kUnknown) fail("dtype ", std::string(py::str(array.dtype())), " is not supported");
  check((array.flags() & py::array::c_style) != 0, "only C-contiguous arrays can be shared without a copy");
  auto* keep = new py::array(array);
  std::shared_ptr<void> owner(keep, [](void* p) {
    if (!Py_IsInitialized()) return;
    py::gil_scoped_acquire gil;
    delete static_cast<py::array*>(p);
  });
  NDArray result;
  result.storage = wrap_storage(const_cast<void*>(array.data()), static_cast<size_t>(array.nbytes()), owner);
  result.shape = shape_of(array);
  result.dtype = dtype;
  return result;
}

// Copies values into the array, converting the dtype; shapes must agree.
void copy_from_numpy(const NDArray& target, const py::array& source) {
  const Shape shape = shape_of(source);
  check(shape == target.shape, "[copyto] shapes differ: got ", shape, ", expected ", target.shape);
  const DType dtype = dtype_from_numpy(source.dtype());
  if (dtype != DType::kUnknown && (source.flags() & py::array::c_style) != 0) {
    convert_elements(source.data(), dtype, target.data(), target.dtype, target.size());
    target.mark_written();
    return;
  }
  py::module_::import("numpy").attr("copyto")(edit_numpy(target), source,
                                              "unsafe");  // strided or exotic dtypes
}

py::array to_numpy(const NDArray& a) {
  py::array result(numpy_dtype(a.dtype), std::vector<py::ssize_t>(a.shape.begin(), a.shape.end()));
  if (a.size() > 0) convert_elements(a.data(), a.dtype, result.mutable_data(), a.dtype, a.size());
  return result;
}

Context make_context(int type, int id) { return {static_cast<DeviceType>(type), id}; }

}  // namespace

void bind_ndarray(py::module_& m) {
  py::class_<NDArray>(m, "NDArray", "A dense array of the engine; copies of the handle share its memory.")
      .def(py::init([](const py::object& shape, int dtype, int device_type, int device_id, bool zero) {
             const DType type = dtype_from_flag(dtype);
             check(type != DType::kUnknown, "unknown dtype number ", dtype);
             const Context context = make_context(device_type, device_id);
             return zero ? make_zeros(shape_from_python(shape), type, context)
                         : make_ndarray(shape_from_python(shape), type, context);
           }),
           py::arg("shape"), py::arg("dtype"), py::arg("device_type") = 1, py::arg("device_id") = 0,
           py::arg("zero") = false)
      .def_property_readonly("shape", [](const NDArray& a) { return shape_to_python(a.shape); })
      .def_property_readonly("dtype", [](const NDArray& a) { return static_cast<int>(a.dtype); })
      .def_property_readonly("size", [](const NDArray& a) { return a.size(); })
      .def_property_readonly("ndim", [](const NDArray& a) { return a.shape.ndim(); })
      .def_property_readonly("nbytes", [](const NDArray& a) { return a.bytes(); })
      .def_property_readonly("context",
                             [](const NDArray& a) {
                               return py::make_tuple(static_cast<int>(a.context.device_type),
                                                     a.context.device_id);
                             })
      .def("to_numpy", &to_numpy, "A copy of the values.")
      .def("view_numpy", &numpy_view, "A NumPy array over the same memory, to hand to anybody.")
      .def("peek_numpy", &peek_numpy, "The same for reading, not to be handed out.")
      .def("edit_numpy", &edit_numpy, "The same for writing at once, not to be handed out.")
      .def_static("from_numpy", &from_numpy_shared, py::arg("array"),
                  "Shares the memory of a C-contiguous array.")
      .def("copy_from_numpy", &copy_from_numpy, py::arg("source"))
      .def(
          "copy_from", [](const NDArray& a, const NDArray& source) { copy_ndarray(source, a); },
          py::arg("source"))
      .def("same_memory", [](const NDArray& a, const NDArray& b) { return a.data() == b.data(); })
      .def("fill", &fill_ndarray, py::arg("value"))
      .def("with_context",
           [](const NDArray& a, int type, int id) {
             NDArray result = make_ndarray(a.shape, a.dtype, make_context(type, id));
             copy_ndarray(a, result);
             return result;
           })
      .def(
          "placed_on",
          [](const NDArray& a, int type, int id) {
            const Context context = make_context(type, id);
            check_device(context);
            NDArray result = a;
            result.context = context;
            return result;
          },
          py::arg("device_type"), py::arg("device_id"),
          "The same memory under the name of another device, which shares it.")
      .def(
          "reshape",
          [](const NDArray& a, const py::object& shape) { return reshape_view(a, shape_from_python(shape)); },
          py::arg("shape"), "A view of the same memory.")
      .def("slice", &slice_view, py::arg("begin"), py::arg("end"),
           "A view of rows begin..end of the first axis.")
      .def("at", [](const NDArray& a, int64_t i) {
        NDArray row = slice_view(a, i, i + 1);
        row.shape = Shape(row.shape.begin() + 1, row.shape.end());
        return row;
      });
  m.def(
      "copy_to", [](const NDArray& target, const NDArray& source) { copy_ndarray(source, target); },
      py::arg("target"), py::arg("source"), "Copies values, converting the dtype; shapes must agree.");
}

}  // namespace symbind
