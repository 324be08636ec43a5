// y = f(a, b), elementwise, on floats and on integers that wrap.
#include "backend/cpu/kernels/loops.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

template <class T>
KERNEL_INLINE T from_double(double x) {
  if constexpr (sizeof(T) == 4) {
    return to_int32(x);
  } else {
    return to_int64(x);
  }
}

// Arithmetic: floats as they are, integers without signed overflow.
#define ARITHMETIC(Name, op)                                           \
  struct Name {                                                        \
    template <class T>                                                 \
    KERNEL_INLINE T f(T a, T b) {                                      \
      if constexpr (kIsFloat<T>) {                                     \
        return a op b;                                                 \
      } else {                                                         \
        using U = typename UnsignedOf<T>::type;                        \
        return static_cast<T>(static_cast<U>(a) op static_cast<U>(b)); \
      }                                                                \
    }                                                                  \
  };
ARITHMETIC(Add, +)
ARITHMETIC(Sub, -)
ARITHMETIC(Mul, *)
#undef ARITHMETIC

struct Div {
  template <class T>
  KERNEL_INLINE T f(T a, T b) {
    if constexpr (kIsFloat<T>) {
      return a / b;
    } else {
      using U = typename UnsignedOf<T>::type;
      if (b == 0) return 0;
      return b == -1 ? static_cast<T>(U(0) - static_cast<U>(a)) : a / b;
    }
  }
};

struct Mod {
  template <class T>
  KERNEL_INLINE T f(T a, T b) {
    if (b == T(0)) return T(0);
    T r;
    if constexpr (kIsFloat<T>) {
      r = m_fmod(a, b);
    } else {
      r = b == -1 ? T(0) : a % b;
    }
    return r != T(0) && (r < T(0)) != (b < T(0)) ? r + b : r;
  }
};

struct Power {
  template <class T>
  KERNEL_INLINE T f(T a, T b) {
    if constexpr (kIsFloat<T>) {
      return m_pow(a, b);
    } else {
      return from_double<T>(__builtin_pow(static_cast<double>(a), static_cast<double>(b)));
    }
  }
};

struct Hypot {
  template <class T>
  KERNEL_INLINE T f(T a, T b) {
    if constexpr (kIsFloat<T>) {
      return m_hypot(a, b);
    } else {
      return from_double<T>(__builtin_hypot(static_cast<double>(a), static_cast<double>(b)));
    }
  }
};

#define COMPARE(Name, expr)       \
  struct Name {                   \
    template <class T>            \
    KERNEL_INLINE T f(T a, T b) { \
      return expr;                \
    }                             \
  };
// NaN wins on either side.
COMPARE(Maximum, a > b || a != a ? a : b)
COMPARE(Minimum, a < b || a != a ? a : b)
COMPARE(Equal, T(a == b))
COMPARE(NotEqual, T(a != b))
COMPARE(Greater, T(a > b))
COMPARE(GreaterEqual, T(a >= b))
COMPARE(Lesser, T(a < b))
COMPARE(LesserEqual, T(a <= b))
COMPARE(LogicalAnd, T((a != T(0)) & (b != T(0))))
COMPARE(LogicalOr, T((a != T(0)) | (b != T(0))))
COMPARE(LogicalXor, T((a != T(0)) != (b != T(0))))
#undef COMPARE

}  // namespace

void fill_binary(KernelTable& t) {
#define ROW(Name)                                                          \
  t.binary[static_cast<int>(Binary::k##Name)][kF32] = map2<Name, float>;   \
  t.binary[static_cast<int>(Binary::k##Name)][kF64] = map2<Name, double>;  \
  t.binary[static_cast<int>(Binary::k##Name)][kI32] = map2<Name, int32_t>; \
  t.binary[static_cast<int>(Binary::k##Name)][kI64] = map2<Name, int64_t>;
  SYMBIND_BINARY_OPS(ROW)
#undef ROW
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
