// Fused post-ops in portable code: what a backend does that cannot hand them to its primitives.
#pragma once

#include "base/kernel.h"

namespace symbind {

// out[i] = post(out[i]) for n elements of a floating dtype; `in` are the node's inputs (for sums).
void apply_post_ops(Span<const PostOp> post_ops, DType dtype, void* out, int64_t n, void* const* in);

}  // namespace symbind
