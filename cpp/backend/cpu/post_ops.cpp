#include "backend/cpu/post_ops.h"

#include <cmath>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

template <class A>
A apply_one(const PostOp& op, A x) {
  switch (op.kind) {
    case PostOp::kRelu:
      return x > 0 || x != x ? x : op.alpha == 0 ? A(0) : A(op.alpha) * x;
    case PostOp::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case PostOp::kTanh:
      return std::tanh(x);
    case PostOp::kSoftRelu:
      return x > 20 ? x : std::log1p(std::exp(x));
    case PostOp::kClip:
      return x < A(op.alpha) ? A(op.alpha) : x > A(op.beta) ? A(op.beta) : x;
    case PostOp::kSum:
      break;
  }
  return x;
}

}  // namespace

void apply_post_ops(Span<const PostOp> post_ops, DType dtype, void* out, int64_t n, void* const* in) {
  visit_float(dtype, "post-op", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = accumulate_t<T>;
    T* y = static_cast<T*>(out);
    for (const PostOp& op : post_ops) {
      const T* addend = op.kind == PostOp::kSum ? static_cast<const T*>(in[op.input]) : nullptr;
      parallel_for(n, kElementGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          y[i] = T(addend != nullptr ? A(y[i]) + A(addend[i]) : apply_one(op, A(y[i])));
        }
      });
    }
  });
}

}  // namespace symbind
