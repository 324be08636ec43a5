// UpSampling: enlarges images by a whole factor, by repeating pixels or with a bilinear filter that is
// learned.
#include "backend/cpu/convolution.h"
#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"
#include "ops/repeat_common.h"

namespace symbind {
namespace {

enum class Sample { kNearest, kBilinear };
enum class Multi { kConcat, kSum };

struct Params {
  int64_t scale, num_filter;
  Choice sample_type, multi_input_mode;
  int64_t num_args;
  template <class V>
  void visit(V& v) {
    v("scale", scale, required, "The factor for height and width.");
    v("num_filter", num_filter, int64_t{0}, "Number of channels; for sample_type 'bilinear'.");
    v.choice("sample_type", sample_type, {"nearest", "bilinear"}, -1,
             "nearest: pixels are repeated; bilinear: a filter of each channel, the second input.");
    v.choice("multi_input_mode", multi_input_mode, {"concat", "sum"}, 0,
             "What happens with several inputs, which all become as large as the first one.");
    v("num_args", num_args, required, "Number of inputs.");
    v.ignored("workspace", "512", "Accepted.");
  }
  void finish(const char* op) {
    check(scale >= 1, "[", op, "] scale: got ", scale, ", expected at least 1");
    check(num_args >= 1, "[", op, "] num_args: got ", num_args, ", expected at least 1");
    check(!bilinear() || num_filter >= 1, "[", op, "] num_filter: got ", num_filter,
          ", expected the number of channels for sample_type 'bilinear'");
  }
  bool bilinear() const { return sample_type == Sample::kBilinear; }
  bool sum() const { return multi_input_mode == Multi::kSum; }
  // The bilinear filter as a transposed convolution.
  int64_t kernel() const { return 2 * scale - scale % 2; }
  int64_t pad() const { return scale / 2; }
};

void infer_nearest(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  Shape out = Shape::unknown(4), first = Shape::unknown(4);
  int64_t channels = 0;
  for (const Shape& s : c.in) {
    check(!s.has_rank() || s.ndim() == 4, "[UpSampling] got an input of shape ", s,
          ", expected 4 dimensions (N, C, H, W)");
    const int64_t own = s.has_rank() ? s[1] : -1;
    channels = own < 0 || channels < 0 ? -1 : p.sum() ? own : channels + own;
  }
  if (!c.in[0].has_rank()) return;
  out[0] = c.in[0][0];
  out[1] = channels;
  for (int i = 2; i < 4; ++i) out[i] = c.in[0][i] < 0 ? -1 : c.in[0][i] * p.scale;
  c.set_out(0, out);
  first[0] = c.out[0][0];
  c.set_in(0, first);
  for (size_t k = 0; k < c.in.size(); ++k) {
    Shape other = Shape::unknown(4);
    other[0] = c.out[0][0];
    if (p.sum()) other[1] = c.in[0][1];
    c.set_in(static_cast<int>(k), other);
    for (int i = 2; i < 4; ++i) {
      check(out[i] < 0 || c.in[k][i] < 0 || (c.in[k][i] > 0 && out[i] % c.in[k][i] == 0) || out[i] == 0,
            "[UpSampling] input ", k, " of shape ", c.in[k], " does not divide the output ", out);
    }
  }
}

void infer_bilinear(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  check(!c.in[0].has_rank() || c.in[0].ndim() == 4, "[UpSampling] data: got shape ", c.in[0],
        ", expected 4 dimensions (N, C, H, W)");
  c.set_in(1, Shape{p.num_filter, 1, p.kernel(), p.kernel()});
  Shape data = Shape::unknown(4);
  data[1] = p.num_filter;
  c.set_in(0, data);
  Shape out = c.in[0];
  for (int i = 2; i < 4; ++i) out[i] = out[i] < 0 ? -1 : out[i] * p.scale;
  c.set_out(0, out);
  data[0] = c.out[0][0];
  for (int i = 2; i < 4; ++i) {
    if (c.out[0][i] >= 0) data[i] = c.out[0][i] / p.scale;
  }
  c.set_in(0, data);
}

// --- nearest ---

// One input enlarged into its channels of the output.
struct Part {
  StridedCopy copy;
  int64_t channels, scale_h, scale_w, height, width;  // of the input
};

std::vector<Part> parts_of(Span<const TensorDesc> inputs, const TensorDesc& out, bool sum) {
  std::vector<Part> parts;
  const std::vector<int64_t> to = row_major_strides(out.shape);
  int64_t channel = 0;
  for (const TensorDesc& d : inputs) {
    const Shape& s = d.shape;
    Part part{
        {},   s[1], out.shape[2] / std::max<int64_t>(s[2], 1), out.shape[3] / std::max<int64_t>(s[3], 1),
        s[2], s[3]};
    StridedView view;
    view.to_offset = channel * to[1];
    view.add(s[0], s[1] * s[2] * s[3], to[0]);
    view.add(s[1], s[2] * s[3], to[1]);
    view.add(s[2], s[3], part.scale_h * to[2]);
    view.add(part.scale_h, 0, to[2]);
    view.add(s[3], 1, part.scale_w);
    view.add(part.scale_w, 0, 1);
    part.copy = StridedCopy(view, d.dtype);
    parts.push_back(part);
    if (!sum) channel += s[1];
  }
  return parts;
}

// y += x enlarged, image by image.
template <class T>
void add_enlarged(const Part& part, int64_t images, const T* x, T* y) {
  const int64_t in_size = part.height * part.width, width = part.width * part.scale_w;
  const int64_t out_size = in_size * part.scale_h * part.scale_w;
  parallel_for(images, 1 + kElementGrain / std::max<int64_t>(out_size, 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* row = y + i * out_size;
      for (int64_t h = 0; h < part.height; ++h) {
        const T* source = x + i * in_size + h * part.width;
        for (int64_t rh = 0; rh < part.scale_h; ++rh, row += width) {
          for (int64_t w = 0; w < part.width; ++w) {
            for (int64_t rw = 0; rw < part.scale_w; ++rw) row[w * part.scale_w + rw] += source[w];
          }
        }
      }
    }
  });
}

Kernel nearest_kernel(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const std::vector<Part> parts = parts_of(r.in, r.out[0], p.sum());
  const int64_t images = r.out[0].shape[0] * r.out[0].shape[1];
  const bool sum = p.sum();
  return visit_float(r.out[0].dtype, "UpSampling", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([parts, images, sum](void* const* in, void* const* out, void*) {
      for (size_t k = 0; k < parts.size(); ++k) {
        if (k > 0 && sum) {
          add_enlarged(parts[k], images, static_cast<const T*>(in[k]), static_cast<T*>(out[0]));
        } else {
          parts[k].copy.run(in[k], out[0]);
        }
      }
    });
  });
}

// Sums of the pixels that came from one.
template <class T>
void sum_blocks(const Part& part, int64_t batch, int64_t channel, int64_t all_channels, const T* g, T* x) {
  using A = accumulate_t<T>;
  const int64_t in_size = part.height * part.width, width = part.width * part.scale_w;
  const int64_t out_size = in_size * part.scale_h * part.scale_w;
  parallel_for(batch * part.channels, 1 + kElementGrain / std::max<int64_t>(out_size, 1),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t image = i / part.channels * all_channels + channel + i % part.channels;
                   const T* block = g + image * out_size;
                   T* target = x + i * in_size;
                   for (int64_t h = 0; h < part.height; ++h, block += part.scale_h * width) {
                     for (int64_t w = 0; w < part.width; ++w) {
                       A total = 0;
                       for (int64_t rh = 0; rh < part.scale_h; ++rh) {
                         for (int64_t rw = 0; rw < part.scale_w; ++rw)
                           total += A(block[rh * width + w * part.scale_w + rw]);
                       }
                       *target++ = T(total);
                     }
                   }
                 }
               });
}

Kernel nearest_backward_kernel(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const std::vector<Part> parts = parts_of(r.out, r.in[0], p.sum());
  const int64_t batch = r.in[0].shape[0], channels = r.in[0].shape[1];
  const std::vector<bool> used = r.out_used;
  const bool sum = p.sum();
  return visit_float(r.in[0].dtype, "UpSampling", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      int64_t channel = 0;
      for (size_t k = 0; k < parts.size(); ++k) {
        if (used[k]) {
          sum_blocks(parts[k], batch, channel, channels, static_cast<const T*>(in[0]),
                     static_cast<T*>(out[k]));
        }
        if (!sum) channel += parts[k].channels;
      }
    });
  });
}

// --- bilinear: the gradient of a convolution of the large image ---

ConvGeometry geometry(const Params& p, const Shape& small, const Shape& large) {
  ConvGeometry g;
  g.batch = small[0];
  g.in_channels = g.out_channels = g.groups = p.num_filter;
  for (int i = 0; i < 3; ++i) {
    g.in[i] = i == 0 ? 1 : large[i + 1];
    g.out[i] = i == 0 ? 1 : small[i + 1];
    g.kernel[i] = i == 0 ? 1 : p.kernel();
    g.stride[i] = i == 0 ? 1 : p.scale;
    g.pad[i] = i == 0 ? 0 : p.pad();
    g.dilate[i] = 1;
  }
  return g;
}

Kernel forward_kernel(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  if (r.out[0].shape.size() == 0) return make_kernel([](void* const*, void* const*, void*) {});
  if (!p.bilinear()) return nearest_kernel(r);
  return make_conv_backward_data(geometry(p, r.in[0].shape, r.out[0].shape), r.in[0], r.in[1], r.out[0]);
}

// Inputs out_grad and, if bilinear, data and weight.
Kernel backward_kernel(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  if (r.in[0].shape.size() == 0) return make_kernel([](void* const*, void* const*, void*) {});
  if (!p.bilinear()) return nearest_backward_kernel(r);
  const ConvGeometry g = geometry(p, r.in[1].shape, r.in[0].shape);
  const bool wants_data = r.out_used[0], wants_weight = r.out_used[1];
  Kernel data, weight;
  if (wants_data) data = make_conv_forward(g, r.in[0], r.in[2], nullptr, r.out[0], {}, true);
  if (wants_weight) weight = make_conv_backward_weight(g, r.in[1], r.in[0], r.out[1], nullptr);
  return make_kernel(
      [=](void* const* in, void* const* out, void* ws) {
        void* for_data[] = {in[0], in[2]};
        void* for_weight[] = {in[1], in[0]};
        if (wants_data) data.run(data.self.get(), for_data, out, ws);
        if (wants_weight) weight.run(weight.self.get(), for_weight, out + 1, ws);
      },
      std::max(data.workspace, weight.workspace));
}

std::vector<EntryId> gradient(GradContext& c) {
  const Params& p = as<Params>(c.params());
  std::vector<EntryId> inputs{c.out_grad(0)}, grads;
  std::vector<int> like;
  const int n = c.num_inputs();
  for (int i = 0; i < n; ++i) {
    like.push_back(i);
    if (p.bilinear()) inputs.push_back(c.input(i));
  }
  const int32_t id = c.backward("_backward_UpSampling", std::move(inputs), like);
  for (int i = 0; i < n; ++i) grads.push_back({id, i});
  return grads;
}

}  // namespace

void register_upsampling_ops() {
  auto count = [](const void* params) {
    const Params& p = as<Params>(params);
    return p.bilinear() ? 2 : static_cast<int>(p.num_args);
  };
  OpDef& op = register_op("UpSampling");
  op.doc =
      "Images (N, C, H, W) enlarged to (N, C, scale H, scale W). Several inputs become as large as the first "
      "one "
      "and are joined along channels or added.";
  op.params = params_spec<Params>();
  op.num_args_key = "num_args";
  op.num_inputs = count;
  op.input_names = [count](const void* params) {
    if (as<Params>(params).bilinear()) return std::vector<std::string>{"data", "weight"};
    std::vector<std::string> names;
    for (int i = 0; i < count(params); ++i) names.push_back(concat("arg", i));
    return names;
  };
  op.variable_attrs["weight"] = {{"__init__", "[\"bilinear\", {}]"}};
  op.infer_shape = [](ShapeContext& c) {
    as<Params>(c.params).bilinear() ? infer_bilinear(c) : infer_nearest(c);
  };
  op.kernel = forward_kernel;
  op.gradient = gradient;
  OpDef& back = register_backward_op("_backward_UpSampling", {"out_grad", "data", "weight"});
  back.params = op.params;
  back.num_inputs = [](const void* p) { return as<Params>(p).bilinear() ? 3 : 1; };
  back.num_outputs = count;
  back.kernel = backward_kernel;
}

}  // namespace symbind
