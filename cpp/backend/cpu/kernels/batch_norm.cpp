// Normalisation per channel. Memory bounds these loops: statistics take one pass over the data (sums of x -
// shift and of its square, with a shift near the mean, so that the difference of the two keeps its digits),
// the result another.
#include "backend/cpu/kernels/bfloat16.h"
#include "backend/cpu/kernels/kernels.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

// Vectors of GCC and Clang: any width works on any instruction set. Aligned as their elements are.
template <class T, int W>
struct Vector {
  typedef T type __attribute__((vector_size(W * sizeof(T)), aligned(alignof(T)), may_alias));
};
template <class T, int W>
using Vec = typename Vector<T, W>::type;

template <class T>
constexpr int kWidth = 64 / sizeof(T);

constexpr int64_t kRows = 64;   // rows or
constexpr int64_t kRun = 1024;  // elements whose sums may stay in the element type

template <class T, int W>
inline Vec<T, W> load(const T* p) {
  return *reinterpret_cast<const Vec<T, W>*>(p);
}

template <int W>
inline Vec<float, W> load_as(const Bfloat16* p) {
  const Vec<uint16_t, W> half = *reinterpret_cast<const Vec<uint16_t, W>*>(p);
  return reinterpret_cast<Vec<float, W>>(__builtin_convertvector(half, Vec<uint32_t, W>) << 16);
}
template <int W>
inline Vec<float, W> load_as(const float* p) {
  return load<float, W>(p);
}
template <int W>
inline Vec<double, W> load_as(const double* p) {
  return load<double, W>(p);
}

inline void store_as(float* p, Vec<float, 16> v) { *reinterpret_cast<Vec<float, 16>*>(p) = v; }
// As Narrow<Bfloat16>.
inline void store_as(Bfloat16* p, Vec<float, 16> v) {
  const Vec<uint32_t, 16> bits = reinterpret_cast<Vec<uint32_t, 16>>(v);
  const Vec<uint32_t, 16> rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const Vec<uint32_t, 16> kept = v == v ? rounded : bits | 0x400000u;
  *reinterpret_cast<Vec<uint16_t, 16>*>(p) = __builtin_convertvector(kept >> 16, Vec<uint16_t, 16>);
}

template <class T, int W>
inline Vec<T, W> splat(T v) {
  return v - Vec<T, W>{};
}

// g of the header: dy where the activation is not active below zero.
template <class T, int W>
inline Vec<T, W> masked(Vec<T, W> dy, Vec<T, W> centred, Vec<T, W> scale, Vec<T, W> bias, bool relu,
                        T slope) {
  if (!relu) return dy;
  return centred * scale + bias > splat<T, W>(0) ? dy : dy * slope;
}

template <class T>
inline T masked1(T dy, T centred, T scale, T bias, bool relu, T slope) {
  return !relu || centred * scale + bias > 0 ? dy : dy * slope;
}

// Calls f.template run<W>(column) for columns [0, n) in vectors as wide as possible.
template <class T, class F>
inline void for_columns(int64_t n, F&& f) {
  constexpr int W = kWidth<T>;
  int64_t j = 0;
  for (; j + 4 * W <= n; j += 4 * W) f.template run<W, 4>(j);
  for (; j + W <= n; j += W) f.template run<W, 1>(j);
  if (j + W / 2 <= n) {
    f.template run<W / 2, 1>(j);
    j += W / 2;
  }
  if (j + W / 4 <= n) {
    f.template run<W / 4, 1>(j);
    j += W / 4;
  }
  for (; j < n; ++j) f.template run<1, 1>(j);
}

template <class T, class S>
struct MomentColumns {
  const S* x;
  int64_t rows, stride;
  const T* shift;
  double *sum, *square;

  template <int W, int K>
  void run(int64_t j) {
    Vec<T, W> s[K], q[K], k[K];
    for (int i = 0; i < K; ++i) {
      s[i] = q[i] = Vec<T, W>{};
      k[i] = load<T, W>(shift + j + i * W);
    }
    const S* p = x + j;
    for (int64_t r = 0; r < rows; ++r, p += stride) {
      for (int i = 0; i < K; ++i) {
        const Vec<T, W> d = load_as<W>(p + i * W) - k[i];
        s[i] += d;
        q[i] += d * d;
      }
    }
    for (int i = 0; i < K; ++i) {
      for (int l = 0; l < W; ++l) {
        sum[j + i * W + l] += s[i][l];
        square[j + i * W + l] += q[i][l];
      }
    }
  }
};

template <class T, class S>
void column_moments(const void* x, int64_t rows, int64_t n, int64_t stride, const void* shift, double* sum,
                    double* square) {
  for (int64_t r = 0; r < rows; r += kRows) {
    MomentColumns<T, S> f{static_cast<const S*>(x) + r * stride,
                          rows - r < kRows ? rows - r : kRows,
                          stride,
                          static_cast<const T*>(shift),
                          sum,
                          square};
    for_columns<T>(n, f);
  }
}

template <class T, class S>
void line_moments(const void* data, int64_t n, double shift, double* sum, double* square) {
  const S* x = static_cast<const S*>(data);
  const T k = static_cast<T>(shift);
  double total = 0, total_square = 0;
  for (int64_t begin = 0; begin < n; begin += kRun) {
    const int64_t end = begin + kRun < n ? begin + kRun : n;
    T s = 0, q = 0;
#pragma omp simd reduction(+ : s, q)
    for (int64_t i = begin; i < end; ++i) {
      const T d = widen(x[i]) - k;
      s += d;
      q += d * d;
    }
    total += s;
    total_square += q;
  }
  *sum += total;
  *square += total_square;
}

template <class T, class S>
void line_apply(const void* data, void* result, int64_t n, double mean, double scale, double bias, bool relu,
                double slope) {
  const S* x = static_cast<const S*>(data);
  S* y = static_cast<S*>(result);
  const T m = static_cast<T>(mean), a = static_cast<T>(scale), b = static_cast<T>(bias),
          low = static_cast<T>(slope);
  if (relu) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      const T v = (widen(x[i]) - m) * a + b;
      y[i] = Narrow<S>::f(v > 0 ? v : v * low);
    }
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = Narrow<S>::f((widen(x[i]) - m) * a + b);
  }
}

// Rows of 16 channels, as convolutions have them: everything about the channels stays in registers.
constexpr int kBlock = 16;

template <class S>
void block_apply(const S* x, S* y, int64_t rows, int64_t stride, const float* mean, const float* scale,
                 const float* bias, bool relu, float slope) {
  using V = Vec<float, kBlock>;
  const V m = load<float, kBlock>(mean), a = load<float, kBlock>(scale), b = load<float, kBlock>(bias);
  for (int64_t r = 0; r < rows; ++r, x += stride, y += stride) {
    const V v = (load_as<kBlock>(x) - m) * a + b;
    store_as(y, !relu || v > V{} ? v : v * slope);
  }
}

template <class T, class S>
void column_apply(const void* data, void* result, int64_t rows, int64_t n, int64_t stride, const void* mean,
                  const void* scale, const void* bias, bool relu, double slope) {
  const T* m = static_cast<const T*>(mean);
  const T* a = static_cast<const T*>(scale);
  const T* b = static_cast<const T*>(bias);
  const T low = static_cast<T>(slope);
  if constexpr (sizeof(T) == 4) {
    if (n == kBlock) {
      return block_apply(static_cast<const S*>(data), static_cast<S*>(result), rows, stride, m, a, b, relu,
                         low);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    const S* x = static_cast<const S*>(data) + r * stride;
    S* y = static_cast<S*>(result) + r * stride;
    if (relu) {
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) {
        const T v = (widen(x[j]) - m[j]) * a[j] + b[j];
        y[j] = Narrow<S>::f(v > 0 ? v : v * low);
      }
    } else {
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) y[j] = Narrow<S>::f((widen(x[j]) - m[j]) * a[j] + b[j]);
    }
  }
}

template <class T, class S>
struct GradSumColumns {
  const S *dy, *x;
  int64_t rows, stride;
  const T *mean, *scale, *bias;
  bool relu;
  T slope;
  double *sum, *dot;

  template <int W, int K>
  void run(int64_t j) {
    Vec<T, W> s[K], d[K];
    for (int i = 0; i < K; ++i) s[i] = d[i] = Vec<T, W>{};
    for (int64_t r = 0; r < rows; ++r) {
      for (int i = 0; i < K; ++i) {
        const int64_t at = j + i * W;
        const Vec<T, W> v = load_as<W>(x + r * stride + at) - load<T, W>(mean + at);
        const Vec<T, W> g = masked<T, W>(load_as<W>(dy + r * stride + at), v, load<T, W>(scale + at),
                                         load<T, W>(bias + at), relu, slope);
        s[i] += g;
        d[i] += g * v;
      }
    }
    for (int i = 0; i < K; ++i) {
      for (int l = 0; l < W; ++l) {
        sum[j + i * W + l] += s[i][l];
        dot[j + i * W + l] += d[i][l];
      }
    }
  }
};

template <class T, class S>
void column_grad_sums(const void* dy, const void* x, int64_t rows, int64_t n, int64_t stride,
                      const void* mean, const void* scale, const void* bias, bool relu, double slope,
                      double* sum, double* dot) {
  for (int64_t r = 0; r < rows; r += kRows) {
    GradSumColumns<T, S> f{static_cast<const S*>(dy) + r * stride,
                           static_cast<const S*>(x) + r * stride,
                           rows - r < kRows ? rows - r : kRows,
                           stride,
                           static_cast<const T*>(mean),
                           static_cast<const T*>(scale),
                           static_cast<const T*>(bias),
                           relu,
                           static_cast<T>(slope),
                           sum,
                           dot};
    for_columns<T>(n, f);
  }
}

template <class T, class S>
void line_grad_sums(const void* grad, const void* data, int64_t n, double mean, double scale, double bias,
                    bool relu, double slope, double* sum, double* dot) {
  const S* dy = static_cast<const S*>(grad);
  const S* x = static_cast<const S*>(data);
  const T m = static_cast<T>(mean), a = static_cast<T>(scale), b = static_cast<T>(bias),
          low = static_cast<T>(slope);
  double total = 0, total_dot = 0;
  for (int64_t begin = 0; begin < n; begin += kRun) {
    const int64_t end = begin + kRun < n ? begin + kRun : n;
    T s = 0, d = 0;
#pragma omp simd reduction(+ : s, d)
    for (int64_t i = begin; i < end; ++i) {
      const T centred = widen(x[i]) - m;
      const T g = masked1(widen(dy[i]), centred, a, b, relu, low);
      s += g;
      d += g * centred;
    }
    total += s;
    total_dot += d;
  }
  *sum += total;
  *dot += total_dot;
}

template <class T, class S>
void line_grad_apply(const void* grad, const void* data, void* result, int64_t n, double a, double b,
                     double c, double mean, double scale, double bias, bool relu, double slope) {
  const S* dy = static_cast<const S*>(grad);
  const S* x = static_cast<const S*>(data);
  S* dx = static_cast<S*>(result);
  const T ta = static_cast<T>(a), tb = static_cast<T>(b), tc = static_cast<T>(c), m = static_cast<T>(mean);
  const T s = static_cast<T>(scale), t = static_cast<T>(bias), low = static_cast<T>(slope);
  if (relu) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      const T centred = widen(x[i]) - m;
      dx[i] = Narrow<S>::f(ta * (masked1(widen(dy[i]), centred, s, t, true, low) - tc - tb * centred));
    }
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) dx[i] = Narrow<S>::f(ta * (widen(dy[i]) - tc - tb * (widen(x[i]) - m)));
  }
}

template <class S>
void block_grad_apply(const S* dy, const S* x, S* dx, int64_t rows, int64_t stride, const float* coefficients,
                      int64_t coefficient_stride, bool relu, float slope) {
  using V = Vec<float, kBlock>;
  V k[6];
  for (int i = 0; i < 6; ++i) k[i] = load<float, kBlock>(coefficients + i * coefficient_stride);
  for (int64_t r = 0; r < rows; ++r, dy += stride, x += stride, dx += stride) {
    const V centred = load_as<kBlock>(x) - k[3];
    const V g = masked<float, kBlock>(load_as<kBlock>(dy), centred, k[4], k[5], relu, slope);
    store_as(dx, k[0] * (g - k[2] - k[1] * centred));
  }
}

template <class T, class S>
void column_grad_apply(const void* grad, const void* data, void* result, int64_t rows, int64_t n,
                       int64_t stride, const void* coefficients, int64_t coefficient_stride, bool relu,
                       double slope) {
  const T* a = static_cast<const T*>(coefficients);
  const T *b = a + coefficient_stride, *c = b + coefficient_stride, *mean = c + coefficient_stride;
  const T *scale = mean + coefficient_stride, *bias = scale + coefficient_stride;
  const T low = static_cast<T>(slope);
  if constexpr (sizeof(T) == 4) {
    if (n == kBlock) {
      return block_grad_apply(static_cast<const S*>(grad), static_cast<const S*>(data),
                              static_cast<S*>(result), rows, stride, a, coefficient_stride, relu, low);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    const S* dy = static_cast<const S*>(grad) + r * stride;
    const S* x = static_cast<const S*>(data) + r * stride;
    S* dx = static_cast<S*>(result) + r * stride;
    if (relu) {
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) {
        const T centred = widen(x[j]) - mean[j];
        const T g = masked1(widen(dy[j]), centred, scale[j], bias[j], true, low);
        dx[j] = Narrow<S>::f(a[j] * (g - c[j] - b[j] * centred));
      }
    } else {
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) {
        dx[j] = Narrow<S>::f(a[j] * (widen(dy[j]) - c[j] - b[j] * (widen(x[j]) - mean[j])));
      }
    }
  }
}

template <class T, class S = T>
NormFns norm_fns() {
  NormFns f;
  f.line_moments = line_moments<T, S>;
  f.column_moments = column_moments<T, S>;
  f.line_apply = line_apply<T, S>;
  f.column_apply = column_apply<T, S>;
  f.line_grad_sums = line_grad_sums<T, S>;
  f.column_grad_sums = column_grad_sums<T, S>;
  f.line_grad_apply = line_grad_apply<T, S>;
  f.column_grad_apply = column_grad_apply<T, S>;
  return f;
}

}  // namespace

void fill_batch_norm(KernelTable& t);
void fill_batch_norm(KernelTable& t) {
  t.norm[0] = norm_fns<float>();
  t.norm[1] = norm_fns<double>();
  t.norm[2] = norm_fns<float, Bfloat16>();
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
