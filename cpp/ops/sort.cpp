// Orders along an axis: sort, argsort, topk.
#include <algorithm>
#include <optional>

#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

using Axis = std::optional<int64_t>;

struct SortParams {
  Axis axis;
  bool is_ascend;
  template <class V>
  void visit(V& v) {
    v("axis", axis, Axis(-1), "The axis to sort along; None: data is flattened first.");
    v("is_ascend", is_ascend, true, "Smallest first.");
  }
};

void check_index_type(const char* op, DType type) {
  check(type != DType::kInt8 && type != DType::kBool, "[", op, "] dtype: got ", dtype_name(type),
        ", expected float16, float32, float64, int32, int64 or uint8");
}

struct ArgsortParams : SortParams {
  DType dtype;
  template <class V>
  void visit(V& v) {
    SortParams::visit(v);
    v("dtype", dtype, DType::kFloat32, "Type of the output.");
  }
  void finish(const char* op) { check_index_type(op, dtype); }
};

enum class Return { kValue, kIndices, kMask, kBoth };

struct TopkParams {
  Axis axis;
  int64_t k;
  Choice ret_typ;
  bool is_ascend;
  DType dtype;
  template <class V>
  void visit(V& v) {
    v("axis", axis, Axis(-1), "The axis to look along; None: data is flattened first.");
    v("k", k, int64_t{1}, "How many elements; below 1: all.");
    v.choice("ret_typ", ret_typ, {"value", "indices", "mask", "both"}, 1,
             "value: the elements; indices: where they are; mask: ones at their places in the shape of data; "
             "both: elements and indices.");
    v("is_ascend", is_ascend, false, "The smallest elements, smallest first.");
    v("dtype", dtype, DType::kFloat32, "Type of the indices.");
  }
  void finish(const char* op) { check_index_type(op, dtype); }
  bool values() const { return ret_typ == Return::kValue || ret_typ == Return::kBoth; }
};

// data as (outer, n, inner) around the axis, of which `k` elements are wanted.
struct Plan {
  int64_t outer = 1, n = 1, inner = 1, k = 1;
  bool ascend = true;
  int64_t rows() const { return outer * inner; }
};

int64_t axis_length(const Axis& axis, const Shape& data, const char* op) {
  return axis ? data[normalize_axis(*axis, data.ndim(), op)] : data.size();
}

Plan make_plan(const Axis& axis, const Shape& data, int64_t k, bool ascend, const char* op) {
  Plan p;
  p.n = axis_length(axis, data, op);
  if (axis) {
    const int a = normalize_axis(*axis, data.ndim(), op);
    p.outer = data.product(0, a);
    p.inner = data.product(a + 1, data.ndim());
  }
  check(p.n <= INT32_MAX, "[", op, "] too many elements to sort: got ", p.n, ", expected at most ",
        INT32_MAX);
  p.k = k < 1 ? p.n : k;
  p.ascend = ascend;
  return p;
}

template <class T>
struct Item {
  T key;
  int32_t index;
};

// NaN comes last in either order; equal elements keep their order.
template <bool kAscend, class T>
bool comes_first(const Item<T>& a, const Item<T>& b) {
  const bool a_nan = a.key != a.key, b_nan = b.key != b.key;
  if (a_nan || b_nan) return a_nan == b_nan ? a.index < b.index : b_nan;
  if (a.key == b.key) return a.index < b.index;
  return kAscend ? a.key < b.key : b.key < a.key;
}

template <bool kAscend, class T>
void order(Item<T>* items, int64_t n, int64_t k) {
  if (k < n) {
    if (k > n / 8) {
      std::nth_element(items, items + k, items + n, comes_first<kAscend, T>);
      std::sort(items, items + k, comes_first<kAscend, T>);
    } else {
      std::partial_sort(items, items + k, items + n, comes_first<kAscend, T>);
    }
  } else {
    std::sort(items, items + n, comes_first<kAscend, T>);
  }
}

// Writes what a kernel returns about one row: element i of the order goes to position first + i * step.
struct Outputs {
  void* value = nullptr;     // of the type of data
  void* index = nullptr;     // of `index_type`
  int32_t* exact = nullptr;  // indices for the gradient
  void* mask = nullptr;      // of the type of data, zero before
};

template <class T>
void write_index(void* to, DType type, int64_t at, T index) {
  switch (type) {
    case DType::kFloat32:
      static_cast<float*>(to)[at] = static_cast<float>(index);
      break;
    case DType::kFloat64:
      static_cast<double*>(to)[at] = static_cast<double>(index);
      break;
    case DType::kFloat16:
      static_cast<Half*>(to)[at] = Half(index);
      break;
    case DType::kInt64:
      static_cast<int64_t*>(to)[at] = index;
      break;
    case DType::kUint8:
      static_cast<uint8_t*>(to)[at] = static_cast<uint8_t>(index);
      break;
    default:
      static_cast<int32_t*>(to)[at] = index;
  }
}

template <class T>
void order_rows(const Plan& p, const T* x, Item<accumulate_t<T>>* scratch, const Outputs& out,
                DType index_type) {
  using Key = accumulate_t<T>;
  const int64_t cost = 1 + kElementGrain / std::max<int64_t>(p.n * 8, 1);
  parallel_for(p.rows(), cost, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t o = row / p.inner, i = row % p.inner;
      const T* from = x + o * p.n * p.inner + i;
      Item<Key>* items = scratch + row * p.n;
      for (int64_t j = 0; j < p.n; ++j)
        items[j] = {static_cast<Key>(from[j * p.inner]), static_cast<int32_t>(j)};
      p.ascend ? order<true>(items, p.n, p.k) : order<false>(items, p.n, p.k);
      const int64_t first = o * p.k * p.inner + i;
      for (int64_t j = 0; j < p.k; ++j) {
        const int64_t at = first + j * p.inner;
        if (out.value != nullptr) static_cast<T*>(out.value)[at] = static_cast<T>(items[j].key);
        if (out.index != nullptr) write_index(out.index, index_type, at, items[j].index);
        if (out.exact != nullptr) out.exact[at] = items[j].index;
        if (out.mask != nullptr)
          static_cast<T*>(out.mask)[o * p.n * p.inner + i + items[j].index * p.inner] = static_cast<T>(1);
      }
    }
  });
}

// Which of a kernel's outputs is what; -1: there is none.
struct Roles {
  int value = -1, index = -1, exact = -1, mask = -1;
};

Kernel order_kernel(const KernelRequest& r, const Plan& plan, Roles roles) {
  auto used = [&](int& role) {
    if (role >= 0 && !r.out_used[static_cast<size_t>(role)]) role = -1;
  };
  used(roles.exact);
  const DType index_type = roles.index >= 0 ? r.out[static_cast<size_t>(roles.index)].dtype : DType::kInt32;
  const int64_t mask_bytes = roles.mask >= 0 ? static_cast<int64_t>(r.out[0].bytes()) : 0;
  return visit_dtype(r.in[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Scratch = Item<accumulate_t<T>>;
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          auto at = [&](int role) { return role >= 0 ? out[role] : nullptr; };
          const Outputs to{at(roles.value), at(roles.index), static_cast<int32_t*>(at(roles.exact)),
                           at(roles.mask)};
          if (to.mask != nullptr) parallel_zero(to.mask, mask_bytes);
          order_rows(plan, static_cast<const T*>(in[0]), static_cast<Scratch*>(ws), to, index_type);
        },
        static_cast<size_t>(plan.rows() * plan.n) * sizeof(Scratch));
  });
}

// Inputs: the gradient of the ordered values, their indices as int32.
Kernel order_backward_kernel(const KernelRequest& r, const Plan& plan) {
  const int64_t bytes = static_cast<int64_t>(r.out[0].bytes());
  return visit_dtype(r.in[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T* g = static_cast<const T*>(in[0]);
      const int32_t* index = static_cast<const int32_t*>(in[1]);
      T* x = static_cast<T*>(out[0]);
      parallel_zero(x, bytes);
      for (int64_t o = 0; o < plan.outer; ++o) {
        T* row = x + o * plan.n * plan.inner;
        for (int64_t j = 0; j < plan.k; ++j) {
          for (int64_t i = 0; i < plan.inner; ++i, ++g, ++index) row[*index * plan.inner + i] = *g;
        }
      }
    });
  });
}

Shape ordered_shape(const Axis& axis, const Shape& data, int64_t k, const char* op) {
  if (!axis) {
    const int64_t n = data.known() ? data.size() : -1;
    check(n < 0 || k <= n, "[", op, "] k: got ", k, ", expected at most ", n);
    return Shape{k > 0 ? k : n};
  }
  const int a = normalize_axis(*axis, data.ndim(), op);
  Shape s = data;
  check(s[a] < 0 || k <= s[a], "[", op, "] k: got ", k, ", expected at most ", s[a], ", the length of axis ",
        a, " of data ", data);
  if (k > 0) s[a] = k;
  return s;
}

template <class P>
void infer_sorted(ShapeContext& c) {
  const P& p = as<P>(c.params);
  if (p.axis) {
    infer_same_shape(c);
    if (c.in[0].has_rank()) normalize_axis(*p.axis, c.in[0].ndim(), c.op.name.c_str());
  } else if (c.in[0].has_rank()) {
    for (size_t i = 0; i < c.out.size(); ++i)
      c.set_out(static_cast<int>(i), ordered_shape(p.axis, c.in[0], 0, c.op.name.c_str()));
  }
}

void register_backward(const char* name, const ParamsSpec& params, Plan (*plan)(const void*, const Shape&)) {
  OpDef& back = register_backward_op(name, {"out_grad", "index"});
  back.params = params;
  back.kernel = [plan](const KernelRequest& r) {
    return order_backward_kernel(r, plan(r.params, r.out[0].shape));
  };
}

Plan sort_plan(const void* params, const Shape& data) {
  const SortParams& p = as<SortParams>(params);
  return make_plan(p.axis, data, 0, p.is_ascend, "sort");
}

Plan topk_plan(const void* params, const Shape& data) {
  const TopkParams& p = as<TopkParams>(params);
  return make_plan(p.axis, data, p.k, p.is_ascend, "topk");
}

void register_sort() {
  OpDef& op = register_op("sort");
  op.doc = "data in order along an axis. NaN comes last.";
  op.params = params_spec<SortParams>();
  op.outputs = {"output0", "output1"};  // the second one keeps the order for the gradient
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = infer_sorted<SortParams>;
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    c.set_out(1, DType::kInt32);
  };
  op.kernel = [](const KernelRequest& r) {
    return order_kernel(r, sort_plan(r.params, r.in[0].shape), {0, -1, 1, -1});
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_sort", {c.out_grad(0), c.output(1)}, {0}), 0}};
  };
  register_backward("_backward_sort", op.params, sort_plan);

  OpDef& arg = register_op("argsort");
  arg.doc = "The indices that put data in order along an axis. NaN comes last.";
  arg.params = params_spec<ArgsortParams>();
  arg.infer_shape = infer_sorted<ArgsortParams>;
  arg.infer_type = [](TypeContext& c) { c.set_out(0, as<ArgsortParams>(c.params).dtype); };
  arg.kernel = [](const KernelRequest& r) {
    return order_kernel(r, sort_plan(r.params, r.in[0].shape), {-1, 0, -1, -1});
  };
  arg.gradient = zero_gradient;
}

// The outputs that users see, and one more that keeps the order for the gradient of values.
int topk_visible(const void* params) { return as<TopkParams>(params).ret_typ == Return::kBoth ? 2 : 1; }
int topk_outputs(const void* params) {
  return topk_visible(params) + (as<TopkParams>(params).values() ? 1 : 0);
}

Roles topk_roles(const TopkParams& p) {
  Roles r;
  if (p.ret_typ == Return::kMask) {
    r.mask = 0;
  } else if (p.ret_typ == Return::kIndices) {
    r.index = 0;
  } else {
    r.value = 0;
    r.index = p.ret_typ == Return::kBoth ? 1 : -1;
    r.exact = p.ret_typ == Return::kBoth ? 2 : 1;
  }
  return r;
}

void infer_topk(ShapeContext& c) {
  const TopkParams& p = as<TopkParams>(c.params);
  if (p.ret_typ == Return::kMask) {
    infer_same_shape(c);
    if (c.in[0].has_rank()) ordered_shape(p.axis, c.in[0], p.k, "topk");
    return;
  }
  if (!c.in[0].has_rank()) return;
  const Shape out = ordered_shape(p.axis, c.in[0], p.k, "topk");
  for (size_t i = 0; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), out);
}

void register_topk() {
  OpDef& op = register_op("topk");
  op.doc =
      "The k largest (or smallest) elements along an axis, in order: elements, indices or a mask. NaN is "
      "last.";
  op.params = params_spec<TopkParams>();
  op.num_outputs = topk_outputs;
  op.num_visible_outputs = topk_visible;
  op.output_names = [](const void* p) {
    std::vector<std::string> names;
    for (int i = 0, n = topk_outputs(p); i < n; ++i) names.push_back(n == 1 ? "output" : concat("output", i));
    return names;
  };
  op.infer_shape = infer_topk;
  op.infer_type = [](TypeContext& c) {
    const TopkParams& p = as<TopkParams>(c.params);
    const Roles roles = topk_roles(p);
    if (roles.index >= 0) c.set_out(roles.index, p.dtype);
    if (roles.exact >= 0) c.set_out(roles.exact, DType::kInt32);
    if (p.ret_typ == Return::kIndices) return;
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  };
  op.kernel = [](const KernelRequest& r) {
    return order_kernel(r, topk_plan(r.params, r.in[0].shape), topk_roles(as<TopkParams>(r.params)));
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const TopkParams& p = as<TopkParams>(c.params());
    if (!p.values()) return zero_gradient(c);
    return {{c.backward("_backward_topk", {c.out_grad(0), c.output(topk_roles(p).exact)}, {0}), 0}};
  };
  register_backward("_backward_topk", op.params, topk_plan);
}

}  // namespace

void register_sort_ops() {
  register_sort();
  register_topk();
}

}  // namespace symbind
