#include "executor/control_flow_run.h"

#include <cstring>

namespace symbind {
namespace {

NDArray like(const TensorDesc& desc) { return make_ndarray(desc.shape, desc.dtype); }

void clear(void* address, const TensorDesc& desc) {
  if (address != nullptr && desc.bytes() > 0) std::memset(address, 0, desc.bytes());
}

void copy(void* to, const void* from, size_t bytes) {
  if (to != from && bytes > 0) std::memcpy(to, from, bytes);
}

bool is_true(const NDArray& value) {
  return visit_dtype(value.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return static_cast<accumulate_t<T>>(*static_cast<const T*>(value.data())) != accumulate_t<T>(0);
  });
}

// The program of a condition and the array for its value.
std::unique_ptr<SubProgram> make_condition(const Symbol& symbol, const std::vector<int>& inputs,
                                           const RunRequest& r, NDArray& verdict) {
  std::vector<TensorDesc> descs;
  for (int i : inputs) descs.push_back(r.in[i]);
  auto program = std::make_unique<SubProgram>(symbol, descs, std::vector<GradReq>(), false, r.random);
  check(program->outputs()[0].shape.size() == 1, "the condition: got an output of shape ",
        program->outputs()[0].shape, ", expected one element");
  verdict = like(program->outputs()[0]);
  program->set_output(0, verdict.data());
  return program;
}

}  // namespace

LoopRun::LoopRun(const LoopSpec& spec, const RunRequest& r)
    : spec_(spec), wanted_(r.grad_wanted), in_(r.in), max_steps_(spec.max_steps) {
  std::vector<TensorDesc> inputs(static_cast<size_t>(spec.num_inputs()));
  for (const auto& link : spec.data) {
    TensorDesc slice = r.in[link.input];
    max_steps_ = slice.shape[0];
    slice.shape = Shape(slice.shape.begin() + 1, slice.shape.end());
    inputs[link.variable] = slice;
  }
  for (const auto& link : spec.states) inputs[link.variable] = r.in[link.input];
  for (const auto& link : spec.others) inputs[link.variable] = r.in[link.input];
  std::vector<GradReq> reqs;
  if (keeps()) {
    reqs.assign(inputs.size(), GradReq::kNull);
    auto ask = [&](const LoopSpec::Link& link, bool wanted, GradReq req) {
      if (wanted && is_float(inputs[link.variable].dtype)) reqs[link.variable] = req;
    };
    for (const auto& link : spec.data) ask(link, wanted_[link.input], GradReq::kWrite);
    for (const auto& link : spec.states) ask(link, true, GradReq::kWrite);
    for (const auto& link : spec.others) ask(link, wanted_[link.input], GradReq::kAdd);
    for (auto& carry : carry_) {
      for (const auto& link : spec.states) {
        carry.push_back(like(r.in[link.input]));
        clear(carry.back().data(), r.in[link.input]);
      }
    }
  }
  for (GradReq req : reqs) differentiable_.push_back(req != GradReq::kNull);
  body_ = std::make_unique<SubProgram>(spec.body, inputs, reqs, r.is_train, r.random);
  for (size_t k = 0; k < spec.states.size(); ++k) {
    const TensorDesc& made = body_->outputs()[static_cast<size_t>(spec.num_out_data) + k];
    const TensorDesc& state = r.in[spec.states[k].input];
    check(made.shape == state.shape && made.dtype == state.dtype, "state ", k, " changes: got ", made.shape,
          " ", dtype_name(made.dtype), " after a step, expected ", state.shape, " ", dtype_name(state.dtype));
  }
  for (int i = 0; i < spec.num_out_data; ++i) {
    unread_.push_back(like(body_->outputs()[static_cast<size_t>(i)]));
  }
  if (!spec.condition.outputs.empty()) {
    condition_ = make_condition(spec.condition, spec.condition_inputs, r, verdict_);
  }
}

LoopRun::Step& LoopRun::step(int64_t t) {
  // Without gradients two steps take turns.
  const size_t i = static_cast<size_t>(keeps() ? t : t % 2);
  while (steps_.size() <= i) {
    steps_.push_back(std::make_unique<Step>());
    for (const auto& link : spec_.states) steps_.back()->states.push_back(like(in_[link.input]));
    for (int k = 0; k < spec_.num_out_data && keeps(); ++k) {
      steps_.back()->slices.push_back(like(body_->outputs()[static_cast<size_t>(k)]));
    }
  }
  return *steps_[i];
}

char* LoopRun::state_before(int64_t t, size_t k, void* const* in) {
  return static_cast<char*>(t == 0 ? in[spec_.states[k].input] : step(t - 1).states[k].data());
}

bool LoopRun::continues(void* const* in, void* const* states) {
  if (condition_ == nullptr) return true;
  for (size_t v = 0; v < spec_.condition_inputs.size(); ++v) {
    void* address = in[spec_.condition_inputs[v]];
    for (size_t k = 0; k < spec_.states.size(); ++k) {
      if (spec_.states[k].input == spec_.condition_inputs[v]) address = states[k];
    }
    condition_->set_input(static_cast<int>(v), address);
  }
  condition_->forward(condition_arena_);
  return is_true(verdict_);
}

void LoopRun::set_inputs(int64_t t, void* const* in) {
  for (const auto& link : spec_.data) {
    const size_t bytes = in_[link.input].bytes() / static_cast<size_t>(max_steps_);
    body_->set_input(link.variable, static_cast<char*>(in[link.input]) + static_cast<size_t>(t) * bytes);
  }
  for (size_t k = 0; k < spec_.states.size(); ++k)
    body_->set_input(spec_.states[k].variable, state_before(t, k, in));
  for (const auto& link : spec_.others) body_->set_input(link.variable, in[link.input]);
}

void LoopRun::forward(void* const* in, void* const* out) {
  const size_t stacked = static_cast<size_t>(spec_.num_out_data);
  std::vector<void*> states(spec_.states.size());
  for (taken_ = 0; taken_ < max_steps_; ++taken_) {
    for (size_t k = 0; k < states.size(); ++k) states[k] = state_before(taken_, k, in);
    if (!continues(in, states.data())) break;
    Step& now = step(taken_);
    set_inputs(taken_, in);
    auto slice = [&](size_t i) -> void* {
      if (out[i] == nullptr) return nullptr;
      return static_cast<char*>(out[i]) + static_cast<size_t>(taken_) * body_->outputs()[i].bytes();
    };
    for (size_t i = 0; i < stacked; ++i) {
      void* address = keeps() ? now.slices[i].data() : slice(i);
      body_->set_output(static_cast<int>(i), address != nullptr ? address : unread_[i].data());
    }
    for (size_t k = 0; k < states.size(); ++k) {
      body_->set_output(static_cast<int>(stacked + k), now.states[k].data());
    }
    body_->forward(keeps() ? now.arena : steps_[0]->arena);
    for (size_t i = 0; i < stacked && keeps(); ++i) {
      if (void* to = slice(i)) copy(to, now.slices[i].data(), body_->outputs()[i].bytes());
    }
  }
  for (size_t i = 0; i < stacked; ++i) {  // steps that were not taken
    if (out[i] == nullptr) continue;
    const size_t bytes = body_->outputs()[i].bytes(), done = static_cast<size_t>(taken_) * bytes;
    std::memset(static_cast<char*>(out[i]) + done, 0, static_cast<size_t>(max_steps_) * bytes - done);
  }
  for (size_t k = 0; k < states.size(); ++k) {
    if (out[stacked + k] == nullptr) continue;
    copy(out[stacked + k], state_before(taken_, k, in), in_[spec_.states[k].input].bytes());
  }
}

void LoopRun::backward(void* const* out_grads, void* const* in, void* const* grads) {
  const size_t stacked = static_cast<size_t>(spec_.num_out_data);
  for (const auto& link : spec_.others) {
    if (wanted_[link.input]) clear(grads[link.input], in_[link.input]);
  }
  for (const auto& link : spec_.data) {
    if (wanted_[link.input]) clear(grads[link.input], in_[link.input]);
  }
  std::vector<void*> after(spec_.states.size());  // gradients of the states behind the step
  for (size_t k = 0; k < after.size(); ++k) after[k] = out_grads[stacked + k];
  for (int64_t t = taken_ - 1; t >= 0; --t) {
    set_inputs(t, in);
    for (size_t k = 0; k < after.size(); ++k) {
      body_->set_output(static_cast<int>(stacked + k), step(t).states[k].data());
    }
    for (size_t i = 0; i < stacked; ++i) {
      body_->set_output(static_cast<int>(i), step(t).slices[i].data());
      const size_t offset = static_cast<size_t>(t) * body_->outputs()[i].bytes();
      body_->set_head_grad(static_cast<int>(i), static_cast<char*>(out_grads[i]) + offset);
    }
    for (size_t k = 0; k < after.size(); ++k) {
      body_->set_head_grad(static_cast<int>(stacked + k), after[k]);
      after[k] = carry_[t % 2][k].data();
      if (differentiable_[spec_.states[k].variable]) body_->set_grad(spec_.states[k].variable, after[k]);
    }
    for (const auto& link : spec_.data) {
      const size_t bytes = in_[link.input].bytes() / static_cast<size_t>(max_steps_);
      if (!differentiable_[link.variable]) continue;
      body_->set_grad(link.variable, static_cast<char*>(grads[link.input]) + static_cast<size_t>(t) * bytes);
    }
    for (const auto& link : spec_.others) {
      if (differentiable_[link.variable]) body_->set_grad(link.variable, grads[link.input]);
    }
    body_->backward(step(t).arena);
  }
  for (size_t k = 0; k < after.size(); ++k) {
    const int input = spec_.states[k].input;
    if (wanted_[input]) copy(grads[input], after[k], in_[input].bytes());
  }
}

BranchRun::BranchRun(const BranchSpec& spec, const RunRequest& r)
    : spec_(spec), wanted_(r.grad_wanted), in_(r.in) {
  condition_ = make_condition(spec.condition, spec.condition_inputs, r, verdict_);
  for (int b = 0; b < 2; ++b) {
    std::vector<TensorDesc> descs;
    std::vector<GradReq> reqs;
    for (int i : spec.branch_inputs[b]) {
      descs.push_back(r.in[i]);
      if (wanted_.empty()) continue;
      reqs.push_back(wanted_[i] && is_float(r.in[i].dtype) ? GradReq::kAdd : GradReq::kNull);
    }
    branches_[b] = std::make_unique<SubProgram>(spec.branches[b], descs, reqs, r.is_train, r.random);
    for (const TensorDesc& desc : branches_[b]->outputs()) own_[b].push_back(like(desc));
  }
}

void BranchRun::forward(void* const* in, void* const* out) {
  for (size_t v = 0; v < spec_.condition_inputs.size(); ++v) {
    condition_->set_input(static_cast<int>(v), in[spec_.condition_inputs[v]]);
  }
  condition_->forward(condition_arena_);
  taken_ = is_true(verdict_) ? 0 : 1;
  SubProgram& branch = *branches_[taken_];
  const std::vector<int>& inputs = spec_.branch_inputs[taken_];
  for (size_t v = 0; v < inputs.size(); ++v) branch.set_input(static_cast<int>(v), in[inputs[v]]);
  for (size_t i = 0; i < branch.outputs().size(); ++i) {
    branch.set_output(static_cast<int>(i), own_[taken_][i].data());
  }
  branch.forward(arena_);
  for (size_t i = 0; i < branch.outputs().size(); ++i) {
    if (out[i] != nullptr) copy(out[i], own_[taken_][i].data(), branch.outputs()[i].bytes());
  }
}

void BranchRun::backward(void* const* out_grads, void* const* in, void* const* grads) {
  for (size_t i = 0; i < in_.size(); ++i) {
    if (wanted_[i]) clear(grads[i], in_[i]);
  }
  SubProgram& branch = *branches_[taken_];
  const std::vector<int>& inputs = spec_.branch_inputs[taken_];
  for (size_t v = 0; v < inputs.size(); ++v) {
    branch.set_input(static_cast<int>(v), in[inputs[v]]);
    if (wanted_[inputs[v]] && is_float(in_[inputs[v]].dtype))
      branch.set_grad(static_cast<int>(v), grads[inputs[v]]);
  }
  for (size_t i = 0; i < branch.outputs().size(); ++i)
    branch.set_head_grad(static_cast<int>(i), out_grads[i]);
  branch.backward(arena_);
}

}  // namespace symbind
