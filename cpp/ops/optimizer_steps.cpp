// More optimizer steps as operators: sign methods, follow-the-leader methods, LAMB, LARS and AdaGrad. Like
// those in optimizer_update.cpp they return the new weight and update states in place.
#include <cmath>

#include "backend/cpu/multi_update.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"
#include "ops/lazy_update.h"

namespace symbind {
namespace {

struct Common {
  double lr, wd, rescale_grad, clip_gradient;
  template <class V>
  void visit_scaling(V& v) {
    v("rescale_grad", rescale_grad, 1.0, "The gradient is multiplied by it first.");
    v("clip_gradient", clip_gradient, -1.0, "Limits the magnitude of the gradient; negative: no limit.");
  }
  template <class V>
  void visit_lr(V& v) {
    v("lr", lr, required, "Learning rate.");
  }
  template <class V>
  void visit_wd(V& v) {
    v("wd", wd, 0.0, "Weight decay.");
  }
  double scaled(double g) const { return limited(g * rescale_grad); }
  double limited(double g) const {
    return clip_gradient >= 0 ? std::min(std::max(g, -clip_gradient), clip_gradient) : g;
  }
};

double sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; }

// Each kind of step: its attributes, the names of its states, and what it does to one weight. `s` holds the
// states' values and receives the new ones.
struct SignSgd : Common {
  static constexpr int kStates = 0;
  template <class V>
  void visit(V& v) {
    visit_lr(v);
    visit_wd(v);
    visit_scaling(v);
  }
  double step(double w, double g, double*) const { return (1 - lr * wd) * w - lr * sign(g); }
};

struct Signum : Common {
  static constexpr int kStates = 1;
  double momentum, wd_lh;
  template <class V>
  void visit(V& v) {
    visit_lr(v);
    v("momentum", momentum, 0.0, "How much of the running mean is kept.");
    visit_wd(v);
    visit_scaling(v);
    v("wd_lh", wd_lh, 0.0, "Weight decay that does not pass through the sign (Loshchilov and Hutter).");
  }
  double step(double w, double g, double* s) const {
    s[0] = momentum * s[0] - (1 - momentum) * (wd * w + scaled(g));
    return (1 - lr * wd_lh) * w + lr * sign(s[0]);
  }
};

struct Ftrl : Common {
  static constexpr int kStates = 2;  // z, n
  double lamda1, beta;
  template <class V>
  void visit(V& v) {
    visit_lr(v);
    v("lamda1", lamda1, 0.01, "Weight of the L1 norm.");
    v("beta", beta, 1.0, "Added to the square root of n.");
    visit_wd(v);
    visit_scaling(v);
  }
  double step(double w, double gradient, double* s) const {
    const double g = scaled(gradient), n = s[1] + g * g;
    s[0] += g - (std::sqrt(n) - std::sqrt(s[1])) / lr * w;
    s[1] = n;
    if (std::fabs(s[0]) <= lamda1) return 0;
    return (sign(s[0]) * lamda1 - s[0]) / ((beta + std::sqrt(n)) / lr + wd);
  }
};

struct Ftml : Common {
  static constexpr int kStates = 3;  // d, v, z
  double beta1, beta2, epsilon;
  int64_t t;
  double decay1, decay2;  // beta^t
  template <class V>
  void visit(V& v) {
    visit_lr(v);
    v("beta1", beta1, 0.6, "Decay of the mean.");
    v("beta2", beta2, 0.999, "Decay of the variance.");
    v("epsilon", epsilon, 1e-8, "Added to the square root of the variance.");
    v("t", t, required, "Number of this step, from 1.");
    visit_wd(v);
    v("rescale_grad", rescale_grad, 1.0, "The gradient is multiplied by it first.");
    v("clip_grad", clip_gradient, -1.0, "Limits the magnitude of the gradient; negative: no limit.");
  }
  void finish(const char* op) {
    check(t >= 1, "[", op, "] t: got ", t, ", expected at least 1");
    decay1 = std::pow(beta1, static_cast<double>(t));
    decay2 = std::pow(beta2, static_cast<double>(t));
  }
  double step(double w, double gradient, double* s) const {
    const double g = limited(rescale_grad * gradient + wd * w);
    s[1] = beta2 * s[1] + (1 - beta2) * g * g;
    const double d = (1 - decay1) / lr * (std::sqrt(s[1] / (1 - decay2)) + epsilon);
    s[2] = beta1 * s[2] + (1 - beta1) * g - (d - beta1 * s[0]) * w;
    s[0] = d;
    return -s[2] / d;
  }
};

struct AdaGrad : Common {
  static constexpr int kStates = 1;
  double epsilon;
  template <class V>
  void visit(V& v) {
    visit_lr(v);
    v("epsilon", epsilon, 1e-7, "Added to the sum of squares.");
    visit_wd(v);
    visit_scaling(v);
  }
  double step(double w, double gradient, double* s) const {
    const double g = scaled(gradient);
    s[0] += g * g;
    return w - lr * (g / std::sqrt(s[0] + epsilon) + wd * w);
  }
};

// The direction of LAMB's step (You et al., 2019): the result is not the weight.
struct LambDirection : Common {
  static constexpr int kStates = 2;  // mean, var
  double beta1, beta2, epsilon;
  int64_t t;
  bool bias_correction;
  double correction1, correction2;
  template <class V>
  void visit(V& v) {
    v("beta1", beta1, 0.9, "Decay of the mean.");
    v("beta2", beta2, 0.999, "Decay of the variance.");
    v("epsilon", epsilon, 1e-6, "Added to the square root of the variance.");
    v("t", t, required, "Number of this step, from 1.");
    v("bias_correction", bias_correction, true, "Make up for means and variances that started at 0.");
    v("wd", wd, required, "Weight decay.");
    visit_scaling(v);
  }
  void finish(const char* op) {
    check(t >= 1, "[", op, "] t: got ", t, ", expected at least 1");
    correction1 = bias_correction ? 1 - std::pow(beta1, static_cast<double>(t)) : 1;
    correction2 = bias_correction ? 1 - std::pow(beta2, static_cast<double>(t)) : 1;
  }
  double step(double w, double gradient, double* s) const {
    const double g = scaled(gradient);
    s[0] = beta1 * s[0] + (1 - beta1) * g;
    s[1] = beta2 * s[1] + (1 - beta2) * g * g;
    return s[0] / correction1 / (std::sqrt(s[1] / correction2) + epsilon) + wd * w;
  }
};

// W weights, G gradients, S states, Y results.
template <class P, class W, class G, class S, class Y>
void run_steps(const P& p, const W* w, const G* g, S* const* states, Y* y, int64_t n) {
  parallel_for(n, kElementGrain / 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double s[P::kStates + 1];
      for (int k = 0; k < P::kStates; ++k) s[k] = static_cast<double>(states[k][i]);
      y[i] = static_cast<Y>(p.step(static_cast<double>(w[i]), static_cast<double>(g[i]), s));
      for (int k = 0; k < P::kStates; ++k) states[k][i] = static_cast<S>(s[k]);
    }
  });
}

// The rows that a row_sparse gradient stores.
template <class P, class T>
void run_rows(const P& p, const UpdateTask& task, const SparseArray& grad) {
  const int64_t width = grad.row_size();
  T* const weight = static_cast<T*>(task.weight);
  for (int64_t i = 0; i < grad.count(); ++i) {
    const int64_t first = grad.index()[i] * width;
    T* states[P::kStates + 1] = {};
    for (int k = 0; k < P::kStates; ++k) states[k] = static_cast<T*>(task.states[k]) + first;
    run_steps(p, weight + first, grad.values.data_as<T>() + i * width, states, weight + first, width);
  }
}

template <class P>
void set_lazy_step(const char* name, bool dense_weight) {
  set_lazy_update(
      name, [](const void*) { return true; }, dense_weight,
      [name](const void* params) -> RowsStep {
        const P p = as<P>(params);
        return [p, name](UpdateTask& task, const SparseArray& grad) {
          visit_float(task.dtype, name,
                      [&](auto tag) { run_rows<P, typename decltype(tag)::type>(p, task, grad); });
        };
      });
}

template <class P>
OpDef& register_step(const char* name, std::vector<std::string> states, std::vector<std::string> aliases,
                     const char* doc) {
  OpDef& op = register_op(name);
  op.aliases = std::move(aliases);
  op.doc = doc;
  op.params = params_spec<P>();
  op.inputs = {"weight", "grad"};
  for (std::string& s : states) {
    op.aux.push_back(static_cast<int>(op.inputs.size()));
    op.inputs.push_back(std::move(s));
  }
  op.infer_shape = infer_same_shape;
  op.traits.inplace = {{0, 0}};
  op.traits.no_fold = true;
  op.kernel = [name](const KernelRequest& r) {
    const P p = as<P>(r.params);
    const int64_t n = r.in[0].shape.size();
    return visit_float(r.in[0].dtype, name, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([p, n](void* const* in, void* const* out, void*) {
        T* states[P::kStates + 1];
        for (int k = 0; k < P::kStates; ++k) states[k] = static_cast<T*>(in[2 + k]);
        run_steps(p, static_cast<const T*>(in[0]), static_cast<const T*>(in[1]), states,
                  static_cast<T*>(out[0]), n);
      });
    });
  };
  return op;
}

// --- LAMB ---

struct LambStep {
  double lr, lower_bound, upper_bound;
  template <class V>
  void visit(V& v) {
    v("lr", lr, required, "Learning rate.");
    v("lower_bound", lower_bound, -1.0, "Least norm of the weight that counts; negative: no limit.");
    v("upper_bound", upper_bound, -1.0, "Largest norm of the weight that counts; negative: no limit.");
  }
  double rate(double weight_norm, double step_norm) const {
    double r = weight_norm;
    if (lower_bound >= 0) r = std::max(r, lower_bound);
    if (upper_bound >= 0) r = std::min(r, upper_bound);
    return r == 0 || step_norm == 0 ? lr : lr * r / step_norm;
  }
};

void infer_lamb_step(ShapeContext& c) {
  Shape all = c.out[0];
  for (size_t i = 0; i < c.in.size(); ++i) {
    if (i != 2 && i != 3)
      check(merge_shape(all, c.in[i]), "[", c.op.name, "] got arrays of shapes ", all, " and ", c.in[i]);
  }
  for (size_t i = 0; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), i == 2 || i == 3 ? Shape{1} : all);
  c.set_out(0, all);
}

// y = w - rate * direction; weights of float16 are read from, and also written to, their float32 copy.
template <class T, class Master>
Kernel lamb_step_kernel(const LambStep& p, int64_t n, bool mixed) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const Master* direction = static_cast<const Master*>(in[1]);
    const double rate = p.rate(static_cast<double>(*static_cast<const Master*>(in[2])),
                               static_cast<double>(*static_cast<const Master*>(in[3])));
    Master* copy = mixed ? static_cast<Master*>(in[4]) : nullptr;
    const T* w = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const double old = copy != nullptr ? static_cast<double>(copy[i]) : static_cast<double>(w[i]);
        const double made = old - rate * static_cast<double>(direction[i]);
        if (copy != nullptr) copy[i] = static_cast<Master>(made);
        y[i] = static_cast<T>(made);
      }
    });
  });
}

void register_lamb() {
  register_step<LambDirection>("lamb_update_phase1", {"mean", "var"}, {}, "The direction of LAMB's step.");

  OpDef& mixed = register_op("mp_lamb_update_phase1");
  mixed.doc = "lamb_update_phase1 of float16 weights with a float32 copy; states and result are float32.";
  mixed.params = params_spec<LambDirection>();
  mixed.inputs = {"weight", "grad", "mean", "var", "weight32"};
  mixed.aux = {2, 3};
  mixed.infer_shape = infer_same_shape;
  mixed.infer_type = [](TypeContext& c) {
    c.set_in(1, c.in[0]);
    c.set_in(0, c.in[1]);
    for (int i = 2; i < 5; ++i) c.set_in(i, DType::kFloat32);
    c.set_out(0, DType::kFloat32);
  };
  mixed.traits.no_fold = true;
  mixed.kernel = [](const KernelRequest& r) {
    const LambDirection p = as<LambDirection>(r.params);
    const int64_t n = r.in[0].shape.size();
    return visit_float(r.in[1].dtype, "mp_lamb_update_phase1", [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([p, n](void* const* in, void* const* out, void*) {
        float* states[] = {static_cast<float*>(in[2]), static_cast<float*>(in[3])};
        run_steps(p, static_cast<const float*>(in[4]), static_cast<const T*>(in[1]), states,
                  static_cast<float*>(out[0]), n);
      });
    });
  };

  OpDef& step = register_op("lamb_update_phase2");
  step.doc = "The weight after a step of LAMB: g is its direction, r1 and r2 are the norms of weight and g.";
  step.params = params_spec<LambStep>();
  step.inputs = {"weight", "g", "r1", "r2"};
  step.infer_shape = infer_lamb_step;
  step.traits.inplace = {{0, 0}};
  step.traits.no_fold = true;
  step.kernel = [](const KernelRequest& r) {
    return visit_float(r.in[0].dtype, "lamb_update_phase2", [&](auto tag) {
      using T = typename decltype(tag)::type;
      return lamb_step_kernel<T, T>(as<LambStep>(r.params), r.in[0].shape.size(), false);
    });
  };

  OpDef& mixed_step = register_op("mp_lamb_update_phase2");
  mixed_step.doc = "lamb_update_phase2 of float16 weights with a float32 copy.";
  mixed_step.params = step.params;
  mixed_step.inputs = {"weight", "g", "r1", "r2", "weight32"};
  mixed_step.aux = {4};
  mixed_step.infer_shape = infer_lamb_step;
  mixed_step.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    for (int i = 1; i < 5; ++i) c.set_in(i, DType::kFloat32);
  };
  mixed_step.traits.inplace = {{0, 0}};
  mixed_step.traits.no_fold = true;
  mixed_step.kernel = [](const KernelRequest& r) {
    return visit_float(r.in[0].dtype, "mp_lamb_update_phase2", [&](auto tag) {
      return lamb_step_kernel<typename decltype(tag)::type, float>(as<LambStep>(r.params),
                                                                   r.in[0].shape.size(), true);
    });
  };
}

// --- LARS ---

struct LarsParams {
  double eta, eps, rescale_grad;
  template <class V>
  void visit(V& v) {
    v("eta", eta, required, "The trust coefficient.");
    v("eps", eps, required, "Added to the divisor.");
    v("rescale_grad", rescale_grad, 1.0, "What gradients will be multiplied by.");
  }
};

void register_lars() {
  OpDef& op = register_op("multi_lars");
  op.doc =
      "Learning rates of layers by LARS (You et al., 2017), from the sums of squares of their weights and "
      "gradients: lr "
      "eta |w| / (|g| + wd |w| + eps) where both norms are positive.";
  op.params = params_spec<LarsParams>();
  op.inputs = {"lrs", "weights_sum_sq", "grads_sum_sq", "wds"};
  op.infer_shape = infer_same_shape;
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const LarsParams p = as<LarsParams>(r.params);
    const int64_t n = r.in[0].shape.size();
    return visit_float(r.in[0].dtype, "multi_lars", [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([p, n](void* const* in, void* const* out, void*) {
        auto at = [&](int k, int64_t i) { return static_cast<double>(static_cast<const T*>(in[k])[i]); };
        for (int64_t i = 0; i < n; ++i) {
          const double w = std::sqrt(at(1, i)), g = std::sqrt(at(2, i)) * p.rescale_grad, lr = at(0, i);
          static_cast<T*>(out[0])[i] =
              static_cast<T>(w > 0 && g > 0 ? lr * p.eta * w / (g + at(3, i) * w + p.eps) : lr);
        }
      });
    });
  };
}

}  // namespace

void register_optimizer_steps_ops() {
  register_step<SignSgd>("signsgd_update", {}, {}, "w -= lr * sign(g).");
  register_step<Signum>("signum_update", {"mom"}, {}, "w += lr * sign(mom), mom the running mean of -g.");
  register_step<Ftrl>("ftrl_update", {"z", "n"}, {"_sparse_ftrl_update"},
                      "Follow the regularised leader (McMahan et al., 2013).");
  register_step<Ftml>("ftml_update", {"d", "v", "z"}, {}, "Follow the moving leader (Zheng and Kwok, 2017).");
  register_step<AdaGrad>("_sparse_adagrad_update", {"history"}, {},
                         "w -= lr * g / sqrt(history + epsilon), history the sum of g^2.");
  set_lazy_step<Ftrl>("ftrl_update", false);
  set_lazy_step<AdaGrad>("_sparse_adagrad_update", true);
  register_lamb();
  register_lars();
}

}  // namespace symbind
