// The operators of before version 0.9 under their own names: Convolution_v1 and BatchNorm_v1. Pooling_v1 is
// in pooling.cpp.
#include <cmath>

#include "backend/cpu/batch_norm.h"
#include "backend/cpu/run_in_float.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

// --- BatchNorm_v1: channels are axis 1, and the third output is the variance. ---

enum Input { kData, kGamma, kBeta, kMovingMean, kMovingVar };

struct Params {
  double eps, momentum;
  bool fix_gamma, use_global_stats, output_mean_var;
  template <class V>
  void visit(V& v) {
    v("eps", eps, 1e-3, "Added to the variance.");
    v("momentum", momentum, 0.9, "What is kept of the moving statistics at each update.");
    v("fix_gamma", fix_gamma, true, "Use 1 in place of gamma, and give gamma no gradient.");
    v("use_global_stats", use_global_stats, false, "Normalise with the moving statistics, in training too.");
    v("output_mean_var", output_mean_var, false, "Also output the mean and the variance.");
  }
};

BatchNormSpec spec_of(const void* params, bool is_train) {
  const Params& p = as<Params>(params);
  BatchNormSpec spec;
  spec.eps = p.eps;
  spec.momentum = static_cast<float>(p.momentum);  // MXNet's is single precision; this shows in float64
  spec.fix_gamma = p.fix_gamma;
  spec.global_stats = p.use_global_stats || !is_train;
  return spec;
}

void infer_shape(ShapeContext& c) {
  c.set_out(0, c.in[kData]);
  c.set_in(kData, c.out[0]);
  const Shape& data = c.in[kData];
  check(!data.has_rank() || data.ndim() >= 2, "[BatchNorm_v1] data: got shape ", data,
        ", expected at least 2 dimensions");
  Shape channels{data.has_rank() ? data[1] : -1};
  for (int i = kGamma; i <= kMovingVar; ++i) {
    c.set_in(i, channels);
    channels = c.in[static_cast<size_t>(i)];
  }
  for (int i = kGamma; i <= kMovingVar; ++i) c.set_in(i, channels);
  c.set_out(1, channels);
  c.set_out(2, channels);
}

// Statistics of float16 data are float32.
void infer_type(TypeContext& c) {
  c.set_in(kData, c.out[0]);
  c.set_out(0, c.in[kData]);
  if (c.in[kData] == DType::kUnknown) return;
  check(is_float(c.in[kData]), "[BatchNorm_v1] dtype of 'data': got ", dtype_name(c.in[kData]),
        ", expected a floating dtype");
  const DType stats = c.in[kData] == DType::kFloat16 ? DType::kFloat32 : c.in[kData];
  for (int i = kGamma; i <= kMovingVar; ++i) c.set_in(i, stats);
  c.set_out(1, stats);
  c.set_out(2, stats);
}

// Calls f with the elements of two arrays of the statistics' type.
template <class F>
void for_statistics(DType type, const void* from, void* to, int64_t n, F f) {
  if (type == DType::kFloat64) {
    for (int64_t i = 0; i < n; ++i) static_cast<double*>(to)[i] = f(static_cast<const double*>(from)[i]);
  } else {
    for (int64_t i = 0; i < n; ++i)
      static_cast<float*>(to)[i] =
          static_cast<float>(f(static_cast<double>(static_cast<const float*>(from)[i])));
  }
}

Kernel forward(const KernelRequest& r) {
  const BatchNormSpec spec = spec_of(r.params, r.is_train);
  const Kernel inner = run_in_float(make_batch_norm_forward(spec, in_float(r.in[kData])), r.in, r.out);
  const int64_t channels = r.out[2].shape.size();
  const DType type = r.out[2].dtype;
  return make_kernel(
      [=](void* const* in, void* const* out, void* ws) {
        inner.run(inner.self.get(), in, out, ws);
        if (out[2] == nullptr) return;
        for_statistics(type, out[2], out[2], channels,
                       [=](double inverse) { return 1 / (inverse * inverse) - spec.eps; });
      },
      inner.workspace);
}

// Inputs out_grad, data, gamma, beta, mean, var, moving_mean, moving_var.
Kernel backward(const KernelRequest& r) {
  const BatchNormSpec spec = spec_of(r.params, true);
  const Kernel inner = run_in_float(make_batch_norm_backward(spec, in_float(r.in[1])), r.in, r.out);
  const int64_t channels = r.in[5].shape.size();
  const DType type = r.in[5].dtype;
  const size_t at = (inner.workspace + 63) / 64 * 64;
  return make_kernel(
      [=](void* const* in, void* const* out, void* ws) {
        void* inverse = static_cast<char*>(ws) + at;
        for_statistics(type, in[5], inverse, channels,
                       [=](double var) { return 1 / std::sqrt(var + spec.eps); });
        void* all[] = {in[0], in[1], in[2], in[3], in[4], inverse, in[6], in[7]};
        inner.run(inner.self.get(), all, out, ws);
      },
      at + r.in[5].bytes());
}

void register_batch_norm() {
  OpDef& op = register_op("BatchNorm_v1");
  op.doc = "BatchNorm over axis 1, under the name and with the outputs that old files have.";
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
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const int32_t id = c.backward("_backward_BatchNorm_v1",
                                  {c.out_grad(0), c.input(kData), c.input(kGamma), c.input(kBeta),
                                   c.output(1), c.output(2), c.input(kMovingMean), c.input(kMovingVar)},
                                  {kData, kGamma, kBeta});
    return {{id, 0}, {id, 1}, {id, 2}, {}, {}};
  };
  OpDef& back = register_backward_op("_backward_BatchNorm_v1", {"out_grad", "data", "gamma", "beta", "mean",
                                                                "var", "moving_mean", "moving_var"});
  back.params = op.params;
  back.aux = {6, 7};
  back.outputs = {"data", "gamma", "beta"};
  back.kernel = backward;
}

// --- Convolution_v1: the same operator by another name. ---

void register_convolution() {
  OpDef copy = find_op("Convolution");
  copy.name = "Convolution_v1";
  copy.aliases.clear();
  copy.doc = "Convolution under the name that old files have.";
  const std::string name = copy.name;
  register_op(name) = std::move(copy);
}

}  // namespace

void register_legacy_v1_ops() {
  register_convolution();
  register_batch_norm();
}

}  // namespace symbind
