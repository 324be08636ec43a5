// Executor: a Symbol bound to arrays. Holds up to three programs: predict, train forward with backward, and
// the observable one a monitor needs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "executor/program.h"
#include "graph/symbol.h"

namespace symbind {

struct BindRequest {
  Symbol symbol;
  Context context;
  std::vector<NDArray> args;       // in list_arguments order
  std::vector<NDArray> grads;      // by argument; empty arrays where grad_req is null
  std::vector<GradReq> grad_reqs;  // by argument
  std::vector<NDArray> aux;        // in list_auxiliary_states order
  ArenaPtr arena;                  // null: one of its own
  // For the outputs, where it is large enough; the others get memory of their own.
  std::vector<NDArray> output_memory;
  Compute compute = Compute::kFloat32;
};

struct MemoryReport {
  int64_t arena_bytes = 0;     // what the largest program needs
  int64_t unshared_bytes = 0;  // what it would need if no two values shared memory
  int64_t output_bytes = 0;
  int64_t constant_bytes = 0;
};

// Its methods wait for those of other threads on executors with the same arena: call them without the GIL.
class Executor {
 public:
  explicit Executor(BindRequest request);

  void forward(bool is_train);
  // Gradients of the outputs; may be empty when all of them are losses. Fails unless forward(true) came
  // before.
  void backward(const std::vector<NDArray>& head_grads);

  const std::vector<NDArray>& outputs() const { return outputs_; }
  const BindRequest& bound() const { return request_; }
  const ArenaPtr& arena() const { return arena_; }
  MemoryReport memory_report();
  int64_t shared_arena_bytes() const;  // of the arena now, which several executors may use
  // One line per step: operator, node, shapes, where the output lives.
  std::string debug_str();
  // Called with the name and value of every operator output (and of every variable when `all`) while it is
  // set.
  using Monitor = std::function<void(const std::string& name, const NDArray& value)>;
  void set_monitor(Monitor monitor, bool all);

 private:
  enum Mode { kPredict = 0, kTrain = 1 };
  using Lock = std::lock_guard<std::recursive_mutex>;
  Program& program(Mode mode);
  void prepare(Program& program);
  void refresh_prepared(Program& program);
  const NDArray& parameter(int external) const;
  void run_steps(Program& program, size_t begin, size_t end);
  void run_observed(Program& program, size_t begin, size_t end);
  void observe_variables(const Program& program);

  BindRequest request_;
  Graph graph_;  // inferred
  ExternalMap map_;
  ArenaPtr arena_;
  std::vector<NDArray> outputs_;
  std::vector<NDArray> head_grads_;
  std::vector<void*> externals_;
  std::unique_ptr<Program> programs_[2];
  Program* forwarded_ = nullptr;  // the training program whose activations are in the arena
  Monitor monitor_;
  bool monitor_all_ = false;
};

}  // namespace symbind
