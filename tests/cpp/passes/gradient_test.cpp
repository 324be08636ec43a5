// What the gradient pass builds.
#include <doctest/doctest.h>

#include "passes/passes.h"
#include "test_graphs.h"

using namespace symbind;

TEST_CASE("a loss needs no head gradient, anything else does") {
  Graph loss = inferred(classifier(), {4, 5});
  CHECK(add_gradients(loss, {node_named(loss, "fc1_weight")}).head_grads == std::vector<int32_t>{-1});
  Graph plain = inferred(dense(variable("data"), "fc", 3), {4, 5});
  CHECK(add_gradients(plain, {node_named(plain, "fc_weight")}).head_grads[0] >= 0);
}

TEST_CASE("gradients have the shape of their variables and are marked as backward") {
  Graph graph = inferred(classifier(), {4, 5});
  const int32_t weight = node_named(graph, "fc1_weight");
  const size_t forward = graph.nodes.size();
  const GradientResult result = add_gradients(graph, {weight});
  REQUIRE(result.gradients[0].valid());
  CHECK(graph.shape(result.gradients[0]) == Shape{8, 5});
  for (size_t i = 0; i < graph.nodes.size(); ++i) CHECK(graph.nodes[i].in_backward == (i >= forward));
}

TEST_CASE("a value that is read twice gets the sum of two gradients") {
  const Symbol x = variable("data");
  Graph graph = inferred(apply("elemwise_mul", "square", {x, x}), {3});
  add_gradients(graph, {node_named(graph, "data")});
  CHECK(count_ops(graph, "_grad_add") == 1);
}

TEST_CASE("nothing flows through BlockGrad") {
  Graph graph = inferred(apply("BlockGrad", "stop", {variable("data")}), {3});
  CHECK_FALSE(add_gradients(graph, {node_named(graph, "data")}).gradients[0].valid());
}
