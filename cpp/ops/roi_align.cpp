// _contrib_ROIAlign (He et al., 2017) and _contrib_RROIAlign, its form for rotated regions: averages of
// bilinear samples over a grid of bins.
#include "ops/roi_common.h"

namespace symbind {
namespace {

struct Params {
  Tuple pooled_size;
  double spatial_scale;
  int64_t sample_ratio;
  bool position_sensitive, aligned;
  template <class V>
  void visit(V& v) {
    v("pooled_size", pooled_size, required, "Height and width of the output.");
    v("spatial_scale", spatial_scale, required, "Size of data relative to the image that rois refer to.");
    v("sample_ratio", sample_ratio, int64_t{-1}, "Samples per bin and axis; by default as many as pixels.");
    v("position_sensitive", position_sensitive, false, "Every bin reads channels of its own.");
    v("aligned", aligned, false,
      "Shift regions by half a pixel, and keep those smaller than one as they are.");
  }
  void finish(const char* op) { check_pooled_size(op, pooled_size); }
};

struct RotatedParams {
  Tuple pooled_size;
  double spatial_scale;
  int64_t sampling_ratio;
  template <class V>
  void visit(V& v) {
    v("pooled_size", pooled_size, required, "Height and width of the output.");
    v("spatial_scale", spatial_scale, required, "Size of data relative to the image that rois refer to.");
    v("sampling_ratio", sampling_ratio, int64_t{-1},
      "Samples per bin and axis; by default as many as pixels.");
  }
  void finish(const char* op) { check_pooled_size(op, pooled_size); }
};

struct Sizes {
  int64_t batch, channels, height, width, rois, out_channels, pooled_h, pooled_w, ratio;
  bool sensitive, aligned;
  float scale;
  int64_t bins() const { return pooled_h * pooled_w; }
  int64_t channel(int64_t out_channel, int64_t bin) const {
    return sensitive ? out_channel * bins() + bin : out_channel;
  }
};

// A region in the coordinates of data: every bin has grid_h * grid_w samples.
template <class A>
struct Region {
  A x, y, bin_w, bin_h;
  A sine = 0, cosine = 1, center_x = 0, center_y = 0;
  int64_t grid_h, grid_w;

  void set_size(A width, A height, const Sizes& s) {
    bin_w = width / A(s.pooled_w);
    bin_h = height / A(s.pooled_h);
    grid_h = s.ratio > 0 ? s.ratio : static_cast<int64_t>(std::ceil(bin_h));
    grid_w = s.ratio > 0 ? s.ratio : static_cast<int64_t>(std::ceil(bin_w));
  }

  // f(point) for every sample of the bin that lies within the image.
  template <class F>
  void samples(const Sizes& s, int64_t ph, int64_t pw, F&& f) const {
    for (int64_t i = 0; i < grid_h; ++i) {
      const A v = y + A(ph) * bin_h + (A(i) + A(0.5)) * bin_h / A(grid_h);
      for (int64_t j = 0; j < grid_w; ++j) {
        const A u = x + A(pw) * bin_w + (A(j) + A(0.5)) * bin_w / A(grid_w);
        const A py = v * cosine - u * sine + center_y, px = u * cosine + v * sine + center_x;
        if (!(py >= -1 && py <= A(s.height) && px >= -1 && px <= A(s.width))) continue;
        f(BilinearPoint<A>::inside(std::max(py, A(0)), std::max(px, A(0)), s.height, s.width));
      }
    }
  }
  A share() const { return A(1) / A(std::max<int64_t>(grid_h * grid_w, 1)); }
};

template <class A, class T>
Region<A> upright_region(const T* roi, const Sizes& s) {
  const A offset = s.aligned ? A(0.5) : A(0), scale = A(s.scale);
  Region<A> r;
  r.x = A(roi[1]) * scale - offset;
  r.y = A(roi[2]) * scale - offset;
  A width = A(roi[3]) * scale - offset - r.x, height = A(roi[4]) * scale - offset - r.y;
  if (!s.aligned) {
    width = std::max(width, A(1));
    height = std::max(height, A(1));
  }
  r.set_size(width, height, s);
  return r;
}

template <class A, class T>
Region<A> rotated_region(const T* roi, const Sizes& s) {
  const A scale = A(s.scale), angle = A(roi[5]) * A(3.14159265358979323846) / A(180);
  const A width = std::max(A(roi[3]) * scale, A(1)), height = std::max(A(roi[4]) * scale, A(1));
  Region<A> r;
  r.x = -width / 2;
  r.y = -height / 2;
  r.center_x = A(roi[1]) * scale;
  r.center_y = A(roi[2]) * scale;
  r.sine = std::sin(angle);
  r.cosine = std::cos(angle);
  r.set_size(width, height, s);
  return r;
}

template <class T, bool kRotated>
auto region_of(const T* roi, const Sizes& s) {
  using A = accumulate_t<T>;
  if constexpr (kRotated) return rotated_region<A>(roi, s);
  return upright_region<A>(roi, s);
}

template <class T, bool kRotated>
Kernel forward_kernel(const Sizes& s) {
  using A = accumulate_t<T>;
  constexpr int64_t kRow = kRotated ? 6 : 5;
  return make_kernel([s](void* const* in, void* const* out, void*) {
    const T* data = static_cast<const T*>(in[0]);
    const T* rois = static_cast<const T*>(in[1]);
    for_planes(s.rois * s.out_channels, s.bins() * 16, [=](int64_t i) {
      const T* roi = rois + i / s.out_channels * kRow;
      const int64_t image = static_cast<int64_t>(A(roi[0]));
      T* y = static_cast<T*>(out[0]) + i * s.bins();
      if (A(roi[0]) < 0 || image >= s.batch) {
        std::fill(y, y + s.bins(), T(0));
        return;
      }
      const Region<A> region = region_of<T, kRotated>(roi, s);
      for (int64_t bin = 0; bin < s.bins(); ++bin) {
        const int64_t channel = s.channel(i % s.out_channels, bin);
        const T* plane = data + (image * s.channels + channel) * s.height * s.width;
        A sum = 0;
        region.samples(s, bin / s.pooled_w, bin % s.pooled_w,
                       [&](const BilinearPoint<A>& p) { sum += p.read(plane); });
        y[bin] = T(sum * region.share());
      }
    });
  });
}

// Inputs out_grad, rois. Sums in A; a plane of data belongs to one thread.
template <class T>
Kernel backward_kernel(const Sizes& s) {
  using A = accumulate_t<T>;
  return make_kernel([s](void* const* in, void* const* out, void*) {
    const T* g = static_cast<const T*>(in[0]);
    const T* rois = static_cast<const T*>(in[1]);
    const int64_t area = s.height * s.width;
    for_planes(s.batch * s.channels, area + s.rois * s.bins() * 16, [=](int64_t plane) {
      T* grad = static_cast<T*>(out[0]) + plane * area;
      std::fill(grad, grad + area, T(0));
      const int64_t image = plane / s.channels, channel = plane % s.channels;
      const int64_t from = s.sensitive ? channel % s.bins() : 0, to = s.sensitive ? from + 1 : s.bins();
      const int64_t out_channel = s.sensitive ? channel / s.bins() : channel;
      for (int64_t r = 0; r < s.rois; ++r) {
        if (A(rois[5 * r]) < 0 || static_cast<int64_t>(A(rois[5 * r])) != image) continue;
        const Region<A> region = upright_region<A>(rois + 5 * r, s);
        for (int64_t bin = from; bin < to; ++bin) {
          const A value = A(g[(r * s.out_channels + out_channel) * s.bins() + bin]) * region.share();
          region.samples(s, bin / s.pooled_w, bin % s.pooled_w,
                         [&](const BilinearPoint<A>& p) { p.add(grad, value); });
        }
      }
    });
  });
}

Sizes sizes_of(const Params& p, const Shape& data, int64_t rois) {
  Sizes s{data[0],
          data[1],
          data[2],
          data[3],
          rois,
          data[1],
          p.pooled_size[0],
          p.pooled_size[1],
          p.sample_ratio,
          p.position_sensitive,
          p.aligned,
          static_cast<float>(p.spatial_scale)};
  if (s.sensitive) s.out_channels /= s.bins();
  return s;
}

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  int64_t channels = c.in[0].has_rank() && c.in[0].ndim() == 4 ? c.in[0][1] : -1;
  const int64_t bins = p.pooled_size[0] * p.pooled_size[1];
  if (p.position_sensitive && channels >= 0) {
    check(channels % bins == 0, "[", c.op.name, "] data: got ", channels,
          " channels, expected a multiple of the ", bins, " bins for position_sensitive");
    channels /= bins;
  }
  infer_roi_shape(c, 5, channels, p.pooled_size[0], p.pooled_size[1]);
}

void register_rotated() {
  OpDef& op = register_op("_contrib_RROIAlign");
  op.doc =
      "ROIAlign over rotated regions: rois (count, 6) are rows of image number, centre x, y, width, height "
      "and "
      "the angle in degrees.";
  op.params = params_spec<RotatedParams>();
  op.inputs = {"data", "rois"};
  op.infer_shape = [](ShapeContext& c) {
    const RotatedParams& p = as<RotatedParams>(c.params);
    infer_roi_shape(c, 6, c.in[0].has_rank() ? c.in[0].at(1) : -1, p.pooled_size[0], p.pooled_size[1]);
  };
  op.kernel = [](const KernelRequest& r) {
    const RotatedParams& p = as<RotatedParams>(r.params);
    const Shape& data = r.in[0].shape;
    const Sizes s{data[0],
                  data[1],
                  data[2],
                  data[3],
                  r.in[1].shape[0],
                  data[1],
                  p.pooled_size[0],
                  p.pooled_size[1],
                  p.sampling_ratio,
                  false,
                  false,
                  static_cast<float>(p.spatial_scale)};
    return visit_float(r.in[0].dtype, "RROIAlign",
                       [&](auto tag) { return forward_kernel<typename decltype(tag)::type, true>(s); });
  };
}

}  // namespace

void register_roi_align_ops() {
  OpDef& op = register_op("_contrib_ROIAlign");
  op.doc =
      "Averages of bilinear samples over a grid of bins in every region: rois (count, 5) are rows of image "
      "number, x1, y1, x2, y2. Regions of a negative image number give 0.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "rois"};
  op.infer_shape = infer_shape;
  op.kernel = [](const KernelRequest& r) {
    const Sizes s = sizes_of(as<Params>(r.params), r.in[0].shape, r.in[1].shape[0]);
    return visit_float(r.in[0].dtype, "ROIAlign",
                       [&](auto tag) { return forward_kernel<typename decltype(tag)::type, false>(s); });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_ROIAlign", {c.out_grad(0), c.input(1)}, {0}), 0}, EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_ROIAlign", {"out_grad", "rois"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    const Sizes s = sizes_of(as<Params>(r.params), r.out[0].shape, r.in[1].shape[0]);
    return visit_float(r.in[0].dtype, "ROIAlign",
                       [&](auto tag) { return backward_kernel<typename decltype(tag)::type>(s); });
  };
  register_rotated();
}

}  // namespace symbind
