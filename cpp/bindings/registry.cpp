// What Python needs to know about operators: names, inputs, attributes, documentation.
#include "graph/registry.h"

#include "bindings/bindings.h"
#include "ops/elementwise_common.h"

namespace py = pybind11;

namespace symbind {
namespace {

// What backward does with the operator: "none" fails, "zero" gives zeros, "loss" needs no gradient of the
// outputs.
const char* gradient_kind(const OpDef& op) {
  if (!op.gradient) return "none";
  using Function = std::vector<EntryId> (*)(GradContext&);
  const Function* function = op.gradient.target<Function>();
  if (function != nullptr && *function == &zero_gradient) return "zero";
  return op.traits.is_loss || op.loss_when ? "loss" : "yes";
}

py::dict describe_op(const std::string& name) {
  const OpDef& op = find_op(name);
  py::dict d;
  d["name"] = op.name;
  d["aliases"] = op.aliases;
  d["doc"] = op.doc;
  d["inputs"] = op.inputs;
  d["outputs"] = op.outputs;
  d["num_args_key"] = op.num_args_key;
  d["visible"] = op.visible;
  d["differentiable"] = static_cast<bool>(op.gradient);
  d["gradient"] = gradient_kind(op);
  d["random"] = op.traits.random;
  py::list aux;
  for (int i : op.aux) aux.append(i);
  d["aux"] = aux;
  py::list fields;
  if (op.params.describe != nullptr) {
    for (const FieldInfo& f : op.params.describe()) {
      py::dict field;
      field["name"] = f.name;
      field["type"] = f.type;
      field["default"] = f.default_value;
      field["required"] = f.is_required;
      field["doc"] = f.doc;
      fields.append(field);
    }
  }
  d["attrs"] = fields;
  return d;
}

}  // namespace

void bind_registry(py::module_& m) {
  m.def("list_ops", &list_op_names, "Names and aliases of all operators, internal ones included.");
  m.def("describe_op", &describe_op, py::arg("name"));
  m.def("visible_ops", [] {
    // (name or alias, name, inputs, [(attribute, type, required)], num_args_key) of everything users may
    // call.
    py::list result;
    for (const std::string& name : list_op_names()) {
      const OpDef& op = find_op(name);
      if (!op.visible) continue;
      py::list attrs;
      if (op.params.describe != nullptr) {
        for (const FieldInfo& f : op.params.describe())
          attrs.append(py::make_tuple(f.name, f.type, f.is_required));
      }
      result.append(py::make_tuple(name, op.name, op.inputs, attrs, op.num_args_key));
    }
    return result;
  });
}

}  // namespace symbind
