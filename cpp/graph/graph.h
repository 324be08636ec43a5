// The engine's form of a graph: nodes in an array, in topological order, addressed by number. Passes work on
// this.
#pragma once

#include <string>
#include <vector>

#include "graph/op.h"

namespace symbind {

struct Symbol;

struct GraphNode {
  const OpDef* op = nullptr;  // null: a variable
  ParamsPtr params;
  std::string name;
  std::vector<EntryId> inputs;
  int32_t first_entry = 0;  // its outputs are entries first_entry .. first_entry + num_outputs - 1
  int32_t num_outputs = 1;
  int32_t forward = -1;   // for gradient nodes: the node they belong to
  int32_t external = -1;  // for variables: which of the executor's arrays it stands for
  bool is_aux = false;    // a variable that some operator updates
  bool in_backward = false;
  std::vector<PostOp> post_ops;
  bool prepared = false;  // depends on parameters alone: computed when one of them was written, and kept
};

class Graph {
 public:
  std::vector<GraphNode> nodes;
  std::vector<EntryId> outputs;
  std::vector<Shape> shapes;  // by entry
  std::vector<DType> dtypes;
  std::vector<LayoutPtr> layouts;

  int32_t entry(EntryId e) const { return nodes[e.node].first_entry + e.index; }
  int32_t num_entries() const { return static_cast<int32_t>(shapes.size()); }
  Shape& shape(EntryId e) { return shapes[entry(e)]; }
  DType& dtype(EntryId e) { return dtypes[entry(e)]; }
  const Shape& shape(EntryId e) const { return shapes[entry(e)]; }
  DType dtype(EntryId e) const { return dtypes[entry(e)]; }
  TensorDesc desc(EntryId e) const { return {shape(e), dtype(e), layouts[entry(e)]}; }

  // Appends a node; its inputs must exist. Returns its number.
  int32_t add_node(const OpDef* op, ParamsPtr params, const std::string& name, std::vector<EntryId> inputs);
  int32_t add_variable(const std::string& name);
  // Runs the shape and type rule of one node on what is known; fails with the node's name.
  // Returns true if something became known.
  bool infer_node(int32_t id);
  bool infer_node_shape(int32_t id);
  bool infer_node_type(int32_t id);
};

// "Error in operator fc1 (FullyConnected): ..." with the inputs and their shapes as known so far.
[[noreturn]] void fail_at_node(const Graph& graph, int32_t id, const std::string& message);

// Appends the nodes of a symbol whose variables, in list_inputs() order, are `inputs`; returns its outputs.
std::vector<EntryId> append_symbol(Graph& graph, const Symbol& symbol, const std::vector<EntryId>& inputs);

// The array form of a Symbol. `variables` receives the numbers of the variables in list_inputs() order.
Graph graph_from_symbol(const Symbol& symbol, std::vector<int32_t>* variables = nullptr);

}  // namespace symbind
