// Attributes, shapes and geometry of pooling, for floating and for quantized tensors.
#pragma once

#include "backend/cpu/pooling.h"
#include "graph/graph.h"
#include "ops/spatial.h"

namespace symbind {

struct PoolingParams {
  enum class Type { kAvg, kLp, kMax, kSum };
  enum class Convention { kFull, kSame, kValid };
  enum class AxisOrder { kNone, kNCDHW, kNCHW, kNCW, kNDHWC, kNHWC, kNWC };

  Tuple kernel, stride, pad;
  Choice pool_type, pooling_convention, layout;
  bool global_pool, cudnn_off;
  std::optional<int64_t> p_value;
  std::optional<bool> count_include_pad;
  template <class V>
  void visit(V& v) {
    v("kernel", kernel, Tuple(), "Size of the window: (w,), (h, w) or (d, h, w). Needed unless global_pool.");
    v.choice("pool_type", pool_type, {"avg", "lp", "max", "sum"}, 2, "What is computed of each window.");
    v("global_pool", global_pool, false, "One window over everything; kernel, stride and pad are ignored.");
    v("cudnn_off", cudnn_off, false, "Accepted for compatibility.");
    v.choice("pooling_convention", pooling_convention, {"full", "same", "valid"}, 2,
             "How the number of windows is rounded: valid down, full up, same one window for each stride.");
    v("stride", stride, Tuple(), "Step between windows; 1 by default.");
    v("pad", pad, Tuple(), "Positions added on both sides; 0 by default.");
    v("p_value", p_value, std::optional<int64_t>(), "The p of pool_type lp: 1, 2 or 3.");
    v("count_include_pad", count_include_pad, std::optional<bool>(),
      "Whether an average divides by the padded positions too; None is True.");
    v.choice("layout", layout, {"None", "NCDHW", "NCHW", "NCW", "NDHWC", "NHWC", "NWC"}, 0,
             "Order of the axes; None is channels second.");
  }

  bool channels_last() const { return layout.value >= static_cast<int>(AxisOrder::kNDHWC); }

  void finish(const char* op) {
    if (pool_type == Type::kLp) {
      check(p_value.has_value() && *p_value >= 1 && *p_value <= 3, "[", op,
            "] p_value for pool_type lp: got ", format_value(p_value), ", expected 1, 2 or 3");
    }
    if (global_pool) return;
    const size_t n = kernel.size();
    check(n >= 1 && n <= 3, "[", op, "] kernel has the wrong length: got ", format_value(kernel),
          ", expected 1, 2 or 3 numbers, or global_pool=True");
    if (pooling_convention == Convention::kSame) {
      for (int64_t p : pad) {
        check(p == 0, "[", op, "] pad with pooling_convention same: got ", format_value(pad),
              ", expected zeros");
      }
      pad.clear();  // MXNet asks for three zeros here, whatever the rank
    }
    fill_tuple(op, "stride", stride, n, 1);
    fill_tuple(op, "pad", pad, n, 0);
    check_at_least(op, "kernel", kernel, 1);
    check_at_least(op, "stride", stride, 1);
    check_at_least(op, "pad", pad, 0);
  }
};

inline int64_t pooling_extent(const PoolingParams& p, int i, int64_t in) {
  if (p.global_pool) return 1;
  if (in < 0) return -1;
  if (p.pooling_convention == PoolingParams::Convention::kSame) return (in + p.stride[i] - 1) / p.stride[i];
  const int64_t room = in + 2 * p.pad[i] - p.kernel[i];
  check(room >= 0, "[Pooling] kernel is larger than the padded input along spatial axis ", i, ": got ",
        p.kernel[i], ", expected at most ", in + 2 * p.pad[i], " (input ", in, ", pad ", p.pad[i], ")");
  const bool up = p.pooling_convention == PoolingParams::Convention::kFull;
  return (up ? (room + p.stride[i] - 1) / p.stride[i] : room / p.stride[i]) + 1;
}

inline void infer_pooling_shape(ShapeContext& c) {
  const PoolingParams& p = as<PoolingParams>(c.params);
  const Shape& arrived = c.in[0].has_rank() ? c.in[0] : c.out[0];
  const int ndim = p.kernel.empty() ? arrived.ndim() : static_cast<int>(p.kernel.size()) + 2;
  if (ndim < 0) return;
  check(ndim >= 3 && ndim <= 5, "[Pooling] data has the wrong number of dimensions: got ", arrived,
        ", expected 3, 4 or 5");
  check(!c.in[0].has_rank() || c.in[0].ndim() == ndim,
        "[Pooling] data has the wrong number of dimensions: got ", c.in[0], ", expected ", ndim,
        " for kernel ", format_value(p.kernel));
  static constexpr int kLayoutRank[] = {0, 5, 4, 3, 5, 4, 3};
  const int wanted = kLayoutRank[p.layout.value];
  check(wanted == 0 || wanted == ndim, "[Pooling] layout does not fit: got a layout of ", wanted,
        " axes, expected ", ndim);

  const SpatialAxes axes = spatial_axes(p.channels_last(), ndim);
  Shape data = c.in[0].has_rank() ? c.in[0] : Shape::unknown(ndim), out = data;
  for (int i = 0; i < ndim - 2; ++i) out[axes.first + i] = pooling_extent(p, i, data[axes.first + i]);
  c.set_out(0, out);
  data[0] = c.out[0][0];
  data[axes.channel] = c.out[0][axes.channel];
  for (int i = 0; i < ndim - 2 && !p.global_pool; ++i) {
    const int axis = axes.first + i;
    if (data[axis] >= 0 || c.out[0][axis] < 0 || p.stride[i] != 1) continue;
    data[axis] = p.pooling_convention == PoolingParams::Convention::kSame
                     ? c.out[0][axis]
                     : c.out[0][axis] - 1 + p.kernel[i] - 2 * p.pad[i];
  }
  c.set_in(0, data);
}

inline PoolingSpec pooling_spec(const PoolingParams& p, const Shape& data, const Shape& out) {
  static constexpr PoolKind kKinds[] = {PoolKind::kAvg, PoolKind::kLp, PoolKind::kMax, PoolKind::kSum};
  PoolingSpec spec;
  spec.channels_last = p.channels_last();
  const SpatialAxes axes = spatial_axes(spec.channels_last, data.ndim());
  PoolArgs& a = spec.args;
  a.kind = kKinds[p.pool_type.value];
  a.p = static_cast<int>(p.p_value.value_or(2));
  a.count_include_pad = p.count_include_pad.value_or(true);
  const int rank = data.ndim() - 2;
  for (int i = 0; i < 3; ++i) {
    const int j = i - (3 - rank);
    a.in[i] = j < 0 ? 1 : data[axes.first + j];
    a.out[i] = j < 0 ? 1 : out[axes.first + j];
    a.kernel[i] = j < 0 ? 1 : p.global_pool ? a.in[i] : p.kernel[j];
    a.stride[i] = j < 0 || p.global_pool ? 1 : p.stride[j];
    a.pad[i] = j < 0 || p.global_pool ? 0 : p.pad[j];
  }
  return spec;
}

}  // namespace symbind
