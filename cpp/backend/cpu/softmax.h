// Softmax along one axis of a tensor seen as (outer, n, inner).
#pragma once

#include "backend/cpu/isa.h"
#include "base/kernel.h"

namespace symbind {

struct SoftmaxSpec {
  int64_t outer = 1, n = 1, inner = 1;
  DType dtype = DType::kFloat32;  // kFloat32 or kFloat64
  double scale = 1;               // of the input: 1 / temperature, negative for softmin
  bool log = false;
  DType length = DType::kUnknown;  // type of the lengths of the rows, kUnknown: all have length n
};

// Inputs: data and, if asked for, lengths (outer, inner): elements from there on are 0 in the output.
Kernel softmax_kernel(const SoftmaxSpec& spec);
// Inputs: out_grad, output and, if asked for, lengths.
Kernel softmax_backward_kernel(const SoftmaxSpec& spec);

}  // namespace symbind
