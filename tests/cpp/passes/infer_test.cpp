// Shape and type inference, in both directions.
#include <doctest/doctest.h>

#include "passes/passes.h"
#include "test_graphs.h"

namespace symbind {

Graph inferred(const Symbol& symbol, const Shape& data) {
  Graph graph = graph_from_symbol(symbol);
  const int32_t id = node_named(graph, "data");
  graph.shape({id, 0}) = data;
  infer_shapes(graph);
  check_complete(graph);
  infer_types(graph);
  return graph;
}

}  // namespace symbind

using namespace symbind;

TEST_CASE("parameters and labels follow from the data") {
  const Graph graph = inferred(classifier(), {4, 5});
  CHECK(graph.shape({node_named(graph, "fc1_weight"), 0}) == Shape{8, 5});
  CHECK(graph.shape({node_named(graph, "fc2_bias"), 0}) == Shape{3});
  CHECK(graph.shape({node_named(graph, "softmax_label"), 0}) == Shape{4});
  CHECK(graph.shape(graph.outputs[0]) == Shape{4, 3});
  CHECK(graph.dtype(graph.outputs[0]) == DType::kFloat32);
}

TEST_CASE("what comes later in the graph settles what comes first") {
  const Symbol sum = apply("elemwise_add", "sum", {variable("a"), variable("data")});
  Graph graph = graph_from_symbol(sum);
  graph.shape({node_named(graph, "data"), 0}) = Shape{2, -1};
  graph.shape({node_named(graph, "a"), 0}) = Shape{-1, 7};
  CHECK(infer_shapes(graph));
  CHECK(graph.shape({node_named(graph, "a"), 0}) == Shape{2, 7});
}

TEST_CASE("a contradiction names the node, its inputs and their shapes") {
  Graph graph = graph_from_symbol(apply("elemwise_add", "sum", {variable("a"), variable("b")}));
  graph.shape({node_named(graph, "a"), 0}) = Shape{2, 3};
  graph.shape({node_named(graph, "b"), 0}) = Shape{2, 4};
  try {
    infer_shapes(graph);
    FAIL("no error");
  } catch (const Error& e) {
    const std::string text = e.what();
    CHECK(text.find("Error in operator sum") != std::string::npos);
    CHECK(text.find("(2,3)") != std::string::npos);
    CHECK(text.find("(2,4)") != std::string::npos);
  }
}

TEST_CASE("what stays unknown is an error that asks for it") {
  Graph graph = graph_from_symbol(classifier());
  CHECK_FALSE(infer_shapes(graph));
  CHECK_THROWS_WITH_AS(check_complete(graph), doctest::Contains("data"), Error);
}

TEST_CASE("dtypes follow the known ones") {
  Graph graph = graph_from_symbol(classifier());
  graph.dtype({node_named(graph, "data"), 0}) = DType::kFloat64;
  infer_types(graph);
  CHECK(graph.dtype({node_named(graph, "fc2_weight"), 0}) == DType::kFloat64);
}
