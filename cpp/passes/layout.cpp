// Layouts: operators choose, `_reorder` nodes join what differs.
#include "passes/passes.h"

#include "base/storage_type.h"
#include "graph/registry.h"

namespace symbind {
namespace {

struct LayoutPass {
  const Graph& graph;
  const bool is_train;
  const Compute compute;
  Graph next{};
  std::vector<EntryId> moved{};                   // by old entry: the entry of `next`
  std::vector<std::vector<EntryId>> reordered{};  // by new entry: its copies in other layouts

  EntryId in_layout(EntryId e, const LayoutPtr& wanted, bool in_backward) {
    if (same_layout(next.layouts[next.entry(e)], wanted)) return e;
    const int32_t at = next.entry(e);
    for (const EntryId& copy : reordered[at]) {
      if (!same_layout(next.layouts[next.entry(copy)], wanted)) continue;
      // What a forward output shares with a backward reader must be there after the forward part.
      next.nodes[copy.node].in_backward = next.nodes[copy.node].in_backward && in_backward;
      return copy;
    }
    const GraphNode& from = next.nodes[e.node];
    const int32_t id = next.add_node(&find_op("_reorder"), nullptr, from.name, {e});
    next.nodes[id].in_backward = in_backward;
    const int32_t entry = next.nodes[id].first_entry;
    next.shapes[entry] = next.shapes[at];
    next.dtypes[entry] = next.dtypes[at];
    next.layouts[entry] = wanted;
    reordered.resize(next.num_entries());
    reordered[at].push_back({id, 0});
    return {id, 0};
  }

  // The layout all inputs share, if an elementwise node may simply keep it.
  bool shared_layout(const GraphNode& node, const std::vector<TensorDesc>& in, LayoutPtr& layout) const {
    if (!node.op->traits.elementwise || in.empty() || in[0].layout == nullptr) return false;
    if (in[0].layout->padded() && !node.op->traits.keeps_zero) return false;
    if (in[0].layout->bfloat16() && !node.op->traits.takes_bfloat16) return false;
    for (const TensorDesc& d : in) {
      if (!same_layout(d.layout, in[0].layout) || d.shape != in[0].shape || d.dtype != in[0].dtype)
        return false;
    }
    layout = in[0].layout;
    return true;
  }

  void visit(size_t old_id) {
    GraphNode node = graph.nodes[old_id];
    std::vector<TensorDesc> in, out;
    for (EntryId& e : node.inputs) {
      e = moved[graph.entry(e)];
      in.push_back(next.desc(e));
    }
    const int32_t old_entry = node.first_entry;
    for (int i = 0; i < node.num_outputs; ++i) {
      out.push_back({graph.shapes[old_entry + i], graph.dtypes[old_entry + i], nullptr});
    }
    if (touches_sparse(graph, graph.nodes[old_id])) {  // the storage pass has settled these
      for (int i = 0; i < node.num_outputs; ++i) out[i].layout = graph.layouts[old_entry + i];
      for (size_t i = 0; i < in.size(); ++i) {
        const LayoutPtr& settled = graph.layouts[graph.entry(graph.nodes[old_id].inputs[i])];
        node.inputs[i] = in_layout(node.inputs[i], settled, node.in_backward);
      }
      append(std::move(node), old_entry, out);
      return;
    }
    LayoutPtr shared;
    if (node.op != nullptr && node.op->layout) {
      LayoutRequest request{node.params.get(), in, out, is_train, compute};
      node.op->layout(request);
    } else if (node.op != nullptr && shared_layout(node, in, shared)) {
      for (TensorDesc& d : out) d.layout = d.dtype == in[0].dtype ? shared : nullptr;
    } else {
      for (TensorDesc& d : in) d.layout = nullptr;
    }
    for (size_t i = 0; i < in.size(); ++i) {
      node.inputs[i] = in_layout(node.inputs[i], in[i].layout, node.in_backward);
    }
    append(std::move(node), old_entry, out);
  }

  void append(GraphNode node, int32_t old_entry, const std::vector<TensorDesc>& out) {
    const int32_t id = static_cast<int32_t>(next.nodes.size());
    node.first_entry = next.num_entries();
    node.forward = -1;
    for (int i = 0; i < node.num_outputs; ++i) {
      next.shapes.push_back(out[i].shape);
      next.dtypes.push_back(out[i].dtype);
      next.layouts.push_back(out[i].layout);
      moved[old_entry + i] = {id, i};
    }
    next.nodes.push_back(std::move(node));
    reordered.resize(next.num_entries());
  }
};

}  // namespace

void assign_layouts(Graph& graph, bool is_train, Compute compute) {
  bool any = false;
  for (const GraphNode& node : graph.nodes) any = any || (node.op != nullptr && node.op->layout);
  if (!any) return;
  LayoutPass pass{graph, is_train, compute};
  pass.moved.resize(graph.num_entries());
  // Reorders are inserted before their first reader, so forward nodes never wait for backward ones.
  for (size_t id = 0; id < graph.nodes.size(); ++id) pass.visit(id);
  for (EntryId e : graph.outputs) {
    const EntryId to = pass.moved[graph.entry(e)];
    const LayoutPtr& settled = graph.layouts[graph.entry(e)];
    const LayoutPtr wanted = is_sparse(settled) ? settled : nullptr;
    pass.next.outputs.push_back(pass.in_layout(to, wanted, pass.next.nodes[to.node].in_backward));
  }
  graph = std::move(pass.next);
}

}  // namespace symbind
