// Copies between memory layouts.
#pragma once

#include "base/kernel.h"

namespace symbind {

// A tensor as (outer, blocks, inner, block): `block` neighbouring channels at each of `inner` positions.
// Row-major tensors have blocks of one channel, or one block of all channels when the channels are the last
// axis.
struct ChannelView {
  int64_t outer = 0, blocks = 0, inner = 0, block = 0;
  int64_t channels = 0;
  int64_t padded_channels() const { return blocks * block; }
  int64_t size() const { return outer * blocks * inner * block; }
};
// False when the layout orders memory in another way.
bool view_channels(const TensorDesc& tensor, int axis, ChannelView& view);

// The layout of `tensor` for another shape of the same rank and channels (axis 1), in float32; null when
// there is none of the kind.
LayoutPtr layout_like(const TensorDesc& tensor, const Shape& shape);

// One input, one output of the same shape and dtype, each in its own layout (row-major, or one of a backend
// here).
Kernel make_reorder_kernel(const TensorDesc& from, const TensorDesc& to);

}  // namespace symbind
