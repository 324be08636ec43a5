#include "graph/storage_rule.h"

#include <unordered_map>

#include "graph/registry.h"

namespace symbind {
namespace {

struct Entry {
  StorageRule rule;
  bool makes_sparse = false;
};

std::unordered_map<const OpDef*, Entry>& rules() {
  static auto* const table = new std::unordered_map<const OpDef*, Entry>();
  return *table;
}

bool any_sparse(Span<const TensorDesc> tensors) {
  for (const TensorDesc& t : tensors) {
    if (is_sparse(t.layout)) return true;
  }
  return false;
}

}  // namespace

void set_storage(const std::string& op_name, StorageRule rule, BuildSparseKernel kernel, bool makes_sparse) {
  OpDef& op = const_cast<OpDef&>(find_op(op_name));  // which register_op made
  rules()[&op] = {std::move(rule), makes_sparse};
  op.kernel = [dense = op.kernel, sparse = std::move(kernel), name = op.name](const KernelRequest& r) {
    if (any_sparse(r.in) || any_sparse(r.out)) return sparse(r);
    check(static_cast<bool>(dense), "[", name,
          "] takes sparse arrays only: convert one to 'row_sparse' or 'csr'");
    return dense(r);
  };
}

const StorageRule* storage_rule(const OpDef& op) {
  const auto found = rules().find(&op);
  return found == rules().end() ? nullptr : &found->second.rule;
}

bool makes_sparse(const OpDef& op) {
  const auto found = rules().find(&op);
  return found != rules().end() && found->second.makes_sparse;
}

void apply_storage_rule(const OpDef& op, const void* params, Span<StorageType> in, Span<StorageType> out,
                        bool in_backward) {
  for (StorageType& t : out) t = StorageType::kDefault;
  StorageRequest request{params, in, out, in_backward};
  if (const StorageRule* rule = storage_rule(op)) {
    (*rule)(request);
  } else {
    request.all_dense();
  }
}

}  // namespace symbind
