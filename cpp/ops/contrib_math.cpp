// Small functions beyond the core set: _contrib_quadratic, _contrib_div_sqrt_dim,
// _contrib_gradientmultiplier, khatri_rao, amp_multicast.
#include <cmath>

#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

// --- _contrib_quadratic ---

struct QuadraticParams {
  double a, b, c;
  template <class V>
  void visit(V& v) {
    v("a", a, 0.0, "The factor of x^2.");
    v("b", b, 0.0, "The factor of x.");
    v("c", c, 0.0, "The value at 0.");
  }
};

void register_quadratic() {
  OpDef& op = register_op("_contrib_quadratic");
  op.doc = "a x^2 + b x + c. Elementwise.";
  op.params = params_spec<QuadraticParams>();
  op.infer_shape = infer_same_shape;
  op.traits.elementwise = true;
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const QuadraticParams p = as<QuadraticParams>(r.params);
    const int64_t n = element_count(r.out[0]);
    return visit_dtype(r.in[0].dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      using C = std::conditional_t<sizeof(T) <= 4 && !std::is_integral_v<T>, float, double>;
      const C a = static_cast<C>(p.a), b = static_cast<C>(p.b), c = static_cast<C>(p.c);
      return make_kernel([=](void* const* in, void* const* out, void*) {
        const T* x = static_cast<const T*>(in[0]);
        T* y = static_cast<T*>(out[0]);
        parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const C v = static_cast<C>(x[i]);
            y[i] = static_cast<T>((a * v + b) * v + c);
          }
        });
      });
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const QuadraticParams& p = as<QuadraticParams>(c.params());
    const EntryId slope =
        c.apply("_contrib_quadratic", {c.input(0)}, {{"b", format_value(2 * p.a)}, {"c", format_value(p.b)}});
    return {c.apply("elemwise_mul", {c.out_grad(0), slope})};
  };
}

// --- linear functions ---

void register_div_sqrt_dim() {
  OpDef& op = register_op("_contrib_div_sqrt_dim");
  op.doc = "data divided by the square root of the length of its last axis.";
  op.infer_shape = infer_same_shape;
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const Shape& s = r.in[0].shape;
    const ElementMap times(binary_row(Binary::kMul), r.in[0].dtype, r.out[0].dtype);
    const double length = s.ndim() > 0 ? static_cast<double>(s.at(-1)) : 1.0;
    return map_kernel(times, s.size(), 1, Cost::kCheap,
                      {scalar_value(times.compute(), 1 / std::sqrt(length)), 1});
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {c.apply("_contrib_div_sqrt_dim", {c.out_grad(0)})};
  };
}

struct MultiplierParams {
  double scalar;
  bool is_int;
  template <class V>
  void visit(V& v) {
    v("scalar", scalar, 1.0, "The gradient is multiplied by it.");
    v("is_int", is_int, true, "Accepted for compatibility.");
  }
};

void register_gradient_multiplier() {
  OpDef& op = register_op("_contrib_gradientmultiplier");
  op.doc = "data unchanged; its gradient is multiplied by a number.";
  op.params = params_spec<MultiplierParams>();
  op.infer_shape = infer_same_shape;
  op.is_identity = [](const void*, bool) { return true; };
  op.traits.elementwise = true;
  op.traits.keeps_zero = true;
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const int64_t bytes = static_cast<int64_t>(r.in[0].bytes());
    return make_kernel([bytes](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) parallel_copy(in[0], out[0], bytes);
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {c.apply("_mul_scalar", {c.out_grad(0)},
                    {{"scalar", format_value(as<MultiplierParams>(c.params()).scalar)}})};
  };
}

// --- khatri_rao ---

struct CountParams {
  int64_t num_args;
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "Number of inputs.");
  }
  void finish(const char* op) {
    check(num_args >= 1, "[", op, "] num_args: got ", num_args, ", expected at least 1");
  }
};

void infer_khatri_rao(ShapeContext& c) {
  int64_t rows = 1, columns = c.out[0].ndim() == 2 ? c.out[0][1] : -1;
  for (const Shape& s : c.in) {
    check(!s.has_rank() || s.ndim() == 2, "[khatri_rao] got an input of shape ", s,
          ", expected 2 dimensions");
    if (s.has_rank() && s[1] >= 0) columns = s[1];
    rows = !s.has_rank() || s[0] < 0 || rows < 0 ? -1 : rows * s[0];
  }
  for (size_t i = 0; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), Shape{-1, columns});
  c.set_out(0, Shape{rows, columns});
}

// Row (i, j, ...) of the output is the product of row i of the first matrix, row j of the second one, ...
template <class T>
Kernel khatri_rao_kernel(const std::vector<int64_t>& rows, int64_t columns) {
  return make_kernel([rows, columns](void* const* in, void* const* out, void*) {
    T* y = static_cast<T*>(out[0]);
    int64_t done = 1;  // rows of the product so far, kept in the first rows of the output
    std::copy(static_cast<const T*>(in[0]), static_cast<const T*>(in[0]) + rows[0] * columns, y);
    done = rows[0];
    for (size_t k = 1; k < rows.size(); ++k) {
      const T* b = static_cast<const T*>(in[k]);
      // From the end, so that no row is overwritten before it is used up.
      for (int64_t i = done - 1; i >= 0; --i) {
        for (int64_t j = rows[k] - 1; j >= 0; --j) {
          T* to = y + (i * rows[k] + j) * columns;
          const T *left = y + i * columns, *right = b + j * columns;
          for (int64_t c = 0; c < columns; ++c) to[c] = static_cast<T>(left[c] * right[c]);
        }
      }
      done *= rows[k];
    }
  });
}

void register_khatri_rao() {
  OpDef& op = register_op("khatri_rao");
  op.doc =
      "The product of matrices column by column: column k is the Kronecker product of columns k of all "
      "inputs.";
  op.params = params_spec<CountParams>();
  op.num_args_key = "num_args";
  op.num_inputs = [](const void* p) { return static_cast<int>(as<CountParams>(p).num_args); };
  op.infer_shape = infer_khatri_rao;
  op.kernel = [](const KernelRequest& r) {
    std::vector<int64_t> rows;
    for (const TensorDesc& d : r.in) rows.push_back(d.shape[0]);
    return visit_dtype(r.out[0].dtype, [&](auto tag) {
      return khatri_rao_kernel<typename decltype(tag)::type>(rows, r.out[0].shape[1]);
    });
  };
}

// --- amp_multicast ---

struct MulticastParams {
  int64_t num_outputs;
  bool cast_narrow;
  template <class V>
  void visit(V& v) {
    v("num_outputs", num_outputs, required, "Number of arrays.");
    v("cast_narrow", cast_narrow, false,
      "Cast to the narrowest type among the inputs, not to the widest one.");
  }
  void finish(const char* op) {
    check(num_outputs >= 1, "[", op, "] num_outputs: got ", num_outputs, ", expected at least 1");
  }
};

bool is_cast(DType t) { return t == DType::kFloat16 || t == DType::kFloat32; }

void register_multicast() {
  auto count = [](const void* p) { return static_cast<int>(as<MulticastParams>(p).num_outputs); };
  OpDef& op = register_op("amp_multicast");
  op.doc =
      "The float16 and float32 arrays among the inputs in one of these types, as mixed-precision conversion "
      "inserts it; others unchanged.";
  op.params = params_spec<MulticastParams>();
  op.num_args_key = "num_outputs";
  op.num_inputs = op.num_outputs = count;
  op.output_names = [count](const void* p) {
    std::vector<std::string> names;
    for (int i = 0; i < count(p); ++i) names.push_back(concat("output", i));
    return names;
  };
  op.infer_shape = [](ShapeContext& c) {
    for (int i = 0; i < static_cast<int>(c.in.size()); ++i) {
      c.set_out(i, c.in[static_cast<size_t>(i)]);
      c.set_in(i, c.out[static_cast<size_t>(i)]);
    }
  };
  op.infer_type = [](TypeContext& c) {
    const bool narrow = as<MulticastParams>(c.params).cast_narrow;
    DType target = DType::kUnknown;
    for (DType t : c.in) {
      if (!is_cast(t)) continue;
      const bool wins = target == DType::kUnknown || (t == DType::kFloat16) == narrow;
      target = wins ? t : target;
    }
    // Written over, because an input that becomes known may change the target.
    for (size_t i = 0; i < c.in.size(); ++i) {
      if (c.in[i] != DType::kUnknown) c.out[i] = is_cast(c.in[i]) ? target : c.in[i];
    }
  };
  op.kernel = [](const KernelRequest& r) {
    std::vector<TensorDesc> from(r.in.begin(), r.in.end()), to(r.out.begin(), r.out.end());
    const std::vector<bool> used = r.out_used;
    return make_kernel([from, to, used](void* const* in, void* const* out, void*) {
      for (size_t i = 0; i < from.size(); ++i) {
        if (used[i]) parallel_convert(in[i], from[i].dtype, out[i], to[i].dtype, from[i].shape.size());
      }
    });
  };
  op.gradient = [](GradContext& c) {
    std::vector<EntryId> grads;
    for (int i = 0; i < c.num_inputs(); ++i) {
      const DType type = c.graph.dtype(c.input(i));
      const EntryId g = c.out_grad(i);
      grads.push_back(c.graph.dtype(g) == type ? g : c.apply("Cast", {g}, {{"dtype", dtype_name(type)}}));
    }
    return grads;
  };
}

}  // namespace

void register_contrib_math_ops() {
  register_quadratic();
  register_div_sqrt_dim();
  register_gradient_multiplier();
  register_khatri_rao();
  register_multicast();
}

}  // namespace symbind
