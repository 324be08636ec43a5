// Loops of recurrent layers, on blocks. Part of kernels.h.
//
// A matrix of `rows` samples and some features is kept as blocks of `lanes` features, one vector wide:
// [block][row][lane]. What one kernel writes is then, as it lies, the left operand of the next product, its
// columns the lanes of the next gradient, and a plain array for everything elementwise: nothing is ever
// transposed. Weights are packed once per call into panels [k][lanes], one for each block of results.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace symbind {

// Bounds of an LSTM's cell state. NaN becomes `lo` when `nan` is set, and stays otherwise.
struct RnnClip {
  bool on = false, nan = false;
  double lo = 0, hi = 0;
};

// All arrays are in the element type, 64-byte aligned, `n` elements long where there is an n.
struct RnnFns {
  int lanes = 0;
  int max_rows = 0;  // of one block
  // A panel: out[i][j] = w[i * k_stride + j * column_stride] for i < k, j < columns; zero in the other lanes.
  // One of the strides is 1.
  void (*pack_panel)(const void* w, int64_t k_stride, int64_t column_stride, int64_t k, int64_t columns,
                     void* out) = nullptr;
  // c[row][lane] += sum over i < k of a[i / lanes][row][i % lanes] * panel[i][lane].
  void (*product)(int rows, int64_t k, const void* a, const void* panel, void* c) = nullptr;
  // c[i][j] = sum over steps and rows of a[row][i] * b[row][j]: lanes x lanes. Steps are so many elements
  // apart.
  void (*outer)(int64_t rows, int64_t steps, const void* a, int64_t a_step, const void* b, int64_t b_step,
                void* c) = nullptr;
  // sums[i] = sum over steps and rows of a[row][i].
  void (*lane_sums)(int64_t rows, int64_t steps, const void* a, int64_t step, void* sums) = nullptr;

  // Cells. `gates[k]` holds what is summed up before the activation and then the result of the activation.
  // Plain: gates[0] to h = relu or tanh of it.
  void (*plain_forward)(bool relu, int64_t n, const void* gate, void* h) = nullptr;
  void (*plain_backward)(bool relu, int64_t n, const void* dh, const void* h, void* dgate) = nullptr;
  // LSTM: gates input, forget, candidate, output. c may be c_prev.
  void (*lstm_forward)(const RnnClip& clip, int64_t n, void* const* gates, const void* c_prev, void* c,
                       void* h) = nullptr;
  // dc: gradient of c from later steps, then of c_prev. dgates: before the activations.
  void (*lstm_backward)(const RnnClip& clip, int64_t n, const void* dh, void* dc, const void* const* gates,
                        const void* c_prev, const void* c, void* const* dgates) = nullptr;
  // GRU: gates reset, update, candidate (its input part), candidate (its recurrent part, which stays).
  void (*gru_forward)(int64_t n, void* const* gates, const void* h_prev, void* h) = nullptr;
  // dgates: candidate's input part, reset, update, candidate's recurrent part. dh_prev: what goes past the
  // gates.
  void (*gru_backward)(int64_t n, const void* dh, const void* const* gates, const void* h_prev,
                       void* const* dgates, void* dh_prev) = nullptr;
};

}  // namespace symbind
