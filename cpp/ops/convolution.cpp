// Convolution in one, two and three dimensions, with groups and dilation.
#include "backend/cpu/convolution.h"

#include "graph/graph.h"
#include "graph/registry.h"
#include "ops/convolution_common.h"
#include "ops/spatial.h"

namespace symbind {
namespace {

using Params = ConvolutionParams;
constexpr auto geometry = convolution_geometry;

Kernel nothing() {
  return make_kernel([](void* const*, void* const*, void*) {});
}

Kernel forward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  if (r.out[0].shape.size() == 0) return nothing();
  const ConvGeometry g = geometry(p, r.in[0].shape, r.out[0].shape);
  return make_conv_forward(g, r.in[0], r.in[1], p.no_bias ? nullptr : &r.in[2], r.out[0], r.post_ops,
                           r.is_train);
}

void forward_layout(LayoutRequest& r) {
  const Params& p = as<Params>(r.params);
  const ConvGeometry g = geometry(p, r.in[0].shape, r.out[0].shape);
  choose_conv_forward_layouts(g, r.is_train, r.compute, r.in[0], r.in[1], r.out[0]);
  // A bias stays as it is; what a fused sum adds is like the result.
  for (size_t i = 2; i < r.in.size(); ++i) {
    r.in[i].layout = i == 2 && !p.no_bias ? nullptr : r.out[0].layout;
  }
}

// Inputs out_grad, weight; output the gradient of data.
Kernel backward_data(const KernelRequest& r) {
  const ConvGeometry g = geometry(as<Params>(r.params), r.out[0].shape, r.in[0].shape);
  if (r.out[0].shape.size() == 0) return nothing();
  return make_conv_backward_data(g, r.in[0], r.in[1], r.out[0]);
}

void backward_data_layout(LayoutRequest& r) {
  const ConvGeometry g = geometry(as<Params>(r.params), r.out[0].shape, r.in[0].shape);
  choose_conv_backward_data_layouts(g, r.compute, r.in[0], r.in[1], r.out[0]);
}

// Inputs out_grad, data; outputs the gradients of weight and bias.
Kernel backward_weight(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const ConvGeometry g = geometry(p, r.in[1].shape, r.in[0].shape);
  const bool bias = !p.no_bias && r.out_used[1];
  const Kernel both = make_conv_backward_weight(g, r.in[0], r.in[1], r.out[0], bias ? &r.out[1] : nullptr);
  if (r.out_used[0]) return both;
  // The gradient of bias alone: that of weight goes into the workspace.
  const size_t weight_at = (both.workspace + 63) / 64 * 64;
  return make_kernel(
      [both, weight_at](void* const* in, void* const* out, void* workspace) {
        void* table[] = {static_cast<char*>(workspace) + weight_at, out[1]};
        both.run(both.self.get(), in, table, workspace);
      },
      weight_at + r.out[0].bytes());
}

void backward_weight_layout(LayoutRequest& r) {
  const ConvGeometry g = geometry(as<Params>(r.params), r.in[1].shape, r.in[0].shape);
  choose_conv_backward_weight_layouts(g, r.compute, r.in[0], r.in[1], r.out[0]);
}

std::vector<EntryId> gradient(GradContext& c) {
  const bool bias = !as<Params>(c.params()).no_bias;
  const EntryId out_grad = c.out_grad(0);
  const int32_t data = c.backward("_backward_Convolution_data", {out_grad, c.input(1)}, {0});
  const int32_t weight = c.backward("_backward_Convolution_weight", {out_grad, c.input(0)},
                                    bias ? std::vector<int>{1, 2} : std::vector<int>{1});
  std::vector<EntryId> grads{{data, 0}, {weight, 0}};
  if (bias) grads.push_back({weight, 1});
  return grads;
}

}  // namespace

void register_convolution_ops() {
  OpDef& op = register_op("Convolution");
  op.doc =
      "Sums of products of every filter with the windows of data: data (N, C, [D, [H,]] W), weight "
      "(num_filter, "
      "C / num_group, kernel...), bias (num_filter,), output (N, num_filter, ...) where an extent of n "
      "becomes "
      "floor((n + 2 pad - dilate (kernel - 1) - 1) / stride) + 1.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "weight", "bias"};
  op.num_inputs = [](const void* p) { return as<Params>(p).no_bias ? 2 : 3; };
  op.infer_shape = infer_convolution_shape;
  op.kernel = forward;
  op.layout = forward_layout;
  op.accepts_post_op = [](const TensorDesc& out, const PostOp& post) {
    return is_float(out.dtype) && (post.kind != PostOp::kSum || conv_takes_sums(out.dtype));
  };
  op.traits.max_post_ops = 3;
  op.channel_axis = [](const void* p, int ndim) {
    return spatial_axes(as<Params>(p).channels_last(), ndim).channel;
  };
  op.with_bias = [](const void* p) -> ParamsPtr {
    auto params = std::make_shared<Params>(as<Params>(p));
    params->no_bias = false;
    return params;
  };
  op.gradient = gradient;

  OpDef& data = register_op("_backward_Convolution_data");
  data.visible = false;
  data.params = params_spec<Params>();
  data.inputs = {"out_grad", "weight"};
  data.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  data.kernel = backward_data;
  data.layout = backward_data_layout;

  OpDef& weight = register_op("_backward_Convolution_weight");
  weight.visible = false;
  weight.params = params_spec<Params>();
  weight.inputs = {"out_grad", "data"};
  weight.outputs = {"weight", "bias"};
  weight.num_outputs = [](const void* p) { return as<Params>(p).no_bias ? 1 : 2; };
  weight.infer_shape = [](ShapeContext&) {};
  weight.kernel = backward_weight;
  weight.layout = backward_weight_layout;
}

}  // namespace symbind
