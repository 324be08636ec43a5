// Between the text and the Symbol: what a symbol file says, before operators are looked up.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/symbol.h"

namespace symbind {

struct JsonEntry {
  int64_t node = 0;
  int64_t output = 0;
};

struct JsonNode {
  std::string op;  // "null": a variable
  std::string name;
  AttrMap attrs;
  std::vector<JsonEntry> inputs;
  std::vector<Symbol> subgraphs;
};

struct JsonGraph {
  std::vector<JsonNode> nodes;
  std::vector<JsonEntry> heads;
  std::vector<int64_t> arg_nodes;
  int64_t version = 800;  // files older than 0.9 do not say
  bool np_shape = false;
};

// Upgrades of old files (json_upgrade.cpp), node by node, inputs first. They change a node's attributes
// before they are parsed, and its inputs and their attributes after.

// `<input>_<key>` attributes that belong to an input variable: {name of the attribute, value}.
using InputKeys = std::vector<std::pair<std::string, std::string>>;

// Renames bare hidden keys (lr_mult, ...) to __key__, takes out those that seem to be meant for an input, and
// undoes what other releases wrote differently.
InputKeys upgrade_attrs(Node& node, int64_t version);
// Gives the taken keys to the input variables; those that match no input go back to the node. True if any
// went back.
bool give_keys_to_inputs(Node& node, const InputKeys& keys);
// Appends the variables that releases before 0.9 left out: auxiliary states, labels, and anything else at the
// end.
void add_missing_inputs(Node& node, int64_t version);

}  // namespace symbind
