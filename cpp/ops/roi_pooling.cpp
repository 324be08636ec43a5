// ROIPooling: the maximum over a grid of bins in every region of interest (Girshick, 2015).
#include "ops/roi_common.h"

namespace symbind {
namespace {

struct Params {
  Tuple pooled_size;
  double spatial_scale;
  template <class V>
  void visit(V& v) {
    v("pooled_size", pooled_size, required, "Height and width of the output.");
    v("spatial_scale", spatial_scale, required, "Size of data relative to the image that rois refer to.");
  }
  void finish(const char* op) { check_pooled_size(op, pooled_size); }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  infer_roi_shape(c, 5, c.in[0].has_rank() ? c.in[0][1] : -1, p.pooled_size[0], p.pooled_size[1]);
  c.set_out(1, c.out[0]);
}

void infer_type(TypeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  if (c.in[1] == DType::kUnknown) c.in[1] = c.in[0];
  c.set_in(1, c.in[0]);
  c.set_out(1, DType::kInt32);
}

struct Sizes {
  int64_t batch, channels, height, width, rois, pooled_h, pooled_w;
  float scale;
  int64_t bins() const { return pooled_h * pooled_w; }
};

Sizes sizes_of(const Params& p, const Shape& data, int64_t rois) {
  return {data[0], data[1],          data[2],          data[3],
          rois,    p.pooled_size[0], p.pooled_size[1], static_cast<float>(p.spatial_scale)};
}

// Where bin `index` of `bins` over [first, last] begins and ends, within [0, limit).
struct Range {
  int64_t begin, end;
};
template <class A>
Range bin_range(int64_t first, int64_t last, int64_t index, int64_t bins, int64_t limit) {
  const A size = A(std::max<int64_t>(last - first + 1, 1)) / A(bins);
  const int64_t begin = static_cast<int64_t>(std::floor(A(index) * size)) + first;
  const int64_t end = static_cast<int64_t>(std::ceil(A(index + 1) * size)) + first;
  return {std::min(std::max<int64_t>(begin, 0), limit), std::min(std::max<int64_t>(end, 0), limit)};
}

template <class T>
void pool_plane(const Sizes& s, const T* plane, const int64_t (&box)[4], T* y, int32_t* index) {
  using A = accumulate_t<T>;
  for (int64_t bin = 0; bin < s.bins(); ++bin) {
    const Range rows = bin_range<A>(box[1], box[3], bin / s.pooled_w, s.pooled_h, s.height);
    const Range cols = bin_range<A>(box[0], box[2], bin % s.pooled_w, s.pooled_w, s.width);
    int32_t best = -1;
    A top = 0;
    for (int64_t h = rows.begin; h < rows.end; ++h) {
      for (int64_t w = cols.begin; w < cols.end; ++w) {
        const int64_t at = h * s.width + w;
        if (best < 0 || A(plane[at]) > top) {
          top = A(plane[at]);
          best = static_cast<int32_t>(at);
        }
      }
    }
    y[bin] = T(best < 0 ? A(0) : top);
    index[bin] = best;
  }
}

template <class T>
Kernel forward_kernel(const Sizes& s) {
  using A = accumulate_t<T>;
  return make_kernel([s](void* const* in, void* const* out, void*) {
    const T* data = static_cast<const T*>(in[0]);
    const T* rois = static_cast<const T*>(in[1]);
    for_planes(s.rois * s.channels, s.bins() * 16, [=](int64_t i) {
      const T* roi = rois + i / s.channels * 5;
      const int64_t image = static_cast<int64_t>(A(roi[0]));
      T* y = static_cast<T*>(out[0]) + i * s.bins();
      int32_t* index = static_cast<int32_t*>(out[1]) + i * s.bins();
      if (image < 0 || image >= s.batch) {
        std::fill(y, y + s.bins(), T(0));
        std::fill(index, index + s.bins(), -1);
        return;
      }
      int64_t box[4];
      for (int k = 0; k < 4; ++k) box[k] = std::llround(A(roi[1 + k]) * A(s.scale));
      pool_plane(s, data + (image * s.channels + i % s.channels) * s.height * s.width, box, y, index);
    });
  });
}

// Inputs out_grad, rois, index.
template <class T>
Kernel backward_kernel(const Sizes& s) {
  using A = accumulate_t<T>;
  return make_kernel([s](void* const* in, void* const* out, void*) {
    const T* g = static_cast<const T*>(in[0]);
    const T* rois = static_cast<const T*>(in[1]);
    const int32_t* index = static_cast<const int32_t*>(in[2]);
    const int64_t area = s.height * s.width;
    for_planes(s.batch * s.channels, area + s.rois * s.bins(), [=](int64_t plane) {
      T* grad = static_cast<T*>(out[0]) + plane * area;
      std::fill(grad, grad + area, T(0));
      for (int64_t r = 0; r < s.rois; ++r) {
        if (static_cast<int64_t>(A(rois[5 * r])) != plane / s.channels) continue;
        const int64_t first = (r * s.channels + plane % s.channels) * s.bins();
        for (int64_t k = first; k < first + s.bins(); ++k) {
          if (index[k] >= 0) grad[index[k]] += g[k];
        }
      }
    });
  });
}

}  // namespace

void register_roi_pooling_ops() {
  OpDef& op = register_op("ROIPooling");
  op.doc =
      "The maximum over a grid of bins in every region: rois (count, 5) are rows of image number, x1, y1, "
      "x2, "
      "y2; output (count, channels, *pooled_size). Regions of images that do not exist give 0.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "rois"};
  op.outputs = {"output", "maxidx"};
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = infer_shape;
  op.infer_type = infer_type;
  op.kernel = [](const KernelRequest& r) {
    const Sizes s = sizes_of(as<Params>(r.params), r.in[0].shape, r.in[1].shape[0]);
    return visit_float(r.in[0].dtype, "ROIPooling", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const Kernel kernel = forward_kernel<T>(s);
      if (r.out_used[1]) return kernel;
      // Nobody reads the positions: they go into the workspace.
      return make_kernel(
          [kernel](void* const* in, void* const* out, void* workspace) {
            void* const both[2] = {out[0], workspace};
            kernel.run(kernel.self.get(), in, both, nullptr);
          },
          static_cast<size_t>(s.rois * s.channels * s.bins()) * sizeof(int32_t));
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_ROIPooling", {c.out_grad(0), c.input(1), c.output(1)}, {0}), 0},
            EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_ROIPooling", {"out_grad", "rois", "index"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    const Sizes s = sizes_of(as<Params>(r.params), r.out[0].shape, r.in[1].shape[0]);
    return visit_float(r.in[0].dtype, "ROIPooling",
                       [&](auto tag) { return backward_kernel<typename decltype(tag)::type>(s); });
  };
}

}  // namespace symbind
