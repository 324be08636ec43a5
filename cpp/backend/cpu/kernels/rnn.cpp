// Recurrent layers: products of blocks whose sums stay in registers, and the cells.
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/mathfun.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kMaxRows = 28;  // 28 of 32 registers hold sums
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kMaxRows = 12;  // 12 of 16
#else
constexpr int kVectorBytes = 16, kMaxRows = 12;
#endif

template <int kBytes>
struct IndexOf {
  using type = int32_t;
};
template <>
struct IndexOf<8> {
  using type = int64_t;
};

template <class T>
struct Lanes {
  typedef T Vector __attribute__((vector_size(kVectorBytes)));
  typedef typename IndexOf<sizeof(T)>::type Index __attribute__((vector_size(kVectorBytes)));
  static constexpr int kCount = kVectorBytes / static_cast<int>(sizeof(T));
};

// One stage of a transposition: swaps the off-diagonal halves of all squares of 2 * kHalf rows and lanes.
template <class T, int kHalf>
KERNEL_INLINE void swap_halves(typename Lanes<T>::Vector* rows) {
  using I = typename Lanes<T>::Index;
  constexpr int kLanes = Lanes<T>::kCount;
  I low, high;
#pragma GCC unroll 16
  for (int j = 0; j < kLanes; ++j) {
    low[j] = (j & kHalf) == 0 ? j : kLanes + j - kHalf;
    high[j] = (j & kHalf) == 0 ? j + kHalf : kLanes + j;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kHalf) != 0) continue;
    const typename Lanes<T>::Vector a = rows[i], b = rows[i + kHalf];
    rows[i] = __builtin_shuffle(a, b, low);
    rows[i + kHalf] = __builtin_shuffle(a, b, high);
  }
}

// out[i][j] = x[j * stride + i], lanes x lanes.
template <class T>
KERNEL_INLINE void transpose_square(const T* x, int64_t stride, T* out) {
  using V = typename Lanes<T>::Vector;
  constexpr int kLanes = Lanes<T>::kCount;
  V rows[kLanes];
#pragma GCC unroll 16
  for (int j = 0; j < kLanes; ++j) memcpy(&rows[j], x + j * stride, sizeof(V));
  if constexpr (kLanes >= 16) swap_halves<T, 8>(rows);
  if constexpr (kLanes >= 8) swap_halves<T, 4>(rows);
  if constexpr (kLanes >= 4) swap_halves<T, 2>(rows);
  swap_halves<T, 1>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) *reinterpret_cast<V*>(out + i * kLanes) = rows[i];
}

template <class T>
void pack_panel(const void* weights, int64_t k_stride, int64_t column_stride, int64_t k, int64_t columns,
                void* panel) {
  constexpr int kLanes = Lanes<T>::kCount;
  const T* w = static_cast<const T*>(weights);
  T* out = static_cast<T*>(panel);
  int64_t i = 0;
  if (columns == kLanes && column_stride == 1) {
    for (; i < k; ++i) memcpy(out + i * kLanes, w + i * k_stride, kLanes * sizeof(T));
  } else if (columns == kLanes && k_stride == 1) {
    for (; i + kLanes <= k; i += kLanes) transpose_square(w + i, column_stride, out + i * kLanes);
  }
  for (; i < k; ++i) {
    for (int64_t j = 0; j < kLanes; ++j) {
      out[i * kLanes + j] = j < columns ? w[i * k_stride + j * column_stride] : T(0);
    }
  }
}

template <class T, int kRows>
void multiply_block(int64_t k, const T* a, const T* panel, T* c) {
  using V = typename Lanes<T>::Vector;
  constexpr int kLanes = Lanes<T>::kCount;
  constexpr int kSums = kRows >= 8 ? 1 : 2;  // enough of them to hide the latency of an addition
  V sums[kRows][kSums];
#pragma GCC unroll 32
  for (int r = 0; r < kRows; ++r) {
    sums[r][0] = *reinterpret_cast<const V*>(c + r * kLanes);
    if (kSums == 2) sums[r][kSums - 1] = V{};
  }
  for (; k >= kLanes; k -= kLanes) {
    for (int i = 0; i < kLanes; i += kSums) {
#pragma GCC unroll 2
      for (int s = 0; s < kSums; ++s) {
        const V b = *reinterpret_cast<const V*>(panel + s * kLanes);
#pragma GCC unroll 32
        for (int r = 0; r < kRows; ++r) sums[r][s] += a[r * kLanes + i + s] * b;
      }
      panel += kSums * kLanes;
    }
    a += kRows * kLanes;
  }
  for (int i = 0; i < k; ++i) {
    const V b = *reinterpret_cast<const V*>(panel);
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) sums[r][0] += a[r * kLanes + i] * b;
    panel += kLanes;
  }
#pragma GCC unroll 32
  for (int r = 0; r < kRows; ++r) {
    *reinterpret_cast<V*>(c + r * kLanes) = kSums == 2 ? sums[r][0] + sums[r][kSums - 1] : sums[r][0];
  }
}

template <class T, int kRows = kMaxRows>
void product(int rows, int64_t k, const void* a, const void* panel, void* c) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      multiply_block<T, kRows>(k, static_cast<const T*>(a), static_cast<const T*>(panel), static_cast<T*>(c));
    } else {
      product<T, kRows - 1>(rows, k, a, panel, c);
    }
  }
}

template <class T>
void outer(int64_t rows, int64_t steps, const void* left, int64_t a_step, const void* right, int64_t b_step,
           void* out) {
  using V = typename Lanes<T>::Vector;
  constexpr int kLanes = Lanes<T>::kCount;
  V sums[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) sums[i] = V{};
  for (int64_t s = 0; s < steps; ++s) {
    const T* a = static_cast<const T*>(left) + s * a_step;
    const T* b = static_cast<const T*>(right) + s * b_step;
    for (int64_t r = 0; r < rows; ++r) {
      const V x = *reinterpret_cast<const V*>(b + r * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) sums[i] += a[r * kLanes + i] * x;
    }
  }
  T* c = static_cast<T*>(out);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) *reinterpret_cast<V*>(c + i * kLanes) = sums[i];
}

template <class T>
void lane_sums(int64_t rows, int64_t steps, const void* x, int64_t step, void* out) {
  using V = typename Lanes<T>::Vector;
  constexpr int kLanes = Lanes<T>::kCount;
  V total = V{};
  for (int64_t s = 0; s < steps; ++s) {
    const T* a = static_cast<const T*>(x) + s * step;
    V sum = V{};  // step by step: sums of sums round less
    for (int64_t r = 0; r < rows; ++r) sum += *reinterpret_cast<const V*>(a + r * kLanes);
    total += sum;
  }
  *static_cast<V*>(out) = total;
}

template <class T>
void plain_forward(bool relu, int64_t n, const void* gate, void* out) {
  const T* x = static_cast<const T*>(gate);
  T* h = static_cast<T*>(out);
  if (relu) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) h[k] = x[k] > T(0) ? x[k] : (x[k] == x[k] ? T(0) : x[k]);
  } else {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) h[k] = m_tanh(x[k]);
  }
}

template <class T>
void plain_backward(bool relu, int64_t n, const void* out_grad, const void* out, void* gate_grad) {
  const T* dh = static_cast<const T*>(out_grad);
  const T* h = static_cast<const T*>(out);
  T* d = static_cast<T*>(gate_grad);
  if (relu) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) d[k] = h[k] > T(0) ? dh[k] : T(0);
  } else {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) d[k] = dh[k] * (T(1) - h[k] * h[k]);
  }
}

template <class T>
void clip_cells(const RnnClip& clip, int64_t n, T* c) {
  const T lo = T(clip.lo), hi = T(clip.hi);
  if (clip.nan) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) c[k] = !(c[k] > lo) ? lo : (c[k] > hi ? hi : c[k]);
  } else {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) c[k] = c[k] < lo ? lo : (c[k] > hi ? hi : c[k]);
  }
}

template <class T>
void lstm_forward(const RnnClip& clip, int64_t n, void* const* gates, const void* c_prev, void* c_out,
                  void* h_out) {
  T* i = static_cast<T*>(gates[0]);
  T* f = static_cast<T*>(gates[1]);
  T* g = static_cast<T*>(gates[2]);
  T* o = static_cast<T*>(gates[3]);
  const T* before = static_cast<const T*>(c_prev);
  T* c = static_cast<T*>(c_out);
  T* h = static_cast<T*>(h_out);
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) {
    i[k] = m_sigmoid(i[k]);
    f[k] = m_sigmoid(f[k]);
    g[k] = m_tanh(g[k]);
    o[k] = m_sigmoid(o[k]);
    c[k] = f[k] * before[k] + i[k] * g[k];
  }
  if (clip.on) clip_cells(clip, n, c);
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) h[k] = o[k] * m_tanh(c[k]);
}

template <class T, bool kClip>
void lstm_backward_loop(const RnnClip& clip, int64_t n, const T* dh, T* dc, const void* const* gates,
                        const T* before, const T* c, void* const* dgates) {
  const T* i = static_cast<const T*>(gates[0]);
  const T* f = static_cast<const T*>(gates[1]);
  const T* g = static_cast<const T*>(gates[2]);
  const T* o = static_cast<const T*>(gates[3]);
  T* di = static_cast<T*>(dgates[0]);
  T* df = static_cast<T*>(dgates[1]);
  T* dg = static_cast<T*>(dgates[2]);
  T* d_o = static_cast<T*>(dgates[3]);
  const T lo = T(clip.lo), hi = T(clip.hi);
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) {
    const T t = m_tanh(c[k]);
    T d = dc[k] + dh[k] * o[k] * (T(1) - t * t);
    if (kClip) d = c[k] > lo && c[k] < hi ? d : T(0);  // a clipped state does not move
    d_o[k] = dh[k] * t * (o[k] * (T(1) - o[k]));
    di[k] = d * g[k] * (i[k] * (T(1) - i[k]));
    df[k] = d * before[k] * (f[k] * (T(1) - f[k]));
    dg[k] = d * i[k] * (T(1) - g[k] * g[k]);
    dc[k] = d * f[k];
  }
}

template <class T>
void lstm_backward(const RnnClip& clip, int64_t n, const void* dh, void* dc, const void* const* gates,
                   const void* c_prev, const void* c, void* const* dgates) {
  (clip.on ? lstm_backward_loop<T, true>
           : lstm_backward_loop<T, false>)(clip, n, static_cast<const T*>(dh), static_cast<T*>(dc), gates,
                                           static_cast<const T*>(c_prev), static_cast<const T*>(c), dgates);
}

template <class T>
void gru_forward(int64_t n, void* const* gates, const void* h_prev, void* h_out) {
  T* r = static_cast<T*>(gates[0]);
  T* z = static_cast<T*>(gates[1]);
  T* m = static_cast<T*>(gates[2]);
  const T* recurrent = static_cast<const T*>(gates[3]);
  const T* before = static_cast<const T*>(h_prev);
  T* h = static_cast<T*>(h_out);
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) {
    r[k] = m_sigmoid(r[k]);
    z[k] = m_sigmoid(z[k]);
    m[k] = m_tanh(m[k] + r[k] * recurrent[k]);
    h[k] = m[k] + z[k] * (before[k] - m[k]);
  }
}

template <class T>
void gru_backward(int64_t n, const void* out_grad, const void* const* gates, const void* h_prev,
                  void* const* dgates, void* dh_prev) {
  const T* dh = static_cast<const T*>(out_grad);
  const T* r = static_cast<const T*>(gates[0]);
  const T* z = static_cast<const T*>(gates[1]);
  const T* m = static_cast<const T*>(gates[2]);
  const T* recurrent = static_cast<const T*>(gates[3]);
  const T* before = static_cast<const T*>(h_prev);
  T* dm = static_cast<T*>(dgates[0]);
  T* dr = static_cast<T*>(dgates[1]);
  T* dz = static_cast<T*>(dgates[2]);
  T* drecurrent = static_cast<T*>(dgates[3]);
  T* past = static_cast<T*>(dh_prev);
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) {
    const T d = dh[k] * (T(1) - z[k]) * (T(1) - m[k] * m[k]);
    dm[k] = d;
    dr[k] = d * recurrent[k] * (r[k] * (T(1) - r[k]));
    dz[k] = dh[k] * (before[k] - m[k]) * (z[k] * (T(1) - z[k]));
    drecurrent[k] = d * r[k];
    past[k] = dh[k] * z[k];
  }
}

template <class T>
RnnFns functions() {
  RnnFns f;
  f.lanes = Lanes<T>::kCount;
  f.max_rows = kMaxRows;
  f.pack_panel = pack_panel<T>;
  f.product = product<T>;
  f.outer = outer<T>;
  f.lane_sums = lane_sums<T>;
  f.plain_forward = plain_forward<T>;
  f.plain_backward = plain_backward<T>;
  f.lstm_forward = lstm_forward<T>;
  f.lstm_backward = lstm_backward<T>;
  f.gru_forward = gru_forward<T>;
  f.gru_backward = gru_backward<T>;
  return f;
}

}  // namespace

void fill_rnn(KernelTable& t) {
  t.rnn[kF32] = functions<float>();
  t.rnn[kF64] = functions<double>();
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
