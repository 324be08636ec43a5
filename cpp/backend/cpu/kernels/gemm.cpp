// C = alpha * op(A) op(B) + beta * C in one thread: operands are packed into panels that stay in the caches,
// and a register-blocked product of panels does the work (Goto and van de Geijn, "Anatomy of high-performance
// matrix multiplication", ACM TOMS 34, 2008). Matrices with one row or column take dot products or sums of
// rows instead.
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/mathfun.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kRows = 14;  // 28 of 32 registers hold C
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kRows = 6;  // 12 of 16
#else
constexpr int kVectorBytes = 16, kRows = 6;
#endif
constexpr int64_t kDepth = 256;             // of a panel: rows of B, columns of A
constexpr int64_t kBlockRows = 12 * kRows;  // of A: a block fits in the second-level cache

template <class T>
struct Tile {
  typedef T Vector __attribute__((vector_size(kVectorBytes)));
  typedef T Unaligned __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  static constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
  static constexpr int kColumns = 2 * kLanes;
  static constexpr int64_t kBlockColumns = 2048 / kColumns * kColumns;
};

template <class T>
KERNEL_INLINE int64_t smaller(T a, T b) {
  return a < b ? a : b;
}

// c = alpha * acc + beta * c for the first rows x columns of a tile.
template <class T>
void store_edge(const T* acc, T alpha, T beta, T* c, int64_t ldc, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const T v = alpha * acc[i * Tile<T>::kColumns + j];
      c[i * ldc + j] = beta == T(0) ? v : v + beta * c[i * ldc + j];
    }
  }
}

// One tile: a is a packed panel (depth x kRows), b a packed panel (depth x kColumns).
template <class T>
void multiply_tile(int64_t depth, const T* a, const T* b, T alpha, T beta, T* c, int64_t ldc, int64_t rows,
                   int64_t columns) {
  using V = typename Tile<T>::Vector;
  using U = typename Tile<T>::Unaligned;
  V acc[kRows][2];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) acc[i][0] = acc[i][1] = V{};
  for (int64_t p = 0; p < depth; ++p) {
    const V b0 = *reinterpret_cast<const V*>(b), b1 = *reinterpret_cast<const V*>(b + Tile<T>::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      acc[i][0] += a[i] * b0;
      acc[i][1] += a[i] * b1;
    }
    a += kRows;
    b += Tile<T>::kColumns;
  }
  if (rows == kRows && columns == Tile<T>::kColumns) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      U* row = reinterpret_cast<U*>(c + i * ldc);
      row[0] = beta == T(0) ? alpha * acc[i][0] : alpha * acc[i][0] + beta * row[0];
      row[1] = beta == T(0) ? alpha * acc[i][1] : alpha * acc[i][1] + beta * row[1];
    }
    return;
  }
  alignas(64) T tile[kRows * Tile<T>::kColumns];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    *reinterpret_cast<V*>(tile + i * Tile<T>::kColumns) = acc[i][0];
    *reinterpret_cast<V*>(tile + i * Tile<T>::kColumns + Tile<T>::kLanes) = acc[i][1];
  }
  store_edge(tile, alpha, beta, c, ldc, rows, columns);
}

// `width` lines of a matrix side by side, `depth` elements each; missing lines are zero. Line l, element p of
// the source is x[l * line + p * step]; one of the two strides is 1.
template <class T, int kWidth>
void pack_panel(const T* x, int64_t line, int64_t step, int64_t lines, int64_t depth, T* out) {
  if (lines == kWidth && line == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      for (int l = 0; l < kWidth; ++l) out[p * kWidth + l] = x[p * step + l];
    }
    return;
  }
  if (lines < kWidth) {
    for (int64_t i = 0; i < depth * kWidth; ++i) out[i] = T(0);
  }
  if (line == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      for (int64_t l = 0; l < lines; ++l) out[p * kWidth + l] = x[p * step + l];
    }
  } else {
    // A few elements of every line at a time, so that whole cache lines are read and written.
    for (int64_t first = 0; first < depth; first += 16) {
      const int64_t last = smaller(first + 16, depth);
      for (int64_t l = 0; l < lines; ++l) {
        for (int64_t p = first; p < last; ++p) out[p * kWidth + l] = x[l * line + p * step];
      }
    }
  }
}

template <class T>
void multiply(const GemmArgs& g, T* workspace) {
  constexpr int64_t kColumns = Tile<T>::kColumns, kBlockColumns = Tile<T>::kBlockColumns;
  const T* a = static_cast<const T*>(g.a);
  const T* b = static_cast<const T*>(g.b);
  T* c = static_cast<T*>(g.c);
  // op(A)(i, p) = a[i * a_row + p * a_step], op(B)(p, j) = b[j * b_column + p * b_step]
  const int64_t a_row = g.trans_a ? 1 : g.lda, a_step = g.trans_a ? g.lda : 1;
  const int64_t b_column = g.trans_b ? g.ldb : 1, b_step = g.trans_b ? 1 : g.ldb;
  T* const packed_b = workspace;
  T* const packed_a = workspace + kDepth * kBlockColumns;
  for (int64_t j0 = 0; j0 < g.n; j0 += kBlockColumns) {
    const int64_t columns = smaller(kBlockColumns, g.n - j0);
    for (int64_t p0 = 0; p0 < g.k; p0 += kDepth) {
      const int64_t depth = smaller(kDepth, g.k - p0);
      const T beta = p0 == 0 ? T(g.beta) : T(1);
      for (int64_t j = 0; j < columns; j += kColumns) {
        pack_panel<T, static_cast<int>(kColumns)>(b + (j0 + j) * b_column + p0 * b_step, b_column, b_step,
                                                  smaller(kColumns, columns - j), depth,
                                                  packed_b + j * depth);
      }
      for (int64_t i0 = 0; i0 < g.m; i0 += kBlockRows) {
        const int64_t rows = smaller(kBlockRows, g.m - i0);
        for (int64_t i = 0; i < rows; i += kRows) {
          pack_panel<T, kRows>(a + (i0 + i) * a_row + p0 * a_step, a_row, a_step,
                               smaller<int64_t>(kRows, rows - i), depth, packed_a + i * depth);
        }
        for (int64_t j = 0; j < columns; j += kColumns) {
          for (int64_t i = 0; i < rows; i += kRows) {
            multiply_tile(depth, packed_a + i * depth, packed_b + j * depth, T(g.alpha), beta,
                          c + (i0 + i) * g.ldc + j0 + j, g.ldc, smaller<int64_t>(kRows, rows - i),
                          smaller(kColumns, columns - j));
          }
        }
      }
    }
  }
}

template <class T>
T dot(const T* x, const T* y, int64_t n) {
  using V = typename Tile<T>::Vector;
  using U = typename Tile<T>::Unaligned;
  constexpr int kLanes = Tile<T>::kLanes, kSums = 4;
  V sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums * kLanes <= n; i += kSums * kLanes) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) {
      sums[s] +=
          *reinterpret_cast<const U*>(x + i + s * kLanes) * *reinterpret_cast<const U*>(y + i + s * kLanes);
    }
  }
  for (; i + kLanes <= n; i += kLanes) {
    sums[0] += *reinterpret_cast<const U*>(x + i) * *reinterpret_cast<const U*>(y + i);
  }
  const V sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  T total = 0;
  for (int j = 0; j < kLanes; ++j) total += sum[j];
  for (; i < n; ++i) total += x[i] * y[i];
  return total;
}

// y[l * y_step] = alpha * sum_p M(l, p) x[p * x_step] + beta * y for the lines l of a matrix. Element p of
// line l is matrix[l * line + p * step]; one of the two strides is 1.
template <class T>
void multiply_vector(const T* matrix, int64_t line, int64_t step, int64_t lines, int64_t n, const T* x,
                     int64_t x_step, T alpha, T beta, T* y, int64_t y_step) {
  constexpr int64_t kPiece = 2048;  // of the vector (dot products) or of the lines (sums of rows)
  alignas(64) T piece[kPiece];
  auto store = [=](int64_t l, T v, bool first) {
    T& out = y[l * y_step];
    out = !first ? out + alpha * v : (beta == T(0) ? alpha * v : alpha * v + beta * out);
  };
  if (step == 1) {
    for (int64_t p = 0; p < n; p += kPiece) {
      const int64_t count = smaller(kPiece, n - p);
      for (int64_t i = 0; i < count; ++i) piece[i] = x[(p + i) * x_step];
      for (int64_t l = 0; l < lines; ++l) store(l, dot(matrix + l * line + p, piece, count), p == 0);
    }
    return;
  }
  for (int64_t l0 = 0; l0 < lines; l0 += kPiece) {
    const int64_t count = smaller(kPiece, lines - l0);
    for (int64_t l = 0; l < count; ++l) piece[l] = 0;
    for (int64_t p = 0; p < n; ++p) {
      const T* row = matrix + l0 + p * step;
      const T v = x[p * x_step];
#pragma omp simd
      for (int64_t l = 0; l < count; ++l) piece[l] += row[l] * v;
    }
    for (int64_t l = 0; l < count; ++l) store(l0 + l, piece[l], true);
  }
}

template <class T>
void gemm(const GemmArgs& g, void* workspace) {
  if (g.m == 0 || g.n == 0) return;
  const T* a = static_cast<const T*>(g.a);
  const T* b = static_cast<const T*>(g.b);
  T* c = static_cast<T*>(g.c);
  if (g.k == 0) {
    for (int64_t i = 0; i < g.m; ++i) {
      for (int64_t j = 0; j < g.n; ++j) c[i * g.ldc + j] = g.beta == 0 ? T(0) : T(g.beta) * c[i * g.ldc + j];
    }
  } else if (g.n == 1) {
    multiply_vector(a, g.trans_a ? 1 : g.lda, g.trans_a ? g.lda : 1, g.m, g.k, b, g.trans_b ? 1 : g.ldb,
                    T(g.alpha), T(g.beta), c, g.ldc);
  } else if (g.m == 1) {
    multiply_vector(b, g.trans_b ? g.ldb : 1, g.trans_b ? 1 : g.ldb, g.n, g.k, a, g.trans_a ? g.lda : 1,
                    T(g.alpha), T(g.beta), c, 1);
  } else {
    multiply(g, static_cast<T*>(workspace));
  }
}

template <class T>
constexpr size_t workspace_bytes() {
  return sizeof(T) * static_cast<size_t>(kDepth * (Tile<T>::kBlockColumns + kBlockRows));
}

}  // namespace

void fill_gemm(KernelTable& t) {
  t.gemm[kF32] = gemm<float>;
  t.gemm[kF64] = gemm<double>;
  t.gemm_workspace[kF32] = workspace_bytes<float>();
  t.gemm_workspace[kF64] = workspace_bytes<double>();
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
