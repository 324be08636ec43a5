// Which nodes depend on parameters alone: reordered or folded weights. They run when a parameter was written,
// not at every call.
#include "passes/passes.h"

namespace symbind {

void mark_parameters(Graph& graph) {
  std::vector<char> is_parameter(graph.nodes.size(), 0), is_other(graph.nodes.size(), 0);
  for (const GraphNode& node : graph.nodes) {
    if (node.op == nullptr) continue;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      (node.op->is_parameter(static_cast<int>(i)) ? is_parameter : is_other)[node.inputs[i].node] = 1;
    }
  }
  for (const EntryId& e : graph.outputs) is_other[e.node] = 1;
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    GraphNode& node = graph.nodes[id];
    node.prepared = node.op == nullptr && is_parameter[id] && !is_other[id];
  }
}

void mark_prepared(Graph& graph) {
  std::vector<char> is_output(graph.nodes.size(), 0);
  for (const EntryId& e : graph.outputs) is_output[e.node] = 1;
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    GraphNode& node = graph.nodes[id];
    if (node.op == nullptr || node.inputs.empty() || is_output[id]) continue;
    if (node.op->traits.random || node.op->traits.no_fold || !node.op->aux.empty()) continue;
    if (touches_sparse(graph, node)) continue;
    node.prepared = true;
    for (const EntryId& e : node.inputs) node.prepared = node.prepared && graph.nodes[e.node].prepared;
  }
}

}  // namespace symbind
