// BatchNorm: normalisation over everything but the channels, with moving statistics for inference.
#include "backend/cpu/batch_norm.h"

#include <cmath>

#include "backend/cpu/layout.h"
#include "backend/cpu/run_in_float.h"
#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {
namespace {

enum Input { kData, kGamma, kBeta, kMovingMean, kMovingVar };

struct Params {
  double eps, momentum;
  bool fix_gamma, use_global_stats, output_mean_var, cudnn_off;
  int64_t axis;
  std::optional<double> min_calib_range, max_calib_range;
  template <class V>
  void visit(V& v) {
    v("eps", eps, 1e-3, "Added to the variance.");
    v("momentum", momentum, 0.9, "What is kept of the moving statistics at each update.");
    v("fix_gamma", fix_gamma, true, "Use 1 in place of gamma, and give gamma no gradient.");
    v("use_global_stats", use_global_stats, false, "Normalise with the moving statistics, in training too.");
    v("output_mean_var", output_mean_var, false, "Also output the mean and 1 / sqrt(variance + eps).");
    v("axis", axis, 1, "The axis of the channels.");
    v("cudnn_off", cudnn_off, false, "Accepted for compatibility.");
    v("min_calib_range", min_calib_range, std::optional<double>(), "Accepted for compatibility.");
    v("max_calib_range", max_calib_range, std::optional<double>(), "Accepted for compatibility.");
    v.ignored("mkldnn_off", "False", "Accepted for compatibility.");
  }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  c.set_out(0, c.in[kData]);
  c.set_in(kData, c.out[0]);
  Shape channels = Shape::unknown(1);
  const Shape& data = c.in[kData];
  int axis = 0;
  if (data.has_rank()) {
    check(data.ndim() >= 1, "[BatchNorm] data: got a scalar, expected at least one dimension");
    axis = normalize_axis(p.axis, data.ndim(), "BatchNorm");
    channels[0] = data[axis];
  }
  for (int i = kGamma; i <= kMovingVar; ++i) {
    c.set_in(i, channels);
    channels = c.in[i];
  }
  for (int i = kGamma; i <= kMovingVar; ++i) c.set_in(i, channels);
  c.set_out(1, channels);
  c.set_out(2, channels);
  if (data.has_rank()) {
    Shape known = Shape::unknown(data.ndim());
    known[axis] = channels[0];
    c.set_in(kData, known);
    c.set_out(0, c.in[kData]);
  }
}

// Statistics of float16 data are float32.
void infer_type(TypeContext& c) {
  c.set_in(kData, c.out[0]);
  c.set_out(0, c.in[kData]);
  if (c.in[kData] == DType::kUnknown) return;
  check(is_float(c.in[kData]), "[BatchNorm] dtype of 'data': got ", dtype_name(c.in[kData]),
        ", expected a floating dtype");
  const DType stats = c.in[kData] == DType::kFloat16 ? DType::kFloat32 : c.in[kData];
  for (int i = kGamma; i <= kMovingVar; ++i) c.set_in(i, stats);
  c.set_out(1, stats);
  c.set_out(2, stats);
}

BatchNormSpec spec_of(const Params& p, const Shape& data, bool is_train) {
  BatchNormSpec spec;
  spec.axis = normalize_axis(p.axis, data.ndim(), "BatchNorm");
  spec.eps = p.eps;
  spec.momentum = static_cast<float>(p.momentum);  // MXNet's is single precision; this shows in float64
  spec.fix_gamma = p.fix_gamma;
  spec.global_stats = p.use_global_stats || !is_train;
  return spec;
}

// A fused relu.
void take_post_ops(const KernelRequest& r, BatchNormSpec& spec) {
  for (const PostOp& op : r.post_ops) {
    check(op.kind == PostOp::kRelu && !spec.relu, "[BatchNorm] got a post-op that it does not accept");
    spec.relu = true;
    spec.slope = op.alpha;
  }
}

Kernel forward(const KernelRequest& r) {
  BatchNormSpec spec = spec_of(as<Params>(r.params), r.in[kData].shape, r.is_train);
  take_post_ops(r, spec);
  return run_in_float(make_batch_norm_forward(spec, in_float(r.in[kData])), r.in, r.out);
}

// Inputs out_grad, data, gamma, beta, mean, inverse deviation, moving_mean, moving_var.
Kernel backward(const KernelRequest& r) {
  BatchNormSpec spec = spec_of(as<Params>(r.params), r.in[1].shape, true);
  take_post_ops(r, spec);
  return run_in_float(make_batch_norm_backward(spec, in_float(r.in[1])), r.in, r.out);
}

// Data stays as it arrives if its layout keeps channels together.
LayoutPtr usable_layout(const LayoutRequest& r, const TensorDesc& data) {
  const int axis = normalize_axis(as<Params>(r.params).axis, data.shape.ndim(), "BatchNorm");
  ChannelView view;
  return data.dtype != DType::kFloat16 && view_channels(data, axis, view) ? data.layout : nullptr;
}

void forward_layout(LayoutRequest& r) {
  const LayoutPtr layout = usable_layout(r, r.in[kData]);
  for (TensorDesc& d : r.in) d.layout = nullptr;
  r.in[kData].layout = r.out[0].layout = layout;
}

void backward_layout(LayoutRequest& r) {
  const LayoutPtr layout = usable_layout(r, r.in[1]);
  for (TensorDesc& d : r.in) d.layout = nullptr;
  r.in[0].layout = r.in[1].layout = r.out[0].layout = layout;
}

std::vector<EntryId> gradient(GradContext& c) {
  const int32_t id = c.backward("_backward_BatchNorm",
                                {c.out_grad(0), c.input(kData), c.input(kGamma), c.input(kBeta), c.output(1),
                                 c.output(2), c.input(kMovingMean), c.input(kMovingVar)},
                                {kData, kGamma, kBeta});
  return {{id, 0}, {id, 1}, {id, 2}, {}, {}};
}

// Inputs weight, [bias], gamma, beta, moving_mean, moving_var; outputs the weight and bias of an operator
// that normalises too: weight * s and (bias - mean) * s + beta with s = gamma / sqrt(var + eps), per row of
// weight.
template <class T>
void fold_rows(const Params& p, int64_t rows, int64_t columns, bool has_bias, void* const* in,
               void* const* out) {
  const T* weight = static_cast<const T*>(in[0]);
  const T* bias = has_bias ? static_cast<const T*>(in[1]) : nullptr;
  void* const* rest = in + (has_bias ? 2 : 1);
  const T *gamma = static_cast<const T*>(rest[0]), *beta = static_cast<const T*>(rest[1]);
  const T *mean = static_cast<const T*>(rest[2]), *var = static_cast<const T*>(rest[3]);
  T *to = static_cast<T*>(out[0]), *to_bias = static_cast<T*>(out[1]);
  for (int64_t r = 0; r < rows; ++r) {
    const double scale = (p.fix_gamma ? 1.0 : double(gamma[r])) / std::sqrt(double(var[r]) + p.eps);
    for (int64_t i = r * columns; i < (r + 1) * columns; ++i) to[i] = T(double(weight[i]) * scale);
    to_bias[r] = T(((bias ? double(bias[r]) : 0.0) - double(mean[r])) * scale + double(beta[r]));
  }
}

Kernel fold_kernel(const KernelRequest& r) {
  const Params p = as<Params>(r.params);
  const int64_t rows = r.in[0].shape[0], columns = rows == 0 ? 0 : r.in[0].shape.size() / rows;
  const bool has_bias = r.in.size() == 6;
  const bool wide = r.in[0].dtype == DType::kFloat64;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    if (wide) {
      fold_rows<double>(p, rows, columns, has_bias, in, out);
    } else {
      fold_rows<float>(p, rows, columns, has_bias, in, out);
    }
  });
}

void register_fold() {
  OpDef& fold = register_op("_fold_BatchNorm");
  fold.visible = false;
  fold.params = params_spec<Params>();
  fold.outputs = {"weight", "bias"};
  fold.infer_shape = [](ShapeContext&) {};  // set by the pass
  fold.kernel = fold_kernel;
}

// The output once more, for the backward part: inputs data, gamma, beta, mean, inverse deviation.
void register_again() {
  OpDef& again = register_op("_again_BatchNorm");
  again.visible = false;
  again.params = params_spec<Params>();
  again.inputs = {"data", "gamma", "beta", "mean", "var"};
  again.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  again.kernel = [](const KernelRequest& r) {
    BatchNormSpec spec = spec_of(as<Params>(r.params), r.in[kData].shape, true);
    spec.global_stats = spec.given_stats = true;
    take_post_ops(r, spec);
    const Kernel three = make_batch_norm_forward(spec, in_float(r.in[kData]));
    Kernel one = make_kernel(
        [three](void* const* in, void* const* out, void* workspace) {
          void* outputs[] = {out[0], nullptr, nullptr};  // the statistics are there already
          three.run(three.self.get(), in, outputs, workspace);
        },
        three.workspace);
    return run_in_float(std::move(one), r.in, r.out);
  };
  again.layout = forward_layout;
}

}  // namespace

void register_batch_norm_ops() {
  OpDef& op = register_op("BatchNorm");
  op.doc =
      "gamma (data - mean) / sqrt(var + eps) + beta with mean and variance of each channel: of the batch in "
      "training, "
      "the moving ones otherwise. A backward pass moves these: moving = momentum moving + (1 - momentum) "
      "batch.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "gamma", "beta", "moving_mean", "moving_var"};
  op.aux = {kMovingMean, kMovingVar};
  op.variable_attrs = {{"moving_mean", {{"__init__", "[\"zero\", {}]"}}},
                       {"moving_var", {{"__init__", "[\"one\", {}]"}}}};
  op.outputs = {"output", "mean", "var"};
  op.num_visible_outputs = [](const void* p) { return as<Params>(p).output_mean_var ? 3 : 1; };
  op.infer_shape = infer_shape;
  op.infer_type = infer_type;
  op.kernel = forward;
  op.layout = forward_layout;
  op.accepts_post_op = [](const TensorDesc& out, const PostOp& post) {
    return is_float(out.dtype) && post.kind == PostOp::kRelu;
  };
  op.gradient = gradient;
  op.traits.inplace = {{0, 0}};
  op.recompute = [](GradContext& c) -> EntryId {
    return {c.backward("_again_BatchNorm",
                       {c.input(kData), c.input(kGamma), c.input(kBeta), c.output(1), c.output(2)}, {kData}),
            0};
  };
  op.affine_axis = [](const void* p, int ndim) {
    return as<Params>(p).output_mean_var ? -1 : normalize_axis(as<Params>(p).axis, ndim, "BatchNorm");
  };
  op.affine_fold = "_fold_BatchNorm";

  OpDef& back = register_op("_backward_BatchNorm");
  back.visible = false;
  back.params = params_spec<Params>();
  back.inputs = {"out_grad", "data", "gamma", "beta", "mean", "var", "moving_mean", "moving_var"};
  back.aux = {6, 7};
  back.outputs = {"data", "gamma", "beta"};
  back.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  back.kernel = backward;
  back.layout = backward_layout;
  back.traits.inplace = {{0, 0}};
  back.traits.takes_post_op_gradient = true;
  register_fold();
  register_again();
}

}  // namespace symbind
