#include "executor/program.h"

#include <cstring>

#include "backend/cpu/parallel.h"
#include "base/env.h"
#include "runtime/profiler.h"
#include "runtime/sparse.h"

namespace symbind {

void Arena::reserve(int64_t wanted) {
  if (wanted <= bytes) return;
  storage.reset();  // before the new block exists: the peak is the larger of the two, not their sum
  storage = allocate_storage(static_cast<size_t>(wanted));
  bytes = wanted;
  ++version;
}

void Program::resolve(const std::vector<void*>& externals, const Arena& arena) {
  addresses_.assign(slots.size(), nullptr);
  char* base = arena.storage ? static_cast<char*>(arena.storage->data) : nullptr;
  const size_t num_given = externals.size();
  for (size_t i = 0; i < slots.size(); ++i) {
    const Placement& p = slots[i];
    if (p.kind == Placement::kArena) {
      addresses_[i] = base + p.offset;
    } else if (p.kind == Placement::kExternal) {
      const size_t number = static_cast<size_t>(p.external);
      addresses_[i] = number < num_given ? externals[number] : constants[number - num_given].data();
    }
  }
  arena_version_ = arena.version;
}

void Program::run_profiled(size_t begin, size_t end) {
  Profiler& profiler = global_profiler();
  const uint64_t thread = Profiler::this_thread();
  for (size_t i = begin; i < end; ++i) {
    const int64_t start = Profiler::now_ns();
    run(i, i + 1);
    const GraphNode& node = graph.nodes[steps[i].node];
    profiler.record({node.op->name, node.name, start, Profiler::now_ns(), thread});
  }
}

namespace {

Kernel copy_kernel(size_t bytes) {
  return make_kernel([bytes](void* const* in, void* const* out, void*) {
    if (bytes > 0 && in[0] != out[0]) std::memcpy(out[0], in[0], bytes);
  });
}

Kernel sparse_copy_kernel() {
  return make_kernel([](void* const* in, void* const* out, void*) {
    copy_sparse(*static_cast<const SparseArray*>(in[0]), *static_cast<SparseArray*>(out[0]));
  });
}

// Outputs live in the executor's arrays. An entry that cannot be written there directly (a variable, an entry
// that is two outputs, a view) gets a copy.
void route_output(Graph& graph, size_t i, int external, std::vector<int32_t>& entry_external,
                  const OpDef* copy_op) {
  EntryId& e = graph.outputs[i];
  const GraphNode& node = graph.nodes[e.node];
  const bool direct =
      node.op != nullptr && !node.op->traits.identity_view && entry_external[graph.entry(e)] < 0;
  if (!direct) {
    const bool in_backward = node.in_backward;
    const int32_t id = graph.add_node(copy_op, nullptr, node.name, {e});
    graph.nodes[id].in_backward = in_backward;
    const int32_t entry = graph.nodes[id].first_entry;
    graph.shapes[entry] = graph.shape(e);
    graph.dtypes[entry] = graph.dtype(e);
    graph.layouts[entry] = graph.layouts[graph.entry(e)];
    entry_external.resize(graph.num_entries(), -1);
    e = {id, 0};
  }
  entry_external[graph.entry(e)] = external;
}

const OpDef& copy_op() {
  static const OpDef* op = [] {
    auto* def = new OpDef;
    def->name = "_output_copy";
    def->visible = false;
    def->infer_shape = infer_same_shape;
    def->kernel = [](const KernelRequest& r) {
      return is_sparse(r.in[0].layout) ? sparse_copy_kernel() : copy_kernel(r.in[0].bytes());
    };
    return def;
  }();
  return *op;
}

// Moves backward nodes behind all forward nodes, keeping the order within each part.
void split_forward_backward(Graph& graph) {
  std::vector<int32_t> order;
  for (const bool backward : {false, true}) {
    for (size_t id = 0; id < graph.nodes.size(); ++id) {
      if (graph.nodes[id].in_backward == backward) order.push_back(static_cast<int32_t>(id));
    }
  }
  reorder_nodes(graph, order);
}

void emit_steps(Program& program, std::vector<Kernel>& kernels) {
  program.slots.assign(1, Placement{});  // slot 0: the null address
  const Graph& graph = program.graph;
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    const GraphNode& node = graph.nodes[id];
    if (node.op == nullptr || program.plan.is_view[id]) continue;
    Step step;
    step.run = kernels[id].run;
    step.self = kernels[id].self.get();
    step.node = static_cast<int32_t>(id);
    step.in = static_cast<int32_t>(program.slots.size());
    for (const EntryId& e : node.inputs) program.slots.push_back(program.plan.entries[graph.entry(e)]);
    step.out = static_cast<int32_t>(program.slots.size());
    for (int i = 0; i < node.num_outputs; ++i)
      program.slots.push_back(program.plan.entries[node.first_entry + i]);
    step.workspace = 0;
    if (program.plan.workspaces[id] >= 0) {
      step.workspace = static_cast<int32_t>(program.slots.size());
      program.slots.push_back({Placement::kArena, -1, program.plan.workspaces[id]});
    }
    program.kernels.push_back(std::move(kernels[id].self));
    if (node.prepared) {
      program.prepare_steps.push_back(step);
      continue;
    }
    program.steps.push_back(step);
    if (!node.in_backward) program.num_forward_steps = program.steps.size();
  }
}

// Entries that nodes which run at every call read, perhaps through views.
std::vector<char> read_at_every_call(const Graph& graph, bool views) {
  std::vector<char> read(graph.num_entries(), 0);
  for (size_t id = graph.nodes.size(); id-- > 0;) {
    const GraphNode& node = graph.nodes[id];
    if (node.op == nullptr) continue;
    const bool is_view = views && node.prepared && node.op->traits.identity_view;
    if (node.prepared && !(is_view && read[node.first_entry])) continue;
    for (const EntryId& e : node.inputs) read[graph.entry(e)] = 1;
  }
  return read;
}

// Prepared values live beside the constants: in memory of their own, which nothing else uses. What only leads
// to them may lie in the arena, since everything prepared runs before the rest.
void place_prepared(Program& program, Graph& graph, const ExternalMap& map, MemoryRequest& request) {
  const std::vector<char> kept = read_at_every_call(graph, request.share);
  std::vector<char> is_source(static_cast<size_t>(map.constants()), 0);
  for (GraphNode& node : graph.nodes) {
    if (node.op == nullptr || !node.prepared) continue;
    for (const EntryId& e : node.inputs) {
      const GraphNode& from = graph.nodes[e.node];
      if (from.op == nullptr && from.external < map.constants()) is_source[from.external] = 1;
    }
    if (node.op->traits.identity_view && request.share) continue;
    for (int i = 0; i < node.num_outputs; ++i) {
      const int32_t entry = node.first_entry + i;
      if (!kept[entry]) continue;
      const TensorDesc desc{graph.shapes[entry], graph.dtypes[entry], graph.layouts[entry]};
      request.entry_external[entry] = map.constants() + static_cast<int>(program.constants.size());
      program.constants.push_back(make_ndarray({static_cast<int64_t>(desc.bytes())}, DType::kUint8));
    }
  }
  for (size_t i = 0; i < is_source.size(); ++i) {
    if (is_source[i]) program.prepare_sources.push_back(static_cast<int>(i));
  }
}

// Sparse values live beside the constants, too: how much memory they need shows at run time only.
void place_sparse(Program& program, const Graph& graph, const ExternalMap& map, MemoryRequest& request) {
  for (const GraphNode& node : graph.nodes) {
    if (node.op == nullptr) continue;
    for (int i = 0; i < node.num_outputs; ++i) {
      const int32_t entry = node.first_entry + i;
      const StorageType type = storage_of(graph.layouts[entry]);
      if (type == StorageType::kDefault || request.entry_external[entry] >= 0) continue;
      request.entry_external[entry] = map.constants() + static_cast<int>(program.constants.size());
      program.constants.push_back(as_ndarray(make_sparse(type, graph.shapes[entry], graph.dtypes[entry])));
    }
  }
}

StorageType grad_storage(const CompileOptions& options, int arg) {
  return options.grad_storage.empty() ? StorageType::kDefault : options.grad_storage[arg];
}

// How every output must be stored: outputs as they come, gradients as their arrays are.
std::vector<int> wanted_storage(const std::vector<int>& externals, const ExternalMap& map,
                                const CompileOptions& options) {
  std::vector<int> wanted;
  for (const int external : externals) {
    const int arg = external - map.grad(0);
    wanted.push_back(arg < 0 ? -1 : static_cast<int>(grad_storage(options, arg)));
  }
  return wanted;
}

// Differentiates and makes the gradients outputs; returns the external number of every output.
std::vector<int> add_training_outputs(Graph& graph, const ExternalMap& map, const CompileOptions& options) {
  std::vector<int> externals;
  for (int i = 0; i < map.num_outputs; ++i) externals.push_back(map.output(i));
  std::vector<int32_t> wrt;
  std::vector<int> wrt_args;
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    const int arg = graph.nodes[id].external;
    if (graph.nodes[id].op != nullptr || arg < 0 || arg >= map.num_args) continue;
    if (options.grad_reqs.empty() || options.grad_reqs[arg] == GradReq::kNull) continue;
    wrt.push_back(static_cast<int32_t>(id));
    wrt_args.push_back(arg);
  }
  if (wrt.empty()) return externals;
  const GradientResult result = add_gradients(graph, wrt);
  for (size_t i = 0; i < result.head_grads.size(); ++i) {
    if (result.head_grads[i] < 0) continue;
    graph.nodes[result.head_grads[i]].external = map.head_grad(static_cast<int>(i));
    const LayoutPtr& stored = graph.layouts[graph.entry(graph.outputs[i])];
    if (is_sparse(stored)) graph.layouts[graph.entry({result.head_grads[i], 0})] = stored;
  }
  for (size_t k = 0; k < wrt.size(); ++k) {
    const int arg = wrt_args[k];
    EntryId g = result.gradients[k];
    const EntryId variable{wrt[k], 0};
    const bool add = options.grad_reqs[arg] == GradReq::kAdd;
    if (!g.valid() && add) continue;  // nothing to add
    GradContext context{graph, wrt[k], {}};
    const size_t first_new = graph.nodes.size();
    if (!g.valid()) g = context.apply("zeros_like", {variable});
    if (add) {
      const int32_t old = graph.add_variable(graph.nodes[wrt[k]].name + "_grad");
      graph.nodes[old].external = map.grad(arg);
      graph.shape({old, 0}) = graph.shape(variable);
      graph.dtype({old, 0}) = graph.dtype(variable);
      graph.layouts[graph.entry({old, 0})] = storage_layout(grad_storage(options, arg));
      g = context.apply("_grad_add", {{old, 0}, g});
    }
    for (size_t id = first_new; id < graph.nodes.size(); ++id) graph.nodes[id].in_backward = true;
    graph.outputs.push_back(g);
    externals.push_back(map.grad(arg));
  }
  return externals;
}

// Head gradients that something reads: those of losses and behind BlockGrad are not asked for.
std::vector<int> read_head_grads(const Graph& graph, const ExternalMap& map,
                                 const std::vector<int32_t>& uses) {
  std::vector<int> needed;
  for (const GraphNode& node : graph.nodes) {
    const int i = node.external - map.head_grad(0);
    if (node.op == nullptr && i >= 0 && i < map.num_outputs && uses[node.first_entry] > 0)
      needed.push_back(i);
  }
  return needed;
}

}  // namespace

Kernel node_kernel(const Graph& graph, int32_t id, const std::vector<int32_t>& uses,
                   const CompileOptions& options) {
  const GraphNode& node = graph.nodes[id];
  std::vector<TensorDesc> descs;
  descs.reserve(node.inputs.size() + node.num_outputs);
  for (const EntryId& e : node.inputs) descs.push_back(graph.desc(e));
  KernelRequest request;
  for (int i = 0; i < node.num_outputs; ++i) {
    descs.push_back(graph.desc({id, i}));
    request.out_used.push_back((i == 0 && node.op->visible) || uses[node.first_entry + i] > 0);
  }
  request.params = node.params.get();
  request.in = {descs.data(), node.inputs.size()};
  request.out = {descs.data() + node.inputs.size(), static_cast<size_t>(node.num_outputs)};
  request.is_train = options.is_train;
  request.random = options.random;
  request.post_ops = node.post_ops;
  request.num_threads = max_threads();
  if (!node.op->kernel) {
    if (node.op->traits.identity_view) return copy_kernel(request.in[0].bytes());
    fail_at_node(graph, id, concat("[", node.op->name, "] has no kernel on the CPU"));
  }
  try {
    return node.op->kernel(request);
  } catch (const Error& e) {
    fail_at_node(graph, id, e.what());
  }
}

std::unique_ptr<Program> compile(Graph graph, const ExternalMap& map, const CompileOptions& options) {
  auto program = std::make_unique<Program>();
  const std::vector<int> externals = add_training_outputs(graph, map, options);
  remove_dead(graph);
  assign_storage(graph, wanted_storage(externals, map, options));
  if (!options.observable) {
    if (env_flag("SYMBIND_SIMPLIFY", true)) {
      simplify(graph, options.is_train);
      fold_constants(graph, map.constants(), program->constants);
    }
    const bool prepare = !options.is_train && env_flag("SYMBIND_PREPARE", true);
    if (prepare) mark_parameters(graph);
    if (env_flag("SYMBIND_FUSE", true)) {
      if (prepare) fold_affine(graph);
      fuse(graph);
    }
    if (env_flag("SYMBIND_RECOMPUTE", true)) recompute(graph);
    if (env_flag("SYMBIND_LAYOUT", true)) assign_layouts(graph, options.is_train, options.compute);
    if (prepare) mark_prepared(graph);
  }
  MemoryRequest request;
  request.entry_external.assign(graph.num_entries(), -1);
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    route_output(graph, i, externals[i], request.entry_external, &copy_op());
  }
  split_forward_backward(graph);
  request.share = !options.observable && env_flag("SYMBIND_PLAN_MEMORY", true);
  place_prepared(*program, graph, map, request);
  place_sparse(*program, graph, map, request);

  const std::vector<int32_t> uses = count_uses(graph);
  program->needed_head_grads = read_head_grads(graph, map, uses);
  std::vector<Kernel> kernels(graph.nodes.size());
  request.workspace_bytes.assign(graph.nodes.size(), 0);
  for (int32_t id = 0; id < static_cast<int32_t>(graph.nodes.size()); ++id) {
    const GraphNode& node = graph.nodes[id];
    if (node.op == nullptr) continue;
    kernels[id] = node_kernel(graph, id, uses, options);
    request.workspace_bytes[id] = static_cast<int64_t>(kernels[id].workspace);
  }
  program->plan = plan_memory(graph, request);
  program->graph = std::move(graph);
  emit_steps(*program, kernels);
  return program;
}

}  // namespace symbind
