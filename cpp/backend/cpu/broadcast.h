// Elementwise functions of tensors that broadcast against each other.
#pragma once

#include "backend/cpu/elementwise.h"

namespace symbind {

// The shape of a op b with NumPy's rule: aligned at the last axis, lengths equal or 1. Fails naming `op`.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op);

// y = map(inputs...) where every input has the output's rank once leading axes of length 1 are added, and
// each axis is the output's or 1. Axes that behave alike are merged, so that few and long inner loops remain.
class BroadcastMap {
 public:
  BroadcastMap() = default;
  BroadcastMap(const ElementMap& map, const Shape& out, const std::vector<Shape>& inputs,
               const ConstantInput& constant = {});

  // Elements [begin, end) of the output in row-major order, written to y[0], y[1], ...
  void run(void* const* in, int64_t begin, int64_t end, void* y) const;
  int64_t size() const { return size_; }
  int out_size() const { return map_.out_size(); }

 private:
  struct Operand {
    int64_t strides[Shape::kMaxNDim];  // in elements; 0 where it is broadcast
    bool contiguous = true;            // lies in memory as the output does
  };
  struct Cursor;

  void call(const void* const* from, unsigned scalars, void* y, int64_t n) const;
  void run_rows(void* const* in, int64_t begin, int64_t end, char* y) const;
  void run_gathered(void* const* in, int64_t begin, int64_t end, char* y) const;

  ElementMap map_;
  ConstantInput constant_;
  int ndim_ = 1;
  int64_t dims_[Shape::kMaxNDim] = {1};
  int num_inputs_ = 0;
  Operand operands_[3];
  int64_t size_ = 0;
  bool gathers_ = false;  // rows are so short that inputs are laid out in a buffer first
};

// The kernel over the whole output.
Kernel broadcast_kernel(const ElementMap& map, const Shape& out, const std::vector<Shape>& inputs, Cost cost,
                        const ConstantInput& constant = {});

}  // namespace symbind
