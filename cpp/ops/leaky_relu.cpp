// LeakyReLU: leaky, prelu, elu, selu, gelu, rrelu. Reference: the papers named with each in the parameter's
// text.
#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "runtime/random.h"

namespace symbind {
namespace {

enum class Act { kElu, kGelu, kLeaky, kPRelu, kRRelu, kSelu };
// Klambauer et al., "Self-normalizing neural networks", 2017.
constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
constexpr double kSeluLambda = 1.0507009873554804934193349852946;

struct Params {
  Choice act_type;
  double slope, lower_bound, upper_bound;
  template <class V>
  void visit(V& v) {
    v.choice("act_type", act_type, {"elu", "gelu", "leaky", "prelu", "rrelu", "selu"}, 2,
             "The function: x where positive, and below zero slope*x (leaky), gamma*x with a learned gamma "
             "per channel "
             "(prelu), slope*(exp(x)-1) (elu), a random slope (rrelu); selu and gelu as published.");
    v("slope", slope, 0.25, "Slope of leaky, scale of elu.");
    v("lower_bound", lower_bound, 0.125, "Lower bound of rrelu's slope.");
    v("upper_bound", upper_bound, 0.334, "Upper bound of rrelu's slope.");
  }
};

bool is(const void* params, Act act) { return as<Params>(params).act_type == act; }

void infer_shape(ShapeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  if (is(c.params, Act::kRRelu)) c.set_out(1, c.in[0]);
  if (!is(c.params, Act::kPRelu) || !c.in[0].has_rank()) return;
  const Shape gamma{c.in[0].ndim() == 1 ? c.in[0][0] : c.in[0][1]};
  if (c.in[1] != Shape{1}) c.set_in(1, gamma);  // one slope may serve all channels
}

// x as (outer, channels, inner); one gamma for all when its size is 1.
struct Channels {
  int64_t outer = 1, channels = 1, inner = 1;
};

Channels channels_of(const Shape& x, const Shape& gamma) {
  const int axis = x.ndim() == 1 ? 0 : 1;
  const int64_t n = gamma.size();
  if (n == 1) return {1, 1, x.size()};
  check(x[axis] == n, "[LeakyReLU] gamma: got ", n, " values, expected ", x[axis], ", the channels of data ",
        x);
  return {x.product(0, axis), n, x.product(axis + 1, x.ndim())};
}

template <class A>
A value(Act act, A x, A slope) {
  switch (act) {
    case Act::kElu:
      return x > 0 ? x : slope * std::expm1(x);
    case Act::kSelu:
      return A(kSeluLambda) * (x > 0 ? x : A(kSeluAlpha) * std::expm1(x));
    case Act::kGelu:
      return A(0.5) * x * (A(1) + std::erf(x * A(0.70710678118654752440)));
    default:
      return x > 0 ? x : slope * x;
  }
}

// y is the output for x.
template <class A>
A derivative(Act act, A x, A y, A slope) {
  switch (act) {
    case Act::kElu:
      return x > 0 ? A(1) : y + slope;
    // Below zero the derivative is lambda*alpha + y; this is what MXNet 1.9.1 computes, and networks train
    // with.
    case Act::kSelu:
      return A(kSeluLambda) * (x > 0 ? A(1) : A(kSeluAlpha) + y);
    case Act::kGelu: {
      const A cdf = A(0.5) * (A(1) + std::erf(x * A(0.70710678118654752440)));
      return cdf + x * std::exp(A(-0.5) * x * x) * A(0.39894228040143267794);
    }
    default:
      return x > 0 ? A(1) : slope;
  }
}

template <class T>
Kernel forward_simple(Act act, double slope, int64_t n) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    parallel_for(n, kElementGrain / 4, [=](int64_t begin, int64_t end) {
      if (act == Act::kLeaky) {
        for (int64_t i = begin; i < end; ++i) y[i] = T(A(x[i]) > 0 ? A(x[i]) : A(slope) * A(x[i]));
      } else {
        for (int64_t i = begin; i < end; ++i) y[i] = T(value(act, A(x[i]), A(slope)));
      }
    });
  });
}

template <class T>
Kernel forward_prelu(Channels c) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* x = static_cast<const T*>(in[0]);
    const T* gamma = static_cast<const T*>(in[1]);
    T* y = static_cast<T*>(out[0]);
    const int64_t rows = c.outer * c.channels;
    parallel_for(rows, 1 + kElementGrain / std::max<int64_t>(c.inner, 1), [=](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const A g = A(gamma[row % c.channels]);
        for (int64_t i = row * c.inner; i < (row + 1) * c.inner; ++i) {
          const A v = A(x[i]);
          y[i] = T(v > 0 ? v : g * v);
        }
      }
    });
  });
}

// Random slopes in training; their mean in prediction. The mask holds the slope of every element.
template <class T>
Kernel forward_rrelu(const KernelRequest& r, int64_t n) {
  const Params& p = as<Params>(r.params);
  const double low = p.lower_bound, high = p.upper_bound;
  const bool train = r.is_train, keep_mask = r.out_used[1];
  RandomState* random = r.random;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    T* mask = keep_mask ? static_cast<T*>(out[1]) : nullptr;
    const uint64_t seed = random->seed, stream = train ? random->next_stream() : 0;
    parallel_for(n, kElementGrain / 16, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const A v = A(x[i]);
        A slope = A((low + high) / 2);
        if (train)
          slope = A(low + (high - low) * uniform_float(philox(seed, static_cast<uint64_t>(i), stream).v[0]));
        y[i] = T(v > 0 ? v : slope * v);
        if (mask != nullptr) mask[i] = T(v > 0 ? A(1) : slope);
      }
    });
  });
}

Kernel forward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const Act act = static_cast<Act>(p.act_type.value);
  return visit_float(r.in[0].dtype, "LeakyReLU", [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (act == Act::kPRelu) return forward_prelu<T>(channels_of(r.in[0].shape, r.in[1].shape));
    if (act == Act::kRRelu) return forward_rrelu<T>(r, r.in[0].shape.size());
    return forward_simple<T>(act, p.slope, r.in[0].shape.size());
  });
}

template <class T>
Kernel backward_simple(Act act, double slope, int64_t n) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* g = static_cast<const T*>(in[0]);
    const T* x = static_cast<const T*>(in[1]);
    const T* y = static_cast<const T*>(in[2]);  // the output; the mask of rrelu
    T* d = static_cast<T*>(out[0]);
    parallel_for(n, kElementGrain / 4, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const A factor = act == Act::kRRelu ? A(y[i]) : derivative(act, A(x[i]), A(y[i]), A(slope));
        d[i] = T(A(g[i]) * factor);
      }
    });
  });
}

// Inputs out_grad, data, output, gamma; outputs the gradients of data and gamma.
template <class T>
Kernel backward_prelu(Channels c, bool want_data, bool want_gamma) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* g = static_cast<const T*>(in[0]);
    const T* x = static_cast<const T*>(in[1]);
    const T* gamma = static_cast<const T*>(in[3]);
    T* dx = static_cast<T*>(out[0]);
    T* dgamma = static_cast<T*>(out[1]);
    // By channel: the sum for a gamma keeps its order whatever the number of threads.
    parallel_for(c.channels, 1 + kElementGrain / std::max<int64_t>(c.outer * c.inner, 1),
                 [=](int64_t begin, int64_t end) {
                   for (int64_t channel = begin; channel < end; ++channel) {
                     const A slope = A(gamma[channel]);
                     double sum = 0;
                     for (int64_t o = 0; o < c.outer; ++o) {
                       const int64_t first = (o * c.channels + channel) * c.inner;
                       for (int64_t i = first; i < first + c.inner; ++i) {
                         const bool positive = A(x[i]) > 0;
                         if (want_data) dx[i] = T(positive ? A(g[i]) : slope * A(g[i]));
                         if (want_gamma && !positive) sum += static_cast<double>(A(g[i]) * A(x[i]));
                       }
                     }
                     if (want_gamma) dgamma[channel] = T(sum);
                   }
                 });
  });
}

Kernel backward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const Act act = static_cast<Act>(p.act_type.value);
  return visit_float(r.in[0].dtype, "LeakyReLU", [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (act == Act::kPRelu) {
      return backward_prelu<T>(channels_of(r.in[1].shape, r.in[3].shape), r.out_used[0], r.out_used[1]);
    }
    return backward_simple<T>(act, p.slope, r.in[0].shape.size());
  });
}

int data_and_gamma(const void* p) { return is(p, Act::kPRelu) ? 2 : 1; }

}  // namespace

void register_leaky_relu_ops() {
  OpDef& op = register_op("LeakyReLU");
  op.doc = "Activations that let something through below zero.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "gamma"};
  op.num_inputs = data_and_gamma;
  op.variable_attrs["gamma"] = {{"__init__", "[\"Constant\", {\"value\": 0.25}]"}};
  op.outputs = {"output", "mask"};
  op.num_outputs = [](const void* p) { return is(p, Act::kRRelu) ? 2 : 1; };
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = infer_shape;
  op.kernel = forward;
  op.traits.random = true;  // rrelu
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const bool prelu = is(c.params(), Act::kPRelu);
    std::vector<EntryId> inputs{c.out_grad(0), c.input(0), c.output(is(c.params(), Act::kRRelu) ? 1 : 0)};
    if (prelu) inputs.push_back(c.input(1));
    const int32_t id =
        c.backward("_backward_LeakyReLU", inputs, prelu ? std::vector<int>{0, 1} : std::vector<int>{0});
    if (prelu) return {{id, 0}, {id, 1}};
    return {{id, 0}};
  };

  OpDef& back = register_op("_backward_LeakyReLU");
  back.visible = false;
  back.params = op.params;
  back.inputs = {"out_grad", "data", "output", "gamma"};
  back.num_inputs = [](const void* p) { return data_and_gamma(p) + 2; };
  back.outputs = {"data", "gamma"};
  back.num_outputs = data_and_gamma;
  back.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  back.kernel = backward;
}

}  // namespace symbind
