// Custom operators in Python: the engine's interfaces on top of the objects of symbind.operator.
#include "ops/custom.h"

#include <cstring>

#include "bindings/bindings.h"
#include "graph/registry.h"
#include "runtime/ndarray.h"

namespace py = pybind11;

namespace symbind {
namespace {

// Runs f with Python's lock. Python's exceptions become Errors, but not those that end a program
// (KeyboardInterrupt): they pass through as they are.
template <class F>
auto with_python(F&& f) {
  py::gil_scoped_acquire gil;
  try {
    return f();
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_Exception)) throw;
    throw Error(py::str(e.value()).cast<std::string>());
  }
}

// A Python object that is released with the lock held, or not at all once Python is gone.
class Held {
 public:
  explicit Held(py::object object) : object_(std::move(object)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (!Py_IsInitialized()) {
      object_.release();
      return;
    }
    py::gil_scoped_acquire gil;
    object_ = py::object();
  }
  const py::object& operator*() const { return object_; }

 private:
  py::object object_;
};

py::list handles(const std::vector<NDArray>& arrays) {
  py::list list;
  for (const NDArray& a : arrays) list.append(py::cast(a));
  return list;
}

std::vector<NDArray> arrays_like(Span<const TensorDesc> descs) {
  std::vector<NDArray> arrays;
  for (const TensorDesc& d : descs) arrays.push_back(make_zeros(d.shape, d.dtype));
  return arrays;
}

void copy_in(const std::vector<NDArray>& arrays, void* const* from) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    if (arrays[i].bytes() > 0) std::memcpy(arrays[i].data(), from[i], arrays[i].bytes());
    arrays[i].mark_written();
  }
}

void copy_out(const std::vector<NDArray>& arrays, void* const* to) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    if (to[i] != nullptr && arrays[i].bytes() > 0) std::memcpy(to[i], arrays[i].data(), arrays[i].bytes());
  }
}

py::list requests(size_t count, void* const* addresses) {
  py::list list;
  for (size_t i = 0; i < count; ++i) list.append(addresses[i] == nullptr ? "null" : "write");
  return list;
}

// The arrays that Python sees are the operator's own and stay the same from call to call: what a program
// keeps of them stays valid, whatever the engine does with its memory.
class PythonOperator : public CustomOperator {
 public:
  PythonOperator(const py::object& prop, Span<const TensorDesc> in, Span<const TensorDesc> out,
                 size_t num_arguments)
      : arguments_(arrays_like({in.data(), num_arguments})),
        states_(arrays_like({in.data() + num_arguments, in.size() - num_arguments})),
        outputs_(arrays_like(out)),
        object_(prop.attr("create")(handles(arguments_), handles(outputs_), handles(states_))) {}

  void forward(bool is_train, void* const* in, void* const* out) override {
    copy_in(arguments_, in);
    copy_in(states_, in + arguments_.size());
    with_python([&] { (*object_).attr("forward")(is_train, requests(outputs_.size(), out)); });
    copy_out(outputs_, out);
    copy_out(states_, in + arguments_.size());
  }

  void backward(void* const* out_grads, void* const* states, void* const* in_grads) override {
    if (in_grads_.size() != arguments_.size()) {  // the first call
      for (const NDArray& a : arguments_) in_grads_.push_back(make_zeros(a.shape, a.dtype));
      for (const NDArray& a : outputs_) out_grads_.push_back(make_zeros(a.shape, a.dtype));
    }
    for (const NDArray& g : in_grads_) fill_ndarray(g, 0);
    if (out_grads != nullptr) copy_in(out_grads_, out_grads);
    copy_in(states_, states);
    with_python([&] {
      (*object_).attr("backward")(requests(in_grads_.size(), in_grads), handles(out_grads_),
                                  handles(in_grads_));
    });
    copy_out(in_grads_, in_grads);
    copy_out(states_, states);
  }

 private:
  std::vector<NDArray> arguments_, states_, outputs_, out_grads_, in_grads_;
  Held object_;
};

class PythonProp : public CustomProp {
 public:
  explicit PythonProp(py::object object) : object_(std::move(object)) {
    arguments = (*object_).attr("arguments").cast<std::vector<std::string>>();
    outputs = (*object_).attr("outputs").cast<std::vector<std::string>>();
    states = (*object_).attr("states").cast<std::vector<std::string>>();
    needs_out_grads = (*object_).attr("needs_out_grads").cast<bool>();
  }

  void infer_shape(Span<Shape> in, Span<Shape> out) override {
    bool known = true, any = in.empty();
    for (size_t i = 0; i < arguments.size(); ++i) {
      known = known && in[i].known();
      any = any || in[i].has_rank();
    }
    if (!any) return;
    with_python([&] {
      py::list given;
      for (size_t i = 0; i < arguments.size(); ++i) {
        py::list dims;
        for (const int64_t d : in[i]) dims.append(d < 0 ? 0 : d);
        given.append(dims);
      }
      const py::object made = (*object_).attr("infer_shape")(given, known);
      if (made.is_none()) return;  // too little is known yet
      const py::list all = made;
      auto read = [&](size_t k, Shape& to) {
        const Shape shape = partial_shape_from_python(all[k], known ? -1 : 0);
        if (shape.ndim() > 0) to = shape;
      };
      for (size_t i = 0; i < in.size(); ++i) read(i, in[i]);
      for (size_t i = 0; i < out.size(); ++i) read(in.size() + i, out[i]);
    });
  }

  void infer_type(Span<DType> in, Span<DType> out) override {
    DType first = DType::kUnknown;
    for (size_t i = 0; i < arguments.size() && first == DType::kUnknown; ++i) first = in[i];
    if (first == DType::kUnknown && !arguments.empty()) return;
    with_python([&] {
      py::list given;
      for (size_t i = 0; i < arguments.size(); ++i)
        given.append(static_cast<int>(in[i] == DType::kUnknown ? first : in[i]));
      const py::list all = (*object_).attr("infer_type")(given);
      for (size_t i = 0; i < in.size(); ++i) in[i] = dtype_from_flag(all[i].cast<int>());
      for (size_t i = 0; i < out.size(); ++i) out[i] = dtype_from_flag(all[in.size() + i].cast<int>());
    });
  }

  std::shared_ptr<CustomOperator> create(Span<const TensorDesc> in, Span<const TensorDesc> out) override {
    return with_python([&]() -> std::shared_ptr<CustomOperator> {
      return std::make_shared<PythonOperator>(*object_, in, out, arguments.size());
    });
  }

 private:
  Held object_;
};

}  // namespace

void bind_custom(py::module_& m) {
  m.def(
      "set_custom_handler",
      [](const py::function& make_prop) {
        PyObject* function =
            make_prop.inc_ref().ptr();  // for good: the engine outlives the interpreter's modules
        set_custom_handler(
            [function](const std::string& op_type, const AttrMap& attrs) -> std::shared_ptr<CustomProp> {
              return with_python([&]() -> std::shared_ptr<CustomProp> {
                return std::make_shared<PythonProp>(
                    py::reinterpret_borrow<py::function>(function)(op_type, attrs));
              });
            });
      },
      py::arg("make_prop"), "Sets the function (op_type, attributes) -> object that makes Custom operators.");
  m.def(
      "op_inputs",
      [](const std::string& op, const AttrMap& attrs) {
        const OpDef& def = find_op(op);
        const ParamsPtr params = def.params.parse ? def.params.parse(op.c_str(), attrs) : nullptr;
        return def.input_list(params.get());
      },
      py::arg("op"), py::arg("attrs"), "The names of the inputs that an operator has with these attributes.");
}

}  // namespace symbind
