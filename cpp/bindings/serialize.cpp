// Symbol files and array files for Python.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "graph/json_read.h"
#include "graph/json_write.h"
#include "serialize/byte_source.h"
#include "serialize/ndarray_file.h"

namespace py = pybind11;

namespace symbind {
namespace {

using Warnings = std::vector<std::string>;

// What open() accepts; ValueError or TypeError otherwise.
std::string file_name(const py::object& path) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(path.ptr(), &bytes) == 0) throw py::error_already_set();
  return py::reinterpret_steal<py::bytes>(bytes);
}

// The memory of any object with a contiguous buffer, for as long as this lives.
class BytesView {
 public:
  explicit BytesView(const py::object& object) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  }
  ~BytesView() { PyBuffer_Release(&buffer_); }
  BytesView(const BytesView&) = delete;
  BytesView& operator=(const BytesView&) = delete;
  std::string_view view() const {
    return {static_cast<const char*>(buffer_.buf), static_cast<size_t>(buffer_.len)};
  }

 private:
  Py_buffer buffer_;
};

py::tuple symbol_result(Symbol symbol, Warnings warnings) {
  return py::make_tuple(std::move(symbol), std::move(warnings));
}

py::tuple arrays_result(NamedArrays loaded, Warnings warnings) {
  return py::make_tuple(arrays_to_python(loaded.arrays), std::move(loaded.names), std::move(warnings));
}

py::tuple load_symbol_text(const std::string& text, const std::string& label) {
  Warnings warnings;
  Symbol symbol;
  {
    py::gil_scoped_release release;
    symbol = symbol_from_json(text, label, &warnings);
  }
  return symbol_result(std::move(symbol), std::move(warnings));
}

py::tuple load_symbol_file(const py::object& path) {
  const std::string name = file_name(path);
  Warnings warnings;
  Symbol symbol;
  {
    py::gil_scoped_release release;
    symbol = symbol_from_json(read_file(name), "'" + name + "'", &warnings);
  }
  return symbol_result(std::move(symbol), std::move(warnings));
}

py::tuple load_arrays_file(const py::object& path, bool strict) {
  const std::string name = file_name(path);
  Warnings warnings;
  NamedArrays loaded;
  {
    py::gil_scoped_release release;
    loaded = load_ndarray_file(name, {&warnings, strict});
  }
  return arrays_result(std::move(loaded), std::move(warnings));
}

py::tuple load_arrays_buffer(const py::object& bytes, const std::string& label, bool strict) {
  const BytesView buffer(bytes);
  Warnings warnings;
  NamedArrays loaded;
  {
    py::gil_scoped_release release;
    loaded = load_ndarray_buffer(buffer.view(), label, {&warnings, strict});
  }
  return arrays_result(std::move(loaded), std::move(warnings));
}

void save_arrays(const py::object& path, const py::list& list, const std::vector<std::string>& names) {
  const std::string name = file_name(path);
  const std::vector<NDArray> arrays = arrays_from_python(list);
  py::gil_scoped_release release;
  save_ndarray_file(name, arrays, names);
}

py::object array_from_bytes(const py::object& bytes, const std::string& label) {
  const BytesView buffer(bytes);
  NDArray array;
  {
    py::gil_scoped_release release;
    array = ndarray_from_bytes(buffer.view(), label);
  }
  return array_to_python(array);
}

}  // namespace

void bind_serialize(py::module_& m) {
  m.def("symbol_from_json", &load_symbol_text, py::arg("text"), py::arg("label"),
        "Read a symbol from JSON text (str or UTF-8 bytes) of any MXNet release: (Symbol, warnings). `label` "
        "names "
        "the text in errors. MXNetError names the node or byte.");
  m.def("symbol_load", &load_symbol_file, py::arg("path"),
        "Read a symbol file: (Symbol, warnings). MXNetError names the file and the node or byte.");
  m.def("symbol_to_json", &symbol_to_json, py::arg("symbol"), py::arg("remove_amp_cast") = false,
        py::call_guard<py::gil_scoped_release>(), "The JSON text that MXNet 1.9.1 writes for the symbol.");
  m.def("load_ndarrays", &load_arrays_file, py::arg("path"), py::arg("strict") = false,
        "Read a file of arrays: (arrays, names, warnings); names is empty for a list. strict: bytes after "
        "the end are "
        "an error. MXNetError names the file, the entry and the byte.");
  m.def("load_ndarrays_buffer", &load_arrays_buffer, py::arg("bytes"), py::arg("label") = "buffer",
        py::arg("strict") = false, "The same from an object with a buffer.");
  m.def("save_ndarrays", &save_arrays, py::arg("path"), py::arg("arrays"), py::arg("names"),
        "Write arrays, with a name for each or an empty list of names, so that the file appears only when "
        "complete.");
  m.def(
      "ndarray_to_bytes",
      [](const py::object& array) { return py::bytes(ndarray_to_bytes(array_from_python(array))); },
      py::arg("array"),
      "The array as one record of MXNet's format, as pickled arrays and optimizer states hold it.");
  m.def("ndarray_from_bytes", &array_from_bytes, py::arg("bytes"), py::arg("label") = "bytes",
        "The array of one record.");
}

}  // namespace symbind
