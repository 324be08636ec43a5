// Densities and probabilities of samples: _random_pdf_<name>, with gradients of samples and parameters.
#include <cmath>

#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  bool is_log;
  template <class V>
  void visit(V& v) {
    v("is_log", is_log, false, "Compute logarithms.");
  }
};

// The derivative of log gamma(x), for x > 0: recurrence up to 6, then the asymptotic series.
double digamma(double x) {
  double shift = 0;
  for (; x < 6; x += 1) shift -= 1 / x;
  const double f = 1 / (x * x);
  return shift + std::log(x) - 0.5 / x -
         f * (1.0 / 12 - f * (1.0 / 120 - f * (1.0 / 252 - f * (1.0 / 240 - f * (1.0 / 132)))));
}

// The logarithm of a density at x under parameters p; slopes receive its derivatives by x and by each
// parameter.
struct Uniform {
  static double log_pdf(double, const double* p) { return -std::log(p[1] - p[0]); }
  static void slopes(double, const double* p, double* d) {
    d[0] = 0;
    d[1] = 1 / (p[1] - p[0]);
    d[2] = -d[1];
  }
};
struct Normal {
  static double log_pdf(double x, const double* p) {
    const double z = (x - p[0]) / p[1];
    return -0.5 * z * z - std::log(p[1]) - 0.91893853320467274178;  // log sqrt(2 pi)
  }
  static void slopes(double x, const double* p, double* d) {
    const double z = (x - p[0]) / p[1];
    d[0] = -z / p[1];
    d[1] = z / p[1];
    d[2] = (z * z - 1) / p[1];
  }
};
struct Gamma {  // beta is the rate here
  static double log_pdf(double x, const double* p) {
    return p[0] * std::log(p[1]) + (p[0] - 1) * std::log(x) - p[1] * x - std::lgamma(p[0]);
  }
  static void slopes(double x, const double* p, double* d) {
    d[0] = (p[0] - 1) / x - p[1];
    d[1] = std::log(p[1]) + std::log(x) - digamma(p[0]);
    d[2] = p[0] / p[1] - x;
  }
};
struct Exponential {
  static double log_pdf(double x, const double* p) { return std::log(p[0]) - p[0] * x; }
  static void slopes(double x, const double* p, double* d) {
    d[0] = -p[0];
    d[1] = 1 / p[0] - x;
  }
};
struct Poisson {
  static double log_pdf(double x, const double* p) { return x * std::log(p[0]) - p[0] - std::lgamma(x + 1); }
  static void slopes(double x, const double* p, double* d) {
    d[0] = 0;
    d[1] = x / p[0] - 1;
  }
};
struct NegativeBinomial {
  static double log_pdf(double x, const double* p) {
    return std::lgamma(x + p[0]) - std::lgamma(x + 1) - std::lgamma(p[0]) + p[0] * std::log(p[1]) +
           x * std::log1p(-p[1]);
  }
  static void slopes(double x, const double* p, double* d) {
    d[0] = 0;
    d[1] = digamma(x + p[0]) - digamma(p[0]) + std::log(p[1]);
    d[2] = p[0] / p[1] - x / (1 - p[1]);
  }
};
struct GeneralizedNegativeBinomial {
  static void convert(const double* p, double* kp) {
    kp[0] = 1 / p[1];
    kp[1] = 1 / (1 + p[0] * p[1]);
  }
  static double log_pdf(double x, const double* p) {
    double kp[2];
    convert(p, kp);
    return NegativeBinomial::log_pdf(x, kp);
  }
  static void slopes(double x, const double* p, double* d) {
    double kp[2], inner[3];
    convert(p, kp);
    NegativeBinomial::slopes(x, kp, inner);
    d[0] = 0;
    d[1] = -inner[2] * p[1] * kp[1] * kp[1];
    d[2] = -inner[1] * kp[0] * kp[0] - inner[2] * p[0] * kp[1] * kp[1];
  }
};

// Each set of parameters belongs to `draws` neighbouring samples.
template <class D, int kParams, class T>
Kernel pdf_kernel(const KernelRequest& r) {
  const int64_t n = r.in[0].shape.size(), sets = r.in[1].shape.size(), draws = sets > 0 ? n / sets : 0;
  const bool log = as<Params>(r.params).is_log;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    parallel_for(sets, 1 + kElementGrain / (64 * std::max<int64_t>(draws, 1)),
                 [=](int64_t begin, int64_t end) {
                   for (int64_t s = begin; s < end; ++s) {
                     double p[kParams];
                     for (int k = 0; k < kParams; ++k)
                       p[k] = static_cast<double>(static_cast<const T*>(in[1 + k])[s]);
                     for (int64_t i = s * draws; i < (s + 1) * draws; ++i) {
                       const double value = D::log_pdf(static_cast<double>(x[i]), p);
                       y[i] = T(log ? value : std::exp(value));
                     }
                   }
                 });
  });
}

// Inputs out_grad, samples, parameters; outputs the gradients of samples and parameters.
template <class D, int kParams, class T>
Kernel pdf_backward_kernel(const KernelRequest& r) {
  const int64_t n = r.in[1].shape.size(), sets = r.in[2].shape.size(), draws = sets > 0 ? n / sets : 0;
  const bool log = as<Params>(r.params).is_log;
  const std::vector<bool> used = r.out_used;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T *g = static_cast<const T*>(in[0]), *x = static_cast<const T*>(in[1]);
    parallel_for(
        sets, 1 + kElementGrain / (64 * std::max<int64_t>(draws, 1)), [&](int64_t begin, int64_t end) {
          for (int64_t s = begin; s < end; ++s) {
            double p[kParams], sums[kParams] = {};
            for (int k = 0; k < kParams; ++k) p[k] = static_cast<double>(static_cast<const T*>(in[2 + k])[s]);
            for (int64_t i = s * draws; i < (s + 1) * draws; ++i) {
              double d[kParams + 1];
              const double v = static_cast<double>(x[i]);
              D::slopes(v, p, d);
              const double weight = static_cast<double>(g[i]) * (log ? 1.0 : std::exp(D::log_pdf(v, p)));
              if (used[0]) static_cast<T*>(out[0])[i] = T(weight * d[0]);
              for (int k = 0; k < kParams; ++k) sums[k] += weight * d[k + 1];
            }
            for (int k = 0; k < kParams; ++k) {
              if (used[static_cast<size_t>(k) + 1]) static_cast<T*>(out[k + 1])[s] = T(sums[k]);
            }
          }
        });
  });
}

// The parameters have the leading axes of the samples. `last`: samples and parameters are vectors along a
// last axis, which the output has not.
void infer_pdf(ShapeContext& c, bool last) {
  const Span<Shape> parameters(c.in.data() + 1, c.in.size() - 1);
  Shape all;
  for (const Shape& s : parameters)
    check(merge_shape(all, s), "[", c.op.name, "] parameters differ in shape: got ", s, " and ", all);
  for (Shape& s : parameters) s = all;
  const Shape& sample = c.in[0];
  if (!sample.has_rank()) return;
  Shape out = sample;
  if (last) {
    check(sample.ndim() >= 1, "[", c.op.name, "] sample: got a scalar, expected vectors along the last axis");
    out.resize(sample.ndim() - 1);
  }
  c.set_out(0, out);
  if (!all.has_rank()) return;
  const int leading = all.ndim() - (last ? 1 : 0);
  bool fits = leading >= 0 && leading <= out.ndim();
  for (int i = 0; i < leading && fits; ++i) fits = all[i] < 0 || sample[i] < 0 || all[i] == sample[i];
  if (last && fits) fits = all.at(-1) < 0 || sample.at(-1) < 0 || all.at(-1) == sample.at(-1);
  check(fits, "[", c.op.name, "] sample: got shape ", sample, ", expected the axes of the parameters ", all,
        " first");
}

OpDef& register_pdf_op(const char* dist, std::vector<std::string> inputs, bool last,
                       std::function<Kernel(const KernelRequest&)> forward,
                       std::function<Kernel(const KernelRequest&)> backward) {
  const std::string name = std::string("random_pdf_") + dist;
  OpDef& op = register_op("_" + name);
  op.aliases = {name};
  op.doc = "The density, or for whole numbers the probability, of samples under a distribution.";
  op.params = params_spec<Params>();
  op.inputs = inputs;
  op.infer_shape = [last](ShapeContext& c) { infer_pdf(c, last); };
  op.kernel = std::move(forward);
  const std::string back_name = "_backward_" + name;
  op.gradient = [back_name](GradContext& c) {
    std::vector<EntryId> entries{c.out_grad(0)}, grads;
    std::vector<int> like;
    for (int i = 0; i < c.num_inputs(); ++i) {
      entries.push_back(c.input(i));
      like.push_back(i);
    }
    const int32_t id = c.backward(back_name.c_str(), std::move(entries), like);
    for (int i = 0; i < c.num_inputs(); ++i) grads.push_back({id, i});
    return grads;
  };
  OpDef& back = register_backward_op(back_name, {"out_grad"});
  back.params = op.params;
  back.inputs.insert(back.inputs.end(), inputs.begin(), inputs.end());
  back.outputs = std::move(inputs);
  back.kernel = std::move(backward);
  return op;
}

template <class D, int kParams>
void register_pdf(const char* dist, std::vector<std::string> inputs) {
  register_pdf_op(
      dist, std::move(inputs), false,
      [dist](const KernelRequest& r) {
        return visit_float(r.in[0].dtype, dist,
                           [&](auto tag) { return pdf_kernel<D, kParams, typename decltype(tag)::type>(r); });
      },
      [dist](const KernelRequest& r) {
        return visit_float(r.in[0].dtype, dist, [&](auto tag) {
          return pdf_backward_kernel<D, kParams, typename decltype(tag)::type>(r);
        });
      });
}

// --- Dirichlet: samples and alpha are vectors. ---

template <class T>
double dirichlet_log_pdf(const T* x, const T* alpha, int64_t n) {
  double total = 0, value = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double a = static_cast<double>(alpha[i]);
    total += a;
    value += (a - 1) * std::log(static_cast<double>(x[i])) - std::lgamma(a);
  }
  return value + std::lgamma(total);
}

template <class T>
Kernel dirichlet_kernel(const KernelRequest& r) {
  const int64_t n = r.in[0].shape.at(-1), rows = n > 0 ? r.in[0].shape.size() / n : 0;
  const int64_t sets = n > 0 ? r.in[1].shape.size() / n : 0, draws = sets > 0 ? rows / sets : 0;
  const bool log = as<Params>(r.params).is_log;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    for (int64_t row = 0; row < sets * draws; ++row) {
      const double value = dirichlet_log_pdf(static_cast<const T*>(in[0]) + row * n,
                                             static_cast<const T*>(in[1]) + row / draws * n, n);
      static_cast<T*>(out[0])[row] = T(log ? value : std::exp(value));
    }
  });
}

template <class T>
Kernel dirichlet_backward_kernel(const KernelRequest& r) {
  const int64_t n = r.in[1].shape.at(-1), rows = n > 0 ? r.in[1].shape.size() / n : 0;
  const int64_t sets = n > 0 ? r.in[2].shape.size() / n : 0, draws = sets > 0 ? rows / sets : 0;
  const bool log = as<Params>(r.params).is_log;
  const std::vector<bool> used = r.out_used;
  return make_kernel(
      [=](void* const* in, void* const* out, void* ws) {
        const T* g = static_cast<const T*>(in[0]);
        double* sums = static_cast<double*>(ws);
        for (int64_t s = 0; s < sets; ++s) {
          const T* alpha = static_cast<const T*>(in[2]) + s * n;
          double total = 0;
          for (int64_t i = 0; i < n; ++i) {
            total += static_cast<double>(alpha[i]);
            sums[i] = 0;
          }
          const double shared = digamma(total);
          for (int64_t row = s * draws; row < (s + 1) * draws; ++row) {
            const T* x = static_cast<const T*>(in[1]) + row * n;
            const double weight =
                static_cast<double>(g[row]) * (log ? 1.0 : std::exp(dirichlet_log_pdf(x, alpha, n)));
            for (int64_t i = 0; i < n; ++i) {
              const double a = static_cast<double>(alpha[i]), v = static_cast<double>(x[i]);
              if (used[0]) static_cast<T*>(out[0])[row * n + i] = T(weight * (a - 1) / v);
              sums[i] += weight * (shared - digamma(a) + std::log(v));
            }
          }
          for (int64_t i = 0; i < n && used[1]; ++i) static_cast<T*>(out[1])[s * n + i] = T(sums[i]);
        }
      },
      static_cast<size_t>(n) * sizeof(double));
}

}  // namespace

void register_random_pdf_ops() {
  register_pdf<Uniform, 2>("uniform", {"sample", "low", "high"});
  register_pdf<Normal, 2>("normal", {"sample", "mu", "sigma"});
  register_pdf<Gamma, 2>("gamma", {"sample", "alpha", "beta"});
  register_pdf<Exponential, 1>("exponential", {"sample", "lam"});
  register_pdf<Poisson, 1>("poisson", {"sample", "lam"});
  register_pdf<NegativeBinomial, 2>("negative_binomial", {"sample", "k", "p"});
  register_pdf<GeneralizedNegativeBinomial, 2>("generalized_negative_binomial", {"sample", "mu", "alpha"});
  register_pdf_op(
      "dirichlet", {"sample", "alpha"}, true,
      [](const KernelRequest& r) {
        return visit_float(r.in[0].dtype, "dirichlet",
                           [&](auto tag) { return dirichlet_kernel<typename decltype(tag)::type>(r); });
      },
      [](const KernelRequest& r) {
        return visit_float(r.in[0].dtype, "dirichlet", [&](auto tag) {
          return dirichlet_backward_kernel<typename decltype(tag)::type>(r);
        });
      });
}

}  // namespace symbind
