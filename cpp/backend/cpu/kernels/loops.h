// The loops behind MapFn: one functor with `static T f(...)` gives one function per type.
#pragma once

#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/mathfun.h"

namespace symbind {
namespace SYMBIND_ISA {

template <class F, class T>
void map1(const void* a, const void*, const void*, void* y, int64_t n, unsigned scalars) {
  const T* x = static_cast<const T*>(a);
  T* out = static_cast<T*>(y);
  if (scalars != 0) {
    const T v = F::f(*x);
    for (int64_t i = 0; i < n; ++i) out[i] = v;
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = F::f(x[i]);
}

template <class F, class T>
void map2(const void* a, const void* b, const void*, void* y, int64_t n, unsigned scalars) {
  const T* p = static_cast<const T*>(a);
  const T* q = static_cast<const T*>(b);
  T* out = static_cast<T*>(y);
  if (scalars == 0) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::f(p[i], q[i]);
  } else if (scalars == kScalarB) {
    const T s = *q;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::f(p[i], s);
  } else if (scalars == kScalarA) {
    const T s = *p;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::f(s, q[i]);
  } else {
    const T s = F::f(*p, *q);
    for (int64_t i = 0; i < n; ++i) out[i] = s;
  }
}

// a is never a single element here: it is the gradient of the output. When n is 1 the bits may be set or not.
template <class F, class T>
void map3(const void* a, const void* b, const void* c, void* y, int64_t n, unsigned scalars) {
  const T* g = static_cast<const T*>(a);
  const T* p = static_cast<const T*>(b);
  const T* q = static_cast<const T*>(c);
  T* out = static_cast<T*>(y);
  scalars &= kScalarB | kScalarC;
  if (scalars == 0) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::f(g[i], p[i], q[i]);
  } else if (scalars == kScalarC) {
    const T s = *q;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::f(g[i], p[i], s);
  } else if (scalars == kScalarB) {
    const T s = *p;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::f(g[i], s, q[i]);
  } else {
    const T s = *p, t = *q;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::f(g[i], s, t);
  }
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
