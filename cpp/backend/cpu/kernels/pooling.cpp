// Pooling of one image. With channels inside (step > 1) the loops run over channels; with one channel they
// run along output rows.
#include "backend/cpu/kernels/kernels.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// The part of a window that lies inside the image, and the number of positions an average divides by.
struct Window {
  int64_t begin[3], end[3];
  double divisor;
};

inline void window_axis(const PoolArgs& a, int i, int64_t position, Window& w, int64_t& padded_extent) {
  const int64_t start = position * a.stride[i] - a.pad[i];
  const int64_t stop = smaller(start + a.kernel[i], a.in[i] + a.pad[i]);
  padded_extent *= stop - start;
  w.begin[i] = larger(start, 0);
  w.end[i] = smaller(stop, a.in[i]);
}

inline Window window_at(const PoolArgs& a, int64_t d, int64_t h, int64_t x) {
  Window w;
  int64_t padded = 1;
  window_axis(a, 0, d, w, padded);
  window_axis(a, 1, h, w, padded);
  window_axis(a, 2, x, w, padded);
  int64_t inside = 1;
  for (int i = 0; i < 3; ++i) inside *= larger(w.end[i] - w.begin[i], 0);
  w.divisor = static_cast<double>(a.count_include_pad ? padded : inside);
  return w;
}

// Calls f(window, index of the output position) for every output position.
template <class F>
inline void for_windows(const PoolArgs& a, F&& f) {
  int64_t at = 0;
  for (int64_t d = 0; d < a.out[0]; ++d) {
    for (int64_t h = 0; h < a.out[1]; ++h) {
      for (int64_t x = 0; x < a.out[2]; ++x, ++at) f(window_at(a, d, h, x), at);
    }
  }
}

// Calls f(index of the input position) for every position of a window, in memory order.
template <class F>
inline void for_taps(const PoolArgs& a, const Window& w, F&& f) {
  for (int64_t d = w.begin[0]; d < w.end[0]; ++d) {
    for (int64_t h = w.begin[1]; h < w.end[1]; ++h) {
      const int64_t row = (d * a.in[1] + h) * a.in[2];
      for (int64_t x = w.begin[2]; x < w.end[2]; ++x) f(row + x);
    }
  }
}

template <class T>
constexpr T kLowest =
    sizeof(T) == 4 ? static_cast<T>(-3.402823466e+38F) : static_cast<T>(-1.7976931348623157e+308);

template <class T>
inline T root_p(T v, int p) {
  return p == 1 ? v : p == 2 ? static_cast<T>(__builtin_sqrt(v)) : static_cast<T>(__builtin_cbrt(v));
}

// What a tap adds to the result so far, by kind and power. (An average is a sum until it is divided.)
template <class T, PoolKind kKind, int kP>
inline T take(T result, T x) {
  if (kKind == PoolKind::kMax) return x > result ? x : result;
  if (kKind != PoolKind::kLp || kP == 1) return result + x;
  return kP == 2 ? result + x * x : result + x * x * x;
}

template <class T, PoolKind kKind, int kP>
inline T finish(T result, double divisor) {
  if (kKind == PoolKind::kAvg) return divisor > 0 ? static_cast<T>(result / static_cast<T>(divisor)) : T(0);
  return kKind == PoolKind::kLp ? root_p(result, kP) : result;
}

template <class T, PoolKind kKind, int kP>
void forward_block(const PoolArgs& a, const T* x, T* out) {
  const int64_t block = a.block, step = a.step;
  const T start = kKind == PoolKind::kMax ? kLowest<T> : T(0);
  for_windows(a, [&](const Window& w, int64_t at) {
    T* y = out + at * step;
    for (int64_t j = 0; j < block; ++j) y[j] = start;
    for_taps(a, w, [&](int64_t tap) {
      const T* v = x + tap * step;
#pragma omp simd
      for (int64_t j = 0; j < block; ++j) y[j] = take<T, kKind, kP>(y[j], v[j]);
    });
    if (kKind == PoolKind::kAvg || kKind == PoolKind::kLp) {
      for (int64_t j = 0; j < block; ++j) y[j] = finish<T, kKind, kP>(y[j], w.divisor);
    }
  });
}

// The output positions [first, last) along the row for which tap k is inside the image.
inline void row_range(const PoolArgs& a, int64_t k, int64_t& first, int64_t& last) {
  const int64_t at = k - a.pad[2], s = a.stride[2];
  first = at >= 0 ? 0 : smaller(a.out[2], (-at + s - 1) / s);
  last = at >= a.in[2] ? first : larger(first, smaller(a.out[2], (a.in[2] - at + s - 1) / s));
}

template <class T, PoolKind kKind, int kP>
void forward_lines(const PoolArgs& a, const T* image, T* out) {
  const T start = kKind == PoolKind::kMax ? kLowest<T> : T(0);
  const int64_t width = a.out[2], s = a.stride[2];
  for (int64_t d = 0; d < a.out[0]; ++d) {
    for (int64_t h = 0; h < a.out[1]; ++h) {
      T* y = out + (d * a.out[1] + h) * width;
      for (int64_t j = 0; j < width; ++j) y[j] = start;
      const Window w = window_at(a, d, h, 0);
      for (int64_t z = w.begin[0]; z < w.end[0]; ++z) {
        for (int64_t r = w.begin[1]; r < w.end[1]; ++r) {
          const T* row = image + (z * a.in[1] + r) * a.in[2] - a.pad[2];
          for (int64_t k = 0; k < a.kernel[2]; ++k) {
            int64_t first, last;
            row_range(a, k, first, last);
            if (s == 1) {
#pragma omp simd
              for (int64_t j = first; j < last; ++j) y[j] = take<T, kKind, kP>(y[j], row[k + j]);
            } else if (s == 2) {
#pragma omp simd
              for (int64_t j = first; j < last; ++j) y[j] = take<T, kKind, kP>(y[j], row[k + 2 * j]);
            } else {
              for (int64_t j = first; j < last; ++j) y[j] = take<T, kKind, kP>(y[j], row[k + s * j]);
            }
          }
        }
      }
      if (kKind == PoolKind::kAvg || kKind == PoolKind::kLp) {
        for (int64_t j = 0; j < width; ++j) y[j] = finish<T, kKind, kP>(y[j], window_at(a, d, h, j).divisor);
      }
    }
  }
}

template <class T, PoolKind kKind, int kP>
void forward_kind(const PoolArgs& a, const void* x, void* y) {
  if (a.step > 1) {
    forward_block<T, kKind, kP>(a, static_cast<const T*>(x), static_cast<T*>(y));
  } else {
    forward_lines<T, kKind, kP>(a, static_cast<const T*>(x), static_cast<T*>(y));
  }
}

template <class T>
void forward(const PoolArgs& a, const void* x, void* y) {
  switch (a.kind) {
    case PoolKind::kMax:
      return forward_kind<T, PoolKind::kMax, 1>(a, x, y);
    case PoolKind::kAvg:
      return forward_kind<T, PoolKind::kAvg, 1>(a, x, y);
    case PoolKind::kSum:
      return forward_kind<T, PoolKind::kSum, 1>(a, x, y);
    case PoolKind::kLp:
      return a.p == 1   ? forward_kind<T, PoolKind::kLp, 1>(a, x, y)
             : a.p == 2 ? forward_kind<T, PoolKind::kLp, 2>(a, x, y)
                        : forward_kind<T, PoolKind::kLp, 3>(a, x, y);
  }
}

template <class T>
void backward_max_lines(const PoolArgs& a, const T* dy, const T* x, const T* y, T* dx) {
  for_windows(a, [&](const Window& w, int64_t at) {
    const T max = y[at];
    for (int64_t d = w.begin[0]; d < w.end[0]; ++d) {
      for (int64_t h = w.begin[1]; h < w.end[1]; ++h) {
        const int64_t row = (d * a.in[1] + h) * a.in[2];
        for (int64_t k = w.begin[2]; k < w.end[2]; ++k) {
          if (x[row + k] == max) {
            dx[row + k] += dy[at];
            return;
          }
        }
      }
    }
  });
}

// Channels of a block wait for their first equal element; `left` is the gradient they still have to give.
template <class T>
void backward_max_block(const PoolArgs& a, const T* dy, const T* x, const T* y, T* dx) {
  constexpr int64_t kTile = 64;
  const int64_t block = a.block, step = a.step;
  for_windows(a, [&](const Window& w, int64_t at) {
    for (int64_t tile = 0; tile < block; tile += kTile) {
      const int64_t n = smaller(kTile, block - tile);
      T left[kTile], max[kTile];
      for (int64_t j = 0; j < n; ++j) {
        left[j] = dy[at * step + tile + j];
        max[j] = y[at * step + tile + j];
      }
      for_taps(a, w, [&](int64_t tap) {
        const T* v = x + tap * step + tile;
        T* g = dx + tap * step + tile;
#pragma omp simd
        for (int64_t j = 0; j < n; ++j) {
          const bool equal = v[j] == max[j];
          g[j] += equal ? left[j] : T(0);
          left[j] = equal ? T(0) : left[j];
        }
      });
    }
  });
}

// Derivative of the p-norm with respect to one element.
template <class T>
inline T lp_slope(T x, T y, int p) {
  if (p == 1) return T(1);
  if (p == 2) return x / y;
  return x * x / (y * y);
}

template <class T>
void backward_spread(const PoolArgs& a, const T* dy, const T* x, const T* y, T* dx) {
  const int64_t block = a.block, step = a.step;
  const bool lp = a.kind == PoolKind::kLp && a.p != 1;
  for_windows(a, [&](const Window& w, int64_t at) {
    const T* g = dy + at * step;
    const T scale = a.kind == PoolKind::kAvg ? static_cast<T>(1 / w.divisor) : T(1);
    for_taps(a, w, [&](int64_t tap) {
      T* out = dx + tap * step;
      if (lp) {
        for (int64_t j = 0; j < block; ++j)
          out[j] += g[j] * lp_slope(x[tap * step + j], y[at * step + j], a.p);
      } else {
#pragma omp simd
        for (int64_t j = 0; j < block; ++j) out[j] += g[j] * scale;
      }
    });
  });
}

template <class T>
void backward(const PoolArgs& a, const void* dy, const void* x, const void* y, void* dx) {
  T* out = static_cast<T*>(dx);
  const int64_t positions = a.in[0] * a.in[1] * a.in[2];
  if (a.step == a.block) {
    for (int64_t i = 0; i < positions * a.block; ++i) out[i] = 0;
  } else {
    for (int64_t i = 0; i < positions; ++i) {
      for (int64_t j = 0; j < a.block; ++j) out[i * a.step + j] = 0;
    }
  }
  if (a.kind != PoolKind::kMax) {
    backward_spread(a, static_cast<const T*>(dy), static_cast<const T*>(x), static_cast<const T*>(y), out);
  } else if (a.step > 1) {
    backward_max_block(a, static_cast<const T*>(dy), static_cast<const T*>(x), static_cast<const T*>(y), out);
  } else {
    backward_max_lines(a, static_cast<const T*>(dy), static_cast<const T*>(x), static_cast<const T*>(y), out);
  }
}

}  // namespace

void fill_pooling(KernelTable& t);
void fill_pooling(KernelTable& t) {
  t.pool[0] = {forward<float>, backward<float>};
  t.pool[1] = {forward<double>, backward<double>};
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
