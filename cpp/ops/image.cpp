// Images as (height, width, channels), or batches of them: _image_*.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "runtime/random.h"

namespace symbind {
namespace {

// Rows, columns and channels of an image or a batch of images.
struct Extent {
  int64_t batch, height, width, channels;
  int64_t pixels() const { return height * width; }
  int64_t size() const { return pixels() * channels; }
};

void check_image(const std::string& op, const Shape& shape, bool batches = true) {
  if (!shape.has_rank()) return;
  check(shape.ndim() == 3 || (batches && shape.ndim() == 4), "[", op, "] data: got shape ", shape,
        batches ? ", expected (height, width, channels) or (batch, height, width, channels)"
                : ", expected (height, width, channels)");
}

Extent extent_of(const Shape& s) {
  const int n = s.ndim();
  return {n == 4 ? s[0] : 1, s[n - 3], s[n - 2], s[n - 1]};
}

// Whole numbers end within their range, cut off; floats stay as they are.
template <class T>
T stored(float value) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Half>) {
    return static_cast<T>(value);
  } else {
    const double lo = static_cast<double>(std::numeric_limits<T>::min());
    const double hi = static_cast<double>(std::numeric_limits<T>::max());
    return static_cast<T>(std::min(std::max(static_cast<double>(value), lo), hi));
  }
}
template <class T>
float loaded(T value) {
  return static_cast<float>(static_cast<accumulate_t<T>>(value));
}

template <class F>
Kernel typed(DType type, F&& make) {
  check(type != DType::kBool, "[image] data: got bool, expected numbers");
  return visit_dtype(type, [&](auto tag) -> Kernel {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, bool>) {
      return {};
    } else {
      return make(tag);
    }
  });
}

// --- to_tensor, normalize ---

struct Nothing {
  template <class V>
  void visit(V&) {}
};

Shape channels_first(const Shape& s) {
  if (s.ndim() == 3) return {s[2], s[0], s[1]};
  return {s[0], s[3], s[1], s[2]};
}

void register_to_tensor() {
  OpDef& op = register_op("_image_to_tensor");
  op.doc = "Images of 0 to 255, channels last, to float32 tensors of 0 to 1, channels first.";
  op.params = params_spec<Nothing>();
  op.infer_shape = [](ShapeContext& c) {
    check_image(c.op.name, c.in[0]);
    if (c.in[0].has_rank()) c.set_out(0, channels_first(c.in[0]));
  };
  op.infer_type = [](TypeContext& c) { c.set_out(0, DType::kFloat32); };
  op.kernel = [](const KernelRequest& r) {
    const Extent e = extent_of(r.in[0].shape);
    return typed(r.in[0].dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([e](void* const* in, void* const* out, void*) {
        const T* x = static_cast<const T*>(in[0]);
        float* y = static_cast<float*>(out[0]);
        for (int64_t b = 0; b < e.batch; ++b, x += e.size(), y += e.size()) {
          for (int64_t p = 0; p < e.pixels(); ++p) {
            for (int64_t c = 0; c < e.channels; ++c)
              y[c * e.pixels() + p] = loaded(x[p * e.channels + c]) / 255.f;
          }
        }
      });
    });
  };
}

struct NormalizeParams {
  FloatTuple mean, std;
  template <class V>
  void visit(V& v) {
    v("mean", mean, FloatTuple{0, 0, 0, 0}, "Taken from each channel; one number for all of them.");
    v("std", std, FloatTuple{1, 1, 1, 1}, "What each channel is divided by; one number for all of them.");
  }
  static float of(const FloatTuple& values, int64_t channel) {
    return static_cast<float>(values[values.size() == 1 ? 0 : static_cast<size_t>(channel)]);
  }
};

// y = (x - mean) / std, or only the division for gradients.
template <bool kGradient>
Kernel normalize_kernel(const KernelRequest& r) {
  const auto& p = as<NormalizeParams>(r.params);
  const Shape& s = r.in[0].shape;
  const int axis = s.ndim() - 3;
  const int64_t channels = s[axis], pixels = s[axis + 1] * s[axis + 2], rows = s.product(0, axis + 1);
  std::vector<float> mean, std;
  for (int64_t c = 0; c < channels; ++c) {
    mean.push_back(kGradient ? 0 : NormalizeParams::of(p.mean, c));
    std.push_back(NormalizeParams::of(p.std, c));
  }
  return visit_float(r.in[0].dtype, "_image_normalize", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T* x = static_cast<const T*>(in[0]);
      T* y = static_cast<T*>(out[0]);
      for (int64_t row = 0; row < rows; ++row) {
        const float m = mean[static_cast<size_t>(row % channels)],
                    d = std[static_cast<size_t>(row % channels)];
        for (int64_t i = row * pixels; i < (row + 1) * pixels; ++i)
          y[i] = static_cast<T>((loaded(x[i]) - m) / d);
      }
    });
  });
}

void register_normalize() {
  OpDef& op = register_op("_image_normalize");
  op.doc = "(data - mean) / std by channel, of tensors (channels, height, width) or batches of them.";
  op.params = params_spec<NormalizeParams>();
  op.infer_shape = [](ShapeContext& c) {
    const auto& p = as<NormalizeParams>(c.params);
    infer_same_shape(c);
    const Shape& s = c.in[0];
    if (!s.has_rank()) return;
    check(s.ndim() == 3 || s.ndim() == 4, "[_image_normalize] data: got shape ", s,
          ", expected (channels, height, width) or (batch, channels, height, width)");
    const int64_t channels = s[s.ndim() - 3];
    check(channels < 0 || channels == 1 || channels == 3, "[_image_normalize] channels: got ", channels,
          ", expected 1 or 3");
    for (const FloatTuple* v : {&p.mean, &p.std}) {
      check(v->size() == 1 || static_cast<int64_t>(v->size()) >= channels,
            "[_image_normalize] mean and std: got ", v->size(), " numbers, expected 1 or ", channels);
    }
  };
  op.kernel = normalize_kernel<false>;
  op.traits.inplace = {{0, 0}};
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_image_normalize", {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_op("_backward_image_normalize");
  back.visible = false;
  back.params = op.params;
  back.inputs = {"out_grad"};
  back.infer_shape = [](ShapeContext&) {};
  back.kernel = normalize_kernel<true>;
  back.traits.inplace = {{0, 0}};
}

// --- crop, resize ---

struct CropParams {
  int64_t x, y, width, height;
  template <class V>
  void visit(V& v) {
    v("x", x, required, "Left edge.");
    v("y", y, required, "Upper edge.");
    v("width", width, required, "Width of the part.");
    v("height", height, required, "Height of the part.");
  }
  void finish(const char* op) {
    check(x >= 0 && y >= 0 && width > 0 && height > 0, "[", op, "] got x ", x, ", y ", y, ", width ", width,
          " and height ", height, ", expected a part of the image");
  }
};

void infer_crop_shape(ShapeContext& c) {
  const auto& p = as<CropParams>(c.params);
  check_image(c.op.name, c.in[0]);
  Shape s = c.in[0];
  if (!s.has_rank()) return;
  const int n = s.ndim();
  check(s[n - 3] < 0 || p.y + p.height <= s[n - 3], "[_image_crop] y + height: got ", p.y + p.height,
        ", expected at most the height, ", s[n - 3]);
  check(s[n - 2] < 0 || p.x + p.width <= s[n - 2], "[_image_crop] x + width: got ", p.x + p.width,
        ", expected at most the width, ", s[n - 2]);
  s[n - 3] = p.height;
  s[n - 2] = p.width;
  c.set_out(0, s);
}

// Copies the part out of the whole, or back into zeros.
template <bool kGradient>
Kernel crop_kernel(const KernelRequest& r) {
  const auto p = as<CropParams>(r.params);
  const Extent whole = extent_of(kGradient ? r.out[0].shape : r.in[0].shape);
  const int64_t bytes = static_cast<int64_t>(dtype_size(r.in[0].dtype)) * whole.channels;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    char* part = static_cast<char*>(kGradient ? in[0] : out[0]);
    char* image = static_cast<char*>(kGradient ? out[0] : in[0]);
    if (kGradient) std::fill_n(image, whole.batch * whole.pixels() * bytes, char{0});
    for (int64_t b = 0; b < whole.batch; ++b) {
      for (int64_t row = 0; row < p.height; ++row, part += p.width * bytes) {
        char* at = image + ((b * whole.height + p.y + row) * whole.width + p.x) * bytes;
        kGradient ? std::copy_n(part, p.width * bytes, at) : std::copy_n(at, p.width * bytes, part);
      }
    }
  });
}

void register_crop() {
  OpDef& op = register_op("_image_crop");
  op.doc = "The part of images at (x, y) of the given size.";
  op.params = params_spec<CropParams>();
  op.infer_shape = infer_crop_shape;
  op.kernel = crop_kernel<false>;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_image_crop", {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_op("_backward_image_crop");
  back.visible = false;
  back.params = op.params;
  back.inputs = {"out_grad"};
  back.infer_shape = [](ShapeContext&) {};
  back.kernel = crop_kernel<true>;
}

struct ResizeParams {
  Tuple size;
  bool keep_ratio;
  int64_t interp;
  template <class V>
  void visit(V& v) {
    v("size", size, Tuple(), "(width, height), or one number for both.");
    v("keep_ratio", keep_ratio, false,
      "One number is the length of the shorter side, and the other one follows.");
    v("interp", interp, 1, "0: the nearest pixel, 1: between the four around.");
  }
  void finish(const char* op) {
    check(size.size() == 1 || size.size() == 2, "[", op, "] size: got ", format_value(size),
          ", expected one number or (width, height)");
    for (int64_t n : size)
      check(n > 0, "[", op, "] size: got ", format_value(size), ", expected numbers above 0");
    check(interp == 0 || interp == 1, "[", op, "] interp: got ", interp,
          ", expected 0 (nearest) or 1 (bilinear)");
  }
  void target(int64_t height, int64_t width, int64_t& out_height, int64_t& out_width) const {
    out_width = size[0];
    out_height = size.back();
    if (!keep_ratio || size.size() == 2 || height < 0 || width < 0) return;
    if (height > width) {
      out_height = height * size[0] / width;
    } else {
      out_width = width * size[0] / height;
    }
  }
};

// Where output position i reads along one axis: two pixels and the share of the second.
struct Between {
  int64_t low, high;
  float share;
};
std::vector<Between> positions(int64_t from, int64_t to, bool nearest) {
  std::vector<Between> result;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (int64_t i = 0; i < to; ++i) {
    if (nearest) {
      const int64_t at = std::min(static_cast<int64_t>(static_cast<double>(i) * scale), from - 1);
      result.push_back({at, at, 0});
      continue;
    }
    const float at = static_cast<float>((static_cast<double>(i) + 0.5) * scale - 0.5);
    int64_t low = static_cast<int64_t>(std::floor(at));
    float share = at - static_cast<float>(low);
    if (low < 0) low = 0, share = 0;
    if (low >= from - 1) low = from - 1, share = 0;
    result.push_back({low, std::min(low + 1, from - 1), share});
  }
  return result;
}

Kernel resize_kernel(const KernelRequest& r) {
  const auto& p = as<ResizeParams>(r.params);
  const Extent from = extent_of(r.in[0].shape), to = extent_of(r.out[0].shape);
  const auto rows = positions(from.height, to.height, p.interp == 0);
  const auto columns = positions(from.width, to.width, p.interp == 0);
  return typed(r.in[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T* x = static_cast<const T*>(in[0]);
      T* y = static_cast<T*>(out[0]);
      parallel_for(from.batch * to.height, 8, [&](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
          const Between& row = rows[static_cast<size_t>(line % to.height)];
          const T* image = x + line / to.height * from.size();
          const T* low = image + row.low * from.width * from.channels;
          const T* high = image + row.high * from.width * from.channels;
          T* to_line = y + line * to.width * to.channels;
          for (int64_t i = 0; i < to.width * to.channels; ++i) {
            const Between& column = columns[static_cast<size_t>(i / to.channels)];
            const int64_t a = column.low * from.channels + i % to.channels;
            const int64_t b = column.high * from.channels + i % to.channels;
            const float above = loaded(low[a]) + (loaded(low[b]) - loaded(low[a])) * column.share;
            const float below = loaded(high[a]) + (loaded(high[b]) - loaded(high[a])) * column.share;
            const float value = above + (below - above) * row.share;
            to_line[i] = stored<T>(std::is_integral_v<T> ? std::floor(value + 0.5f) : value);
          }
        }
      });
    });
  });
}

void register_resize() {
  OpDef& op = register_op("_image_resize");
  op.doc = "Images of another size.";
  op.params = params_spec<ResizeParams>();
  op.infer_shape = [](ShapeContext& c) {
    const auto& p = as<ResizeParams>(c.params);
    check_image(c.op.name, c.in[0]);
    Shape s = c.in[0];
    if (!s.has_rank()) return;
    const int n = s.ndim();
    int64_t height, width;
    p.target(s[n - 3], s[n - 2], height, width);
    s[n - 3] = height;
    s[n - 2] = width;
    c.set_out(0, s);
  };
  op.kernel = resize_kernel;
}

// --- flips ---

struct Flip {
  int axis;  // from the end: 3 rows, 2 columns
  bool by_chance;
};

template <class T>
void flip(const T* x, T* y, const Extent& e, int axis) {
  for (int64_t b = 0; b < e.batch; ++b) {
    for (int64_t h = 0; h < e.height; ++h) {
      for (int64_t w = 0; w < e.width; ++w) {
        const int64_t from_h = axis == 3 ? e.height - 1 - h : h, from_w = axis == 2 ? e.width - 1 - w : w;
        const T* pixel = x + ((b * e.height + from_h) * e.width + from_w) * e.channels;
        std::copy_n(pixel, e.channels, y + ((b * e.height + h) * e.width + w) * e.channels);
      }
    }
  }
}

void register_flip(const char* name, int axis, bool by_chance, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<Nothing>();
  op.infer_shape = [](ShapeContext& c) {
    infer_same_shape(c);
    check_image(c.op.name, c.in[0]);
  };
  op.traits.random = by_chance;
  const std::string op_name = name;
  op.kernel = [axis, by_chance](const KernelRequest& r) {
    const Extent e = extent_of(r.in[0].shape);
    RandomState* random = by_chance ? r.random : nullptr;
    return typed(r.in[0].dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([e, axis, random](void* const* in, void* const* out, void*) {
        const T* x = static_cast<const T*>(in[0]);
        const bool keep = random != nullptr &&
                          uniform_float(philox(random->seed.load(), 0, random->next_stream()).v[0]) < 0.5f;
        keep ? static_cast<void>(std::copy_n(x, e.batch * e.size(), static_cast<T*>(out[0])))
             : flip(x, static_cast<T*>(out[0]), e, axis);
      });
    });
  };
  if (by_chance) return;
  op.gradient = [op_name](GradContext& c) -> std::vector<EntryId> {
    return {c.apply(op_name.c_str(), {c.out_grad(0)})};
  };
}

// --- colours ---

// Weights of red, green and blue in brightness.
constexpr std::array<float, 3> kGrey = {0.299f, 0.587f, 0.114f};

class Draws {
 public:
  explicit Draws(RandomState* state) : seed_(state->seed.load()), stream_(state->next_stream()) {}
  float uniform(float lo, float hi) { return lo + (hi - lo) * uniform_float(next()); }
  float normal(float std) {
    const float u = 1.f - uniform_float(next()), v = uniform_float(next());
    return std * std::sqrt(-2.f * std::log(u)) * std::cos(6.283185307f * v);
  }
  int below(int n) { return static_cast<int>(uniform(0, static_cast<float>(n))) % n; }

 private:
  uint32_t next() { return philox(seed_, counter_++, stream_).v[0]; }
  uint64_t seed_, stream_, counter_ = 0;
};

template <class T>
struct Painter {
  T* image;
  Extent e;

  template <class F>
  void each(F&& f) {
    parallel_for(e.pixels(), 4096, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) f(image + p * e.channels);
    });
  }
  void brightness(float k) {
    each([&](T* p) {
      for (int64_t c = 0; c < e.channels; ++c) p[c] = stored<T>(loaded(p[c]) * k);
    });
  }
  void contrast(float k) {
    double total = 0;
    for (int64_t p = 0; p < e.pixels(); ++p) {
      const T* pixel = image + p * e.channels;
      if (e.channels < 3) {
        total += loaded(pixel[0]);
        continue;
      }
      for (int c = 0; c < 3; ++c) total += loaded(pixel[c]) * kGrey[static_cast<size_t>(c)];
    }
    const float grey = static_cast<float>(total / static_cast<double>(std::max<int64_t>(e.pixels(), 1)));
    each([&](T* p) {
      for (int64_t c = 0; c < e.channels; ++c) p[c] = stored<T>(loaded(p[c]) * k + (1 - k) * grey);
    });
  }
  // As in MXNet, the grey that colours fade to is that of blue alone.
  void saturation(float k) {
    if (e.channels < 3) return;
    each([&](T* p) {
      const float grey = loaded(p[2]) * kGrey[2] * (1 - k);
      for (int c = 0; c < 3; ++c) p[c] = stored<T>(loaded(p[c]) * k + grey);
    });
  }
  // Turns the hue by `turn` of the circle, in the space of hue, lightness and saturation.
  void hue(float turn) {
    if (e.channels < 3) return;
    const float unit = std::is_integral_v<T> ? 255.f : 1.f;
    each([&](T* p) {
      std::array<float, 3> rgb = {loaded(p[0]) / unit, loaded(p[1]) / unit, loaded(p[2]) / unit};
      turn_hue(rgb, turn);
      for (size_t c = 0; c < 3; ++c) p[c] = stored<T>(rgb[c] * unit);
    });
  }
  void lighting(const std::array<float, 3>& alpha) {
    if (e.channels < 3) return;
    // Eigenvectors of the colours of ImageNet, each times its eigenvalue; of "ImageNet Classification with
    // Deep Convolutional Neural Networks", NIPS 2012.
    constexpr float kEigen[3][3] = {{55.46f * -0.5675f, 4.794f * 0.7192f, 1.148f * 0.4009f},
                                    {55.46f * -0.5808f, 4.794f * -0.0045f, 1.148f * -0.8140f},
                                    {55.46f * -0.5836f, 4.794f * -0.6948f, 1.148f * 0.4203f}};
    std::array<float, 3> added;
    for (size_t c = 0; c < 3; ++c) {
      added[c] = kEigen[c][0] * alpha[0] + kEigen[c][1] * alpha[1] + kEigen[c][2] * alpha[2];
    }
    each([&](T* p) {
      for (size_t c = 0; c < 3; ++c) p[c] = stored<T>(loaded(p[c]) + added[c]);
    });
  }

 private:
  static void turn_hue(std::array<float, 3>& rgb, float turn) {
    const float hi = std::max({rgb[0], rgb[1], rgb[2]}), lo = std::min({rgb[0], rgb[1], rgb[2]});
    const float light = (hi + lo) / 2, range = hi - lo;
    if (range <= 0) return;
    const float saturation = range / (light < 0.5f ? hi + lo : 2 - hi - lo);
    float hue = hi == rgb[0]   ? (rgb[1] - rgb[2]) / range
                : hi == rgb[1] ? 2 + (rgb[2] - rgb[0]) / range
                               : 4 + (rgb[0] - rgb[1]) / range;
    hue = hue / 6 + turn;
    const float top = light < 0.5f ? light * (1 + saturation) : light + saturation - light * saturation;
    const float bottom = 2 * light - top;
    for (int c = 0; c < 3; ++c) {
      float at = hue + static_cast<float>(1 - c) / 3;
      at -= std::floor(at);
      rgb[static_cast<size_t>(c)] = at < 1.f / 6   ? bottom + (top - bottom) * 6 * at
                                    : at < 1.f / 2 ? top
                                    : at < 2.f / 3 ? bottom + (top - bottom) * (2.f / 3 - at) * 6
                                                   : bottom;
    }
  }
};

struct FactorParams {
  double min_factor, max_factor;
  template <class V>
  void visit(V& v) {
    v("min_factor", min_factor, required, "The least factor that is drawn.");
    v("max_factor", max_factor, required, "The largest factor.");
  }
  float draw(Draws& d) const {
    return d.uniform(static_cast<float>(min_factor), static_cast<float>(max_factor));
  }
};
struct JitterParams {
  double brightness, contrast, saturation, hue;
  template <class V>
  void visit(V& v) {
    v("brightness", brightness, required, "Factors are drawn from 1 - brightness to 1 + brightness.");
    v("contrast", contrast, required, "The same for contrast.");
    v("saturation", saturation, required, "The same for saturation.");
    v("hue", hue, required, "The hue is turned by up to this part of the circle, either way.");
  }
};
struct RandomLightingParams {
  double alpha_std;
  template <class V>
  void visit(V& v) {
    v("alpha_std", alpha_std, 0.05, "Standard deviation of the three numbers that are drawn.");
  }
};
struct LightingParams {
  FloatTuple alpha;
  template <class V>
  void visit(V& v) {
    v("alpha", alpha, required, "How much of each eigenvector of ImageNet's colours is added.");
  }
  void finish(const char* op) {
    check(alpha.size() == 3, "[", op, "] alpha: got ", alpha.size(), " numbers, expected 3");
  }
};

// `paint(painter, params, draws)` changes a copy of the image.
template <class P, class F>
void register_colour(const char* name, bool is_random, const char* doc, F paint) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<P>();
  op.infer_shape = [](ShapeContext& c) {
    infer_same_shape(c);
    check_image(c.op.name, c.in[0], false);
  };
  op.traits.random = is_random;
  op.traits.inplace = {{0, 0}};
  op.kernel = [paint](const KernelRequest& r) {
    const Extent e = extent_of(r.in[0].shape);
    const P p = as<P>(r.params);
    RandomState* random = r.random != nullptr ? r.random : &global_random();
    return typed(r.in[0].dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([e, p, random, paint](void* const* in, void* const* out, void*) {
        if (in[0] != out[0]) std::copy_n(static_cast<const T*>(in[0]), e.size(), static_cast<T*>(out[0]));
        Painter<T> painter{static_cast<T*>(out[0]), e};
        Draws draws(random);
        paint(painter, p, draws);
      });
    });
  };
}

void register_colours() {
  register_colour<FactorParams>(
      "_image_random_brightness", true, "Colours times a random factor.",
      [](auto& image, const FactorParams& p, Draws& d) { image.brightness(p.draw(d)); });
  register_colour<FactorParams>(
      "_image_random_contrast", true,
      "Colours between the image's mean grey (factor 0) and themselves (factor 1).",
      [](auto& image, const FactorParams& p, Draws& d) { image.contrast(p.draw(d)); });
  register_colour<FactorParams>(
      "_image_random_saturation", true, "Colours between their grey (factor 0) and themselves (factor 1).",
      [](auto& image, const FactorParams& p, Draws& d) { image.saturation(p.draw(d)); });
  register_colour<FactorParams>("_image_random_hue", true, "The hue turned by a random part of the circle.",
                                [](auto& image, const FactorParams& p, Draws& d) { image.hue(p.draw(d)); });
  register_colour<JitterParams>(
      "_image_random_color_jitter", true,
      "Random brightness, contrast, saturation and hue, one after the other in random order.",
      [](auto& image, const JitterParams& p, Draws& d) {
        std::array<int, 4> order = {0, 1, 2, 3};
        for (int i = 3; i > 0; --i)
          std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(d.below(i + 1))]);
        auto around = [&](double middle, double by) {
          return d.uniform(static_cast<float>(middle - by), static_cast<float>(middle + by));
        };
        for (int step : order) {
          if (step == 0 && p.brightness > 0) image.brightness(around(1, p.brightness));
          if (step == 1 && p.contrast > 0) image.contrast(around(1, p.contrast));
          if (step == 2 && p.saturation > 0) image.saturation(around(1, p.saturation));
          if (step == 3 && p.hue > 0) image.hue(around(0, p.hue));
        }
      });
  register_colour<RandomLightingParams>("_image_random_lighting", true,
                                        "Adds random amounts of the eigenvectors of ImageNet's colours.",
                                        [](auto& image, const RandomLightingParams& p, Draws& d) {
                                          const float std = static_cast<float>(p.alpha_std);
                                          const float a = d.normal(std), b = d.normal(std), c = d.normal(std);
                                          image.lighting({a, b, c});
                                        });
  register_colour<LightingParams>(
      "_image_adjust_lighting", false, "Adds given amounts of the eigenvectors of ImageNet's colours.",
      [](auto& image, const LightingParams& p, Draws&) {
        image.lighting(
            {static_cast<float>(p.alpha[0]), static_cast<float>(p.alpha[1]), static_cast<float>(p.alpha[2])});
      });
}

}  // namespace

void register_image_ops() {
  register_to_tensor();
  register_normalize();
  register_crop();
  register_resize();
  register_flip("_image_flip_left_right", 2, false, "Images mirrored: left is right.");
  register_flip("_image_flip_top_bottom", 3, false, "Images upside down.");
  register_flip("_image_random_flip_left_right", 2, true, "Images mirrored, or, as often, as they are.");
  register_flip("_image_random_flip_top_bottom", 3, true, "Images upside down, or, as often, as they are.");
  register_colours();
}

}  // namespace symbind
