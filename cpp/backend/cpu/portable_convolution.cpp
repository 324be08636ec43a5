#include "backend/cpu/portable_convolution.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "backend/cpu/gemm.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/post_ops.h"

namespace symbind::portable {
namespace {

// Patches of one image and one group: one row per element of the filter, in the order in which a filter is
// stored, and one column per output position.
struct PatchRow {
  int64_t channel, k[3];
};

PatchRow patch_row(const ConvGeometry& g, int64_t row) {
  PatchRow r;
  const int64_t ks = g.kernel_size();
  int64_t tap = g.channels_last ? row / g.group_in() : row % ks;
  r.channel = g.channels_last ? row % g.group_in() : row / ks;
  for (int i = 2; i >= 0; --i) {
    r.k[i] = tap % g.kernel[i];
    tap /= g.kernel[i];
  }
  return r;
}

struct ImageStrides {
  int64_t channel, space[3];
};

ImageStrides image_strides(const ConvGeometry& g) {
  const int64_t step = g.channels_last ? g.in_channels : 1;
  return {g.channels_last ? 1 : g.in_size(), {step * g.in[1] * g.in[2], step * g.in[2], step}};
}

// The output positions along axis i whose patch element k lies inside the image, as [first, last).
void valid_range(const ConvGeometry& g, int i, int64_t k, int64_t& first, int64_t& last) {
  const int64_t at = k * g.dilate[i] - g.pad[i];  // input position for output position 0
  first = at >= 0 ? 0 : std::min(g.out[i], (-at + g.stride[i] - 1) / g.stride[i]);
  last = at >= g.in[i] ? first
                       : std::max(first, std::min(g.out[i], (g.in[i] - at + g.stride[i] - 1) / g.stride[i]));
}

// Calls line(patch offset, image offset, first, last) for every line of output positions of one patch row:
// image[image offset + j * step] belongs to patch[patch offset + j] for j in [first, last), zeros elsewhere.
// An image offset of -1 is a line that is all padding.
template <class F>
void for_each_line(const ConvGeometry& g, const ImageStrides& s, const PatchRow& r, F&& line) {
  int64_t first, last;
  valid_range(g, 2, r.k[2], first, last);
  const int64_t x0 = r.k[2] * g.dilate[2] - g.pad[2];
  int64_t patch = 0;
  for (int64_t od = 0; od < g.out[0]; ++od) {
    const int64_t d = od * g.stride[0] + r.k[0] * g.dilate[0] - g.pad[0];
    for (int64_t oh = 0; oh < g.out[1]; ++oh, patch += g.out[2]) {
      const int64_t h = oh * g.stride[1] + r.k[1] * g.dilate[1] - g.pad[1];
      if (d < 0 || d >= g.in[0] || h < 0 || h >= g.in[1] || first == last) {
        line(patch, int64_t{-1}, int64_t{0}, int64_t{0});
      } else {
        const int64_t start = r.channel * s.channel + d * s.space[0] + h * s.space[1];
        line(patch, start + (x0 + first * g.stride[2]) * s.space[2], first, last);
      }
    }
  }
}

template <class T>
void gather_patches(const ConvGeometry& g, const T* image, T* patches) {
  const ImageStrides s = image_strides(g);
  const int64_t rows = g.group_in() * g.kernel_size(), positions = g.out_size(), width = g.out[2];
  const int64_t step = g.stride[2] * s.space[2];
  for (int64_t row = 0; row < rows; ++row) {
    T* out = patches + row * positions;
    for_each_line(g, s, patch_row(g, row), [&](int64_t at, int64_t from, int64_t first, int64_t last) {
      T* y = out + at;
      std::fill(y, y + first, T(0));
      const T* x = image + from;
      if (step == 1) {
        std::copy(x, x + (last - first), y + first);
      } else {
        for (int64_t j = first; j < last; ++j) y[j] = x[(j - first) * step];
      }
      std::fill(y + last, y + width, T(0));
    });
  }
}

template <class T>
void scatter_patches(const ConvGeometry& g, const T* patches, T* image) {
  const ImageStrides s = image_strides(g);
  const int64_t rows = g.group_in() * g.kernel_size(), positions = g.out_size();
  const int64_t step = g.stride[2] * s.space[2];
  for (int64_t row = 0; row < rows; ++row) {
    const T* in = patches + row * positions;
    for_each_line(g, s, patch_row(g, row), [&](int64_t at, int64_t to, int64_t first, int64_t last) {
      for (int64_t j = first; j < last; ++j) image[to + (j - first) * step] += in[at + j];
    });
  }
}

// Sizes and offsets that the three passes share.
struct Plan {
  ConvGeometry g;
  int64_t rows, positions, pieces;
  size_t patch_bytes = 0;

  Plan(const ConvGeometry& geometry, size_t element) : g(geometry) {
    rows = g.group_in() * g.kernel_size();
    positions = g.out_size();
    pieces = std::max<int64_t>(1, std::min<int64_t>(max_threads(), g.batch));
    if (!direct()) patch_bytes = (static_cast<size_t>(rows * positions) * element + 63) / 64 * 64;
  }
  // The image itself is the matrix of patches.
  bool direct() const { return g.pointwise() && !g.channels_last; }
  size_t workspace() const { return patch_bytes * static_cast<size_t>(pieces); }
  int64_t image(int64_t n, int64_t group) const {
    return n * g.in_channels * g.in_size() + group * g.group_in() * (g.channels_last ? 1 : g.in_size());
  }
  int64_t result(int64_t n, int64_t group) const {
    return n * g.out_channels * positions + group * g.group_out() * (g.channels_last ? 1 : positions);
  }
  int64_t filter(int64_t group) const { return group * g.group_out() * rows; }
  // f(piece, first image, last image): one image alone is left to the matrix product to split.
  template <class F>
  void for_pieces(F&& f) const {
    const int64_t step = (g.batch + pieces - 1) / pieces;
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p)
        f(p, std::min(g.batch, p * step), std::min(g.batch, (p + 1) * step));
    });
  }
};

template <class T>
struct Forward {
  Plan plan;
  bool has_bias;
  std::vector<PostOp> post_ops;
  DType dtype;

  size_t workspace() const { return plan.workspace(); }
  void operator()(void* const* in, void* const* out, void* workspace) {
    const ConvGeometry& g = plan.g;
    const T* bias = has_bias ? static_cast<const T*>(in[2]) : nullptr;
    T* y = static_cast<T*>(out[0]);
    plan.for_pieces([&](int64_t piece, int64_t begin, int64_t end) {
      T* patches = reinterpret_cast<T*>(static_cast<char*>(workspace) + piece * plan.patch_bytes);
      for (int64_t n = begin; n < end; ++n) {
        for (int64_t group = 0; group < g.groups; ++group) {
          image(static_cast<const T*>(in[0]) + plan.image(n, group),
                static_cast<const T*>(in[1]) + plan.filter(group), patches, y + plan.result(n, group));
        }
        if (bias != nullptr) add_bias(bias, y + plan.result(n, 0));
      }
    });
    apply_post_ops(post_ops, dtype, y, g.batch * g.out_channels * plan.positions, in);
  }

  void image(const T* x, const T* filter, T* patches, T* y) const {
    const ConvGeometry& g = plan.g;
    const T* matrix = patches;
    if (plan.direct()) {
      matrix = x;
    } else {
      gather_patches(g, x, patches);
    }
    if (g.channels_last) {
      gemm(true, true, plan.positions, g.group_out(), plan.rows, T(1), matrix, plan.positions, filter,
           plan.rows, T(0), y, g.out_channels);
    } else {
      gemm(false, false, g.group_out(), plan.positions, plan.rows, T(1), filter, plan.rows, matrix,
           plan.positions, T(0), y, plan.positions);
    }
  }

  void add_bias(const T* bias, T* y) const {
    const int64_t channels = plan.g.out_channels, positions = plan.positions;
    if (plan.g.channels_last) {
      for (int64_t i = 0; i < positions; ++i) {
        for (int64_t c = 0; c < channels; ++c) y[i * channels + c] += bias[c];
      }
      return;
    }
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < positions; ++i) y[c * positions + i] += bias[c];
    }
  }
};

template <class T>
struct BackwardData {
  Plan plan;
  size_t workspace() const { return plan.workspace(); }

  void operator()(void* const* in, void* const* out, void* workspace) {
    const ConvGeometry& g = plan.g;
    plan.for_pieces([&](int64_t piece, int64_t begin, int64_t end) {
      T* patches = reinterpret_cast<T*>(static_cast<char*>(workspace) + piece * plan.patch_bytes);
      for (int64_t n = begin; n < end; ++n) {
        T* dx = static_cast<T*>(out[0]) + plan.image(n, 0);
        if (!plan.direct()) std::fill(dx, dx + g.in_channels * g.in_size(), T(0));
        for (int64_t group = 0; group < g.groups; ++group) {
          image(static_cast<const T*>(in[0]) + plan.result(n, group),
                static_cast<const T*>(in[1]) + plan.filter(group), patches,
                static_cast<T*>(out[0]) + plan.image(n, group));
        }
      }
    });
  }

  void image(const T* dy, const T* filter, T* patches, T* dx) const {
    const ConvGeometry& g = plan.g;
    T* matrix = plan.direct() ? dx : patches;
    gemm(true, g.channels_last, plan.rows, plan.positions, g.group_out(), T(1), filter, plan.rows, dy,
         g.channels_last ? g.out_channels : plan.positions, T(0), matrix, plan.positions);
    if (!plan.direct()) scatter_patches(g, patches, dx);
  }
};

// Every piece of the batch sums into a filter gradient of its own; they are added in order, so that results
// repeat.
template <class T>
struct BackwardWeight {
  Plan plan;
  bool has_bias;

  static size_t weight_bytes(const ConvGeometry& g) {
    return (static_cast<size_t>(g.weight_size()) * sizeof(T) + 63) / 64 * 64;
  }
  size_t workspace() const {
    return plan.workspace() + static_cast<size_t>(plan.pieces - 1) * weight_bytes(plan.g);
  }

  void operator()(void* const* in, void* const* out, void* workspace) {
    const ConvGeometry& g = plan.g;
    char* partial = static_cast<char*>(workspace) + plan.workspace();
    auto sum_of = [&](int64_t piece) {
      return piece == 0 ? static_cast<T*>(out[0])
                        : reinterpret_cast<T*>(partial + static_cast<size_t>(piece - 1) * weight_bytes(g));
    };
    if (out[0] != nullptr) {
      plan.for_pieces([&](int64_t piece, int64_t begin, int64_t end) {
        T* patches = reinterpret_cast<T*>(static_cast<char*>(workspace) + piece * plan.patch_bytes);
        T* sum = sum_of(piece);
        if (begin == end) std::fill(sum, sum + g.weight_size(), T(0));
        for (int64_t n = begin; n < end; ++n) {
          for (int64_t group = 0; group < g.groups; ++group) {
            image(static_cast<const T*>(in[0]) + plan.result(n, group),
                  static_cast<const T*>(in[1]) + plan.image(n, group), patches, sum + plan.filter(group),
                  n == begin ? T(0) : T(1));
          }
        }
      });
      parallel_for(g.weight_size(), kElementGrain, [&](int64_t begin, int64_t end) {
        T* total = sum_of(0);
        for (int64_t piece = 1; piece < plan.pieces; ++piece) {
          const T* part = sum_of(piece);
          for (int64_t i = begin; i < end; ++i) total[i] += part[i];
        }
      });
    }
    if (has_bias && out[1] != nullptr) bias_gradient(static_cast<const T*>(in[0]), static_cast<T*>(out[1]));
  }

  void image(const T* dy, const T* x, T* patches, T* sum, T beta) const {
    const ConvGeometry& g = plan.g;
    const T* matrix = patches;
    if (plan.direct()) {
      matrix = x;
    } else {
      gather_patches(g, x, patches);
    }
    gemm(g.channels_last, true, g.group_out(), plan.rows, plan.positions, T(1), dy,
         g.channels_last ? g.out_channels : plan.positions, matrix, plan.positions, beta, sum, plan.rows);
  }

  void bias_gradient(const T* dy, T* sum) const {
    const int64_t channels = plan.g.out_channels, positions = plan.positions, batch = plan.g.batch;
    const int64_t channel = plan.g.channels_last ? 1 : positions,
                  position = plan.g.channels_last ? channels : 1;
    parallel_for(channels, 1 + kElementGrain / (batch * positions + 1), [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        double total = 0;
        for (int64_t n = 0; n < batch; ++n) {
          const T* y = dy + n * channels * positions + c * channel;
          T line = 0;
          for (int64_t i = 0; i < positions; ++i) line += y[i * position];
          total += double(line);
        }
        sum[c] = T(total);
      }
    });
  }
};

template <class Op>
Kernel finish(Op op) {
  const size_t workspace = op.workspace();
  return make_kernel(std::move(op), workspace);
}

template <template <class> class Op, class... Args>
Kernel make_typed(DType dtype, const ConvGeometry& g, Args&&... args) {
  if (dtype == DType::kFloat64)
    return finish(Op<double>{Plan(g, sizeof(double)), std::forward<Args>(args)...});
  check(dtype == DType::kFloat32, "[Convolution] expected a floating dtype, got ", dtype_name(dtype));
  return finish(Op<float>{Plan(g, sizeof(float)), std::forward<Args>(args)...});
}

}  // namespace

Kernel conv_forward(const ConvGeometry& g, DType dtype, bool has_bias, Span<const PostOp> post_ops) {
  return make_typed<Forward>(dtype, g, has_bias, std::vector<PostOp>(post_ops.begin(), post_ops.end()),
                             dtype);
}

Kernel conv_backward_data(const ConvGeometry& g, DType dtype) { return make_typed<BackwardData>(dtype, g); }

Kernel conv_backward_weight(const ConvGeometry& g, DType dtype, bool has_bias) {
  return make_typed<BackwardWeight>(dtype, g, has_bias);
}

}  // namespace symbind::portable
