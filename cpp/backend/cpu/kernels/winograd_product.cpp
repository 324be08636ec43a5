// Products of Winograd's transformed domain: many matrix products of moderate size whose operands lie in
// blocks of 16 channels. Elements of one operand are broadcast, vectors of output channels accumulate in
// registers.
#include "backend/cpu/kernels/float_vector.h"
#include "backend/cpu/kernels/kernels.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

constexpr int kParts = 16 / kFloatLanes;  // vectors of a block
#if defined(__AVX512F__)
constexpr int kOuts = 2, kRows = 14, kChannels = 8;  // 28 of 32 registers hold the result
#elif defined(__AVX2__)
constexpr int kOuts = 1, kRows = 6, kChannels = 4;  // 12 of 16
#else
constexpr int kOuts = 1, kRows = 3, kChannels = 2;
#endif
constexpr int64_t kDepth = 8;  // blocks of input channels whose part of b stays in the first-level cache

constexpr int64_t kTiles = 128;  // whose part of b stays there

KERNEL_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

struct Operands {
  const float* a;
  const float* b;
  float* c;
  int64_t a_block, b_block, c_block;
  bool accumulate;
  int64_t next_a, next_b;  // from a and b to what the next product reads, which is fetched meanwhile
};

// Sums are added to c, not begun with it: sums of sums are more exact than one long sum.
KERNEL_INLINE void add_to(const Operands& o, int line, int vector, FloatVector sum) {
  float* c = o.c + vector / kParts * o.c_block + line * 16 + vector % kParts * kFloatLanes;
  store(c, o.accumulate ? load(c) + sum : sum);
}

// `kHeight` tiles of c from `in_blocks` blocks of channels.
template <int kHeight, int kWidth>
void multiply_rows(const Operands& o, int64_t in_blocks) {
  FloatVector acc[kHeight][kWidth][kParts];
#pragma GCC unroll 16
  for (int i = 0; i < kHeight; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kWidth * kParts; ++j) {
      acc[i][j / kParts][j % kParts] = FloatVector{};
    }
  }
  const float* a = o.a;
  const float* b = o.b;
  for (int64_t block = 0; block < in_blocks; ++block) {
    for (int channel = 0; channel < 16; ++channel) {
      FloatVector v[kWidth][kParts];
#pragma GCC unroll 16
      for (int j = 0; j < kWidth * kParts; ++j) {
        v[j / kParts][j % kParts] = load(b + j / kParts * o.b_block + j % kParts * kFloatLanes);
      }
#pragma GCC unroll 16
      for (int i = 0; i < kHeight; ++i) {
#pragma GCC unroll 16
        for (int j = 0; j < kWidth * kParts; ++j) {
          acc[i][j / kParts][j % kParts] += a[i * 16 + channel] * v[j / kParts][j % kParts];
        }
      }
      if (channel < kHeight) __builtin_prefetch(a + o.next_a + channel * 16, 0, 2);
#pragma GCC unroll 16
      for (int w = 0; w < kWidth; ++w) __builtin_prefetch(b + o.next_b + w * o.b_block, 0, 2);
      b += 16;
    }
    a += o.a_block;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kHeight; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kWidth * kParts; ++j) {
      add_to(o, i, j, acc[i][j / kParts][j % kParts]);
    }
  }
}

template <int kHeight, int kWidth>
void multiply_some_rows(int64_t rows, const Operands& o, int64_t in_blocks) {
  if (rows == kHeight) {
    multiply_rows<kHeight, kWidth>(o, in_blocks);
  } else if constexpr (kHeight > 1) {
    multiply_some_rows<kHeight - 1, kWidth>(rows, o, in_blocks);
  }
}

void forward(const WinogradProduct& p) {
  // Rows are dealt out evenly: 16 are 8 and 8, not 14 and 2.
  const int64_t panels = (p.tiles + kRows - 1) / kRows;
  for (int64_t point = 0; point < p.points; ++point) {
    for (int64_t out = 0; out < p.out_blocks; out += kOuts) {
      for (int64_t in = 0; in < p.in_blocks; in += kDepth) {
        const int64_t depth = smaller(kDepth, p.in_blocks - in);
        Operands o{p.a.data + point * p.a.point + in * p.a.block,
                   p.b.data + point * p.b.point + out * p.b.block + in * 256,
                   p.c.data + point * p.c.point + out * p.c.block,
                   p.a.block,
                   p.b.block,
                   p.c.block,
                   p.accumulate || in > 0,
                   in + kDepth < p.in_blocks ? kDepth * p.a.block : p.a.point - in * p.a.block,
                   0};
        int64_t row = 0;
        for (int64_t panel = 0; panel < panels; ++panel) {
          const int64_t rows = (p.tiles - row) / (panels - panel);
          o.next_b = panel + 1 == panels ? depth * 256 : 0;
          if (kOuts > 1 && out + 1 < p.out_blocks) {
            multiply_some_rows<kRows, kOuts>(rows, o, depth);
          } else {
            multiply_some_rows<kRows, 1>(rows, o, depth);
          }
          o.a += rows * 16;
          o.c += rows * 16;
          row += rows;
        }
      }
    }
  }
}

// `kChannels` input channels of c from `tiles` tiles.
template <int kWidth>
void multiply_channels(const Operands& o, int64_t tiles) {
  FloatVector acc[kChannels][kWidth][kParts];
#pragma GCC unroll 16
  for (int i = 0; i < kChannels; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kWidth * kParts; ++j) {
      acc[i][j / kParts][j % kParts] = FloatVector{};
    }
  }
  for (int64_t tile = 0; tile < tiles; ++tile) {
    FloatVector v[kWidth][kParts];
#pragma GCC unroll 16
    for (int j = 0; j < kWidth * kParts; ++j) {
      v[j / kParts][j % kParts] = load(o.b + tile * 16 + j / kParts * o.b_block + j % kParts * kFloatLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kChannels; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < kWidth * kParts; ++j) {
        acc[i][j / kParts][j % kParts] += o.a[tile * 16 + i] * v[j / kParts][j % kParts];
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kChannels; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kWidth * kParts; ++j) {
      add_to(o, i, j, acc[i][j / kParts][j % kParts]);
    }
  }
}

void filter_gradient(const WinogradProduct& p) {
  for (int64_t point = 0; point < p.points; ++point) {
    for (int64_t out = 0; out < p.out_blocks; out += kOuts) {
      for (int64_t tile = 0; tile < p.tiles; tile += kTiles) {
        const int64_t tiles = smaller(kTiles, p.tiles - tile);
        for (int64_t channel = 0; channel < p.in_blocks * 16; channel += kChannels) {
          const Operands o{p.a.data + point * p.a.point + channel / 16 * p.a.block + tile * 16 + channel % 16,
                           p.b.data + point * p.b.point + out * p.b.block + tile * 16,
                           p.c.data + point * p.c.point + out * p.c.block + channel * 16,
                           p.a.block,
                           p.b.block,
                           p.c.block,
                           p.accumulate || tile > 0,
                           0,
                           0};
          if (kOuts > 1 && out + 1 < p.out_blocks) {
            multiply_channels<kOuts>(o, tiles);
          } else {
            multiply_channels<1>(o, tiles);
          }
        }
      }
    }
  }
}

}  // namespace

void fill_winograd_product(KernelTable& t) {
  t.winograd_product.forward = forward;
  t.winograd_product.filter_gradient = filter_gradient;
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
