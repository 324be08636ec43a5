#include "backend/cpu/post_ops.h"

#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

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

Kernel then_post_ops(Kernel kernel, const TensorDesc& out, Span<const PostOp> post_ops) {
  const size_t bytes = out.bytes(), result_at = (kernel.workspace + 63) / 64 * 64;
  const DType dtype = out.dtype;
  return make_kernel(
      [kernel = std::move(kernel), bytes, result_at, dtype,
       posts = std::vector<PostOp>(post_ops.begin(), post_ops.end())](void* const* in, void* const* to,
                                                                      void* workspace) {
        void* result = static_cast<char*>(workspace) + result_at;
        kernel.run(kernel.self.get(), in, &result, workspace);
        apply_post_ops(posts, dtype, result, static_cast<int64_t>(bytes / dtype_size(dtype)), in);
        std::memcpy(to[0], result, bytes);
      },
      result_at + bytes);
}

}  // namespace symbind
