// Positions of extrema: argmax, argmin, argmax_channel.
#include <optional>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  std::optional<int64_t> axis;
  bool keepdims;
  template <class V>
  void visit(V& v) {
    v("axis", axis, std::optional<int64_t>(), "The axis to search; by default all elements, flattened.");
    v("keepdims", keepdims, false, "Keep the searched axes with length 1.");
  }
};

// The array as (outer, n, inner); n is searched.
struct View {
  int64_t outer = 1, n = 1, inner = 1;
};

View view_of(const Shape& in, std::optional<int64_t> axis, const char* op) {
  if (!axis) return {1, in.size(), 1};
  const int a = normalize_axis(*axis, in.ndim(), op);
  return {in.product(0, a), in[a], in.product(a + 1, in.ndim())};
}

// The first extremum wins; the first NaN wins over everything.
template <class T, bool kMax>
int64_t find(const T* x, int64_t n, int64_t stride) {
  using A = accumulate_t<T>;
  A best = A(x[0]);
  int64_t at = 0;
  for (int64_t i = 1; i < n && best == best; ++i) {
    const A v = A(x[i * stride]);
    if ((kMax ? v > best : v < best) || v != v) {
      best = v;
      at = i;
    }
  }
  return at;
}

// The same for contiguous float rows: the extremum first, which vectorises, then where it is.
template <class T>
int64_t find_in_row(const ReduceFns& extremum, const T* x, int64_t n) {
  T best;
  extremum.init(&best, 1);
  extremum.rows(x, n, 1, &best);
  for (int64_t i = 0; i < n; ++i) {
    if (x[i] == best || x[i] != x[i]) return i;  // with a NaN the extremum is NaN
  }
  return 0;
}

template <bool kMax>
Kernel search_kernel(const KernelRequest& r, const View& v) {
  return visit_dtype(r.in[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const ReduceFns extremum =
        kernels().reduce[static_cast<int>(kMax ? Reduce::kMax : Reduce::kMin)][sizeof(T) == 8 ? kF64 : kF32];
    return make_kernel([v, extremum](void* const* in, void* const* out, void*) {
      const T* x = static_cast<const T*>(in[0]);
      T* y = static_cast<T*>(out[0]);
      parallel_for(v.outer * v.inner, 1 + kElementGrain / 4 / (v.n + 1), [&](int64_t begin, int64_t end) {
        if constexpr (std::is_floating_point_v<T>) {
          if (v.inner == 1 && v.n > 0) {
            for (int64_t i = begin; i < end; ++i) {
              y[i] = static_cast<T>(find_in_row<T>(extremum, x + i * v.n, v.n));
            }
            return;
          }
        }
        for (int64_t i = begin; i < end; ++i) {
          const T* row = x + i / v.inner * v.n * v.inner + i % v.inner;
          y[i] = static_cast<T>(v.n > 0 ? find<T, kMax>(row, v.n, v.inner) : 0);
        }
      });
    });
  });
}

void infer_search(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  const Shape& in = c.in[0];
  if (!in.has_rank()) return;
  if (!p.axis) {
    c.set_out(0, p.keepdims ? Shape::filled(in.ndim(), 1) : Shape{1});
    return;
  }
  const int axis = normalize_axis(*p.axis, in.ndim(), c.op.name.c_str());
  Shape out;
  out.resize(0);
  for (int i = 0; i < in.ndim(); ++i) {
    if (i != axis) {
      out.push_back(in[i]);
    } else if (p.keepdims) {
      out.push_back(1);
    }
  }
  if (out.ndim() == 0) out.push_back(1);
  c.set_out(0, out);
}

template <bool kMax>
void register_search(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<Params>();
  op.infer_shape = infer_search;
  op.gradient = zero_gradient;
  op.kernel = [name](const KernelRequest& r) {
    return search_kernel<kMax>(r, view_of(r.in[0].shape, as<Params>(r.params).axis, name));
  };
}

}  // namespace

void register_arg_reduce_ops() {
  register_search<true>("argmax", "The position of the largest element over an axis, in data's dtype.");
  register_search<false>("argmin", "The position of the smallest element over an axis, in data's dtype.");

  OpDef& channel = register_op("argmax_channel");
  channel.doc = "The position of the largest element over axis 1, in data's dtype.";
  channel.infer_shape = [](ShapeContext& c) {
    if (!c.in[0].has_rank()) return;
    check(c.in[0].ndim() >= 2, "[argmax_channel] data: got shape ", c.in[0],
          ", expected at least 2 dimensions");
    Shape out{c.in[0][0]};
    for (int i = 2; i < c.in[0].ndim(); ++i) out.push_back(c.in[0][i]);
    c.set_out(0, out);
  };
  channel.gradient = zero_gradient;
  channel.kernel = [](const KernelRequest& r) {
    return search_kernel<true>(r, view_of(r.in[0].shape, 1, "argmax_channel"));
  };
}

}  // namespace symbind
