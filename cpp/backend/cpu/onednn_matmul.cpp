#include "backend/cpu/onednn_matmul.h"

#include "backend/cpu/onednn.h"

namespace symbind::onednn {
namespace {

// oneDNN's sgemm has less to set up; the matmul primitive wins on larger products. The boundary is measured
// on two Zen 4 cores (784x128x100 and neighbours).
bool prefers_sgemm(const GemmSpec& s) {
  const int64_t work = s.m * s.n * s.k;
  return work <= (s.trans_a ? 12'000'000 : 1'000'000);
}

// Matrix times vector is better off in the engine's own kernel (measured: 0.30 instead of 0.42 ms for
// 784-2048-2048).
bool is_vector(const GemmSpec& s) { return s.batch == 1 && (s.m == 1 || s.n == 1); }

Kernel sgemm_kernel(const GemmSpec& s) {
  return make_kernel([s](void* const* in, void* const* out, void*) {
    dnnl_sgemm(s.trans_a ? 'T' : 'N', s.trans_b ? 'T' : 'N', s.m, s.n, s.k, s.alpha,
               static_cast<const float*>(in[0]), s.trans_a ? s.m : s.k, static_cast<const float*>(in[1]),
               s.trans_b ? s.k : s.n, s.beta, static_cast<float*>(out[0]), s.n);
  });
}

Desc matrix(int64_t batch, int64_t rows, int64_t cols, bool transposed) {
  const dnnl::memory::dim row = transposed ? 1 : cols, col = transposed ? rows : 1;
  if (batch == 1) return Desc({rows, cols}, dnnl::memory::data_type::f32, dnnl::memory::dims{row, col});
  return Desc({batch, rows, cols}, dnnl::memory::data_type::f32, dnnl::memory::dims{rows * cols, row, col});
}

}  // namespace

Kernel make_gemm(const GemmSpec& s) {
  if (is_vector(s)) return {};
  if (!enabled() || s.m == 0 || s.n == 0 || s.k == 0 || s.batch == 0) return {};
  if (s.batch == 1 && prefers_sgemm(s)) return sgemm_kernel(s);
  dnnl::primitive_attr attr = attributes();
  if (s.alpha != 1 || s.beta != 0) {
    dnnl::post_ops ops;
    if (s.alpha != 1) ops.append_eltwise(dnnl::algorithm::eltwise_linear, s.alpha, 0);
    if (s.beta != 0) ops.append_sum(s.beta);
    attr.set_post_ops(ops);
  }
  const Desc a = matrix(s.batch, s.m, s.k, s.trans_a), b = matrix(s.batch, s.k, s.n, s.trans_b);
  const Desc c = matrix(s.batch, s.m, s.n, false);
  const dnnl::matmul::primitive_desc pd(engine(), a, b, c, attr);
  KernelBuilder builder;
  builder.add(dnnl::matmul(pd),
              {{DNNL_ARG_SRC, a, in(0)}, {DNNL_ARG_WEIGHTS, b, in(1)}, {DNNL_ARG_DST, c, out(0)}},
              pd.scratchpad_desc());
  return builder.build();
}

Kernel make_fc_forward(const GemmSpec& s, bool has_bias, Span<const PostOp> post_ops) {
  if (!enabled() || s.m == 0 || s.n == 0 || s.k == 0 || is_vector(s) || prefers_sgemm(s)) return {};
  const dnnl::primitive_attr attr = attributes(post_ops);
  const Desc data = matrix(1, s.m, s.k, false), weight = matrix(1, s.k, s.n, true),
             dst = matrix(1, s.m, s.n, false);
  KernelBuilder builder;
  prepare_sums(builder, post_ops, dst.get_size());
  if (has_bias) {
    const Desc bias = row_major({1, s.n});
    const dnnl::matmul::primitive_desc pd(engine(), data, weight, bias, dst, attr);
    builder.add(dnnl::matmul(pd),
                {{DNNL_ARG_SRC, data, in(0)},
                 {DNNL_ARG_WEIGHTS, weight, in(1)},
                 {DNNL_ARG_BIAS, bias, in(2)},
                 {DNNL_ARG_DST, dst, out(0)}},
                pd.scratchpad_desc());
  } else {
    const dnnl::matmul::primitive_desc pd(engine(), data, weight, dst, attr);
    builder.add(dnnl::matmul(pd),
                {{DNNL_ARG_SRC, data, in(0)}, {DNNL_ARG_WEIGHTS, weight, in(1)}, {DNNL_ARG_DST, dst, out(0)}},
                pd.scratchpad_desc());
  }
  return builder.build();
}

}  // namespace symbind::onednn
