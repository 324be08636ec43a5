// Reductions over axes, of an array or of an elementwise expression that is never stored.
#pragma once

#include "backend/cpu/broadcast.h"

namespace symbind {

struct ReduceSpec {
  Reduce op = Reduce::kSum;
  Shape in;
  std::vector<bool> axes;  // by axis of `in`: is it reduced?
  DType dtype = DType::kFloat32;
  double scale = 1;   // floating types: the result is multiplied by it
  bool root = false;  // the square root is taken, before scaling
  int num_threads = 1;
};

// Input: the array; output: the kept axes in order. Every dtype: float16 is reduced in float32, bool in
// int32. Sums of float32 are accumulated in double.
Kernel reduce_kernel(const ReduceSpec& spec);
// The same on the values of `source`, which has spec.in's size; the inputs are those of `source`.
Kernel reduce_kernel(const ReduceSpec& spec, const BroadcastMap& source);

// The axes of `out` along which a tensor of shape `in` was broadcast to it.
std::vector<bool> broadcast_axes(const Shape& in, const Shape& out);

}  // namespace symbind
