// Post-op fusion: Activation and friends move onto the end of the operator that produces their input.
#include "passes/passes.h"

namespace symbind {
namespace {

// The producer that can take `id` as its post-op, or -1.
int32_t fusable_producer(const Graph& graph, int32_t id, const std::vector<int32_t>& uses, PostOp& post_op) {
  const GraphNode& node = graph.nodes[id];
  if (node.op == nullptr || !node.op->as_post_op || node.inputs.empty()) return -1;
  if (!node.op->as_post_op(node.params.get(), post_op)) return -1;
  const EntryId from = node.inputs[0];
  const GraphNode& producer = graph.nodes[from.node];
  if (producer.op == nullptr || from.index != 0 || !producer.op->accepts_post_op) return -1;
  if (uses[graph.entry(from)] != 1 || producer.in_backward != node.in_backward) return -1;
  return producer.op->accepts_post_op(graph.desc(from), post_op) ? from.node : -1;
}

}  // namespace

void fuse(Graph& graph) {
  const std::vector<int32_t> uses = count_uses(graph);
  std::vector<EntryId> alias(graph.nodes.size());
  std::vector<char> keep(graph.nodes.size(), 1);
  for (int32_t id = 0; id < static_cast<int32_t>(graph.nodes.size()); ++id) {
    for (EntryId& e : graph.nodes[id].inputs) {
      if (e.index == 0 && alias[e.node].valid()) e = alias[e.node];
    }
    PostOp post_op;
    const int32_t producer = fusable_producer(graph, id, uses, post_op);
    if (producer < 0 || !graph.nodes[producer].post_ops.empty()) continue;
    graph.nodes[producer].post_ops.push_back(post_op);
    alias[id] = {producer, 0};
    keep[id] = 0;
  }
  for (EntryId& e : graph.outputs) {
    if (e.index == 0 && alias[e.node].valid()) e = alias[e.node];
  }
  for (GraphNode& node : graph.nodes) {
    if (node.forward >= 0 && !keep[node.forward]) node.forward = alias[node.forward].node;
  }
  compact(graph, keep);
}

}  // namespace symbind
