// Blocks of memory: 64-byte aligned, reference counted, possibly owned by somebody else (a NumPy array).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace symbind {

struct Storage {
  void* data = nullptr;
  size_t bytes = 0;
  std::shared_ptr<void> owner;
  // What is computed from parameters and kept (packed weights) compares these with what it saw last.
  std::atomic<uint64_t> version{0};  // goes up with every write
  std::atomic<bool> exposed{false};  // somebody outside of the engine may write without telling
  bool sparse = false;               // `data` is a SparseArray (runtime/sparse.h)
};
using StoragePtr = std::shared_ptr<Storage>;

// Uninitialised memory. Blocks of 2 MiB and more are aligned for huge pages.
StoragePtr allocate_storage(size_t bytes);
// Wraps memory that `owner` keeps alive.
StoragePtr wrap_storage(void* data, size_t bytes, std::shared_ptr<void> owner);

}  // namespace symbind
