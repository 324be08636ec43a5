#include "backend/cpu/layout.h"

#include <cstring>
#include <utility>

#include "backend/cpu/parallel.h"
#include "backend/cpu/winograd_convolution.h"
#if SYMBIND_ONEDNN
#include "backend/cpu/onednn.h"
#endif

namespace symbind {
namespace {

Kernel copy_kernel(size_t bytes) {
  return make_kernel([bytes](void* const* in, void* const* out, void*) {
    if (in[0] == out[0]) return;
    parallel_for(static_cast<int64_t>(bytes), 4 * kElementGrain, [&](int64_t begin, int64_t end) {
      std::memcpy(static_cast<char*>(out[0]) + begin, static_cast<const char*>(in[0]) + begin,
                  static_cast<size_t>(end - begin));
    });
  });
}

#if SYMBIND_ONEDNN
// Channels last, or in one level of blocks, with the other axes in order.
bool view_layout(const onednn::Desc& desc, const Shape& shape, int axis, ChannelView& view) {
  const auto dims = desc.get_dims(), padded = desc.get_padded_dims(), strides = desc.get_strides();
  const int n = shape.ndim();
  if (static_cast<int>(dims.size()) != n || axis < 0 || axis >= n) return false;
  const auto blocks = desc.get_inner_blks(), blocked_axes = desc.get_inner_idxs();
  if (blocks.size() > 1 || (blocks.size() == 1 && blocked_axes[0] != axis)) return false;
  view.channels = shape[axis];
  view.outer = shape.product(0, axis);
  view.inner = shape.product(axis + 1, n);
  view.block = blocks.empty() ? shape[axis] : blocks[0];
  view.blocks = padded[axis] / view.block;
  // The strides that this order of axes implies; those of single elements do not matter.
  dnnl::memory::dim step = view.block;
  auto fits = [&](int i, dnnl::memory::dim extent) {
    const bool ok = extent == 1 || strides[i] == step;
    step *= extent;
    return ok;
  };
  for (int i = n - 1; i > axis; --i) {
    if (!fits(i, dims[i])) return false;
  }
  if (!blocks.empty()) {
    if (!fits(axis, view.blocks)) return false;
  } else if (strides[axis] != 1 && dims[axis] != 1) {
    return false;
  }
  for (int i = axis - 1; i >= 0; --i) {
    if (!fits(i, dims[i])) return false;
  }
  return true;
}
#endif

#if SYMBIND_ONEDNN
// Of elements in row-major memory: floats, whatever a layout makes of them, or quantized numbers and their
// sums.
dnnl::memory::data_type row_major_type(DType type) {
  using Type = dnnl::memory::data_type;
  if (type == DType::kInt32) return Type::s32;
  return type == DType::kInt8 ? Type::s8 : type == DType::kUint8 ? Type::u8 : Type::f32;
}
#endif

}  // namespace

bool view_channels(const TensorDesc& tensor, int axis, ChannelView& view) {
#if SYMBIND_ONEDNN
  if (tensor.layout) {
    const onednn::Desc* desc = onednn::layout_desc(tensor.layout);
    return desc != nullptr && view_layout(*desc, tensor.shape, axis, view);
  }
#endif
  view.channels = tensor.shape[axis];
  view.outer = tensor.shape.product(0, axis);
  view.inner = tensor.shape.product(axis + 1, tensor.shape.ndim());
  view.blocks = view.channels;
  view.block = 1;
  if (view.inner == 1) std::swap(view.blocks, view.block);
  return true;
}

LayoutPtr layout_like([[maybe_unused]] const TensorDesc& tensor, [[maybe_unused]] const Shape& shape) {
#if SYMBIND_ONEDNN
  using onednn::Tag;
  ChannelView view;
  const int n = shape.ndim();
  if (!tensor.layout || n < 3 || n > 5 || !view_channels(tensor, 1, view)) return nullptr;
  constexpr Tag kTags[3][3] = {{Tag::nwc, Tag::nhwc, Tag::ndhwc},
                               {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c},
                               {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c}};
  const bool blocked = onednn::layout_desc(tensor.layout)->get_inner_nblks() > 0;
  if (blocked && view.block != 8 && view.block != 16) return nullptr;
  const Tag tag = kTags[!blocked ? 0 : view.block / 8][n - 3];
  return onednn::layout_of(onednn::Desc(onednn::dims_of(shape), row_major_type(tensor.dtype), tag));
#else
  return nullptr;
#endif
}

Kernel make_reorder_kernel(const TensorDesc& from, const TensorDesc& to) {
  check(from.shape == to.shape && from.dtype == to.dtype, "[_reorder] got ", from.shape, " ",
        dtype_name(from.dtype), " to ", to.shape, " ", dtype_name(to.dtype),
        ", expected the same shape and dtype");
  if (same_layout(from.layout, to.layout)) return copy_kernel(from.bytes());
  const Kernel winograd = make_winograd_reorder(from, to);
  if (winograd.run != nullptr) return winograd;
#if SYMBIND_ONEDNN
  // Weights of grouped convolutions have a layout with one dimension more than their shape; row-major is the
  // same memory under both.
  const onednn::Desc* known = onednn::layout_desc(from.layout ? from.layout : to.layout);
  const onednn::Desc plain(known->get_dims(), row_major_type(from.dtype),
                           onednn::row_major(known->get_dims()).get_strides());
  onednn::KernelBuilder builder;
  builder.add_reorder(from.layout ? *onednn::layout_desc(from.layout) : plain, onednn::in(0),
                      to.layout ? *onednn::layout_desc(to.layout) : plain, onednn::out(0));
  return builder.build();
#else
  fail("[_reorder] this build has no layouts other than row-major");
#endif
}

}  // namespace symbind
