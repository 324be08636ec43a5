// Outside training: a scale and a bias per channel (BatchNorm) move into the weight and bias of the operator
// before. The new weight and bias are nodes of the graph; mark_prepared() finds that they depend on
// parameters alone.
#include "graph/registry.h"
#include "passes/passes.h"

namespace symbind {
namespace {

// The node whose channels `id` scales and which can do so itself, or -1.
int32_t affine_host(const Graph& graph, int32_t id, const std::vector<int32_t>& uses) {
  const GraphNode& node = graph.nodes[id];
  if (node.op == nullptr || !node.op->affine_axis || node.in_backward) return -1;
  const EntryId from = node.inputs[0];
  const GraphNode& host = graph.nodes[from.node];
  if (host.op == nullptr || !host.op->with_bias || from.index != 0 || uses[graph.entry(from)] != 1) return -1;
  for (int i = 1; i < node.num_outputs; ++i) {
    if (uses[node.first_entry + i] > 0) return -1;  // somebody reads the statistics
  }
  const int ndim = graph.shape(from).ndim();
  const int axis = node.op->affine_axis(node.params.get(), ndim);
  if (axis < 0 || host.op->channel_axis(host.params.get(), ndim) != axis) return -1;
  const DType dtype = graph.dtype(from);
  for (const EntryId& e : host.inputs) {
    if (graph.dtype(e) != dtype) return -1;
  }
  for (const EntryId& e : node.inputs) {
    if (graph.dtype(e) != dtype) return -1;
  }
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 ? from.node : -1;
}

struct FoldPass {
  const Graph& graph;
  Graph next;
  std::vector<EntryId> moved;  // by old entry: the entry of `next`

  void append(int32_t id) {
    GraphNode node = graph.nodes[id];
    for (EntryId& e : node.inputs) e = moved[graph.entry(e)];
    const int32_t from = node.first_entry, to = static_cast<int32_t>(next.nodes.size());
    node.first_entry = next.num_entries();
    node.forward = -1;
    for (int i = 0; i < node.num_outputs; ++i) {
      next.shapes.push_back(graph.shapes[from + i]);
      next.dtypes.push_back(graph.dtypes[from + i]);
      next.layouts.push_back(nullptr);
      moved[from + i] = {to, i};
    }
    next.nodes.push_back(std::move(node));
  }

  // The weight and bias that make `follower` part of `host`: a new node of `next`.
  int32_t folded_parameters(const GraphNode& host, const GraphNode& follower) {
    std::vector<EntryId> inputs;
    for (size_t i = 1; i < host.inputs.size(); ++i) inputs.push_back(moved[graph.entry(host.inputs[i])]);
    for (size_t i = 1; i < follower.inputs.size(); ++i)
      inputs.push_back(moved[graph.entry(follower.inputs[i])]);
    const int32_t id =
        next.add_node(&find_op(follower.op->affine_fold), follower.params, follower.name, std::move(inputs));
    const EntryId weight = host.inputs[1], gamma = follower.inputs[1];
    next.shape({id, 0}) = graph.shape(weight);
    next.shape({id, 1}) = graph.shape(gamma);
    next.dtype({id, 0}) = graph.dtype(weight);
    next.dtype({id, 1}) = graph.dtype(gamma);
    return id;
  }
};

}  // namespace

void fold_affine(Graph& graph) {
  const std::vector<int32_t> uses = count_uses(graph);
  std::vector<int32_t> follower(graph.nodes.size(), -1), host(graph.nodes.size(), -1);
  bool any = false;
  for (int32_t id = 0; id < static_cast<int32_t>(graph.nodes.size()); ++id) {
    const int32_t found = affine_host(graph, id, uses);
    if (found < 0) continue;
    host[id] = found;
    follower[found] = id;
    any = true;
  }
  if (!any) return;
  FoldPass pass{graph, {}, std::vector<EntryId>(graph.num_entries())};
  // The follower's parameters are needed before the host runs: variables go first.
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    if (graph.nodes[id].op == nullptr) pass.append(static_cast<int32_t>(id));
  }
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    const GraphNode& node = graph.nodes[id];
    if (node.op == nullptr) continue;
    if (host[id] >= 0) {
      pass.moved[node.first_entry] = pass.moved[graph.nodes[host[id]].first_entry];
      continue;
    }
    const int32_t parameters =
        follower[id] < 0 ? -1 : pass.folded_parameters(node, graph.nodes[follower[id]]);
    pass.append(static_cast<int32_t>(id));
    if (parameters < 0) continue;
    GraphNode& made = pass.next.nodes.back();
    made.params = node.op->with_bias(node.params.get());
    made.inputs = {made.inputs[0], {parameters, 0}, {parameters, 1}};
  }
  for (const EntryId& e : graph.outputs) pass.next.outputs.push_back(pass.moved[graph.entry(e)]);
  graph = std::move(pass.next);
}

}  // namespace symbind
