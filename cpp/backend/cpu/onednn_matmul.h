// float32 matrix products by oneDNN. A kernel without `run` means: not for this size, use the portable one.
#pragma once

#include "backend/cpu/matmul.h"

namespace symbind::onednn {

Kernel make_gemm(const GemmSpec& spec);
Kernel make_fc_forward(const GemmSpec& spec, bool has_bias, Span<const PostOp> post_ops);

}  // namespace symbind::onednn
