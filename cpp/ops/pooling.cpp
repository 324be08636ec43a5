// Pooling in one, two and three dimensions: maximum, average, sum, p-norm. And Pooling_v1.
#include "backend/cpu/pooling.h"

#include "backend/cpu/elementwise.h"
#include "backend/cpu/layout.h"
#include "backend/cpu/run_in_float.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "ops/spatial.h"

namespace symbind {
namespace {

enum class Type { kAvg, kLp, kMax, kSum };
enum class Convention { kFull, kSame, kValid };
enum class AxisOrder { kNone, kNCDHW, kNCHW, kNCW, kNDHWC, kNHWC, kNWC };

struct Params {
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

int64_t out_extent(const Params& p, int i, int64_t in) {
  if (p.global_pool) return 1;
  if (in < 0) return -1;
  if (p.pooling_convention == Convention::kSame) return (in + p.stride[i] - 1) / p.stride[i];
  const int64_t room = in + 2 * p.pad[i] - p.kernel[i];
  check(room >= 0, "[Pooling] kernel is larger than the padded input along spatial axis ", i, ": got ",
        p.kernel[i], ", expected at most ", in + 2 * p.pad[i], " (input ", in, ", pad ", p.pad[i], ")");
  const bool up = p.pooling_convention == Convention::kFull;
  return (up ? (room + p.stride[i] - 1) / p.stride[i] : room / p.stride[i]) + 1;
}

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
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
  for (int i = 0; i < ndim - 2; ++i) out[axes.first + i] = out_extent(p, i, data[axes.first + i]);
  c.set_out(0, out);
  data[0] = c.out[0][0];
  data[axes.channel] = c.out[0][axes.channel];
  for (int i = 0; i < ndim - 2 && !p.global_pool; ++i) {
    const int axis = axes.first + i;
    if (data[axis] >= 0 || c.out[0][axis] < 0 || p.stride[i] != 1) continue;
    data[axis] = p.pooling_convention == Convention::kSame ? c.out[0][axis]
                                                           : c.out[0][axis] - 1 + p.kernel[i] - 2 * p.pad[i];
  }
  c.set_in(0, data);
}

PoolingSpec spec_of(const Params& p, const Shape& data, const Shape& out) {
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

bool reads_data(const Params& p) { return p.pool_type == Type::kMax || p.pool_type == Type::kLp; }

Kernel forward(const KernelRequest& r) {
  const PoolingSpec spec = spec_of(as<Params>(r.params), r.in[0].shape, r.out[0].shape);
  return run_in_float(make_pooling_forward(spec, in_float(r.in[0])), r.in, r.out);
}

void forward_layout(LayoutRequest& r) {
  const PoolingSpec spec = spec_of(as<Params>(r.params), r.in[0].shape, r.out[0].shape);
  if (in_bfloat16(r.in[0].layout)) r.in[0].layout = layout_like(r.in[0], r.in[0].shape);
  if (!pooling_takes_layout(spec, r.in[0])) r.in[0].layout = nullptr;
  r.out[0].layout = layout_like(r.in[0], r.out[0].shape);
  if (!r.out[0].layout) r.in[0].layout = nullptr;
}

// Inputs out_grad and, where the gradient depends on them, data and output.
Kernel backward(const KernelRequest& r) {
  const PoolingSpec spec = spec_of(as<Params>(r.params), r.out[0].shape, r.in[0].shape);
  return run_in_float(make_pooling_backward(spec, in_float(r.out[0])), r.in, r.out);
}

void backward_layout(LayoutRequest& r) {
  const PoolingSpec spec = spec_of(as<Params>(r.params), r.out[0].shape, r.in[0].shape);
  // Data is larger than the gradient that arrives: its layout wins.
  TensorDesc data = r.out[0];
  data.layout = r.in.size() > 1 ? r.in[1].layout : layout_like(r.in[0], data.shape);
  if (in_bfloat16(data.layout)) data.layout = layout_like(data, data.shape);
  if (!pooling_takes_layout(spec, data)) data.layout = nullptr;
  const LayoutPtr small = layout_like(data, r.in[0].shape);
  if (!small) data.layout = nullptr;
  r.in[0].layout = small;
  if (r.in.size() > 1) {
    r.in[1].layout = data.layout;
    r.in[2].layout = small;
  }
  r.out[0].layout = data.layout;
}

// --- Pooling_v1: an average always divides by the size of the whole window. ---

struct V1Params : Params {
  Choice type, convention;
  template <class V>
  void visit(V& v) {
    v("kernel", kernel, Tuple(), "Size of the window: (w,), (h, w) or (d, h, w). Needed unless global_pool.");
    v.choice("pool_type", type, {"avg", "max", "sum"}, 1, "What is computed of each window.");
    v("global_pool", global_pool, false, "One window over everything; kernel, stride and pad are ignored.");
    v.choice("pooling_convention", convention, {"full", "valid"}, 1,
             "How the number of windows is rounded: valid down, full up.");
    v("stride", stride, Tuple(), "Step between windows; 1 by default.");
    v("pad", pad, Tuple(), "Positions added on both sides; 0 by default.");
  }
  void finish(const char* op) {
    constexpr Type kTypes[] = {Type::kAvg, Type::kMax, Type::kSum};
    constexpr Convention kConventions[] = {Convention::kFull, Convention::kValid};
    pool_type.value = static_cast<int>(kTypes[type.value]);
    pooling_convention.value = static_cast<int>(kConventions[convention.value]);
    Params::finish(op);
  }
};

PoolingSpec v1_spec(const void* params, const Shape& data, const Shape& out) {
  PoolingSpec spec = spec_of(as<V1Params>(params), data, out);
  if (spec.args.kind == PoolKind::kAvg) spec.args.kind = PoolKind::kSum;
  return spec;
}

// What the sum over a window is multiplied by.
double v1_factor(const void* params, const PoolingSpec& spec) {
  const PoolArgs& a = spec.args;
  if (as<V1Params>(params).pool_type != Type::kAvg) return 1;
  return 1.0 / static_cast<double>(a.kernel[0] * a.kernel[1] * a.kernel[2]);
}

Kernel scaled(const Kernel& inner, const TensorDesc& out, double factor) {
  if (factor == 1) return inner;
  const ElementMap times(binary_row(Binary::kMul), out.dtype, out.dtype);
  const Kernel scale =
      map_kernel(times, out.shape.size(), 1, Cost::kCheap, {scalar_value(times.compute(), factor), 1});
  return make_kernel(
      [inner, scale](void* const* from, void* const* to, void* ws) {
        inner.run(inner.self.get(), from, to, ws);
        scale.run(scale.self.get(), to, to, nullptr);
      },
      inner.workspace);
}

void register_v1() {
  OpDef& op = register_op("Pooling_v1");
  op.doc = "Pooling under the name that old files have; an average divides by the size of the whole window.";
  op.params = params_spec<V1Params>();
  op.infer_shape = infer_shape;
  op.kernel = [](const KernelRequest& r) {
    const PoolingSpec spec = v1_spec(r.params, r.in[0].shape, r.out[0].shape);
    return scaled(run_in_float(make_pooling_forward(spec, in_float(r.in[0])), r.in, r.out), r.out[0],
                  v1_factor(r.params, spec));
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    std::vector<EntryId> inputs{c.out_grad(0)};
    if (reads_data(as<V1Params>(c.params()))) inputs.insert(inputs.end(), {c.input(0), c.output(0)});
    return {{c.backward("_backward_Pooling_v1", inputs, {0}), 0}};
  };
  OpDef& back = register_op("_backward_Pooling_v1");
  back.visible = false;
  back.params = op.params;
  back.inputs = {"out_grad", "data", "output"};
  back.num_inputs = [](const void* p) { return reads_data(as<V1Params>(p)) ? 3 : 1; };
  back.infer_shape = [](ShapeContext&) {};
  back.kernel = [](const KernelRequest& r) {
    const PoolingSpec spec = v1_spec(r.params, r.out[0].shape, r.in[0].shape);
    return scaled(run_in_float(make_pooling_backward(spec, in_float(r.out[0])), r.in, r.out), r.out[0],
                  v1_factor(r.params, spec));
  };
}

}  // namespace

void register_pooling_ops() {
  register_v1();
  OpDef& op = register_op("Pooling");
  op.doc = "The maximum, average, sum or p-norm of every window of data (N, C, [D, [H,]] W).";
  op.params = params_spec<Params>();
  op.infer_shape = infer_shape;
  op.kernel = forward;
  op.layout = forward_layout;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    std::vector<EntryId> inputs{c.out_grad(0)};
    if (reads_data(as<Params>(c.params()))) {
      inputs.push_back(c.input(0));
      inputs.push_back(c.output(0));
    }
    return {{c.backward("_backward_Pooling", inputs, {0}), 0}};
  };

  OpDef& back = register_op("_backward_Pooling");
  back.visible = false;
  back.params = params_spec<Params>();
  back.inputs = {"out_grad", "data", "output"};
  back.num_inputs = [](const void* p) { return reads_data(as<Params>(p)) ? 3 : 1; };
  back.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  back.kernel = backward;
  back.layout = backward_layout;
}

}  // namespace symbind
