#include "graph/graph.h"

#include <unordered_map>

#include "graph/symbol.h"

namespace symbind {

int32_t Graph::add_node(const OpDef* op, ParamsPtr params, const std::string& name,
                        std::vector<EntryId> inputs) {
  GraphNode node;
  node.op = op;
  node.num_outputs = op == nullptr ? 1 : op->output_count(params.get());
  node.params = std::move(params);
  node.name = name;
  node.inputs = std::move(inputs);
  node.first_entry = num_entries();
  shapes.resize(shapes.size() + node.num_outputs);
  dtypes.resize(dtypes.size() + node.num_outputs, DType::kUnknown);
  layouts.resize(layouts.size() + node.num_outputs);
  nodes.push_back(std::move(node));
  return static_cast<int32_t>(nodes.size()) - 1;
}

int32_t Graph::add_variable(const std::string& name) { return add_node(nullptr, nullptr, name, {}); }

void fail_at_node(const Graph& graph, int32_t id, const std::string& message) {
  const GraphNode& node = graph.nodes[id];
  std::string text = concat("Error in operator ", node.name, ": ", message, "\n  inputs of ", node.name, " (",
                            node.op ? node.op->name : "variable", "):");
  const std::vector<std::string> names =
      node.op ? node.op->input_list(node.params.get()) : std::vector<std::string>{};
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const EntryId e = node.inputs[i];
    text += concat(i == 0 ? " " : ", ", i < names.size() ? names[i] : "input", " = ",
                   graph.nodes[e.node].name, " ", graph.shape(e), " ", dtype_name(graph.dtype(e)));
  }
  throw Error(text);
}

bool Graph::infer_node_shape(int32_t id) {
  const GraphNode& node = nodes[id];
  if (node.op == nullptr) return false;
  // Small graphs of small nodes dominate: keep the working set on the stack.
  Shape in_buffer[8];
  std::vector<Shape> in_heap;
  const size_t n = node.inputs.size();
  if (n > 8) in_heap.resize(n);
  Shape* in = n > 8 ? in_heap.data() : in_buffer;
  for (size_t i = 0; i < n; ++i) in[i] = shape(node.inputs[i]);
  Shape out_buffer[4];
  std::vector<Shape> out_heap;
  if (node.num_outputs > 4) out_heap.resize(node.num_outputs);
  Shape* out = node.num_outputs > 4 ? out_heap.data() : out_buffer;
  for (int i = 0; i < node.num_outputs; ++i) out[i] = shapes[node.first_entry + i];
  ShapeContext context{*node.op, node.params.get(), {in, n}, {out, static_cast<size_t>(node.num_outputs)}};
  try {
    node.op->infer_shape(context);
  } catch (const Error& e) {
    fail_at_node(*this, id, e.what());
  }
  bool changed = false;
  for (size_t i = 0; i < n; ++i) {
    Shape& known = shape(node.inputs[i]);
    if (known != in[i]) {
      known = in[i];
      changed = true;
    }
  }
  for (int i = 0; i < node.num_outputs; ++i) {
    Shape& known = shapes[node.first_entry + i];
    if (known != out[i]) {
      known = out[i];
      changed = true;
    }
  }
  return changed;
}

bool Graph::infer_node_type(int32_t id) {
  const GraphNode& node = nodes[id];
  if (node.op == nullptr) return false;
  std::vector<DType> types(node.inputs.size() + node.num_outputs);
  const size_t n = node.inputs.size();
  for (size_t i = 0; i < n; ++i) types[i] = dtype(node.inputs[i]);
  for (int i = 0; i < node.num_outputs; ++i) types[n + i] = dtypes[node.first_entry + i];
  TypeContext context{*node.op,
                      node.params.get(),
                      {types.data(), n},
                      {types.data() + n, static_cast<size_t>(node.num_outputs)}};
  try {
    node.op->infer_type ? node.op->infer_type(context) : infer_same_type(context);
  } catch (const Error& e) {
    fail_at_node(*this, id, e.what());
  }
  bool changed = false;
  for (size_t i = 0; i < n; ++i) {
    DType& known = dtype(node.inputs[i]);
    changed = changed || known != types[i];
    known = types[i];
  }
  for (int i = 0; i < node.num_outputs; ++i) {
    DType& known = dtypes[node.first_entry + i];
    changed = changed || known != types[n + i];
    known = types[n + i];
  }
  return changed;
}

bool Graph::infer_node(int32_t id) {
  const bool shape_changed = infer_node_shape(id);
  return infer_node_type(id) || shape_changed;
}

namespace {

// Appends an operator node, or the nodes that it stands for.
int32_t append_operator(Graph& graph, const Node& node, std::vector<EntryId> inputs) {
  for (int i : node.op->aux_list(node.params.get())) {
    if (i >= static_cast<int>(inputs.size())) continue;
    GraphNode& state = graph.nodes[inputs[i].node];
    state.is_aux = state.is_aux || state.op == nullptr;
  }
  ParamsPtr params = node.op->graph_params ? node.op->graph_params(node.params) : node.params;
  if (!node.op->expand) return graph.add_node(node.op, std::move(params), node.name, std::move(inputs));
  try {
    return node.op->expand(graph, {std::move(params), node.name, std::move(inputs)});
  } catch (const Error& e) {
    fail("Error in operator ", node.name, ": ", e.what());
  }
}

// Variables are numbered by `variable(node)`, everything else is appended.
template <class F>
std::vector<EntryId> append_nodes(Graph& graph, const Symbol& symbol, F&& variable) {
  const std::vector<const Node*> order = topological_order(symbol);
  std::unordered_map<const Node*, EntryId> number;
  number.reserve(order.size());
  graph.nodes.reserve(graph.nodes.size() + order.size());
  graph.shapes.reserve(graph.shapes.size() + order.size());
  auto entry = [&](const NodeEntry& e) {
    const EntryId first = number.at(e.node.get());
    return EntryId{first.node, first.index + e.index};
  };
  for (const Node* node : order) {
    if (node->op == nullptr) {
      number.emplace(node, variable(*node));
      continue;
    }
    std::vector<EntryId> inputs;
    inputs.reserve(node->inputs.size());
    for (const NodeEntry& e : node->inputs) inputs.push_back(entry(e));
    number.emplace(node, EntryId{append_operator(graph, *node, std::move(inputs)), 0});
  }
  std::vector<EntryId> outputs;
  for (const NodeEntry& e : symbol.outputs) outputs.push_back(entry(e));
  return outputs;
}

}  // namespace

std::vector<EntryId> append_symbol(Graph& graph, const Symbol& symbol, const std::vector<EntryId>& inputs) {
  size_t next = 0;
  return append_nodes(graph, symbol, [&](const Node& node) {
    check(next < inputs.size(),
          "the subgraph has more variables than the operator has inputs: nothing is left for '", node.name,
          "', got ", inputs.size());
    return inputs[next++];
  });
}

Graph graph_from_symbol(const Symbol& symbol, std::vector<int32_t>* variables) {
  Graph graph;
  graph.outputs = append_nodes(graph, symbol, [&](const Node& node) {
    const int32_t id = graph.add_variable(node.name);
    if (variables != nullptr) variables->push_back(id);
    return EntryId{id, 0};
  });
  return graph;
}

}  // namespace symbind
