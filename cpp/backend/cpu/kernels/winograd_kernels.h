// Kernels of Winograd convolution (see backend/cpu/winograd.h for the method). Part of kernels.h.
//
// Images are [batch][channels / 16][height][width][16]. In the transformed domain everything is
// [point][block][line][16], float32: `point` is one of (tile + 2)^2, a line is a tile of data or an input
// channel of a filter, and the strides of points and blocks are given.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace symbind {

// Images cut into tiles: of tile x tile outputs each, the tiles of all images numbered by (image, row,
// column).
struct WinogradTiles {
  int64_t height = 0, width = 0;             // of the images that are read or written
  int64_t pad_h = 0, pad_w = 0;              // of the images that are read
  int64_t rows = 0, columns = 0;             // tiles of an image
  int64_t blocks = 0;                        // channels / 16 of the images
  int64_t first = 0, count = 0;              // the tiles to do, line 0 is the first
  int64_t first_block = 0, block_count = 0;  // the channels to do, block 0 is the first
};

// Memory of the transformed domain; strides in elements.
struct WinogradPoints {
  float* data = nullptr;
  int64_t point = 0, block = 0;
};

// Where a plain 3x3 filter (taps next to each other) lies: strides of its channels in elements.
struct WinogradFilter {
  int64_t lane = 0;  // between neighbouring channels of a block
  int64_t line = 0;  // between neighbouring lines
};

struct WinogradProduct {
  WinogradPoints a, b, c;
  int64_t points = 0;
  int64_t tiles = 0;
  int64_t in_blocks = 0, out_blocks = 0;
  bool accumulate = false;
};

struct WinogradFns {
  // Windows of data for the tiles; outside of the image there are zeros.
  void (*data)(const WinogradTiles& t, const float* image, const WinogradPoints& to) = nullptr;
  // The gradient of the result, for the gradient of the filter.
  void (*gradient)(const WinogradTiles& t, const float* image, const WinogradPoints& to) = nullptr;
  // image = [relu](result + [bias] + [summand]), bias and summand may be null. summand may be the image.
  void (*result)(const WinogradTiles& t, const WinogradPoints& from, const float* bias, const float* summand,
                 bool relu, float* image) = nullptr;
  // One block of output channels of filters, `lines` input channels. `rotate` turns the filters by 180
  // degrees.
  void (*filter)(const WinogradFilter& f, const float* filter, int64_t lines, bool rotate,
                 const WinogradPoints& to) = nullptr;
  // The gradient of the filters from the sum of `copies` of the transformed gradient, `copy` elements apart;
  // `lines` is a multiple of 16 and the filters of neighbouring lines are next to each other.
  void (*filter_gradient)(const WinogradPoints& from, int64_t copies, int64_t copy, int64_t lines,
                          int64_t lane, float* filter) = nullptr;
};

struct WinogradProductFns {
  // c[point][out][tile] = sum over the channels of a[point][in][tile] * b[point][out][channel], in the order
  // of the channels.
  void (*forward)(const WinogradProduct& p) = nullptr;
  // c[point][out][channel] = sum over the tiles of a[point][in][tile] * b[point][out][tile].
  void (*filter_gradient)(const WinogradProduct& p) = nullptr;
};

}  // namespace symbind
