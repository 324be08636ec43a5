// float16 kernels from float32 ones: tensors are converted on the way in and out.
#pragma once

#include <vector>

#include "base/kernel.h"

namespace symbind {

// Runs `inner`, a kernel on float32 tensors, on the tensors described: those of float16 are converted through
// the workspace, the others are passed on. Outputs in `read` are converted on the way in too (the kernel adds
// to them or keeps part of them). Null addresses stay null.
Kernel run_in_float(Kernel inner, Span<const TensorDesc> in, Span<const TensorDesc> out,
                    const std::vector<bool>& read = {});

// The descriptor with float32 in place of float16.
TensorDesc in_float(TensorDesc desc);
std::vector<TensorDesc> in_float(Span<const TensorDesc> descs);

}  // namespace symbind
