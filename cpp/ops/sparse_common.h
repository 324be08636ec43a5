// What kernels of sparse tensors share: tensors as arrays, and dense kernels on stored values.
#pragma once

#include "backend/cpu/sparse_structure.h"
#include "graph/registry.h"
#include "graph/storage_rule.h"

namespace symbind {

inline StorageType storage_of(const TensorDesc& desc) { return storage_of(desc.layout); }
inline SparseArray& sparse_at(void* const* tensors, size_t i) {
  return *static_cast<SparseArray*>(tensors[i]);
}

// The request with every tensor dense; for the kernel that an operator has for those.
struct DenseRequest {
  std::vector<TensorDesc> in, out;
  KernelRequest request;
  explicit DenseRequest(const KernelRequest& r);
  // All tensors get this shape.
  void set_shapes(const Shape& shape);
};

// Which places an elementwise result stores: those of the first sparse input (for f(0, x) = 0), or those that
// any input, all of them sparse, stores (for f(0, 0) = 0).
enum class Structure { kFirst, kJoined };
Kernel sparse_elementwise_kernel(const KernelRequest& r,
                                 const std::function<Kernel(const KernelRequest&)>& dense,
                                 Structure structure);

}  // namespace symbind
