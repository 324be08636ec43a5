// SVMOutput, softmax_cross_entropy and IdentityAttachKLSparseReg.
#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"
#include "ops/loss_common.h"

namespace symbind {
namespace {

// --- SVMOutput ---

struct SvmParams {
  double margin, regularization_coefficient;
  bool use_linear;
  template <class V>
  void visit(V& v) {
    v("margin", margin, 1.0, "Distance that scores keep from 0 at no cost.");
    v("regularization_coefficient", regularization_coefficient, 1.0, "Multiplies the gradient.");
    v("use_linear", use_linear, false, "Use the hinge loss in place of its square.");
  }
};

// Inputs output, label: scores (N, classes) and one class for each sample.
template <class T, class L>
Kernel svm_backward_kernel(const SvmParams& p, int64_t rows, int64_t classes) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* y = static_cast<const T*>(in[0]);
    const L* label = static_cast<const L*>(in[1]);
    T* g = static_cast<T*>(out[0]);
    const A margin = static_cast<A>(p.margin), scale = static_cast<A>(p.regularization_coefficient);
    parallel_for(rows, 1 + kElementGrain / std::max<int64_t>(classes, 1), [=](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t own = static_cast<int64_t>(label[r]);
        for (int64_t c = 0; c < classes; ++c) {
          const A sign = c == own ? A(-1) : A(1), missing = margin + sign * A(y[r * classes + c]);
          const A slope = p.use_linear ? A(1) : A(2) * missing;
          g[r * classes + c] = missing > 0 ? T(sign * scale * slope) : T(0);
        }
      }
    });
  });
}

void register_svm() {
  OpDef& op = register_op("SVMOutput");
  op.doc =
      "data; its gradient is that of the support vector machine's loss: the sum of max(0, margin - score)^2 "
      "for the "
      "label's class and max(0, margin + score)^2 for the others.";
  op.params = params_spec<SvmParams>();
  op.inputs = {"data", "label"};
  op.infer_shape = [](ShapeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (c.in[0].has_rank()) {
      Shape label = c.in[0];
      label.resize(std::max(label.ndim() - 1, 0));
      c.set_in(1, label);
    }
  };
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const int64_t bytes = static_cast<int64_t>(r.in[0].bytes());
    return make_kernel([bytes](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) parallel_copy(in[0], out[0], bytes);
    });
  };
  OpDef& back = register_loss_backward(op, op.params);
  back.kernel = [](const KernelRequest& r) {
    const int64_t classes = r.in[0].shape.at(-1), rows = classes > 0 ? r.in[0].shape.size() / classes : 0;
    return visit_float(r.in[0].dtype, "SVMOutput", [&](auto value) {
      return visit_dtype(r.in[1].dtype, [&](auto label) {
        return svm_backward_kernel<typename decltype(value)::type, typename decltype(label)::type>(
            as<SvmParams>(r.params), rows, classes);
      });
    });
  };
}

// --- softmax_cross_entropy ---

template <class T, class L>
Kernel cross_entropy_kernel(int64_t rows, int64_t classes) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    const L* label = static_cast<const L*>(in[1]);
    double total = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const T* row = x + r * classes;
      double largest = -HUGE_VAL, sum = 0;
      for (int64_t c = 0; c < classes; ++c) largest = std::max(largest, static_cast<double>(row[c]));
      for (int64_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(row[c]) - largest);
      const int64_t own = static_cast<int64_t>(label[r]);
      const double p =
          own >= 0 && own < classes ? std::exp(static_cast<double>(row[own]) - largest) / sum : 0.0;
      total -= std::log(
          std::max(p, 1e-8));  // as in MXNet, a class that is ruled out does not cost infinitely much
    }
    *static_cast<T*>(out[0]) = T(total);
  });
}

// Inputs out_grad, data, label: softmax - one_hot(label), times the gradient of the sum.
template <class T, class L>
Kernel cross_entropy_backward_kernel(int64_t rows, int64_t classes) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const A scale = A(*static_cast<const T*>(in[0]));
    const T* x = static_cast<const T*>(in[1]);
    const L* label = static_cast<const L*>(in[2]);
    T* g = static_cast<T*>(out[0]);
    parallel_for(rows, 1 + kElementGrain / (8 * std::max<int64_t>(classes, 1)),
                 [=](int64_t begin, int64_t end) {
                   for (int64_t r = begin; r < end; ++r) {
                     const T* row = x + r * classes;
                     A largest = -std::numeric_limits<A>::infinity(), sum = 0;
                     for (int64_t c = 0; c < classes; ++c) largest = std::max(largest, A(row[c]));
                     for (int64_t c = 0; c < classes; ++c) sum += std::exp(A(row[c]) - largest);
                     const int64_t own = static_cast<int64_t>(label[r]);
                     for (int64_t c = 0; c < classes; ++c)
                       g[r * classes + c] =
                           T(scale * (std::exp(A(row[c]) - largest) / sum - (c == own ? A(1) : A(0))));
                   }
                 });
  });
}

template <class F>
Kernel by_types(const TensorDesc& data, const TensorDesc& label, F f) {
  return visit_float(data.dtype, "softmax_cross_entropy", [&](auto value) {
    return visit_dtype(label.dtype, [&](auto index) {
      return f(typename decltype(value)::type{}, typename decltype(index)::type{});
    });
  });
}

void register_cross_entropy() {
  OpDef& op = register_op("softmax_cross_entropy");
  op.doc = "The sum over rows of -log(softmax(data)[label]): data (N, classes), label (N,), output (1,).";
  op.inputs = {"data", "label"};
  op.infer_shape = [](ShapeContext& c) {
    check(!c.in[0].has_rank() || c.in[0].ndim() == 2, "[softmax_cross_entropy] data: got shape ", c.in[0],
          ", expected 2 dimensions");
    if (c.in[0].has_rank()) c.set_in(1, Shape{c.in[0][0]});
    c.set_out(0, Shape{1});
  };
  op.kernel = [](const KernelRequest& r) {
    const Shape& s = r.in[0].shape;
    return by_types(r.in[0], r.in[1], [&](auto value, auto label) {
      return cross_entropy_kernel<decltype(value), decltype(label)>(s[0], s[1]);
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_softmax_cross_entropy", {c.out_grad(0), c.input(0), c.input(1)}, {0}), 0},
            EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_softmax_cross_entropy", {"out_grad", "data", "label"});
  back.kernel = [](const KernelRequest& r) {
    const Shape& s = r.in[1].shape;
    return by_types(r.in[1], r.in[2], [&](auto value, auto label) {
      return cross_entropy_backward_kernel<decltype(value), decltype(label)>(s[0], s[1]);
    });
  };
}

// --- IdentityAttachKLSparseReg ---

struct SparseParams {
  double sparseness_target, penalty, momentum;
  template <class V>
  void visit(V& v) {
    v("sparseness_target", sparseness_target, 0.1, "The mean that every unit should have, in (0, 1).");
    v("penalty", penalty, 0.001, "Weight of the penalty.");
    v("momentum", momentum, 0.9, "What is kept of the moving mean at each update.");
  }
  void finish(const char* op) {
    check(sparseness_target > 0 && sparseness_target < 1, "[", op, "] sparseness_target: got ",
          sparseness_target, ", expected a number between 0 and 1");
    check(momentum >= 0 && momentum < 1, "[", op, "] momentum: got ", momentum,
          ", expected a number from 0 to below 1");
  }
};

// Inputs out_grad, data, moving_avg. Moves the mean of each unit first, then adds the derivative of the
// Kullback-Leibler divergence between targets and means.
template <class T>
Kernel sparse_backward_kernel(const SparseParams& p, int64_t rows, int64_t units) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T *g = static_cast<const T*>(in[0]), *x = static_cast<const T*>(in[1]);
    T *moving = static_cast<T*>(in[2]), *dx = static_cast<T*>(out[0]);
    parallel_for(units, std::max<int64_t>(8, kElementGrain / std::max<int64_t>(rows, 1)),
                 [=](int64_t begin, int64_t end) {
                   for (int64_t u = begin; u < end; ++u) {
                     double sum = 0;
                     for (int64_t r = 0; r < rows; ++r) sum += static_cast<double>(x[r * units + u]);
                     const double mean = p.momentum * static_cast<double>(moving[u]) +
                                         (1 - p.momentum) * sum / static_cast<double>(rows);
                     moving[u] = T(mean);
                     const double slope =
                         p.penalty * (-p.sparseness_target / mean + (1 - p.sparseness_target) / (1 - mean));
                     for (int64_t r = 0; r < rows; ++r)
                       dx[r * units + u] = T(static_cast<double>(g[r * units + u]) + slope);
                   }
                 });
  });
}

void register_sparse_regularisation() {
  OpDef& op = register_op("IdentityAttachKLSparseReg");
  op.doc =
      "data (N, units) unchanged. Its gradient also pulls the moving mean of each unit towards "
      "sparseness_target; "
      "for the outputs of a sigmoid.";
  op.params = params_spec<SparseParams>();
  op.inputs = {"data", "moving_avg"};
  op.aux = {1};
  op.variable_attrs["moving_avg"] = {{"__init__", "[\"zero\", {}]"}};
  op.infer_shape = [](ShapeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    check(!c.in[0].has_rank() || c.in[0].ndim() == 2, "[IdentityAttachKLSparseReg] data: got shape ", c.in[0],
          ", expected 2 dimensions");
    if (c.in[0].has_rank()) c.set_in(1, Shape{c.in[0][1]});
  };
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const int64_t bytes = static_cast<int64_t>(r.in[0].bytes());
    return make_kernel([bytes](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) parallel_copy(in[0], out[0], bytes);
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const int32_t id =
        c.backward("_backward_IdentityAttachKLSparseReg", {c.out_grad(0), c.input(0), c.input(1)}, {0});
    return {{id, 0}, EntryId{}};
  };
  OpDef& back =
      register_backward_op("_backward_IdentityAttachKLSparseReg", {"out_grad", "data", "moving_avg"});
  back.params = op.params;
  back.aux = {2};
  back.kernel = [](const KernelRequest& r) {
    const Shape& s = r.in[1].shape;
    return visit_float(r.in[0].dtype, "IdentityAttachKLSparseReg", [&](auto tag) {
      return sparse_backward_kernel<typename decltype(tag)::type>(as<SparseParams>(r.params), s[0], s[1]);
    });
  };
}

}  // namespace

void register_more_losses_ops() {
  register_svm();
  register_cross_entropy();
  register_sparse_regularisation();
}

}  // namespace symbind
