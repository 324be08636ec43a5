// GridGenerator, BilinearSampler, and both in one: SpatialTransformer (Jaderberg et al., 2015).
#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

enum class Transform { kAffine, kWarp };

struct GridParams {
  Choice transform_type;
  Tuple target_shape;
  template <class V>
  void visit(V& v) {
    v.choice("transform_type", transform_type, {"affine", "warp"}, -1,
             "affine: data are matrices (batch, 6); warp: data are displacements (batch, 2, height, width).");
    v("target_shape", target_shape, Tuple{0, 0}, "Height and width of the grid, for affine.");
  }
};

struct SamplerParams {
  std::optional<bool> cudnn_off;
  template <class V>
  void visit(V& v) {
    v("cudnn_off", cudnn_off, std::optional<bool>(), "Accepted and ignored.");
  }
};

struct TransformerParams {
  Tuple target_shape;
  Choice transform_type, sampler_type;
  std::optional<bool> cudnn_off;
  template <class V>
  void visit(V& v) {
    v("target_shape", target_shape, Tuple{0, 0}, "Height and width of the output.");
    v.choice("transform_type", transform_type, {"affine"}, -1, "affine: loc are matrices (batch, 6).");
    v.choice("sampler_type", sampler_type, {"bilinear"}, -1, "How to read between pixels.");
    v("cudnn_off", cudnn_off, std::optional<bool>(), "Accepted and ignored.");
  }
};

void check_target(const ShapeContext& c, const Tuple& target) {
  check(target.size() == 2 && target[0] > 0 && target[1] > 0, "[", c.op.name, "] target_shape: got ",
        format_value(target), ", expected two positive numbers: (height, width)");
}

// Sizes of images, and of the grid they are read at.
struct Sizes {
  int64_t batch, channels, height, width, out_h, out_w;
  int64_t area() const { return height * width; }
  int64_t outs() const { return out_h * out_w; }
};

Sizes sizes_of(const Shape& data, int64_t out_h, int64_t out_w) {
  return {data[0], data[1], data[2], data[3], out_h, out_w};
}

// ---- grids: positions in [-1, 1], x in channel 0, y in channel 1.

template <class T>
void affine_grid(const Sizes& s, const T* theta, T* grid) {
  using A = accumulate_t<T>;
  for (int64_t o = 0; o < s.outs(); ++o) {
    const A x = A(-1) + A(o % s.out_w) * A(2) / A(s.out_w - 1),
            y = A(-1) + A(o / s.out_w) * A(2) / A(s.out_h - 1);
    for (int k = 0; k < 2; ++k) {
      grid[k * s.outs() + o] = T(A(theta[3 * k]) * x + A(theta[3 * k + 1]) * y + A(theta[3 * k + 2]));
    }
  }
}

template <class T>
void affine_grid_gradient(const Sizes& s, const T* g, T* grad) {
  using A = accumulate_t<T>;
  for (int k = 0; k < 2; ++k) {
    A by_x = 0, by_y = 0, by_one = 0;
    for (int64_t o = 0; o < s.outs(); ++o) {
      const A value = A(g[k * s.outs() + o]);
      by_x += value * (A(-1) + A(o % s.out_w) * A(2) / A(s.out_w - 1));
      by_y += value * (A(-1) + A(o / s.out_w) * A(2) / A(s.out_h - 1));
      by_one += value;
    }
    grad[3 * k] = T(by_x);
    grad[3 * k + 1] = T(by_y);
    grad[3 * k + 2] = T(by_one);
  }
}

template <class F>
void for_images(int64_t count, int64_t work, F&& f) {
  parallel_for(count, 1 + kElementGrain / (8 * work + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

void infer_grid(ShapeContext& c) {
  const GridParams& p = as<GridParams>(c.params);
  if (p.transform_type == Transform::kWarp) {
    c.set_in(0, Shape{-1, 2, -1, -1});
    infer_same_shape(c);
    return;
  }
  check_target(c, p.target_shape);
  c.set_in(0, Shape{-1, 6});
  c.set_out(0, Shape{c.in[0][0], 2, p.target_shape[0], p.target_shape[1]});
  c.set_in(0, Shape{c.out[0][0], 6});
}

template <class T>
Kernel grid_kernel(const Shape& out, bool affine) {
  using A = accumulate_t<T>;
  const Sizes s = sizes_of(out, out[2], out[3]);
  return make_kernel([=](void* const* in, void* const* to, void*) {
    for_images(s.batch, s.outs(), [&](int64_t n) {
      T* grid = static_cast<T*>(to[0]) + n * 2 * s.outs();
      if (affine) {
        affine_grid(s, static_cast<const T*>(in[0]) + n * 6, grid);
        return;
      }
      const T* flow = static_cast<const T*>(in[0]) + n * 2 * s.outs();
      for (int64_t o = 0; o < s.outs(); ++o) {
        grid[o] = T((A(flow[o]) + A(o % s.out_w)) / (A(s.out_w - 1) / 2) - 1);
        grid[s.outs() + o] = T((A(flow[s.outs() + o]) + A(o / s.out_w)) / (A(s.out_h - 1) / 2) - 1);
      }
    });
  });
}

template <class T>
Kernel grid_backward_kernel(const Shape& grid, bool affine) {
  using A = accumulate_t<T>;
  const Sizes s = sizes_of(grid, grid[2], grid[3]);
  return make_kernel([=](void* const* in, void* const* to, void*) {
    for_images(s.batch, s.outs(), [&](int64_t n) {
      const T* g = static_cast<const T*>(in[0]) + n * 2 * s.outs();
      if (affine) {
        affine_grid_gradient(s, g, static_cast<T*>(to[0]) + n * 6);
        return;
      }
      T* grad = static_cast<T*>(to[0]) + n * 2 * s.outs();
      for (int64_t o = 0; o < 2 * s.outs(); ++o) {
        grad[o] = T(A(g[o]) / (A((o < s.outs() ? s.out_w : s.out_h) - 1) / 2));
      }
    });
  });
}

// ---- sampling: what lies outside of the image reads as 0.

template <class A>
struct Point {
  int64_t x0, y0;
  A dx, dy;
  Point(A gx, A gy, const Sizes& s) {
    const A x = (gx + 1) * A(s.width - 1) / 2, y = (gy + 1) * A(s.height - 1) / 2;
    x0 = static_cast<int64_t>(std::floor(std::min(std::max(x, A(-2)), A(s.width + 1))));
    y0 = static_cast<int64_t>(std::floor(std::min(std::max(y, A(-2)), A(s.height + 1))));
    dx = x - A(x0);
    dy = y - A(y0);
  }
  // f(offset, weight, derivative of the weight by x, by y) for the corners inside of the image.
  template <class F>
  void corners(const Sizes& s, F&& f) const {
    for (int k = 0; k < 4; ++k) {
      const int64_t x = x0 + k % 2, y = y0 + k / 2;
      if (x < 0 || y < 0 || x >= s.width || y >= s.height) continue;
      const A wx = k % 2 == 0 ? 1 - dx : dx, wy = k / 2 == 0 ? 1 - dy : dy;
      f(y * s.width + x, wx * wy, k % 2 == 0 ? -wy : wy, k / 2 == 0 ? -wx : wx);
    }
  }
};

template <class T>
void sample_image(const Sizes& s, const T* data, const T* grid, T* y) {
  using A = accumulate_t<T>;
  for (int64_t o = 0; o < s.outs(); ++o) {
    const Point<A> p(A(grid[o]), A(grid[s.outs() + o]), s);
    for (int64_t c = 0; c < s.channels; ++c) {
      A sum = 0;
      p.corners(s, [&](int64_t at, A weight, A, A) { sum += weight * A(data[c * s.area() + at]); });
      y[c * s.outs() + o] = T(sum);
    }
  }
}

// The gradients of the image and of the grid; either may be null.
template <class T>
void sample_gradient(const Sizes& s, const T* g, const T* data, const T* grid, T* data_grad, T* grid_grad) {
  using A = accumulate_t<T>;
  if (data_grad != nullptr) std::fill(data_grad, data_grad + s.channels * s.area(), T(0));
  for (int64_t o = 0; o < s.outs(); ++o) {
    const Point<A> p(A(grid[o]), A(grid[s.outs() + o]), s);
    A gx = 0, gy = 0;
    for (int64_t c = 0; c < s.channels; ++c) {
      const A value = A(g[c * s.outs() + o]);
      p.corners(s, [&](int64_t at, A weight, A by_x, A by_y) {
        if (data_grad != nullptr) data_grad[c * s.area() + at] += static_cast<T>(weight * value);
        gx += value * by_x * A(data[c * s.area() + at]);
        gy += value * by_y * A(data[c * s.area() + at]);
      });
    }
    if (grid_grad == nullptr) continue;
    grid_grad[o] = T(gx * A(s.width - 1) / 2);
    grid_grad[s.outs() + o] = T(gy * A(s.height - 1) / 2);
  }
}

void check_images(const ShapeContext& c) {
  check(!c.in[0].has_rank() || c.in[0].ndim() == 4, "[", c.op.name, "] data: got shape ", c.in[0],
        ", expected (batch, channels, height, width)");
}

void infer_sampler(ShapeContext& c) {
  check_images(c);
  const Shape& data = c.in[0];
  c.set_in(1, Shape{data.has_rank() ? data[0] : -1, 2, -1, -1});
  c.set_in(0, Shape{c.in[1][0], -1, -1, -1});
  c.set_out(0, Shape{c.in[0][0], c.in[0][1], c.in[1][2], c.in[1][3]});
}

Kernel sampler_kernel(const KernelRequest& r) {
  const Sizes s = sizes_of(r.in[0].shape, r.in[1].shape[2], r.in[1].shape[3]);
  return visit_float(r.in[0].dtype, "BilinearSampler", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([s](void* const* in, void* const* out, void*) {
      for_images(s.batch, s.channels * s.outs(), [&](int64_t n) {
        sample_image(s, static_cast<const T*>(in[0]) + n * s.channels * s.area(),
                     static_cast<const T*>(in[1]) + n * 2 * s.outs(),
                     static_cast<T*>(out[0]) + n * s.channels * s.outs());
      });
    });
  });
}

// Inputs out_grad, data, grid.
Kernel sampler_backward_kernel(const KernelRequest& r) {
  const Sizes s = sizes_of(r.in[1].shape, r.in[2].shape[2], r.in[2].shape[3]);
  const bool to_data = r.out_used[0], to_grid = r.out_used[1];
  return visit_float(r.in[0].dtype, "BilinearSampler", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      for_images(s.batch, s.channels * s.outs(), [&](int64_t n) {
        sample_gradient(s, static_cast<const T*>(in[0]) + n * s.channels * s.outs(),
                        static_cast<const T*>(in[1]) + n * s.channels * s.area(),
                        static_cast<const T*>(in[2]) + n * 2 * s.outs(),
                        to_data ? static_cast<T*>(out[0]) + n * s.channels * s.area() : nullptr,
                        to_grid ? static_cast<T*>(out[1]) + n * 2 * s.outs() : nullptr);
      });
    });
  });
}

// ---- SpatialTransformer

void infer_transformer(ShapeContext& c) {
  const TransformerParams& p = as<TransformerParams>(c.params);
  check_target(c, p.target_shape);
  check_images(c);
  const Shape& data = c.in[0];
  c.set_in(1, Shape{data.has_rank() ? data[0] : -1, 6});
  if (!data.has_rank()) return;
  c.set_in(0, Shape{c.in[1][0], -1, -1, -1});
  c.set_out(0, Shape{data[0], data[1], p.target_shape[0], p.target_shape[1]});
}

Kernel transformer_kernel(const KernelRequest& r) {
  const Sizes s = sizes_of(r.in[0].shape, r.out[0].shape[2], r.out[0].shape[3]);
  return visit_float(r.in[0].dtype, "SpatialTransformer", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel(
        [s](void* const* in, void* const* out, void* workspace) {
          for_images(s.batch, s.channels * s.outs(), [&](int64_t n) {
            T* grid = static_cast<T*>(workspace) + n * 2 * s.outs();
            affine_grid(s, static_cast<const T*>(in[1]) + n * 6, grid);
            sample_image(s, static_cast<const T*>(in[0]) + n * s.channels * s.area(), grid,
                         static_cast<T*>(out[0]) + n * s.channels * s.outs());
          });
        },
        static_cast<size_t>(2 * s.batch * s.outs()) * sizeof(T));
  });
}

// Inputs out_grad, data, loc.
Kernel transformer_backward_kernel(const KernelRequest& r) {
  const Sizes s = sizes_of(r.in[1].shape, r.in[0].shape[2], r.in[0].shape[3]);
  const bool to_data = r.out_used[0], to_loc = r.out_used[1];
  return visit_float(r.in[0].dtype, "SpatialTransformer", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel(
        [=](void* const* in, void* const* out, void* workspace) {
          for_images(s.batch, s.channels * s.outs(), [&](int64_t n) {
            T* grid = static_cast<T*>(workspace) + n * 4 * s.outs();
            T* grid_grad = grid + 2 * s.outs();
            affine_grid(s, static_cast<const T*>(in[2]) + n * 6, grid);
            sample_gradient(s, static_cast<const T*>(in[0]) + n * s.channels * s.outs(),
                            static_cast<const T*>(in[1]) + n * s.channels * s.area(), grid,
                            to_data ? static_cast<T*>(out[0]) + n * s.channels * s.area() : nullptr,
                            grid_grad);
            if (to_loc) affine_grid_gradient(s, grid_grad, static_cast<T*>(out[1]) + n * 6);
          });
        },
        static_cast<size_t>(4 * s.batch * s.outs()) * sizeof(T));
  });
}

void register_grid() {
  OpDef& op = register_op("GridGenerator");
  op.doc =
      "A grid (batch, 2, height, width) of positions in [-1, 1] for BilinearSampler, x before y: an affine "
      "map of "
      "the regular grid, or the regular grid moved by displacements in pixels.";
  op.params = params_spec<GridParams>();
  op.infer_shape = infer_grid;
  op.kernel = [](const KernelRequest& r) {
    const bool affine = as<GridParams>(r.params).transform_type == Transform::kAffine;
    return visit_float(r.in[0].dtype, "GridGenerator", [&](auto tag) {
      return grid_kernel<typename decltype(tag)::type>(r.out[0].shape, affine);
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_GridGenerator", {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_GridGenerator", {"out_grad"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    const bool affine = as<GridParams>(r.params).transform_type == Transform::kAffine;
    return visit_float(r.in[0].dtype, "GridGenerator", [&](auto tag) {
      return grid_backward_kernel<typename decltype(tag)::type>(r.in[0].shape, affine);
    });
  };
}

// Both read an image at places that the second input says.
void register_reader(const char* name, const char* second, const char* doc, const ParamsSpec& params,
                     void (*infer)(ShapeContext&), Kernel (*forward)(const KernelRequest&),
                     Kernel (*backward)(const KernelRequest&)) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params;
  op.inputs = {"data", second};
  op.infer_shape = infer;
  op.kernel = forward;
  const std::string backward_name = std::string("_backward_") + name;
  op.gradient = [backward_name](GradContext& c) -> std::vector<EntryId> {
    const int32_t id = c.backward(backward_name.c_str(), {c.out_grad(0), c.input(0), c.input(1)}, {0, 1});
    return {{id, 0}, {id, 1}};
  };
  OpDef& back = register_backward_op(backward_name, {"out_grad", "data", second});
  back.params = params;
  back.outputs = {"data_grad", "second_grad"};
  back.kernel = backward;
}

}  // namespace

void register_spatial_transformer_ops() {
  register_grid();
  register_reader(
      "BilinearSampler", "grid",
      "The images of data (N, C, H, W) at the positions of grid (N, 2, H', W'), which are in [-1, 1]; 0 "
      "outside.",
      params_spec<SamplerParams>(), infer_sampler, sampler_kernel, sampler_backward_kernel);
  register_reader(
      "SpatialTransformer", "loc",
      "The images of data (N, C, H, W) under the affine maps loc (N, 6): BilinearSampler on the grid that "
      "GridGenerator makes.",
      params_spec<TransformerParams>(), infer_transformer, transformer_kernel, transformer_backward_kernel);
}

}  // namespace symbind
