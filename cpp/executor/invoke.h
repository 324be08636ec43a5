// Imperative execution of one operator: mx.nd.X.
#pragma once

#include <string>
#include <vector>

#include "graph/op.h"
#include "runtime/ndarray.h"

namespace symbind {

// Runs the operator on arrays. Inputs that are auxiliary states or optimizer states are updated in place.
// `out` gives the arrays to write to, or is empty. Returns the visible outputs.
std::vector<NDArray> invoke(const OpDef& op, const std::vector<NDArray>& inputs, const AttrMap& attrs,
                            const std::vector<NDArray>& out, bool is_train, Context context = {});

}  // namespace symbind
