// Reverse-mode differentiation: builds gradient nodes through OpDef::gradient.
#include "passes/passes.h"

#include "graph/registry.h"

namespace symbind {
namespace {

// Which nodes some wrt variable reaches.
std::vector<char> reached_from(const Graph& graph, const std::vector<int32_t>& wrt) {
  std::vector<char> reached(graph.nodes.size(), 0);
  for (int32_t id : wrt) reached[id] = 1;
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    for (const EntryId& e : graph.nodes[id].inputs) reached[id] = reached[id] || reached[e.node];
  }
  return reached;
}

struct GradientPass {
  Graph& graph;
  int32_t num_forward;
  std::vector<EntryId> grads;  // by forward entry, the sum so far

  void accumulate(EntryId entry, EntryId gradient) {
    EntryId& sum = grads[graph.entry(entry)];
    if (!sum.valid()) {
      sum = gradient;
      return;
    }
    const int32_t id =
        graph.add_node(&find_op("_grad_add"), nullptr, graph.nodes[entry.node].name, {sum, gradient});
    graph.nodes[id].forward = entry.node;
    graph.infer_node(id);
    sum = {id, 0};
  }

  void differentiate(int32_t id) {
    const GraphNode& node = graph.nodes[id];
    GradContext context{graph, id, {}};
    bool any = node.op->is_loss(node.params.get());
    for (int i = 0; i < node.num_outputs; ++i) {
      context.out_grads.push_back(grads[node.first_entry + i]);
      any = any || context.out_grads.back().valid();
    }
    if (!any) return;
    if (!node.op->gradient) fail_at_node(graph, id, concat("[", node.op->name, "] has no gradient"));
    const std::vector<EntryId> inputs = node.inputs;  // building nodes moves `node`
    std::vector<EntryId> in_grads;
    try {
      in_grads = node.op->gradient(context);
    } catch (const Error& e) {
      fail_at_node(graph, id, e.what());
    }
    for (size_t i = 0; i < inputs.size() && i < in_grads.size(); ++i) {
      if (in_grads[i].valid()) accumulate(inputs[i], in_grads[i]);
    }
  }
};

}  // namespace

GradientResult add_gradients(Graph& graph, const std::vector<int32_t>& wrt) {
  const std::vector<char> reached = reached_from(graph, wrt);
  GradientPass pass{graph, static_cast<int32_t>(graph.nodes.size()),
                    std::vector<EntryId>(graph.num_entries())};
  GradientResult result;
  std::vector<char> is_head(pass.num_forward, 0);
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const EntryId out = graph.outputs[i];
    const OpDef* op = graph.nodes[out.node].op;
    is_head[out.node] = 1;
    if (!reached[out.node] || (op != nullptr && op->is_loss(graph.nodes[out.node].params.get()))) {
      result.head_grads.push_back(-1);
      continue;
    }
    const int32_t head = graph.add_variable(concat("head_grad", i));
    graph.shape({head, 0}) = graph.shape(out);
    graph.dtype({head, 0}) = graph.dtype(out);
    result.head_grads.push_back(head);
    pass.accumulate(out, {head, 0});
  }
  for (int32_t id = pass.num_forward - 1; id >= 0; --id) {
    const OpDef* op = graph.nodes[id].op;
    if (op == nullptr || !reached[id]) continue;
    // A loss in the middle of a graph only counts when it is an output, or when something downstream asks.
    bool wanted = is_head[id] && op->is_loss(graph.nodes[id].params.get());
    for (int i = 0; i < graph.nodes[id].num_outputs; ++i) {
      wanted = wanted || pass.grads[graph.nodes[id].first_entry + i].valid();
    }
    if (wanted) pass.differentiate(id);
  }
  for (size_t id = pass.num_forward; id < graph.nodes.size(); ++id) graph.nodes[id].in_backward = true;
  for (int32_t id : wrt) result.gradients.push_back(pass.grads[graph.nodes[id].first_entry]);
  return result;
}

}  // namespace symbind
