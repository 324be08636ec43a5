// _core.Symbol: graphs.
#include "graph/symbol.h"

#include <map>
#include <set>
#include <unordered_map>

#include "bindings/bindings.h"
#include "executor/infer_storage.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "graph/storage_rule.h"
#include "passes/passes.h"

namespace py = pybind11;

namespace symbind {
namespace {

ComposeArgs compose_args(const std::vector<Symbol>& positional, const py::dict& named) {
  ComposeArgs args;
  args.positional = positional;
  for (const auto& [key, value] : named)
    args.named.emplace_back(key.cast<std::string>(), value.cast<Symbol>());
  return args;
}

// What a variable's own attributes say about it.
void apply_variable_attrs(const Node& node, Shape& shape, DType& dtype) {
  const auto at = node.attrs.find("__shape__");
  if (at != node.attrs.end()) {
    Tuple dims;
    parse_field({node.name.c_str(), "__shape__"}, at->second, dims);
    shape = Shape(dims.begin(), dims.end());
    for (int i = 0; i < shape.ndim(); ++i) {
      if (shape[i] <= 0) shape[i] = -1;
    }
  }
  const auto type = node.attrs.find("__dtype__");
  if (type != node.attrs.end() && dtype == DType::kUnknown && type->second != "-1" &&
      type->second != "None") {
    parse_field({"Variable", "__dtype__"}, type->second, dtype);
  }
}

struct InferResult {
  Graph graph;
  std::vector<int32_t> variables;
  bool complete = false;
};

void refuse_unknown_names(const InferResult& r, const py::dict& given, const char* what) {
  std::string known;
  for (int32_t id : r.variables) known += (known.empty() ? "" : ", ") + r.graph.nodes[id].name;
  for (const auto& item : given) {
    const std::string name = item.first.cast<std::string>();
    bool found = false;
    for (int32_t id : r.variables) found = found || r.graph.nodes[id].name == name;
    check(found, "[infer_", what, "] the symbol has no argument '", name, "', expected one of ", known);
  }
}

// `shapes`/`dtypes`: by variable name. Unknown names are refused, as they are always a mistake.
InferResult infer(const Symbol& symbol, const py::dict& shapes, const py::dict& dtypes, bool want_shapes,
                  int64_t unknown) {
  InferResult r;
  r.graph = graph_from_symbol(symbol, &r.variables);
  std::vector<const Node*> variables;
  for (const Node* node : topological_order(symbol)) {
    if (node->op == nullptr) variables.push_back(node);
  }
  std::set<std::string> used_shapes, used_dtypes;  // files exist in which several variables have one name
  for (size_t k = 0; k < variables.size(); ++k) {
    const int32_t id = r.variables[k];
    const EntryId e{id, 0};
    const py::str name(r.graph.nodes[id].name);
    if (shapes.contains(name)) {
      r.graph.shape(e) = partial_shape_from_python(shapes[name], unknown);
      used_shapes.insert(r.graph.nodes[id].name);
    }
    if (dtypes.contains(name)) {
      r.graph.dtype(e) = dtype_from_flag(dtypes[name].cast<int>());
      used_dtypes.insert(r.graph.nodes[id].name);
    }
    // What the caller says wins over what the variable's attributes say.
    Shape hint;
    apply_variable_attrs(*variables[k], hint, r.graph.dtype(e));
    if (!r.graph.shape(e).has_rank()) r.graph.shape(e) = hint;
  }
  if (used_shapes.size() != shapes.size()) refuse_unknown_names(r, shapes, "shape");
  if (used_dtypes.size() != dtypes.size()) refuse_unknown_names(r, dtypes, "dtype");
  if (want_shapes) r.complete = infer_shapes(r.graph);
  return r;
}

py::tuple shapes_of(const InferResult& r) {
  py::list args, outs, aux;
  for (int32_t id : r.variables) {
    (r.graph.nodes[id].is_aux ? aux : args)
        .append(partial_shape_to_python(r.graph.shapes[r.graph.nodes[id].first_entry]));
  }
  for (const EntryId& e : r.graph.outputs) outs.append(partial_shape_to_python(r.graph.shape(e)));
  return py::make_tuple(r.complete, args, outs, aux);
}

py::tuple infer_shape(const Symbol& symbol, const py::dict& shapes, bool partial, int64_t unknown) {
  InferResult r = infer(symbol, shapes, {}, true, unknown);
  (void)partial;
  return shapes_of(r);
}

py::tuple infer_type(const Symbol& symbol, const py::dict& dtypes) {
  InferResult r = infer(symbol, {}, dtypes, false, 0);
  const bool complete = infer_types(r.graph, false);
  py::list args, outs, aux;
  for (int32_t id : r.variables) {
    (r.graph.nodes[id].is_aux ? aux : args).append(static_cast<int>(r.graph.dtype({id, 0})));
  }
  for (const EntryId& e : r.graph.outputs) outs.append(static_cast<int>(r.graph.dtype(e)));
  return py::make_tuple(complete, args, outs, aux);
}

// Shapes and dtypes for simple_bind: fails with the first node that stays unknown.
py::tuple infer_for_bind(const Symbol& symbol, const py::dict& shapes, const py::dict& dtypes,
                         int64_t unknown) {
  InferResult r = infer(symbol, shapes, dtypes, true, unknown);
  if (!r.complete) check_complete(r.graph);
  infer_types(r.graph);
  py::list arg_shapes, aux_shapes, arg_types, aux_types;
  for (int32_t id : r.variables) {
    const bool aux = r.graph.nodes[id].is_aux;
    (aux ? aux_shapes : arg_shapes).append(shape_to_python(r.graph.shape({id, 0})));
    (aux ? aux_types : arg_types).append(static_cast<int>(r.graph.dtype({id, 0})));
  }
  return py::make_tuple(arg_shapes, arg_types, aux_shapes, aux_types);
}

py::list names_of(const std::vector<StorageType>& types) {
  py::list names;
  for (const StorageType t : types) names.append(storage_name(t));
  return names;
}

// Storage types of the gradients of `wrt` and of the outputs.
py::tuple infer_storage_types(const Symbol& symbol, const py::dict& shapes, const py::dict& dtypes,
                              const std::map<std::string, std::string>& stypes,
                              const std::vector<std::string>& wrt, int64_t unknown) {
  InferResult r = infer(symbol, shapes, dtypes, true, unknown);
  if (!r.complete) check_complete(r.graph);
  infer_types(r.graph);
  std::map<std::string, int32_t> by_name;
  for (int32_t id : r.variables) {
    by_name[r.graph.nodes[id].name] = id;
    const auto stored = stypes.find(r.graph.nodes[id].name);
    if (stored != stypes.end())
      r.graph.layouts[r.graph.nodes[id].first_entry] = storage_layout(storage_parse(stored->second));
  }
  std::vector<int32_t> variables;
  for (const std::string& name : wrt) {
    const auto found = by_name.find(name);
    check(found != by_name.end(), "[bind] no argument is named '", name, "'");
    variables.push_back(found->second);
  }
  const BoundStorage result = infer_storage(std::move(r.graph), variables);
  return py::make_tuple(names_of(result.grads), names_of(result.outputs));
}

// Variables whose attributes say how they are stored, with the number of the storage type.
std::map<std::string, std::string> variable_storage(const Symbol& symbol) {
  std::map<std::string, std::string> result;
  for (const Node* node : topological_order(symbol)) {
    if (node->op != nullptr) continue;
    const auto found = node->attrs.find("__storage_type__");
    if (found != node->attrs.end()) result[node->name] = found->second;
  }
  return result;
}

// Could any value of the symbol be sparse though its arguments are not?
bool may_be_sparse(const Symbol& symbol) {
  for (const Node* node : topological_order(symbol)) {
    if (node->op != nullptr && makes_sparse(*node->op)) return true;
    const OpDef* gradient = node->op == nullptr ? nullptr : find_op_or_null("_backward_" + node->op->name);
    if (gradient != nullptr && makes_sparse(*gradient)) return true;
  }
  return false;
}

py::list attr_dict(const Symbol& symbol) {
  py::list result;
  for (const Node* node : topological_order(symbol)) {
    if (!node->attrs.empty()) result.append(py::make_tuple(node->name, node->attrs));
  }
  return result;
}

py::list node_list(const Symbol& symbol) {
  py::list result;
  std::unordered_map<const Node*, int> number;
  for (const Node* node : topological_order(symbol)) {
    py::list inputs;
    for (const NodeEntry& e : node->inputs) inputs.append(py::make_tuple(number.at(e.node.get()), e.index));
    number.emplace(node, static_cast<int>(number.size()));
    result.append(py::make_tuple(node->op ? node->op->name : "null", node->name, node->attrs, inputs));
  }
  return result;
}

py::list head_list(const Symbol& symbol) {
  std::unordered_map<const Node*, int> number;
  for (const Node* node : topological_order(symbol)) number.emplace(node, static_cast<int>(number.size()));
  py::list result;
  for (const NodeEntry& e : symbol.outputs) result.append(py::make_tuple(number.at(e.node.get()), e.index));
  return result;
}

}  // namespace

void bind_symbol(py::module_& m) {
  py::class_<Symbol>(m, "Symbol", "A graph: one or more outputs of nodes.")
      .def("__len__", [](const Symbol& s) { return s.outputs.size(); })
      .def("output",
           [](const Symbol& s, size_t i) {
             check(i < s.outputs.size(), "output ", i, " of a symbol with ", s.outputs.size());
             return Symbol{{s.outputs[i]}};
           })
      .def("list_arguments", [](const Symbol& s) { return list_inputs(s, InputKind::kArguments); })
      .def("list_auxiliary_states", [](const Symbol& s) { return list_inputs(s, InputKind::kAuxiliary); })
      .def("list_inputs", [](const Symbol& s) { return list_inputs(s, InputKind::kAll); })
      .def("list_outputs", [](const Symbol& s) { return list_outputs(s); })
      .def("get_internals", &get_internals)
      .def("get_children", &get_children)
      .def("compose", [](const Symbol& s, const std::string& name, const std::vector<Symbol>& positional,
                         const py::dict& named) { return compose(s, name, compose_args(positional, named)); })
      .def("copy", &copy_symbol)
      .def("name",
           [](const Symbol& s) -> py::object {
             for (const NodeEntry& e : s.outputs) {
               if (e.node != s.outputs[0].node) return py::none();
             }
             return s.outputs.empty() ? py::object(py::none()) : py::object(py::str(s.outputs[0].node->name));
           })
      .def("attr",
           [](const Symbol& s, const std::string& key) -> py::object {
             check(s.outputs.size() > 0, "[Symbol.attr] the symbol has no outputs");
             const AttrMap& attrs = s.outputs[0].node->attrs;
             const auto it = attrs.find(key);
             return it == attrs.end() ? py::object(py::none()) : py::object(py::str(it->second));
           })
      .def("list_attr",
           [](const Symbol& s) { return s.outputs.empty() ? AttrMap{} : s.outputs[0].node->attrs; })
      .def("attr_dict", &attr_dict)
      .def("set_attr",
           [](const Symbol& s, const std::string& key, const std::string& value) {
             for (const NodeEntry& e : s.outputs) {
               Node changed = *e.node;
               changed.attrs[key] = value;
               parse_node_params(changed);
               e.node->attrs = changed.attrs;
               e.node->params = changed.params;
             }
           })
      .def("same_node",
           [](const Symbol& a, const Symbol& b) {
             return a.outputs.size() == 1 && b.outputs.size() == 1 &&
                    a.outputs[0].node == b.outputs[0].node && a.outputs[0].index == b.outputs[0].index;
           })
      .def("nodes", &node_list, "(op, name, attrs, inputs) of every node in topological order.")
      .def("heads", &head_list, "(node, output) of every output, numbered as in nodes().")
      .def("infer_shape", &infer_shape, py::arg("shapes"), py::arg("partial"), py::arg("unknown") = 0)
      .def("infer_type", &infer_type, py::arg("dtypes"))
      .def("infer_for_bind", &infer_for_bind, py::arg("shapes"), py::arg("dtypes"), py::arg("unknown") = 0)
      .def("may_be_sparse", &may_be_sparse, "Whether an operator makes sparse values out of dense ones.")
      .def("variable_storage", &variable_storage, "What `__storage_type__` of each variable says.")
      .def("infer_storage", &infer_storage_types, py::arg("shapes"), py::arg("dtypes"), py::arg("stypes"),
           py::arg("wrt"), py::arg("unknown") = 0,
           "(storage types of the gradients of `wrt`, of the outputs), for arguments stored as `stypes` "
           "says.");

  m.def("variable", [](const std::string& name, const AttrMap& attrs) { return make_variable(name, attrs); });
  m.def("group", &group);
  m.def(
      "make_op",
      [](const std::string& op, const std::string& name, const AttrMap& attrs,
         const std::vector<Symbol>& positional, const py::dict& named, const std::vector<Symbol>& subgraphs) {
        return make_op(op, name, attrs, compose_args(positional, named), subgraphs);
      },
      py::arg("op"), py::arg("name"), py::arg("attrs"), py::arg("positional"), py::arg("named"),
      py::arg("subgraphs") = std::vector<Symbol>());
  m.def(
      "cut_subgraph",
      [](const Symbol& symbol, const std::string& name) {
        std::vector<Symbol> outer;
        Symbol cut = cut_subgraph(symbol, name, outer);
        return py::make_tuple(cut, outer);
      },
      "The part of a symbol that was made under __subgraph_name__, and what its variables stand for.");
}

}  // namespace symbind
