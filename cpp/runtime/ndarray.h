// A dense, contiguous, row-major array on a device. Copies of an NDArray share its memory.
#pragma once

#include "base/dtype.h"
#include "base/shape.h"
#include "runtime/context.h"
#include "runtime/storage.h"

namespace symbind {

struct NDArray {
  StoragePtr storage;
  size_t offset = 0;  // bytes
  Shape shape;
  DType dtype = DType::kFloat32;
  Context context;

  bool empty() const { return storage == nullptr; }
  int64_t size() const { return shape.size(); }
  size_t bytes() const { return static_cast<size_t>(shape.size()) * dtype_size(dtype); }
  // To be called by whoever has written to data().
  void mark_written() const { storage->version.fetch_add(1, std::memory_order_relaxed); }
  void* data() const { return static_cast<char*>(storage->data) + offset; }
  template <class T>
  T* data_as() const {
    return static_cast<T*>(data());
  }
};

// Uninitialised.
NDArray make_ndarray(const Shape& shape, DType dtype, Context context = {});
NDArray make_zeros(const Shape& shape, DType dtype, Context context = {});
// Views: the same memory.
NDArray reshape_view(const NDArray& array, const Shape& shape);
NDArray slice_view(const NDArray& array, int64_t begin, int64_t end);
// Copies with conversion between dtypes; sizes must agree in shape.
void copy_ndarray(const NDArray& from, const NDArray& to);
// The same on raw memory of n elements.
void convert_elements(const void* from, DType from_type, void* to, DType to_type, int64_t n);
void fill_ndarray(const NDArray& array, double value);

}  // namespace symbind
