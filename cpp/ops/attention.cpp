// _contrib_interleaved_matmul_*: the products of multi-head attention, on projections that lie side by side.
#include <cmath>

#include "backend/cpu/gemm.h"
#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  int64_t heads;
  template <class V>
  void visit(V& v) {
    v("heads", heads, required, "Number of heads.");
  }
  void finish(const char* op) {
    check(heads > 0, "[", op, "] heads: got ", heads, ", expected a positive number");
  }
};

// Projections (length, batch, heads * parts * width), one head's parts side by side: queries, keys, values
// for self-attention, keys and values for attention to another sequence, or queries alone.
struct Projection {
  int64_t length = 0, batch = 0, heads = 0, parts = 0, width = 0;
  Projection(const Shape& s, int64_t num_heads, int64_t num_parts)
      : length(s[0]), batch(s[1]), heads(num_heads), parts(num_parts), width(s[2] / num_heads / num_parts) {}
  int64_t row() const { return batch * heads * parts * width; }
  // Where the matrix (length, width) of one head of one sample begins; rows are row() apart.
  int64_t at(int64_t b, int64_t h, int64_t part) const { return ((b * heads + h) * parts + part) * width; }
  int64_t maps() const { return batch * heads; }
};

void check_projection(const ShapeContext& c, int i, int64_t parts) {
  const Shape& s = c.in[i];
  if (!s.has_rank()) return;
  const int64_t step = as<Params>(c.params).heads * parts;
  check(s.ndim() == 3 && (s[2] < 0 || s[2] % step == 0), "[", c.op.name, "] ", c.op.inputs[i], ": got shape ",
        s, ", expected (length, batch, a multiple of ", step, ")");
}

int64_t dim(const Shape& s, int i) { return s.has_rank() ? s[i] : -1; }
int64_t times(int64_t a, int64_t b) { return a < 0 || b < 0 ? -1 : a * b; }

// One of the operators: `first` reads queries, or keys and values; the attention maps are its output (qk) or
// its second input (valatt).
struct Variant {
  const char* name;
  bool encdec, valatt;
  const char* doc;
};
constexpr Variant kVariants[] = {
    {"_contrib_interleaved_matmul_selfatt_qk", false, false,
     "Scores (batch * heads, length, length) of self-attention: queries over the square root of their width, "
     "times "
     "keys, from projections (length, batch, heads * 3 * width)."},
    {"_contrib_interleaved_matmul_selfatt_valatt", false, true,
     "Attention (batch * heads, length, length) times values, from projections (length, batch, heads * 3 * "
     "width)."},
    {"_contrib_interleaved_matmul_encdec_qk", true, false,
     "Scores (batch * heads, queries, keys): queries (length, batch, heads * width) over the square root of "
     "width, "
     "times keys of (length, batch, heads * 2 * width)."},
    {"_contrib_interleaved_matmul_encdec_valatt", true, true,
     "Attention (batch * heads, queries, keys) times the values of (length, batch, heads * 2 * width)."},
};

void infer_qk(ShapeContext& c, bool encdec) {
  const int64_t heads = as<Params>(c.params).heads;
  check_projection(c, 0, encdec ? 1 : 3);
  if (!encdec) {
    c.set_out(0, Shape{times(dim(c.in[0], 1), heads), dim(c.in[0], 0), dim(c.in[0], 0)});
    return;
  }
  check_projection(c, 1, 2);
  if (c.in[0].has_rank()) c.set_in(1, Shape{-1, c.in[0][1], times(2, c.in[0][2])});
  c.set_out(0, Shape{times(dim(c.in[0], 1), heads), dim(c.in[0], 0), dim(c.in[1], 0)});
}

void infer_valatt(ShapeContext& c, bool encdec) {
  const int64_t heads = as<Params>(c.params).heads, parts = encdec ? 2 : 3;
  check_projection(c, 0, parts);
  if (!c.in[0].has_rank()) return;
  const Shape& p = c.in[0];
  c.set_in(1, Shape{times(p[1], heads), encdec ? -1 : p[0], p[0]});
  c.set_out(0, Shape{c.in[1][1], p[1], p[2] < 0 ? -1 : p[2] / parts});
}

// f(b, h, number of the attention map)
template <class F>
void for_heads(const Projection& p, F&& f) {
  parallel_for(p.maps(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i / p.heads, i % p.heads, i);
  });
}

template <class T>
const T* input(void* const* in, int i) {
  return static_cast<const T*>(in[i]);
}

template <class T>
Kernel qk_kernel(const Projection& q, const Projection& k, int key_input, int key_part) {
  const T scale = T(1) / std::sqrt(T(q.width));
  return make_kernel([=](void* const* in, void* const* out, void*) {
    for_heads(q, [&](int64_t b, int64_t h, int64_t i) {
      gemm(false, true, q.length, k.length, q.width, scale, input<T>(in, 0) + q.at(b, h, 0), q.row(),
           input<T>(in, key_input) + k.at(b, h, key_part), k.row(), T(0),
           static_cast<T*>(out[0]) + i * q.length * k.length, k.length);
    });
  });
}

// Inputs out_grad, then those of the node; outputs their gradients.
template <class T>
Kernel qk_backward_kernel(const Projection& q, const Projection& k, bool encdec, int key_part) {
  const T scale = T(1) / std::sqrt(T(q.width));
  const int key = encdec ? 1 : 0;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    T *dq = static_cast<T*>(out[0]), *dk = static_cast<T*>(out[key]);
    if (!encdec) std::fill(dq, dq + q.length * q.row(), T(0));  // values get nothing
    if (encdec && dk != nullptr) std::fill(dk, dk + k.length * k.row(), T(0));
    for_heads(q, [&](int64_t b, int64_t h, int64_t i) {
      const T* g = input<T>(in, 0) + i * q.length * k.length;
      if (dq != nullptr) {
        gemm(false, false, q.length, q.width, k.length, scale, g, k.length,
             input<T>(in, 1 + key) + k.at(b, h, key_part), k.row(), T(0), dq + q.at(b, h, 0), q.row());
      }
      if (dk != nullptr) {
        gemm(true, false, k.length, q.width, q.length, scale, g, k.length, input<T>(in, 1) + q.at(b, h, 0),
             q.row(), T(0), dk + k.at(b, h, key_part), k.row());
      }
    });
  });
}

// y is a projection of one part: the values, mixed by the attention.
template <class T>
Kernel valatt_kernel(const Projection& v, const Projection& y) {
  const int64_t part = v.parts - 1;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    for_heads(v, [&](int64_t b, int64_t h, int64_t i) {
      gemm(false, false, y.length, v.width, v.length, T(1), input<T>(in, 1) + i * y.length * v.length,
           v.length, input<T>(in, 0) + v.at(b, h, part), v.row(), T(0),
           static_cast<T*>(out[0]) + y.at(b, h, 0), y.row());
    });
  });
}

// Inputs out_grad, projections, attention.
template <class T>
Kernel valatt_backward_kernel(const Projection& v, const Projection& y) {
  const int64_t part = v.parts - 1;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    T *dv = static_cast<T*>(out[0]), *da = static_cast<T*>(out[1]);
    if (dv != nullptr) std::fill(dv, dv + v.length * v.row(), T(0));
    for_heads(v, [&](int64_t b, int64_t h, int64_t i) {
      const T* g = input<T>(in, 0) + y.at(b, h, 0);
      if (dv != nullptr) {
        gemm(true, false, v.length, v.width, y.length, T(1), input<T>(in, 2) + i * y.length * v.length,
             v.length, g, y.row(), T(0), dv + v.at(b, h, part), v.row());
      }
      if (da != nullptr) {
        gemm(false, true, y.length, v.length, v.width, T(1), g, y.row(), input<T>(in, 1) + v.at(b, h, part),
             v.row(), T(0), da + i * y.length * v.length, v.length);
      }
    });
  });
}

// first and second are the node's inputs, out its output.
Kernel make(const Variant& variant, bool backward, const Params& p, DType type, const Shape& first,
            const Shape& second, const Shape& out) {
  auto typed = [&](auto tag) {
    using T = decltype(tag);
    if (variant.valatt) {
      const Projection v(first, p.heads, variant.encdec ? 2 : 3), y(out, p.heads, 1);
      return backward ? valatt_backward_kernel<T>(v, y) : valatt_kernel<T>(v, y);
    }
    const Projection q(first, p.heads, variant.encdec ? 1 : 3);
    const Projection k = variant.encdec ? Projection(second, p.heads, 2) : q;
    const int key_part = variant.encdec ? 0 : 1;
    return backward ? qk_backward_kernel<T>(q, k, variant.encdec, key_part)
                    : qk_kernel<T>(q, k, variant.encdec ? 1 : 0, key_part);
  };
  return type == DType::kFloat64 ? typed(double{}) : typed(float{});
}

void register_variant(const Variant* v) {
  OpDef& op = register_op(v->name);
  op.doc = v->doc;
  op.params = params_spec<Params>();
  const char* projections = v->encdec ? "keys_values" : "queries_keys_values";
  if (v->valatt) {
    op.inputs = {projections, "attention"};
  } else if (v->encdec) {
    op.inputs = {"queries", projections};
  } else {
    op.inputs = {projections};
  }
  op.infer_shape = [v](ShapeContext& c) { v->valatt ? infer_valatt(c, v->encdec) : infer_qk(c, v->encdec); };
  op.kernel = [v](const KernelRequest& request) {
    return floating_kernel(request, [v](const KernelRequest& r) {
      const Shape& second = r.in.size() > 1 ? r.in[1].shape : r.in[0].shape;
      return make(*v, false, as<Params>(r.params), r.in[0].dtype, r.in[0].shape, second, r.out[0].shape);
    });
  };
  const std::string backward = std::string("_backward") + (v->name + sizeof("_contrib") - 1);
  op.gradient = [backward](GradContext& c) {
    std::vector<EntryId> inputs{c.out_grad(0)}, grads;
    std::vector<int> like;
    for (int i = 0; i < c.num_inputs(); ++i) {
      inputs.push_back(c.input(i));
      like.push_back(i);
    }
    const int32_t id = c.backward(backward.c_str(), std::move(inputs), like);
    for (int i : like) grads.push_back({id, i});
    return grads;
  };
  std::vector<std::string> names{"out_grad"};
  names.insert(names.end(), op.inputs.begin(), op.inputs.end());
  OpDef& back = register_backward_op(backward, names);
  back.params = op.params;
  back.outputs = op.inputs;
  back.kernel = [v](const KernelRequest& request) {
    return floating_kernel(request, [v](const KernelRequest& r) {
      const Shape& second = r.in.size() > 2 ? r.in[2].shape : r.in[1].shape;
      return make(*v, true, as<Params>(r.params), r.in[0].dtype, r.in[1].shape, second, r.in[0].shape);
    });
  };
}

}  // namespace

void register_attention_ops() {
  for (const Variant& v : kVariants) register_variant(&v);
}

}  // namespace symbind
