// Convolution by oneDNN, of float32 tensors that may be held as bfloat16. A kernel without `run` means: not
// this one, use the portable kernel.
#pragma once

#include "backend/cpu/convolution.h"

namespace symbind::onednn {

// What oneDNN can do at all. The functions below return no kernel where it has nothing but its reference
// loops.
bool takes_conv(const ConvGeometry& g);

Kernel make_conv_forward(const ConvGeometry& g, const TensorDesc& data, const TensorDesc& weight,
                         bool has_bias, const TensorDesc& out, Span<const PostOp> post_ops, bool is_train);
Kernel make_conv_backward_data(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& weight,
                               const TensorDesc& data_grad);
Kernel make_conv_backward_weight(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& data,
                                 const TensorDesc& weight_grad, bool has_bias);

// Does this machine compute in bfloat16 faster than in float32?
bool takes_bfloat16(const ConvGeometry& g);
// False, and nothing changed, where there is no fast primitive.
bool choose_conv_forward_layouts(const ConvGeometry& g, bool is_train, Compute compute, TensorDesc& data,
                                 TensorDesc& weight, TensorDesc& out);
bool choose_conv_backward_data_layouts(const ConvGeometry& g, Compute compute, TensorDesc& out_grad,
                                       TensorDesc& weight, TensorDesc& data_grad);
bool choose_conv_backward_weight_layouts(const ConvGeometry& g, Compute compute, TensorDesc& out_grad,
                                         TensorDesc& data, TensorDesc& weight_grad);

}  // namespace symbind::onednn
