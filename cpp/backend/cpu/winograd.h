// Winograd convolution: 3x3 filters, stride 1, dilation 1, one group, float32, images in blocks of 16
// channels
// ([batch][channels / 16][height][width][16]). Y = A^T [ (G g G^T) . (B^T d B) ] A for every tile of outputs
// (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016): tiles of 2x2 need
// 16 / 36, tiles of 4x4 36 / 144 of the multiplications of a direct sum.
//
// Largest errors against float64 as a fraction of the largest result, for random data and filters of 64 to
// 512 channels (a direct sum in float32 in brackets): result and gradient of the data 4e-7 with tiles of 2x2,
// 2e-6 with tiles of 4x4 (3e-7); gradient of the weights 4e-7 and 1e-6 (1e-6). As in every fast algorithm the
// error is relative to the largest values in the neighbourhood and not to each result, and one infinity or
// NaN reaches all results of the tiles that see it. Results do not depend on the number of threads, except
// for the gradient of the weights, which repeats at a fixed number.
#pragma once

#include "base/kernel.h"

namespace symbind {

struct WinogradSpec {
  int64_t batch = 0, in_channels = 0, out_channels = 0, in_h = 0, in_w = 0;
  int64_t pad_h = 0, pad_w = 0;  // 0 to 2
  int tile = 4;                  // 2 or 4: a side of the tiles of outputs

  int64_t out_h() const { return in_h + 2 * pad_h - 2; }
  int64_t out_w() const { return in_w + 2 * pad_w - 2; }
};

// The convolution whose forward pass is the gradient of the data of `spec`'s.
WinogradSpec backward_data_spec(const WinogradSpec& spec);

// Whether the kernels can compute it at all: channels in whole blocks, padding 0 to 2, a result that is not
// empty.
bool takes_winograd(const WinogradSpec& spec);

enum class WinogradPass { kForward, kBackwardData, kBackwardWeight };

// The tile (2 or 4) with the least estimated time for one pass of `spec`, or 0 where a direct convolution is
// estimated to be faster. `transformed`: the weights are given by make_winograd_weights, whose time does not
// count (kForward). spec.tile is not read.
int choose_winograd_tile(const WinogradSpec& spec, WinogradPass pass, bool transformed);

// Weights ready for the products.
size_t winograd_weight_bytes(const WinogradSpec& spec);
// Input: weights in row-major (out_channels, in_channels, 3, 3). Output: winograd_weight_bytes(spec) bytes.
Kernel make_winograd_weights(const WinogradSpec& spec);

struct WinogradEpilogue {
  bool bias = false;  // the input after the weights
  int summand = -1;   // number of the input that is added, in the layout of the output; it may be the output
  bool relu = false;  // after the additions
};

// Inputs data, weights (row-major, or transformed by make_winograd_weights) and those of the epilogue; output
// the result. Data, summand and result are in blocks of 16 channels.
Kernel make_winograd_forward(const WinogradSpec& spec, bool transformed, const WinogradEpilogue& epilogue);

// Inputs out_grad and weights (row-major); output the gradient of the data. `spec` is that of the forward
// pass.
Kernel make_winograd_backward_data(const WinogradSpec& spec);

// Inputs out_grad and data; output the gradient of the weights in row-major order. `spec` is that of the
// forward pass.
Kernel make_winograd_backward_weight(const WinogradSpec& spec);

}  // namespace symbind
