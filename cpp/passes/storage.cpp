// Storage types: rules say what is sparse, `cast_storage` nodes join what differs.
#include "graph/registry.h"
#include "graph/storage_rule.h"
#include "passes/passes.h"

namespace symbind {
namespace {

bool has_sparse_values(const Graph& graph) {
  for (const LayoutPtr& layout : graph.layouts) {
    if (is_sparse(layout)) return true;
  }
  for (const GraphNode& node : graph.nodes) {
    if (node.op != nullptr && makes_sparse(*node.op)) return true;
  }
  return false;
}

struct StoragePass {
  Graph& graph;
  std::vector<int32_t> order;
  std::vector<std::vector<EntryId>> casts;  // by entry: copies of it in other storage types

  EntryId stored_as(EntryId e, StorageType wanted, bool in_backward) {
    const StorageType given = storage_of(graph.layouts[graph.entry(e)]);
    if (given == wanted) return e;
    if (given != StorageType::kDefault && wanted != StorageType::kDefault)
      e = stored_as(e, StorageType::kDefault, in_backward);  // there is no other way from one to the other
    const int32_t entry = graph.entry(e);
    for (const EntryId& copy : casts[entry]) {
      if (storage_of(graph.layouts[graph.entry(copy)]) != wanted) continue;
      graph.nodes[copy.node].in_backward = graph.nodes[copy.node].in_backward && in_backward;
      return copy;
    }
    const OpDef& op = find_op("cast_storage");
    const ParamsPtr params = op.params.parse("cast_storage", {{"stype", storage_name(wanted)}});
    const std::string name = graph.nodes[e.node].name;
    const int32_t id = graph.add_node(&op, params, name, {e});
    graph.nodes[id].in_backward = in_backward;
    const int32_t made = graph.nodes[id].first_entry;
    graph.shapes[made] = graph.shapes[entry];
    graph.dtypes[made] = graph.dtypes[entry];
    graph.layouts[made] = storage_layout(wanted);
    casts.resize(graph.num_entries());
    casts[entry].push_back({id, 0});
    order.push_back(id);
    return {id, 0};
  }

  void visit(int32_t id) {
    if (graph.nodes[id].op != nullptr) {
      const GraphNode& node = graph.nodes[id];
      std::vector<StorageType> in, out(node.num_outputs, StorageType::kDefault);
      for (const EntryId& e : node.inputs) in.push_back(storage_of(graph.layouts[graph.entry(e)]));
      try {
        apply_storage_rule(*node.op, node.params.get(), in, out, node.in_backward);
      } catch (const Error& e) {
        fail_at_node(graph, id, e.what());
      }
      const bool in_backward = node.in_backward;
      for (size_t i = 0; i < in.size(); ++i) {
        const EntryId changed = stored_as(graph.nodes[id].inputs[i], in[i], in_backward);
        graph.nodes[id].inputs[i] = changed;
      }
      for (size_t i = 0; i < out.size(); ++i)
        graph.layouts[graph.nodes[id].first_entry + static_cast<int32_t>(i)] = storage_layout(out[i]);
    }
    order.push_back(id);
  }
};

}  // namespace

bool touches_sparse(const Graph& graph, const GraphNode& node) {
  for (const EntryId& e : node.inputs) {
    if (is_sparse(graph.layouts[graph.entry(e)])) return true;
  }
  for (int i = 0; i < node.num_outputs; ++i) {
    if (is_sparse(graph.layouts[node.first_entry + i])) return true;
  }
  return false;
}

void assign_storage(Graph& graph, const std::vector<int>& output_storage) {
  bool asked = false;
  for (int s : output_storage) asked = asked || s > 0;
  if (!asked && !has_sparse_values(graph)) return;
  StoragePass pass{graph, {}, {}};
  pass.casts.resize(graph.num_entries());
  const int32_t n = static_cast<int32_t>(graph.nodes.size());
  // A cast stands before its first reader, so forward nodes never wait for backward ones.
  for (int32_t id = 0; id < n; ++id) pass.visit(id);
  for (size_t i = 0; i < graph.outputs.size() && i < output_storage.size(); ++i) {
    if (output_storage[i] < 0) continue;
    const EntryId e = graph.outputs[i];
    const EntryId changed =
        pass.stored_as(e, static_cast<StorageType>(output_storage[i]), graph.nodes[e.node].in_backward);
    graph.outputs[i] = changed;
  }
  reorder_nodes(graph, pass.order);
}

}  // namespace symbind
