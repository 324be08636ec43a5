// Convolution by gathering patches and multiplying matrices, for row-major float32 and float64 tensors.
#pragma once

#include "backend/cpu/convolution.h"

namespace symbind::portable {

Kernel conv_forward(const ConvGeometry& g, DType dtype, bool has_bias, Span<const PostOp> post_ops);
Kernel conv_backward_data(const ConvGeometry& g, DType dtype);
Kernel conv_backward_weight(const ConvGeometry& g, DType dtype, bool has_bias);

}  // namespace symbind::portable
