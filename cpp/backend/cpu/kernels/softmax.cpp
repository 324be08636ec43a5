// softmax, log_softmax and their gradients, along contiguous rows or along a strided axis.
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/mathfun.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

constexpr int kLanes = 32;         // independent partial results: the loops vectorise without reassociation
constexpr int64_t kColumns = 128;  // neighbouring rows of a strided axis that are handled together

template <class T>
KERNEL_INLINE T fold_max(const T* lanes) {
  T m = lanes[0];
  for (int j = 1; j < kLanes; ++j) m = lanes[j] > m ? lanes[j] : m;
  return m;
}
template <class T>
KERNEL_INLINE T fold_sum(T* lanes) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return lanes[0];
}

template <class T>
T row_max(const T* x, int64_t n, T scale) {
  T m = x[0] * scale;
  int64_t i = 0;
  if (n >= kLanes) {
    T lanes[kLanes];
    for (int j = 0; j < kLanes; ++j) lanes[j] = m;
    for (; i + kLanes <= n; i += kLanes) {
#pragma omp simd
      for (int j = 0; j < kLanes; ++j) {
        const T v = x[i + j] * scale;
        lanes[j] = v > lanes[j] ? v : lanes[j];
      }
    }
    m = fold_max(lanes);
  }
  for (; i < n; ++i) {
    const T v = x[i] * scale;
    m = v > m ? v : m;
  }
  return m;
}

// Sum of f(i) over i < n, where f has no other side effect than writing element i.
template <class T, class F>
KERNEL_INLINE T row_sum(int64_t n, F f) {
  T sum = 0;
  int64_t i = 0;
  if (n >= kLanes) {
    T lanes[kLanes];
    for (int j = 0; j < kLanes; ++j) lanes[j] = 0;
    for (; i + kLanes <= n; i += kLanes) {
#pragma omp simd
      for (int j = 0; j < kLanes; ++j) lanes[j] += f(i + j);
    }
    sum = fold_sum(lanes);
  }
  for (; i < n; ++i) sum += f(i);
  return sum;
}

// Up to kShort elements of float32, in one vector that is filled up with -infinity: its exponential is 0.
constexpr int kShort = 16;

void forward_short_row(const float* x, float* y, int n, float scale, bool log) {
  float v[kShort], e[kShort], fold[kShort];
#pragma omp simd
  for (int j = 0; j < kShort; ++j) fold[j] = v[j] = j < n ? x[j] * scale : -__builtin_inff();
  for (int width = kShort / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) fold[j] = fold[j + width] > fold[j] ? fold[j + width] : fold[j];
  }
  const float m = fold[0];
#pragma omp simd
  for (int j = 0; j < kShort; ++j) fold[j] = e[j] = m_exp(v[j] - m);
  for (int width = kShort / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) fold[j] += fold[j + width];
  }
  const float log_sum = log ? m_log(fold[0]) : 0.0f, inverse = 1.0f / fold[0];
#pragma omp simd
  for (int j = 0; j < kShort; ++j) {
    if (j < n) y[j] = log ? (v[j] - m) - log_sum : e[j] * inverse;
  }
}

template <class T>
void forward_row(const T* x, T* y, int64_t n, T scale, bool log) {
  if constexpr (sizeof(T) == 4) {
    if (n <= kShort) {
      forward_short_row(x, y, static_cast<int>(n), scale, log);
      return;
    }
  }
  const T m = row_max(x, n, scale);
  if (log) {
    const T sum =
        row_sum<T>(n, [=](int64_t i) __attribute__((always_inline)) { return m_exp(x[i] * scale - m); });
    const T log_sum = m_log(sum);  // not added to m, in which it would vanish when m is large
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] * scale - m) - log_sum;
    return;
  }
  const T sum = row_sum<T>(n, [=](int64_t i) __attribute__((always_inline)) {
    const T e = m_exp(x[i] * scale - m);
    y[i] = e;
    return e;
  });
  const T inverse = T(1) / sum;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] *= inverse;
}

template <class T>
void forward_columns(const T* x, T* y, int64_t n, int64_t stride, int64_t count, T scale, bool log) {
  T m[kColumns], sum[kColumns];
  for (int64_t i = 0; i < count; ++i) {
    m[i] = x[i] * scale;
    sum[i] = 0;
  }
  for (int64_t k = 1; k < n; ++k) {
    const T* row = x + k * stride;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) m[i] = row[i] * scale > m[i] ? row[i] * scale : m[i];
  }
  for (int64_t k = 0; k < n; ++k) {
    const T* row = x + k * stride;
    T* out = y + k * stride;
    if (log) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) sum[i] += m_exp(row[i] * scale - m[i]);
    } else {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) {
        const T e = m_exp(row[i] * scale - m[i]);
        out[i] = e;
        sum[i] += e;
      }
    }
  }
  for (int64_t i = 0; i < count; ++i) sum[i] = log ? m_log(sum[i]) : T(1) / sum[i];
  for (int64_t k = 0; k < n; ++k) {
    const T* row = x + k * stride;
    T* out = y + k * stride;
    if (log) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) out[i] = (row[i] * scale - m[i]) - sum[i];
    } else {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) out[i] *= sum[i];
    }
  }
}

template <class T>
void backward_row(const T* dy, const T* y, T* dx, int64_t n, T scale, bool log) {
  if (log) {
    const T sum = row_sum<T>(n, [=](int64_t i) __attribute__((always_inline)) { return dy[i]; });
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) dx[i] = scale * (dy[i] - m_exp(y[i]) * sum);
  } else {
    const T sum = row_sum<T>(n, [=](int64_t i) __attribute__((always_inline)) { return dy[i] * y[i]; });
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) dx[i] = scale * (y[i] * (dy[i] - sum));
  }
}

template <class T>
void backward_columns(const T* dy, const T* y, T* dx, int64_t n, int64_t stride, int64_t count, T scale,
                      bool log) {
  T sum[kColumns];
  for (int64_t i = 0; i < count; ++i) sum[i] = 0;
  for (int64_t k = 0; k < n; ++k) {
    const T* g = dy + k * stride;
    const T* v = y + k * stride;
    if (log) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) sum[i] += g[i];
    } else {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) sum[i] += g[i] * v[i];
    }
  }
  for (int64_t k = 0; k < n; ++k) {
    const T* g = dy + k * stride;
    const T* v = y + k * stride;
    T* out = dx + k * stride;
    if (log) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) out[i] = scale * (g[i] - m_exp(v[i]) * sum[i]);
    } else {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) out[i] = scale * (v[i] * (g[i] - sum[i]));
    }
  }
}

template <class T>
void forward(const void* x, void* y, int64_t n, int64_t stride, int64_t count, double scale, bool log) {
  const T* in = static_cast<const T*>(x);
  T* out = static_cast<T*>(y);
  if (n == 0) return;
  if (stride == 1 && count == 1) {
    forward_row(in, out, n, T(scale), log);
    return;
  }
  for (int64_t i = 0; i < count; i += kColumns) {
    forward_columns(in + i, out + i, n, stride, count - i < kColumns ? count - i : kColumns, T(scale), log);
  }
}

template <class T>
void backward(const void* dy, const void* y, void* dx, int64_t n, int64_t stride, int64_t count, double scale,
              bool log) {
  const T* g = static_cast<const T*>(dy);
  const T* v = static_cast<const T*>(y);
  T* out = static_cast<T*>(dx);
  if (n == 0) return;
  if (stride == 1 && count == 1) {
    backward_row(g, v, out, n, T(scale), log);
    return;
  }
  for (int64_t i = 0; i < count; i += kColumns) {
    backward_columns(g + i, v + i, out + i, n, stride, count - i < kColumns ? count - i : kColumns, T(scale),
                     log);
  }
}

}  // namespace

void fill_softmax(KernelTable& t) {
  t.softmax[kF32].forward = forward<float>;
  t.softmax[kF32].backward = backward<float>;
  t.softmax[kF64].forward = forward<double>;
  t.softmax[kF64].backward = backward<double>;
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
