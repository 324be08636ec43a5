// _contrib_DeformableConvolution (Dai et al., 2017) and _contrib_ModulatedDeformableConvolution (Zhu et al.,
// 2019): convolutions whose taps are moved, and in the second weighted, by further inputs.
#include <algorithm>
#include <cmath>

#include "backend/cpu/gemm.h"
#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"
#include "ops/spatial.h"

namespace symbind {
namespace {

struct Params {
  Tuple kernel, stride, dilate, pad;
  int64_t num_filter, num_group, num_deformable_group;
  bool no_bias;
  Choice layout;
  template <class V>
  void visit(V& v) {
    v("kernel", kernel, required, "Height and width of the filters.");
    v("stride", stride, Tuple{}, "Distance of windows; 1 by default.");
    v("dilate", dilate, Tuple{}, "Distance of taps; 1 by default.");
    v("pad", pad, Tuple{}, "Zeros around the image; none by default.");
    v("num_filter", num_filter, required, "Channels of the output.");
    v("num_group", num_group, int64_t{1}, "Groups of channels that are convolved by themselves.");
    v("num_deformable_group", num_deformable_group, int64_t{1},
      "Groups of channels with offsets of their own.");
    v.ignored("workspace", "1024", "Accepted and ignored.");
    v("no_bias", no_bias, false, "Leave out the bias.");
    v.ignored("im2col_step", "64", "Accepted and ignored.");
    v.choice("layout", layout, {"None", "NCHW", "NCW", "NCDHW"}, 0, "NCHW.");
  }
  void finish(const char* op) {
    check(kernel.size() == 2, "[", op, "] kernel: got ", format_value(kernel), ", expected (height, width)");
    check(layout.value <= 1, "[", op, "] layout: got one of another rank, expected NCHW");
    fill_tuple(op, "stride", stride, 2, 1);
    fill_tuple(op, "dilate", dilate, 2, 1);
    fill_tuple(op, "pad", pad, 2, 0);
    check_at_least(op, "kernel", kernel, 1);
    check_at_least(op, "stride", stride, 1);
    check_at_least(op, "dilate", dilate, 1);
    check_at_least(op, "pad", pad, 0);
    check(num_group > 0 && num_filter > 0 && num_filter % num_group == 0 && num_deformable_group > 0, "[", op,
          "] num_filter, num_group, num_deformable_group: got ", num_filter, ", ", num_group, ", ",
          num_deformable_group, ", expected positive numbers, and filters in equal groups");
  }
  int64_t taps() const { return kernel[0] * kernel[1]; }
  int64_t out_length(int axis, int64_t length) const {
    const size_t i = static_cast<size_t>(axis);
    return (length + 2 * pad[i] - (dilate[i] * (kernel[i] - 1) + 1)) / stride[i] + 1;
  }
};

// The inputs: data, offset, [mask,] weight, [bias].
template <bool kModulated>
void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  constexpr int kWeight = kModulated ? 3 : 2;
  check(!c.in[0].has_rank() || c.in[0].ndim() == 4, "[", c.op.name, "] data: got shape ", c.in[0],
        ", expected (batch, channels, height, width)");
  if (!p.no_bias) c.set_in(kWeight + 1, Shape{p.num_filter});
  if (!c.in[0].has_rank()) return;
  const Shape& data = c.in[0];
  check(data[1] < 0 || (data[1] % p.num_group == 0 && data[1] % p.num_deformable_group == 0), "[", c.op.name,
        "] data: got ", data[1], " channels, expected a multiple of num_group and num_deformable_group");
  c.set_in(kWeight, Shape{p.num_filter, data[1] < 0 ? -1 : data[1] / p.num_group, p.kernel[0], p.kernel[1]});
  Shape out{data[0], p.num_filter, -1, -1};
  for (int i = 0; i < 2; ++i) {
    if (data[2 + i] < 0) continue;
    out[2 + i] = p.out_length(i, data[2 + i]);
    check(out[2 + i] > 0, "[", c.op.name, "] data: got shape ", data,
          ", expected at least the kernel's extent");
  }
  c.set_in(1, Shape{data[0], 2 * p.num_deformable_group * p.taps(), out[2], out[3]});
  if (kModulated) c.set_in(2, Shape{data[0], p.num_deformable_group * p.taps(), out[2], out[3]});
  c.set_out(0, out);
}

struct Sizes {
  int64_t batch, channels, height, width, out_h, out_w;
  bool modulated;
  int64_t area() const { return height * width; }
  int64_t outs() const { return out_h * out_w; }
};

// Four corners around a point, with weights and their derivatives; at[k] < 0: outside, reads 0.
template <class T>
struct Corners {
  int64_t at[4] = {};
  T weight[4] = {}, by_y[4] = {}, by_x[4] = {};

  // False when the point contributes nothing. The plain operator ends at the image's border and clamps the
  // far corners; the modulated one fades out over one pixel.
  bool find(T y, T x, const Sizes& s) {
    const T least = s.modulated ? T(-1) : T(0);
    const bool open = s.modulated ? (y > least && x > least) : (y >= least && x >= least);
    if (!open || !(y < T(s.height)) || !(x < T(s.width))) return false;
    int64_t y0 = static_cast<int64_t>(std::floor(y)), x0 = static_cast<int64_t>(std::floor(x));
    int64_t y1 = y0 + 1, x1 = x0 + 1;
    const bool last_y = y1 >= s.height, last_x = x1 >= s.width;
    if (!s.modulated && last_y) {
      y1 = y0;
      y = T(y0);
    }
    if (!s.modulated && last_x) {
      x1 = x0;
      x = T(x0);
    }
    const T dy = y - T(y0), dx = x - T(x0);
    const bool top = y0 >= 0, left = x0 >= 0, bottom = y1 < s.height, right = x1 < s.width;
    at[0] = top && left ? y0 * s.width + x0 : -1;
    at[1] = top && right ? y0 * s.width + x1 : -1;
    at[2] = bottom && left ? y1 * s.width + x0 : -1;
    at[3] = bottom && right ? y1 * s.width + x1 : -1;
    const T w[4] = {(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx};
    const T wy[4] = {dx - 1, -dx, 1 - dx, dx}, wx[4] = {dy - 1, 1 - dy, -dy, dy};
    std::copy(w, w + 4, weight);
    std::copy(wy, wy + 4, by_y);
    std::copy(wx, wx + 4, by_x);
    return true;
  }
  T sum(const T* plane, const T (&with)[4]) const {
    T total = 0;
    for (int k = 0; k < 4; ++k) total += at[k] < 0 ? T(0) : with[k] * plane[at[k]];
    return total;
  }
};

// The work on one image of one dtype.
template <class T>
struct Image {
  const Params& p;
  const Sizes& s;
  const T *data, *offset, *mask;  // mask: null for the plain operator

  int64_t rows_per_group() const { return s.channels / p.num_group * p.taps(); }
  int64_t deformable_channels() const { return s.channels / p.num_deformable_group; }

  // f(o, tap position found, corners) for the outputs of one tap of one deformable group.
  template <class F>
  void each_output(int64_t group, int64_t tap, F&& f) const {
    const T* moves = offset + (group * p.taps() + tap) * 2 * s.outs();
    const int64_t ky = tap / p.kernel[1] * p.dilate[0] - p.pad[0],
                  kx = tap % p.kernel[1] * p.dilate[1] - p.pad[1];
    Corners<T> corners;
    for (int64_t o = 0; o < s.outs(); ++o) {
      const T y = T(o / s.out_w * p.stride[0] + ky) + moves[o];
      const T x = T(o % s.out_w * p.stride[1] + kx) + moves[s.outs() + o];
      f(o, corners.find(y, x, s), corners);
    }
  }
  const T* mask_of(int64_t group, int64_t tap) const {
    return mask == nullptr ? nullptr : mask + (group * p.taps() + tap) * s.outs();
  }

  // col (channels * taps, outs): the moved taps, weighted by the mask.
  void gather(T* col) const {
    parallel_for(p.num_deformable_group * p.taps(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t group = k / p.taps(), tap = k % p.taps(), first = group * deformable_channels();
        const T* m = mask_of(group, tap);
        each_output(group, tap, [&](int64_t o, bool found, const Corners<T>& corners) {
          for (int64_t c = first; c < first + deformable_channels(); ++c) {
            const T value = found ? corners.sum(data + c * s.area(), corners.weight) : T(0);
            col[(c * p.taps() + tap) * s.outs() + o] = m == nullptr ? value : value * m[o];
          }
        });
      }
    });
  }

  // The gradient of data from that of col; every plane belongs to one thread.
  void scatter(const T* dcol, T* grad) const {
    parallel_for(s.channels, 1, [&](int64_t begin, int64_t end) {
      std::fill(grad + begin * s.area(), grad + end * s.area(), T(0));
      for (int64_t c = begin; c < end; ++c) {
        const int64_t group = c / deformable_channels();
        for (int64_t tap = 0; tap < p.taps(); ++tap) {
          const T* g = dcol + (c * p.taps() + tap) * s.outs();
          const T* m = mask_of(group, tap);
          each_output(group, tap, [&](int64_t o, bool found, const Corners<T>& corners) {
            if (!found) return;
            const T value = m == nullptr ? g[o] : g[o] * m[o];
            for (int k = 0; k < 4; ++k) {
              if (corners.at[k] >= 0) grad[c * s.area() + corners.at[k]] += corners.weight[k] * value;
            }
          });
        }
      }
    });
  }

  // The gradients of offset and mask from that of col; either may be null.
  void slopes(const T* dcol, T* offset_grad, T* mask_grad) const {
    parallel_for(p.num_deformable_group * p.taps(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t group = k / p.taps(), tap = k % p.taps(), first = group * deformable_channels();
        const T* m = mask_of(group, tap);
        each_output(group, tap, [&](int64_t o, bool found, const Corners<T>& corners) {
          T gy = 0, gx = 0, gm = 0;
          for (int64_t c = first; found && c < first + deformable_channels(); ++c) {
            const T g = dcol[(c * p.taps() + tap) * s.outs() + o];
            const T* plane = data + c * s.area();
            gy += g * corners.sum(plane, corners.by_y);
            gx += g * corners.sum(plane, corners.by_x);
            if (mask_grad != nullptr) gm += g * corners.sum(plane, corners.weight);
          }
          const T weight = m == nullptr ? T(1) : m[o];
          if (offset_grad != nullptr) {
            offset_grad[k * 2 * s.outs() + o] = gy * weight;
            offset_grad[(k * 2 + 1) * s.outs() + o] = gx * weight;
          }
          if (mask_grad != nullptr) mask_grad[k * s.outs() + o] = gm;
        });
      }
    });
  }
};

template <class T>
Image<T> image_of(const Params& p, const Sizes& s, void* const* in, int first, int64_t n) {
  const int64_t groups = p.num_deformable_group * p.taps() * s.outs();
  const T* mask = s.modulated ? static_cast<const T*>(in[first + 2]) + n * groups : nullptr;
  return {p, s, static_cast<const T*>(in[first]) + n * s.channels * s.area(),
          static_cast<const T*>(in[first + 1]) + n * 2 * groups, mask};
}

template <class T>
Kernel forward_kernel(const Params& params, const Sizes& s) {
  return make_kernel(
      [p = params, s](void* const* in, void* const* out, void* workspace) {
        T* col = static_cast<T*>(workspace);
        const int weight_at = s.modulated ? 3 : 2;
        const T* weight = static_cast<const T*>(in[weight_at]);
        const int64_t filters = p.num_filter / p.num_group;
        for (int64_t n = 0; n < s.batch; ++n) {
          const Image<T> image = image_of<T>(p, s, in, 0, n);
          image.gather(col);
          T* y = static_cast<T*>(out[0]) + n * p.num_filter * s.outs();
          if (!p.no_bias) {
            const T* bias = static_cast<const T*>(in[weight_at + 1]);
            for (int64_t f = 0; f < p.num_filter; ++f)
              std::fill(y + f * s.outs(), y + (f + 1) * s.outs(), bias[f]);
          }
          const int64_t rows = image.rows_per_group();
          for (int64_t g = 0; g < p.num_group; ++g) {
            gemm(false, false, filters, s.outs(), rows, T(1), weight + g * filters * rows, rows,
                 col + g * rows * s.outs(), s.outs(), p.no_bias ? T(0) : T(1), y + g * filters * s.outs(),
                 s.outs());
          }
        }
      },
      static_cast<size_t>(s.channels * params.taps() * s.outs()) * sizeof(T));
}

// Which gradients are wanted, as outputs of the backward node.
struct Wanted {
  bool data, offset, mask, weight, bias;
};

// Inputs out_grad, data, offset, [mask,] weight; outputs in the order of the node's inputs.
template <class T>
Kernel backward_kernel(const Params& params, const Sizes& s, const Wanted& want) {
  const size_t col_size = static_cast<size_t>(s.channels * params.taps() * s.outs());
  return make_kernel(
      [p = params, s, want](void* const* in, void* const* out, void* workspace) {
        T* col = static_cast<T*>(workspace);
        const int extra = s.modulated ? 1 : 0;
        const T* weight = static_cast<const T*>(in[3 + extra]);
        const int64_t filters = p.num_filter / p.num_group, taps = p.num_deformable_group * p.taps();
        for (int64_t n = 0; n < s.batch; ++n) {
          const Image<T> image = image_of<T>(p, s, in, 1, n);
          const T* dy = static_cast<const T*>(in[0]) + n * p.num_filter * s.outs();
          const int64_t rows = image.rows_per_group();
          if (want.weight) {
            image.gather(col);
            for (int64_t g = 0; g < p.num_group; ++g) {
              gemm(false, true, filters, rows, s.outs(), T(1), dy + g * filters * s.outs(), s.outs(),
                   col + g * rows * s.outs(), s.outs(), n == 0 ? T(0) : T(1),
                   static_cast<T*>(out[2 + extra]) + g * filters * rows, rows);
            }
          }
          for (int64_t f = 0; want.bias && f < p.num_filter; ++f) {
            T sum = n == 0 ? T(0) : static_cast<T*>(out[3 + extra])[f];
            for (int64_t o = 0; o < s.outs(); ++o) sum += dy[f * s.outs() + o];
            static_cast<T*>(out[3 + extra])[f] = sum;
          }
          if (!want.data && !want.offset && !want.mask) continue;
          for (int64_t g = 0; g < p.num_group; ++g) {
            gemm(true, false, rows, s.outs(), filters, T(1), weight + g * filters * rows, rows,
                 dy + g * filters * s.outs(), s.outs(), T(0), col + g * rows * s.outs(), s.outs());
          }
          if (want.data) image.scatter(col, static_cast<T*>(out[0]) + n * s.channels * s.area());
          if (want.offset || want.mask) {
            image.slopes(col, want.offset ? static_cast<T*>(out[1]) + n * 2 * taps * s.outs() : nullptr,
                         want.mask ? static_cast<T*>(out[2]) + n * taps * s.outs() : nullptr);
          }
        }
      },
      col_size * sizeof(T));
}

template <class F>
Kernel float_or_double(DType type, F&& make) {
  return type == DType::kFloat64 ? make(double{}) : make(float{});
}

Sizes sizes_of(const Shape& data, const Shape& out, bool modulated) {
  return {data[0], data[1], data[2], data[3], out[2], out[3], modulated};
}

template <bool kModulated>
void register_one(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<Params>();
  op.inputs = kModulated ? std::vector<std::string>{"data", "offset", "mask", "weight", "bias"}
                         : std::vector<std::string>{"data", "offset", "weight", "bias"};
  op.num_inputs = [](const void* p) { return (kModulated ? 5 : 4) - as<Params>(p).no_bias; };
  op.infer_shape = infer_shape<kModulated>;
  op.kernel = [](const KernelRequest& request) {
    return floating_kernel(request, [](const KernelRequest& r) {
      const Sizes s = sizes_of(r.in[0].shape, r.out[0].shape, kModulated);
      return float_or_double(r.in[0].dtype,
                             [&](auto t) { return forward_kernel<decltype(t)>(as<Params>(r.params), s); });
    });
  };
  const std::string backward = std::string("_backward_") + name;
  op.gradient = [backward](GradContext& c) {
    std::vector<EntryId> inputs{c.out_grad(0)}, grads;
    std::vector<int> like;
    for (int i = 0; i < c.num_inputs(); ++i) {
      if (i <= (kModulated ? 3 : 2)) inputs.push_back(c.input(i));
      like.push_back(i);
    }
    const int32_t id = c.backward(backward.c_str(), std::move(inputs), like);
    for (int i : like) grads.push_back({id, i});
    return grads;
  };
  OpDef& back = register_backward_op(backward, {"out_grad", "data", "offset"});
  if (kModulated) back.inputs.emplace_back("mask");
  back.inputs.emplace_back("weight");
  back.params = op.params;
  back.outputs = op.inputs;
  back.num_outputs = op.num_inputs;
  back.kernel = [](const KernelRequest& request) {
    const std::vector<bool>& used = request.out_used;
    const size_t extra = kModulated ? 1 : 0;
    const Wanted want{used[0], used[1], kModulated && used[2], used[2 + extra],
                      used.size() > 3 + extra && used[3 + extra]};
    return floating_kernel(request, [want](const KernelRequest& r) {
      const Sizes s = sizes_of(r.in[1].shape, r.in[0].shape, kModulated);
      return float_or_double(
          r.in[0].dtype, [&](auto t) { return backward_kernel<decltype(t)>(as<Params>(r.params), s, want); });
    });
  };
}

}  // namespace

void register_deformable_convolution_ops() {
  register_one<false>(
      "_contrib_DeformableConvolution",
      "A convolution whose taps read data (N, C, H, W) at places moved by offset (N, 2 * "
      "num_deformable_group * taps, H', W'), rows before columns, between pixels bilinearly.");
  register_one<true>(
      "_contrib_ModulatedDeformableConvolution",
      "A deformable convolution whose taps are also multiplied by mask (N, num_deformable_group * "
      "taps, H', W').");
}

}  // namespace symbind
