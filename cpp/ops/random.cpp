// Samplers whose distribution is the same for every element: _random_uniform, _random_normal.
#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "runtime/random.h"

namespace symbind {
namespace {

struct UniformParams {
  double low, high;
  Tuple shape;
  std::string ctx;
  std::optional<DType> dtype;
  template <class V>
  void visit(V& v) {
    v("low", low, 0.0, "Lower bound, included.");
    v("high", high, 1.0, "Upper bound, excluded.");
    v("shape", shape, Tuple{}, "Shape of the output.");
    v("ctx", ctx, std::string(), "Device of the output; used by mx.nd only.");
    v("dtype", dtype, std::optional<DType>(), "float16, float32 or float64; None is float32.");
  }
};

struct NormalParams {
  double loc, scale;
  Tuple shape;
  std::string ctx;
  std::optional<DType> dtype;
  template <class V>
  void visit(V& v) {
    v("loc", loc, 0.0, "Mean.");
    v("scale", scale, 1.0, "Standard deviation.");
    v("shape", shape, Tuple{}, "Shape of the output.");
    v("ctx", ctx, std::string(), "Device of the output; used by mx.nd only.");
    v("dtype", dtype, std::optional<DType>(), "float16, float32 or float64; None is float32.");
  }
};

template <class P>
void infer_shape(ShapeContext& c) {
  const P& p = as<P>(c.params);
  if (p.shape.empty()) {
    if (!c.out[0].has_rank()) c.set_out(0, Shape{1});
    return;
  }
  Shape shape(p.shape.begin(), p.shape.end());
  for (int i = 0; i < shape.ndim(); ++i) {
    check(shape[i] >= 0 || shape[i] == -1, "[", c.op.name, "] shape: got ", format_value(p.shape));
  }
  c.set_out(0, shape);
}

template <class P>
void infer_type(TypeContext& c) {
  const P& p = as<P>(c.params);
  if (p.dtype) {
    check(is_float(*p.dtype), "[", c.op.name, "] dtype: got ", dtype_name(*p.dtype),
          ", expected a floating dtype");
    c.set_out(0, *p.dtype);
  } else if (c.out[0] == DType::kUnknown) {
    c.set_out(0, DType::kFloat32);
  }
}

// draw(bits, k): the k-th value (0..3) of a block of four 32-bit draws.
template <class T, class F>
Kernel sampler(int64_t n, RandomState* random, F draw) {
  return make_kernel([n, random, draw](void* const*, void* const* out, void*) {
    T* y = static_cast<T*>(out[0]);
    const uint64_t seed = random->seed, stream = random->next_stream();
    parallel_for((n + 1) / 2, kElementGrain / 16, [=](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        double pair[2];
        draw(philox(seed, static_cast<uint64_t>(block), stream), pair);
        y[block * 2] = T(pair[0]);
        if (block * 2 + 1 < n) y[block * 2 + 1] = T(pair[1]);
      }
    });
  });
}

// Rounding to T must not reach the excluded upper bound.
template <class T>
double below(double value, double high) {
  return static_cast<double>(T(value)) < high ? value
                                              : std::nextafter(high, -HUGE_VAL) - std::fabs(high) * 1e-3;
}

Kernel uniform_kernel(const KernelRequest& r) {
  const UniformParams& p = as<UniformParams>(r.params);
  check(p.high >= p.low, "[_random_uniform] got low ", p.low, " above high ", p.high);
  const double low = p.low, width = p.high - p.low;
  return visit_float(r.out[0].dtype, "_random_uniform", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return sampler<T>(r.out[0].shape.size(), r.random, [low, width](const Philox4x32& b, double* pair) {
      if constexpr (sizeof(T) == 8) {
        pair[0] = low + width * uniform_double(b.v[0], b.v[1]);
        pair[1] = low + width * uniform_double(b.v[2], b.v[3]);
      } else {
        pair[0] = low + width * static_cast<double>(uniform_float(b.v[0]));
        pair[1] = low + width * static_cast<double>(uniform_float(b.v[2]));
        if constexpr (sizeof(T) == 2) {
          for (int k = 0; k < 2; ++k) pair[k] = width > 0 ? below<T>(pair[k], low + width) : low;
        }
      }
    });
  });
}

// Box and Muller's transform of two uniform draws.
Kernel normal_kernel(const KernelRequest& r) {
  const NormalParams& p = as<NormalParams>(r.params);
  check(p.scale >= 0, "[_random_normal] scale: got ", p.scale,
        ", expected a standard deviation of 0 or more");
  const double loc = p.loc, scale = p.scale;
  return visit_float(r.out[0].dtype, "_random_normal", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return sampler<T>(r.out[0].shape.size(), r.random, [loc, scale](const Philox4x32& b, double* pair) {
      const double u = 1.0 - uniform_double(b.v[0], b.v[1]);  // in (0, 1]
      const double angle = 6.283185307179586 * uniform_double(b.v[2], b.v[3]);
      const double radius = scale * std::sqrt(-2.0 * std::log(u));
      pair[0] = loc + radius * std::cos(angle);
      pair[1] = loc + radius * std::sin(angle);
    });
  });
}

OpDef& register_sampler(const char* name, std::vector<std::string> aliases, const char* doc) {
  OpDef& op = register_op(name);
  op.aliases = std::move(aliases);
  op.doc = doc;
  op.inputs = {};
  op.traits.random = true;
  op.gradient = [](GradContext&) { return std::vector<EntryId>{}; };
  return op;
}

}  // namespace

void register_random_ops() {
  OpDef& uniform =
      register_sampler("_random_uniform", {"uniform", "random_uniform"}, "Uniform draws from [low, high).");
  uniform.params = params_spec<UniformParams>();
  uniform.infer_shape = infer_shape<UniformParams>;
  uniform.infer_type = infer_type<UniformParams>;
  uniform.kernel = uniform_kernel;

  OpDef& normal = register_sampler("_random_normal", {"normal", "random_normal"}, "Normal draws.");
  normal.params = params_spec<NormalParams>();
  normal.infer_shape = infer_shape<NormalParams>;
  normal.infer_type = infer_type<NormalParams>;
  normal.kernel = normal_kernel;
}

}  // namespace symbind
