// How an array keeps its elements: all of them, some rows of them, or some elements of each row.
#pragma once

#include <cstdint>
#include <string>

#include "base/kernel.h"

namespace symbind {

// The numbers are those of MXNet's files and Python API.
enum class StorageType : int8_t { kDefault = 0, kRowSparse = 1, kCsr = 2 };

inline const char* storage_name(StorageType type) {
  return type == StorageType::kDefault ? "default" : type == StorageType::kRowSparse ? "row_sparse" : "csr";
}
// Accepts "default", "row_sparse" and "csr"; fails otherwise.
StorageType storage_parse(const std::string& name);

// Marks tensors that are sparse: what a kernel gets for one is the address of a SparseArray
// (runtime/sparse.h), whose number of stored elements differs from run to run.
struct SparseLayout : Layout {
  StorageType type;
  explicit SparseLayout(StorageType t) : type(t) {}
  bool equals(const Layout& other) const override {
    const auto* sparse = dynamic_cast<const SparseLayout*>(&other);
    return sparse != nullptr && sparse->type == type;
  }
  size_t bytes() const override { return 0; }  // sparse values are never in an arena
  bool padded() const override { return true; }
};

// Null for kDefault.
LayoutPtr storage_layout(StorageType type);
// kDefault for every layout of dense tensors.
StorageType storage_of(const LayoutPtr& layout);
inline bool is_sparse(const LayoutPtr& layout) { return storage_of(layout) != StorageType::kDefault; }

}  // namespace symbind
