// Writes symbol files laid out, byte for byte, as MXNet 1.9.1 lays them out.
#pragma once

#include <string>

#include "graph/symbol.h"

namespace symbind {

// `remove_amp_cast`: operators read what amp_cast and amp_multicast nodes read, so that those disappear
// unless they are outputs of the symbol.
std::string symbol_to_json(const Symbol& symbol, bool remove_amp_cast = false);

}  // namespace symbind
