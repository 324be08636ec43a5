// Fused post-ops in portable code: what a backend does that cannot hand them to its primitives.
#pragma once

#include "base/kernel.h"

namespace symbind {

// out[i] = post(out[i]) for n elements of a floating dtype; `in` are the node's inputs (for sums).
void apply_post_ops(Span<const PostOp> post_ops, DType dtype, void* out, int64_t n, void* const* in);

// A kernel for output 0 alone, then the post-ops. The result is made away from the output, where what a sum
// adds may lie.
Kernel then_post_ops(Kernel kernel, const TensorDesc& out, Span<const PostOp> post_ops);

}  // namespace symbind
