// A Program: the flat form of a graph that is ready to run. Steps in order, each with its kernel and the
// addresses of its inputs and outputs. Running it is a loop.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/storage_type.h"
#include "graph/graph.h"
#include "passes/passes.h"
#include "runtime/ndarray.h"

namespace symbind {

// Scratch memory that programs of one executor, and of executors that share with it, take turns in.
// It only grows; `version` tells programs to look up their addresses again. Whoever uses it holds `mutex`, so
// that executors which share it may be called from several threads; a monitor may call another one.
struct Arena {
  std::recursive_mutex mutex;
  StoragePtr storage;
  int64_t bytes = 0;
  int version = 0;
  const void* holder = nullptr;  // whose activations are in it: backward needs those of its own forward pass
  void reserve(int64_t wanted);
};
using ArenaPtr = std::shared_ptr<Arena>;

enum class GradReq : int8_t { kNull = 0, kWrite = 1, kAdd = 3 };

struct Step {
  Kernel::Run run;
  void* self;
  int32_t in;  // index of its first input in the address table; outputs follow the inputs
  int32_t out;
  int32_t workspace;  // index in the address table, 0 (a null address) for none
  int32_t node;       // in the graph, for names
};

struct CompileOptions {
  bool is_train = false;
  bool observable = false;                // for monitors: nothing is fused, every output is written
  std::vector<GradReq> grad_reqs;         // by argument; empty: no gradients
  std::vector<StorageType> grad_storage;  // by argument, how gradients are wanted; empty: all dense
  RandomState* random = nullptr;
  Compute compute = Compute::kFloat32;
};

// Numbers of the executor's arrays: arguments, auxiliary states, outputs, gradients (by argument), head
// gradients.
struct ExternalMap {
  int num_args = 0, num_aux = 0, num_outputs = 0;
  int arg(int i) const { return i; }
  int aux(int i) const { return num_args + i; }
  int output(int i) const { return num_args + num_aux + i; }
  int grad(int i) const { return num_args + num_aux + num_outputs + i; }
  int head_grad(int i) const { return num_args + num_aux + num_outputs + num_args + i; }
  int constants() const { return num_args + num_aux + num_outputs + num_args + num_outputs; }
};

struct Program {
  Graph graph;  // as compiled: names, shapes and layouts of what the steps do
  MemoryPlan plan;
  std::vector<Step> steps;
  size_t num_forward_steps = 0;        // the rest is the backward part
  std::vector<int> needed_head_grads;  // outputs whose head gradient the backward part reads
  std::vector<NDArray> constants;      // values computed once at compile time, and prepared ones
  std::vector<Step>
      prepare_steps;  // what depends on parameters alone, run before `steps` when one was written
  std::vector<int> prepare_sources;    // these parameters, as external numbers
  std::vector<uint64_t> prepared_for;  // their versions when prepare_steps ran last; empty: never

  // Binds addresses: `externals` by ExternalMap number.
  void resolve(const std::vector<void*>& externals, const Arena& arena);
  bool resolved_for(const Arena& arena) const { return arena_version_ == arena.version; }
  void invalidate() { arena_version_ = -1; }
  void run(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) run_step(steps[i]);
  }
  void run_step(const Step& s) {
    void* const* a = addresses_.data();
    s.run(s.self, a + s.in, a + s.out, a[s.workspace]);
  }
  // The same, and tells the profiler how long each step took.
  void run_profiled(size_t begin, size_t end);
  void* address(int32_t slot) const { return addresses_[slot]; }

  std::vector<std::shared_ptr<void>> kernels;  // keeps Step::self alive
  std::vector<Placement> slots;                // where each address comes from

 private:
  std::vector<void*> addresses_;
  int arena_version_ = -1;
};

// Compiles a graph whose shapes and dtypes are known and whose variables carry their external numbers.
std::unique_ptr<Program> compile(Graph graph, const ExternalMap& map, const CompileOptions& options);

// Replaces nodes that depend on nothing but attributes by their value (executor/constants.cpp).
void fold_constants(Graph& graph, int first_external, std::vector<NDArray>& constants);

// A kernel for one node of a graph whose layouts are settled; errors name the node.
Kernel node_kernel(const Graph& graph, int32_t id, const std::vector<int32_t>& uses,
                   const CompileOptions& options);

}  // namespace symbind
