// Reductions over axes: sum, mean, prod, max, min, nansum, nanprod, norm.
#include "backend/cpu/reduce.h"

#include <optional>

#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  Tuple axis;
  bool keepdims, exclude;
  template <class V>
  void visit(V& v) {
    v("axis", axis, Tuple{}, "The axes to reduce; all by default.");
    v("keepdims", keepdims, false, "Keep the reduced axes with length 1.");
    v("exclude", exclude, false, "Reduce the axes that are not in `axis`.");
  }
};

enum class NormType { kNone, kFloat16, kFloat32, kFloat64, kInt32, kInt64, kInt8 };
constexpr DType kNormTypes[] = {DType::kUnknown, DType::kFloat16, DType::kFloat32, DType::kFloat64,
                                DType::kInt32,   DType::kInt64,   DType::kInt8};

struct NormParams {
  int64_t ord;
  Tuple axis;
  Choice out_dtype;
  bool keepdims;
  template <class V>
  void visit(V& v) {
    v("ord", ord, int64_t{2}, "1: the sum of magnitudes; 2: the square root of the sum of squares.");
    v("axis", axis, Tuple{}, "The axes to reduce; all by default.");
    v.choice("out_dtype", out_dtype, {"None", "float16", "float32", "float64", "int32", "int64", "int8"}, 0,
             "Type of the output; that of data by default.");
    v("keepdims", keepdims, false, "Keep the reduced axes with length 1.");
  }
};

std::vector<bool> reduced_axes(const Tuple& axis, bool exclude, int ndim, const char* op) {
  std::vector<bool> axes(static_cast<size_t>(ndim), axis.empty());
  for (int64_t a : axis) {
    const size_t i = static_cast<size_t>(normalize_axis(a, ndim, op));
    check(!axes[i], "[", op, "] axis: got ", format_value(axis), ", expected no axis twice");
    axes[i] = true;
  }
  if (exclude && !axis.empty()) axes.flip();
  return axes;
}

std::vector<bool> axes_of(const Params& p, int ndim, const char* op) {
  return reduced_axes(p.axis, p.exclude, ndim, op);
}
std::vector<bool> axes_of(const NormParams& p, int ndim, const char* op) {
  return reduced_axes(p.axis, false, ndim, op);
}

// The output's shape with the reduced axes kept.
Shape with_ones(const Shape& in, const std::vector<bool>& axes) {
  Shape s = in;
  for (int i = 0; i < s.ndim(); ++i) {
    if (axes[static_cast<size_t>(i)]) s[i] = 1;
  }
  return s;
}

template <class P>
void infer_reduce(ShapeContext& c) {
  const P& p = as<P>(c.params);
  const Shape& in = c.in[0];
  if (!in.has_rank()) return;
  const std::vector<bool> axes = axes_of(p, in.ndim(), c.op.name.c_str());
  Shape out;
  out.resize(0);
  for (int i = 0; i < in.ndim(); ++i) {
    if (!axes[static_cast<size_t>(i)]) {
      out.push_back(in[i]);
    } else if (p.keepdims) {
      out.push_back(1);
    }
  }
  if (out.ndim() == 0) out.push_back(1);  // a full reduction has shape (1,)
  c.set_out(0, out);
}

ReduceSpec spec_of(const KernelRequest& r, Reduce op, const std::vector<bool>& axes) {
  ReduceSpec spec;
  spec.op = op;
  spec.in = r.in[0].shape;
  spec.axes = axes;
  spec.dtype = r.in[0].dtype;
  spec.num_threads = r.num_threads;
  return spec;
}

int64_t reduced_count(const Shape& in, const std::vector<bool>& axes) {
  int64_t n = 1;
  for (int i = 0; i < in.ndim(); ++i) n *= axes[static_cast<size_t>(i)] ? in[i] : 1;
  return n;
}

struct Entry {
  const char* name;
  const char* alias;
  Reduce op;
  const char* backward;  // inputs: data, out_grad, output
  BinaryGrad grad;
  const char* doc;
};
constexpr BinaryGrad kNone = BinaryGrad::kCount;
constexpr Entry kTable[] = {
    {"sum", "sum_axis", Reduce::kSum, "_backward_sum", kNone, "The sum of elements over axes."},
    {"mean", nullptr, Reduce::kSum, "_backward_mean", kNone, "The mean of elements over axes."},
    {"prod", nullptr, Reduce::kProd, "_backward_prod", BinaryGrad::kProduct,
     "The product of elements over axes."},
    {"max", "max_axis", Reduce::kMax, "_backward_max", BinaryGrad::kExtremum,
     "The largest element over axes; all that are equal to it receive the gradient."},
    {"min", "min_axis", Reduce::kMin, "_backward_min", BinaryGrad::kExtremum,
     "The smallest element over axes; all that are equal to it receive the gradient."},
    {"nansum", nullptr, Reduce::kNanSum, "_backward_nansum", kNone,
     "The sum of elements over axes, NaN left out."},
    {"nanprod", nullptr, Reduce::kNanProd, "_backward_nanprod", BinaryGrad::kNanProduct,
     "The product of elements over axes, NaN left out."},
};

bool is_mean(const Entry& e) { return e.name[0] == 'm' && e.op == Reduce::kSum; }

Kernel integer_mean(const KernelRequest& r, const ReduceSpec& spec, int64_t count) {
  const ElementMap divide(binary_row(Binary::kDiv), r.out[0].dtype, r.out[0].dtype);
  const ConstantInput by{scalar_value(divide.compute(), static_cast<double>(count)), 1};
  const Kernel sum = reduce_kernel(spec),
               quotient = map_kernel(divide, r.out[0].shape.size(), 1, Cost::kCheap, by);
  return make_kernel(
      [sum, quotient](void* const* in, void* const* out, void* ws) {
        sum.run(sum.self.get(), in, out, ws);
        quotient.run(quotient.self.get(), out, out, nullptr);
      },
      sum.workspace);
}

Kernel forward_kernel(const Entry& e, const KernelRequest& r) {
  const Shape& in = r.in[0].shape;
  const std::vector<bool> axes = axes_of(as<Params>(r.params), in.ndim(), e.name);
  ReduceSpec spec = spec_of(r, e.op, axes);
  if (!is_mean(e)) return reduce_kernel(spec);
  const int64_t count = reduced_count(in, axes);
  if (is_float(spec.dtype)) {
    spec.scale = 1.0 / static_cast<double>(count);
    return reduce_kernel(spec);
  }
  return spec.dtype == DType::kBool || count == 0 ? reduce_kernel(spec) : integer_mean(r, spec, count);
}

// out_grad and output in the shape of the input with the reduced axes of length 1.
Kernel backward_kernel(const Entry& e, const KernelRequest& r) {
  const Shape& in = r.out[0].shape;
  const std::vector<bool> axes = axes_of(as<Params>(r.params), in.ndim(), e.name);
  const Shape small = with_ones(in, axes);
  const DType type = r.out[0].dtype;
  if (e.grad != kNone) {
    return broadcast_kernel(ElementMap(binary_grad_row(e.grad), type, type), in, {in, small, small},
                            Cost::kCheap);
  }
  if (e.op == Reduce::kNanSum) {  // inputs: out_grad, data
    return broadcast_kernel(ElementMap(unary_grad_row(UnaryGrad::kNanSum), type, type), in, {small, in},
                            Cost::kCheap);
  }
  if (!is_mean(e)) {
    return broadcast_kernel(ElementMap(unary_row(Unary::kIdentity), type, type), in, {small}, Cost::kCheap);
  }
  const ElementMap times(binary_row(Binary::kMul), type, type, is_float(type) ? type : DType::kFloat64);
  const double factor = 1.0 / static_cast<double>(std::max<int64_t>(1, reduced_count(in, axes)));
  return broadcast_kernel(times, in, {small}, Cost::kCheap, {scalar_value(times.compute(), factor), 1});
}

std::vector<EntryId> gradient(GradContext& c, const Entry& e) {
  std::vector<EntryId> inputs{c.out_grad(0)};
  if (e.grad != kNone) {
    inputs = {c.input(0), c.out_grad(0), c.output(0)};
  } else if (e.op == Reduce::kNanSum) {
    inputs.push_back(c.input(0));
  }
  return {{c.backward(e.backward, std::move(inputs), {0}), 0}};
}

void register_reduction(const Entry* e) {
  OpDef& op = register_op(e->name);
  if (e->alias != nullptr) op.aliases = {e->alias};
  op.doc = e->doc;
  op.params = params_spec<Params>();
  op.infer_shape = infer_reduce<Params>;
  op.kernel = [e](const KernelRequest& r) { return forward_kernel(*e, r); };
  op.gradient = [e](GradContext& c) { return gradient(c, *e); };
  std::vector<std::string> inputs{"out_grad"};
  if (e->grad != kNone) inputs = {"data", "out_grad", "output"};
  if (e->op == Reduce::kNanSum) inputs = {"out_grad", "data"};
  OpDef& back = register_backward_op(e->backward, inputs);
  back.params = op.params;
  back.kernel = [e](const KernelRequest& r) { return backward_kernel(*e, r); };
}

Kernel norm_kernel(const KernelRequest& r) {
  const NormParams& p = as<NormParams>(r.params);
  return floating_kernel(r, [&](const KernelRequest& wide) {
    ReduceSpec spec = spec_of(wide, p.ord == 1 ? Reduce::kL1 : Reduce::kSumSquares,
                              axes_of(p, wide.in[0].shape.ndim(), "norm"));
    spec.root = p.ord == 2;
    if (wide.in[0].dtype == wide.out[0].dtype) return reduce_kernel(spec);
    // Another type for the output: both in the wider one of float32 and float64.
    return compute_as(DType::kFloat64, wide.in, wide.out,
                      [&](Span<const TensorDesc> in, Span<const TensorDesc>) {
                        spec.dtype = in[0].dtype;
                        return reduce_kernel(spec);
                      });
  });
}

// Inputs: data, out_grad, output.
Kernel norm_backward_kernel(const KernelRequest& r) {
  const NormParams& p = as<NormParams>(r.params);
  return floating_kernel(r, [&](const KernelRequest& wide) {
    const Shape& in = wide.in[0].shape;
    const Shape small = with_ones(in, axes_of(p, in.ndim(), "norm"));
    const DType type = wide.in[0].dtype;
    auto build = [&](DType t) {
      if (p.ord == 2) {
        return broadcast_kernel(ElementMap(binary_grad_row(BinaryGrad::kNorm), t, t), in, {in, small, small},
                                Cost::kCheap);
      }
      const Kernel k =
          broadcast_kernel(ElementMap(unary_grad_row(UnaryGrad::kAbs), t, t), in, {small, in}, Cost::kCheap);
      return make_kernel([k](void* const* from, void* const* to, void* ws) {
        void* const swapped[2] = {from[1], from[0]};
        k.run(k.self.get(), swapped, to, ws);
      });
    };
    if (wide.in[1].dtype == type) return build(type);
    return compute_as(DType::kFloat64, wide.in, wide.out,
                      [&](Span<const TensorDesc>, Span<const TensorDesc>) { return build(DType::kFloat64); });
  });
}

void register_norm() {
  OpDef& op = register_op("norm");
  op.doc = "The vector norm of elements over axes.";
  op.params = params_spec<NormParams>();
  op.infer_shape = [](ShapeContext& c) {
    const int64_t ord = as<NormParams>(c.params).ord;
    check(ord == 1 || ord == 2, "[norm] ord: got ", ord, ", expected 1 or 2");
    infer_reduce<NormParams>(c);
  };
  op.infer_type = [](TypeContext& c) {
    const DType given = kNormTypes[as<NormParams>(c.params).out_dtype.value];
    c.set_out(0, given == DType::kUnknown ? c.in[0] : given);
    if (given == DType::kUnknown) c.set_in(0, c.out[0]);
  };
  op.kernel = norm_kernel;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_norm", {c.input(0), c.out_grad(0), c.output(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_norm", {"data", "out_grad", "output"});
  back.params = op.params;
  back.kernel = norm_backward_kernel;
}

}  // namespace

void register_reduce_ops() {
  for (const Entry& e : kTable) register_reduction(&e);
  register_norm();
}

}  // namespace symbind
