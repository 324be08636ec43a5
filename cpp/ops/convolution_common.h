// Attributes, shapes and geometry of convolutions, for floating and for quantized tensors.
#pragma once

#include "backend/cpu/convolution.h"
#include "graph/graph.h"
#include "ops/spatial.h"

namespace symbind {

enum class ConvolutionAxes { kNone, kNCDHW, kNCHW, kNCW, kNDHWC, kNHWC };

struct ConvolutionParams {
  Tuple kernel, stride, dilate, pad;
  int64_t num_filter, num_group, workspace;
  bool no_bias, cudnn_off;
  Choice cudnn_tune, layout;
  template <class V>
  void visit(V& v) {
    v("kernel", kernel, required, "Size of the filter: (w,), (h, w) or (d, h, w).");
    v("stride", stride, Tuple(), "Step between output positions; 1 by default.");
    v("dilate", dilate, Tuple(), "Step between elements of the filter; 1 by default.");
    v("pad", pad, Tuple(), "Zeros added on both sides; 0 by default.");
    v("num_filter", num_filter, required, "Number of output channels.");
    v("num_group", num_group, 1, "Input and output channels are split into this many independent groups.");
    v("workspace", workspace, 1024, "Accepted for compatibility.");
    v("no_bias", no_bias, false, "Leave out the bias.");
    v.choice("cudnn_tune", cudnn_tune, {"None", "fastest", "limited_workspace", "off"}, 0,
             "Accepted for compatibility.");
    v("cudnn_off", cudnn_off, false, "Accepted for compatibility.");
    v.choice("layout", layout, {"None", "NCDHW", "NCHW", "NCW", "NDHWC", "NHWC"}, 0,
             "Order of the axes; None is channels second.");
  }

  bool channels_last() const { return layout == ConvolutionAxes::kNDHWC || layout == ConvolutionAxes::kNHWC; }
  int rank() const { return static_cast<int>(kernel.size()); }
  int64_t filter_extent(int i) const { return dilate[i] * (kernel[i] - 1) + 1; }

  void finish(const char* op) {
    const size_t n = kernel.size();
    check(n >= 1 && n <= 3, "[", op, "] kernel has the wrong length: got ", format_value(kernel),
          ", expected 1, 2 or 3 numbers");
    fill_tuple(op, "stride", stride, n, 1);
    fill_tuple(op, "dilate", dilate, n, 1);
    fill_tuple(op, "pad", pad, n, 0);
    check_at_least(op, "kernel", kernel, 1);
    check_at_least(op, "stride", stride, 1);
    check_at_least(op, "dilate", dilate, 1);
    check_at_least(op, "pad", pad, 0);
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

inline int64_t convolution_extent(const ConvolutionParams& p, int i, int64_t in) {
  if (in < 0) return -1;
  const int64_t padded = in + 2 * p.pad[i];
  check(p.filter_extent(i) <= padded,
        "[Convolution] kernel is larger than the padded input along spatial axis ", i, ": got an extent of ",
        p.filter_extent(i), " (kernel ", p.kernel[i], ", dilate ", p.dilate[i], "), expected at most ",
        padded, " (input ", in, ", pad ", p.pad[i], "); increase pad or the input");
  return (padded - p.filter_extent(i)) / p.stride[i] + 1;
}

inline void infer_convolution_shape(ShapeContext& c) {
  const ConvolutionParams& p = as<ConvolutionParams>(c.params);
  const int rank = p.rank(), ndim = rank + 2;
  const SpatialAxes axes = spatial_axes(p.channels_last(), ndim);
  check(!c.in[0].has_rank() || c.in[0].ndim() == ndim,
        "[Convolution] data has the wrong number of dimensions: got ", c.in[0], ", expected ", ndim,
        " for kernel ", format_value(p.kernel));

  Shape weight = Shape::unknown(ndim);
  weight[0] = p.num_filter;
  for (int i = 0; i < rank; ++i) weight[axes.first + i] = p.kernel[i];
  c.set_in(1, weight);
  if (!p.no_bias) c.set_in(2, Shape{p.num_filter});

  Shape data = c.in[0].has_rank() ? c.in[0] : Shape::unknown(ndim);
  Shape out = Shape::unknown(ndim);
  out[axes.channel] = p.num_filter;
  out[0] = data[0];
  for (int i = 0; i < rank; ++i) out[axes.first + i] = convolution_extent(p, i, data[axes.first + i]);
  c.set_out(0, out);

  // What the result and the weight say about data.
  data[0] = c.out[0][0];
  for (int i = 0; i < rank; ++i) {
    const int axis = axes.first + i;
    if (data[axis] < 0 && c.out[0][axis] >= 0 && p.stride[i] == 1) {
      data[axis] = c.out[0][axis] + p.filter_extent(i) - 1 - 2 * p.pad[i];
    }
  }
  const int64_t group_channels = c.in[1][axes.channel];
  if (data[axes.channel] < 0 && group_channels >= 0) data[axes.channel] = group_channels * p.num_group;
  c.set_in(0, data);

  const int64_t channels = data[axes.channel];
  if (channels < 0) return;
  check(channels % p.num_group == 0, "[Convolution] channels of data are not divisible by num_group: got ",
        channels, " channels and num_group ", p.num_group, ", expected a multiple of num_group");
  weight[axes.channel] = channels / p.num_group;
  c.set_in(1, weight);
}

inline ConvGeometry convolution_geometry(const ConvolutionParams& p, const Shape& data, const Shape& out) {
  ConvGeometry g;
  const SpatialAxes axes = spatial_axes(p.channels_last(), data.ndim());
  g.spatial = p.rank();
  g.channels_last = p.channels_last();
  g.batch = data[0];
  g.in_channels = data[axes.channel];
  g.out_channels = p.num_filter;
  g.groups = p.num_group;
  for (int i = 0; i < 3; ++i) {
    const int j = i - (3 - g.spatial);
    g.in[i] = j < 0 ? 1 : data[axes.first + j];
    g.out[i] = j < 0 ? 1 : out[axes.first + j];
    g.kernel[i] = j < 0 ? 1 : p.kernel[j];
    g.stride[i] = j < 0 ? 1 : p.stride[j];
    g.dilate[i] = j < 0 ? 1 : p.dilate[j];
    g.pad[i] = j < 0 ? 0 : p.pad[j];
  }
  return g;
}

}  // namespace symbind
