// Constant folding: nodes that depend on attributes alone are computed once, at compile time.
#include "executor/program.h"

namespace symbind {
namespace {

constexpr int64_t kMaxConstantBytes = 1 << 20;

bool foldable(const Graph& graph, const GraphNode& node, const std::vector<char>& is_constant) {
  if (node.op == nullptr || node.num_outputs != 1) return false;
  if (node.op->traits.random || node.op->traits.no_fold || !node.op->aux.empty()) return false;
  for (const EntryId& e : node.inputs) {
    if (!is_constant[e.node]) return false;
  }
  const int32_t entry = node.first_entry;
  if (touches_sparse(graph, node)) return false;
  return checked_bytes(graph.shapes[entry], static_cast<int64_t>(dtype_size(graph.dtypes[entry]))) <=
         kMaxConstantBytes;
}

NDArray evaluate(const Graph& graph, int32_t id, const std::vector<int32_t>& constant_of,
                 const std::vector<NDArray>& constants, const std::vector<int32_t>& uses) {
  const GraphNode& node = graph.nodes[id];
  Kernel kernel = node_kernel(graph, id, uses, {});
  NDArray value = make_ndarray(graph.shapes[node.first_entry], graph.dtypes[node.first_entry]);
  std::vector<void*> in;
  for (const EntryId& e : node.inputs) in.push_back(constants[constant_of[e.node]].data());
  void* out[] = {value.data()};
  const StoragePtr workspace = allocate_storage(kernel.workspace);
  kernel.run(kernel.self.get(), in.data(), out, workspace->data);
  return value;
}

}  // namespace

void fold_constants(Graph& graph, int first_external, std::vector<NDArray>& constants) {
  std::vector<char> is_constant(graph.nodes.size(), 0);
  std::vector<int32_t> constant_of(graph.nodes.size(), -1);
  std::vector<int32_t> uses;
  for (int32_t id = 0; id < static_cast<int32_t>(graph.nodes.size()); ++id) {
    GraphNode& node = graph.nodes[id];
    if (!foldable(graph, node, is_constant)) continue;
    if (uses.empty()) uses = count_uses(graph);
    constants.push_back(evaluate(graph, id, constant_of, constants, uses));
    constant_of[id] = static_cast<int32_t>(constants.size()) - 1;
    is_constant[id] = 1;
  }
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    if (!is_constant[id]) continue;
    GraphNode& node = graph.nodes[id];
    node.op = nullptr;
    node.params.reset();
    node.inputs.clear();
    node.in_backward = false;
    node.external = first_external + constant_of[id];
  }
}

}  // namespace symbind
