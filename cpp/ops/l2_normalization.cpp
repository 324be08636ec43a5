// L2Normalization: data divided by its length; LRN: data divided by the strength of neighbouring channels.
#include <cmath>
#include <cstring>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"
#include "ops/normalize_rows.h"

namespace symbind {
namespace {

// --- L2Normalization ---

enum class Mode { kChannel, kInstance, kSpatial };

struct L2Params {
  double eps;
  Choice mode;
  template <class V>
  void visit(V& v) {
    v("eps", eps, 1e-10, "Added to the sum of squares.");
    v.choice(
        "mode", mode, {"channel", "instance", "spatial"}, 1,
        "What has length 1: all channels at one position, a whole sample, or all positions of one channel.");
  }
};

AxisBlocks blocks_of(const L2Params& p, const Shape& data) {
  const int64_t rest = data.product(2, data.ndim());
  if (p.mode == Mode::kInstance) return {data[0], data.product(1, data.ndim()), 1};
  if (p.mode == Mode::kSpatial) return {data[0] * data[1], rest, 1};
  return {data[0], data[1], rest};
}

constexpr int64_t kWidth = AxisBlocks::kWidth;

// Outputs: the result and the lengths.
template <class T>
Kernel l2_kernel(const AxisBlocks& b, double epsilon, bool keep) {
  using A = accumulate_t<T>;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    T *y = static_cast<T*>(out[0]), *lengths = static_cast<T*>(out[1]);
    const A eps = static_cast<A>(epsilon);
    b.for_each([&](int64_t first, int64_t width, int64_t column) {
      A length[kWidth];
      sum_columns(b, first, width, length, [=](int64_t at, int64_t) { return A(x[at]) * A(x[at]); });
      for (int64_t w = 0; w < width; ++w) {
        length[w] = std::sqrt(length[w] + eps);
        if (keep) lengths[column + w] = T(length[w]);
      }
      map_columns(b, first, width,
                  [=, &length](int64_t at, int64_t w, int64_t) { y[at] = T(A(x[at]) / length[w]); });
    });
  });
}

// Inputs out_grad, output, lengths: dx = (dy - y sum(y dy)) / length.
template <class T>
Kernel l2_backward_kernel(const AxisBlocks& b) {
  using A = accumulate_t<T>;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T *g = static_cast<const T*>(in[0]), *y = static_cast<const T*>(in[1]),
            *lengths = static_cast<const T*>(in[2]);
    T* dx = static_cast<T*>(out[0]);
    b.for_each([&](int64_t first, int64_t width, int64_t column) {
      A dot[kWidth], length[kWidth];
      sum_columns(b, first, width, dot, [=](int64_t at, int64_t) { return A(g[at]) * A(y[at]); });
      for (int64_t w = 0; w < width; ++w) length[w] = A(lengths[column + w]);
      map_columns(b, first, width, [=, &dot, &length](int64_t at, int64_t w, int64_t) {
        dx[at] = T((A(g[at]) - A(y[at]) * dot[w]) / length[w]);
      });
    });
  });
}

void infer_l2(ShapeContext& c) {
  const L2Params& p = as<L2Params>(c.params);
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  const int least = p.mode == Mode::kInstance ? 2 : 3;
  check(data.ndim() >= least, "[L2Normalization] data: got shape ", data, ", expected at least ", least,
        " dimensions for this mode");
  Shape lengths{data[0]};
  if (p.mode == Mode::kSpatial) lengths.push_back(data[1]);
  for (int i = 2; p.mode == Mode::kChannel && i < data.ndim(); ++i) lengths.push_back(data[i]);
  c.set_out(1, lengths);
}

void register_l2() {
  OpDef& op = register_op("L2Normalization");
  op.doc = "data / sqrt(sum of squares + eps).";
  op.params = params_spec<L2Params>();
  op.outputs = {"output", "norm"};
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = infer_l2;
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const L2Params& p = as<L2Params>(r.params);
    return visit_float(r.in[0].dtype, "L2Normalization", [&](auto tag) {
      return l2_kernel<typename decltype(tag)::type>(blocks_of(p, r.in[0].shape), p.eps, r.out_used[1]);
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_L2Normalization", {c.out_grad(0), c.output(0), c.output(1)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_L2Normalization", {"out_grad", "output", "norm"});
  back.params = op.params;
  back.traits.inplace = {{0, 0}};
  back.kernel = [](const KernelRequest& r) {
    const AxisBlocks b = blocks_of(as<L2Params>(r.params), r.out[0].shape);
    return visit_float(r.in[0].dtype, "L2Normalization",
                       [&](auto tag) { return l2_backward_kernel<typename decltype(tag)::type>(b); });
  };
}

// --- LRN ---

struct LrnParams {
  double alpha, beta, knorm;
  int64_t nsize;
  template <class V>
  void visit(V& v) {
    v("alpha", alpha, 1e-4, "Weight of the sum of squares, divided by nsize.");
    v("beta", beta, 0.75, "The exponent.");
    v("knorm", knorm, 2.0, "Added to the weighted sum of squares.");
    v("nsize", nsize, required, "Number of neighbouring channels; odd.");
  }
  void finish(const char* op) {
    check(nsize > 0 && nsize % 2 == 1, "[", op, "] nsize: got ", nsize, ", expected an odd number");
  }
};

// t to the power -beta, for t > 0.
template <class A>
struct NegativePower {
  A beta;
  bool usual;  // beta is 0.75
  explicit NegativePower(double b) : beta(static_cast<A>(b)), usual(b == 0.75) {}
  A operator()(A t) const {
    if (!usual) return std::pow(t, -beta);
    const A root = std::sqrt(t);
    return A(1) / (root * std::sqrt(root));
  }
};

// For each channel c of one sample, out[c] = the sum over the window around c of values(channel), a row of n
// positions at a time. `rows` holds the values of all channels.
template <class A>
void window_sums(const A* rows, A* sums, int64_t channels, int64_t n, int64_t reach) {
  for (int64_t c = 0; c < channels; ++c) {
    A* sum = sums + c * n;
    const int64_t low = std::max<int64_t>(c - reach, 0), high = std::min(c + reach, channels - 1);
    for (int64_t i = 0; i < n; ++i) sum[i] = rows[low * n + i];
    for (int64_t k = low + 1; k <= high; ++k) {
      const A* row = rows + k * n;
      for (int64_t i = 0; i < n; ++i) sum[i] += row[i];
    }
  }
}

struct LrnPlan {
  int64_t batch, channels, space;
  double alpha, beta, knorm;
  int64_t nsize;
  LrnPlan(const LrnParams& p, const Shape& s)
      : batch(s[0]),
        channels(s[1]),
        space(s[2] * s[3]),
        alpha(p.alpha),
        beta(p.beta),
        knorm(p.knorm),
        nsize(p.nsize) {}
  // Positions are handled in blocks, so that all channels of a block stay in the cache.
  static constexpr int64_t kBlock = 64;
  int64_t blocks() const { return (space + kBlock - 1) / kBlock; }
  // Scratch of one block: two rows for each channel.
  int64_t scratch() const { return 2 * channels * kBlock; }
  int64_t pieces() const { return std::max<int64_t>(std::min<int64_t>(max_threads(), batch * blocks()), 1); }
};

// f(offset of the first channel's first position, positions, scratch)
template <class A, class F>
void for_each_lrn_block(const LrnPlan& p, A* scratch, F f) {
  const int64_t pieces = p.pieces(), all = p.batch * p.blocks(), step = (all + pieces - 1) / pieces;
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      for (int64_t k = piece * step; k < std::min(all, (piece + 1) * step); ++k) {
        const int64_t i = k % p.blocks() * p.kBlock;
        f(k / p.blocks() * p.channels * p.space + i, std::min(p.kBlock, p.space - i),
          scratch + piece * p.scratch());
      }
    }
  });
}

// Outputs: the result and knorm + alpha / nsize * sums of squares.
template <class T>
Kernel lrn_kernel(const LrnPlan& p, bool keep) {
  using A = accumulate_t<T>;
  return make_kernel(
      [p, keep](void* const* in, void* const* out, void* ws) {
        const T* x = static_cast<const T*>(in[0]);
        T *y = static_cast<T*>(out[0]), *norms = static_cast<T*>(out[1]);
        const A weight = static_cast<A>(p.alpha / static_cast<double>(p.nsize)), k = static_cast<A>(p.knorm);
        const NegativePower<A> power(p.beta);
        for_each_lrn_block(p, static_cast<A*>(ws), [&](int64_t at, int64_t n, A* squares) {
          A* sums = squares + p.channels * n;
          for (int64_t c = 0; c < p.channels; ++c) {
            const T* row = x + at + c * p.space;
            for (int64_t i = 0; i < n; ++i) squares[c * n + i] = A(row[i]) * A(row[i]);
          }
          window_sums(squares, sums, p.channels, n, p.nsize / 2);
          for (int64_t c = 0; c < p.channels; ++c) {
            const int64_t first = at + c * p.space;
            for (int64_t i = 0; i < n; ++i) {
              const A norm = k + weight * sums[c * n + i];
              if (keep) norms[first + i] = T(norm);
              y[first + i] = T(A(x[first + i]) * power(norm));
            }
          }
        });
      },
      static_cast<size_t>(p.pieces() * p.scratch()) * sizeof(A));
}

// Inputs out_grad, data, norms:
// dx_i = g_i t_i^-beta - 2 alpha beta / nsize x_i sum over windows j that have i of g_j x_j t_j^(-beta - 1).
template <class T>
Kernel lrn_backward_kernel(const LrnPlan& p) {
  using A = accumulate_t<T>;
  return make_kernel(
      [p](void* const* in, void* const* out, void* ws) {
        const T *g = static_cast<const T*>(in[0]), *x = static_cast<const T*>(in[1]),
                *norms = static_cast<const T*>(in[2]);
        T* dx = static_cast<T*>(out[0]);
        const A weight = static_cast<A>(2 * p.alpha * p.beta / static_cast<double>(p.nsize));
        const NegativePower<A> power(p.beta);
        for_each_lrn_block(p, static_cast<A*>(ws), [&](int64_t at, int64_t n, A* terms) {
          A* sums = terms + p.channels * n;
          for (int64_t c = 0; c < p.channels; ++c) {
            const int64_t first = at + c * p.space;
            for (int64_t i = 0; i < n; ++i) {
              const A t = A(norms[first + i]);
              terms[c * n + i] = A(g[first + i]) * A(x[first + i]) * power(t) / t;
            }
          }
          window_sums(terms, sums, p.channels, n, p.nsize / 2);
          for (int64_t c = 0; c < p.channels; ++c) {
            const int64_t first = at + c * p.space;
            for (int64_t i = 0; i < n; ++i) {
              dx[first + i] = T(A(g[first + i]) * power(A(norms[first + i])) -
                                weight * A(x[first + i]) * sums[c * n + i]);
            }
          }
        });
      },
      static_cast<size_t>(p.pieces() * p.scratch()) * sizeof(A));
}

void register_lrn() {
  OpDef& op = register_op("LRN");
  op.doc =
      "data / (knorm + alpha / nsize * sum of squares over nsize neighbouring channels)^beta, for data (N, "
      "C, H, W) "
      "(Krizhevsky et al., 2012).";
  op.params = params_spec<LrnParams>();
  op.outputs = {"output", "tmp_norm"};
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = [](ShapeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    check(!c.in[0].has_rank() || c.in[0].ndim() == 4, "[LRN] data: got shape ", c.in[0],
          ", expected 4 dimensions");
    c.set_out(1, c.in[0]);
  };
  op.kernel = [](const KernelRequest& r) {
    const LrnPlan p(as<LrnParams>(r.params), r.in[0].shape);
    return visit_float(r.in[0].dtype, "LRN",
                       [&](auto tag) { return lrn_kernel<typename decltype(tag)::type>(p, r.out_used[1]); });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_LRN", {c.out_grad(0), c.input(0), c.output(1)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_LRN", {"out_grad", "data", "norm"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    const LrnPlan p(as<LrnParams>(r.params), r.out[0].shape);
    return visit_float(r.in[0].dtype, "LRN",
                       [&](auto tag) { return lrn_backward_kernel<typename decltype(tag)::type>(p); });
  };
}

}  // namespace

void register_l2_normalization_ops() {
  register_l2();
  register_lrn();
}

}  // namespace symbind
