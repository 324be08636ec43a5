#include "executor/subprogram.h"

namespace symbind {

void infer_subgraph_shapes(const Symbol& symbol, std::vector<Shape>& in, std::vector<Shape>& out) {
  std::vector<int32_t> variables;
  Graph graph = graph_from_symbol(symbol, &variables);
  for (size_t i = 0; i < in.size(); ++i) graph.shape({variables[i], 0}) = in[i];
  for (size_t i = 0; i < out.size(); ++i) merge_shape(graph.shape(graph.outputs[i]), out[i]);
  infer_shapes(graph);
  for (size_t i = 0; i < in.size(); ++i) in[i] = graph.shape({variables[i], 0});
  for (size_t i = 0; i < out.size(); ++i) out[i] = graph.shape(graph.outputs[i]);
}

void infer_subgraph_types(const Symbol& symbol, std::vector<DType>& in, std::vector<DType>& out) {
  std::vector<int32_t> variables;
  Graph graph = graph_from_symbol(symbol, &variables);
  for (size_t i = 0; i < in.size(); ++i) graph.dtype({variables[i], 0}) = in[i];
  for (size_t i = 0; i < out.size(); ++i) {
    DType& known = graph.dtype(graph.outputs[i]);
    if (known == DType::kUnknown) known = out[i];
  }
  infer_types(graph, false);
  for (size_t i = 0; i < in.size(); ++i) in[i] = graph.dtype({variables[i], 0});
  for (size_t i = 0; i < out.size(); ++i) out[i] = graph.dtype(graph.outputs[i]);
}

SubProgram::SubProgram(const Symbol& symbol, const std::vector<TensorDesc>& inputs,
                       const std::vector<GradReq>& grad_reqs, bool is_train, RandomState* random) {
  std::vector<int32_t> variables;
  Graph graph = graph_from_symbol(symbol, &variables);
  for (int32_t id : variables) (graph.nodes[id].is_aux ? map_.num_aux : map_.num_args) += 1;
  map_.num_outputs = static_cast<int>(graph.outputs.size());
  CompileOptions options;
  options.is_train = is_train;
  options.random = random;
  int arg = 0, state = 0;
  for (size_t i = 0; i < variables.size(); ++i) {
    GraphNode& node = graph.nodes[variables[i]];
    if (!node.is_aux && !grad_reqs.empty()) options.grad_reqs.push_back(grad_reqs[i]);
    node.external = node.is_aux ? map_.aux(state++) : map_.arg(arg++);
    number_.push_back(node.external);
    graph.shape({variables[i], 0}) = inputs[i].shape;
    graph.dtype({variables[i], 0}) = inputs[i].dtype;
  }
  infer_shapes(graph);
  check_complete(graph);
  infer_types(graph);
  for (const EntryId& e : graph.outputs) outputs_.push_back({graph.shape(e), graph.dtype(e), nullptr});
  externals_.assign(static_cast<size_t>(map_.constants()), nullptr);
  program_ = compile(std::move(graph), map_, options);
}

void SubProgram::forward(Arena& arena) {
  arena.reserve(program_->plan.arena_bytes);
  program_->resolve(externals_, arena);
  // What depends on parameters alone is not kept: between two runs an input may be another array.
  for (const Step& step : program_->prepare_steps) program_->run_step(step);
  program_->run(0, program_->num_forward_steps);
}

void SubProgram::backward(Arena& arena) {
  program_->resolve(externals_, arena);
  program_->run(program_->num_forward_steps, program_->steps.size());
}

}  // namespace symbind
