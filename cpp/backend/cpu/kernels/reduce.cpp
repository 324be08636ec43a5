// Reductions of rows and of columns. Sums of float are accumulated in double: exact to the last place of the
// result for any length that fits in memory, and still bound by memory.
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/mathfun.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

template <class T>
struct Wide {
  using type = int64_t;
};
template <>
struct Wide<float> {
  using type = double;
};
template <>
struct Wide<double> {
  using type = double;
};

template <class A>
KERNEL_INLINE A add(A a, A b) {
  if constexpr (!kIsFloat<A>) {
    return static_cast<A>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  } else {
    return a + b;
  }
}
template <class A>
KERNEL_INLINE A mul(A a, A b) {
  if constexpr (!kIsFloat<A>) {
    return static_cast<A>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  } else {
    return a * b;
  }
}
template <class T>
KERNEL_INLINE T lowest() {
  if constexpr (kIsFloat<T>) {
    return -static_cast<T>(__builtin_inf());
  } else {
    return sizeof(T) == 4 ? static_cast<T>(INT32_MIN) : static_cast<T>(INT64_MIN);
  }
}
template <class T>
KERNEL_INLINE T highest() {
  if constexpr (kIsFloat<T>) {
    return static_cast<T>(__builtin_inf());
  } else {
    return sizeof(T) == 4 ? static_cast<T>(INT32_MAX) : static_cast<T>(INT64_MAX);
  }
}

// Per operation: the accumulator type, its neutral element, `term` (what one element contributes) and `join`.
template <class T>
struct SumLike {
  using A = typename Wide<T>::type;
  KERNEL_INLINE A neutral() { return A(0); }
  KERNEL_INLINE A join(A a, A b) { return add(a, b); }
};
template <class T>
struct ProdLike {
  using A = typename Wide<T>::type;
  KERNEL_INLINE A neutral() { return A(1); }
  KERNEL_INLINE A join(A a, A b) { return mul(a, b); }
};
template <class T>
struct Sum : SumLike<T> {
  KERNEL_INLINE typename Wide<T>::type term(T x) { return x; }
};
template <class T>
struct NanSum : SumLike<T> {
  KERNEL_INLINE typename Wide<T>::type term(T x) { return x == x ? x : T(0); }
};
template <class T>
struct L1 : SumLike<T> {
  KERNEL_INLINE typename Wide<T>::type term(T x) {
    return x < T(0) ? -static_cast<typename Wide<T>::type>(x) : x;
  }
};
template <class T>
struct SumSquares : SumLike<T> {
  KERNEL_INLINE typename Wide<T>::type term(T x) { return mul<typename Wide<T>::type>(x, x); }
};
template <class T>
struct Prod : ProdLike<T> {
  KERNEL_INLINE typename Wide<T>::type term(T x) { return x; }
};
template <class T>
struct NanProd : ProdLike<T> {
  KERNEL_INLINE typename Wide<T>::type term(T x) { return x == x ? x : T(1); }
};
// NaN wins.
template <class T>
struct Max {
  using A = T;
  KERNEL_INLINE A neutral() { return lowest<T>(); }
  KERNEL_INLINE A join(A a, A b) { return b > a || b != b ? b : a; }
  KERNEL_INLINE A term(T x) { return x; }
};
template <class T>
struct Min {
  using A = T;
  KERNEL_INLINE A neutral() { return highest<T>(); }
  KERNEL_INLINE A join(A a, A b) { return b < a || b != b ? b : a; }
  KERNEL_INLINE A term(T x) { return x; }
};

template <class R, class A>
void init(void* acc, int64_t n) {
  A* a = static_cast<A*>(acc);
  for (int64_t i = 0; i < n; ++i) a[i] = R::neutral();
}

// Independent partial results, so that the loop vectorises without reassociation.
constexpr int kLanes = 32;

template <class R, class T, class A>
A long_row(const T* x, int64_t n, A total) {
  constexpr int kFew = 8;
  A lanes[kLanes];
  for (int j = 0; j < kLanes; ++j) lanes[j] = R::neutral();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
#pragma omp simd
    for (int j = 0; j < kLanes; ++j) lanes[j] = R::join(lanes[j], R::term(x[i + j]));
  }
#pragma GCC unroll 8
  for (int k = kFew; k < kLanes; k += kFew) {
#pragma omp simd
    for (int j = 0; j < kFew; ++j) lanes[j] = R::join(lanes[j], lanes[k + j]);
  }
  for (; i + kFew <= n; i += kFew) {
#pragma omp simd
    for (int j = 0; j < kFew; ++j) lanes[j] = R::join(lanes[j], R::term(x[i + j]));
  }
  total = R::join(total, R::join(R::join(lanes[0], lanes[4]), R::join(lanes[1], lanes[5])));
  total = R::join(total, R::join(R::join(lanes[2], lanes[6]), R::join(lanes[3], lanes[7])));
  for (; i < n; ++i) total = R::join(total, R::term(x[i]));
  return total;
}

template <class R, class T, class A>
void rows(const void* x, int64_t n, int64_t count, void* acc) {
  const T* in = static_cast<const T*>(x);
  A* a = static_cast<A*>(acc);
  int64_t r = 0;
  if (n >= kLanes) {
    for (; r < count; ++r) a[r] = long_row<R, T, A>(in + r * n, n, a[r]);
    return;
  }
  for (; r + 4 <= count; r += 4) {  // four chains of dependent additions at a time
    const T* p = in + r * n;
    A s0 = a[r], s1 = a[r + 1], s2 = a[r + 2], s3 = a[r + 3];
    for (int64_t i = 0; i < n; ++i) {
      s0 = R::join(s0, R::term(p[i]));
      s1 = R::join(s1, R::term(p[n + i]));
      s2 = R::join(s2, R::term(p[2 * n + i]));
      s3 = R::join(s3, R::term(p[3 * n + i]));
    }
    a[r] = s0;
    a[r + 1] = s1;
    a[r + 2] = s2;
    a[r + 3] = s3;
  }
  for (; r < count; ++r) {
    A total = a[r];
    for (int64_t i = 0; i < n; ++i) total = R::join(total, R::term(in[r * n + i]));
    a[r] = total;
  }
}

template <class R, class T, class A>
void columns(const void* x, int64_t stride, int64_t rows, void* acc, int64_t n) {
  constexpr int kRows = 8;  // per pass over the accumulators
  const T* in = static_cast<const T*>(x);
  A* a = static_cast<A*>(acc);
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows) {
    const T* p = in + r * stride;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      A v = a[i];
      for (int k = 0; k < kRows; ++k) v = R::join(v, R::term(p[k * stride + i]));
      a[i] = v;
    }
  }
  for (; r < rows; ++r) {
    const T* p = in + r * stride;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) a[i] = R::join(a[i], R::term(p[i]));
  }
}

template <class R, class A>
void join(const void* other, void* acc, int64_t n) {
  const A* b = static_cast<const A*>(other);
  A* a = static_cast<A*>(acc);
  for (int64_t i = 0; i < n; ++i) a[i] = R::join(a[i], b[i]);
}

template <class T, class A>
void finish(const void* acc, void* y, int64_t n, double scale, bool root) {
  const A* a = static_cast<const A*>(acc);
  T* out = static_cast<T*>(y);
  if constexpr (kIsFloat<T>) {
    const A s = static_cast<A>(scale);
    if (root) {
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(m_sqrt(a[i]) * s);
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(a[i] * s);
    }
  } else {
    for (int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<T>(root ? to_int64(__builtin_sqrt(static_cast<double>(a[i]))) : a[i]);
    }
  }
}

template <class R, class T, class A>
ReduceFns functions() {
  ReduceFns f;
  f.acc_size = sizeof(A);
  f.init = init<R, A>;
  f.rows = rows<R, T, A>;
  f.columns = columns<R, T, A>;
  f.join = join<R, A>;
  f.finish = finish<T, A>;
  return f;
}

template <template <class> class R>
void set(ReduceFns (&row)[kNumComputeTypes]) {
  row[kF32] = functions<R<float>, float, typename R<float>::A>();
  row[kF64] = functions<R<double>, double, typename R<double>::A>();
  row[kI32] = functions<R<int32_t>, int32_t, typename R<int32_t>::A>();
  row[kI64] = functions<R<int64_t>, int64_t, typename R<int64_t>::A>();
}

}  // namespace

void fill_reduce(KernelTable& t) {
#define ROW(Name) set<Name>(t.reduce[static_cast<int>(Reduce::k##Name)]);
  SYMBIND_REDUCE_OPS(ROW)
#undef ROW
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
