// Running loops and branches: which arrays their subgraphs read and write, and what is kept for gradients.
#pragma once

#include <memory>
#include <vector>

#include "executor/subprogram.h"

namespace symbind {

// Both loops. An operator's inputs and a body's variables are named by number.
struct LoopSpec {
  struct Link {
    int input;     // of the operator
    int variable;  // of the body
  };
  Symbol body;
  std::vector<Link> data;    // one slice along axis 0 at each step
  std::vector<Link> states;  // what the body makes of them is what it reads at the next step
  std::vector<Link> others;
  int num_out_data = 0;   // outputs that are stacked; the states follow them
  int64_t max_steps = 0;  // where there is no data
  Symbol condition;       // no outputs: none. A step is taken while it is not 0
  std::vector<int>
      condition_inputs;  // by its variables: the operator's inputs; states have their current value

  int num_inputs() const { return static_cast<int>(data.size() + states.size() + others.size()); }
};

struct RunRequest {
  std::vector<TensorDesc> in;     // of the operator
  std::vector<bool> grad_wanted;  // by input; empty: the run is not differentiated
  bool is_train = false;
  RandomState* random = nullptr;
};

class LoopRun {
 public:
  LoopRun(const LoopSpec& spec, const RunRequest& request);
  void forward(void* const* in, void* const* out);
  // `out_grads` by output, `in` as in forward; writes `grads` by input where they are wanted.
  void backward(void* const* out_grads, void* const* in, void* const* grads);

 private:
  struct Step {
    Arena arena;
    std::vector<NDArray> states;  // what the step made
    std::vector<NDArray> slices;  // of the stacked outputs: the backward part may read them
  };
  bool continues(void* const* in, void* const* states);
  Step& step(int64_t t);
  void set_inputs(int64_t t, void* const* in);
  char* state_before(int64_t t, size_t k, void* const* in);
  bool keeps() const { return !wanted_.empty(); }

  LoopSpec spec_;
  std::vector<bool> wanted_;
  std::vector<TensorDesc> in_;
  std::unique_ptr<SubProgram> body_, condition_;
  Arena condition_arena_;
  NDArray verdict_;
  std::vector<std::unique_ptr<Step>> steps_;
  int64_t max_steps_, taken_ = 0;
  std::vector<NDArray> carry_[2];     // gradients of the states
  std::vector<NDArray> unread_;       // by output of the body: where slices go that nobody reads
  std::vector<bool> differentiable_;  // by variable of the body
};

struct BranchSpec {
  Symbol condition, branches[2];                        // branches: if it is not 0, otherwise
  std::vector<int> condition_inputs, branch_inputs[2];  // by their variables: the operator's inputs
};

class BranchRun {
 public:
  BranchRun(const BranchSpec& spec, const RunRequest& request);
  void forward(void* const* in, void* const* out);
  void backward(void* const* out_grads, void* const* in, void* const* grads);

 private:
  BranchSpec spec_;
  std::vector<bool> wanted_;
  std::vector<TensorDesc> in_;
  std::unique_ptr<SubProgram> condition_, branches_[2];
  Arena condition_arena_, arena_;
  NDArray verdict_;
  std::vector<NDArray> own_[2];  // outputs by branch: the backward part may read them
  int taken_ = 0;
};

}  // namespace symbind
