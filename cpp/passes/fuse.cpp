// Post-op fusion: activations and sums move onto the end of the operator that produces their input.
#include <algorithm>

#include "passes/passes.h"

namespace symbind {
namespace {

struct FusePass {
  Graph& graph;
  std::vector<int32_t> uses;   // by entry, of what is left
  std::vector<EntryId> alias;  // by node: what stands for its output 0 now
  std::vector<char> keep;

  explicit FusePass(Graph& g)
      : graph(g), uses(count_uses(g)), alias(g.nodes.size()), keep(g.nodes.size(), 1) {}

  void follow(EntryId& e) const {
    if (e.index == 0 && alias[e.node].valid()) e = alias[e.node];
  }

  // Can `post_op`, which node `id` computes from its input `from`, happen at the end of that input's
  // producer?
  bool fits(int32_t id, EntryId from, const PostOp& post_op) const {
    const GraphNode& producer = graph.nodes[from.node];
    if (producer.op == nullptr || from.index != 0 || !producer.op->accepts_post_op) return false;
    if (uses[graph.entry(from)] != 1 || producer.in_backward != graph.nodes[id].in_backward) return false;
    if (static_cast<int>(producer.post_ops.size()) >= producer.op->traits.max_post_ops) return false;
    const auto is_sum = [](const PostOp& op) { return op.kind == PostOp::kSum; };
    if (is_sum(post_op) && std::any_of(producer.post_ops.begin(), producer.post_ops.end(), is_sum))
      return false;
    return producer.op->accepts_post_op(graph.desc(from), post_op);
  }

  void move_onto(int32_t id, EntryId from, PostOp post_op) {
    graph.nodes[from.node].post_ops.push_back(post_op);
    uses[graph.entry(from)] = uses[graph.nodes[id].first_entry];
    alias[id] = from;
    keep[id] = 0;
  }

  // lhs + rhs at the end of whichever comes later, once the other is there.
  void fuse_sum(int32_t id, PostOp post_op) {
    const std::vector<EntryId> inputs = graph.nodes[id].inputs;
    for (int side = 1; side >= 0; --side) {
      const EntryId from = inputs[side], other = inputs[1 - side];
      if (other.node >= from.node || graph.dtype(other) != graph.dtype(from) || !fits(id, from, post_op))
        continue;
      std::vector<EntryId>& producer_inputs = graph.nodes[from.node].inputs;
      post_op.input = static_cast<int>(producer_inputs.size());
      producer_inputs.push_back(other);
      move_onto(id, from, post_op);
      return;
    }
  }

  void visit(int32_t id) {
    for (EntryId& e : graph.nodes[id].inputs) follow(e);
    const GraphNode& node = graph.nodes[id];
    PostOp post_op;
    if (node.op == nullptr || !node.op->as_post_op || node.inputs.empty()) return;
    if (!node.op->as_post_op(node.params.get(), post_op)) return;
    if (post_op.kind == PostOp::kSum) {
      fuse_sum(id, post_op);
    } else if (fits(id, node.inputs[0], post_op)) {
      move_onto(id, node.inputs[0], post_op);
    }
  }

  void finish() {
    for (EntryId& e : graph.outputs) follow(e);
    for (GraphNode& node : graph.nodes) {
      if (node.forward >= 0 && !keep[node.forward]) node.forward = alias[node.forward].node;
    }
    compact(graph, keep);
  }
};

// relu(f(x)) runs as f with a post-op: the gradient of f takes over relu's, as far as nobody else reads that.
void fuse_gradients(Graph& graph) {
  const std::vector<int32_t> uses = count_uses(graph);
  std::vector<char> keep(graph.nodes.size(), 1);
  for (int32_t id = 0; id < static_cast<int32_t>(graph.nodes.size()); ++id) {
    GraphNode& node = graph.nodes[id];
    if (node.op == nullptr || !node.op->traits.takes_post_op_gradient || !node.post_ops.empty()) continue;
    const EntryId from = node.inputs[0];
    const GraphNode& outer = graph.nodes[from.node];
    PostOp post_op;
    if (outer.op == nullptr || !outer.op->as_post_op_gradient || uses[graph.entry(from)] != 1) continue;
    if (!outer.op->as_post_op_gradient(outer.params.get(), post_op)) continue;
    // The output that relu's gradient looks at must be the fused result of this node's own forward node.
    const EntryId result = outer.inputs[1];
    if (node.forward < 0 || result.node != node.forward || result.index != 0) continue;
    const std::vector<PostOp>& fused = graph.nodes[node.forward].post_ops;
    if (fused.size() != 1 || fused[0].kind != post_op.kind) continue;
    node.post_ops.push_back(fused[0]);
    keep[from.node] = 0;
    node.inputs[0] = outer.inputs[0];
  }
  for (GraphNode& node : graph.nodes) {
    if (node.forward >= 0 && !keep[node.forward]) node.forward = -1;
  }
  compact(graph, keep);
}

}  // namespace

void fuse(Graph& graph) {
  FusePass pass(graph);
  for (int32_t id = 0; id < static_cast<int32_t>(graph.nodes.size()); ++id) pass.visit(id);
  pass.finish();
  fuse_gradients(graph);
}

}  // namespace symbind
