// Which operators take sparse arrays as they are, and when their outputs are sparse. Kept beside OpDef,
// because most operators know dense arrays only: their sparse inputs are made dense first.
#pragma once

#include "base/storage_type.h"
#include "graph/graph.h"

namespace symbind {

// A rule sees how the inputs of a node are stored, replaces what it does not take by what it wants (kDefault,
// as a rule), and says how the outputs will be stored, which are kDefault to begin with.
struct StorageRequest {
  const void* params;
  Span<StorageType> in;
  Span<StorageType> out;
  bool in_backward = false;  // the node is part of a gradient
  void all_dense() {
    for (StorageType& t : in) t = StorageType::kDefault;
    for (StorageType& t : out) t = StorageType::kDefault;
  }
};
using StorageRule = std::function<void(StorageRequest&)>;
using BuildSparseKernel = std::function<Kernel(const KernelRequest&)>;

// Gives an operator a rule, and the kernel for requests with a sparse input or output (see storage_of of a
// TensorDesc's layout). Dense requests keep the kernel that the operator has. makes_sparse: outputs may be
// sparse though no input is. To be called during registration.
void set_storage(const std::string& op, StorageRule rule, BuildSparseKernel kernel,
                 bool makes_sparse = false);
bool makes_sparse(const OpDef& op);
// Null for operators that know dense arrays only.
const StorageRule* storage_rule(const OpDef& op);

// Runs the rule of one node's operator: `in` is changed to what the node wants, `out` is filled in.
void apply_storage_rule(const OpDef& op, const void* params, Span<StorageType> in, Span<StorageType> out,
                        bool in_backward = false);

}  // namespace symbind
