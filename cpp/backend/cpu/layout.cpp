#include "backend/cpu/layout.h"

#include <cstring>

#include "backend/cpu/parallel.h"
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

}  // namespace

Kernel make_reorder_kernel(const TensorDesc& from, const TensorDesc& to) {
  check(from.shape == to.shape && from.dtype == to.dtype, "[_reorder] got ", from.shape, " ",
        dtype_name(from.dtype), " to ", to.shape, " ", dtype_name(to.dtype),
        ", expected the same shape and dtype");
  if (same_layout(from.layout, to.layout)) return copy_kernel(from.bytes());
#if SYMBIND_ONEDNN
  // Weights of grouped convolutions have a layout with one dimension more than their shape; row-major is the
  // same memory under both.
  const onednn::Desc* known = onednn::layout_desc(from.layout ? from.layout : to.layout);
  const onednn::Desc plain = onednn::row_major(known->get_dims());
  onednn::KernelBuilder builder;
  builder.add_reorder(from.layout ? *onednn::layout_desc(from.layout) : plain, onednn::in(0),
                      to.layout ? *onednn::layout_desc(to.layout) : plain, onednn::out(0));
  return builder.build();
#else
  fail("[_reorder] this build has no layouts other than row-major");
#endif
}

}  // namespace symbind
