// Optimizer steps on arrays: one tensor, or all parameters of a model in one parallel region.
#pragma once

#include <string>
#include <vector>

#include "backend/cpu/isa.h"
#include "base/span.h"
#include "runtime/sparse.h"

namespace symbind {

// The kinds: "sgd", "sgd_mom", "nag", "adam", "rmsprop", "rmspropalex", "adagrad"; fails for others.
Update update_kind(const std::string& kind);
// How many state arrays a kind has.
int num_update_states(Update kind);

// One step on `n` elements in the calling thread. float16 weights are computed in float32.
// weight32, when given, is the float32 copy that is updated; `weight` receives it rounded.
struct UpdateTask {
  void* weight = nullptr;
  const void* grad = nullptr;
  void* states[3] = {};
  float* weight32 = nullptr;
  DType dtype = DType::kFloat32;  // of weight and grad, and of the states unless weight32 is given
  int64_t n = 0;
  UpdateParams params;
};
void run_update(Update kind, const UpdateTask& task, int64_t begin, int64_t end);
// A step on the rows that a row_sparse gradient stores, and no others: `task` is that of the whole weight,
// `width` the length of a row.
void run_row_update(Update kind, const UpdateTask& task, const SparseArray& grad, int64_t width);
// The rows of an array that an update writes to: a row_sparse one stores all of its rows from then on.
void* updated_rows(const NDArray& array);

// One step for all parameters, split evenly over the threads whatever the sizes of the tensors.
// kind: as above, or with the prefix "mp_": weights are float16 and the last state is their float32 copy.
// hyper: rescale_grad, clip_gradient (negative: off), then sgd_mom, nag: momentum; adam: beta1, beta2,
// epsilon; rmsprop: gamma1, epsilon, clip_weights; rmspropalex: gamma1, gamma2, epsilon, clip_weights;
// adagrad: epsilon. Everything is checked before anything is written.
// Of a row_sparse gradient only the rows it stores are updated. Weights and states may be row_sparse.
void multi_update(const std::string& kind, Span<const NDArray> weights, Span<const NDArray> grads,
                  const std::vector<std::vector<NDArray>>& states, Span<const float> lrs,
                  Span<const float> wds, Span<const double> hyper);

}  // namespace symbind
