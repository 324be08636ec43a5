// LinearRegressionOutput, LogisticRegressionOutput, MAERegressionOutput: an identity or sigmoid whose
// gradient is that of the loss, divided by the number of outputs per sample.
#include <cmath>

#include "backend/cpu/parallel.h"
#include "ops/loss_common.h"

namespace symbind {
namespace {

struct Params {
  double grad_scale;
  template <class V>
  void visit(V& v) {
    v("grad_scale", grad_scale, 1.0, "Multiplies the gradient.");
  }
};

enum class Kind { kLinear, kLogistic, kMae };

void infer_shape(ShapeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  // A label of (N,) is taken for data of (N, 1).
  if (data.ndim() == 2 && data[1] == 1) {
    if (c.in[1].has_rank() && c.in[1].ndim() == 1) {
      c.set_in(1, Shape{data[0]});
    } else if (!c.in[1].has_rank()) {
      c.set_in(1, Shape{data[0]});
    } else {
      c.set_in(1, data);
    }
    return;
  }
  if (c.in[1].known() && data.known() && c.in[1].size() == data.size() && c.in[1].ndim() > 0 &&
      data.ndim() > 0 && c.in[1][0] == data[0]) {
    return;  // the same numbers under another shape
  }
  c.set_in(1, data);
}

template <class T>
Kernel forward_kernel(int64_t n, Kind kind) {
  return make_kernel([n, kind](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
      if (kind == Kind::kLogistic) {
        for (int64_t i = begin; i < end; ++i) {
          y[i] = T(accumulate_t<T>(1) / (accumulate_t<T>(1) + std::exp(-accumulate_t<T>(x[i]))));
        }
      } else {
        for (int64_t i = begin; i < end; ++i) y[i] = x[i];
      }
    });
  });
}

// Inputs output, label. The label may be of any dtype.
template <class T, class L>
Kernel backward_kernel(int64_t n, Kind kind, double scale) {
  return make_kernel([n, kind, scale](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* y = static_cast<const T*>(in[0]);
    const L* label = static_cast<const L*>(in[1]);
    T* g = static_cast<T*>(out[0]);
    const A s = static_cast<A>(static_cast<float>(scale));  // rounded, as MXNet keeps it
    parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const A d = A(y[i]) - static_cast<A>(label[i]);
        g[i] = T(kind == Kind::kMae ? (d > 0 ? s : -s) : s * d);
      }
    });
  });
}

void register_kind(const char* name, Kind kind, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<Params>();
  op.inputs = {"data", "label"};
  op.infer_shape = infer_shape;
  op.traits.inplace = {{0, 0}};
  op.kernel = [kind](const KernelRequest& r) {
    return visit_float(r.in[0].dtype, "RegressionOutput", [&](auto tag) {
      return forward_kernel<typename decltype(tag)::type>(r.in[0].shape.size(), kind);
    });
  };
  OpDef& back = register_loss_backward(op, op.params);
  back.traits.inplace = {{0, 0}};
  back.kernel = [kind](const KernelRequest& r) {
    const Shape& shape = r.in[0].shape;
    const int64_t n = shape.size();
    const int64_t per_sample = shape.ndim() > 0 && shape[0] > 0 ? n / shape[0] : 1;
    const double scale =
        as<Params>(r.params).grad_scale / static_cast<double>(per_sample > 0 ? per_sample : 1);
    return visit_float(r.in[0].dtype, "RegressionOutput", [&](auto tag) {
      using T = typename decltype(tag)::type;
      return visit_dtype(r.in[1].dtype, [&](auto label) {
        return backward_kernel<T, typename decltype(label)::type>(n, kind, scale);
      });
    });
  };
}

}  // namespace

void register_regression_output_ops() {
  register_kind("LinearRegressionOutput", Kind::kLinear,
                "The identity; its gradient is that of half the squared error: grad_scale * (out - label) / "
                "outputs per sample.");
  register_kind("LogisticRegressionOutput", Kind::kLogistic,
                "The sigmoid; its gradient is that of the cross entropy: grad_scale * (out - label) / "
                "outputs per sample.");
  register_kind("MAERegressionOutput", Kind::kMae,
                "The identity; its gradient is that of the absolute error: grad_scale * (out > label ? 1 : "
                "-1) / outputs per sample.");
}

}  // namespace symbind
