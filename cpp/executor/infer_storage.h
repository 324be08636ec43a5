// How arrays of a symbol are stored when it is bound, for callers that allocate them.
#pragma once

#include <vector>

#include "base/storage_type.h"
#include "graph/graph.h"

namespace symbind {

struct BoundStorage {
  std::vector<StorageType> grads;    // by number of `wrt`
  std::vector<StorageType> outputs;  // by output
};
// `graph` has all shapes and dtypes, and the layouts of its variables say how these are stored. wrt:
// variables that gradients are wanted of. Without a gradient a row_sparse variable gets a row_sparse array,
// others a dense one.
BoundStorage infer_storage(Graph graph, std::vector<int32_t> wrt);

}  // namespace symbind
