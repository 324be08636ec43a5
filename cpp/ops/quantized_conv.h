// Building blocks of quantized convolutions and dense layers: nodes that other operators expand to.
#pragma once

#include <optional>

#include "backend/cpu/int8_convolution.h"
#include "graph/graph.h"

namespace symbind {

// A quantized Convolution or FullyConnected in a fused block.
struct Int8Layer {
  const OpDef* op = nullptr;  // Convolution or FullyConnected, whose params and rules hold
  ParamsPtr params;
  bool float_output = false;
  std::optional<float> min_calib, max_calib;  // of the output; without them it is int32
  std::optional<PostOp> act, last_act;        // before and after a sum
  bool with_sum = false;
  Int8Bias bias = Int8Bias::kRound;

  bool calibrated() const { return min_calib.has_value() && max_calib.has_value(); }
  bool has_bias() const { return op->input_count(params.get()) == 3; }
  DType out_type() const;
};

// Makes int8 weights of float ones. Inputs: weight, and if they are there bias, gamma, beta, moving mean and
// variance. Outputs: the int8 weight, its units per 1.0 by channel, the bias in float32.
struct Int8WeightParams {
  bool has_bias = false;
  bool by_channel = true;  // one scale for each output channel, otherwise one for all
  bool has_norm = false;
  double eps = 0;
  bool fix_gamma = false;
};

// The hidden operators behind them; `inputs` in the order of the operators above.
int32_t append_int8_weight(Graph& graph, const std::string& name, const Int8WeightParams& params,
                           std::vector<EntryId> inputs);
// Units and bias of weights that are int8 already. Inputs: weight, its range, and if there is one the bias
// and its range.
int32_t append_int8_range(Graph& graph, const std::string& name, bool has_bias, bool raw_bias,
                          std::vector<EntryId> inputs);
// Inputs: data, weight (int8), units of the weight, bias, range of data, and a sum with its range.
int32_t append_int8_layer(Graph& graph, const std::string& name, Int8Layer layer,
                          std::vector<EntryId> inputs);

}  // namespace symbind
