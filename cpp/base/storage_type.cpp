#include "base/storage_type.h"

#include "base/error.h"

namespace symbind {

StorageType storage_parse(const std::string& name) {
  if (name == "default") return StorageType::kDefault;
  if (name == "row_sparse") return StorageType::kRowSparse;
  if (name == "csr") return StorageType::kCsr;
  fail("storage type: got '", name, "', expected 'default', 'row_sparse' or 'csr'");
}

LayoutPtr storage_layout(StorageType type) {
  static const LayoutPtr row_sparse = std::make_shared<SparseLayout>(StorageType::kRowSparse);
  static const LayoutPtr csr = std::make_shared<SparseLayout>(StorageType::kCsr);
  return type == StorageType::kDefault ? nullptr : type == StorageType::kRowSparse ? row_sparse : csr;
}

StorageType storage_of(const LayoutPtr& layout) {
  const auto* sparse = layout == nullptr ? nullptr : dynamic_cast<const SparseLayout*>(layout.get());
  return sparse == nullptr ? StorageType::kDefault : sparse->type;
}

}  // namespace symbind
