// Operators whose output holds elements of the first input under other indices: a StridedView says which. The
// gradient copies them back, and is zero where nothing was read.
#pragma once

#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"

namespace symbind {

// The view of `in` that fills an output of shape `out`; no element is read twice.
using ViewFn = StridedView (*)(const void* params, const Shape& in, const Shape& out);

inline void set_view_kernels(OpDef& op, ViewFn view) {
  op.kernel = [view](const KernelRequest& r) {
    return strided_copy_kernel(view(r.params, r.in[0].shape, r.out[0].shape), r.out[0]);
  };
  const std::string backward = "_backward_" + op.name;
  op.gradient = [backward](GradContext& c) {
    std::vector<EntryId> grads = zero_gradient(c);
    grads[0] = {c.backward(backward.c_str(), {c.out_grad(0)}, {0}), 0};
    return grads;
  };
  OpDef& back = register_backward_op(backward, {"out_grad"});
  back.params = op.params;
  back.kernel = [view](const KernelRequest& r) {
    return strided_copy_kernel(view(r.params, r.out[0].shape, r.in[0].shape).inverse(), r.out[0], true);
  };
}

// The part of `in` that begins at `begin` (by axis) and has the shape of `out`.
inline StridedView window_view(const Shape& in, const Shape& out, const int64_t* begin) {
  const std::vector<int64_t> from = row_major_strides(in), to = row_major_strides(out);
  StridedView view;
  for (int i = 0; i < in.ndim(); ++i) {
    view.from_offset += begin[i] * from[static_cast<size_t>(i)];
    view.add(out[i], from[static_cast<size_t>(i)], to[static_cast<size_t>(i)]);
  }
  return view;
}

}  // namespace symbind
