// SoftmaxOutput: softmax whose gradient is that of the cross entropy with the label.
#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "backend/cpu/softmax.h"
#include "ops/elementwise_common.h"
#include "ops/loss_common.h"

namespace symbind {
namespace {

enum class Normalization { kNull, kBatch, kValid };

struct Params {
  double grad_scale, ignore_label, smooth_alpha;
  bool multi_output, use_ignore, preserve_shape, out_grad;
  Choice normalization;
  template <class V>
  void visit(V& v) {
    v("grad_scale", grad_scale, 1.0, "Multiplies the gradient.");
    v("ignore_label", ignore_label, -1.0, "The label whose samples get no gradient, when use_ignore is set.");
    v("multi_output", multi_output, false, "Softmax over axis 1 of (N, C, d1, ...), one label per position.");
    v("use_ignore", use_ignore, false, "Whether ignore_label counts.");
    v("preserve_shape", preserve_shape, false,
      "Softmax over the last axis, whatever the number of dimensions.");
    v.choice("normalization", normalization, {"null", "batch", "valid"}, 0,
             "Divides the gradient by 1, the batch size, or the number of labels that are not ignored.");
    v("out_grad", out_grad, false,
      "Multiply the gradient by the output, which is what MXNet 1.9.1 does under this name.");
    v("smooth_alpha", smooth_alpha, 0.0,
      "Label smoothing: the part of the probability spread over the other classes.");
  }
};

// Data as (outer, classes, inner): softmax over classes.
struct Layout3 {
  int64_t outer = 1, classes = 1, inner = 1;
};

Layout3 layout_of(const Params& p, const Shape& shape) {
  Layout3 l;
  if (p.multi_output) {
    l.outer = shape[0];
    l.classes = shape[1];
    l.inner = shape.product(2, shape.ndim());
  } else if (p.preserve_shape) {
    l.outer = shape.product(0, shape.ndim() - 1);
    l.classes = shape.at(-1);
  } else {
    l.outer = shape[0];
    l.classes = shape.product(1, shape.ndim());
  }
  return l;
}

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  check(data.ndim() >= (p.multi_output ? 2 : 1), "[SoftmaxOutput] data: got shape ", data,
        ", expected at least ", p.multi_output ? 2 : 1, " dimensions");
  if (c.in[1] == data) return;  // labels as probabilities
  Shape label;
  label.resize(0);
  if (p.multi_output) {
    // (N, d1, ...), or the same numbers as (N, d1 * ...).
    const Shape& given = c.in[1];
    if (data.known() && given.known() && given.ndim() == 2 && given[0] == data[0] &&
        given[1] == data.product(2, data.ndim())) {
      return;
    }
    if (data.known() && given.known() && given.ndim() == data.ndim() && given[1] == 1) {  // (N, 1, d1, ...)
      label = data;
      label[1] = 1;
      c.set_in(1, label);
      return;
    }
    label.push_back(data[0]);
    if (given.has_rank() && given.ndim() == data.ndim() - 1) {
      for (int i = 2; i < data.ndim(); ++i) label.push_back(data[i]);
    } else {  // what MXNet infers when nothing is said
      label.push_back(data.known() ? data.product(2, data.ndim()) : -1);
    }
  } else {
    // Also without preserve_shape, where only the first N labels count.
    for (int i = 0; i + 1 < data.ndim(); ++i) label.push_back(data[i]);
  }
  c.set_in(1, label);
}

int64_t row_grain(const Layout3& l) {
  return std::max<int64_t>(1, kElementGrain / 8 / std::max<int64_t>(1, l.classes));
}

Kernel forward(const KernelRequest& r) {
  const Layout3 l = layout_of(as<Params>(r.params), r.in[0].shape);
  SoftmaxSpec s;
  s.outer = l.outer;
  s.n = l.classes;
  s.inner = l.inner;
  check(is_float(r.in[0].dtype), "[SoftmaxOutput] data: got ", dtype_name(r.in[0].dtype),
        ", expected a floating dtype");
  s.dtype = r.in[0].dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  return compute_as(s.dtype, Span<const TensorDesc>(r.in.data(), 1), r.out,
                    [&](Span<const TensorDesc>, Span<const TensorDesc>) { return softmax_kernel(s); });
}

struct BackwardSpec {
  Layout3 l;
  Params p;
  bool probabilities = false;  // labels of the shape of data
};

// What the gradient is divided by. As in MXNet, labels that are probabilities know no normalization, what is
// valid does not depend on use_ignore, and with one label per position null and batch divide by the number of
// positions too.
template <class T, class L>
double divisor_of(const BackwardSpec& s, const L* label) {
  if (s.probabilities) return 1;
  const double positions = s.p.multi_output ? static_cast<double>(std::max<int64_t>(s.l.inner, 1)) : 1.0;
  if (s.p.normalization == Normalization::kNull) return positions;
  if (s.p.normalization == Normalization::kBatch)
    return positions * static_cast<double>(std::max<int64_t>(s.l.outer, 1));
  const int64_t n = s.l.outer * s.l.inner;
  int64_t valid = 0;
  for (int64_t i = 0; i < n; ++i)
    valid += static_cast<int64_t>(label[i]) != static_cast<int64_t>(s.p.ignore_label);
  return static_cast<double>(std::max<int64_t>(valid, 1));
}

// Inputs output, label.
template <class T, class L>
Kernel backward_kernel(BackwardSpec s) {
  return make_kernel([s](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* y = static_cast<const T*>(in[0]);
    const L* label = static_cast<const L*>(in[1]);
    const T* head = s.p.out_grad ? y : nullptr;
    T* g = static_cast<T*>(out[0]);
    const Layout3 l = s.l;
    const A scale = static_cast<A>(s.p.grad_scale / divisor_of<T>(s, label));
    const A smooth =
        static_cast<A>(s.p.multi_output ? 0.0 : s.p.smooth_alpha);  // MXNet smooths only without positions
    const A other = l.classes > 1 ? smooth / static_cast<A>(l.classes - 1) : A(0);
    parallel_for(l.outer * l.inner, row_grain(l), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = i / l.inner * l.classes * l.inner + i % l.inner;
        if (s.probabilities) {
          for (int64_t c = 0; c < l.classes; ++c) {
            const int64_t j = at + c * l.inner;
            const A factor = head ? scale * A(head[j]) : scale;
            g[j] = T(factor * (A(y[j]) - static_cast<A>(label[j])));
          }
          continue;
        }
        const int64_t k = static_cast<int64_t>(label[i]);
        const bool ignored = s.p.use_ignore && k == static_cast<int64_t>(s.p.ignore_label);
        for (int64_t c = 0; c < l.classes; ++c) {
          const int64_t j = at + c * l.inner;
          const A target = c == k ? A(1) - smooth : other;
          const A factor = head ? scale * A(head[j]) : scale;
          g[j] = ignored ? T(0) : T(factor * (A(y[j]) - target));
        }
      }
    });
  });
}

Kernel backward(const KernelRequest& r) {
  BackwardSpec s;
  s.p = as<Params>(r.params);
  s.probabilities = r.in[1].shape == r.in[0].shape;
  s.l = layout_of(s.p, r.in[0].shape);
  return visit_float(r.in[0].dtype, "SoftmaxOutput", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return visit_dtype(r.in[1].dtype,
                       [&](auto label) { return backward_kernel<T, typename decltype(label)::type>(s); });
  });
}

}  // namespace

void register_softmax_output_ops() {
  OpDef& op = register_op("SoftmaxOutput");
  op.aliases = {"Softmax"};
  op.doc = "softmax(data); its gradient is that of the cross entropy with label.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "label"};
  op.infer_shape = infer_shape;
  op.traits.inplace = {{0, 0}};
  op.kernel = forward;
  OpDef& back = register_loss_backward(op, op.params);
  back.traits.inplace = {{0, 0}};
  back.kernel = backward;
}

}  // namespace symbind
