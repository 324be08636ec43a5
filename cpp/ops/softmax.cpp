// softmax, softmin, log_softmax along an axis, and SoftmaxActivation.
#include "backend/cpu/softmax.h"

#include <optional>

#include "ops/elementwise_common.h"

namespace symbind {
namespace {

constexpr DType kOutTypes[] = {DType::kUnknown, DType::kFloat16, DType::kFloat32, DType::kFloat64};

struct Params {
  int64_t axis;
  std::optional<double> temperature;
  Choice dtype;
  std::optional<bool> use_length;
  template <class V>
  void visit(V& v) {
    v("axis", axis, int64_t{-1}, "The axis that sums to 1.");
    v("temperature", temperature, std::optional<double>(), "data are divided by it first.");
    v.choice("dtype", dtype, {"None", "float16", "float32", "float64"}, 0,
             "Type of the output; that of data by default.");
    v("use_length", use_length, std::optional<bool>(false),
      "Is there an input with the lengths of the rows?");
  }
  bool has_length() const { return use_length.value_or(false); }
};

enum class Mode { kInstance, kChannel };

struct ActivationParams {
  Choice mode;
  template <class V>
  void visit(V& v) {
    v.choice("mode", mode, {"instance", "channel"}, 0,
             "instance: the elements along the last axis sum to 1; channel: those along axis 1.");
  }
};

struct Variant {
  const char* name;
  bool negative, log, may_have_length;
  const char* doc;
};
constexpr Variant kVariants[] = {
    {"softmax", false, false, true, "exp(x) divided by its sum over an axis."},
    {"softmin", true, false, false, "exp(-x) divided by its sum over an axis."},
    {"log_softmax", false, true, false, "The logarithm of softmax, computed without overflow."},
};

bool has_length(const Variant& v, const void* params) {
  return v.may_have_length && as<Params>(params).has_length();
}

SoftmaxSpec spec_of(const Variant& v, const void* params, const Shape& shape) {
  const Params& p = as<Params>(params);
  const int axis = normalize_axis(p.axis, shape.ndim(), v.name);
  SoftmaxSpec s;
  s.outer = shape.product(0, axis);
  s.n = shape[axis];
  s.inner = shape.product(axis + 1, shape.ndim());
  s.log = v.log;
  s.scale = (v.negative ? -1.0 : 1.0) / p.temperature.value_or(1.0);
  return s;
}

// Computes in float32, or in float64 where one of the tensors is; lengths keep their type.
Kernel in_floating_type(const KernelRequest& r, size_t floats, SoftmaxSpec s,
                        Kernel (*make)(const SoftmaxSpec&)) {
  if (r.in.size() > floats) s.length = r.in[floats].dtype;
  bool wide = r.out[0].dtype == DType::kFloat64, same = true;
  for (size_t i = 0; i < floats; ++i) {
    check(is_float(r.in[i].dtype), "[softmax] data: got ", dtype_name(r.in[i].dtype),
          ", expected a floating dtype");
    wide = wide || r.in[i].dtype == DType::kFloat64;
  }
  s.dtype = wide ? DType::kFloat64 : DType::kFloat32;
  for (size_t i = 0; i < floats; ++i) same = same && r.in[i].dtype == s.dtype;
  if (same && r.out[0].dtype == s.dtype) return make(s);
  const Kernel inner = make(s);
  const Span<const TensorDesc> in(r.in.data(), floats);
  // The converted inputs are dense from the front: what follows them (lengths) is passed by hand.
  const bool lengths = s.length != DType::kUnknown;
  auto held = std::make_shared<void*>(nullptr);
  const Kernel converted =
      compute_as(s.dtype, in, r.out, [&](Span<const TensorDesc>, Span<const TensorDesc>) {
        return make_kernel(
            [inner, floats, held](void* const* from, void* const* to, void* ws) {
              void* all[3] = {from[0], floats > 1 ? from[1] : *held, *held};
              inner.run(inner.self.get(), all, to, ws);
            },
            inner.workspace);
      });
  return make_kernel(
      [converted, held, floats, lengths](void* const* from, void* const* to, void* ws) {
        if (lengths) *held = from[floats];
        converted.run(converted.self.get(), from, to, ws);
      },
      converted.workspace);
}

void infer_shape(ShapeContext& c) {
  ShapeContext same{c.op, c.params, Span<Shape>(c.in.data(), 1), c.out};
  infer_same_shape(same);
  if (!c.in[0].has_rank()) return;
  const int axis = normalize_axis(as<Params>(c.params).axis, c.in[0].ndim(), c.op.name.c_str());
  if (c.in.size() < 2) return;
  Shape length;
  length.resize(0);
  for (int i = 0; i < c.in[0].ndim(); ++i) {
    if (i != axis) length.push_back(c.in[0][i]);
  }
  c.set_in(1, length);
}

void infer_type(TypeContext& c) {
  const DType given = kOutTypes[as<Params>(c.params).dtype.value];
  if (given == DType::kUnknown) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  } else {
    c.set_out(0, given);
  }
  if (c.in.size() < 2) return;
  if (c.in[1] == DType::kUnknown) c.in[1] = DType::kInt32;
  check(!is_float(c.in[1]) && c.in[1] != DType::kBool, "[softmax] dtype of 'length': got ",
        dtype_name(c.in[1]), ", expected an integer dtype");
}

void register_variant(const Variant* v) {
  const std::string backward = std::string("_backward_") + v->name;
  OpDef& op = register_op(v->name);
  op.doc = v->doc;
  op.params = params_spec<Params>();
  op.infer_shape = infer_shape;
  op.infer_type = infer_type;
  op.traits.inplace = {{0, 0}};
  if (v->may_have_length) {
    op.inputs = {"data", "length"};
    op.num_inputs = [v](const void* p) { return has_length(*v, p) ? 2 : 1; };
  }
  op.kernel = [v](const KernelRequest& r) {
    return in_floating_type(r, 1, spec_of(*v, r.params, r.in[0].shape), softmax_kernel);
  };
  op.gradient = [v, backward](GradContext& c) {
    std::vector<EntryId> grads = zero_gradient(c), inputs{c.out_grad(0), c.output(0)};
    if (has_length(*v, c.params())) inputs.push_back(c.input(1));
    grads[0] = {c.backward(backward.c_str(), std::move(inputs), {0}), 0};
    return grads;
  };
  OpDef& back = register_backward_op(backward, {"out_grad", "output", "length"});
  back.params = op.params;
  back.num_inputs = [v](const void* p) { return has_length(*v, p) ? 3 : 2; };
  back.traits.inplace = {{0, 0}, {1, 0}};
  back.kernel = [v](const KernelRequest& r) {
    return in_floating_type(r, 2, spec_of(*v, r.params, r.in[0].shape), softmax_backward_kernel);
  };
}

SoftmaxSpec activation_spec(const void* params, const Shape& shape) {
  SoftmaxSpec s;
  if (as<ActivationParams>(params).mode == Mode::kInstance) {
    s.n = shape.at(-1);
    s.outer = shape.product(0, shape.ndim() - 1);
  } else {
    s.outer = shape[0];
    s.n = shape[1];
    s.inner = shape.product(2, shape.ndim());
  }
  return s;
}

void register_activation() {
  OpDef& op = register_op("SoftmaxActivation");
  op.doc = "softmax over the last axis, or over the channels.";
  op.params = params_spec<ActivationParams>();
  op.infer_shape = [](ShapeContext& c) {
    infer_same_shape(c);
    const bool channel = as<ActivationParams>(c.params).mode == Mode::kChannel;
    check(!c.in[0].has_rank() || c.in[0].ndim() >= (channel ? 3 : 2), "[SoftmaxActivation] data: got shape ",
          c.in[0], ", expected at least ", channel ? 3 : 2, " dimensions");
  };
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    return in_floating_type(r, 1, activation_spec(r.params, r.in[0].shape), softmax_kernel);
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_SoftmaxActivation", {c.out_grad(0), c.output(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_SoftmaxActivation", {"out_grad", "output"});
  back.params = op.params;
  back.traits.inplace = {{0, 0}, {1, 0}};
  back.kernel = [](const KernelRequest& r) {
    return in_floating_type(r, 2, activation_spec(r.params, r.in[0].shape), softmax_backward_kernel);
  };
}

}  // namespace

void register_softmax_ops() {
  for (const Variant& v : kVariants) register_variant(&v);
  register_activation();
}

}  // namespace symbind
