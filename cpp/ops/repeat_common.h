// An output that holds its input several times: axes of the input in order, between them axes that repeat.
#pragma once

#include <vector>

#include "backend/cpu/reduce.h"
#include "backend/cpu/strided_copy.h"

namespace symbind {

class RepeatPlan {
 public:
  void keep(int64_t length) { add(length, false); }
  void repeat(int64_t times) { add(times, true); }

  StridedView view() const {
    StridedView v;
    std::vector<StridedAxis> axes(lengths_.size());
    int64_t from = 1, to = 1;
    for (size_t i = lengths_.size(); i-- > 0;) {
      axes[i] = {lengths_[i], repeats_[i] ? 0 : from, to};
      if (!repeats_[i]) from *= lengths_[i];
      to *= lengths_[i];
    }
    v.axes = std::move(axes);
    return v;
  }
  // Sums a tensor like the output over the repeating axes.
  Kernel sum_kernel(DType dtype, int num_threads) const {
    ReduceSpec spec;
    spec.in = Shape(lengths_.begin(), lengths_.end());
    spec.axes = repeats_;
    spec.dtype = dtype;
    spec.num_threads = num_threads;
    return reduce_kernel(spec);
  }

 private:
  // Neighbours of one kind are one axis, so that the axes of large tensors fit into a Shape.
  void add(int64_t length, bool repeats) {
    if (length == 1 && !lengths_.empty()) return;
    if (!lengths_.empty() && repeats_.back() == repeats) {
      lengths_.back() *= length;
    } else {
      lengths_.push_back(length);
      repeats_.push_back(repeats);
    }
  }
  std::vector<int64_t> lengths_;
  std::vector<bool> repeats_;
};

}  // namespace symbind
