// _contrib_AdaptiveAvgPooling2D: averages over a grid of bins that covers the image, whatever its size.
#include <algorithm>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  Tuple output_size;
  template <class V>
  void visit(V& v) {
    v("output_size", output_size, Tuple{},
      "Height and width of the output, or one number for both; 1 by default.");
  }
  void finish(const char* op) {
    if (output_size.empty()) output_size = {1};
    if (output_size.size() == 1) output_size.push_back(output_size[0]);
    check(output_size.size() == 2 && output_size[0] > 0 && output_size[1] > 0, "[", op, "] output_size: got ",
          format_value(output_size), ", expected one or two positive numbers");
  }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  const Shape& data = c.in[0];
  check(!data.has_rank() || data.ndim() == 4, "[", c.op.name, "] data: got shape ", data,
        ", expected (batch, channels, height, width)");
  Shape out{data.has_rank() ? data[0] : -1, data.has_rank() ? data[1] : -1, p.output_size[0],
            p.output_size[1]};
  c.set_out(0, out);
  c.set_in(0, Shape{c.out[0][0], c.out[0][1], -1, -1});
}

struct Sizes {
  int64_t planes, height, width, out_h, out_w;
};

// Bin i of n over `length` pixels is [begin, end); neighbours may share a pixel.
inline int64_t bin_begin(int64_t i, int64_t n, int64_t length) { return i * length / n; }
inline int64_t bin_end(int64_t i, int64_t n, int64_t length) { return ((i + 1) * length + n - 1) / n; }

// f(output position, h0, h1, w0, w1) for every bin of a plane.
template <class F>
void for_bins(const Sizes& s, F&& f) {
  for (int64_t i = 0; i < s.out_h; ++i) {
    for (int64_t j = 0; j < s.out_w; ++j) {
      f(i * s.out_w + j, bin_begin(i, s.out_h, s.height), bin_end(i, s.out_h, s.height),
        bin_begin(j, s.out_w, s.width), bin_end(j, s.out_w, s.width));
    }
  }
}

template <class F>
void for_planes(const Sizes& s, F&& f) {
  const int64_t grain = 1 + kElementGrain / (s.height * s.width + s.out_h * s.out_w + 1);
  parallel_for(s.planes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

template <class T>
Kernel forward_kernel(const Sizes& s) {
  using A = accumulate_t<T>;
  return make_kernel([s](void* const* in, void* const* out, void*) {
    for_planes(s, [&](int64_t plane) {
      const T* x = static_cast<const T*>(in[0]) + plane * s.height * s.width;
      T* y = static_cast<T*>(out[0]) + plane * s.out_h * s.out_w;
      for_bins(s, [&](int64_t at, int64_t h0, int64_t h1, int64_t w0, int64_t w1) {
        A sum = 0;
        for (int64_t h = h0; h < h1; ++h) {
          for (int64_t w = w0; w < w1; ++w) sum += A(x[h * s.width + w]);
        }
        y[at] = T(sum / A((h1 - h0) * (w1 - w0)));
      });
    });
  });
}

template <class T>
Kernel backward_kernel(const Sizes& s) {
  using A = accumulate_t<T>;
  return make_kernel([s](void* const* in, void* const* out, void*) {
    for_planes(s, [&](int64_t plane) {
      const T* g = static_cast<const T*>(in[0]) + plane * s.out_h * s.out_w;
      T* grad = static_cast<T*>(out[0]) + plane * s.height * s.width;
      std::fill(grad, grad + s.height * s.width, T(0));
      for_bins(s, [&](int64_t at, int64_t h0, int64_t h1, int64_t w0, int64_t w1) {
        const A share = A(g[at]) / A((h1 - h0) * (w1 - w0));
        for (int64_t h = h0; h < h1; ++h) {
          for (int64_t w = w0; w < w1; ++w) grad[h * s.width + w] += static_cast<T>(share);
        }
      });
    });
  });
}

Sizes sizes_of(const Shape& data, const Shape& out) {
  return {data[0] * data[1], data[2], data[3], out[2], out[3]};
}

}  // namespace

void register_adaptive_pooling_ops() {
  OpDef& op = register_op("_contrib_AdaptiveAvgPooling2D");
  op.doc = "Averages over a grid of output_size bins that covers the images of data (N, C, H, W).";
  op.params = params_spec<Params>();
  op.infer_shape = infer_shape;
  op.kernel = [](const KernelRequest& r) {
    const Sizes s = sizes_of(r.in[0].shape, r.out[0].shape);
    return visit_float(r.in[0].dtype, "AdaptiveAvgPooling2D",
                       [&](auto tag) { return forward_kernel<typename decltype(tag)::type>(s); });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_AdaptiveAvgPooling2D", {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_AdaptiveAvgPooling2D", {"out_grad"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    const Sizes s = sizes_of(r.out[0].shape, r.in[0].shape);
    return visit_float(r.in[0].dtype, "AdaptiveAvgPooling2D",
                       [&](auto tag) { return backward_kernel<typename decltype(tag)::type>(s); });
  };
}

}  // namespace symbind
