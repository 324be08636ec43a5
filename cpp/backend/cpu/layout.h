// Copies between memory layouts.
#pragma once

#include "base/kernel.h"

namespace symbind {

// One input, one output of the same shape and dtype, each in its own layout (row-major, or one of a backend
// here).
Kernel make_reorder_kernel(const TensorDesc& from, const TensorDesc& to);

}  // namespace symbind
