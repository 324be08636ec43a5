// Shape and type inference: sweeps forward, then backward, until nothing changes.
#include "passes/passes.h"

namespace symbind {
namespace {

bool shape_known(const Graph& graph, int32_t id) {
  const GraphNode& node = graph.nodes[id];
  for (int i = 0; i < node.num_outputs; ++i) {
    if (!graph.shapes[node.first_entry + i].known()) return false;
  }
  for (const EntryId& e : node.inputs) {
    if (!graph.shape(e).known()) return false;
  }
  return true;
}

bool all_shapes_known(const Graph& graph) {
  for (const Shape& s : graph.shapes) {
    if (!s.known()) return false;
  }
  return true;
}

}  // namespace

bool infer_shapes(Graph& graph) {
  const int32_t n = static_cast<int32_t>(graph.nodes.size());
  bool changed = true;
  // The first sweep checks every node; later ones only visit nodes with something unknown.
  for (int sweep = 0; changed; ++sweep) {
    changed = false;
    for (int32_t id = 0; id < n; ++id) {
      if (sweep > 0 && shape_known(graph, id)) continue;
      changed = graph.infer_node_shape(id) || changed;
    }
    if (all_shapes_known(graph)) break;
    for (int32_t id = n - 1; id >= 0; --id) {
      if (!shape_known(graph, id)) changed = graph.infer_node_shape(id) || changed;
    }
  }
  // What became known last was not yet seen by the nodes before it: one more forward sweep finds
  // contradictions.
  for (int32_t id = 0; id < n; ++id) graph.infer_node_shape(id);
  return all_shapes_known(graph);
}

bool infer_types(Graph& graph, bool assume_float32) {
  const int32_t n = static_cast<int32_t>(graph.nodes.size());
  auto sweep_all = [&] {
    bool changed = true;
    while (changed) {
      changed = false;
      for (int32_t id = 0; id < n; ++id) changed = graph.infer_node_type(id) || changed;
      bool complete = true;
      for (DType t : graph.dtypes) complete = complete && t != DType::kUnknown;
      if (complete) return;
      for (int32_t id = n - 1; id >= 0; --id) changed = graph.infer_node_type(id) || changed;
    }
  };
  sweep_all();
  // MXNet's default: what nothing determines is float32. One variable at a time, so that its users follow it.
  for (int32_t id = 0; assume_float32 && id < n; ++id) {
    const GraphNode& node = graph.nodes[id];
    if (node.op == nullptr && graph.dtypes[node.first_entry] == DType::kUnknown) {
      graph.dtypes[node.first_entry] = DType::kFloat32;
    }
  }
  sweep_all();
  for (DType t : graph.dtypes) {
    if (t == DType::kUnknown) return false;
  }
  return true;
}

void check_complete(const Graph& graph) {
  std::string missing;
  int count = 0;
  for (const GraphNode& node : graph.nodes) {
    if (node.op == nullptr && !graph.shapes[node.first_entry].known()) {
      if (++count <= 8)
        missing += concat(missing.empty() ? "" : ", ", node.name, " ", graph.shapes[node.first_entry]);
    }
  }
  for (int32_t id = 0; id < static_cast<int32_t>(graph.nodes.size()); ++id) {
    const GraphNode& node = graph.nodes[id];
    if (node.op == nullptr) continue;
    for (int i = 0; i < node.num_outputs; ++i) {
      if (graph.shapes[node.first_entry + i].known()) continue;
      fail_at_node(graph, id,
                   concat("cannot infer the shape of output ", i,
                          " (known so far: ", graph.shapes[node.first_entry + i], ")",
                          missing.empty() ? "" : "; give the shapes of: " + missing));
    }
  }
  check(count == 0, "cannot infer the shapes of: ", missing, "; give them at bind");
}

}  // namespace symbind
