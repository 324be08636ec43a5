// Derivatives of the binary functions, and functions with parameters.
#include "backend/cpu/kernels/loops.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

#define GRAD(Name, expr)               \
  struct Name {                        \
    template <class T>                 \
    KERNEL_INLINE T f(T g, T a, T b) { \
      (void)a;                         \
      (void)b;                         \
      return expr;                     \
    }                                  \
  };
GRAD(MulLhs, g* b)
GRAD(MulRhs, g* a)
GRAD(DivLhs, g / b)
GRAD(DivRhs, -g* a / (b * b))
GRAD(ModRhs, -g* m_floor(a / b))
GRAD(PowerLhs, g*(b* m_pow(a, b - T(1))))
GRAD(PowerRhs, g*(m_pow(a, b) * m_log(a)))
GRAD(MaximumLhs, a >= b ? g : T(0))
GRAD(MaximumRhs, a < b ? g : T(0))
GRAD(MinimumLhs, a <= b ? g : T(0))
GRAD(MinimumRhs, a > b ? g : T(0))
GRAD(HypotLhs, g*(a / m_hypot(a, b)))
GRAD(HypotRhs, g*(b / m_hypot(a, b)))
// Of reductions: g is the data x, a the gradient of the result, b the result.
GRAD(Extremum, g == b ? a : T(0))
GRAD(Product, a*(b / g))
GRAD(NanProduct, g == g ? a * (b / g) : T(0))
GRAD(Norm, a*(g / b))
#undef GRAD

// One input; b is the address of the parameters.
#define PARAM(Name, expr)                                                              \
  template <class T>                                                                   \
  void Name(const void* a, const void* b, const void*, void* y, int64_t n, unsigned) { \
    const T* in = static_cast<const T*>(a);                                            \
    const T p = static_cast<const T*>(b)[0], q = static_cast<const T*>(b)[1];          \
    T* out = static_cast<T*>(y);                                                       \
    (void)q;                                                                           \
    _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {                              \
      const T x = in[i];                                                               \
      out[i] = expr;                                                                   \
    }                                                                                  \
  }
// The gradient g and one input (or output) x; c is the address of the parameters.
#define PARAM_GRAD(Name, expr)                                                           \
  template <class T>                                                                     \
  void Name(const void* a, const void* b, const void* c, void* y, int64_t n, unsigned) { \
    const T* grad = static_cast<const T*>(a);                                            \
    const T* in = static_cast<const T*>(b);                                              \
    const T p = static_cast<const T*>(c)[0], q = static_cast<const T*>(c)[1];            \
    T* out = static_cast<T*>(y);                                                         \
    (void)q;                                                                             \
    _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {                                \
      const T g = grad[i], x = in[i];                                                    \
      out[i] = expr;                                                                     \
    }                                                                                    \
  }
PARAM(Clip, x < p ? p : (x > q ? q : x))
PARAM_GRAD(ClipGrad, x<p || x> q ? T(0) : g)
PARAM(LeakyRelu, x > T(0) ? x : x * p)
PARAM_GRAD(LeakyReluGrad, x > T(0) ? g : g * p)
PARAM(Elu, x > T(0) ? x : p * m_expm1(x))
PARAM_GRAD(EluGrad, x > T(0) ? g : g * (x + p))  // x is the output
PARAM(HardSigmoid, p* x + q < T(0) ? T(0) : (p * x + q > T(1) ? T(1) : p * x + q))
PARAM_GRAD(HardSigmoidGrad, x > T(0) && x < T(1) ? g * p : T(0))  // x is the output
PARAM(SmoothL1, x > T(1) / p ? x - T(0.5) / p : (x < T(-1) / p ? -x - T(0.5) / p : T(0.5) * x * x * p))
PARAM_GRAD(SmoothL1Grad, x > T(1) / p ? g : (x < T(-1) / p ? -g : g * (x * p)))
PARAM(Affine, x* p + q)
#undef PARAM
#undef PARAM_GRAD

}  // namespace

void fill_binary_grad(KernelTable& t) {
#define ROW(Name)                                                                 \
  t.binary_grad[static_cast<int>(BinaryGrad::k##Name)][kF32] = map3<Name, float>; \
  t.binary_grad[static_cast<int>(BinaryGrad::k##Name)][kF64] = map3<Name, double>;
  SYMBIND_BINARY_GRADS(ROW)
#undef ROW
#define ROW(Name)                                                  \
  t.param[static_cast<int>(ParamOp::k##Name)][kF32] = Name<float>; \
  t.param[static_cast<int>(ParamOp::k##Name)][kF64] = Name<double>;
  SYMBIND_PARAM_OPS(ROW)
#undef ROW
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
