// Two-input functions with NumPy's broadcasting (broadcast_add, ...), and operators that only broadcast.
#include "backend/cpu/broadcast.h"
#include "backend/cpu/reduce.h"
#include "ops/binary_common.h"

namespace symbind {
namespace {

// Unknown lengths stay unknown, except that a known length above 1 decides the axis.
void infer_broadcast(ShapeContext& c) {
  const Shape &a = c.in[0], &b = c.in[1];
  if (!a.has_rank() || !b.has_rank()) return;
  const int ndim = std::max(a.ndim(), b.ndim());
  Shape out = Shape::unknown(ndim);
  for (int i = 0; i < ndim; ++i) {
    const int ia = i - (ndim - a.ndim()), ib = i - (ndim - b.ndim());
    const int64_t p = ia < 0 ? 1 : a[ia], q = ib < 0 ? 1 : b[ib];
    if (p >= 0 && q >= 0) {
      check(p == q || p == 1 || q == 1, "[", c.op.name, "] shapes ", a, " and ", b,
            " do not broadcast: axis ", i, " is ", p, " and ", q);
      out[i] = p == 1 ? q : p;
    } else if (p > 1 || q > 1) {
      out[i] = std::max(p, q);
    }
  }
  c.set_out(0, out);
}

// The sum of `scale` times a broadcast expression over the axes along which the result was broadcast.
// Inputs of the expression are all inputs of the request.
Kernel reduced_expression(const KernelRequest& r, const MapFn (&row)[kNumComputeTypes], Cost cost) {
  const Shape &full = r.in[0].shape, &result = r.out[0].shape;
  std::vector<Shape> inputs;
  for (const TensorDesc& d : r.in) inputs.push_back(d.shape);
  const ElementMap map(row, r.in[0].dtype, r.out[0].dtype);
  if (full.size() == result.size()) return broadcast_kernel(map, full, inputs, cost);
  ReduceSpec spec;
  spec.in = full;
  spec.axes = broadcast_axes(result, full);
  spec.dtype = r.in[0].dtype;
  spec.num_threads = r.num_threads;
  return reduce_kernel(spec, BroadcastMap(map, full, inputs));
}

// The gradient of a tensor that was broadcast: sums, times `scale`.
Kernel broadcast_sum_kernel(const KernelRequest& r, double scale) {
  ReduceSpec spec;
  spec.in = r.in[0].shape;
  spec.axes = broadcast_axes(r.out[0].shape, spec.in);
  spec.dtype = r.in[0].dtype;
  spec.scale = scale;
  spec.num_threads = r.num_threads;
  return reduce_kernel(spec);
}

OpDef& register_expression(const char* name, std::vector<std::string> inputs,
                           std::function<Kernel(const KernelRequest&)> kernel) {
  OpDef& op = register_backward_op(name, std::move(inputs));
  op.kernel = [kernel](const KernelRequest& r) { return floating_kernel(r, kernel); };
  return op;
}

std::string broadcast_partial_name(const PartialEntry& e) {
  return "_backward_broadcast" + std::string(e.name).substr(sizeof "_backward" - 1);
}

// The gradient of input i, which has not the shape of the output or whose partner has not.
EntryId broadcast_gradient(GradContext& c, int i, Partial partial) {
  const EntryId g = c.out_grad(0);
  const EntryId other = c.input(1 - i);
  const bool same = c.input_shape(i) == c.graph.shape(c.output(0));
  auto node = [&](const char* op, std::vector<EntryId> inputs) -> EntryId {
    return {c.backward(op, std::move(inputs), {i}), 0};
  };
  switch (partial) {
    case Partial::kZero:
      return {};
    case Partial::kOne:
      return same ? g : node("_backward_broadcast_sum", {g});
    case Partial::kMinusOne:
      return same ? c.apply("negative", {g}) : node("_backward_broadcast_negative_sum", {g});
    case Partial::kTimesRhs:
    case Partial::kTimesLhs:
      return node("_backward_broadcast_mul", {g, other});
    case Partial::kOverRhs:
      return node("_backward_broadcast_div", {g, other});
    default:
      break;
  }
  for (const PartialEntry& e : kPartialTable) {
    if (e.partial == partial) return node(broadcast_partial_name(e).c_str(), {g, c.input(0), c.input(1)});
  }
  fail("[gradient] a partial derivative without an operator");
}

void register_binary() {
  for (const BinaryEntry& e : kBinaryTable) {
    OpDef& op = register_op(e.broadcast_name);
    if (e.broadcast_alias != nullptr) op.aliases = {e.broadcast_alias};
    op.doc = concat(e.doc, " Axes of length 1, and missing leading axes, are repeated.");
    op.inputs = {"lhs", "rhs"};
    op.infer_shape = infer_broadcast;
    op.traits.inplace = {{0, 0}, {1, 0}};  // only taken for inputs of the output's size
    const Binary function = e.op;
    const Cost cost = e.cost;
    op.kernel = [function, cost](const KernelRequest& r) {
      const ElementMap map(binary_row(function), r.in[0].dtype, r.out[0].dtype);
      return broadcast_kernel(map, r.out[0].shape, {r.in[0].shape, r.in[1].shape}, cost);
    };
    const BinaryEntry* entry = &e;
    op.gradient = [entry](GradContext& c) -> std::vector<EntryId> {
      if (entry->lhs == Partial::kZero) return zero_gradient(c);
      if (c.input_shape(0) == c.input_shape(1)) {
        return {partial_gradient(c, entry->lhs), partial_gradient(c, entry->rhs)};
      }
      return {broadcast_gradient(c, 0, entry->lhs), broadcast_gradient(c, 1, entry->rhs)};
    };
  }
  register_expression("_backward_broadcast_mul", {"out_grad", "other"}, [](const KernelRequest& r) {
    return reduced_expression(r, binary_row(Binary::kMul), Cost::kCheap);
  });
  register_expression("_backward_broadcast_div", {"out_grad", "other"}, [](const KernelRequest& r) {
    return reduced_expression(r, binary_row(Binary::kDiv), Cost::kCheap);
  });
  for (const PartialEntry& e : kPartialTable) {
    const BinaryGrad grad = e.grad;
    register_expression(
        broadcast_partial_name(e).c_str(), {"out_grad", "lhs", "rhs"},
        [grad](const KernelRequest& r) { return reduced_expression(r, binary_grad_row(grad), Cost::kMath); });
  }
  register_expression("_backward_broadcast_sum", {"out_grad"},
                      [](const KernelRequest& r) { return broadcast_sum_kernel(r, 1); });
  register_expression("_backward_broadcast_negative_sum", {"out_grad"},
                      [](const KernelRequest& r) { return broadcast_sum_kernel(r, -1); });
}

OpDef& register_broadcast(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.kernel = [](const KernelRequest& r) {
    const ElementMap map(unary_row(Unary::kIdentity), r.in[0].dtype, r.out[0].dtype);
    return broadcast_kernel(map, r.out[0].shape, {r.in[0].shape}, Cost::kCheap);
  };
  op.gradient = [](GradContext& c) {
    std::vector<EntryId> grads = zero_gradient(c);
    const bool same = c.input_shape(0) == c.graph.shape(c.output(0));
    grads[0] = same ? c.out_grad(0) : EntryId{c.backward("_backward_broadcast_sum", {c.out_grad(0)}, {0}), 0};
    return grads;
  };
  return op;
}

// Axis `axis` of the input becomes `size` long.
void widen(ShapeContext& c, Shape& out, int axis, int64_t size) {
  const int64_t given = c.in[0][axis];
  check(given < 0 || size < 0 || given == 1 || given == size, "[", c.op.name, "] axis ", axis,
        " of data of shape ", c.in[0], " is ", given, ", expected 1 or ", size);
  out[axis] = size;
}

struct ToParams {
  Tuple shape;
  template <class V>
  void visit(V& v) {
    v("shape", shape, Tuple{}, "The shape to broadcast to; 0 keeps the length of data's axis.");
  }
};

struct AxisParams {
  Tuple axis, size;
  template <class V>
  void visit(V& v) {
    v("axis", axis, Tuple{}, "The axes to broadcast, of length 1.");
    v("size", size, Tuple{}, "Their lengths in the output.");
  }
};

struct LikeParams {
  std::optional<Tuple> lhs_axes, rhs_axes;
  template <class V>
  void visit(V& v) {
    v("lhs_axes", lhs_axes, std::optional<Tuple>(), "Axes of lhs to broadcast; all by default.");
    v("rhs_axes", rhs_axes, std::optional<Tuple>(), "The axes of rhs that give their lengths.");
  }
};

void infer_to(ShapeContext& c) {
  const Tuple& target = as<ToParams>(c.params).shape;
  if (!c.in[0].has_rank()) return;
  check(static_cast<int>(target.size()) == c.in[0].ndim(), "[broadcast_to] shape: got ", format_value(target),
        " for data of shape ", c.in[0], ", expected as many axes");
  Shape out = c.in[0];
  for (int i = 0; i < out.ndim(); ++i) {
    if (target[static_cast<size_t>(i)] != 0) widen(c, out, i, target[static_cast<size_t>(i)]);
  }
  c.set_out(0, out);
}

void infer_axis(ShapeContext& c) {
  const AxisParams& p = as<AxisParams>(c.params);
  check(p.axis.size() == p.size.size(), "[broadcast_axis] axis and size: got ", format_value(p.axis), " and ",
        format_value(p.size), ", expected as many of each");
  if (!c.in[0].has_rank()) return;
  Shape out = c.in[0];
  for (size_t i = 0; i < p.axis.size(); ++i) {
    const int axis = normalize_axis(p.axis[i], out.ndim(), "broadcast_axis");
    check(c.in[0][axis] < 0 || c.in[0][axis] == 1, "[broadcast_axis] axis ", axis, " of data of shape ",
          c.in[0], " is ", c.in[0][axis], ", expected 1");
    out[axis] = p.size[i];
  }
  c.set_out(0, out);
}

void infer_like(ShapeContext& c) {
  const LikeParams& p = as<LikeParams>(c.params);
  const Shape &lhs = c.in[0], &rhs = c.in[1];
  if (!lhs.has_rank() || !rhs.has_rank()) return;
  check(p.lhs_axes.has_value() == p.rhs_axes.has_value(),
        "[broadcast_like] lhs_axes and rhs_axes must be given together");
  Shape out = lhs;
  if (!p.lhs_axes) {
    check(lhs.ndim() == rhs.ndim(), "[broadcast_like] lhs of shape ", lhs, " and rhs of shape ", rhs,
          ": expected as many axes");
    for (int i = 0; i < out.ndim(); ++i) widen(c, out, i, rhs[i]);
  } else {
    check(p.lhs_axes->size() == p.rhs_axes->size() && !p.lhs_axes->empty(),
          "[broadcast_like] lhs_axes and rhs_axes: got ", format_value(*p.lhs_axes), " and ",
          format_value(*p.rhs_axes), ", expected as many of each, and at least one");
    for (size_t i = 0; i < p.lhs_axes->size(); ++i) {
      widen(c, out, normalize_axis((*p.lhs_axes)[i], lhs.ndim(), "broadcast_like"),
            rhs[normalize_axis((*p.rhs_axes)[i], rhs.ndim(), "broadcast_like")]);
    }
  }
  c.set_out(0, out);
}

}  // namespace

void register_broadcast_binary_ops() {
  register_binary();

  OpDef& to = register_broadcast("broadcast_to", "data with its axes of length 1 repeated to reach `shape`.");
  to.params = params_spec<ToParams>();
  to.infer_shape = infer_to;

  OpDef& axis = register_broadcast("broadcast_axis", "data with the given axes of length 1 repeated.");
  axis.aliases = {"broadcast_axes"};
  axis.params = params_spec<AxisParams>();
  axis.infer_shape = infer_axis;

  OpDef& like =
      register_broadcast("broadcast_like", "lhs with its axes of length 1 repeated to the lengths of rhs.");
  like.params = params_spec<LikeParams>();
  like.inputs = {"lhs", "rhs"};
  like.infer_shape = infer_like;
  like.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  };
}

}  // namespace symbind
