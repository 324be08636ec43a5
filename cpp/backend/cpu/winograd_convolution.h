// Winograd behind the convolution operator: where it is used, and how work fused onto the operator is done.
#pragma once

#include "backend/cpu/convolution.h"
#include "backend/cpu/winograd.h"

namespace symbind {

// How one pass of a convolution of float32 tensors in blocks of 16 channels is computed; tile 0: directly.
// `transformed`: the weights come in winograd_weight_layout(). SYMBIND_WINOGRAD=0 says 0 to everything.
WinogradSpec plan_winograd(const ConvGeometry& g, WinogradPass pass, bool transformed);

// Is the tensor in blocks of 16 channels?
bool in_blocks_of_16(const TensorDesc& tensor);

// The layout of weights that are transformed already, and the tile it was made for (0: another layout).
LayoutPtr winograd_weight_layout(const WinogradSpec& spec);
int winograd_weight_tile(const TensorDesc& weight);
// Weights from row-major to such a layout; no kernel where `to` is in another one.
Kernel make_winograd_reorder(const TensorDesc& from, const TensorDesc& to);

// As make_conv_forward.
Kernel make_winograd_conv_forward(const WinogradSpec& spec, bool transformed, bool has_bias,
                                  const TensorDesc& out, Span<const PostOp> post_ops);

// As make_conv_backward_weight.
Kernel make_winograd_conv_backward_weight(const WinogradSpec& spec, bool has_bias);

}  // namespace symbind
