#include "backend/cpu/matmul.h"

#include <algorithm>
#include <vector>

#include "backend/cpu/gemm.h"
#include "backend/cpu/onednn_matmul.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/post_ops.h"

namespace symbind {
namespace {

template <class T>
Kernel portable_gemm(const GemmSpec& s) {
  return make_kernel([s](void* const* in, void* const* out, void*) {
    const T* a = static_cast<const T*>(in[0]);
    const T* b = static_cast<const T*>(in[1]);
    T* c = static_cast<T*>(out[0]);
    auto one = [&](int64_t i) {
      gemm(s.trans_a, s.trans_b, s.m, s.n, s.k, T(s.alpha), a + i * s.m * s.k, s.trans_a ? s.m : s.k,
           b + i * s.k * s.n, s.trans_b ? s.k : s.n, T(s.beta), c + i * s.m * s.n, s.n);
    };
    if (s.batch < 2 * max_threads()) {
      for (int64_t i = 0; i < s.batch; ++i) one(i);
    } else {
      parallel_for(s.batch, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) one(i);
      });
    }
  });
}

template <class From, class To>
void convert(const From* from, To* to, int64_t n) {
  parallel_for(n, kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = To(float(from[i]));
  });
}

// Runs a float32 kernel of two inputs and one output (read first when `accumulates`) on float16 tensors.
Kernel through_float(Kernel inner, int64_t a_size, int64_t b_size, int64_t c_size, bool accumulates) {
  auto padded = [](int64_t n) { return (n + 15) / 16 * 16; };
  const int64_t b_at = padded(a_size), c_at = b_at + padded(b_size), end = c_at + padded(c_size);
  const size_t floats = static_cast<size_t>(end) * sizeof(float);
  const size_t workspace = floats + inner.workspace;
  return make_kernel(
      [=](void* const* in, void* const* out, void* ws) {
        float* a = static_cast<float*>(ws);
        convert(static_cast<const Half*>(in[0]), a, a_size);
        convert(static_cast<const Half*>(in[1]), a + b_at, b_size);
        if (accumulates) convert(static_cast<const Half*>(out[0]), a + c_at, c_size);
        void* inner_in[] = {a, a + b_at};
        void* inner_out[] = {a + c_at};
        inner.run(inner.self.get(), inner_in, inner_out, static_cast<char*>(ws) + floats);
        convert(a + c_at, static_cast<Half*>(out[0]), c_size);
      },
      workspace);
}

// out(rows, cols) gets the bias in every row, or nothing.
template <class T>
void add_bias(const T* bias, T* out, int64_t rows, int64_t cols) {
  parallel_for(rows, 1 + kElementGrain / cols, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      T* y = out + r * cols;
      for (int64_t c = 0; c < cols; ++c) y[c] = T(accumulate_t<T>(y[c]) + accumulate_t<T>(bias[c]));
    }
  });
}

template <class T>
void column_sum(const T* x, T* sum, int64_t rows, int64_t cols) {
  using A = accumulate_t<T>;
  constexpr int64_t kBlock = 64;  // columns whose sums stay in registers or L1
  parallel_for((cols + kBlock - 1) / kBlock, 1 + kElementGrain / (rows * kBlock + 1),
               [&](int64_t begin, int64_t end) {
                 for (int64_t block = begin; block < end; ++block) {
                   const int64_t first = block * kBlock, n = std::min(kBlock, cols - first);
                   A total[kBlock] = {};
                   for (int64_t r = 0; r < rows; ++r) {
                     const T* row = x + r * cols + first;
                     for (int64_t c = 0; c < n; ++c) total[c] += A(row[c]);
                   }
                   for (int64_t c = 0; c < n; ++c) sum[first + c] = T(total[c]);
                 }
               });
}

}  // namespace

Kernel make_gemm_kernel(const GemmSpec& spec) {
  if (spec.dtype == DType::kFloat16) {
    GemmSpec single = spec;
    single.dtype = DType::kFloat32;
    return through_float(make_gemm_kernel(single), spec.batch * spec.m * spec.k, spec.batch * spec.k * spec.n,
                         spec.batch * spec.m * spec.n, spec.beta != 0);
  }
  if (spec.dtype == DType::kFloat64) return portable_gemm<double>(spec);
  check(spec.dtype == DType::kFloat32, "[gemm] expected a floating dtype, got ", dtype_name(spec.dtype));
#if SYMBIND_ONEDNN
  Kernel fast = onednn::make_gemm(spec);
  if (fast.run != nullptr) return fast;
#endif
  return portable_gemm<float>(spec);
}

Kernel make_fc_forward(const TensorDesc& data, const TensorDesc& weight, const TensorDesc* bias,
                       const TensorDesc& out, Span<const PostOp> post_ops) {
  GemmSpec spec;
  spec.trans_b = true;
  spec.n = weight.shape[0];
  spec.k = weight.shape[1];
  spec.m = out.shape.product(0, out.shape.ndim() - 1);
  spec.dtype = data.dtype;
#if SYMBIND_ONEDNN
  if (spec.dtype == DType::kFloat32) {
    Kernel fast = onednn::make_fc_forward(spec, bias != nullptr, post_ops);
    if (fast.run != nullptr) return fast;
  }
#endif
  Kernel product = make_gemm_kernel(spec);
  if (bias == nullptr && post_ops.empty()) return product;
  const size_t workspace = product.workspace;
  return make_kernel(
      [product, spec, has_bias = bias != nullptr,
       posts = std::vector<PostOp>(post_ops.begin(), post_ops.end())](void* const* in, void* const* out,
                                                                      void* ws) {
        product.run(product.self.get(), in, out, ws);
        if (has_bias && spec.n > 0) {
          visit_float(spec.dtype, "FullyConnected", [&](auto tag) {
            using T = typename decltype(tag)::type;
            add_bias(static_cast<const T*>(in[2]), static_cast<T*>(out[0]), spec.m, spec.n);
          });
        }
        if (!posts.empty()) apply_post_ops(posts, spec.dtype, out[0], spec.m * spec.n, in);
      },
      workspace);
}

Kernel make_column_sum_kernel(int64_t rows, int64_t cols, DType dtype) {
  return visit_float(dtype, "column sum", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([rows, cols](void* const* in, void* const* out, void*) {
      column_sum(static_cast<const T*>(in[0]), static_cast<T*>(out[0]), rows, cols);
    });
  });
}

}  // namespace symbind
