#include "executor/executor.h"

#include <cstring>
#include <unordered_set>

#include "runtime/profiler.h"
#include "runtime/random.h"
#include "runtime/sparse.h"

namespace symbind {
namespace {

void check_unique(const std::vector<std::string>& names, const char* what) {
  std::unordered_set<std::string> seen;
  for (const std::string& n : names) {
    check(seen.insert(n).second, "[bind] two ", what, " are named '", n, "': rename one of the variables");
  }
}

// Gives the graph's variables the shapes, dtypes and numbers of the bound arrays.
Graph bound_graph(const BindRequest& request, ExternalMap& map) {
  std::vector<int32_t> variables;
  Graph graph = graph_from_symbol(request.symbol, &variables);
  std::vector<std::string> args, aux;
  for (int32_t id : variables) (graph.nodes[id].is_aux ? aux : args).push_back(graph.nodes[id].name);
  check_unique(args, "arguments");
  check_unique(aux, "auxiliary states");
  check(request.args.size() == args.size(), "[bind] got ", request.args.size(), " argument arrays, expected ",
        args.size());
  check(request.aux.size() == aux.size(), "[bind] got ", request.aux.size(), " auxiliary arrays, expected ",
        aux.size());
  map.num_args = static_cast<int>(args.size());
  map.num_aux = static_cast<int>(aux.size());
  map.num_outputs = static_cast<int>(graph.outputs.size());
  int arg = 0, state = 0;
  for (int32_t id : variables) {
    GraphNode& node = graph.nodes[id];
    const NDArray& array = node.is_aux ? request.aux[state] : request.args[arg];
    check(!array.empty(), "[bind] no array for '", node.name, "'");
    node.external = node.is_aux ? map.aux(state++) : map.arg(arg++);
    graph.shape({id, 0}) = array.shape;
    graph.dtype({id, 0}) = array.dtype;
    graph.layouts[graph.entry({id, 0})] = storage_layout(storage_of(array));
  }
  infer_shapes(graph);
  check_complete(graph);
  infer_types(graph);
  assign_storage(graph);
  return graph;
}

// An array for output number i: in the memory that the request has for it, if there is enough.
NDArray output_array(const BindRequest& request, size_t i, const Shape& shape, DType dtype,
                     StorageType storage) {
  if (storage != StorageType::kDefault) return as_ndarray(make_sparse(storage, shape, dtype));
  if (i < request.output_memory.size() && !request.output_memory[i].empty()) {
    NDArray array = request.output_memory[i];
    const size_t available = array.bytes();
    array.shape = shape;
    array.dtype = dtype;
    if (array.bytes() <= available) return array;
  }
  return make_ndarray(shape, dtype);
}

// What a monitor sees of a sparse array: all of its elements.
NDArray dense_value(const NDArray& array) {
  const SparsePtr sparse = sparse_of(array);
  return sparse ? dense_copy(*sparse) : array;
}

int64_t stored_bytes(const NDArray& array) {
  const SparsePtr sparse = sparse_of(array);
  return static_cast<int64_t>(sparse ? sparse->values.bytes() + sparse->indices.bytes() : array.bytes());
}

}  // namespace

Executor::Executor(BindRequest request) : request_(std::move(request)) {
  check_device(request_.context);
  graph_ = bound_graph(request_, map_);
  arena_ = request_.arena ? request_.arena : std::make_shared<Arena>();
  check(request_.grad_reqs.empty() || request_.grad_reqs.size() == request_.args.size(), "[bind] got ",
        request_.grad_reqs.size(), " grad_req values, expected ", request_.args.size());
  request_.grads.resize(request_.args.size());
  for (size_t i = 0; i < request_.grad_reqs.size(); ++i) {
    if (request_.grads[i].empty()) request_.grad_reqs[i] = GradReq::kNull;
    if (request_.grad_reqs[i] == GradReq::kNull) continue;
    check(request_.grads[i].shape == request_.args[i].shape &&
              request_.grads[i].dtype == request_.args[i].dtype,
          "[bind] gradient array ", i, ": got ", request_.grads[i].shape, " ",
          dtype_name(request_.grads[i].dtype), ", expected ", request_.args[i].shape, " ",
          dtype_name(request_.args[i].dtype));
  }
  for (const EntryId& e : graph_.outputs) {
    outputs_.push_back(output_array(request_, outputs_.size(), graph_.shape(e), graph_.dtype(e),
                                    storage_of(graph_.layouts[graph_.entry(e)])));
  }
  head_grads_.resize(outputs_.size());
  externals_.assign(static_cast<size_t>(map_.constants()), nullptr);
  for (int i = 0; i < map_.num_args; ++i) {
    externals_[map_.arg(i)] = request_.args[i].data();
    if (!request_.grads[i].empty()) externals_[map_.grad(i)] = request_.grads[i].data();
  }
  for (int i = 0; i < map_.num_aux; ++i) externals_[map_.aux(i)] = request_.aux[i].data();
  for (int i = 0; i < map_.num_outputs; ++i) externals_[map_.output(i)] = outputs_[i].data();
}

Program& Executor::program(Mode mode) {
  if (programs_[mode] == nullptr) {
    CompileOptions options;
    options.is_train = mode == kTrain;
    options.observable = monitor_ != nullptr;
    options.random = &global_random();
    options.compute = request_.compute;
    if (mode == kTrain) options.grad_reqs = request_.grad_reqs;
    for (const NDArray& grad : request_.grads) options.grad_storage.push_back(storage_of(grad));
    programs_[mode] = compile(graph_, map_, options);
    for (int i : programs_[mode]->needed_head_grads) {
      if (!head_grads_[i].empty()) continue;
      head_grads_[i] = output_array({}, 0, outputs_[i].shape, outputs_[i].dtype, storage_of(outputs_[i]));
      externals_[map_.head_grad(i)] = head_grads_[i].data();
    }
  }
  return *programs_[mode];
}

void Executor::prepare(Program& program) {
  if (program.resolved_for(*arena_)) return;
  arena_->reserve(program.plan.arena_bytes);
  program.resolve(externals_, *arena_);
}

const NDArray& Executor::parameter(int external) const {
  return external < map_.num_args ? request_.args[external] : request_.aux[external - map_.num_args];
}

// Folds and packs weights again if one of them was written since, or may have been.
void Executor::refresh_prepared(Program& p) {
  const std::vector<int>& sources = p.prepare_sources;
  bool fresh = p.prepared_for.size() == sources.size();
  for (size_t i = 0; fresh && i < sources.size(); ++i) {
    const Storage& storage = *parameter(sources[i]).storage;
    fresh = !storage.exposed.load(std::memory_order_relaxed) && storage.version.load() == p.prepared_for[i];
  }
  if (fresh) return;
  p.prepared_for.clear();
  for (int external : sources) p.prepared_for.push_back(parameter(external).storage->version.load());
  for (const Step& step : p.prepare_steps) p.run_step(step);
}

void Executor::run_steps(Program& p, size_t begin, size_t end) {
  if (global_profiler().active()) {
    p.run_profiled(begin, end);
  } else {
    p.run(begin, end);
  }
}

void Executor::forward(bool is_train) {
  const Lock lock(arena_->mutex);
  Program& p = program(is_train ? kTrain : kPredict);
  prepare(p);
  forwarded_ = nullptr;
  arena_->holder = this;
  refresh_prepared(p);
  if (monitor_) {
    observe_variables(p);
    run_observed(p, 0, p.num_forward_steps);
  } else {
    run_steps(p, 0, p.num_forward_steps);
  }
  for (const NDArray& output : outputs_) output.mark_written();
  if (is_train) forwarded_ = &p;
}

void Executor::backward(const std::vector<NDArray>& head_grads) {
  const Lock lock(arena_->mutex);
  check(forwarded_ != nullptr,
        "[Executor.backward] there is nothing to differentiate: call forward(is_train=True) first");
  check(arena_->holder == this,
        "[Executor.backward] another executor that shares this one's memory ran since: call "
        "forward(is_train=True) again");
  Program& p = *forwarded_;
  check(head_grads.empty() || head_grads.size() == outputs_.size(), "[Executor.backward] got ",
        head_grads.size(), " output gradients, expected ", outputs_.size());
  for (int i : p.needed_head_grads) {
    check(!head_grads.empty(), "[Executor.backward] output ", i, " (",
          output_name(request_.symbol.outputs[i]), ") is not a loss: give its gradient in out_grads");
    check(head_grads[i].shape == head_grads_[i].shape, "[Executor.backward] gradient of output ", i,
          ": got shape ", head_grads[i].shape, ", expected ", head_grads_[i].shape);
    copy_any(head_grads[i], head_grads_[i]);
  }
  if (monitor_) {
    run_observed(p, p.num_forward_steps, p.steps.size());
  } else {
    run_steps(p, p.num_forward_steps, p.steps.size());
  }
  for (const NDArray& grad : request_.grads) {
    if (!grad.empty()) grad.mark_written();
  }
  for (const NDArray& state : request_.aux) state.mark_written();
}

void Executor::set_monitor(Monitor monitor, bool all) {
  const Lock lock(arena_->mutex);
  monitor_ = std::move(monitor);
  monitor_all_ = all;
  forwarded_ = nullptr;
  for (auto& p : programs_) p.reset();  // the next run compiles the form that fits
}

void Executor::observe_variables(const Program& p) {
  if (!monitor_all_) return;
  for (const GraphNode& node : p.graph.nodes) {
    if (node.op != nullptr || node.external < 0) continue;
    if (node.external < map_.num_args) monitor_(node.name, dense_value(request_.args[node.external]));
    if (node.external >= map_.aux(0) && node.external < map_.output(0)) {
      monitor_(node.name, request_.aux[node.external - map_.num_args]);
    }
  }
}

void Executor::run_observed(Program& p, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    p.run(i, i + 1);
    const Step& step = p.steps[i];
    const GraphNode& node = p.graph.nodes[step.node];
    const std::vector<std::string> names = node.op->output_list(node.params.get());
    if (node.in_backward || !(node.op->visible || node.op->traits.stands_in)) continue;
    for (int k = 0; k < node.op->visible_output_count(node.params.get()); ++k) {
      void* address = p.address(step.out + k);
      if (address == nullptr) continue;
      NDArray value =
          make_ndarray(p.graph.shapes[node.first_entry + k], p.graph.dtypes[node.first_entry + k]);
      if (is_sparse(p.graph.layouts[node.first_entry + k])) {
        sparse_to_dense(*static_cast<const SparseArray*>(address), value.data(), value.dtype);
      } else {
        std::memcpy(value.data(), address, value.bytes());
      }
      monitor_(node.name + "_" + names[k], value);
    }
  }
}

MemoryReport Executor::memory_report() {
  const Lock lock(arena_->mutex);
  MemoryReport report;
  const bool trains = [&] {
    for (GradReq r : request_.grad_reqs) {
      if (r != GradReq::kNull) return true;
    }
    return false;
  }();
  if (programs_[kPredict] == nullptr && programs_[kTrain] == nullptr) program(trains ? kTrain : kPredict);
  for (const auto& p : programs_) {
    if (p == nullptr) continue;
    report.arena_bytes = std::max(report.arena_bytes, p->plan.arena_bytes);
    report.unshared_bytes = std::max(report.unshared_bytes, p->plan.total_bytes);
    for (const NDArray& c : p->constants) report.constant_bytes += stored_bytes(c);
  }
  for (const NDArray& o : outputs_) report.output_bytes += stored_bytes(o);
  return report;
}

int64_t Executor::shared_arena_bytes() const {
  const Lock lock(arena_->mutex);
  return arena_->bytes;
}

std::string Executor::debug_str() {
  const Lock lock(arena_->mutex);
  Program& p = programs_[kTrain] ? *programs_[kTrain] : program(kPredict);
  std::string text;
  for (size_t i = 0; i < p.steps.size(); ++i) {
    const GraphNode& node = p.graph.nodes[p.steps[i].node];
    if (i == p.num_forward_steps) text += "-- backward --\n";
    text += concat(node.op->name, " ", node.name, "(");
    for (const EntryId& e : node.inputs)
      text += concat(e == node.inputs[0] ? "" : ", ", p.graph.nodes[e.node].name);
    text += concat(") ", p.graph.shapes[node.first_entry]);
    for (const PostOp& post : node.post_ops) text += concat(" +post_op", static_cast<int>(post.kind));
    const Placement& place = p.plan.entries[node.first_entry];
    text +=
        place.kind == Placement::kArena ? concat(" @", place.offset) : concat(" external ", place.external);
    text += "\n";
  }
  const double mib = 1.0 / (1 << 20);
  return text + concat("Total ", static_cast<double>(memory_report().arena_bytes) * mib, " MB allocated\n");
}

}  // namespace symbind
