// Normalisation of each sample by its own statistics: LayerNorm, InstanceNorm, GroupNorm.
#include <cmath>

#include "ops/elementwise_common.h"
#include "ops/normalize_rows.h"

namespace symbind {
namespace {

struct LayerParams {
  int64_t axis;
  double eps;
  bool output_mean_var;
  template <class V>
  void visit(V& v) {
    v("axis", axis, int64_t{-1}, "The axis to normalise along.");
    v("eps", eps, 1e-5, "Added to the variance.");
    v("output_mean_var", output_mean_var, false, "Also output the mean and sqrt(variance + eps).");
  }
};

struct GroupParams {
  int64_t num_groups;
  double eps;
  bool output_mean_var;
  template <class V>
  void visit(V& v) {
    v("num_groups", num_groups, int64_t{1}, "Number of groups that the channels are split into.");
    v("eps", eps, 1e-5, "Added to the variance.");
    v("output_mean_var", output_mean_var, false, "Also output the mean and sqrt(variance + eps).");
  }
  void finish(const char* op) {
    check(num_groups >= 1, "[", op, "] num_groups: got ", num_groups, ", expected at least 1");
  }
};

struct InstanceParams {
  double eps;
  template <class V>
  void visit(V& v) {
    v("eps", eps, 1e-3, "Added to the variance.");
  }
};

// How data is normalised: along columns of `blocks`. gamma and beta have `channels` elements: one for each
// index along the axis, or one for each column, which then repeat with this period.
struct Plan {
  AxisBlocks blocks;
  int64_t channels = 1;
  bool along_axis = false;
  double eps = 1e-5;
};

Plan layer_plan(const void* params, const Shape& data) {
  const LayerParams& p = as<LayerParams>(params);
  const int axis = normalize_axis(p.axis, data.ndim(), "LayerNorm");
  return {{data.product(0, axis), data[axis], data.product(axis + 1, data.ndim())}, data[axis], true, p.eps};
}

Plan group_plan(const void* params, const Shape& data) {
  const GroupParams& p = as<GroupParams>(params);
  const int64_t rows = data[0] * p.num_groups;
  return {{rows, rows > 0 ? data.size() / rows : 0, 1}, p.num_groups, false, p.eps};
}

Plan instance_plan(const void* params, const Shape& data) {
  return {
      {data[0] * data[1], data.product(2, data.ndim()), 1}, data[1], false, as<InstanceParams>(params).eps};
}

using PlanFn = Plan (*)(const void* params, const Shape& data);

constexpr int64_t kWidth = AxisBlocks::kWidth;

// Inputs data, gamma, beta; outputs the result, mean and sqrt(variance + eps).
template <class T>
Kernel forward_kernel(const Plan& p, const std::vector<bool>& used) {
  using A = accumulate_t<T>;
  return make_kernel([p, keep_mean = bool(used[1]), keep_deviation = bool(used[2])](void* const* in,
                                                                                    void* const* out, void*) {
    const T *x = static_cast<const T*>(in[0]), *gamma = static_cast<const T*>(in[1]),
            *beta = static_cast<const T*>(in[2]);
    T *y = static_cast<T*>(out[0]), *means = static_cast<T*>(out[1]), *deviations = static_cast<T*>(out[2]);
    const A scale = A(1) / static_cast<A>(std::max<int64_t>(p.blocks.n, 1)), eps = static_cast<A>(p.eps);
    p.blocks.for_each([&](int64_t first, int64_t width, int64_t column) {
      A mean[kWidth], deviation[kWidth], factor[kWidth];
      sum_columns(p.blocks, first, width, mean, [=](int64_t at, int64_t) { return A(x[at]); });
      for (int64_t w = 0; w < width; ++w) mean[w] *= scale;
      sum_columns(p.blocks, first, width, deviation, [=, &mean](int64_t at, int64_t w) {
        const A d = A(x[at]) - mean[w];
        return d * d;
      });
      for (int64_t w = 0; w < width; ++w) {
        deviation[w] = std::sqrt(deviation[w] * scale + eps);
        factor[w] = A(1) / deviation[w];
        if (keep_mean) means[column + w] = T(mean[w]);
        if (keep_deviation) deviations[column + w] = T(deviation[w]);
      }
      if (p.along_axis) {
        map_columns(p.blocks, first, width, [=, &mean, &factor](int64_t at, int64_t w, int64_t j) {
          y[at] = T((A(x[at]) - mean[w]) * factor[w] * A(gamma[j]) + A(beta[j]));
        });
      } else {  // one column a block
        const A g = A(gamma[column % p.channels]) * factor[0], b = A(beta[column % p.channels]), m = mean[0];
        map_columns(p.blocks, first, width,
                    [=](int64_t at, int64_t, int64_t) { y[at] = T((A(x[at]) - m) * g + b); });
      }
    });
  });
}

// dx = (w - mean(w) - xhat mean(w xhat)) / deviation, with w = gamma dy and xhat = (x - mean) / deviation.
template <class T>
void data_gradient(const Plan& p, const T* g, const T* x, const T* gamma, const T* means, const T* deviations,
                   T* dx) {
  using A = accumulate_t<T>;
  const A scale = A(1) / static_cast<A>(std::max<int64_t>(p.blocks.n, 1));
  p.blocks.for_each([&](int64_t first, int64_t width, int64_t column) {
    A mean[kWidth], factor[kWidth], sum[kWidth], product[kWidth];
    for (int64_t w = 0; w < width; ++w) {
      mean[w] = A(means[column + w]);
      factor[w] = A(1) / A(deviations[column + w]);
    }
    const A same = p.along_axis ? A(1) : A(gamma[column % p.channels]);
    if (p.blocks.inner == 1) {
      const T* scales = gamma - first;
      const bool axis = p.along_axis;
      A s = 0, q = 0;
      const A m = mean[0], f = factor[0];
#pragma omp simd reduction(+ : s, q)
      for (int64_t at = first; at < first + p.blocks.n; ++at) {
        const A w = A(g[at]) * (axis ? A(scales[at]) : same);
        s += w;
        q += w * (A(x[at]) - m);
      }
      s *= scale;
      q *= scale * f * f;
#pragma omp simd
      for (int64_t at = first; at < first + p.blocks.n; ++at) {
        const A w = A(g[at]) * (axis ? A(scales[at]) : same);
        dx[at] = T((w - s - (A(x[at]) - m) * q) * f);
      }
      return;
    }
    for (int64_t w = 0; w < width; ++w) sum[w] = product[w] = 0;
    map_columns(p.blocks, first, width, [=, &mean, &sum, &product](int64_t at, int64_t w, int64_t j) {
      const A v = A(g[at]) * A(gamma[j]);
      sum[w] += v;
      product[w] += v * (A(x[at]) - mean[w]);
    });
    for (int64_t w = 0; w < width; ++w) {
      sum[w] *= scale;
      product[w] *= scale * factor[w] * factor[w];
    }
    map_columns(p.blocks, first, width,
                [=, &mean, &sum, &product, &factor](int64_t at, int64_t w, int64_t j) {
                  const A v = A(g[at]) * A(gamma[j]);
                  dx[at] = T((v - sum[w] - (A(x[at]) - mean[w]) * product[w]) * factor[w]);
                });
  });
}

// Sums of dy and dy xhat for every channel. Threads split channels, so sums keep their order.
template <class T>
void scale_gradients(const Plan& p, const T* g, const T* x, const T* means, const T* deviations, T* dgamma,
                     T* dbeta) {
  using A = accumulate_t<T>;
  const AxisBlocks& b = p.blocks;
  const int64_t grain =
      std::max<int64_t>(8, kElementGrain / std::max<int64_t>(b.size() / std::max<int64_t>(p.channels, 1), 1));
  parallel_for(p.channels, grain, [&](int64_t begin, int64_t end) {
    constexpr int64_t kBlock = 256;
    A sums[kBlock], products[kBlock];
    for (int64_t c0 = begin; c0 < end; c0 += kBlock) {
      const int64_t count = std::min(kBlock, end - c0);
      for (int64_t k = 0; k < count; ++k) sums[k] = products[k] = 0;
      for (int64_t o = 0; o < b.outer; ++o) {
        if (!p.along_axis) {  // the row belongs to one channel
          const int64_t k = o % p.channels - c0;
          if (k < 0 || k >= count) continue;
          const A mean = A(means[o]), factor = A(1) / A(deviations[o]);
          A s = 0, q = 0;
#pragma omp simd reduction(+ : s, q)
          for (int64_t at = o * b.n; at < (o + 1) * b.n; ++at) {
            s += A(g[at]);
            q += A(g[at]) * (A(x[at]) - mean);
          }
          sums[k] += s;
          products[k] += q * factor;
        } else if (b.inner == 1) {
          const A mean = A(means[o]), factor = A(1) / A(deviations[o]);
          const int64_t first = o * b.n + c0;
#pragma omp simd
          for (int64_t k = 0; k < count; ++k) {
            sums[k] += A(g[first + k]);
            products[k] += A(g[first + k]) * (A(x[first + k]) - mean) * factor;
          }
        } else {
          for (int64_t k = 0; k < count; ++k) {
            const int64_t first = (o * b.n + c0 + k) * b.inner;
            A s = 0, q = 0;
#pragma omp simd reduction(+ : s, q)
            for (int64_t i = 0; i < b.inner; ++i) {
              s += A(g[first + i]);
              q += A(g[first + i]) * (A(x[first + i]) - A(means[o * b.inner + i])) /
                   A(deviations[o * b.inner + i]);
            }
            sums[k] += s;
            products[k] += q;
          }
        }
      }
      for (int64_t k = 0; k < count; ++k) {
        if (dbeta != nullptr) dbeta[c0 + k] = T(sums[k]);
        if (dgamma != nullptr) dgamma[c0 + k] = T(products[k]);
      }
    }
  });
}

// Inputs out_grad, data, gamma, mean, deviation; outputs the gradients of data, gamma and beta.
template <class T>
Kernel backward_kernel(const Plan& p, const std::vector<bool>& used) {
  return make_kernel([p, used](void* const* in, void* const* out, void*) {
    const T *g = static_cast<const T*>(in[0]), *x = static_cast<const T*>(in[1]),
            *gamma = static_cast<const T*>(in[2]), *means = static_cast<const T*>(in[3]),
            *deviations = static_cast<const T*>(in[4]);
    if (used[0]) data_gradient(p, g, x, gamma, means, deviations, static_cast<T*>(out[0]));
    if (used[1] || used[2]) {
      scale_gradients(p, g, x, means, deviations, used[1] ? static_cast<T*>(out[1]) : nullptr,
                      used[2] ? static_cast<T*>(out[2]) : nullptr);
    }
  });
}

OpDef& register_norm(const char* name, const ParamsSpec& params, PlanFn plan, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params;
  op.inputs = {"data", "gamma", "beta"};
  op.outputs = {"output", "mean", "std"};
  op.kernel = [plan, name](const KernelRequest& r) {
    const Plan p = plan(r.params, r.in[0].shape);
    return visit_float(r.in[0].dtype, name,
                       [&](auto tag) { return forward_kernel<typename decltype(tag)::type>(p, r.out_used); });
  };
  const std::string back_name = std::string("_backward_") + name;
  op.gradient = [back_name](GradContext& c) -> std::vector<EntryId> {
    const int32_t id = c.backward(
        back_name.c_str(), {c.out_grad(0), c.input(0), c.input(1), c.output(1), c.output(2)}, {0, 1, 2});
    return {{id, 0}, {id, 1}, {id, 2}};
  };
  OpDef& back = register_backward_op(back_name, {"out_grad", "data", "gamma", "mean", "std"});
  back.params = params;
  back.outputs = {"data", "gamma", "beta"};
  back.kernel = [plan, name](const KernelRequest& r) {
    const Plan p = plan(r.params, r.in[1].shape);
    return visit_float(r.in[0].dtype, name, [&](auto tag) {
      return backward_kernel<typename decltype(tag)::type>(p, r.out_used);
    });
  };
  return op;
}

// Shapes of data, gamma and beta and of the statistics; `channels` is one number, -1 while unknown.
void set_shapes(ShapeContext& c, int64_t channels, const Shape& statistics) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  c.set_in(1, Shape{channels});
  c.set_in(2, c.in[1]);
  c.set_in(1, c.in[2]);
  c.set_out(1, statistics);
  c.set_out(2, statistics);
}

void infer_layer(ShapeContext& c) {
  c.set_in(0, c.out[0]);
  if (!c.in[0].has_rank()) return;
  const int axis = normalize_axis(as<LayerParams>(c.params).axis, c.in[0].ndim(), "LayerNorm");
  Shape statistics = c.in[0];
  statistics[axis] = 1;
  set_shapes(c, c.in[0][axis], statistics);
  Shape data = Shape::unknown(c.in[0].ndim());
  data[axis] = c.in[1][0];
  c.set_in(0, data);
}

void infer_group(ShapeContext& c) {
  const int64_t groups = as<GroupParams>(c.params).num_groups;
  c.set_in(0, c.out[0]);
  const Shape& data = c.in[0];
  check(!data.has_rank() || data.ndim() >= 2, "[GroupNorm] data: got shape ", data,
        ", expected at least 2 dimensions");
  check(!data.has_rank() || data[1] < 0 || data[1] % groups == 0, "[GroupNorm] channels of data ", data,
        " are not divisible by num_groups ", groups);
  set_shapes(c, groups, Shape{data.has_rank() ? data[0] : -1, groups});
}

void infer_instance(ShapeContext& c) {
  c.set_in(0, c.out[0]);
  const Shape& data = c.in[0];
  check(!data.has_rank() || data.ndim() >= 3, "[InstanceNorm] data: got shape ", data,
        ", expected at least 3 dimensions");
  const int64_t batch = data.has_rank() ? data[0] : -1, channels = data.has_rank() ? data[1] : -1;
  set_shapes(c, channels, Shape{batch, channels});
}

}  // namespace

void register_layer_norm_ops() {
  OpDef& layer =
      register_norm("LayerNorm", params_spec<LayerParams>(), layer_plan,
                    "gamma (data - mean) / sqrt(var + eps) + beta, with mean and variance along an axis.");
  layer.infer_shape = infer_layer;
  layer.num_visible_outputs = [](const void* p) { return as<LayerParams>(p).output_mean_var ? 3 : 1; };

  OpDef& group = register_norm("GroupNorm", params_spec<GroupParams>(), group_plan,
                               "gamma (data - mean) / sqrt(var + eps) + beta, with mean and variance of each "
                               "group of channels of each "
                               "sample of data (N, C, ...); gamma and beta have one element for each group.");
  group.infer_shape = infer_group;
  group.num_visible_outputs = [](const void* p) { return as<GroupParams>(p).output_mean_var ? 3 : 1; };

  OpDef& instance = register_norm("InstanceNorm", params_spec<InstanceParams>(), instance_plan,
                                  "gamma (data - mean) / sqrt(var + eps) + beta, with mean and variance of "
                                  "each channel of each sample of "
                                  "data (N, C, ...).");
  instance.infer_shape = infer_instance;
  instance.num_visible_outputs = [](const void*) { return 1; };
}

}  // namespace symbind
