// The attributes of Concat.
#pragma once

#include "base/params.h"

namespace symbind {

struct ConcatParams {
  int64_t num_args, dim;
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "Number of inputs.");
    v("dim", dim, int64_t{1}, "The axis to join along.");
  }
};

}  // namespace symbind
