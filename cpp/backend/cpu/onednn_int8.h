// int8 convolutions by oneDNN.
#pragma once

#include "backend/cpu/int8_convolution.h"

namespace symbind::onednn {

// An empty kernel when oneDNN has none; all tensors are row-major then.
Kernel make_int8_convolution(const Int8Convolution& c, const TensorDesc& data, const TensorDesc& weight,
                             const TensorDesc& out);
// Leaves the layouts alone when oneDNN has no kernel.
void choose_int8_convolution_layouts(const Int8Convolution& c, TensorDesc& data, TensorDesc& weight,
                                     TensorDesc& out, TensorDesc* sum);

}  // namespace symbind::onednn
