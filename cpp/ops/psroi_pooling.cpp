// _contrib_PSROIPooling (Dai et al., 2016) and _contrib_DeformablePSROIPooling (Dai et al., 2017): every bin
// of a region reads channels of its own.
#include "ops/roi_common.h"

namespace symbind {
namespace {

struct Params {
  double spatial_scale;
  int64_t output_dim, pooled_size, group_size;
  template <class V>
  void visit(V& v) {
    v("spatial_scale", spatial_scale, required, "Size of data relative to the image that rois refer to.");
    v("output_dim", output_dim, required, "Channels of the output.");
    v("pooled_size", pooled_size, required, "Height and width of the output.");
    v("group_size", group_size, int64_t{0}, "Rows and columns of channel groups; 0: pooled_size.");
  }
  void finish(const char* op) {
    if (group_size == 0) group_size = pooled_size;
    check(pooled_size > 0 && output_dim > 0 && group_size > 0, "[", op,
          "] output_dim, pooled_size, group_size: got ", output_dim, ", ", pooled_size, ", ", group_size,
          ", expected positive numbers");
  }
};

struct DeformableParams {
  double spatial_scale, trans_std;
  int64_t output_dim, group_size, pooled_size, part_size, sample_per_part;
  bool no_trans;
  template <class V>
  void visit(V& v) {
    v("spatial_scale", spatial_scale, required, "Size of data relative to the image that rois refer to.");
    v("output_dim", output_dim, required, "Channels of the output.");
    v("group_size", group_size, required, "Rows and columns of channel groups.");
    v("pooled_size", pooled_size, required, "Height and width of the output.");
    v("part_size", part_size, int64_t{0}, "Rows and columns of trans; 0: pooled_size.");
    v("sample_per_part", sample_per_part, int64_t{1}, "Samples per bin and axis.");
    v("trans_std", trans_std, 0.0, "Multiplies trans, which is in units of the region's size.");
    v("no_trans", no_trans, false, "There is no input trans: bins stay where they are.");
  }
  void finish(const char* op) {
    if (part_size == 0) part_size = pooled_size;
    check(pooled_size > 0 && output_dim > 0 && group_size > 0 && part_size > 0 && sample_per_part > 0, "[",
          op, "] output_dim, group_size, pooled_size, part_size, sample_per_part: got ", output_dim, ", ",
          group_size, ", ", pooled_size, ", ", part_size, ", ", sample_per_part,
          ", expected positive numbers");
  }
};

void check_channels(const ShapeContext& c, int64_t output_dim, int64_t group) {
  const int64_t needed = output_dim * group * group;
  check(!c.in[0].has_rank() || c.in[0].ndim() != 4 || c.in[0][1] < 0 || c.in[0][1] == needed, "[", c.op.name,
        "] data: got ", c.in[0], ", expected ", needed, " channels: output_dim * group_size * group_size");
}

struct Sizes {
  int64_t batch, channels, height, width, rois, out_channels, pooled, group;
  float scale;
  int64_t bins() const { return pooled * pooled; }
  int64_t channel(int64_t out_channel, int64_t ph, int64_t pw) const {
    const int64_t gh = std::min(ph * group / pooled, group - 1),
                  gw = std::min(pw * group / pooled, group - 1);
    return (out_channel * group + gh) * group + gw;
  }
};

// The pixels of one bin.
struct Window {
  int64_t h0, h1, w0, w1;
  int64_t size() const { return std::max<int64_t>(h1 - h0, 0) * std::max<int64_t>(w1 - w0, 0); }
};

template <class A, class T>
Window window_of(const Sizes& s, const T* roi, int64_t ph, int64_t pw) {
  const A scale = A(s.scale);
  const A x0 = std::round(A(roi[1])) * scale, y0 = std::round(A(roi[2])) * scale;
  const A x1 = (std::round(A(roi[3])) + A(1)) * scale, y1 = (std::round(A(roi[4])) + A(1)) * scale;
  const A bin_w = std::max(x1 - x0, A(0.1)) / A(s.pooled), bin_h = std::max(y1 - y0, A(0.1)) / A(s.pooled);
  auto within = [](A v, int64_t limit) {
    return static_cast<int64_t>(std::min(std::max(v, A(0)), A(limit)));
  };
  return {
      within(std::floor(A(ph) * bin_h + y0), s.height), within(std::ceil(A(ph + 1) * bin_h + y0), s.height),
      within(std::floor(A(pw) * bin_w + x0), s.width), within(std::ceil(A(pw + 1) * bin_w + x0), s.width)};
}

template <class T>
Kernel forward_kernel(const Sizes& s) {
  using A = accumulate_t<T>;
  return make_kernel([s](void* const* in, void* const* out, void*) {
    const T* data = static_cast<const T*>(in[0]);
    const T* rois = static_cast<const T*>(in[1]);
    for_planes(s.rois * s.out_channels, s.bins() * 16, [=](int64_t i) {
      const T* roi = rois + i / s.out_channels * 5;
      const int64_t image = static_cast<int64_t>(A(roi[0]));
      for (int64_t bin = 0; bin < s.bins(); ++bin) {
        T* y = static_cast<T*>(out[0]) + i * s.bins() + bin;
        *y = T(0);
        if (image < 0 || image >= s.batch) continue;
        const int64_t ph = bin / s.pooled, pw = bin % s.pooled;
        const Window w = window_of<A>(s, roi, ph, pw);
        if (w.size() == 0) continue;
        const T* plane =
            data + (image * s.channels + s.channel(i % s.out_channels, ph, pw)) * s.height * s.width;
        A sum = 0;
        for (int64_t h = w.h0; h < w.h1; ++h) {
          for (int64_t k = w.w0; k < w.w1; ++k) sum += A(plane[h * s.width + k]);
        }
        *y = T(sum / A(w.size()));
      }
    });
  });
}

// Inputs out_grad, rois.
template <class T>
Kernel backward_kernel(const Sizes& s) {
  using A = accumulate_t<T>;
  return make_kernel([s](void* const* in, void* const* out, void*) {
    const T* g = static_cast<const T*>(in[0]);
    const T* rois = static_cast<const T*>(in[1]);
    const int64_t area = s.height * s.width;
    for_planes(s.batch * s.channels, area + s.rois * 16, [=](int64_t plane) {
      T* grad = static_cast<T*>(out[0]) + plane * area;
      std::fill(grad, grad + area, T(0));
      const int64_t channel = plane % s.channels, out_channel = channel / (s.group * s.group);
      for (int64_t r = 0; r < s.rois; ++r) {
        const T* roi = rois + 5 * r;
        if (static_cast<int64_t>(A(roi[0])) != plane / s.channels) continue;
        for (int64_t bin = 0; bin < s.bins(); ++bin) {
          const int64_t ph = bin / s.pooled, pw = bin % s.pooled;
          if (s.channel(out_channel, ph, pw) != channel) continue;
          const Window w = window_of<A>(s, roi, ph, pw);
          if (w.size() == 0) continue;
          const A value = A(g[(r * s.out_channels + out_channel) * s.bins() + bin]) / A(w.size());
          for (int64_t h = w.h0; h < w.h1; ++h) {
            for (int64_t k = w.w0; k < w.w1; ++k) grad[h * s.width + k] += static_cast<T>(value);
          }
        }
      }
    });
  });
}

Sizes sizes_of(const Params& p, const Shape& data, int64_t rois) {
  return {data[0],       data[1],      data[2],
          data[3],       rois,         p.output_dim,
          p.pooled_size, p.group_size, static_cast<float>(p.spatial_scale)};
}

void register_plain() {
  OpDef& op = register_op("_contrib_PSROIPooling");
  op.doc =
      "Averages over a grid of bins in every region, each bin reading the channels of its group: data "
      "(batch, "
      "output_dim * group_size^2, H, W), rois (count, 5) rows of image number, x1, y1, x2, y2.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "rois"};
  op.infer_shape = [](ShapeContext& c) {
    const Params& p = as<Params>(c.params);
    infer_roi_shape(c, 5, p.output_dim, p.pooled_size, p.pooled_size);
    check_channels(c, p.output_dim, p.group_size);
  };
  op.kernel = [](const KernelRequest& r) {
    const Sizes s = sizes_of(as<Params>(r.params), r.in[0].shape, r.in[1].shape[0]);
    return visit_float(r.in[0].dtype, "PSROIPooling",
                       [&](auto tag) { return forward_kernel<typename decltype(tag)::type>(s); });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_PSROIPooling", {c.out_grad(0), c.input(1)}, {0}), 0}, EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_PSROIPooling", {"out_grad", "rois"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    const Sizes s = sizes_of(as<Params>(r.params), r.out[0].shape, r.in[1].shape[0]);
    return visit_float(r.in[0].dtype, "PSROIPooling",
                       [&](auto tag) { return backward_kernel<typename decltype(tag)::type>(s); });
  };
}

// ---- deformable

struct Deformable {
  Sizes s;
  int64_t part, samples, trans_classes;
  bool no_trans;
  float trans_std;
  int64_t per_class() const { return s.out_channels / trans_classes; }
  int64_t trans_at(int64_t roi, int64_t out_channel, int64_t ph, int64_t pw) const {
    const int64_t h = std::min(ph * part / s.pooled, part - 1), w = std::min(pw * part / s.pooled, part - 1);
    return ((roi * trans_classes + out_channel / per_class()) * 2 * part + h) * part + w;
  }
};

// One bin of one region: where its samples lie, and how many of them are inside the image.
template <class A>
struct Bin {
  A x, y, step_x, step_y, width, height;

  template <class T>
  Bin(const Deformable& d, const T* roi, const T* trans, int64_t ph, int64_t pw, int64_t trans_at) {
    const A scale = A(d.s.scale), pooled = A(d.s.pooled);
    const A x0 = std::round(A(roi[1])) * scale - A(0.5), y0 = std::round(A(roi[2])) * scale - A(0.5);
    width = std::max((std::round(A(roi[3])) + A(1)) * scale - A(0.5) - x0, A(0.1));
    height = std::max((std::round(A(roi[4])) + A(1)) * scale - A(0.5) - y0, A(0.1));
    const A tx = d.no_trans ? A(0) : A(trans[trans_at]) * A(d.trans_std);
    const A ty = d.no_trans ? A(0) : A(trans[trans_at + d.part * d.part]) * A(d.trans_std);
    x = A(pw) * (width / pooled) + x0 + tx * width;
    y = A(ph) * (height / pooled) + y0 + ty * height;
    step_x = width / pooled / A(d.samples);
    step_y = height / pooled / A(d.samples);
  }

  template <class F>
  int64_t each(const Deformable& d, F&& f) const {
    int64_t count = 0;
    for (int64_t i = 0; i < d.samples; ++i) {
      for (int64_t j = 0; j < d.samples; ++j) {
        const A px = x + A(j) * step_x, py = y + A(i) * step_y;
        if (!(px >= A(-0.5) && px <= A(d.s.width) - A(0.5) && py >= A(-0.5) && py <= A(d.s.height) - A(0.5)))
          continue;
        ++count;
        f(std::min(std::max(py, A(0)), A(d.s.height - 1)), std::min(std::max(px, A(0)), A(d.s.width - 1)));
      }
    }
    return count;
  }
};

template <class T>
Kernel deformable_forward(const Deformable& d) {
  using A = accumulate_t<T>;
  return make_kernel([d](void* const* in, void* const* out, void*) {
    const Sizes& s = d.s;
    const T* data = static_cast<const T*>(in[0]);
    const T* rois = static_cast<const T*>(in[1]);
    const T* trans = d.no_trans ? nullptr : static_cast<const T*>(in[2]);
    for_planes(s.rois * s.out_channels, s.bins() * 16 * d.samples * d.samples, [=](int64_t i) {
      const Sizes& sizes = d.s;
      const int64_t r = i / sizes.out_channels, out_channel = i % sizes.out_channels;
      const int64_t image = static_cast<int64_t>(A(rois[5 * r]));
      for (int64_t bin = 0; bin < sizes.bins(); ++bin) {
        T* y = static_cast<T*>(out[0]) + i * sizes.bins() + bin;
        *y = T(0);
        if (image < 0 || image >= sizes.batch) continue;
        const int64_t ph = bin / sizes.pooled, pw = bin % sizes.pooled;
        const T* plane =
            data + (image * sizes.channels + sizes.channel(out_channel, ph, pw)) * sizes.height * sizes.width;
        const Bin<A> where(d, rois + 5 * r, trans, ph, pw, d.trans_at(r, out_channel, ph, pw));
        A sum = 0;
        const int64_t count = where.each(d, [&](A py, A px) {
          sum += BilinearPoint<A>::inside(py, px, sizes.height, sizes.width).read(plane);
        });
        if (count > 0) *y = T(sum / A(count));
      }
    });
  });
}

// The gradient of data through one plane, and, where `trans_grad` is given, that of trans.
template <class T>
struct DeformableBackward {
  using A = accumulate_t<T>;
  Deformable d;
  const T *g, *data, *rois, *trans;

  // Calls f(where, value per sample, plane of data) for every bin of the region and channel.
  template <class F>
  void bins(int64_t r, int64_t out_channel, F&& f) const {
    const Sizes& s = d.s;
    const int64_t image = static_cast<int64_t>(A(rois[5 * r]));
    if (image < 0 || image >= s.batch) return;
    for (int64_t bin = 0; bin < s.bins(); ++bin) {
      const int64_t ph = bin / s.pooled, pw = bin % s.pooled, at = d.trans_at(r, out_channel, ph, pw);
      const Bin<A> where(d, rois + 5 * r, trans, ph, pw, at);
      const int64_t count = where.each(d, [](A, A) {});
      if (count == 0) continue;
      const A value = A(g[(r * s.out_channels + out_channel) * s.bins() + bin]) / A(count);
      f(where, value, image * s.channels + s.channel(out_channel, ph, pw), at);
    }
  }

  void add_data(T* grad) const {
    const Sizes& s = d.s;
    const int64_t area = s.height * s.width;
    std::fill(grad, grad + s.batch * s.channels * area, T(0));
    // Output channels read disjoint channels of data.
    for_planes(s.out_channels, s.rois * s.bins() * 16 * d.samples * d.samples, [&](int64_t out_channel) {
      for (int64_t r = 0; r < s.rois; ++r) {
        bins(r, out_channel, [&](const Bin<A>& where, A value, int64_t plane, int64_t) {
          where.each(d, [&](A py, A px) {
            BilinearPoint<A>::inside(py, px, s.height, s.width).add(grad + plane * area, value);
          });
        });
      }
    });
  }

  void add_trans(T* grad) const {
    const Sizes& s = d.s;
    const int64_t per_roi = d.trans_classes * 2 * d.part * d.part;
    for_planes(s.rois, s.out_channels * s.bins() * 16 * d.samples * d.samples, [&](int64_t r) {
      std::fill(grad + r * per_roi, grad + (r + 1) * per_roi, T(0));
      for (int64_t out_channel = 0; out_channel < s.out_channels; ++out_channel) {
        bins(r, out_channel, [&](const Bin<A>& where, A value, int64_t plane, int64_t at) {
          A gx = 0, gy = 0;
          where.each(d, [&](A py, A px) { slope(data + plane * s.height * s.width, py, px, gy, gx); });
          grad[at] += static_cast<T>(gx * value * where.width * A(d.trans_std));
          grad[at + d.part * d.part] += static_cast<T>(gy * value * where.height * A(d.trans_std));
        });
      }
    });
  }

  // Adds the derivatives of a bilinear sample by its position.
  void slope(const T* plane, A py, A px, A& gy, A& gx) const {
    const int64_t width = d.s.width;
    const int64_t x0 = static_cast<int64_t>(std::floor(px)), x1 = static_cast<int64_t>(std::ceil(px));
    const int64_t y0 = static_cast<int64_t>(std::floor(py)), y1 = static_cast<int64_t>(std::ceil(py));
    const A dx = px - A(x0), dy = py - A(y0);
    const A a = A(plane[y0 * width + x0]), b = A(plane[y0 * width + x1]);
    const A c = A(plane[y1 * width + x0]), e = A(plane[y1 * width + x1]);
    gx += (e - c) * dy + (b - a) * (1 - dy);
    gy += (e - b) * dx + (c - a) * (1 - dx);
  }
};

Deformable deformable_of(const DeformableParams& p, const Shape& data, int64_t rois, const Shape* trans) {
  const Sizes s{data[0],       data[1],      data[2],
                data[3],       rois,         p.output_dim,
                p.pooled_size, p.group_size, static_cast<float>(p.spatial_scale)};
  return {s,
          p.part_size,
          p.sample_per_part,
          trans != nullptr ? (*trans)[1] / 2 : 1,
          p.no_trans,
          static_cast<float>(p.trans_std)};
}

void infer_deformable(ShapeContext& c) {
  const DeformableParams& p = as<DeformableParams>(c.params);
  infer_roi_shape(c, 5, p.output_dim, p.pooled_size, p.pooled_size);
  check_channels(c, p.output_dim, p.group_size);
  if (p.no_trans) return;
  c.set_in(2, Shape{c.in[1][0], -1, p.part_size, p.part_size});
  const int64_t channels = c.in[2][1];
  check(channels < 0 || (channels > 0 && channels % 2 == 0 && p.output_dim % (channels / 2) == 0), "[",
        c.op.name, "] trans: got shape ", c.in[2],
        ", expected two channels for each class, classes dividing output_dim ", p.output_dim);
}

void register_deformable() {
  OpDef& op = register_op("_contrib_DeformablePSROIPooling");
  op.doc =
      "PSROIPooling of bilinear samples whose bins trans (count, 2 * classes, part_size, part_size) moves, "
      "in "
      "x and y.";
  op.params = params_spec<DeformableParams>();
  op.inputs = {"data", "rois", "trans"};
  op.num_inputs = [](const void* p) { return as<DeformableParams>(p).no_trans ? 2 : 3; };
  op.infer_shape = infer_deformable;
  op.kernel = [](const KernelRequest& r) {
    const Deformable d = deformable_of(as<DeformableParams>(r.params), r.in[0].shape, r.in[1].shape[0],
                                       r.in.size() > 2 ? &r.in[2].shape : nullptr);
    return visit_float(r.in[0].dtype, "DeformablePSROIPooling",
                       [&](auto tag) { return deformable_forward<typename decltype(tag)::type>(d); });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const bool no_trans = c.num_inputs() == 2;
    std::vector<EntryId> inputs{c.out_grad(0), c.input(0), c.input(1)};
    std::vector<int> like{0};
    if (!no_trans) {
      inputs.push_back(c.input(2));
      like.push_back(2);
    }
    const int32_t id = c.backward("_backward_DeformablePSROIPooling", std::move(inputs), like);
    if (no_trans) return {{id, 0}, EntryId{}};
    return {{id, 0}, EntryId{}, {id, 1}};
  };
  OpDef& back =
      register_backward_op("_backward_DeformablePSROIPooling", {"out_grad", "data", "rois", "trans"});
  back.params = op.params;
  back.num_inputs = [](const void* p) { return as<DeformableParams>(p).no_trans ? 3 : 4; };
  back.outputs = {"data_grad", "trans_grad"};
  back.num_outputs = [](const void* p) { return as<DeformableParams>(p).no_trans ? 1 : 2; };
  back.kernel = [](const KernelRequest& r) {
    const Deformable d = deformable_of(as<DeformableParams>(r.params), r.in[1].shape, r.in[2].shape[0],
                                       r.in.size() > 3 ? &r.in[3].shape : nullptr);
    const bool to_trans = r.out.size() > 1 && r.out_used[1];
    const bool to_data = r.out_used[0];
    return visit_float(r.in[0].dtype, "DeformablePSROIPooling", [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([=](void* const* in, void* const* out, void*) {
        const DeformableBackward<T> work{d, static_cast<const T*>(in[0]), static_cast<const T*>(in[1]),
                                         static_cast<const T*>(in[2]),
                                         d.no_trans ? nullptr : static_cast<const T*>(in[3])};
        if (to_data) work.add_data(static_cast<T*>(out[0]));
        if (to_trans) work.add_trans(static_cast<T*>(out[1]));
      });
    });
  };
}

}  // namespace

void register_psroi_pooling_ops() {
  register_plain();
  register_deformable();
}

}  // namespace symbind
