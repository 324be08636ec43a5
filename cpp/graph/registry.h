// The registry of operators. Filled once by register_all_ops() (cpp/ops/register_all.cpp).
#pragma once

#include <string>
#include <vector>

#include "graph/op.h"

namespace symbind {

// Adds an operator; fails when the name is taken. Aliases are read when registration of all operators has
// finished.
OpDef& register_op(const std::string& name);
// The operator of this name or alias; fails with the name and close spellings.
const OpDef& find_op(const std::string& name);
const OpDef* find_op_or_null(const std::string& name);
// All names, aliases included, sorted.
std::vector<std::string> list_op_names();

}  // namespace symbind
