#include "executor/invoke.h"

#include <cstring>

#include "backend/cpu/parallel.h"
#include "runtime/profiler.h"
#include "runtime/random.h"

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

// The given output can be written to directly when its type fits and writing it cannot disturb an input.
bool writable_directly(const OpDef& op, const NDArray& out, int index, DType dtype,
                       const std::vector<NDArray>& inputs) {
  if (out.dtype != dtype) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!overlaps(inputs[i], out)) continue;
    bool allowed = false;
    for (const auto& [in, o] : op.traits.inplace)
      allowed = allowed || (in == static_cast<int>(i) && o == index);
    if (!allowed || inputs[i].data() != out.data() || inputs[i].bytes() != out.bytes()) return false;
  }
  return true;
}

}  // namespace

std::vector<NDArray> invoke(const OpDef& op, const std::vector<NDArray>& inputs, const AttrMap& attrs,
                            const std::vector<NDArray>& out, bool is_train, Context context) {
  AttrMap given = attrs;
  if (!op.num_args_key.empty()) given.emplace(op.num_args_key, std::to_string(inputs.size()));
  ParamsPtr params;
  if (op.params.parse != nullptr) {
    params = op.params.parse(op.name.c_str(), given);
  } else {
    check(given.empty(), "[", op.name, "] unknown attribute '", given.empty() ? "" : given.begin()->first,
          "', expected none");
  }
  const int wanted = op.input_count(params.get());
  check(static_cast<int>(inputs.size()) == wanted, "[", op.name, "] got ", inputs.size(),
        " inputs, expected ", wanted);
  const int num_outputs = op.output_count(params.get());
  const int visible = op.visible_output_count(params.get());
  const Inferred inferred = infer(op, params.get(), inputs, num_outputs, out);
  const size_t n = inputs.size();

  std::vector<TensorDesc> descs(n + num_outputs);
  for (size_t i = 0; i < descs.size(); ++i) descs[i] = {inferred.shapes[i], inferred.types[i], nullptr};
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
      if (writable_directly(op, out[i], i, descs[n + i].dtype, inputs)) {
        results[i] = out[i];
        continue;
      }
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
    if (results[0].bytes() > 0) std::memmove(results[0].data(), inputs[0].data(), results[0].bytes());
  }
  for (const NDArray& a : results) a.mark_written();
  for (int i : op.aux_list(params.get())) inputs[i].mark_written();
  for (size_t i = 0; i < out.size() && i < results.size(); ++i) {
    if (results[i].data() != out[i].data()) copy_ndarray(results[i], out[i]);
    results[i] = out[i];
  }
  results.resize(visible);
  return results;
}

}  // namespace symbind
