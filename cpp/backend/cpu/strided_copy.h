// Copies between strided views of arrays. Slices, flips, tiles, diagonals and blocks moved between axes are
// all this one loop.
#pragma once

#include <vector>

#include "base/kernel.h"

namespace symbind {

// One loop of a copy; strides in elements, of either sign. A stride of 0 on the side that is read repeats it.
struct StridedAxis {
  int64_t length, from, to;
};

struct StridedView {
  std::vector<StridedAxis> axes;
  int64_t from_offset = 0;  // of the first element that is read
  int64_t to_offset = 0;    // of the first element that is written

  void add(int64_t length, int64_t from, int64_t to) { axes.push_back({length, from, to}); }
  int64_t size() const;
  // The copy back: what was written is read.
  StridedView inverse() const;
};

class StridedCopy {
 public:
  StridedCopy() = default;
  StridedCopy(const StridedView& view, DType dtype);
  void run(const void* from, void* to) const;

 private:
  template <class T>
  void run_as(const T* from, T* to) const;

  // Longest steps of the written side first, axes that continue each other merged; at least one.
  std::vector<StridedAxis> axes_;
  int64_t from_offset_ = 0, to_offset_ = 0;
  int64_t rows_ = 0;  // runs of the last axis
  int element_size_ = 4;
};

// Row-major strides of a shape.
std::vector<int64_t> row_major_strides(const Shape& shape);

// Zeroes memory on all threads.
void parallel_zero(void* to, int64_t bytes);
void parallel_copy(const void* from, void* to, int64_t bytes);

// Output 0 receives the view of input 0. With `clear`, what the view leaves out becomes zero.
Kernel strided_copy_kernel(const StridedView& view, const TensorDesc& out, bool clear = false);

}  // namespace symbind
