// Deconvolution (transposed convolution) in one, two and three dimensions: the gradient of a convolution that
// has the output for its data. In the terms of cpp/backend/cpu/convolution.h, `in` is the large side, the
// output.
#include "backend/cpu/convolution.h"

#include <algorithm>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"
#include "ops/spatial.h"

namespace symbind {
namespace {

enum class AxisOrder { kNone, kNCDHW, kNCHW, kNCW, kNDHWC, kNHWC };

struct Params {
  Tuple kernel, stride, dilate, pad, adj, target_shape;
  int64_t num_filter, num_group, workspace;
  bool no_bias, cudnn_off;
  Choice cudnn_tune, layout;
  template <class V>
  void visit(V& v) {
    v("kernel", kernel, required, "Size of the filter: (w,), (h, w) or (d, h, w).");
    v("stride", stride, Tuple(), "Factor by which space grows; 1 by default.");
    v("dilate", dilate, Tuple(), "Step between elements of the filter; 1 by default.");
    v("pad", pad, Tuple(), "Rows and columns cut off the output on both sides; 0 by default.");
    v("adj", adj, Tuple(),
      "Rows and columns added to the end of the output, less than stride; 0 by default.");
    v("target_shape", target_shape, Tuple(), "Spatial shape of the output; takes the place of pad and adj.");
    v("num_filter", num_filter, required, "Number of output channels.");
    v("num_group", num_group, 1, "Input and output channels are split into this many independent groups.");
    v("workspace", workspace, 512, "Accepted for compatibility.");
    v("no_bias", no_bias, true, "Leave out the bias.");
    v.choice("cudnn_tune", cudnn_tune, {"None", "fastest", "limited_workspace", "off"}, 0,
             "Accepted for compatibility.");
    v("cudnn_off", cudnn_off, false, "Accepted for compatibility.");
    v.choice("layout", layout, {"None", "NCDHW", "NCHW", "NCW", "NDHWC", "NHWC"}, 0,
             "Order of the axes; None is channels second.");
  }

  bool channels_last() const { return layout == AxisOrder::kNDHWC || layout == AxisOrder::kNHWC; }
  int rank() const { return static_cast<int>(kernel.size()); }
  int64_t filter_extent(int i) const { return dilate[i] * (kernel[i] - 1) + 1; }

  void finish(const char* op) {
    const size_t n = kernel.size();
    check(n >= 1 && n <= 3, "[", op, "] kernel has the wrong length: got ", format_value(kernel),
          ", expected 1, 2 or 3 numbers");
    fill_tuple(op, "stride", stride, n, 1);
    fill_tuple(op, "dilate", dilate, n, 1);
    fill_tuple(op, "pad", pad, n, 0);
    fill_tuple(op, "adj", adj, n, 0);
    check_at_least(op, "kernel", kernel, 1);
    check_at_least(op, "stride", stride, 1);
    check_at_least(op, "dilate", dilate, 1);
    check_at_least(op, "pad", pad, 0);
    check_at_least(op, "adj", adj, 0);
    // All zeros is how old files write that there is none.
    if (std::all_of(target_shape.begin(), target_shape.end(), [](int64_t d) { return d == 0; }))
      target_shape.clear();
    if (!target_shape.empty()) {
      fill_tuple(op, "target_shape", target_shape, n, 0);
      check_at_least(op, "target_shape", target_shape, 1);
    }
    for (size_t i = 0; i < n && target_shape.empty(); ++i) {
      check(adj[i] < stride[i], "[", op, "] adj is too large: got ", format_value(adj),
            ", expected less than stride ", format_value(stride));
    }
    check(num_filter >= 1, "[", op, "] num_filter is too small: got ", num_filter, ", expected at least 1");
    check(num_group >= 1, "[", op, "] num_group is too small: got ", num_group, ", expected at least 1");
    check(num_filter % num_group == 0, "[", op, "] num_filter is not divisible by num_group: got num_filter ",
          num_filter, " and num_group ", num_group, ", expected a multiple of num_group");
    static constexpr size_t kLayoutRank[] = {0, 3, 2, 1, 3, 2};
    const size_t wanted = kLayoutRank[layout.value];
    check(wanted == 0 || wanted == n, "[", op, "] layout does not fit the kernel: got a layout of ", wanted,
          " spatial axes, expected ", n, " as in kernel ", format_value(kernel));
  }
};

// The extent of the output before anything is cut off.
int64_t full_extent(const Params& p, int i, int64_t in) {
  return p.stride[i] * (in - 1) + p.filter_extent(i);
}

int64_t out_extent(const Params& p, int i, int64_t in) {
  if (!p.target_shape.empty()) {
    check(in < 0 || full_extent(p, i, in) >= p.target_shape[i],
          "[Deconvolution] target_shape is too large: got ", format_value(p.target_shape),
          ", expected at most ", full_extent(p, i, in), " along spatial axis ", i);
    return p.target_shape[i];
  }
  if (in < 0) return -1;
  const int64_t out = full_extent(p, i, in) - 2 * p.pad[i] + p.adj[i];
  check(out > 0, "[Deconvolution] pad cuts everything off along spatial axis ", i, ": got pad ", p.pad[i],
        " for an extent of ", full_extent(p, i, in));
  return out;
}

// What is cut off before the first element.
int64_t left_pad(const Params& p, int i, int64_t in) {
  return p.target_shape.empty() ? p.pad[i] : (full_extent(p, i, in) - p.target_shape[i] + 1) / 2;
}

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  const int rank = p.rank(), ndim = rank + 2;
  const SpatialAxes axes = spatial_axes(p.channels_last(), ndim);
  check(!c.in[0].has_rank() || c.in[0].ndim() == ndim,
        "[Deconvolution] data has the wrong number of dimensions: got ", c.in[0], ", expected ", ndim,
        " for kernel ", format_value(p.kernel));
  Shape weight = Shape::unknown(ndim);
  weight[axes.channel] = p.num_filter / p.num_group;
  for (int i = 0; i < rank; ++i) weight[axes.first + i] = p.kernel[i];
  c.set_in(1, weight);
  if (!p.no_bias) c.set_in(2, Shape{p.num_filter});

  Shape data = c.in[0].has_rank() ? c.in[0] : Shape::unknown(ndim), out = Shape::unknown(ndim);
  out[0] = data[0];
  out[axes.channel] = p.num_filter;
  for (int i = 0; i < rank; ++i) out[axes.first + i] = out_extent(p, i, data[axes.first + i]);
  c.set_out(0, out);

  // What the result and the weight say about data.
  data[0] = c.out[0][0];
  if (data[axes.channel] < 0) data[axes.channel] = c.in[1][0];
  for (int i = 0; i < rank && p.target_shape.empty(); ++i) {
    const int axis = axes.first + i;
    const int64_t steps = c.out[0][axis] - p.filter_extent(i) + 2 * p.pad[i] - p.adj[i];
    if (data[axis] < 0 && c.out[0][axis] >= 0 && steps >= 0 && steps % p.stride[i] == 0)
      data[axis] = steps / p.stride[i] + 1;
  }
  c.set_in(0, data);
  const int64_t channels = data[axes.channel];
  if (channels < 0) return;
  check(channels % p.num_group == 0, "[Deconvolution] channels of data are not divisible by num_group: got ",
        channels, " channels and num_group ", p.num_group, ", expected a multiple of num_group");
  weight[0] = channels;
  c.set_in(1, weight);
}

ConvGeometry geometry(const Params& p, const Shape& data, const Shape& out) {
  ConvGeometry g;
  const SpatialAxes axes = spatial_axes(p.channels_last(), data.ndim());
  g.spatial = p.rank();
  g.channels_last = p.channels_last();
  g.batch = data[0];
  g.in_channels = p.num_filter;
  g.out_channels = data[axes.channel];
  g.groups = p.num_group;
  for (int i = 0; i < 3; ++i) {
    const int j = i - (3 - g.spatial);
    g.in[i] = j < 0 ? 1 : out[axes.first + j];
    g.out[i] = j < 0 ? 1 : data[axes.first + j];
    g.kernel[i] = j < 0 ? 1 : p.kernel[j];
    g.stride[i] = j < 0 ? 1 : p.stride[j];
    g.dilate[i] = j < 0 ? 1 : p.dilate[j];
    g.pad[i] = j < 0 ? 0 : left_pad(p, j, data[axes.first + j]);
  }
  return g;
}

Kernel nothing() {
  return make_kernel([](void* const*, void* const*, void*) {});
}

// y[..., c, ...] += bias[c] for rows of `inner` elements, or the other way round when channels are last.
template <class T>
void add_bias(T* y, const T* bias, int64_t outer, int64_t channels, int64_t inner) {
  parallel_for(outer, 1 + kElementGrain / std::max<int64_t>(channels * inner, 1),
               [=](int64_t begin, int64_t end) {
                 for (int64_t o = begin; o < end; ++o) {
                   for (int64_t c = 0; c < channels; ++c) {
                     T* row = y + (o * channels + c) * inner;
                     for (int64_t i = 0; i < inner; ++i) row[i] += bias[c];
                   }
                 }
               });
}

Kernel forward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const Shape& shape = r.out[0].shape;
  if (shape.size() == 0) return nothing();
  const Kernel spread =
      make_conv_backward_data(geometry(p, r.in[0].shape, shape), r.in[0], r.in[1], r.out[0]);
  if (p.no_bias) return spread;
  const int64_t outer = p.channels_last() ? shape.size() / p.num_filter : shape[0];
  const int64_t inner = p.channels_last() ? 1 : shape.product(2, shape.ndim()), channels = p.num_filter;
  return visit_float(r.out[0].dtype, "Deconvolution", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          spread.run(spread.self.get(), in, out, ws);
          add_bias(static_cast<T*>(out[0]), static_cast<const T*>(in[2]), outer, channels, inner);
        },
        spread.workspace);
  });
}

void forward_layout(LayoutRequest& r) {
  const Params& p = as<Params>(r.params);
  if (p.no_bias && r.out[0].shape.size() > 0) {
    choose_conv_backward_data_layouts(geometry(p, r.in[0].shape, r.out[0].shape), r.compute, r.in[0], r.in[1],
                                      r.out[0]);
    return;
  }
  for (TensorDesc& d : r.in) d.layout = nullptr;
  r.out[0].layout = nullptr;
}

// Inputs out_grad, weight; output the gradient of data: a convolution.
Kernel backward_data(const KernelRequest& r) {
  if (r.out[0].shape.size() == 0) return nothing();
  const ConvGeometry g = geometry(as<Params>(r.params), r.out[0].shape, r.in[0].shape);
  return make_conv_forward(g, r.in[0], r.in[1], nullptr, r.out[0], {}, true);
}

void backward_data_layout(LayoutRequest& r) {
  const ConvGeometry g = geometry(as<Params>(r.params), r.out[0].shape, r.in[0].shape);
  choose_conv_forward_layouts(g, true, r.compute, r.in[0], r.in[1], r.out[0]);
}

// Inputs out_grad, data; output the gradient of weight.
Kernel backward_weight(const KernelRequest& r) {
  const ConvGeometry g = geometry(as<Params>(r.params), r.in[1].shape, r.in[0].shape);
  const Kernel inner = make_conv_backward_weight(g, r.in[1], r.in[0], r.out[0], nullptr);
  return make_kernel(
      [inner](void* const* in, void* const* out, void* ws) {
        void* swapped[] = {in[1], in[0]};
        inner.run(inner.self.get(), swapped, out, ws);
      },
      inner.workspace);
}

void backward_weight_layout(LayoutRequest& r) {
  const ConvGeometry g = geometry(as<Params>(r.params), r.in[1].shape, r.in[0].shape);
  choose_conv_backward_weight_layouts(g, r.compute, r.in[1], r.in[0], r.out[0]);
}

std::vector<EntryId> gradient(GradContext& c) {
  const Params& p = as<Params>(c.params());
  const EntryId g = c.out_grad(0);
  std::vector<EntryId> grads{{c.backward("_backward_Deconvolution_data", {g, c.input(1)}, {0}), 0},
                             {c.backward("_backward_Deconvolution_weight", {g, c.input(0)}, {1}), 0}};
  if (!p.no_bias) {
    const int channel = spatial_axes(p.channels_last(), p.rank() + 2).channel;
    grads.push_back(c.apply("sum", {g}, {{"axis", std::to_string(channel)}, {"exclude", "True"}}));
  }
  return grads;
}

}  // namespace

void register_deconvolution_ops() {
  OpDef& op = register_op("Deconvolution");
  op.doc =
      "Spreads every element of data over the output through a filter, the transpose of Convolution: data "
      "(N, C, [D, "
      "[H,]] W), weight (C, num_filter / num_group, kernel...), bias (num_filter,), output (N, num_filter, "
      "...) where "
      "an extent of n becomes stride (n - 1) + dilate (kernel - 1) + 1 - 2 pad + adj.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "weight", "bias"};
  op.num_inputs = [](const void* p) { return as<Params>(p).no_bias ? 2 : 3; };
  op.infer_shape = infer_shape;
  op.kernel = forward;
  op.layout = forward_layout;
  op.gradient = gradient;

  OpDef& data = register_backward_op("_backward_Deconvolution_data", {"out_grad", "weight"});
  data.params = op.params;
  data.kernel = backward_data;
  data.layout = backward_data_layout;

  OpDef& weight = register_backward_op("_backward_Deconvolution_weight", {"out_grad", "data"});
  weight.params = op.params;
  weight.kernel = backward_weight;
  weight.layout = backward_weight_layout;
}

}  // namespace symbind
