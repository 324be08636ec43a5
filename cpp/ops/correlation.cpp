// Correlation: how patches of one image fit displaced patches of another (Dosovitskiy et al., 2015).
#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  int64_t kernel_size, max_displacement, stride1, stride2, pad_size;
  bool is_multiply;
  template <class V>
  void visit(V& v) {
    v("kernel_size", kernel_size, int64_t{1}, "Side of a patch; odd.");
    v("max_displacement", max_displacement, int64_t{1}, "The largest displacement.");
    v("stride1", stride1, int64_t{1}, "Distance of patches in data1.");
    v("stride2", stride2, int64_t{1}, "Distance of displacements.");
    v("pad_size", pad_size, int64_t{0}, "Zeros around both inputs.");
    v("is_multiply", is_multiply, true, "Multiply the patches; otherwise sum absolute differences.");
  }
  void finish(const char* op) {
    check(kernel_size > 0 && kernel_size % 2 == 1, "[", op, "] kernel_size: got ", kernel_size,
          ", expected an odd number");
    check(stride1 > 0 && stride2 > 0, "[", op, "] stride1 and stride2: got ", stride1, " and ", stride2,
          ", expected positive numbers");
    check(max_displacement >= 0 && pad_size >= 0, "[", op, "] max_displacement and pad_size: got ",
          max_displacement, " and ", pad_size, ", expected no negative number");
  }
  int64_t radius() const { return max_displacement / stride2; }
  int64_t side() const { return 2 * radius() + 1; }
  // Patches along an axis of this length.
  int64_t patches(int64_t length) const {
    const int64_t border = max_displacement + (kernel_size - 1) / 2;
    return (length + 2 * pad_size - 2 * border + stride1 - 1) / stride1;
  }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  ShapeContext same{c.op, c.params, c.in, Span<Shape>()};
  infer_same_shape(same);
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  check(data.ndim() == 4, "[Correlation] data1: got shape ", data,
        ", expected (batch, channels, height, width)");
  Shape out{data[0], p.side() * p.side(), -1, -1};
  for (int i = 2; i < 4; ++i) {
    if (data[i] < 0) continue;
    out[i] = p.patches(data[i]);
    check(out[i] > 0, "[Correlation] data1: got shape ", data,
          ", expected more than twice max_displacement + kernel_size / 2 with the padding");
  }
  c.set_out(0, out);
}

struct Sizes {
  int64_t batch, channels, height, width, padded_h, padded_w, out_h, out_w;
  int64_t padded() const { return padded_h * padded_w * channels; }
};

Sizes sizes_of(const Params& p, const Shape& s) {
  return {s[0],           s[1], s[2], s[3], s[2] + 2 * p.pad_size, s[3] + 2 * p.pad_size, p.patches(s[2]),
          p.patches(s[3])};
}

// (channels, height, width) to padded (height, width, channels), and back.
template <class T>
void pad_channels_last(const Params& p, const Sizes& s, const T* from, T* to) {
  std::fill(to, to + s.padded(), T(0));
  for (int64_t h = 0; h < s.height; ++h) {
    for (int64_t c = 0; c < s.channels; ++c) {
      const T* row = from + (c * s.height + h) * s.width;
      T* target = to + ((h + p.pad_size) * s.padded_w + p.pad_size) * s.channels + c;
      for (int64_t w = 0; w < s.width; ++w) target[w * s.channels] = row[w];
    }
  }
}

template <class T>
void unpad(const Params& p, const Sizes& s, const T* from, T* to) {
  for (int64_t h = 0; h < s.height; ++h) {
    for (int64_t c = 0; c < s.channels; ++c) {
      const T* row = from + ((h + p.pad_size) * s.padded_w + p.pad_size) * s.channels + c;
      T* target = to + (c * s.height + h) * s.width;
      for (int64_t w = 0; w < s.width; ++w) target[w] = row[w * s.channels];
    }
  }
}

// f(offset in data1, offset in data2, length) for every row of a patch; rows are contiguous in memory.
template <class F>
void for_patch_rows(const Params& p, const Sizes& s, int64_t displacement, int64_t i, int64_t j, F&& f) {
  const int64_t x1 = j * p.stride1 + p.max_displacement, y1 = i * p.stride1 + p.max_displacement;
  const int64_t x2 = x1 + (displacement % p.side() - p.radius()) * p.stride2;
  const int64_t y2 = y1 + (displacement / p.side() - p.radius()) * p.stride2;
  for (int64_t h = 0; h < p.kernel_size; ++h) {
    f(((y1 + h) * s.padded_w + x1) * s.channels, ((y2 + h) * s.padded_w + x2) * s.channels);
  }
}

template <class T>
Kernel forward_kernel(const Params& p, const Sizes& s) {
  return make_kernel(
      [p, s](void* const* in, void* const* out, void* workspace) {
        T* padded = static_cast<T*>(workspace);
        const int64_t plane = s.channels * s.height * s.width;
        parallel_for(2 * s.batch, 1, [&](int64_t begin, int64_t end) {
          for (int64_t k = begin; k < end; ++k) {
            pad_channels_last(p, s, static_cast<const T*>(in[k % 2]) + k / 2 * plane,
                              padded + k * s.padded());
          }
        });
        const int64_t displacements = p.side() * p.side(), row = p.kernel_size * s.channels;
        const T scale = T(1) / T(p.kernel_size * row);
        parallel_for(s.batch * displacements * s.out_h,
                     1 + kElementGrain / (s.out_w * row * p.kernel_size + 1),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t k = begin; k < end; ++k) {
                         const int64_t i = k % s.out_h, d = k / s.out_h % displacements;
                         const T* a = padded + k / s.out_h / displacements * 2 * s.padded();
                         const T* b = a + s.padded();
                         for (int64_t j = 0; j < s.out_w; ++j) {
                           T sum = 0;
                           for_patch_rows(p, s, d, i, j, [&](int64_t at, int64_t bt) {
                             for (int64_t c = 0; c < row; ++c) {
                               sum += p.is_multiply ? a[at + c] * b[bt + c] : std::abs(a[at + c] - b[bt + c]);
                             }
                           });
                           static_cast<T*>(out[0])[k * s.out_w + j] = sum * scale;
                         }
                       }
                     });
      },
      static_cast<size_t>(2 * s.batch * s.padded()) * sizeof(T));
}

// One image: adds the gradients in padded, channels-last form.
template <class T>
void backward_image(const Params& p, const Sizes& s, const T* g, const T* a, const T* b, T* da, T* db) {
  const int64_t row = p.kernel_size * s.channels;
  const T scale = T(1) / T(p.kernel_size * row);
  for (int64_t k = 0; k < p.side() * p.side() * s.out_h * s.out_w; ++k) {
    const T value = g[k] * scale;
    const int64_t j = k % s.out_w, i = k / s.out_w % s.out_h;
    for_patch_rows(p, s, k / s.out_w / s.out_h, i, j, [&](int64_t at, int64_t bt) {
      for (int64_t c = 0; c < row; ++c) {
        if (p.is_multiply) {
          da[at + c] += value * b[bt + c];
          db[bt + c] += value * a[at + c];
        } else {
          const T sign = a[at + c] >= b[bt + c] ? value : -value;
          da[at + c] += sign;
          db[bt + c] -= sign;
        }
      }
    });
  }
}

// Inputs out_grad, data1, data2.
template <class T>
Kernel backward_kernel(const Params& p, const Sizes& s, bool to_first, bool to_second) {
  return make_kernel(
      [=](void* const* in, void* const* out, void* workspace) {
        const int64_t plane = s.channels * s.height * s.width, outs = p.side() * p.side() * s.out_h * s.out_w;
        parallel_for(s.batch, 1, [&](int64_t begin, int64_t end) {
          for (int64_t n = begin; n < end; ++n) {
            T* a = static_cast<T*>(workspace) + n * 4 * s.padded();
            T *b = a + s.padded(), *da = b + s.padded(), *db = da + s.padded();
            pad_channels_last(p, s, static_cast<const T*>(in[1]) + n * plane, a);
            pad_channels_last(p, s, static_cast<const T*>(in[2]) + n * plane, b);
            std::fill(da, da + 2 * s.padded(), T(0));
            backward_image(p, s, static_cast<const T*>(in[0]) + n * outs, a, b, da, db);
            if (to_first) unpad(p, s, da, static_cast<T*>(out[0]) + n * plane);
            if (to_second) unpad(p, s, db, static_cast<T*>(out[1]) + n * plane);
          }
        });
      },
      static_cast<size_t>(4 * s.batch * s.padded()) * sizeof(T));
}

template <class F>
Kernel float_or_double(DType type, F&& make) {
  return type == DType::kFloat64 ? make(double{}) : make(float{});
}

}  // namespace

void register_correlation_ops() {
  OpDef& op = register_op("Correlation");
  op.doc =
      "Mean products (or absolute differences) of patches of data1 and displaced patches of data2, both (N, "
      "C, "
      "H, W): one channel for every displacement.";
  op.params = params_spec<Params>();
  op.inputs = {"data1", "data2"};
  op.infer_shape = infer_shape;
  op.kernel = [](const KernelRequest& request) {
    return floating_kernel(request, [](const KernelRequest& r) {
      const Params& p = as<Params>(r.params);
      const Sizes s = sizes_of(p, r.in[0].shape);
      return float_or_double(r.in[0].dtype, [&](auto t) { return forward_kernel<decltype(t)>(p, s); });
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const int32_t id = c.backward("_backward_Correlation", {c.out_grad(0), c.input(0), c.input(1)}, {0, 1});
    return {{id, 0}, {id, 1}};
  };
  OpDef& back = register_backward_op("_backward_Correlation", {"out_grad", "data1", "data2"});
  back.params = op.params;
  back.outputs = {"data1_grad", "data2_grad"};
  back.kernel = [](const KernelRequest& request) {
    return floating_kernel(request, [](const KernelRequest& r) {
      const Params& p = as<Params>(r.params);
      const Sizes s = sizes_of(p, r.in[1].shape);
      return float_or_double(r.in[0].dtype, [&](auto t) {
        return backward_kernel<decltype(t)>(p, s, r.out_used[0], r.out_used[1]);
      });
    });
  };
}

}  // namespace symbind
