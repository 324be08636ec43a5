// float32 convolution by oneDNN. A kernel without `run` means: not this one, use the portable kernel.
#pragma once

#include "backend/cpu/convolution.h"

namespace symbind::onednn {

// What oneDNN can do at all. The functions below return no kernel, and choose row-major, where it has nothing
// but its reference loops.
bool takes_conv(const ConvGeometry& g);

Kernel make_conv_forward(const ConvGeometry& g, const TensorDesc& data, const TensorDesc& weight,
                         bool has_bias, const TensorDesc& out, Span<const PostOp> post_ops, bool is_train);
Kernel make_conv_backward_data(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& weight,
                               const TensorDesc& data_grad);
Kernel make_conv_backward_weight(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& data,
                                 const TensorDesc& weight_grad, bool has_bias);

void choose_conv_forward_layouts(const ConvGeometry& g, bool is_train, TensorDesc& data, TensorDesc& weight,
                                 TensorDesc& out);
void choose_conv_backward_data_layouts(const ConvGeometry& g, TensorDesc& out_grad, TensorDesc& weight,
                                       TensorDesc& data_grad);
void choose_conv_backward_weight_layouts(const ConvGeometry& g, TensorDesc& out_grad, TensorDesc& data,
                                         TensorDesc& weight_grad);

}  // namespace symbind::onednn
