// Symbol files (`-symbol.json`) of every MXNet from 0.7 to 1.9, and of 2.0 where it kept the format.
//
// Cost and memory are linear in the text: at most about 256 bytes are allocated for each of its bytes (the
// extreme is a file of operators of release 0.8 whose auxiliary states must be added). Depth is bounded,
// nothing follows the graph recursively.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/symbol.h"

namespace symbind {

// The release whose rules the reader and the writer follow.
constexpr int kSymbolVersion = 10901;

// The symbol that `text` describes, upgraded to what MXNet 1.9.1 makes of it. `label` names the text in
// errors, which also name the node, or the byte where the JSON itself is malformed. Things that are odd but
// harmless are appended to `warnings` unless it is null. Fails (Error) on anything malformed, on an operator
// or attribute that is not registered, on a reference to a node or output that does not exist, on a wrong
// number of inputs, and on a cycle.
Symbol symbol_from_json(std::string_view text, const std::string& label,
                        std::vector<std::string>* warnings = nullptr);

}  // namespace symbind
