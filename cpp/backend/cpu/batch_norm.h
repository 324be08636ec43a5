// Batch normalisation bound to its sizes, in any layout that keeps channels together.
#pragma once

#include "base/kernel.h"

namespace symbind {

struct BatchNormSpec {
  int axis = 1;
  double eps = 1e-3;
  double momentum = 0.9;
  bool fix_gamma = true;      // gamma counts as 1 and has gradient 0
  bool global_stats = false;  // normalise with the moving statistics
  bool given_stats = false;   // with global_stats: the fifth input is 1 / sqrt(var + eps) already
  bool relu = false;          // followed by max(x, 0), or slope * x below zero
  float slope = 0;
};

// Inputs data, gamma, beta, moving_mean, moving_var; outputs the result, the mean and 1 / sqrt(var + eps)
// that were used. The last two may have null addresses. data float32 or float64, and the rest of the same
// dtype.
Kernel make_batch_norm_forward(const BatchNormSpec& spec, const TensorDesc& data);
// Inputs out_grad, data, gamma, beta, mean, 1 / sqrt(var + eps), moving_mean, moving_var; outputs the
// gradients of data, gamma and beta, any of which may have a null address. Unless global_stats, the moving
// statistics become momentum * old + (1 - momentum) * those of the batch.
Kernel make_batch_norm_backward(const BatchNormSpec& spec, const TensorDesc& data);

}  // namespace symbind
