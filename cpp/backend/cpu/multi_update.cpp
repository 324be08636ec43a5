#include "backend/cpu/multi_update.h"

#include <algorithm>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

struct Kind {
  const char* name;
  int states;
  size_t hyper;  // numbers in `hyper`, rescale_grad and clip_gradient included
};
// In the order of Update.
constexpr Kind kKinds[] = {{"sgd", 0, 2},     {"sgd_mom", 1, 3},     {"nag", 1, 3},    {"adam", 2, 5},
                           {"rmsprop", 1, 5}, {"rmspropalex", 3, 6}, {"adagrad", 1, 3}};

constexpr int64_t kChunk = 512;

// float16 weights, gradients and states, a chunk at a time in float32.
void run_half(Update kind, const UpdateTask& task, int64_t begin, int64_t end) {
  alignas(64) float weight[kChunk], grad[kChunk], state[3][kChunk];
  const KernelTable& table = kernels();
  const ConvertFn load = table.convert[static_cast<int>(DType::kFloat16)][static_cast<int>(DType::kFloat32)];
  const ConvertFn store = table.convert[static_cast<int>(DType::kFloat32)][static_cast<int>(DType::kFloat16)];
  const UpdateFn update = table.update[static_cast<int>(kind)][kF32];
  const int states = num_update_states(kind);
  Half* const weights = static_cast<Half*>(task.weight);
  const Half* const grads = static_cast<const Half*>(task.grad);
  for (int64_t i = begin; i < end; i += kChunk) {
    const int64_t n = end - i < kChunk ? end - i : kChunk;
    load(grads + i, grad, n);
    void* in_float[3] = {state[0], state[1], state[2]};
    if (task.weight32 != nullptr) {
      for (int k = 0; k < states; ++k) in_float[k] = static_cast<float*>(task.states[k]) + i;
      update(task.weight32 + i, grad, in_float, n, task.params);
      store(task.weight32 + i, weights + i, n);
      continue;
    }
    load(weights + i, weight, n);
    for (int k = 0; k < states; ++k) load(static_cast<Half*>(task.states[k]) + i, state[k], n);
    update(weight, grad, in_float, n, task.params);
    store(weight, weights + i, n);
    for (int k = 0; k < states; ++k) store(state[k], static_cast<Half*>(task.states[k]) + i, n);
  }
}

UpdateParams read_hyper(Update kind, Span<const double> hyper) {
  UpdateParams p;
  p.rescale = hyper[0];
  p.clip = hyper[1];
  switch (kind) {
    case Update::kSgdMom:
    case Update::kNag:
      p.momentum = hyper[2];
      break;
    case Update::kAdam:
      p.beta1 = hyper[2];
      p.beta2 = hyper[3];
      p.epsilon = hyper[4];
      break;
    case Update::kRmsProp:
      p.beta1 = hyper[2];
      p.epsilon = hyper[3];
      p.clip_weights = hyper[4];
      break;
    case Update::kRmsPropAlex:
      p.beta1 = hyper[2];
      p.beta2 = hyper[3];
      p.epsilon = hyper[4];
      p.clip_weights = hyper[5];
      break;
    case Update::kAdaGrad:
      p.epsilon = hyper[2];
      break;
    default:
      break;
  }
  return p;
}

void check_like(const NDArray& weight, const NDArray& other, DType dtype, const char* what, size_t i) {
  check(!other.empty() && other.shape == weight.shape, "[multi_update] ", what, " of parameter ", i,
        ": got shape ", other.empty() ? Shape() : other.shape, ", expected ", weight.shape);
  check(other.dtype == dtype, "[multi_update] ", what, " of parameter ", i, ": got ", dtype_name(other.dtype),
        ", expected ", dtype_name(dtype));
}

UpdateTask make_task(Update kind, bool mixed, const NDArray& weight, const NDArray& grad,
                     const std::vector<NDArray>& states, size_t i) {
  check(is_float(weight.dtype), "[multi_update] weight of parameter ", i, ": got ", dtype_name(weight.dtype),
        ", expected a floating dtype");
  check(!mixed || weight.dtype == DType::kFloat16, "[multi_update] weight of parameter ", i, ": got ",
        dtype_name(weight.dtype), ", expected float16 for mixed precision");
  const size_t wanted = static_cast<size_t>(num_update_states(kind)) + (mixed ? 1 : 0);
  check(states.size() == wanted, "[multi_update] parameter ", i, ": got ", states.size(),
        " states, expected ", wanted);
  check_like(weight, grad, weight.dtype, "gradient", i);
  UpdateTask task;
  task.weight = updated_rows(weight);
  task.grad = grad.data();
  task.dtype = weight.dtype;
  task.n = weight.size();
  for (size_t k = 0; k < states.size(); ++k) {
    check_like(weight, states[k], mixed ? DType::kFloat32 : weight.dtype, "state", i);
    if (mixed && k + 1 == states.size()) {
      task.weight32 = static_cast<float*>(updated_rows(states[k]));
    } else {
      task.states[k] = updated_rows(states[k]);
    }
  }
  return task;
}

}  // namespace

Update update_kind(const std::string& kind) {
  for (size_t i = 0; i < sizeof kKinds / sizeof *kKinds; ++i) {
    if (kind == kKinds[i].name) return static_cast<Update>(i);
  }
  std::string expected;
  for (const Kind& k : kKinds) expected += concat(expected.empty() ? "" : ", ", k.name);
  fail("[multi_update] kind: got '", kind, "', expected one of ", expected);
}

int num_update_states(Update kind) { return kKinds[static_cast<int>(kind)].states; }

void run_update(Update kind, const UpdateTask& task, int64_t begin, int64_t end) {
  if (task.dtype == DType::kFloat16) {
    run_half(kind, task, begin, end);
    return;
  }
  const ComputeType type = task.dtype == DType::kFloat64 ? kF64 : kF32;
  const int64_t offset = begin * (type == kF64 ? 8 : 4);
  auto at = [offset](void* p) { return p == nullptr ? nullptr : static_cast<char*>(p) + offset; };
  void* const states[3] = {at(task.states[0]), at(task.states[1]), at(task.states[2])};
  kernels().update[static_cast<int>(kind)][type](
      at(task.weight), static_cast<const char*>(task.grad) + offset, states, end - begin, task.params);
}

void* updated_rows(const NDArray& array) {
  const SparsePtr sparse = sparse_of(array);
  if (!sparse) return array.data();
  check(sparse->stype == StorageType::kRowSparse,
        "[optimizer] weights and states are 'default' or 'row_sparse': got '", storage_name(sparse->stype),
        "'");
  fill_rows(*sparse);
  return sparse->values.data();
}

void run_row_update(Update kind, const UpdateTask& task, const SparseArray& grad, int64_t width) {
  const int64_t size = static_cast<int64_t>(dtype_size(task.dtype));
  const int64_t state_size = task.weight32 != nullptr ? 4 : size;
  parallel_for(grad.count(), 1 + kElementGrain / 2 / std::max<int64_t>(width, 1),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t first = grad.index()[i] * width;
                   UpdateTask row = task;
                   row.n = width;
                   row.weight = static_cast<char*>(task.weight) + first * size;
                   row.grad = grad.values.data_as<char>() + i * width * size;
                   for (void*& state : row.states)
                     state = state == nullptr ? nullptr : static_cast<char*>(state) + first * state_size;
                   if (task.weight32 != nullptr) row.weight32 = task.weight32 + first;
                   run_update(kind, row, 0, width);
                 }
               });
}

void multi_update(const std::string& kind_name, Span<const NDArray> weights, Span<const NDArray> grads,
                  const std::vector<std::vector<NDArray>>& states, Span<const float> lrs,
                  Span<const float> wds, Span<const double> hyper) {
  const bool mixed = kind_name.compare(0, 3, "mp_") == 0;
  const Update kind = update_kind(mixed ? kind_name.substr(3) : kind_name);
  const size_t count = weights.size();
  check(grads.size() == count && states.size() == count && lrs.size() == count && wds.size() == count,
        "[multi_update] got ", count, " weights, ", grads.size(), " gradients, ", states.size(), " states, ",
        lrs.size(), " learning rates and ", wds.size(), " weight decays, expected as many of each");
  const size_t wanted = kKinds[static_cast<int>(kind)].hyper;
  check(hyper.size() == wanted, "[multi_update] hyper: got ", hyper.size(), " numbers, expected ", wanted,
        " for ", kind_name);
  const UpdateParams shared = read_hyper(kind, hyper);
  std::vector<UpdateTask> tasks;
  tasks.reserve(count);
  int64_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    tasks.push_back(make_task(kind, mixed, weights[i], grads[i], states[i], i));
    tasks.back().params = shared;
    tasks.back().params.lr = lrs[i];
    tasks.back().params.wd = wds[i];
    if (sparse_of(grads[i])) tasks.back().n = 0;  // by rows, below
    total += tasks.back().n;
  }
  parallel_for(total, kElementGrain / 2, [&](int64_t begin, int64_t end) {
    int64_t first = 0;  // of the current tensor, in the concatenation of all
    for (const UpdateTask& task : tasks) {
      const int64_t from = begin > first ? begin - first : 0;
      const int64_t to = end - first < task.n ? end - first : task.n;
      if (from < to) run_update(kind, task, from, to);
      first += task.n;
      if (first >= end) break;
    }
  });
  for (size_t i = 0; i < count; ++i) {
    const SparsePtr rows = sparse_of(grads[i]);
    if (rows) run_row_update(kind, tasks[i], *rows, rows->row_size());
    weights[i].mark_written();
    for (const NDArray& state : states[i]) {
      if (!state.empty()) state.mark_written();
    }
  }
}

}  // namespace symbind
