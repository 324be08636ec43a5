// Recurrent layers of whole sequences: plain (relu, tanh), LSTM and GRU, stacked, in one or both directions.
//
// One vector holds all parameters, in cuDNN's order: the weight matrices layer by layer, in each layer
// forward direction before backward, input-to-hidden before hidden-to-hidden before (LSTM) the projection,
// gate by gate; then all biases in the same order. Gates: LSTM input, forget, candidate, output; GRU reset,
// update, candidate.
#pragma once

#include "backend/cpu/kernels/rnn_kernels.h"
#include "base/kernel.h"
#include "runtime/random.h"

namespace symbind {

enum class RnnMode { kRelu, kTanh, kLstm, kGru };

struct RnnSpec {
  RnnMode mode = RnnMode::kLstm;
  DType dtype = DType::kFloat32;  // or kFloat64
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0;
  int64_t projection = 0;  // LSTM: size of what recurs, a product with `hidden`; 0: `hidden` itself
  int64_t layers = 1;
  int64_t directions = 1;
  double dropout = 0;  // of what one layer hands to the next, in training
  RnnClip clip;
  DType lengths = DType::kUnknown;  // dtype of the sequences' lengths; unknown: all sequences are full

  int64_t gates() const { return mode == RnnMode::kLstm ? 4 : mode == RnnMode::kGru ? 3 : 1; }
  int64_t outputs() const { return projection > 0 ? projection : hidden; }
  int64_t inputs_of(int64_t layer) const { return layer == 0 ? inputs : directions * outputs(); }
};

int64_t rnn_parameter_count(const RnnSpec& spec);
// Elements of what a forward pass keeps for the backward pass; enough for either dtype.
int64_t rnn_reserve_size(const RnnSpec& spec);

// Inputs: data (steps, batch, inputs), parameters, state (layers * directions, batch, outputs()), cell (...
// hidden), lengths (batch). Outputs: output (steps, batch, directions * outputs()), last state, last cell,
// reserve. What a mode does not have, and outputs that nobody reads, are null. Past the end of a sequence the
// output is zero and the state stays; the backward direction starts at the end of each sequence. `random`:
// null outside of training.
Kernel make_rnn_forward(const RnnSpec& spec, bool keep_reserve, RandomState* random);

// Inputs: data, parameters, lengths, reserve, then the gradients of output, last state and last cell.
// Outputs: the gradients of data, parameters, state and cell. Gradients that are null count as zero or are
// not wanted.
struct RnnGradients {
  bool data = false, parameters = false;
};
Kernel make_rnn_backward(const RnnSpec& spec, const RnnGradients& wanted);

}  // namespace symbind
