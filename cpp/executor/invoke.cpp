#include "executor/invoke.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/parallel.h"
#include "executor/executor.h"
#include "graph/storage_rule.h"
#include "runtime/profiler.h"
#include "runtime/random.h"
#include "runtime/sparse.h"

namespace symbind {
namespace {

struct Inferred {
  std::vector<Shape> shapes;
  std::vector<DType> types;
};

Inferred infer(const OpDef& op, const void* params, const std::vector<NDArray>& inputs, int num_outputs,
               const std::vector<NDArray>& out) {
  const size_t n = inputs.size();
  Inferred r{std::vector<Shape>(n + num_outputs), std::vector<DType>(n + num_outputs, DType::kUnknown)};
  for (size_t i = 0; i < n; ++i) {
    r.shapes[i] = inputs[i].shape;
    r.types[i] = inputs[i].dtype;
  }
  // Operators without inputs take shape and dtype from `out` where their attributes leave them open.
  if (n == 0) {
    for (size_t i = 0; i < out.size(); ++i) r.shapes[i] = out[i].shape;
  }
  ShapeContext shapes{
      op, params, {r.shapes.data(), n}, {r.shapes.data() + n, static_cast<size_t>(num_outputs)}};
  op.infer_shape(shapes);
  TypeContext types{op, params, {r.types.data(), n}, {r.types.data() + n, static_cast<size_t>(num_outputs)}};
  op.infer_type ? op.infer_type(types) : infer_same_type(types);
  for (int i = 0; i < num_outputs; ++i) {
    check(r.shapes[n + i].known(), "[", op.name, "] cannot infer the shape of output ", i, ": got ",
          r.shapes[n + i]);
    if (r.types[n + i] == DType::kUnknown) r.types[n + i] = DType::kFloat32;
  }
  return r;
}

bool overlaps(const NDArray& a, const NDArray& b) {
  const char* p = static_cast<const char*>(a.data());
  const char* q = static_cast<const char*>(b.data());
  return p < q + b.bytes() && q < p + a.bytes();
}

// The same for sparse arrays, whose memory is their own: an output may be an input where the operator says
// so.
bool sparse_writable_directly(const OpDef& op, const NDArray& out, int index, DType dtype,
                              StorageType storage, const std::vector<NDArray>& inputs) {
  if (out.dtype != dtype || storage_of(out) != storage) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].data() != out.data()) continue;
    bool allowed = false;
    for (const auto& [in, o] : op.traits.inplace)
      allowed = allowed || (in == static_cast<int>(i) && o == index);
    if (!allowed) return false;
  }
  return true;
}

// How inputs and outputs of a call are stored: `in` receives copies of what the operator wants otherwise.
struct CallStorage {
  bool sparse = false;
  std::vector<StorageType> in, out;
};

CallStorage settle_storage(const OpDef& op, const void* params, std::vector<NDArray>& inputs,
                           const std::vector<NDArray>& out, int num_outputs) {
  CallStorage s;
  s.sparse = makes_sparse(op);
  for (const NDArray& a : inputs) s.sparse = s.sparse || storage_of(a) != StorageType::kDefault;
  for (const NDArray& a : out) s.sparse = s.sparse || storage_of(a) != StorageType::kDefault;
  if (!s.sparse) return s;
  for (const NDArray& a : inputs) s.in.push_back(storage_of(a));
  s.out.resize(num_outputs);
  apply_storage_rule(op, params, s.in, s.out);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (storage_of(inputs[i]) == s.in[i]) continue;
    const NDArray& a = inputs[i];
    NDArray made = s.in[i] == StorageType::kDefault
                       ? make_ndarray(a.shape, a.dtype, a.context)
                       : as_ndarray(make_sparse(s.in[i], a.shape, a.dtype, a.context));
    copy_any(a, made);
    inputs[i] = made;
  }
  return s;
}

// The given output can be written to directly when its type fits and writing it cannot disturb an input.
bool writable_directly(const OpDef& op, const NDArray& out, int index, DType dtype,
                       const std::vector<NDArray>& inputs) {
  if (out.dtype != dtype || storage_of(out) != StorageType::kDefault) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (storage_of(inputs[i]) != StorageType::kDefault || !overlaps(inputs[i], out)) continue;
    bool allowed = false;
    for (const auto& [in, o] : op.traits.inplace)
      allowed = allowed || (in == static_cast<int>(i) && o == index);
    if (!allowed || inputs[i].data() != out.data() || inputs[i].bytes() != out.bytes()) return false;
  }
  return true;
}

// An operator that stands for several others runs as a program of its own.
std::vector<NDArray> invoke_expanded(const OpDef& op, const ParamsPtr& params,
                                     const std::vector<NDArray>& inputs, const std::vector<NDArray>& out,
                                     bool is_train, Context context) {
  auto node = std::make_shared<Node>();
  node->op = &op;
  node->name = op.name;
  node->params = params;
  BindRequest request;
  request.context = context;
  const std::vector<std::string> names = op.input_list(params.get());
  const std::vector<int> aux = op.aux_list(params.get());
  for (size_t i = 0; i < inputs.size(); ++i) {
    node->inputs.push_back(make_variable(names[i], {}).outputs[0]);
    const bool is_aux = std::find(aux.begin(), aux.end(), static_cast<int>(i)) != aux.end();
    (is_aux ? request.aux : request.args).push_back(inputs[i]);
  }
  for (int i = 0; i < node->num_visible_outputs(); ++i) request.symbol.outputs.push_back({node, i});
  Executor executor(std::move(request));
  executor.forward(is_train);
  std::vector<NDArray> results = executor.outputs();
  for (size_t i = 0; i < out.size() && i < results.size(); ++i) {
    check(out[i].shape == results[i].shape, "[", op.name, "] out: got an array of shape ", out[i].shape,
          ", expected ", results[i].shape);
    copy_ndarray(results[i], out[i]);
    results[i] = out[i];
  }
  return results;
}

}  // namespace

std::vector<NDArray> invoke(const OpDef& op, const std::vector<NDArray>& given_inputs, const AttrMap& attrs,
                            const std::vector<NDArray>& out, bool is_train, Context context) {
  AttrMap given = attrs;
  if (!op.num_args_key.empty()) given.emplace(op.num_args_key, std::to_string(given_inputs.size()));
  ParamsPtr params;
  if (op.params.parse != nullptr) {
    params = op.params.parse(op.name.c_str(), given);
  } else {
    check(given.empty(), "[", op.name, "] unknown attribute '", given.empty() ? "" : given.begin()->first,
          "', expected none");
  }
  std::vector<NDArray> inputs = given_inputs;
  const int wanted = op.input_count(params.get());
  check(static_cast<int>(inputs.size()) == wanted, "[", op.name, "] got ", inputs.size(),
        " inputs, expected ", wanted);
  const int num_outputs = op.output_count(params.get());
  const int visible = op.visible_output_count(params.get());
  if (op.expand) return invoke_expanded(op, params, inputs, out, is_train, context);
  const Inferred inferred = infer(op, params.get(), inputs, num_outputs, out);
  const size_t n = inputs.size();

  const CallStorage storage = settle_storage(op, params.get(), inputs, out, num_outputs);

  std::vector<TensorDesc> descs(n + num_outputs);
  for (size_t i = 0; i < descs.size(); ++i) {
    descs[i] = {inferred.shapes[i], inferred.types[i], nullptr};
    if (storage.sparse) descs[i].layout = storage_layout(i < n ? storage.in[i] : storage.out[i - n]);
  }
  KernelRequest request;
  request.params = params.get();
  request.in = {descs.data(), n};
  request.out = {descs.data() + n, static_cast<size_t>(num_outputs)};
  for (int i = 0; i < num_outputs; ++i) request.out_used.push_back(true);
  request.is_train = is_train;
  request.random = &global_random();
  request.num_threads = max_threads();

  std::vector<NDArray> results(num_outputs);
  for (int i = 0; i < num_outputs; ++i) {
    if (i < static_cast<int>(out.size())) {
      check(out[i].shape == descs[n + i].shape, "[", op.name, "] out: got an array of shape ", out[i].shape,
            ", expected ", descs[n + i].shape);
      const StorageType stored = storage_of(descs[n + i].layout);
      if (stored == StorageType::kDefault
              ? writable_directly(op, out[i], i, descs[n + i].dtype, inputs)
              : sparse_writable_directly(op, out[i], i, descs[n + i].dtype, stored, inputs)) {
        results[i] = out[i];
        continue;
      }
    }
    if (is_sparse(descs[n + i].layout)) {
      results[i] = as_ndarray(
          make_sparse(storage_of(descs[n + i].layout), descs[n + i].shape, descs[n + i].dtype, context));
      continue;
    }
    results[i] = make_ndarray(descs[n + i].shape, descs[n + i].dtype, context);
  }
  std::vector<void*> addresses;
  for (const NDArray& a : inputs) addresses.push_back(a.data());
  for (const NDArray& a : results) addresses.push_back(a.data());
  if (op.kernel) {
    const Kernel kernel = op.kernel(request);
    const StoragePtr workspace = kernel.workspace > 0 ? allocate_storage(kernel.workspace) : nullptr;
    Profiler& profiler = global_profiler();
    const int64_t start = profiler.active() ? Profiler::now_ns() : 0;
    kernel.run(kernel.self.get(), addresses.data(), addresses.data() + n,
               workspace ? workspace->data : nullptr);
    if (profiler.active())
      profiler.record({op.name, std::string(), start, Profiler::now_ns(), Profiler::this_thread()});
  } else {
    check(op.traits.identity_view, "[", op.name, "] has no kernel on the CPU");
    check(!storage.sparse || !is_sparse(descs[n].layout), "[", op.name, "] has no kernel for sparse arrays");
    if (results[0].bytes() > 0) std::memmove(results[0].data(), inputs[0].data(), results[0].bytes());
  }
  for (const NDArray& a : results) a.mark_written();
  for (int i : op.aux_list(params.get())) {
    if (inputs[i].storage != given_inputs[i].storage) copy_any(inputs[i], given_inputs[i]);
    given_inputs[i].mark_written();
  }
  for (size_t i = 0; i < out.size() && i < results.size(); ++i) {
    if (results[i].data() != out[i].data()) copy_any(results[i], out[i]);
    results[i] = out[i];
  }
  results.resize(visible);
  return results;
}

}  // namespace symbind
