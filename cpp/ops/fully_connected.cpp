// FullyConnected: out = data * weight^T + bias.
#include "backend/cpu/matmul.h"
#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {
namespace {

struct Params {
  int64_t num_hidden;
  bool no_bias, flatten;
  template <class V>
  void visit(V& v) {
    v("num_hidden", num_hidden, required, "Number of outputs, N.");
    v("no_bias", no_bias, false, "Leave out the bias.");
    v("flatten", flatten, true,
      "Treat data as (batch, everything else); otherwise work on the last axis alone.");
  }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  check(p.num_hidden > 0, "[FullyConnected] num_hidden must be positive, got ", p.num_hidden);
  c.set_in(1, Shape{p.num_hidden, -1});
  if (!p.no_bias) c.set_in(2, Shape{p.num_hidden});
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  check(data.ndim() >= 1, "[FullyConnected] data: got a scalar, expected at least one dimension");
  // Columns of the weight: what one row of data holds.
  const int first = p.flatten ? 1 : data.ndim() - 1;
  int64_t columns = 1;
  for (int i = first; i < data.ndim(); ++i) columns = columns < 0 || data[i] < 0 ? -1 : columns * data[i];
  if (p.flatten && data.ndim() == 1) columns = 1;
  c.set_in(1, Shape{p.num_hidden, columns});
  if (!p.flatten) {
    Shape out = data;
    out[out.ndim() - 1] = p.num_hidden;
    c.set_out(0, out);
    Shape in = c.out[0];
    in[in.ndim() - 1] = c.in[1][1];
    c.set_in(0, in);
    return;
  }
  c.set_out(0, Shape{data[0], p.num_hidden});
  Shape in = data;
  in[0] = c.out[0][0];
  if (data.ndim() == 2) in[1] = c.in[1][1];
  c.set_in(0, in);
}

Kernel forward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  return make_fc_forward(r.in[0], r.in[1], p.no_bias ? nullptr : &r.in[2], r.out[0], r.post_ops);
}

struct BackwardKernels {
  Kernel data, weight, bias;
};

// Inputs out_grad, data, weight; outputs the gradients of data, weight and bias.
Kernel backward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const int64_t n = p.num_hidden, k = r.in[2].shape[1];
  const int64_t m = n == 0 ? 0 : r.in[0].shape.size() / n;
  BackwardKernels kernels;
  size_t workspace = 0;
  const DType dtype = r.in[0].dtype;
  auto use = [&](int output, Kernel& kernel, auto&& make) {
    if (output >= static_cast<int>(r.out.size()) || !r.out_used[output]) return;
    kernel = make();
    workspace = std::max(workspace, kernel.workspace);
  };
  use(0, kernels.data, [&] { return make_gemm_kernel({false, false, m, k, n, 1, dtype}); });
  use(1, kernels.weight, [&] { return make_gemm_kernel({true, false, n, k, m, 1, dtype}); });
  use(2, kernels.bias, [&] { return make_column_sum_kernel(m, n, dtype); });
  return make_kernel(
      [kernels](void* const* in, void* const* out, void* ws) {
        void* grad_weight[] = {in[0], in[2]};  // out_grad, weight
        if (kernels.weight.run) kernels.weight.run(kernels.weight.self.get(), in, out + 1, ws);
        if (kernels.bias.run) kernels.bias.run(kernels.bias.self.get(), in, out + 2, ws);
        if (kernels.data.run) kernels.data.run(kernels.data.self.get(), grad_weight, out, ws);
      },
      workspace);
}

}  // namespace

void register_fully_connected_ops() {
  OpDef& op = register_op("FullyConnected");
  op.doc = "out = data * weight^T + bias, with data (M, K), weight (num_hidden, K), bias (num_hidden,).";
  op.params = params_spec<Params>();
  op.inputs = {"data", "weight", "bias"};
  op.num_inputs = [](const void* p) { return as<Params>(p).no_bias ? 2 : 3; };
  op.infer_shape = infer_shape;
  op.kernel = forward;
  op.accepts_post_op = [](const TensorDesc& out, const PostOp& post) {
    return is_float(out.dtype) && post.kind != PostOp::kSum;
  };
  op.traits.max_post_ops = 3;
  op.channel_axis = [](const void*, int ndim) { return ndim - 1; };
  op.with_bias = [](const void* p) -> ParamsPtr {
    auto params = std::make_shared<Params>(as<Params>(p));
    params->no_bias = false;
    return params;
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const bool bias = c.num_inputs() == 3;
    const std::vector<int> like = bias ? std::vector<int>{0, 1, 2} : std::vector<int>{0, 1};
    const int32_t id = c.backward("_backward_FullyConnected", {c.out_grad(0), c.input(0), c.input(1)}, like);
    std::vector<EntryId> grads{{id, 0}, {id, 1}};
    if (bias) grads.push_back({id, 2});
    return grads;
  };

  OpDef& back = register_op("_backward_FullyConnected");
  back.visible = false;
  back.params = params_spec<Params>();
  back.inputs = {"out_grad", "data", "weight"};
  back.outputs = {"data", "weight", "bias"};
  back.num_outputs = [](const void* p) { return as<Params>(p).no_bias ? 2 : 3; };
  back.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  back.kernel = backward;
}

}  // namespace symbind
