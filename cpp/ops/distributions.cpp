// Samplers of one distribution for all elements (_random_<name>, _random_<name>_like) and of one for each
// element of their parameters (_sample_<name>).
#include <array>
#include <optional>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"
#include "ops/sampling.h"

namespace symbind {
namespace {

// What follows describes a distribution: its parameters with defaults, what they may be, and one draw.
struct Uniform {
  static constexpr int kCount = 2;
  static constexpr const char* kName = "uniform";
  static constexpr const char* kNames[] = {"low", "high"};
  static constexpr double kDefaults[] = {0, 1};
  static constexpr const char* kDocs[] = {"Lower bound, included.", "Upper bound, excluded."};
  static constexpr const char* kDomain = "low <= high";
  static bool valid(const double* p) { return p[0] <= p[1]; }
  static double draw(Draws& d, const double* p) { return p[0] + (p[1] - p[0]) * d.uniform(); }
};
struct Normal {
  static constexpr int kCount = 2;
  static constexpr const char* kName = "normal";
  static constexpr const char* kNames[] = {"loc", "scale"};
  static constexpr double kDefaults[] = {0, 1};
  static constexpr const char* kDocs[] = {"Mean.", "Standard deviation."};
  static constexpr const char* kDomain = "scale >= 0";
  static bool valid(const double* p) { return p[1] >= 0; }
  static double draw(Draws& d, const double* p) { return p[0] + p[1] * d.normal(); }
};
struct Gamma {
  static constexpr int kCount = 2;
  static constexpr const char* kName = "gamma";
  static constexpr const char* kNames[] = {"alpha", "beta"};
  static constexpr double kDefaults[] = {1, 1};
  static constexpr const char* kDocs[] = {"The shape.", "The scale: the mean is alpha beta."};
  static constexpr const char* kDomain = "alpha > 0 and beta > 0";
  static bool valid(const double* p) { return p[0] > 0 && p[1] > 0; }
  static double draw(Draws& d, const double* p) { return draw_gamma(d, p[0], p[1]); }
};
struct Exponential {
  static constexpr int kCount = 1;
  static constexpr const char* kName = "exponential";
  static constexpr const char* kNames[] = {"lam"};
  static constexpr double kDefaults[] = {1};
  static constexpr const char* kDocs[] = {"The rate: the mean is 1 / lam."};
  static constexpr const char* kDomain = "lam > 0";
  static bool valid(const double* p) { return p[0] > 0; }
  static double draw(Draws& d, const double* p) { return draw_exponential(d, p[0]); }
};
struct Poisson {
  static constexpr int kCount = 1;
  static constexpr const char* kName = "poisson";
  static constexpr const char* kNames[] = {"lam"};
  static constexpr double kDefaults[] = {1};
  static constexpr const char* kDocs[] = {"The mean."};
  static constexpr const char* kDomain = "lam >= 0";
  static bool valid(const double* p) { return p[0] >= 0; }
  static double draw(Draws& d, const double* p) { return draw_poisson(d, p[0]); }
};
struct NegativeBinomial {
  static constexpr int kCount = 2;
  static constexpr const char* kName = "negative_binomial";
  static constexpr const char* kNames[] = {"k", "p"};
  static constexpr double kDefaults[] = {1, 1};
  static constexpr const char* kDocs[] = {"Number of successes.",
                                          "Their probability; draws count the failures."};
  static constexpr const char* kDomain = "k > 0 and 0 < p <= 1";
  static bool valid(const double* p) { return p[0] > 0 && p[1] > 0 && p[1] <= 1; }
  static double draw(Draws& d, const double* p) { return draw_negative_binomial(d, p[0], p[1]); }
};
struct GeneralizedNegativeBinomial {
  static constexpr int kCount = 2;
  static constexpr const char* kName = "generalized_negative_binomial";
  static constexpr const char* kNames[] = {"mu", "alpha"};
  static constexpr double kDefaults[] = {1, 1};
  static constexpr const char* kDocs[] = {"The mean.", "The dispersion: the variance is mu + alpha mu^2."};
  static constexpr const char* kDomain = "mu >= 0 and alpha >= 0";
  static bool valid(const double* p) { return p[0] >= 0 && p[1] >= 0; }
  static double draw(Draws& d, const double* p) {
    return p[0] == 0 ? 0 : draw_generalized_negative_binomial(d, p[0], p[1]);
  }
};

template <class D>
struct LikeParams {
  std::array<double, D::kCount> values;
  template <class V>
  void visit(V& v) {
    for (size_t i = 0; i < values.size(); ++i) v(D::kNames[i], values[i], D::kDefaults[i], D::kDocs[i]);
  }
  void finish(const char* op) {
    check(
        D::valid(values.data()), "[", op, "] ", D::kNames[0], ": got ", values[0],
        D::kCount > 1 ? concat(" and ", D::kNames[D::kCount - 1], " ", values[D::kCount - 1]) : std::string(),
        ", expected ", D::kDomain);
  }
};

template <class D>
struct RandomParams : LikeParams<D> {
  Tuple shape;
  std::string ctx;
  std::optional<DType> dtype;
  template <class V>
  void visit(V& v) {
    LikeParams<D>::visit(v);
    v("shape", shape, Tuple{}, "Shape of the output.");
    v("ctx", ctx, std::string(), "Device of the output; used by mx.nd only.");
    v("dtype", dtype, std::optional<DType>(), "float16, float32 or float64; None is float32.");
  }
};

struct SampleParams {
  Tuple shape;
  std::optional<DType> dtype;
  template <class V>
  void visit(V& v) {
    v("shape", shape, Tuple{}, "Shape of the draws for each element of the parameters; by default one draw.");
    v("dtype", dtype, std::optional<DType>(), "float16, float32 or float64; None is float32.");
  }
};

void set_float(TypeContext& c, const std::optional<DType>& dtype) {
  if (dtype) {
    check(is_float(*dtype), "[", c.op.name, "] dtype: got ", dtype_name(*dtype),
          ", expected a floating dtype");
    c.set_out(0, *dtype);
  } else if (c.out[0] == DType::kUnknown) {
    c.set_out(0, DType::kFloat32);
  }
}

void append_shape(Shape& shape, const Tuple& dims, const char* op) {
  for (int64_t d : dims) {
    check(d >= 0, "[", op, "] shape: got ", format_value(dims), ", expected no negative lengths");
    shape.push_back(d);
  }
}

// y[i] = draw(draws of element i, i)
template <class T, class F>
Kernel draw_kernel(int64_t n, RandomState* random, F draw) {
  return make_kernel([n, random, draw](void* const* in, void* const* out, void*) {
    T* y = static_cast<T*>(out[0]);
    const uint64_t seed = random->seed, stream = random->next_stream();
    parallel_for(n, kElementGrain / 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Draws d(seed, stream, i);
        y[i] = static_cast<T>(draw(d, i, in));
      }
    });
  });
}

template <class D>
Kernel same_kernel(const KernelRequest& r) {
  const std::array<double, D::kCount> values = as<LikeParams<D>>(r.params).values;
  return visit_float(r.out[0].dtype, D::kName, [&](auto tag) {
    return draw_kernel<typename decltype(tag)::type>(
        r.out[0].shape.size(), r.random,
        [values](Draws& d, int64_t, void* const*) { return D::draw(d, values.data()); });
  });
}

using ReadFn = double (*)(const void* data, int64_t i);
ReadFn reader(DType type) {
  return visit_dtype(type, [](auto tag) -> ReadFn {
    using T = typename decltype(tag)::type;
    return [](const void* data, int64_t i) { return static_cast<double>(static_cast<const T*>(data)[i]); };
  });
}

template <class D>
Kernel each_kernel(const KernelRequest& r) {
  const int64_t n = r.out[0].shape.size(), sets = r.in[0].shape.size(), draws = sets > 0 ? n / sets : 0;
  std::array<ReadFn, D::kCount> read;
  for (size_t k = 0; k < read.size(); ++k) read[k] = reader(r.in[k].dtype);
  return visit_float(r.out[0].dtype, D::kName, [&](auto tag) {
    return draw_kernel<typename decltype(tag)::type>(n, r.random,
                                                     [read, draws](Draws& d, int64_t i, void* const* in) {
                                                       double p[D::kCount];
                                                       for (size_t k = 0; k < read.size(); ++k)
                                                         p[k] = read[k](in[k], i / draws);
                                                       return D::valid(p) ? D::draw(d, p) : std::nan("");
                                                     });
  });
}

template <class D>
void register_random(const char* doc) {
  const std::string name = std::string("random_") + D::kName;
  OpDef& op = register_op("_" + name);
  op.aliases = {name};
  op.doc = doc;
  op.inputs = {};
  op.params = params_spec<RandomParams<D>>();
  op.traits.random = true;
  op.gradient = zero_gradient;
  op.infer_shape = [](ShapeContext& c) {
    const Tuple& dims = as<RandomParams<D>>(c.params).shape;
    Shape shape;
    shape.resize(0);
    append_shape(shape, dims, c.op.name.c_str());
    if (!dims.empty()) c.set_out(0, shape);
    if (dims.empty() && !c.out[0].has_rank()) c.set_out(0, Shape{1});
  };
  op.infer_type = [](TypeContext& c) { set_float(c, as<RandomParams<D>>(c.params).dtype); };
  op.kernel = same_kernel<D>;
}

template <class D>
void register_like(const char* doc) {
  OpDef& op = register_op(std::string("_random_") + D::kName + "_like");
  op.doc = concat(doc, " In the shape and dtype of data.");
  op.params = params_spec<LikeParams<D>>();
  op.traits.random = true;
  op.gradient = zero_gradient;
  op.infer_shape = infer_same_shape;
  op.kernel = same_kernel<D>;
}

template <class D>
void register_sample(const char* doc, std::vector<std::string> inputs) {
  const std::string name = std::string("sample_") + D::kName;
  OpDef& op = register_op("_" + name);
  op.aliases = {name};
  op.doc = concat(doc, " For each element of the parameters, draws of the given shape.");
  op.inputs = std::move(inputs);
  op.params = params_spec<SampleParams>();
  op.traits.random = true;
  op.gradient = zero_gradient;
  op.infer_shape = [](ShapeContext& c) {
    const Tuple& dims = as<SampleParams>(c.params).shape;
    ShapeContext parameters{c.op, c.params, c.in, Span<Shape>()};
    infer_same_shape(parameters);
    if (c.in[0].has_rank()) {
      Shape out = c.in[0];
      append_shape(out, dims, c.op.name.c_str());
      c.set_out(0, out);
    } else if (c.out[0].has_rank() && c.out[0].ndim() >= static_cast<int>(dims.size())) {
      const Shape each(c.out[0].begin(), c.out[0].end() - static_cast<int64_t>(dims.size()));
      for (size_t i = 0; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), each);
    }
  };
  op.infer_type = [](TypeContext& c) {
    set_float(c, as<SampleParams>(c.params).dtype);
    for (size_t i = 1; i < c.in.size(); ++i) {
      c.set_in(static_cast<int>(i), c.in[0]);
      c.set_in(0, c.in[i]);
    }
  };
  op.kernel = each_kernel<D>;
}

template <class D>
void register_distribution(const char* doc, std::vector<std::string> inputs, bool random = true) {
  if (random) register_random<D>(doc);
  register_like<D>(doc);
  register_sample<D>(doc, std::move(inputs));
}

// --- _random_randint ---

struct RandintParams {
  int64_t low, high;
  Tuple shape;
  std::string ctx;
  std::optional<DType> dtype;
  template <class V>
  void visit(V& v) {
    v("low", low, required, "Lower bound, included.");
    v("high", high, required, "Upper bound, excluded.");
    v("shape", shape, Tuple{}, "Shape of the output.");
    v("ctx", ctx, std::string(), "Device of the output; used by mx.nd only.");
    v("dtype", dtype, std::optional<DType>(), "int32 or int64; None is int32.");
  }
  void finish(const char* op) {
    check(low < high, "[", op, "] low and high: got ", low, " and ", high, ", expected low < high");
  }
};

void register_randint() {
  OpDef& op = register_op("_random_randint");
  op.aliases = {"random_randint"};
  op.doc = "Whole numbers from [low, high), all equally likely.";
  op.inputs = {};
  op.params = params_spec<RandintParams>();
  op.traits.random = true;
  op.gradient = zero_gradient;
  op.infer_shape = [](ShapeContext& c) {
    const Tuple& dims = as<RandintParams>(c.params).shape;
    Shape shape;
    shape.resize(0);
    append_shape(shape, dims, "_random_randint");
    if (!dims.empty()) c.set_out(0, shape);
    if (dims.empty() && !c.out[0].has_rank()) c.set_out(0, Shape{1});
  };
  op.infer_type = [](TypeContext& c) {
    const std::optional<DType>& dtype = as<RandintParams>(c.params).dtype;
    check(!dtype || *dtype == DType::kInt32 || *dtype == DType::kInt64, "[_random_randint] dtype: got ",
          dtype ? dtype_name(*dtype) : "None", ", expected int32 or int64");
    const bool wide = c.out[0] == DType::kInt64;
    c.set_out(0, dtype ? *dtype : wide ? DType::kInt64 : DType::kInt32);
  };
  op.kernel = [](const KernelRequest& r) {
    const RandintParams& p = as<RandintParams>(r.params);
    const uint64_t range = static_cast<uint64_t>(p.high) - static_cast<uint64_t>(p.low);
    auto draw = [range, low = p.low](Draws& d, int64_t, void* const*) {
      const uint64_t k = static_cast<uint64_t>(static_cast<unsigned __int128>(d.bits()) * range >> 64);
      return static_cast<int64_t>(static_cast<uint64_t>(low) + k);
    };
    const int64_t n = r.out[0].shape.size();
    return r.out[0].dtype == DType::kInt64 ? draw_kernel<int64_t>(n, r.random, draw)
                                           : draw_kernel<int32_t>(n, r.random, draw);
  };
}

}  // namespace

void register_distributions_ops() {
  // _random_uniform and _random_normal, the fast paths of initialisers, are in random.cpp.
  register_distribution<Uniform>("Uniform draws from [low, high).", {"low", "high"}, false);
  register_distribution<Normal>("Normal draws.", {"mu", "sigma"}, false);
  register_distribution<Gamma>("Gamma distributed draws of shape alpha and scale beta.", {"alpha", "beta"});
  register_distribution<Exponential>("Exponentially distributed draws.", {"lam"});
  register_distribution<Poisson>("Poisson distributed draws, in a floating dtype.", {"lam"});
  register_distribution<NegativeBinomial>("Numbers of failures before k successes, in a floating dtype.",
                                          {"k", "p"});
  register_distribution<GeneralizedNegativeBinomial>(
      "Negative binomial draws by mean and dispersion, in a floating dtype.", {"mu", "alpha"});
  register_randint();
}

}  // namespace symbind
