#include "executor/infer_storage.h"

#include "passes/passes.h"

namespace symbind {

BoundStorage infer_storage(Graph graph, std::vector<int32_t> wrt) {
  // Passes renumber nodes: variables are found again by the number they get here.
  for (size_t i = 0; i < wrt.size(); ++i) graph.nodes[wrt[i]].external = static_cast<int32_t>(i);
  assign_storage(graph);
  BoundStorage result;
  for (const EntryId& e : graph.outputs) result.outputs.push_back(storage_of(graph.layouts[graph.entry(e)]));
  result.grads.resize(wrt.size());
  if (wrt.empty()) return result;
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    const GraphNode& node = graph.nodes[id];
    if (node.op != nullptr || node.external < 0) continue;
    wrt[static_cast<size_t>(node.external)] = static_cast<int32_t>(id);
    const StorageType own = storage_of(graph.layouts[node.first_entry]);
    if (own == StorageType::kRowSparse) result.grads[static_cast<size_t>(node.external)] = own;
  }
  const GradientResult gradient = add_gradients(graph, wrt);
  for (size_t i = 0; i < gradient.head_grads.size(); ++i) {
    const EntryId head{gradient.head_grads[i], 0};
    if (head.valid()) graph.layouts[graph.entry(head)] = graph.layouts[graph.entry(graph.outputs[i])];
  }
  graph.outputs.clear();
  std::vector<size_t> position;
  for (size_t i = 0; i < wrt.size(); ++i) {
    if (!gradient.gradients[i].valid()) continue;
    graph.outputs.push_back(gradient.gradients[i]);
    position.push_back(i);
  }
  assign_storage(graph);
  for (size_t k = 0; k < position.size(); ++k)
    result.grads[position[k]] = storage_of(graph.layouts[graph.entry(graph.outputs[k])]);
  return result;
}

}  // namespace symbind
