// Kernels and the tensors they run on: what backends make and executors run. Knows nothing of graphs.
#pragma once

#include <memory>
#include <utility>

#include "base/dtype.h"
#include "base/shape.h"
#include "base/span.h"

namespace symbind {

// What operators that can choose compute in, between tensors that users see as float32.
enum class Compute : int8_t { kFloat32, kBfloat16 };

// A memory layout other than row-major; only backends make and understand them.
struct Layout {
  virtual ~Layout() = default;
  // True when elements of a float32 tensor are held as bfloat16.
  virtual bool bfloat16() const { return false; }
  virtual bool equals(const Layout& other) const = 0;
  virtual size_t bytes() const = 0;
  // True when there are elements that are not part of the tensor (channels rounded up to a block).
  virtual bool padded() const = 0;
};
using LayoutPtr = std::shared_ptr<const Layout>;  // null: row-major
inline bool same_layout(const LayoutPtr& a, const LayoutPtr& b) {
  return a == b || (a && b && a->equals(*b));
}

inline bool in_bfloat16(const LayoutPtr& layout) { return layout && layout->bfloat16(); }

struct TensorDesc {
  Shape shape;
  DType dtype = DType::kUnknown;
  LayoutPtr layout;
  size_t bytes() const {
    return layout ? layout->bytes() : static_cast<size_t>(checked_bytes(shape, dtype_size(dtype)));
  }
};

// Work fused onto the end of an operator by the fuse pass.
struct PostOp {
  enum Kind { kRelu, kSigmoid, kTanh, kSoftRelu, kClip, kSum };
  Kind kind = kRelu;
  float alpha = 0;  // kClip: lower bound; kRelu: slope below zero
  float beta = 0;   // kClip: upper bound
  int input = -1;   // kSum: which input of the node is added
};

// A kernel bound to shapes, dtypes and layouts: run(self, inputs, outputs, workspace) and nothing else at run
// time. It must not allocate, look anything up, or throw for reasons known at bind time.
struct Kernel {
  using Run = void (*)(void* self, void* const* in, void* const* out, void* workspace);
  Run run = nullptr;
  std::shared_ptr<void> self;
  size_t workspace = 0;  // bytes, 64-byte aligned at run time
};

// Wraps a callable (in, out, workspace) as a Kernel.
template <class F>
Kernel make_kernel(F f, size_t workspace = 0) {
  Kernel k;
  k.self = std::make_shared<F>(std::move(f));
  k.run = [](void* self, void* const* in, void* const* out, void* ws) {
    (*static_cast<F*>(self))(in, out, ws);
  };
  k.workspace = workspace;
  return k;
}

}  // namespace symbind
