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
  const onednn::Desc source = onednn::desc_of(from), target = onednn::desc_of(to);
  const dnnl::reorder::primitive_desc pd(onednn::engine(), source, onednn::engine(), target,
                                         onednn::attributes());
  onednn::KernelBuilder builder;
  builder.add(dnnl::reorder(pd),
              {{DNNL_ARG_FROM, source, onednn::in(0)}, {DNNL_ARG_TO, target, onednn::out(0)}},
              pd.scratchpad_desc());
  return builder.build();
#else
  fail("[_reorder] this build has no layouts other than row-major");
#endif
}

}  // namespace symbind
