// Optimizer steps that touch the rows of a row_sparse gradient and no others.
#pragma once

#include "backend/cpu/multi_update.h"
#include "ops/sparse_common.h"

namespace symbind {

// One step: `task` holds weight, states and dtype of the whole parameter.
using RowsStep = std::function<void(UpdateTask& task, const SparseArray& grad)>;

// Makes a step operator (inputs weight, grad, states...; states are its auxiliary inputs) lazy where its
// gradient is row_sparse, `lazy(params)` holds, and weight and states are all row_sparse, or all dense if
// `dense_weight`. In all other cases the gradient is made dense, and every row is updated.
void set_lazy_update(const std::string& op, std::function<bool(const void*)> lazy, bool dense_weight,
                     std::function<RowsStep(const void*)> make_step);

}  // namespace symbind
