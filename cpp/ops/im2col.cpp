// im2col and col2im: the windows of a convolution as the columns of a matrix, and back by adding them up.
#include <cstring>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "ops/spatial.h"

namespace symbind {
namespace {

struct Windows {
  Tuple kernel, stride, dilate, pad;
  template <class V>
  void visit_windows(V& v) {
    v("kernel", kernel, required, "Size of the window: (w,), (h, w) or (d, h, w).");
    v("stride", stride, Tuple(), "Step between windows; 1 by default.");
    v("dilate", dilate, Tuple(), "Step between positions of a window; 1 by default.");
    v("pad", pad, Tuple(), "Zeros added on both sides; 0 by default.");
  }
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
  }
  int64_t kernel_size() const {
    int64_t n = 1;
    for (int64_t k : kernel) n *= k;
    return n;
  }
  int64_t windows_along(const char* op, int i, int64_t extent) const {
    const int64_t room = extent + 2 * pad[i] - dilate[i] * (kernel[i] - 1) - 1;
    check(room >= 0, "[", op, "] the window is larger than the padded image along spatial axis ", i, ": got ",
          dilate[i] * (kernel[i] - 1) + 1, ", expected at most ", extent + 2 * pad[i]);
    return room / stride[i] + 1;
  }
};

struct Im2colParams : Windows {
  template <class V>
  void visit(V& v) {
    visit_windows(v);
  }
};
struct Col2imParams : Windows {
  Tuple output_size;
  template <class V>
  void visit(V& v) {
    v("output_size", output_size, required, "Spatial size of the image: as many numbers as in kernel.");
    visit_windows(v);
  }
  void finish(const char* op) {
    Windows::finish(op);
    check(output_size.size() == kernel.size(), "[", op, "] output_size: got ", format_value(output_size),
          ", expected as many numbers as in kernel");
    check_at_least(op, "output_size", output_size, 1);
  }
};

// Images (N, C, space...) and columns (N, C * kernel, windows); missing leading axes have one position.
struct Geometry {
  int64_t images, channels;
  int64_t in[3], out[3], kernel[3], stride[3], dilate[3], pad[3];

  Geometry(const char* op, const Windows& w, const Shape& image) : images(image[0]), channels(image[1]) {
    const int rank = static_cast<int>(w.kernel.size());
    for (int i = 0; i < 3; ++i) {
      const int j = i - (3 - rank);
      in[i] = j < 0 ? 1 : image[2 + j];
      out[i] = j < 0 ? 1 : w.windows_along(op, j, image[2 + j]);
      kernel[i] = j < 0 ? 1 : w.kernel[j];
      stride[i] = j < 0 ? 1 : w.stride[j];
      dilate[i] = j < 0 ? 1 : w.dilate[j];
      pad[i] = j < 0 ? 0 : w.pad[j];
    }
  }
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t windows() const { return out[0] * out[1] * out[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }

  // f(place in the image or -1, place among the columns) for every element of the columns of one channel.
  template <class F>
  void each(F&& f) const {
    int64_t column = 0;
    for (int64_t k = 0; k < kernel_size(); ++k) {
      const int64_t at[3] = {k / (kernel[1] * kernel[2]), k / kernel[2] % kernel[1], k % kernel[2]};
      for (int64_t d = 0; d < out[0]; ++d) {
        for (int64_t h = 0; h < out[1]; ++h) {
          for (int64_t w = 0; w < out[2]; ++w, ++column) {
            const int64_t z = d * stride[0] - pad[0] + at[0] * dilate[0];
            const int64_t y = h * stride[1] - pad[1] + at[1] * dilate[1];
            const int64_t x = w * stride[2] - pad[2] + at[2] * dilate[2];
            const bool inside = z >= 0 && z < in[0] && y >= 0 && y < in[1] && x >= 0 && x < in[2];
            f(inside ? (z * in[1] + y) * in[2] + x : -1, column);
          }
        }
      }
    }
  }
};

// Columns from images, or images from columns.
template <bool kToColumns>
Kernel window_kernel(const KernelRequest& r, const char* op, const Windows& windows) {
  const Geometry g(op, windows, kToColumns ? r.in[0].shape : r.out[0].shape);
  return visit_float(r.in[0].dtype, op, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([g](void* const* in, void* const* out, void*) {
      const int64_t column_size = g.kernel_size() * g.windows();
      parallel_for(g.images * g.channels, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          T* image = static_cast<T*>(kToColumns ? in[0] : out[0]) + i * g.in_size();
          T* columns = static_cast<T*>(kToColumns ? out[0] : in[0]) + i * column_size;
          if (!kToColumns) std::fill_n(image, g.in_size(), T(0));
          g.each([&](int64_t at, int64_t column) {
            if (kToColumns) {
              columns[column] = at < 0 ? T(0) : image[at];
            } else if (at >= 0) {
              image[at] = T(accumulate_t<T>(image[at]) + accumulate_t<T>(columns[column]));
            }
          });
        }
      });
    });
  });
}

void infer_im2col(ShapeContext& c) {
  const auto& p = as<Im2colParams>(c.params);
  const Shape& image = c.in[0];
  const int rank = static_cast<int>(p.kernel.size());
  if (!image.has_rank()) return;
  check(image.ndim() == rank + 2, "[im2col] data has the wrong number of dimensions: got ", image,
        ", expected ", rank + 2);
  int64_t windows = 1;
  for (int i = 0; i < rank; ++i) {
    windows = windows < 0 || image[2 + i] < 0 ? -1 : windows * p.windows_along("im2col", i, image[2 + i]);
  }
  c.set_out(0, Shape{image[0], image[1] < 0 ? -1 : image[1] * p.kernel_size(), windows});
}

void infer_col2im(ShapeContext& c) {
  const auto& p = as<Col2imParams>(c.params);
  int64_t windows = 1;
  for (size_t i = 0; i < p.kernel.size(); ++i) {
    windows *= p.windows_along("col2im", static_cast<int>(i), p.output_size[i]);
  }
  c.set_in(0, Shape{-1, -1, windows});
  const int64_t rows = c.in[0][1];
  check(rows < 0 || rows % p.kernel_size() == 0, "[col2im] rows of data: got ", rows,
        ", expected a multiple of the kernel's size, ", p.kernel_size());
  Shape image{c.in[0][0], rows < 0 ? -1 : rows / p.kernel_size()};
  for (int64_t extent : p.output_size) image.push_back(extent);
  c.set_out(0, image);
}

}  // namespace

void register_im2col_ops() {
  OpDef& im2col = register_op("im2col");
  im2col.doc =
      "The windows of a convolution as columns: (N, C, space...) becomes (N, C * kernel positions, windows).";
  im2col.params = params_spec<Im2colParams>();
  im2col.infer_shape = infer_im2col;
  im2col.kernel = [](const KernelRequest& r) {
    return window_kernel<true>(r, "im2col", as<Im2colParams>(r.params));
  };
  im2col.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_im2col", {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back_im = register_op("_backward_im2col");
  back_im.visible = false;
  back_im.params = im2col.params;
  back_im.inputs = {"out_grad"};
  back_im.infer_shape = [](ShapeContext&) {};
  back_im.kernel = [](const KernelRequest& r) {
    return window_kernel<false>(r, "im2col", as<Im2colParams>(r.params));
  };

  OpDef& col2im = register_op("col2im");
  col2im.doc =
      "Adds columns up where im2col took them from: (N, C * kernel positions, windows) becomes (N, C, "
      "space...).";
  col2im.params = params_spec<Col2imParams>();
  col2im.infer_shape = infer_col2im;
  col2im.kernel = [](const KernelRequest& r) {
    return window_kernel<false>(r, "col2im", as<Col2imParams>(r.params));
  };
  col2im.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_col2im", {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back_col = register_op("_backward_col2im");
  back_col.visible = false;
  back_col.params = col2im.params;
  back_col.inputs = {"out_grad"};
  back_col.infer_shape = [](ShapeContext&) {};
  back_col.kernel = [](const KernelRequest& r) {
    return window_kernel<true>(r, "col2im", as<Col2imParams>(r.params));
  };
}

}  // namespace symbind
