// Sizes and memory of a Winograd convolution, shared by its passes.
#pragma once

#include "backend/cpu/isa.h"
#include "backend/cpu/winograd.h"

namespace symbind {

// Strides of `blocks` blocks of `lines` lines at every point.
struct PointsLayout {
  int64_t point = 0, block = 0, size = 0;
  WinogradPoints at(float* data) const { return {data, point, block}; }
};

struct WinogradSizes {
  WinogradSpec spec;
  int64_t points, rows, columns, tiles;  // rows and columns of tiles of an image; tiles of all images
  int64_t in_blocks, out_blocks;

  explicit WinogradSizes(const WinogradSpec& w)
      : spec(w),
        points((w.tile + 2) * (w.tile + 2)),
        rows((w.out_h() + w.tile - 1) / w.tile),
        columns((w.out_w() + w.tile - 1) / w.tile),
        tiles(w.batch * rows * columns),
        in_blocks(w.in_channels / 16),
        out_blocks(w.out_channels / 16) {}

  const WinogradFns& fns() const { return kernels().winograd[spec.tile == 4 ? 1 : 0]; }

  // Points are an odd number of cache lines apart: what a transform writes for one tile or filter spreads
  // over the sets of the caches.
  int64_t weight_point(int64_t channels) const { return (channels | 1) * 16; }
  PointsLayout data_points(int64_t lines, int64_t blocks) const {
    const int64_t point = (lines * blocks | 1) * 16;
    return {point, lines * 16, points * point};
  }
  // Tiles as they are read from the data and written to the result.
  WinogradTiles data_tiles(int64_t first, int64_t count, int64_t block, int64_t blocks) const {
    return {spec.in_h, spec.in_w, spec.pad_h, spec.pad_w, rows,  columns,
            in_blocks, first,     count,      block,      blocks};
  }
  WinogradTiles result_tiles(int64_t first, int64_t count, int64_t block, int64_t blocks) const {
    return {spec.out_h(), spec.out_w(), 0, 0, rows, columns, out_blocks, first, count, block, blocks};
  }
};

void check_winograd(const WinogradSpec& spec);

struct ForwardPlan {
  bool by_outputs;  // threads share the output channels, not the tiles
  int64_t chunk;    // tiles that are in the transformed domain at a time (by outputs: all)
};
ForwardPlan plan_forward(const WinogradSizes& s, int64_t threads);

struct BackwardWeightPlan {
  bool by_channels;  // threads share the blocks of the gradient, not the tiles
  int64_t chunk;     // tiles that are in the transformed domain at a time (by tiles: in each thread)
  int64_t in_blocks, out_blocks;  // of channels that are done together (by tiles: all)
};
BackwardWeightPlan plan_backward_weight(const WinogradSizes& s, int64_t threads);

// Splits [0, n) into `pieces` and returns the beginning of piece i.
inline int64_t piece_begin(int64_t n, int64_t pieces, int64_t i) { return n * i / pieces; }

// f(first, count) for [first, last) in equal chunks of at most `most`.
template <class F>
void for_chunks(int64_t first, int64_t last, int64_t most, F&& f) {
  const int64_t chunks = (last - first + most - 1) / most;
  for (int64_t i = 0; i < chunks; ++i) {
    const int64_t begin = first + (last - first) * i / chunks,
                  end = first + (last - first) * (i + 1) / chunks;
    f(begin, end - begin);
  }
}

// Deals out a kernel's workspace, in floats; parts begin at cache lines.
class Workspace {
 public:
  struct Part {
    int64_t offset = 0, stride = 0;
    int64_t of(int64_t piece) const { return offset + piece * stride; }
  };
  Part take(int64_t size, int64_t copies = 1) {
    const int64_t stride = (size + 15) / 16 * 16;
    const Part part{used_, stride};
    used_ += stride * copies;
    return part;
  }
  size_t bytes() const { return static_cast<size_t>(used_) * sizeof(float); }

 private:
  int64_t used_ = 0;
};

}  // namespace symbind
