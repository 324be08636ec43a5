// Elements chosen by index along one axis: take, pick, batch_take, one_hot, fill_element_0index.
#include <optional>

#include "backend/cpu/strided_copy.h"
#include "ops/index_common.h"

namespace symbind {
namespace {

// --- take ---

struct TakeParams {
  int64_t axis;
  Choice mode;
  template <class V>
  void visit(V& v) {
    v("axis", axis, int64_t{0}, "The axis of a to take from.");
    v.choice("mode", mode, {"clip", "wrap", "raise"}, 0,
             "Indices out of range: clip: the first or last element; wrap: counted around; raise: an error.");
  }
};

void infer_take(ShapeContext& c) {
  if (!c.in[0].has_rank()) return;
  const int axis = normalize_axis(as<TakeParams>(c.params).axis, c.in[0].ndim(), "take");
  const int rest = c.in[0].ndim() - 1;
  if (c.in[1].has_rank()) {
    Shape out;
    out.resize(0);
    for (int i = 0; i < axis; ++i) out.push_back(c.in[0][i]);
    for (int64_t d : c.in[1]) out.push_back(d);
    for (int i = axis + 1; i <= rest; ++i) out.push_back(c.in[0][i]);
    c.set_out(0, out);
  }
  if (!c.out[0].has_rank()) return;
  const int indices = c.out[0].ndim() - rest;
  check(indices >= 0, "[take] output: got ", c.out[0], ", expected at least ", rest, " dimensions");
  Shape index, data = Shape::unknown(rest + 1);
  index.resize(0);
  for (int i = 0; i < indices; ++i) index.push_back(c.out[0][axis + i]);
  for (int i = 0; i <= rest; ++i) {
    if (i != axis) data[i] = c.out[0][i < axis ? i : i + indices - 1];
  }
  c.set_in(1, index);
  c.set_in(0, data);
}

// Arrays as (outer, length, inner) around an axis.
struct Around {
  int64_t outer, length, inner;
  Around(const Shape& s, int axis)
      : outer(s.product(0, axis)), length(s[axis]), inner(s.product(axis + 1, s.ndim())) {}
};

Kernel take_kernel(const KernelRequest& r) {
  const TakeParams& p = as<TakeParams>(r.params);
  const Around a(r.in[0].shape, normalize_axis(p.axis, r.in[0].shape.ndim(), "take"));
  const int64_t count = r.in[1].shape.size();
  const ResolveFn resolve = index_resolver(r.in[1].dtype);
  const IndexMode mode = static_cast<IndexMode>(p.mode.value);
  check(a.length > 0 || count == 0, "[take] axis ", p.axis, " of a is empty: got shape ", r.in[0].shape);
  return by_width(r.in[0].dtype, [&](auto word) {
    using Word = decltype(word);
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          int64_t* index = static_cast<int64_t*>(ws);
          resolve("take", in[1], count, a.length, mode, index);
          const Word* x = static_cast<const Word*>(in[0]);
          Word* y = static_cast<Word*>(out[0]);
          auto rows = [=](int64_t o, int64_t begin, int64_t end) {
            const Word* from = x + o * a.length * a.inner;
            Word* to = y + o * count * a.inner;
            if (a.inner == 1) {
              for (int64_t i = begin; i < end; ++i) to[i] = from[index[i]];
              return;
            }
            for (int64_t i = begin; i < end; ++i) {
              std::memcpy(to + i * a.inner, from + index[i] * a.inner,
                          static_cast<size_t>(a.inner) * sizeof(Word));
            }
          };
          if (a.outer == 1) {
            parallel_for(count, 1 + kElementGrain / std::max<int64_t>(a.inner, 1),
                         [=](int64_t begin, int64_t end) { rows(0, begin, end); });
          } else {
            parallel_for(a.outer, 1 + kElementGrain / std::max<int64_t>(count * a.inner, 1),
                         [=](int64_t begin, int64_t end) {
                           for (int64_t o = begin; o < end; ++o) rows(o, 0, count);
                         });
          }
        },
        static_cast<size_t>(count) * sizeof(int64_t));
  });
}

// Inputs out_grad, indices. Whatever the number of threads, sums keep their order: they split what is not
// the taken axis.
Kernel take_backward_kernel(const KernelRequest& r) {
  const TakeParams& p = as<TakeParams>(r.params);
  const Around a(r.out[0].shape, normalize_axis(p.axis, r.out[0].shape.ndim(), "take"));
  const int64_t count = r.in[1].shape.size(), bytes = static_cast<int64_t>(r.out[0].bytes());
  const ResolveFn resolve = index_resolver(r.in[1].dtype);
  // A forward pass that got here found all indices in range.
  const IndexMode mode = p.mode == IndexMode::kWrap ? IndexMode::kWrap : IndexMode::kClip;
  return visit_float(r.in[0].dtype, "take", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          int64_t* index = static_cast<int64_t*>(ws);
          parallel_zero(out[0], bytes);
          if (count == 0 || bytes == 0) return;
          resolve("take", in[1], count, a.length, mode, index);
          auto add = [=](int64_t o, int64_t begin, int64_t end) {
            const T* g = static_cast<const T*>(in[0]) + o * count * a.inner;
            T* x = static_cast<T*>(out[0]) + o * a.length * a.inner;
            for (int64_t i = 0; i < count; ++i, g += a.inner) {
              T* row = x + index[i] * a.inner;
              for (int64_t k = begin; k < end; ++k) row[k] += g[k];
            }
          };
          if (a.outer == 1) {
            parallel_for(a.inner, std::max<int64_t>(16, kElementGrain / count),
                         [=](int64_t begin, int64_t end) { add(0, begin, end); });
          } else {
            parallel_for(a.outer, 1 + kElementGrain / (count * a.inner), [=](int64_t begin, int64_t end) {
              for (int64_t o = begin; o < end; ++o) add(o, 0, a.inner);
            });
          }
        },
        static_cast<size_t>(count) * sizeof(int64_t));
  });
}

void register_take() {
  OpDef& op = register_op("take");
  op.doc = "The elements of a at indices along an axis, which the shape of indices replaces.";
  op.params = params_spec<TakeParams>();
  op.inputs = {"a", "indices"};
  op.infer_shape = infer_take;
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  };
  op.kernel = take_kernel;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_take", {c.out_grad(0), c.input(1)}, {0}), 0}, EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_take", {"out_grad", "indices"});
  back.params = op.params;
  back.kernel = take_backward_kernel;
}

// --- pick, and its relatives for the rows of a matrix ---

struct PickParams {
  std::optional<int64_t> axis;
  bool keepdims;
  Choice mode;
  template <class V>
  void visit(V& v) {
    v("axis", axis, std::optional<int64_t>(-1), "The axis to pick from.");
    v("keepdims", keepdims, false, "Keep the axis with length 1.");
    v.choice("mode", mode, {"clip", "wrap"}, 0,
             "Indices out of range: clip: the first or last element; wrap: counted around.");
  }
  void finish(const char* op) { check(axis.has_value(), "[", op, "] axis: got None, expected a number"); }
};

Shape without(const Shape& s, int axis, bool keepdims) {
  Shape r;
  r.resize(0);
  for (int i = 0; i < s.ndim(); ++i) {
    if (i != axis) r.push_back(s[i]);
    if (i == axis && keepdims) r.push_back(1);
  }
  if (r.ndim() == 0) r.push_back(1);
  return r;
}

void infer_pick(ShapeContext& c) {
  const PickParams& p = as<PickParams>(c.params);
  if (!c.in[0].has_rank()) return;
  const int ndim = c.in[0].ndim(), axis = normalize_axis(*p.axis, ndim, "pick");
  c.set_out(0, without(c.in[0], axis, p.keepdims));
  const bool kept = ndim > 1 && c.in[1].ndim() == ndim;
  c.set_in(1, without(c.in[0], axis, kept));
}

// (outer, length, inner) with indices (outer, inner). A matrix and its rows are the case inner 1.
struct PickPlan {
  Around a;
  ResolveFn resolve;
  IndexMode mode;
  int64_t count() const { return a.outer * a.inner; }
  size_t workspace() const { return static_cast<size_t>(count()) * sizeof(int64_t); }
};

// f(position in data, position in output) for every index.
template <class F>
void for_each_pick(const Around& a, const int64_t* index, F f) {
  parallel_for(a.outer, 1 + kElementGrain / std::max<int64_t>(a.inner, 1), [=](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      const int64_t first = o * a.length * a.inner;
      for (int64_t i = 0; i < a.inner; ++i) {
        const int64_t k = o * a.inner + i;
        f(first + index[k] * a.inner + i, k);
      }
    }
  });
}

Kernel pick_kernel(const PickPlan& plan, const char* op, DType dtype) {
  check(plan.a.length > 0 || plan.count() == 0, "[", op, "] the axis to pick from is empty");
  return by_width(dtype, [&](auto word) {
    using Word = decltype(word);
    return make_kernel(
        [plan, op](void* const* in, void* const* out, void* ws) {
          int64_t* index = static_cast<int64_t*>(ws);
          plan.resolve(op, in[1], plan.count(), plan.a.length, plan.mode, index);
          const Word* x = static_cast<const Word*>(in[0]);
          Word* y = static_cast<Word*>(out[0]);
          for_each_pick(plan.a, index, [=](int64_t from, int64_t k) { y[k] = x[from]; });
        },
        plan.workspace());
  });
}

// Inputs out_grad, index: every element is picked at most once.
Kernel pick_backward_kernel(const PickPlan& plan, const char* op, const TensorDesc& data) {
  const int64_t bytes = static_cast<int64_t>(data.bytes());
  return by_width(data.dtype, [&](auto word) {
    using Word = decltype(word);
    return make_kernel(
        [plan, op, bytes](void* const* in, void* const* out, void* ws) {
          int64_t* index = static_cast<int64_t*>(ws);
          parallel_zero(out[0], bytes);
          plan.resolve(op, in[1], plan.count(), plan.a.length, plan.mode, index);
          const Word* g = static_cast<const Word*>(in[0]);
          Word* x = static_cast<Word*>(out[0]);
          for_each_pick(plan.a, index, [=](int64_t to, int64_t k) { x[to] = g[k]; });
        },
        plan.workspace());
  });
}

PickPlan pick_plan(const KernelRequest& r, const Shape& data) {
  const PickParams& p = as<PickParams>(r.params);
  return {Around(data, normalize_axis(*p.axis, data.ndim(), "pick")), index_resolver(r.in[1].dtype),
          static_cast<IndexMode>(p.mode.value)};
}

PickPlan row_plan(const KernelRequest& r, const Shape& data) {
  return {Around(data, 1), index_resolver(r.in[1].dtype), IndexMode::kClip};
}

using PlanFn = PickPlan (*)(const KernelRequest& r, const Shape& data);

OpDef& register_picking(const char* name, const ParamsSpec& params, std::vector<std::string> inputs,
                        PlanFn plan, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params;
  op.inputs = std::move(inputs);
  op.kernel = [plan, name](const KernelRequest& r) {
    return pick_kernel(plan(r, r.in[0].shape), name, r.in[0].dtype);
  };
  const std::string back_name = std::string("_backward_") + name;
  op.gradient = [back_name](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward(back_name.c_str(), {c.out_grad(0), c.input(1)}, {0}), 0}, EntryId{}};
  };
  OpDef& back = register_backward_op(back_name, {"out_grad", "index"});
  back.params = params;
  back.kernel = [plan, name](const KernelRequest& r) {
    return pick_backward_kernel(plan(r, r.out[0].shape), name, r.out[0]);
  };
  return op;
}

void infer_rows(ShapeContext& c, int index) {
  const Shape& data = c.in[0];
  check(!data.has_rank() || data.ndim() == 2, "[", c.op.name, "] data: got shape ", data,
        ", expected 2 dimensions");
  if (data.has_rank()) c.set_in(index, Shape{data[0]});
}

void register_pick() {
  OpDef& pick = register_picking("pick", params_spec<PickParams>(), {"data", "index"}, pick_plan,
                                 "One element of data along an axis for every element of index.");
  pick.aliases = {"choose_element_0index"};
  pick.infer_shape = infer_pick;
  pick.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  };

  OpDef& rows = register_picking("batch_take", {}, {"a", "indices"}, row_plan,
                                 "Element indices[i] of row i of a matrix.");
  rows.infer_shape = [](ShapeContext& c) {
    infer_rows(c, 1);
    c.set_out(0, c.in[1]);
    c.set_in(1, c.out[0]);
  };
  rows.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (c.in[1] == DType::kUnknown) c.set_in(1, DType::kInt32);
  };

  OpDef& fill = register_op("fill_element_0index");
  fill.doc = "The matrix lhs with element rhs[i] of row i replaced by mhs[i].";
  fill.inputs = {"lhs", "mhs", "rhs"};
  fill.infer_shape = [](ShapeContext& c) {
    infer_rows(c, 1);
    infer_rows(c, 2);
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  };
  fill.traits.inplace = {{0, 0}};
  fill.kernel = [](const KernelRequest& r) {
    const PickPlan plan{Around(r.in[0].shape, 1), index_resolver(r.in[2].dtype), IndexMode::kClip};
    const int64_t bytes = static_cast<int64_t>(r.in[0].bytes());
    return by_width(r.in[0].dtype, [&](auto word) {
      using Word = decltype(word);
      return make_kernel(
          [plan, bytes](void* const* in, void* const* out, void* ws) {
            int64_t* index = static_cast<int64_t*>(ws);
            if (in[0] != out[0]) parallel_copy(in[0], out[0], bytes);
            if (bytes == 0) return;
            plan.resolve("fill_element_0index", in[2], plan.count(), plan.a.length, plan.mode, index);
            const Word* from = static_cast<const Word*>(in[1]);
            Word* y = static_cast<Word*>(out[0]);
            for_each_pick(plan.a, index, [=](int64_t to, int64_t k) { y[to] = from[k]; });
          },
          plan.workspace());
    });
  };
}

// --- one_hot ---

struct OneHotParams {
  int64_t depth;
  double on_value, off_value;
  DType dtype;
  template <class V>
  void visit(V& v) {
    v("depth", depth, required, "Length of the new axis.");
    v("on_value", on_value, 1.0, "The value at the index.");
    v("off_value", off_value, 0.0, "The value elsewhere.");
    v("dtype", dtype, DType::kFloat32, "Type of the output.");
  }
  void finish(const char* op) { check(depth > 0, "[", op, "] depth: got ", depth, ", expected at least 1"); }
};

template <class I, class T>
Kernel one_hot_kernel(int64_t count, const OneHotParams& p) {
  const T on = static_cast<T>(p.on_value), off = static_cast<T>(p.off_value);
  return make_kernel([count, depth = p.depth, on, off](void* const* in, void* const* out, void*) {
    const I* index = static_cast<const I*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    parallel_for(count, 1 + kElementGrain / depth, [=](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        T* row = y + k * depth;
        for (int64_t i = 0; i < depth; ++i) row[i] = off;
        const int64_t i = static_cast<int64_t>(index[k]);
        if (i >= 0 && i < depth) row[i] = on;
      }
    });
  });
}

void register_one_hot() {
  OpDef& op = register_op("one_hot");
  op.doc =
      "on_value at the index along a new last axis, off_value elsewhere; rows of indices out of range are "
      "off.";
  op.params = params_spec<OneHotParams>();
  op.inputs = {"indices"};
  op.infer_shape = [](ShapeContext& c) {
    if (c.in[0].has_rank()) {
      Shape out = c.in[0];
      out.push_back(as<OneHotParams>(c.params).depth);
      c.set_out(0, out);
    }
    if (c.out[0].has_rank() && c.out[0].ndim() > 0) c.set_in(0, Shape(c.out[0].begin(), c.out[0].end() - 1));
  };
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, as<OneHotParams>(c.params).dtype);
    if (c.in[0] == DType::kUnknown) c.set_in(0, DType::kFloat32);
  };
  op.kernel = [](const KernelRequest& r) {
    const OneHotParams& p = as<OneHotParams>(r.params);
    const int64_t count = r.in[0].shape.size();
    return visit_dtype(r.in[0].dtype, [&](auto index) {
      return visit_dtype(r.out[0].dtype, [&](auto value) {
        return one_hot_kernel<typename decltype(index)::type, typename decltype(value)::type>(count, p);
      });
    });
  };
  op.gradient = zero_gradient;
}

}  // namespace

void register_take_ops() {
  register_take();
  register_pick();
  register_one_hot();
}

}  // namespace symbind
