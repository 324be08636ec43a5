// y = f(x), elementwise.
#include "backend/cpu/kernels/loops.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

#define UNARY(Name, expr)    \
  struct Name {              \
    template <class T>       \
    KERNEL_INLINE T f(T x) { \
      return expr;           \
    }                        \
  };

UNARY(Identity, x)
UNARY(Relu, x > T(0) || x != x ? x : T(0))
UNARY(Sigmoid, m_sigmoid(x))
UNARY(Tanh, m_tanh(x))
UNARY(SoftSign, x / (T(1) + m_abs(x)))
UNARY(SoftRelu, m_softrelu(x))
UNARY(Exp, m_exp(x))
UNARY(Expm1, m_expm1(x))
UNARY(Log, m_log(x))
UNARY(Log1p, m_log1p(x))
UNARY(Log2, m_log2(x))
UNARY(Log10, m_log10(x))
UNARY(Sqrt, m_sqrt(x))
UNARY(Rsqrt, T(1) / m_sqrt(x))
UNARY(Cbrt, m_cbrt(x))
UNARY(Rcbrt, T(1) / m_cbrt(x))
UNARY(Square, x* x)
UNARY(Reciprocal, T(1) / x)
UNARY(Abs, m_abs(x))
UNARY(Sign, T(x > T(0)) - T(x < T(0)))
UNARY(Negative, -x)
UNARY(Round, m_round(x))
UNARY(Rint, x - m_floor(x) <= m_ceil(x) - x ? m_floor(x) : m_ceil(x))  // ties go down, as in MXNet
UNARY(Fix, m_trunc(x))
UNARY(Floor, m_floor(x))
UNARY(Ceil, m_ceil(x))
UNARY(Trunc, m_trunc(x))
UNARY(Sin, m_sin(x))
UNARY(Cos, m_cos(x))
UNARY(Tan, m_tan(x))
UNARY(Arcsin, m_asin(x))
UNARY(Arccos, m_acos(x))
UNARY(Arctan, m_atan(x))
UNARY(Sinh, m_sinh(x))
UNARY(Cosh, m_cosh(x))
UNARY(Arcsinh, m_asinh(x))
UNARY(Arccosh, m_acosh(x))
UNARY(Arctanh, m_atanh(x))
UNARY(Degrees, x* T(57.29577951308232))
UNARY(Radians, x* T(0.017453292519943295))
UNARY(Erf, m_erf(x))
UNARY(Erfinv, m_erfinv(x))
UNARY(Gamma, x == T(0) ? T(__builtin_inf()) : m_tgamma(x))
UNARY(GammaLn, m_lgamma(x))
UNARY(LogicalNot, T(x == T(0)))
UNARY(Gelu, T(0.5) * x * (T(1) + m_erf(x * T(0.7071067811865476))))
#undef UNARY

// Integers: arithmetic wraps, and rounding changes nothing.
#define INTEGER(Name, expr)                \
  struct Int##Name {                       \
    KERNEL_INLINE int32_t f(int32_t x) {   \
      using U [[maybe_unused]] = uint32_t; \
      return static_cast<int32_t>(expr);   \
    }                                      \
    KERNEL_INLINE int64_t f(int64_t x) {   \
      using U [[maybe_unused]] = uint64_t; \
      return static_cast<int64_t>(expr);   \
    }                                      \
  };
INTEGER(Relu, x > 0 ? x : 0)
INTEGER(Square, U(x) * U(x))
INTEGER(Abs, x < 0 ? U(0) - U(x) : U(x))
INTEGER(Sign, (x > 0) - (x < 0))
INTEGER(Negative, U(0) - U(x))
INTEGER(LogicalNot, x == 0)
INTEGER(Same, x)
#undef INTEGER

template <class F>
void set_integer(MapFn (&row)[kNumComputeTypes]) {
  row[kI32] = map1<F, int32_t>;
  row[kI64] = map1<F, int64_t>;
}

}  // namespace

void fill_unary(KernelTable& t) {
#define ROW(Name)                                                      \
  t.unary[static_cast<int>(Unary::k##Name)][kF32] = map1<Name, float>; \
  t.unary[static_cast<int>(Unary::k##Name)][kF64] = map1<Name, double>;
  SYMBIND_UNARY_OPS(ROW)
#undef ROW
  set_integer<IntRelu>(t.unary[static_cast<int>(Unary::kRelu)]);
  set_integer<IntSquare>(t.unary[static_cast<int>(Unary::kSquare)]);
  set_integer<IntAbs>(t.unary[static_cast<int>(Unary::kAbs)]);
  set_integer<IntSign>(t.unary[static_cast<int>(Unary::kSign)]);
  set_integer<IntNegative>(t.unary[static_cast<int>(Unary::kNegative)]);
  set_integer<IntLogicalNot>(t.unary[static_cast<int>(Unary::kLogicalNot)]);
  constexpr Unary kExact[] = {Unary::kIdentity, Unary::kRound, Unary::kRint, Unary::kFix,
                              Unary::kFloor,    Unary::kCeil,  Unary::kTrunc};
  for (Unary op : kExact) set_integer<IntSame>(t.unary[static_cast<int>(op)]);
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
