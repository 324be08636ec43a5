// A graph inside of an operator: its inference, and its program, which a kernel runs as often as it likes.
#pragma once

#include <vector>

#include "executor/program.h"
#include "graph/symbol.h"

namespace symbind {

// Shape and type inference in both directions through a subgraph. `in` and `out` are its variables and
// outputs, in list_inputs() order.
void infer_subgraph_shapes(const Symbol& symbol, std::vector<Shape>& in, std::vector<Shape>& out);
void infer_subgraph_types(const Symbol& symbol, std::vector<DType>& in, std::vector<DType>& out);

class SubProgram {
 public:
  // `inputs` describe the variables; `grad_reqs` may be empty: no gradients.
  SubProgram(const Symbol& symbol, const std::vector<TensorDesc>& inputs,
             const std::vector<GradReq>& grad_reqs, bool is_train, RandomState* random);

  int num_inputs() const { return static_cast<int>(number_.size()); }
  const std::vector<TensorDesc>& outputs() const { return outputs_; }
  int64_t arena_bytes() const { return program_->plan.arena_bytes; }

  // Addresses for the runs that follow.
  void set_input(int i, void* address) { externals_[number_[i]] = address; }
  void set_output(int i, void* address) { externals_[map_.output(i)] = address; }
  // Only of inputs that are not auxiliary states.
  void set_grad(int i, void* address) { externals_[map_.grad(number_[i])] = address; }
  void set_head_grad(int i, void* address) { externals_[map_.head_grad(i)] = address; }

  // `arena` holds what the backward part needs: a run and its gradient take the same.
  void forward(Arena& arena);
  void backward(Arena& arena);

 private:
  ExternalMap map_;
  std::vector<int> number_;  // of each input, in the map
  std::vector<TensorDesc> outputs_;
  std::vector<void*> externals_;
  std::unique_ptr<Program> program_;
};

}  // namespace symbind
