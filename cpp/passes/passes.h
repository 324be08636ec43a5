// The passes between a Symbol and a Program. Each works on the array form of the graph and needs no device.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace symbind {

// Shape inference to a fixpoint, in both directions. Returns true when every shape is known.
bool infer_shapes(Graph& graph);
// The same for dtypes. Variables that nothing determines become float32.
bool infer_types(Graph& graph, bool assume_float32 = true);
// Fails at the first node with an unknown shape, naming the variables that would settle it.
void check_complete(const Graph& graph);

struct GradientResult {
  std::vector<EntryId> gradients;   // one per `wrt`; not valid when nothing depends on that variable
  std::vector<int32_t> head_grads;  // one variable per output; -1 for outputs of loss operators
};
// Appends the gradient of graph.outputs with respect to variables. Shapes and dtypes must be known.
GradientResult add_gradients(Graph& graph, const std::vector<int32_t>& wrt);

// Sparse values: decides by the operators' rules (graph/storage_rule.h) how every entry is stored, starting
// from the layouts of variables, and puts `cast_storage` nodes where a node wants its input stored otherwise.
// output_storage: for outputs, how they must be stored (StorageType), or -1 for as they come.
void assign_storage(Graph& graph, const std::vector<int>& output_storage = {});
// Is an input or an output of the node sparse?
bool touches_sparse(const Graph& graph, const GraphNode& node);

// Removes identities, common subexpressions and nodes that no output needs.
void simplify(Graph& graph, bool is_train);
// Drops nodes that no output needs; memory is planned for the others only, so this is no option.
void remove_dead(Graph& graph);

// Outside training: moves BatchNorm and the like into the weight and bias of the operator before.
void fold_affine(Graph& graph);
// Moves activations (and other work an operator can do at its end) onto their producers.
void fuse(Graph& graph);

// Training: outputs that are cheap to make again (OpDef::recompute) are not kept for the backward part.
void recompute(Graph& graph);

// Chooses layouts through OpDef::layout and puts `_reorder` nodes where they differ. Outputs end up
// row-major. Operators that can compute in `compute` take and make float32 tensors held that way.
void assign_layouts(Graph& graph, bool is_train, Compute compute);

// Marks variables that are read as weights, biases and the like, and as nothing else; before passes that
// insert nodes.
void mark_parameters(Graph& graph);
// Marks nodes that depend on such variables alone (packed or folded weights): they need not run at every
// call.
void mark_prepared(Graph& graph);

// Keeps the nodes for which keep[i] is true, renumbering; kept nodes may only use kept nodes.
void compact(Graph& graph, const std::vector<char>& keep);
// Puts the nodes in the given order, which names every one of them once.
void reorder_nodes(Graph& graph, const std::vector<int32_t>& order);
// How often each entry is read by nodes (outputs count as one more).
std::vector<int32_t> count_uses(const Graph& graph);

// Where every entry lives.
struct Placement {
  enum Kind : int8_t { kNone, kArena, kExternal };
  Kind kind = kNone;
  int32_t external = -1;
  int64_t offset = 0;  // in the arena
};
struct MemoryPlan {
  std::vector<Placement> entries;   // by entry
  std::vector<int64_t> workspaces;  // by node: arena offset, -1 when it needs none
  std::vector<char> is_view;        // by node: no kernel runs, the output is the input's memory
  int64_t arena_bytes = 0;
  int64_t total_bytes = 0;  // what the arena would be without sharing
};
struct MemoryRequest {
  std::vector<int32_t> entry_external;   // by entry: the external array it must be written to, or -1
  std::vector<int64_t> workspace_bytes;  // by node
  bool share = true;                     // false: no entry reuses memory, views are copied (for monitors)
};
// Liveness over node order, in-place pairs, views, best fit into one arena.
MemoryPlan plan_memory(const Graph& graph, const MemoryRequest& request);

}  // namespace symbind
