// Pooling in one, two and three dimensions: maximum, average, sum, p-norm. And Pooling_v1.
#include "backend/cpu/pooling.h"

#include "backend/cpu/elementwise.h"
#include "backend/cpu/layout.h"
#include "backend/cpu/run_in_float.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "ops/pooling_common.h"
#include "ops/spatial.h"

namespace symbind {
namespace {

using Params = PoolingParams;
using Type = PoolingParams::Type;
using Convention = PoolingParams::Convention;
constexpr auto spec_of = pooling_spec;

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
  op.infer_shape = infer_pooling_shape;
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
  op.infer_shape = infer_pooling_shape;
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
