// Convolutions (and, with windows of one position, dense layers) of int8 tensors with int8 weights: sums in
// int32, real values by one factor for each output channel.
#pragma once

#include <optional>

#include "backend/cpu/convolution.h"

namespace symbind {

// How the bias, given as float32, joins the int32 sums.
enum class Int8Bias { kRound, kTruncate, kRaw };  // in units of the sums; kRaw: it is in those units already

struct Int8Convolution {
  ConvGeometry geometry;
  DType data = DType::kUint8;   // uint8 or int8
  DType out = DType::kInt8;     // uint8, int8, float32, or int32: the sums themselves
  DType sum = DType::kUnknown;  // of the quantized tensor that is added, if any
  Int8Bias bias = Int8Bias::kRound;
  std::optional<PostOp> act;       // before the sum
  std::optional<PostOp> last_act;  // after the sum
  float out_scale = 1;             // units of the output per 1.0; nothing for int32
};

// Inputs: data, weight (int8), units of the weight per 1.0 by output channel, bias, lowest and highest value
// of data, and with a sum: its tensor, its lowest and highest value. float32 but for the first two. Output 0:
// the result. Outputs 1 and 2, for int32: the range that int32 stands for.
//
// As in MXNet a sum of another dtype than the output's makes its own dtype the one that results saturate in;
// the bytes are then read as the output's dtype.
Kernel make_int8_convolution(const Int8Convolution& c, const TensorDesc& data, const TensorDesc& weight,
                             const TensorDesc& out);

// The layouts that it is fastest with.
void choose_int8_convolution_layouts(const Int8Convolution& c, TensorDesc& data, TensorDesc& weight,
                                     TensorDesc& out, TensorDesc* sum);

// What the units of a run are, from its inputs.
struct Int8Units {
  float data_scale;    // units per 1.0
  float sum_unit = 0;  // what one unit of the sum is
  float* factors;      // by output channel: real value of one unit of the int32 sum
  float* bias;         // by output channel: in units of the int32 sum for int32, else real
  float range;         // what the largest int32 stands for
};
// Fills factors and bias, `channels` each.
void compute_int8_units(const Int8Convolution& c, void* const* in, Int8Units& units);
// Writes outputs 1 and 2.
void write_int8_range(const Int8Units& units, void* const* out);

}  // namespace symbind
