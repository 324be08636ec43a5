// y = g * f'(v) for the unary functions; v is the input x or the output of f, as noted.
#include "backend/cpu/kernels/loops.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

#define GRAD(Name, expr)          \
  struct Name {                   \
    template <class T>            \
    KERNEL_INLINE T f(T g, T v) { \
      return expr;                \
    }                             \
  };

GRAD(Relu, v > T(0) ? g : (v != v ? g * v : T(0)))           // output
GRAD(Sigmoid, g*(v*(T(1) - v)))                              // output
GRAD(Tanh, g*(T(1) - v * v))                                 // output
GRAD(SoftSign, g / ((T(1) + m_abs(v)) * (T(1) + m_abs(v))))  // input
GRAD(SoftRelu, g * -m_expm1(-v))                             // output
GRAD(Expm1, g* m_exp(v))                                     // input
GRAD(Log2, g / (v * T(0.6931471805599453)))                  // input
GRAD(Log10, g / (v * T(2.302585092994046)))                  // input
GRAD(Log1p, g / (T(1) + v))                                  // input
GRAD(Sqrt, g*(T(0.5) / v))                                   // output
GRAD(Rsqrt, g*(T(-0.5) / (v * m_sqrt(v))))                   // input
GRAD(Cbrt, g / (T(3) * v * v))                               // output
GRAD(Rcbrt, g*(T(-1) / (T(3) * v * m_cbrt(v))))              // input
GRAD(Square, g*(T(2) * v))                                   // input
GRAD(Reciprocal, g*(T(-1) / (v * v)))                        // input
GRAD(Abs, g*(T(v > T(0)) - T(v < T(0))))                     // input
GRAD(Sin, g* m_cos(v))                                       // input
GRAD(Cos, g * -m_sin(v))                                     // input
GRAD(Tan, g*(T(1) + v * v))                                  // output
GRAD(Arcsin, g / m_sqrt(T(1) - v * v))                       // input
GRAD(Arccos, -g / m_sqrt(T(1) - v * v))                      // input
GRAD(Arctan, g / (T(1) + v * v))                             // input
GRAD(Sinh, g* m_cosh(v))                                     // input
GRAD(Cosh, g* m_sinh(v))                                     // input
GRAD(Arcsinh, g / m_sqrt(T(1) + v * v))                      // input
GRAD(Arccosh, g / m_sqrt(v * v - T(1)))                      // input
GRAD(Arctanh, g / (T(1) - v * v))                            // input
GRAD(Erf, g*(T(1.1283791670955126) * m_exp(-v * v)))         // input
GRAD(Erfinv, g*(T(0.886226925452758) * m_exp(v * v)))        // output
GRAD(Gamma, g*(m_tgamma(v) * m_digamma(v)))                  // input
GRAD(GammaLn, g* m_digamma(v))                               // input
GRAD(Gelu, g*(T(0.5) * (T(1) + m_erf(v * T(0.7071067811865476))) +
              v * T(0.3989422804014327) * m_exp(T(-0.5) * v * v)))  // input
GRAD(NanSum, v == v ? g : T(0))                                     // input
#undef GRAD

}  // namespace

void fill_unary_grad(KernelTable& t) {
#define ROW(Name)                                                               \
  t.unary_grad[static_cast<int>(UnaryGrad::k##Name)][kF32] = map2<Name, float>; \
  t.unary_grad[static_cast<int>(UnaryGrad::k##Name)][kF64] = map2<Name, double>;
  SYMBIND_UNARY_GRADS(ROW)
#undef ROW
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
