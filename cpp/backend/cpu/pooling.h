// Pooling bound to its sizes, in any layout that keeps channels together.
#pragma once

#include "backend/cpu/kernels/channel_kernels.h"
#include "base/kernel.h"

namespace symbind {

// `args` without what depends on the layout. Data is (N, C, spatial axes) or, channels last, (N, spatial
// axes, C).
struct PoolingSpec {
  PoolArgs args;
  bool channels_last = false;
};

// Input data; output the result. float32 or float64.
Kernel make_pooling_forward(const PoolingSpec& spec, const TensorDesc& data);
// Inputs out_grad and, for kMax and kLp, data and output; output the gradient of data. All in layouts of one
// kind.
Kernel make_pooling_backward(const PoolingSpec& spec, const TensorDesc& data_grad);

// True when the kernels above can work in the tensor's layout.
bool pooling_takes_layout(const PoolingSpec& spec, const TensorDesc& tensor);

}  // namespace symbind
