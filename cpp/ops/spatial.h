// What operators with windows over space share: tuples per dimension with defaults, and positions of tensors'
// axes.
#pragma once

#include <vector>

#include "base/params.h"
#include "base/shape.h"

namespace symbind {

// An empty tuple becomes `rank` times `fallback`; any other length than `rank` is an error.
inline void fill_tuple(const char* op, const char* name, Tuple& tuple, size_t rank, int64_t fallback) {
  if (tuple.empty()) tuple.assign(rank, fallback);
  check(tuple.size() == rank, "[", op, "] ", name, " has the wrong length: got ", format_value(tuple),
        ", expected ", rank, " numbers as in kernel");
}

inline void check_at_least(const char* op, const char* name, const Tuple& tuple, int64_t least) {
  for (int64_t value : tuple) {
    check(value >= least, "[", op, "] ", name, " is too small: got ", format_value(tuple),
          ", expected at least ", least, " everywhere");
  }
}

// The first spatial axis of a tensor of rank 3 to 5, and that of its channels.
struct SpatialAxes {
  int first, channel;
};
inline SpatialAxes spatial_axes(bool channels_last, int ndim) {
  return channels_last ? SpatialAxes{1, ndim - 1} : SpatialAxes{2, 1};
}

}  // namespace symbind
