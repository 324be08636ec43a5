// The passes that rewrite: simplify, fuse, layout.
#include <doctest/doctest.h>

#include "passes/passes.h"
#include "test_graphs.h"

using namespace symbind;

TEST_CASE("simplify removes identities and what no output needs") {
  const Symbol x = variable("data");
  const Symbol kept = apply("_copy", "copy", {activation(x, "relu", "relu")});
  Graph graph = inferred(apply("Dropout", "drop", {kept}), {3});
  Graph training = graph;
  simplify(graph, false);
  CHECK(count_ops(graph, "_copy") == 0);
  CHECK(count_ops(graph, "Dropout") == 0);
  CHECK(graph.nodes[graph.outputs[0].node].name == "relu");
  simplify(training, true);
  CHECK(count_ops(training, "Dropout") == 1);
}

TEST_CASE("simplify computes equal nodes once, but never merges random ones") {
  const Symbol x = variable("data");
  const Symbol same = apply("elemwise_add", "sum", {apply("tanh", "a", {x}), apply("tanh", "b", {x})});
  Graph graph = inferred(same, {3});
  simplify(graph, true);
  CHECK(count_ops(graph, "tanh") == 1);
  const AttrMap shape{{"shape", "(3,)"}};
  const Symbol draws =
      apply("elemwise_add", "sum",
            {apply("_random_uniform", "u", {}, shape), apply("_random_uniform", "v", {}, shape)});
  Graph random = inferred(apply("elemwise_add", "all", {draws, x}), {3});
  simplify(random, true);
  CHECK(count_ops(random, "_random_uniform") == 2);
}

TEST_CASE("fuse moves an activation onto its only producer") {
  Graph graph = inferred(classifier(), {4, 5});
  fuse(graph);
  const GraphNode& fc = graph.nodes[node_named(graph, "fc1")];
  REQUIRE(fc.post_ops.size() == 1);
  CHECK(fc.post_ops[0].kind == PostOp::kRelu);
  CHECK(count_ops(graph, "Activation") == 0);
}

TEST_CASE("fuse leaves an activation alone when its input has another reader") {
  const Symbol fc = dense(variable("data"), "fc", 3);
  Graph graph = inferred(group({activation(fc, "relu", "relu"), fc}), {4, 5});
  fuse(graph);
  CHECK(count_ops(graph, "Activation") == 1);
}

TEST_CASE("compact renumbers nodes, entries and outputs") {
  Graph graph =
      inferred(apply("elemwise_add", "sum", {variable("data"), apply("tanh", "t", {variable("z")})}), {3});
  std::vector<char> keep(graph.nodes.size(), 1);
  graph.outputs = {{node_named(graph, "t"), 0}};
  keep[node_named(graph, "sum")] = 0;
  keep[node_named(graph, "data")] = 0;
  compact(graph, keep);
  REQUIRE(graph.nodes.size() == 2);
  CHECK(graph.nodes[graph.outputs[0].node].name == "t");
  CHECK(graph.num_entries() == 2);
}
