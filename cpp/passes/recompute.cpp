// Training memory: what is cheap to make again is not kept from the forward to the backward part.
#include "passes/passes.h"

namespace symbind {
namespace {

// Forward nodes whose output 0 the backward part reads, and could make again from an input 0 that it has
// anyway.
std::vector<char> worth_recomputing(const Graph& graph) {
  std::vector<char> read_in_backward(graph.num_entries(), 0), is_output(graph.num_entries(), 0);
  for (const GraphNode& node : graph.nodes) {
    if (!node.in_backward) continue;
    for (const EntryId& e : node.inputs) read_in_backward[graph.entry(e)] = 1;
  }
  for (const EntryId& e : graph.outputs) is_output[graph.entry(e)] = 1;
  std::vector<char> worth(graph.nodes.size(), 0);
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    const GraphNode& node = graph.nodes[id];
    if (node.op == nullptr || !node.op->recompute || node.in_backward) continue;
    worth[id] = read_in_backward[node.first_entry] && !is_output[node.first_entry] &&
                read_in_backward[graph.entry(node.inputs[0])];
  }
  return worth;
}

}  // namespace

void recompute(Graph& graph) {
  const std::vector<char> worth = worth_recomputing(graph);
  const int32_t given = static_cast<int32_t>(graph.nodes.size());
  std::vector<int32_t> again(graph.nodes.size(), -1);
  std::vector<int32_t> order;  // of all nodes, each recomputation before its first reader
  for (int32_t id = 0; id < given; ++id) {
    if (graph.nodes[id].in_backward) {
      for (size_t i = 0; i < graph.nodes[id].inputs.size(); ++i) {
        const EntryId e = graph.nodes[id].inputs[i];
        if (e.node >= given || e.index != 0 || !worth[e.node]) continue;
        if (again[e.node] < 0) {
          GradContext context{graph, e.node, {}};
          const EntryId made = graph.nodes[e.node].op->recompute(context);
          graph.nodes[made.node].in_backward = true;
          graph.nodes[made.node].post_ops = graph.nodes[e.node].post_ops;
          again[e.node] = made.node;
          order.push_back(made.node);
        }
        graph.nodes[id].inputs[i] = {again[e.node], 0};
      }
    }
    order.push_back(id);
  }
  if (order.size() > static_cast<size_t>(given)) reorder_nodes(graph, order);
}

}  // namespace symbind
