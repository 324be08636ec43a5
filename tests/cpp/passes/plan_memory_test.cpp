// The memory plan: no two values that live at the same time may overlap.
#include <doctest/doctest.h>

#include <random>

#include "passes/passes.h"
#include "test_graphs.h"

using namespace symbind;

namespace {

MemoryRequest request_for(const Graph& graph) {
  MemoryRequest request;
  request.entry_external.assign(graph.num_entries(), -1);
  request.workspace_bytes.assign(graph.nodes.size(), 0);
  return request;
}

Symbol chain(int length) {
  Symbol x = variable("data");
  for (int i = 0; i < length; ++i) x = apply("tanh", "t" + std::to_string(i), {x});
  return x;
}

// Simulates the program: every entry's bytes carry its number from where it is written until its last reader.
void check_no_overlap(const Graph& graph, const MemoryPlan& plan) {
  std::vector<int32_t> owner(static_cast<size_t>(plan.arena_bytes / 64 + 1), -1);
  std::vector<int32_t> alias(graph.num_entries());
  for (int32_t i = 0; i < graph.num_entries(); ++i) alias[i] = i;
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    const GraphNode& node = graph.nodes[id];
    for (const EntryId& e : node.inputs) {
      const int32_t entry = graph.entry(e);
      if (plan.entries[entry].kind != Placement::kArena) continue;
      CHECK(owner[plan.entries[entry].offset / 64] == alias[entry]);
    }
    for (int i = 0; node.op != nullptr && i < node.num_outputs; ++i) {
      const int32_t out = node.first_entry + i;
      if (plan.entries[out].kind != Placement::kArena) continue;
      if (plan.is_view[id]) {
        alias[out] = alias[graph.entry(node.inputs[0])];
        continue;
      }
      const int64_t bytes = static_cast<int64_t>(graph.desc({static_cast<int32_t>(id), i}).bytes());
      for (int64_t b = 0; b < (bytes + 63) / 64; ++b) owner[plan.entries[out].offset / 64 + b] = out;
    }
  }
}

}  // namespace

TEST_CASE("a chain of in-place operators needs one block") {
  const Graph graph = inferred(chain(50), {100});
  const MemoryPlan plan = plan_memory(graph, request_for(graph));
  CHECK(plan.arena_bytes == 448);  // 400 rounded up
  CHECK(plan.total_bytes == 50 * 400);
  check_no_overlap(graph, plan);
}

TEST_CASE("without sharing every value has its own block") {
  const Graph graph = inferred(chain(5), {16});
  MemoryRequest request = request_for(graph);
  request.share = false;
  CHECK(plan_memory(graph, request).arena_bytes == 5 * 64);
}

TEST_CASE("a view is its input's memory") {
  const Graph graph = inferred(apply("Flatten", "flat", {apply("tanh", "t", {variable("data")})}), {2, 3, 4});
  const MemoryPlan plan = plan_memory(graph, request_for(graph));
  const int32_t flat = node_named(graph, "flat");
  CHECK(plan.is_view[flat]);
  CHECK(plan.entries[graph.entry({flat, 0})].offset ==
        plan.entries[graph.entry({node_named(graph, "t"), 0})].offset);
}

TEST_CASE("values of random graphs never overlap while they live") {
  std::mt19937 random(7);
  for (int trial = 0; trial < 30; ++trial) {
    std::vector<Symbol> values{variable("data")};
    for (int i = 0; i < 60; ++i) {
      const std::string name = "n" + std::to_string(i);
      const Symbol& a = values[random() % values.size()];
      const Symbol& b = values[values.size() - 1 - random() % std::min<size_t>(values.size(), 4)];
      values.push_back(random() % 3 == 0 ? apply("tanh", name, {a}) : apply("elemwise_add", name, {a, b}));
    }
    Graph graph = inferred(values.back(), {33});
    const GradientResult gradient = add_gradients(graph, {node_named(graph, "data")});
    if (gradient.gradients[0].valid()) graph.outputs.push_back(gradient.gradients[0]);
    simplify(graph, true);
    const MemoryPlan plan = plan_memory(graph, request_for(graph));
    check_no_overlap(graph, plan);
    CHECK(plan.arena_bytes <= plan.total_bytes + 64 * static_cast<int64_t>(graph.nodes.size()));
  }
}
