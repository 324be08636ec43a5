// Convolutions bound to their sizes: forward, gradient of the data, gradient of the weight and bias.
// Tensors as MXNet has them: data (N, C, [D, [H,]] W), weight (O, C / groups, kernel...); channels last puts
// C at the end of both.
#pragma once

#include "base/kernel.h"

namespace symbind {

struct ConvGeometry {
  int spatial = 2;  // 1 to 3: the dimensions of the tensors less two
  bool channels_last = false;
  int64_t batch = 0, in_channels = 0, out_channels = 0, groups = 1;
  // Depth, height, width; the leading ones that do not exist have one position, kernel 1, stride 1, no
  // padding.
  int64_t in[3], out[3], kernel[3], stride[3], dilate[3], pad[3];

  int64_t group_in() const { return in_channels / groups; }
  int64_t group_out() const { return out_channels / groups; }
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t weight_size() const { return out_channels * group_in() * kernel_size(); }
  // A product of matrices without gathering: kernel 1, stride 1, no padding.
  bool pointwise() const;
};

// Can a sum be fused onto the end of a convolution of this dtype?
bool conv_takes_sums(DType dtype);

// Inputs data, weight and, if bias is given, bias; output the result. kSum post-ops read input PostOp::input.
Kernel make_conv_forward(const ConvGeometry& g, const TensorDesc& data, const TensorDesc& weight,
                         const TensorDesc* bias, const TensorDesc& out, Span<const PostOp> post_ops,
                         bool is_train);
// Inputs out_grad, weight; output the gradient of data.
Kernel make_conv_backward_data(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& weight,
                               const TensorDesc& data_grad);
// Inputs out_grad, data; outputs the gradients of weight and, unless it is null, bias.
Kernel make_conv_backward_weight(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& data,
                                 const TensorDesc& weight_grad, const TensorDesc* bias_grad);

// The layouts that the kernels above are fastest with, computing in `compute` where this machine can. They
// change the `layout` of every tensor they are given.
void choose_conv_forward_layouts(const ConvGeometry& g, bool is_train, Compute compute, TensorDesc& data,
                                 TensorDesc& weight, TensorDesc& out);
void choose_conv_backward_data_layouts(const ConvGeometry& g, Compute compute, TensorDesc& out_grad,
                                       TensorDesc& weight, TensorDesc& data_grad);
void choose_conv_backward_weight_layouts(const ConvGeometry& g, Compute compute, TensorDesc& out_grad,
                                         TensorDesc& data, TensorDesc& weight_grad);

}  // namespace symbind
