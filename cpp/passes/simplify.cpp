// Identities, common subexpressions, dead nodes.
#include "passes/passes.h"

#include <unordered_map>

namespace symbind {

std::vector<int32_t> count_uses(const Graph& graph) {
  std::vector<int32_t> uses(graph.num_entries(), 0);
  for (const GraphNode& node : graph.nodes) {
    for (const EntryId& e : node.inputs) ++uses[graph.entry(e)];
  }
  for (const EntryId& e : graph.outputs) ++uses[graph.entry(e)];
  return uses;
}

void compact(Graph& graph, const std::vector<char>& keep) {
  Graph next;
  std::vector<int32_t> number(graph.nodes.size(), -1);
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    if (!keep[id]) continue;
    GraphNode node = std::move(graph.nodes[id]);
    const int32_t first = node.first_entry;
    node.first_entry = next.num_entries();
    for (EntryId& e : node.inputs) e.node = number[e.node];
    if (node.forward >= 0) node.forward = number[node.forward];
    for (int i = 0; i < node.num_outputs; ++i) {
      next.shapes.push_back(graph.shapes[first + i]);
      next.dtypes.push_back(graph.dtypes[first + i]);
      next.layouts.push_back(std::move(graph.layouts[first + i]));
    }
    number[id] = static_cast<int32_t>(next.nodes.size());
    next.nodes.push_back(std::move(node));
  }
  for (EntryId e : graph.outputs) next.outputs.push_back({number[e.node], e.index});
  graph = std::move(next);
}

void reorder_nodes(Graph& graph, const std::vector<int32_t>& order) {
  std::vector<int32_t> number(graph.nodes.size());
  std::vector<GraphNode> nodes;
  nodes.reserve(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    number[order[i]] = static_cast<int32_t>(i);
    nodes.push_back(std::move(graph.nodes[order[i]]));
  }
  for (GraphNode& node : nodes) {
    for (EntryId& e : node.inputs) e.node = number[e.node];
    if (node.forward >= 0) node.forward = number[node.forward];
  }
  for (EntryId& e : graph.outputs) e.node = number[e.node];
  graph.nodes = std::move(nodes);  // entries keep their numbers
}

namespace {

struct NodeKey {
  const OpDef* op;
  const void* params;
  const std::vector<EntryId>* inputs;
  bool operator==(const NodeKey& o) const { return op == o.op && params == o.params && *inputs == *o.inputs; }
};
struct NodeKeyHash {
  size_t operator()(const NodeKey& k) const {
    size_t h = reinterpret_cast<size_t>(k.op) * 31 + reinterpret_cast<size_t>(k.params);
    for (const EntryId& e : *k.inputs)
      h = h * 1000003u + static_cast<size_t>(e.node) * 8 + static_cast<size_t>(e.index);
    return h;
  }
};

bool may_merge(const OpDef& op) { return !op.traits.random && !op.traits.no_fold && op.aux.empty(); }

}  // namespace

void simplify(Graph& graph, bool is_train) {
  const size_t n = graph.nodes.size();
  std::vector<EntryId> alias(graph.num_entries());  // entry -> the entry to read instead
  for (size_t id = 0; id < n; ++id) {
    const GraphNode& node = graph.nodes[id];
    for (int i = 0; i < node.num_outputs; ++i) alias[node.first_entry + i] = {static_cast<int32_t>(id), i};
  }
  std::unordered_map<NodeKey, int32_t, NodeKeyHash> known;
  for (size_t id = 0; id < n; ++id) {
    GraphNode& node = graph.nodes[id];
    if (node.op == nullptr) continue;
    for (EntryId& e : node.inputs) e = alias[graph.entry(e)];
    if (node.op->is_identity && node.op->is_identity(node.params.get(), is_train)) {
      alias[node.first_entry] = node.inputs[0];
      continue;
    }
    if (!may_merge(*node.op)) continue;
    const auto [it, fresh] =
        known.try_emplace({node.op, node.params.get(), &node.inputs}, static_cast<int32_t>(id));
    // A forward value must not be taken from the backward part, which runs later; order guarantees that.
    // Nodes without inputs (or of unknown-attribute shapes) may differ in inferred shape.
    if (fresh || graph.shape({it->second, 0}) != graph.shapes[node.first_entry] ||
        graph.dtype({it->second, 0}) != graph.dtypes[node.first_entry]) {
      continue;
    }
    for (int i = 0; i < node.num_outputs; ++i) alias[node.first_entry + i] = {it->second, i};
  }
  for (EntryId& e : graph.outputs) e = alias[graph.entry(e)];
  remove_dead(graph);
}

void remove_dead(Graph& graph) {
  const size_t n = graph.nodes.size();
  std::vector<char> keep(n, 0);
  for (const EntryId& e : graph.outputs) keep[e.node] = 1;
  for (size_t id = n; id-- > 0;) {
    // Variables stay: the executor counts them.
    if (graph.nodes[id].op == nullptr) keep[id] = 1;
    if (!keep[id]) continue;
    for (const EntryId& e : graph.nodes[id].inputs) keep[e.node] = 1;
  }
  for (GraphNode& node : graph.nodes) {
    if (node.forward >= 0 && !keep[node.forward]) node.forward = -1;
  }
  compact(graph, keep);
}

}  // namespace symbind
