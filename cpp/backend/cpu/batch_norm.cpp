#include "backend/cpu/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "backend/cpu/isa.h"
#include "backend/cpu/layout.h"
#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

// How the work is split. Many channel blocks: each thread takes some and everything about them. Few (channels
// last): each takes some of the positions, and the sums of all are added in order.
struct Split {
  ChannelView view;
  bool by_channel;
  int64_t pieces;

  explicit Split(const ChannelView& v) : view(v) {
    const int64_t wanted = std::max<int64_t>(1, std::min<int64_t>(max_threads(), v.size() / kElementGrain));
    by_channel = v.blocks >= wanted;
    pieces = by_channel ? wanted : std::min(wanted, rows());
  }
  // Positions that can be divided among threads when channels cannot.
  int64_t rows() const { return view.blocks == 1 ? view.outer * view.inner : view.outer; }

  template <class F>
  void run(F&& f) const {
    const int64_t n = by_channel ? view.blocks : rows();
    const int64_t step = (n + pieces - 1) / pieces;
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) f(p, std::min(n, p * step), std::min(n, (p + 1) * step));
    });
  }

  // f(offset, channel, rows) for the runs of positions that belong to one channel block, over a range as
  // run() gives: of channel blocks, or of positions.
  template <class F>
  void for_runs(int64_t begin, int64_t end, F&& f) const {
    const int64_t run = view.inner * view.block;
    if (by_channel) {
      for (int64_t b = begin; b < end; ++b) {
        for (int64_t o = 0; o < view.outer; ++o) f((o * view.blocks + b) * run, b * view.block, view.inner);
      }
    } else if (view.blocks == 1) {
      if (begin < end) f(begin * view.block, int64_t{0}, end - begin);
    } else {
      for (int64_t o = begin; o < end; ++o) {
        for (int64_t b = 0; b < view.blocks; ++b) f((o * view.blocks + b) * run, b * view.block, view.inner);
      }
    }
  }
};

// Arrays in the workspace, one element per (padded) channel.
template <class E>
struct PerChannel {
  int64_t stride;
  size_t offset;
  E* at(void* workspace, int64_t i) const {
    return reinterpret_cast<E*>(static_cast<char*>(workspace) + offset) + i * stride;
  }
};

struct WorkspacePlan {
  int64_t stride;
  size_t bytes = 0;
  explicit WorkspacePlan(const ChannelView& view) : stride((view.padded_channels() + 15) / 16 * 16) {}
  template <class E>
  PerChannel<E> arrays(int64_t count) {
    const PerChannel<E> a{stride, bytes};
    bytes += static_cast<size_t>(stride * count) * sizeof(E);
    return a;
  }
};

struct Bfloat16 {
  uint16_t bits;
};
template <class T>
T widened(T x) {
  return x;
}
inline float widened(Bfloat16 x) {
  const uint32_t bits = uint32_t{x.bits} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
// Which of KernelTable::norm.
template <class T, class S>
constexpr int norm_index() {
  return sizeof(T) == 8 ? 1 : sizeof(S) == 2 ? 2 : 0;
}

// Sums of all pieces, added in order into those of the first.
inline void join(double* first, int64_t stride, int64_t pieces, int64_t n) {
  for (int64_t p = 1; p < pieces; ++p) {
    const double* other = first + p * stride;
    for (int64_t i = 0; i < n; ++i) first[i] += other[i];
  }
}

// T: what is computed in and arrays per channel are; S: what data is held in.
template <class T, class S>
struct Forward {
  BatchNormSpec spec;
  Split split;
  NormFns fns;
  PerChannel<double> sums, squares;  // by piece when positions are split
  PerChannel<T> coefficients;        // mean, scale, bias; mean starts as the shift of the sums

  Forward(const BatchNormSpec& s, const ChannelView& view, size_t& workspace)
      : spec(s), split(view), fns(kernels().norm[norm_index<T, S>()]) {
    WorkspacePlan plan(view);
    sums = plan.arrays<double>(split.by_channel ? 1 : split.pieces);
    squares = plan.arrays<double>(split.by_channel ? 1 : split.pieces);
    coefficients = plan.arrays<T>(3);
    workspace = plan.bytes;
  }

  struct Pointers {
    const S* x;
    const T *gamma, *beta, *moving_mean, *moving_var;
    S* y;
    T *mean, *inv_std;
  };

  void operator()(void* const* in, void* const* out, void* workspace) {
    const Pointers p{static_cast<const S*>(in[0]), static_cast<const T*>(in[1]), static_cast<const T*>(in[2]),
                     static_cast<const T*>(in[3]), static_cast<const T*>(in[4]), static_cast<S*>(out[0]),
                     static_cast<T*>(out[1]),      static_cast<T*>(out[2])};
    const int64_t block = split.view.block, channels = split.view.padded_channels();
    if (spec.global_stats) {
      settle(p, workspace, 0, channels);
      split.run([&](int64_t, int64_t begin, int64_t end) { apply(p, workspace, begin, end); });
    } else if (split.by_channel) {
      split.run([&](int64_t, int64_t begin, int64_t end) {
        start(p, workspace, begin * block, end * block);
        clear(workspace, 0, begin * block, end * block);
        moments(p, workspace, 0, begin, end);
        settle(p, workspace, begin * block, end * block);
        apply(p, workspace, begin, end);
      });
    } else {
      start(p, workspace, 0, channels);
      split.run([&](int64_t piece, int64_t begin, int64_t end) {
        clear(workspace, piece, 0, channels);
        moments(p, workspace, piece, begin, end);
      });
      join(sums.at(workspace, 0), sums.stride, split.pieces, channels);
      join(squares.at(workspace, 0), squares.stride, split.pieces, channels);
      settle(p, workspace, 0, channels);
      split.run([&](int64_t, int64_t begin, int64_t end) { apply(p, workspace, begin, end); });
    }
  }

  // The first element of a channel stands in for its mean while sums are taken.
  void start(const Pointers& p, void* workspace, int64_t begin, int64_t end) const {
    const ChannelView& v = split.view;
    T* shift = coefficients.at(workspace, 0);
    for (int64_t c = begin; c < end; ++c)
      shift[c] = widened(p.x[c / v.block * v.inner * v.block + c % v.block]);
  }
  void clear(void* workspace, int64_t piece, int64_t begin, int64_t end) const {
    std::fill(sums.at(workspace, piece) + begin, sums.at(workspace, piece) + end, 0.0);
    std::fill(squares.at(workspace, piece) + begin, squares.at(workspace, piece) + end, 0.0);
  }

  void moments(const Pointers& p, void* workspace, int64_t piece, int64_t begin, int64_t end) const {
    double *sum = sums.at(workspace, piece), *square = squares.at(workspace, piece);
    const T* shift = coefficients.at(workspace, 0);
    const int64_t block = split.view.block;
    split.for_runs(begin, end, [&](int64_t at, int64_t c, int64_t rows) {
      if (block == 1) {
        fns.line_moments(p.x + at, rows, shift[c], sum + c, square + c);
      } else {
        fns.column_moments(p.x + at, rows, block, block, shift + c, sum + c, square + c);
      }
    });
  }

  // From sums (or moving statistics) to the mean, the inverse deviation, and y = (x - mean) * scale + bias.
  void settle(const Pointers& p, void* workspace, int64_t begin, int64_t end) const {
    const double count = static_cast<double>(split.view.outer * split.view.inner);
    const double *sum = sums.at(workspace, 0), *square = squares.at(workspace, 0);
    T *shift = coefficients.at(workspace, 0), *scale = coefficients.at(workspace, 1);
    T* bias = coefficients.at(workspace, 2);
    for (int64_t c = begin; c < end; ++c) {
      if (c >= split.view.channels) {  // padding stays zero
        shift[c] = scale[c] = bias[c] = 0;
        continue;
      }
      double mean, var;
      if (spec.global_stats) {
        mean = p.moving_mean[c];
        var = p.moving_var[c];
      } else {
        const double offset = sum[c] / count;
        mean = double(shift[c]) + offset;
        var = std::max(0.0, square[c] / count - offset * offset);
        if (!(square[c] == square[c])) var = square[c];  // std::max would lose a NaN
      }
      const double inv_std = spec.given_stats ? var : 1 / std::sqrt(var + spec.eps);
      if (p.mean != nullptr) p.mean[c] = T(mean);
      if (p.inv_std != nullptr) p.inv_std[c] = T(inv_std);
      const double gamma = spec.fix_gamma ? 1 : double(p.gamma[c]);
      shift[c] = T(mean);
      scale[c] =
          T(gamma * double(T(inv_std)));  // from the rounded value, so that the gradient sees the same line
      bias[c] = p.beta[c];
    }
  }

  void apply(const Pointers& p, void* workspace, int64_t begin, int64_t end) const {
    const T *mean = coefficients.at(workspace, 0), *scale = coefficients.at(workspace, 1);
    const T* bias = coefficients.at(workspace, 2);
    const int64_t block = split.view.block;
    split.for_runs(begin, end, [&](int64_t at, int64_t c, int64_t rows) {
      if (block == 1) {
        fns.line_apply(p.x + at, p.y + at, rows, mean[c], scale[c], bias[c], spec.relu, spec.slope);
      } else {
        fns.column_apply(p.x + at, p.y + at, rows, block, block, mean + c, scale + c, bias + c, spec.relu,
                         spec.slope);
      }
    });
  }
};

template <class T, class S>
struct Backward {
  BatchNormSpec spec;
  Split split;
  NormFns fns;
  PerChannel<double> sums, dots;
  PerChannel<T> coefficients;  // a, b, c, mean, scale, bias

  Backward(const BatchNormSpec& s, const ChannelView& view, size_t& workspace)
      : spec(s), split(view), fns(kernels().norm[norm_index<T, S>()]) {
    WorkspacePlan plan(view);
    sums = plan.arrays<double>(split.by_channel ? 1 : split.pieces);
    dots = plan.arrays<double>(split.by_channel ? 1 : split.pieces);
    coefficients = plan.arrays<T>(6);
    workspace = plan.bytes;
  }

  struct Pointers {
    const S *dy, *x;
    const T *gamma, *beta, *mean, *inv_std;
    T *moving_mean, *moving_var;
    S* dx;
    T *dgamma, *dbeta;
  };

  void operator()(void* const* in, void* const* out, void* workspace) {
    const Pointers p{static_cast<const S*>(in[0]), static_cast<const S*>(in[1]), static_cast<const T*>(in[2]),
                     static_cast<const T*>(in[3]), static_cast<const T*>(in[4]), static_cast<const T*>(in[5]),
                     static_cast<T*>(in[6]),       static_cast<T*>(in[7]),       static_cast<S*>(out[0]),
                     static_cast<T*>(out[1]),      static_cast<T*>(out[2])};
    const int64_t block = split.view.block, channels = split.view.padded_channels();
    if (split.by_channel) {
      split.run([&](int64_t, int64_t begin, int64_t end) {
        start(p, workspace, begin * block, end * block);
        clear(workspace, 0, begin * block, end * block);
        sum_up(p, workspace, 0, begin, end);
        settle(p, workspace, begin * block, end * block);
        apply(p, workspace, begin, end);
      });
    } else {
      start(p, workspace, 0, channels);
      split.run([&](int64_t piece, int64_t begin, int64_t end) {
        clear(workspace, piece, 0, channels);
        sum_up(p, workspace, piece, begin, end);
      });
      join(sums.at(workspace, 0), sums.stride, split.pieces, channels);
      join(dots.at(workspace, 0), dots.stride, split.pieces, channels);
      settle(p, workspace, 0, channels);
      split.run([&](int64_t, int64_t begin, int64_t end) { apply(p, workspace, begin, end); });
    }
  }

  void start(const Pointers& p, void* workspace, int64_t begin, int64_t end) const {
    T *mean = coefficients.at(workspace, 3), *scale = coefficients.at(workspace, 4);
    T* bias = coefficients.at(workspace, 5);
    for (int64_t c = begin; c < end; ++c) {
      const bool real = c < split.view.channels;
      mean[c] = real ? p.mean[c] : T(0);
      scale[c] = real ? T((spec.fix_gamma ? 1 : double(p.gamma[c])) * double(p.inv_std[c])) : T(0);
      bias[c] = real ? p.beta[c] : T(0);
    }
  }
  void clear(void* workspace, int64_t piece, int64_t begin, int64_t end) const {
    std::fill(sums.at(workspace, piece) + begin, sums.at(workspace, piece) + end, 0.0);
    std::fill(dots.at(workspace, piece) + begin, dots.at(workspace, piece) + end, 0.0);
  }

  void sum_up(const Pointers& p, void* workspace, int64_t piece, int64_t begin, int64_t end) const {
    double *sum = sums.at(workspace, piece), *dot = dots.at(workspace, piece);
    const T *mean = coefficients.at(workspace, 3), *scale = coefficients.at(workspace, 4);
    const T* bias = coefficients.at(workspace, 5);
    const int64_t block = split.view.block;
    split.for_runs(begin, end, [&](int64_t at, int64_t c, int64_t rows) {
      if (block == 1) {
        fns.line_grad_sums(p.dy + at, p.x + at, rows, mean[c], scale[c], bias[c], spec.relu, spec.slope,
                           sum + c, dot + c);
      } else {
        fns.column_grad_sums(p.dy + at, p.x + at, rows, block, block, mean + c, scale + c, bias + c,
                             spec.relu, spec.slope, sum + c, dot + c);
      }
    });
  }

  // With z = (x - mean) / std over m values: dx = gamma / std (dy - sum(dy) / m - z sum(dy z) / m).
  // Ioffe and Szegedy, "Batch Normalization", ICML 2015, section 3.
  void settle(const Pointers& p, void* workspace, int64_t begin, int64_t end) const {
    const double count = static_cast<double>(split.view.outer * split.view.inner);
    const double *sum = sums.at(workspace, 0), *dot = dots.at(workspace, 0);
    T *a = coefficients.at(workspace, 0), *b = coefficients.at(workspace, 1),
      *c = coefficients.at(workspace, 2);
    for (int64_t i = begin; i < end; ++i) {
      a[i] = b[i] = c[i] = 0;
      if (i >= split.view.channels) continue;
      const double inv_std = p.inv_std[i], gamma = spec.fix_gamma ? 1 : double(p.gamma[i]);
      a[i] = T(gamma * inv_std);
      if (!spec.global_stats) {
        b[i] = T(inv_std * inv_std * dot[i] / count);
        c[i] = T(sum[i] / count);
        const double var = 1 / (inv_std * inv_std) - spec.eps;
        p.moving_mean[i] = T(p.moving_mean[i] * spec.momentum + double(p.mean[i]) * (1 - spec.momentum));
        p.moving_var[i] = T(p.moving_var[i] * spec.momentum + var * (1 - spec.momentum));
      }
      if (p.dgamma != nullptr) p.dgamma[i] = spec.fix_gamma ? T(0) : T(dot[i] * inv_std);
      if (p.dbeta != nullptr) p.dbeta[i] = T(sum[i]);
    }
  }

  void apply(const Pointers& p, void* workspace, int64_t begin, int64_t end) const {
    if (p.dx == nullptr) return;
    const T* k[6];
    for (int i = 0; i < 6; ++i) k[i] = coefficients.at(workspace, i);
    const int64_t block = split.view.block;
    split.for_runs(begin, end, [&](int64_t at, int64_t c, int64_t rows) {
      if (block == 1) {
        fns.line_grad_apply(p.dy + at, p.x + at, p.dx + at, rows, k[0][c], k[1][c], k[2][c], k[3][c], k[4][c],
                            k[5][c], spec.relu, spec.slope);
      } else {
        fns.column_grad_apply(p.dy + at, p.x + at, p.dx + at, rows, block, block, k[0] + c,
                              coefficients.stride, spec.relu, spec.slope);
      }
    });
  }
};

template <template <class, class> class Op>
Kernel make(const BatchNormSpec& spec, const TensorDesc& data) {
  ChannelView view;
  check(view_channels(data, spec.axis, view),
        "[BatchNorm] the layout of data does not keep channels together");
  if (view.size() == 0) return make_kernel([](void* const*, void* const*, void*) {});
  size_t workspace = 0;
  if (data.dtype == DType::kFloat64) {
    Op<double, double> op(spec, view, workspace);
    return make_kernel(std::move(op), workspace);
  }
  check(data.dtype == DType::kFloat32, "[BatchNorm] expected a floating dtype, got ", dtype_name(data.dtype));
  if (in_bfloat16(data.layout)) {
    Op<float, Bfloat16> op(spec, view, workspace);
    return make_kernel(std::move(op), workspace);
  }
  Op<float, float> op(spec, view, workspace);
  return make_kernel(std::move(op), workspace);
}

}  // namespace

Kernel make_batch_norm_forward(const BatchNormSpec& spec, const TensorDesc& data) {
  return make<Forward>(spec, data);
}
Kernel make_batch_norm_backward(const BatchNormSpec& spec, const TensorDesc& data) {
  return make<Backward>(spec, data);
}

}  // namespace symbind
