// Elements several times over: tile, repeat. The gradient is the sum over the copies.
#include <optional>

#include "ops/elementwise_common.h"
#include "ops/repeat_common.h"

namespace symbind {
namespace {

struct TileParams {
  Tuple reps;
  template <class V>
  void visit(V& v) {
    v("reps", reps, required, "How often data is repeated, by axis, aligned at the last one.");
  }
  void finish(const char* op) {
    for (int64_t n : reps)
      check(n > 0, "[", op, "] reps: got ", format_value(reps), ", expected positive numbers");
  }
};

struct RepeatParams {
  int64_t repeats;
  std::optional<int64_t> axis;
  template <class V>
  void visit(V& v) {
    v("repeats", repeats, required, "How often each element is repeated.");
    v("axis", axis, std::optional<int64_t>(), "The axis to repeat along; None: data is flattened first.");
  }
  void finish(const char* op) {
    check(repeats >= 0, "[", op, "] repeats: got ", repeats, ", expected at least 0");
  }
};

void infer_tile(ShapeContext& c) {
  const Tuple& reps = as<TileParams>(c.params).reps;
  if (!c.in[0].has_rank()) return;
  const int n = c.in[0].ndim(), m = static_cast<int>(reps.size()), ndim = std::max(n, m);
  auto rep = [&](int i) { return i < ndim - m ? 1 : reps[static_cast<size_t>(i - (ndim - m))]; };
  Shape out = Shape::unknown(ndim);
  for (int i = 0; i < ndim; ++i) {
    const int64_t length = i < ndim - n ? 1 : c.in[0][i - (ndim - n)];
    out[i] = length < 0 ? -1 : length * rep(i);
  }
  c.set_out(0, out);
  Shape data = Shape::unknown(n);
  for (int i = 0; i < n; ++i) {
    const int64_t length = c.out[0][i + ndim - n], times = rep(i + ndim - n);
    if (length < 0) continue;
    check(length % times == 0, "[tile] output: got ", c.out[0], ", expected multiples of reps ",
          format_value(reps));
    data[i] = length / times;
  }
  c.set_in(0, data);
}

RepeatPlan tile_plan(const void* params, const Shape& in) {
  const Tuple& reps = as<TileParams>(params).reps;
  const int n = in.ndim(), m = static_cast<int>(reps.size()), ndim = std::max(n, m);
  RepeatPlan plan;
  for (int i = 0; i < ndim; ++i) {
    if (i >= ndim - m) plan.repeat(reps[static_cast<size_t>(i - (ndim - m))]);
    if (i >= ndim - n) plan.keep(in[i - (ndim - n)]);
  }
  return plan;
}

void infer_repeat(ShapeContext& c) {
  const RepeatParams& p = as<RepeatParams>(c.params);
  if (!c.in[0].has_rank()) return;
  if (!p.axis) {
    if (c.in[0].known()) {
      c.set_out(0, Shape{c.in[0].size() * p.repeats});
    } else {
      c.set_out(0, Shape::unknown(1));
    }
    return;
  }
  const int axis = normalize_axis(*p.axis, c.in[0].ndim(), "repeat");
  Shape out = c.in[0];
  if (out[axis] >= 0) out[axis] *= p.repeats;
  c.set_out(0, out);
  Shape data = c.out[0];
  if (data[axis] >= 0 && p.repeats > 0) {
    check(data[axis] % p.repeats == 0, "[repeat] output: got ", data, ", expected a multiple of ", p.repeats,
          " along axis ", axis);
    data[axis] /= p.repeats;
  } else {
    data[axis] = -1;
  }
  c.set_in(0, data);
}

RepeatPlan repeat_plan(const void* params, const Shape& in) {
  const RepeatParams& p = as<RepeatParams>(params);
  const int axis = p.axis ? normalize_axis(*p.axis, in.ndim(), "repeat") : in.ndim() - 1;
  RepeatPlan plan;
  plan.keep(in.product(0, axis + 1));
  plan.repeat(p.repeats);
  plan.keep(in.product(axis + 1, in.ndim()));
  return plan;
}

void register_repeating(const char* name, const ParamsSpec& params, void (*infer)(ShapeContext&),
                        RepeatPlan (*plan)(const void*, const Shape&), const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params;
  op.infer_shape = infer;
  op.kernel = [plan](const KernelRequest& r) {
    return strided_copy_kernel(plan(r.params, r.in[0].shape).view(), r.out[0]);
  };
  const std::string back_name = std::string("_backward_") + name;
  op.gradient = [back_name](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward(back_name.c_str(), {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op(back_name, {"out_grad"});
  back.params = params;
  back.kernel = [plan](const KernelRequest& r) {
    return plan(r.params, r.out[0].shape).sum_kernel(r.in[0].dtype, r.num_threads);
  };
}

}  // namespace

void register_repeat_ops() {
  register_repeating("tile", params_spec<TileParams>(), infer_tile, tile_plan,
                     "data repeated as a whole, reps[i] times along axis i.");
  register_repeating("repeat", params_spec<RepeatParams>(), infer_repeat, repeat_plan,
                     "Every element of data, or every part along an axis, repeated in place.");
}

}  // namespace symbind
