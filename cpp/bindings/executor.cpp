// _core.Executor and imperative execution.
#include "executor/executor.h"

#include <pybind11/functional.h>

#include "backend/cpu/multi_update.h"
#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "executor/invoke.h"
#include "graph/registry.h"

namespace py = pybind11;

namespace symbind {
namespace {

GradReq parse_grad_req(const std::string& word) {
  if (word == "null") return GradReq::kNull;
  if (word == "write" || word == "inplace") return GradReq::kWrite;
  if (word == "add") return GradReq::kAdd;
  fail("grad_req: got '", word, "', expected 'write', 'add' or 'null'");
}

Compute parse_compute(const std::string& word) {
  if (word == "float32") return Compute::kFloat32;
  if (word == "bfloat16") return Compute::kBfloat16;
  fail("compute_dtype: got '", word, "', expected 'float32' or 'bfloat16'");
}

std::unique_ptr<Executor> make_executor(const Symbol& symbol, int device_type, int device_id,
                                        const py::list& args, const py::list& grads,
                                        const std::vector<std::string>& reqs, const py::list& aux,
                                        const Executor* shared, const py::list& output_memory,
                                        const std::string& compute_dtype) {
  BindRequest request;
  request.symbol = symbol;
  request.context = {static_cast<DeviceType>(device_type), device_id};
  request.args = arrays_from_python(args);
  request.grads = arrays_from_python(grads);
  for (const std::string& r : reqs) request.grad_reqs.push_back(parse_grad_req(r));
  request.aux = arrays_from_python(aux);
  if (shared != nullptr) request.arena = shared->arena();
  request.output_memory = arrays_from_python(output_memory);
  request.compute = parse_compute(compute_dtype);
  py::gil_scoped_release release;
  return std::make_unique<Executor>(std::move(request));
}

void set_monitor(Executor& e, const py::object& callback, bool all) {
  if (callback.is_none()) {
    py::gil_scoped_release release;
    e.set_monitor(nullptr, false);
    return;
  }
  auto keep = std::shared_ptr<py::object>(new py::object(callback), [](py::object* p) {
    py::gil_scoped_acquire gil;
    delete p;
  });
  Executor::Monitor monitor = [keep](const std::string& name, const NDArray& value) {
    py::gil_scoped_acquire gil;
    (*keep)(name, value);
  };
  py::gil_scoped_release release;
  e.set_monitor(std::move(monitor), all);
}

}  // namespace

void bind_executor(py::module_& m) {
  using Release = py::call_guard<py::gil_scoped_release>;
  py::class_<Executor>(m, "Executor", "A symbol bound to arrays.")
      .def(py::init(&make_executor), py::arg("symbol"), py::arg("device_type"), py::arg("device_id"),
           py::arg("args"), py::arg("grads"), py::arg("grad_reqs"), py::arg("aux"),
           py::arg("shared").none(true), py::arg("output_memory") = py::list(),
           py::arg("compute_dtype") = "float32")
      .def("forward", &Executor::forward, py::arg("is_train"), Release())
      .def(
          "backward",
          [](Executor& e, const py::list& head_grads) {
            const std::vector<NDArray> grads = arrays_from_python(head_grads);
            py::gil_scoped_release release;
            e.backward(grads);
          },
          py::arg("head_grads") = py::list())
      .def(
          "forward_backward",
          [](Executor& e, const std::vector<NDArray>& head_grads) {
            e.forward(true);
            e.backward(head_grads);
          },
          py::arg("head_grads") = std::vector<NDArray>{}, Release())
      .def("outputs", [](const Executor& e) { return arrays_to_python(e.outputs()); })
      .def("set_monitor", &set_monitor, py::arg("callback").none(true), py::arg("all"))
      .def("debug_str", &Executor::debug_str, Release())
      .def("memory_report", [](Executor& e) {
        MemoryReport r;
        int64_t shared_bytes = 0;
        {
          py::gil_scoped_release release;
          r = e.memory_report();
          shared_bytes = e.shared_arena_bytes();
        }
        py::dict d;
        d["arena_bytes"] = r.arena_bytes;
        d["shared_arena_bytes"] = shared_bytes;
        d["unshared_bytes"] = r.unshared_bytes;
        d["output_bytes"] = r.output_bytes;
        d["constant_bytes"] = r.constant_bytes;
        return d;
      });
  m.def(
      "invoke",
      [](const std::string& op, const std::vector<NDArray>& inputs, const AttrMap& attrs,
         const std::vector<NDArray>& out, bool is_train, int device_type, int device_id) {
        py::gil_scoped_release release;
        return invoke(find_op(op), inputs, attrs, out, is_train,
                      Context{static_cast<DeviceType>(device_type), device_id});
      },
      py::arg("op"), py::arg("inputs"), py::arg("attrs"), py::arg("out") = std::vector<NDArray>{},
      py::arg("is_train") = false, py::arg("device_type") = 1, py::arg("device_id") = 0);
  m.def(
      "invoke_any",
      [](const std::string& op, const py::list& inputs, const AttrMap& attrs, const py::list& out,
         bool is_train, int device_type, int device_id) {
        const std::vector<NDArray> arrays = arrays_from_python(inputs), targets = arrays_from_python(out);
        std::vector<NDArray> results;
        {
          py::gil_scoped_release release;
          results = invoke(find_op(op), arrays, attrs, targets, is_train,
                           Context{static_cast<DeviceType>(device_type), device_id});
        }
        return arrays_to_python(results);
      },
      py::arg("op"), py::arg("inputs"), py::arg("attrs"), py::arg("out") = py::list(),
      py::arg("is_train") = false, py::arg("device_type") = 1, py::arg("device_id") = 0,
      "`invoke` where inputs or outputs may be sparse arrays.");
  m.def(
      "multi_update",
      [](const std::string& kind, const py::list& weight_list, const py::list& grad_list,
         const py::list& state_lists, const std::vector<float>& lrs, const std::vector<float>& wds,
         const std::vector<double>& hyper) {
        const std::vector<NDArray> weights = arrays_from_python(weight_list),
                                   grads = arrays_from_python(grad_list);
        std::vector<std::vector<NDArray>> states;
        for (const py::handle list : state_lists)
          states.push_back(arrays_from_python(py::reinterpret_borrow<py::list>(list)));
        py::gil_scoped_release release;
        multi_update(kind, weights, grads, states, lrs, wds, hyper);
      },
      py::arg("kind"), py::arg("weights"), py::arg("grads"), py::arg("states"), py::arg("lrs"),
      py::arg("wds"), py::arg("hyper"), "One optimizer step for all parameters.");
}

}  // namespace symbind
