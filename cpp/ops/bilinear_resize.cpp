// _contrib_BilinearResize2D: images of another size.
#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

enum class Mode { kSize, kOddScale, kLike, kToEvenDown, kToEvenUp, kToOddDown, kToOddUp };

struct Params {
  int64_t height, width;
  std::optional<double> scale_height, scale_width;
  Choice mode;
  bool align_corners;
  template <class V>
  void visit(V& v) {
    v("height", height, int64_t{1}, "Height of the output, without scale_height in mode size.");
    v("width", width, int64_t{1}, "Width of the output, without scale_width in mode size.");
    v("scale_height", scale_height, std::optional<double>(),
      "Multiplies the height in modes size and odd_scale.");
    v("scale_width", scale_width, std::optional<double>(),
      "Multiplies the width in modes size and odd_scale.");
    v.choice(
        "mode", mode, {"size", "odd_scale", "like", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up"},
        0,
        "size: height and width, or the scales; odd_scale: scaled, keeping odd sizes odd; like: the size of "
        "`like`; to_...: the next even or odd size.");
    v("align_corners", align_corners, true,
      "The centres of the corner pixels stay; otherwise the corners do.");
  }
  void finish(const char* op) {
    check(mode != Mode::kSize || ((scale_height || height > 0) && (scale_width || width > 0)), "[", op,
          "] height and width: got ", height, " and ", width, ", expected positive numbers");
    check(mode != Mode::kOddScale || (scale_height && scale_width), "[", op,
          "] scale_height and scale_width are missing: mode odd_scale needs them");
  }
  int64_t length(int axis, int64_t from) const {
    const std::optional<double>& scale = axis == 0 ? scale_height : scale_width;
    const float factor = scale ? static_cast<float>(*scale) : 1.0f;
    const int64_t odd = from % 2;
    switch (static_cast<Mode>(mode.value)) {
      case Mode::kSize:
        return scale ? static_cast<int64_t>(static_cast<float>(from) * factor) : axis == 0 ? height : width;
      case Mode::kOddScale:
        return odd == 0 ? static_cast<int64_t>(static_cast<float>(from) * factor)
                        : static_cast<int64_t>(static_cast<float>(from - 1) * factor) + 1;
      case Mode::kToEvenDown:
        return from - odd;
      case Mode::kToEvenUp:
        return from + odd;
      case Mode::kToOddDown:
        return from - 1 + odd;
      default:
        return from + 1 - odd;
    }
  }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  for (const Shape& s : c.in) {
    check(!s.has_rank() || s.ndim() == 4, "[", c.op.name, "] data: got shape ", s,
          ", expected (batch, channels, height, width)");
  }
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  Shape out{data[0], data[1], -1, -1};
  for (int i = 0; i < 2; ++i) {
    if (p.mode == Mode::kLike) {
      out[2 + i] = c.in[1].has_rank() ? c.in[1][2 + i] : -1;
    } else if (data[2 + i] >= 0) {
      out[2 + i] = p.length(i, data[2 + i]);
      check(out[2 + i] > 0, "[", c.op.name, "] data: got shape ", data,
            ", expected a size that stays positive");
    }
  }
  c.set_out(0, out);
}

// Where output i reads: two pixels and the weight of the second.
template <class A>
struct Tap {
  int64_t first, second;
  A weight;
};

template <class A>
std::vector<Tap<A>> make_taps(int64_t from, int64_t to, bool align_corners) {
  std::vector<Tap<A>> taps;
  // A single output reads the first pixel, whatever the mode: what MXNet does.
  const A step = to <= 1 ? A(0) : align_corners ? A(from - 1) / A(to - 1) : A(from) / A(to);
  for (int64_t i = 0; i < to; ++i) {
    const A at = align_corners ? step * A(i) : std::max(step * (A(i) + A(0.5)) - A(0.5), A(0));
    const int64_t first = std::min(static_cast<int64_t>(at), from - 1);
    taps.push_back({first, std::min(first + 1, from - 1), at - A(first)});
  }
  return taps;
}

template <class F>
void for_planes(int64_t planes, int64_t work, F&& f) {
  parallel_for(planes, 1 + kElementGrain / (4 * work + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

template <class T>
Kernel resize_kernel(const Shape& data, const Shape& out, bool align_corners, bool backward) {
  using A = accumulate_t<T>;
  const int64_t planes = data[0] * data[1], width = data[3], area = data[2] * data[3], outs = out[2] * out[3];
  return make_kernel(
      [=, rows = make_taps<A>(data[2], out[2], align_corners),
       cols = make_taps<A>(data[3], out[3], align_corners)](void* const* from, void* const* to, void*) {
        for_planes(planes, area + outs, [&](int64_t plane) {
          if (!backward) {
            const T* x = static_cast<const T*>(from[0]) + plane * area;
            T* y = static_cast<T*>(to[0]) + plane * outs;
            for (const Tap<A>& r : rows) {
              const T *top = x + r.first * width, *bottom = x + r.second * width;
              for (const Tap<A>& c : cols) {
                const A upper = (1 - c.weight) * A(top[c.first]) + c.weight * A(top[c.second]);
                const A lower = (1 - c.weight) * A(bottom[c.first]) + c.weight * A(bottom[c.second]);
                *y++ = T((1 - r.weight) * upper + r.weight * lower);
              }
            }
            return;
          }
          const T* g = static_cast<const T*>(from[0]) + plane * outs;
          T* grad = static_cast<T*>(to[0]) + plane * area;
          std::fill(grad, grad + area, T(0));
          for (const Tap<A>& r : rows) {
            T *top = grad + r.first * width, *bottom = grad + r.second * width;
            for (const Tap<A>& c : cols) {
              const A upper = (1 - r.weight) * A(*g), lower = r.weight * A(*g);
              ++g;
              top[c.first] += static_cast<T>((1 - c.weight) * upper);
              top[c.second] += static_cast<T>(c.weight * upper);
              bottom[c.first] += static_cast<T>((1 - c.weight) * lower);
              bottom[c.second] += static_cast<T>(c.weight * lower);
            }
          }
        });
      });
}

}  // namespace

void register_bilinear_resize_ops() {
  OpDef& op = register_op("_contrib_BilinearResize2D");
  op.doc = "The images of data (N, C, H, W) in another size, interpolated bilinearly.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "like"};
  op.num_inputs = [](const void* p) { return as<Params>(p).mode == Mode::kLike ? 2 : 1; };
  op.infer_shape = infer_shape;
  op.kernel = [](const KernelRequest& r) {
    return visit_float(r.in[0].dtype, "BilinearResize2D", [&](auto tag) {
      return resize_kernel<typename decltype(tag)::type>(r.in[0].shape, r.out[0].shape,
                                                         as<Params>(r.params).align_corners, false);
    });
  };
  op.gradient = [](GradContext& c) {
    std::vector<EntryId> grads = zero_gradient(c);
    grads[0] = {c.backward("_backward_BilinearResize2D", {c.out_grad(0)}, {0}), 0};
    return grads;
  };
  OpDef& back = register_backward_op("_backward_BilinearResize2D", {"out_grad"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    return visit_float(r.in[0].dtype, "BilinearResize2D", [&](auto tag) {
      return resize_kernel<typename decltype(tag)::type>(r.out[0].shape, r.in[0].shape,
                                                         as<Params>(r.params).align_corners, true);
    });
  };
}

}  // namespace symbind
