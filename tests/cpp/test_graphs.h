// Small graphs for the tests of passes and executors.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/symbol.h"
#include "ops/register_all.h"

namespace symbind {

inline Symbol variable(const std::string& name) { return make_variable(name, {}); }

inline Symbol apply(const std::string& op, const std::string& name, std::vector<Symbol> inputs,
                    const AttrMap& attrs = {}) {
  register_all_ops();
  return make_op(op, name, attrs, {std::move(inputs), {}});
}

inline Symbol dense(const Symbol& data, const std::string& name, int hidden) {
  return apply("FullyConnected", name, {data}, {{"num_hidden", std::to_string(hidden)}});
}

inline Symbol activation(const Symbol& data, const std::string& name, const std::string& type) {
  return apply("Activation", name, {data}, {{"act_type", type}});
}

// data - fc1 - relu - fc2 - softmax
inline Symbol classifier() {
  const Symbol hidden = activation(dense(variable("data"), "fc1", 8), "relu1", "relu");
  return apply("SoftmaxOutput", "softmax", {dense(hidden, "fc2", 3)});
}

inline int32_t node_named(const Graph& graph, const std::string& name) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].name == name) return static_cast<int32_t>(i);
  }
  return -1;
}

inline int count_ops(const Graph& graph, const std::string& op) {
  int n = 0;
  for (const GraphNode& node : graph.nodes) n += node.op != nullptr && node.op->name == op;
  return n;
}

// The array form with the shape of "data" set and everything inferred.
Graph inferred(const Symbol& symbol, const Shape& data);

}  // namespace symbind
