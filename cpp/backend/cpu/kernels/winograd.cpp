// Transforms of Winograd convolution for 3x3 filters (A. Lavin and S. Gray, "Fast Algorithms for
// Convolutional Neural Networks", CVPR 2016), one channel a lane. Tiles of 2x2 use the points 0, 1, -1 and
// infinity; tiles of 4x4 use 0, 3/4, -3/4, 3/2, -3/2 and infinity, whose error is four times less than that
// of 0, +-1, +-2 (points of this kind: B. Barabasz et al., "Error Analysis and Improving the Accuracy of
// Winograd Convolution for Deep Neural Networks", ACM TOMS 46, 2020). Their squares and products are exact in
// binary.
#include "backend/cpu/kernels/float_vector.h"
#include "backend/cpu/kernels/kernels.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

using V = FloatVector;

// One dimension of each transform; `kTile` results from kTile + 2 data. With the points p and the polynomial
// m(x) = prod(x - p): data takes the coefficients of m(x) / (x - p), filter the powers of p over
// prod(p - q), result the powers of p; the gradients are the transposed matrices.
template <int kTile>
struct Transform;

template <>
struct Transform<2> {
  KERNEL_INLINE void data(const V* d, V* t) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
  }
  KERNEL_INLINE void filter(const V* g, V* u) {
    const V even = 0.5f * (g[0] + g[2]), odd = 0.5f * g[1];
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g[2];
  }
  KERNEL_INLINE void result(const V* m, V* y) {
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = (m[1] - m[2]) + m[3];
  }
  KERNEL_INLINE void gradient(const V* y, V* w) {
    w[0] = y[0];
    w[1] = y[0] + y[1];
    w[2] = y[0] - y[1];
    w[3] = y[1];
  }
  KERNEL_INLINE void filter_gradient(const V* q, V* g) {
    const V even = 0.5f * (q[1] + q[2]);
    g[0] = q[0] + even;
    g[1] = 0.5f * (q[1] - q[2]);
    g[2] = even + q[3];
  }
};

template <>
struct Transform<4> {
  static constexpr float kA = 0.75f, kB = 1.5f;  // the points
  static constexpr float kA2 = kA * kA, kB2 = kB * kB, kSum = kA2 + kB2, kProduct = kA2 * kB2;
  static constexpr float kG0 = 1 / kProduct, kGa = 1 / (2 * kA2 * (kA2 - kB2)),
                         kGb = 1 / (2 * kB2 * (kB2 - kA2));

  KERNEL_INLINE void data(const V* d, V* t) {
    const V even_a = d[4] - kB2 * d[2], odd_a = kA * (d[3] - kB2 * d[1]);
    const V even_b = d[4] - kA2 * d[2], odd_b = kB * (d[3] - kA2 * d[1]);
    t[0] = d[4] - kSum * d[2] + kProduct * d[0];
    t[1] = even_a + odd_a;
    t[2] = even_a - odd_a;
    t[3] = even_b + odd_b;
    t[4] = even_b - odd_b;
    t[5] = d[5] - kSum * d[3] + kProduct * d[1];
  }
  KERNEL_INLINE void filter(const V* g, V* u) {
    const V even_a = kGa * (g[0] + kA2 * g[2]), odd_a = (kGa * kA) * g[1];
    const V even_b = kGb * (g[0] + kB2 * g[2]), odd_b = (kGb * kB) * g[1];
    u[0] = kG0 * g[0];
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = g[2];
  }
  KERNEL_INLINE void result(const V* m, V* y) {
    const V sum_a = m[1] + m[2], difference_a = m[1] - m[2];
    const V sum_b = m[3] + m[4], difference_b = m[3] - m[4];
    y[0] = m[0] + (sum_a + sum_b);
    y[1] = kA * difference_a + kB * difference_b;
    y[2] = kA2 * sum_a + kB2 * sum_b;
    y[3] = (kA * kA2) * difference_a + (kB * kB2) * difference_b + m[5];
  }
  KERNEL_INLINE void gradient(const V* y, V* w) {
    const V even_a = y[0] + kA2 * y[2], odd_a = kA * (y[1] + kA2 * y[3]);
    const V even_b = y[0] + kB2 * y[2], odd_b = kB * (y[1] + kB2 * y[3]);
    w[0] = y[0];
    w[1] = even_a + odd_a;
    w[2] = even_a - odd_a;
    w[3] = even_b + odd_b;
    w[4] = even_b - odd_b;
    w[5] = y[3];
  }
  KERNEL_INLINE void filter_gradient(const V* q, V* g) {
    const V sum_a = kGa * (q[1] + q[2]), sum_b = kGb * (q[3] + q[4]);
    g[0] = kG0 * q[0] + (sum_a + sum_b);
    g[1] = (kGa * kA) * (q[1] - q[2]) + (kGb * kB) * (q[3] - q[4]);
    g[2] = kA2 * sum_a + kB2 * sum_b + q[5];
  }
};

KERNEL_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
KERNEL_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Where tile `index` begins in the results.
struct Place {
  int64_t image, y, x;
};
template <int kTile>
KERNEL_INLINE Place place(const WinogradTiles& t, int64_t index) {
  const int64_t per_image = t.rows * t.columns, in_image = index % per_image;
  return {index / per_image, in_image / t.columns * kTile, in_image % t.columns * kTile};
}

// A window of kSize x kSize pixels; `copy` holds it when it is not wholly inside of the image.
template <int kSize>
struct Window {
  alignas(64) float copy[kSize * kSize * 16];
  const float* data;
  int64_t row;

  void read(const float* image, int64_t height, int64_t width, int64_t y, int64_t x) {
    if (y >= 0 && x >= 0 && y + kSize <= height && x + kSize <= width) {
      data = image + (y * width + x) * 16;
      row = width * 16;
      return;
    }
    data = copy;
    row = kSize * 16;
    const int64_t begin = larger(0, -x), end = smaller(kSize, width - x);
    for (int64_t i = 0; i < kSize; ++i) {
      float* to = copy + i * row;
      if (y + i < 0 || y + i >= height || begin >= end) {
        fill_zero(to, kSize);
        continue;
      }
      const float* from = image + ((y + i) * width + x) * 16;
      fill_zero(to, begin);
      for (int64_t j = begin * 16; j < end * 16; j += kFloatLanes) store(to + j, load(from + j));
      fill_zero(to + end * 16, kSize - end);
    }
  }
  KERNEL_INLINE void fill_zero(float* to, int64_t pixels) {
    for (int64_t j = 0; j < pixels * 16; j += kFloatLanes) store(to + j, V{});
  }
};

// Both dimensions of a transform of `kFrom` x `kFrom` into `kTo` x `kTo` vectors.
template <int kFrom, int kTo, class F, class Read, class Write>
KERNEL_INLINE void transform_2d(F&& f, Read&& read, Write&& write) {
  V columns[kTo][kFrom];
#pragma GCC unroll 6
  for (int j = 0; j < kFrom; ++j) {
    V in[kFrom], out[kTo];
#pragma GCC unroll 6
    for (int i = 0; i < kFrom; ++i) in[i] = read(i, j);
    f(in, out);
#pragma GCC unroll 6
    for (int i = 0; i < kTo; ++i) columns[i][j] = out[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kTo; ++i) {
    V out[kTo];
    f(columns[i], out);
#pragma GCC unroll 6
    for (int j = 0; j < kTo; ++j) write(i, j, out[j]);
  }
}

// Windows of `kFrom` x `kFrom` pixels into points, for all tiles and blocks.
template <int kTile, int kFrom, class F>
KERNEL_INLINE void transform_image(const WinogradTiles& t, const float* image, const WinogradPoints& to,
                                   F&& f) {
  constexpr int kSize = kTile + 2;
  Window<kFrom> window;
  for (int64_t b = 0; b < t.block_count; ++b) {
    for (int64_t i = 0; i < t.count; ++i) {
      const Place p = place<kTile>(t, t.first + i);
      const float* plane = image + (p.image * t.blocks + t.first_block + b) * t.height * t.width * 16;
      window.read(plane, t.height, t.width, p.y - t.pad_h, p.x - t.pad_w);
      for (int s = 0; s < 16; s += kFloatLanes) {
        const float* in = window.data + s;
        float* out = to.data + b * to.block + i * 16 + s;
        const int64_t row = window.row, point = to.point;
        transform_2d<kFrom, kSize>(
            f, [=](int y, int x) { return load(in + y * row + x * 16); },
            [=](int y, int x, V v) { store(out + (y * kSize + x) * point, v); });
      }
    }
  }
}

template <int kTile>
void data(const WinogradTiles& t, const float* image, const WinogradPoints& to) {
  transform_image<kTile, kTile + 2>(t, image, to,
                                    [](const V* in, V* out) { Transform<kTile>::data(in, out); });
}

template <int kTile>
void gradient(const WinogradTiles& t, const float* image, const WinogradPoints& to) {
  transform_image<kTile, kTile>(t, image, to,
                                [](const V* in, V* out) { Transform<kTile>::gradient(in, out); });
}

template <int kTile>
void result(const WinogradTiles& t, const WinogradPoints& from, const float* bias, const float* summand,
            bool relu, float* image) {
  constexpr int kSize = kTile + 2;
  for (int64_t b = 0; b < t.block_count; ++b) {
    for (int64_t i = 0; i < t.count; ++i) {
      const Place p = place<kTile>(t, t.first + i);
      const int64_t first =
          (((p.image * t.blocks + t.first_block + b) * t.height + p.y) * t.width + p.x) * 16;
      const int64_t rows = t.height - p.y, columns = t.width - p.x;  // those of the tile that exist, or more
      for (int s = 0; s < 16; s += kFloatLanes) {
        const float* in = from.data + b * from.block + i * 16 + s;
        const int64_t point = from.point;
        const V shift = bias ? load(bias + (t.first_block + b) * 16 + s) : V{};
        // The second dimension first, to end with rows of pixels.
        V half[kSize][kTile];
#pragma GCC unroll 6
        for (int y = 0; y < kSize; ++y) {
          V m[kSize];
#pragma GCC unroll 6
          for (int x = 0; x < kSize; ++x) m[x] = load(in + (y * kSize + x) * point);
          Transform<kTile>::result(m, half[y]);
        }
#pragma GCC unroll 4
        for (int x = 0; x < kTile; ++x) {
          V m[kSize], out[kTile];
#pragma GCC unroll 6
          for (int y = 0; y < kSize; ++y) m[y] = half[y][x];
          Transform<kTile>::result(m, out);
          if (x >= columns) break;
#pragma GCC unroll 4
          for (int y = 0; y < kTile; ++y) {
            if (y >= rows) break;
            const int64_t at = first + (y * t.width + x) * 16 + s;
            V v = out[y] + shift;
            if (summand) v += load(summand + at);
            if (relu) v = v < 0.0f ? V{} : v;
            store(image + at, v);
          }
        }
      }
    }
  }
}

// The nine taps of 16 filters, one filter a lane: taps[k * 16 + l]. What lies `ahead` is fetched meanwhile.
KERNEL_INLINE void gather_taps(const float* filter, int64_t lane, int64_t ahead, float* taps) {
#pragma GCC unroll 16
  for (int l = 0; l < 16; ++l) __builtin_prefetch(filter + ahead + l * lane);
#if defined(__AVX512F__)
  // Rows of 16 elements, of which 9 belong to the filter; the last row is read from its end, to stay inside.
  V row[16];
#pragma GCC unroll 16
  for (int l = 0; l < 15; ++l) row[l] = load(filter + l * lane);
  const V last = load(filter + 15 * lane - 7);
  row[15] = __builtin_shuffle(last, IntVector{7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6});
  transpose(row);
#pragma GCC unroll 16
  for (int k = 0; k < 9; ++k) store(taps + k * 16, row[k]);
#else
  for (int l = 0; l < 16; ++l) {
    for (int k = 0; k < 9; ++k) taps[k * 16 + l] = filter[l * lane + k];
  }
#endif
}

template <int kTile>
void filter(const WinogradFilter& f, const float* filter, int64_t lines, bool rotate,
            const WinogradPoints& to) {
  constexpr int kSize = kTile + 2;
  alignas(64) float taps[9 * 16];
  constexpr int64_t kAhead = 12;
  const int begin = rotate ? 8 * 16 : 0, step = rotate ? -16 : 16;
  for (int64_t line = 0; line < lines; ++line) {
    gather_taps(filter + line * f.line, f.lane, kAhead * f.line, taps);
    for (int s = 0; s < 16; s += kFloatLanes) {
      const float* in = taps + begin + s;
      float* out = to.data + line * 16 + s;
      const int64_t point = to.point;
      transform_2d<3, kSize>([](const V* g, V* u) { Transform<kTile>::filter(g, u); },
                             [=](int y, int x) { return load(in + (y * 3 + x) * step); },
                             [=](int y, int x, V v) { store(out + (y * kSize + x) * point, v); });
    }
  }
}

template <int kTile>
void filter_gradient(const WinogradPoints& from, int64_t copies, int64_t copy, int64_t lines, int64_t lane,
                     float* filter) {
  constexpr int kSize = kTile + 2;
  alignas(64) float taps[16 * 9 * 16];  // of 16 lines, one filter a lane
  for (int64_t line = 0; line < lines; line += 16) {
    for (int l = 0; l < 16; ++l) {
      for (int s = 0; s < 16; s += kFloatLanes) {
        const float* in = from.data + (line + l) * 16 + s;
        float* out = taps + l * 9 * 16 + s;
        const int64_t point = from.point;
        transform_2d<kSize, 3>([](const V* q, V* g) { Transform<kTile>::filter_gradient(q, g); },
                               [=](int y, int x) {
                                 const float* q = in + (y * kSize + x) * point;
                                 V sum = load(q);
                                 for (int64_t i = 1; i < copies; ++i) sum += load(q + i * copy);
                                 return sum;
                               },
                               [=](int y, int x, V v) { store(out + (y * 3 + x) * 16, v); });
      }
    }
    for (int k = 0; k < 9 * 16; k += kFloatLanes) {
      for (int s = 0; s < 16; s += kFloatLanes) {
        V row[kFloatLanes];
#pragma GCC unroll 16
        for (int i = 0; i < kFloatLanes; ++i) row[i] = load(taps + (k + i) * 16 + s);
        transpose(row);
#pragma GCC unroll 16
        for (int i = 0; i < kFloatLanes; ++i) store(filter + (s + i) * lane + line * 9 + k, row[i]);
      }
    }
  }
}

template <int kTile>
void fill(WinogradFns& f) {
  f.data = data<kTile>;
  f.gradient = gradient<kTile>;
  f.result = result<kTile>;
  f.filter = filter<kTile>;
  f.filter_gradient = filter_gradient<kTile>;
}

}  // namespace

void fill_winograd(KernelTable& t) {
  fill<2>(t.winograd[0]);
  fill<4>(t.winograd[1]);
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
