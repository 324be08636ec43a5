// Symbol: the user's graph. Nodes are shared between symbols and immutable once composed, apart from
// attributes and from composition replacing variables.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/op.h"

namespace symbind {

struct Node;
using NodePtr = std::shared_ptr<Node>;

struct NodeEntry {
  NodePtr node;
  int32_t index = 0;
};

struct Symbol {
  std::vector<NodeEntry> outputs;
};

struct Node {
  const OpDef* op = nullptr;  // null: a variable
  std::string name;
  AttrMap attrs;     // operator attributes as written, and hidden keys such as __lr_mult__
  ParamsPtr params;  // `attrs` parsed
  std::vector<NodeEntry> inputs;
  std::vector<Symbol> subgraphs;  // whole graphs that an operator runs (control flow, fused int8 blocks)

  Node() = default;
  Node(const Node&) = default;
  ~Node();  // releases chains of any length without recursion
  int num_outputs() const { return op ? op->output_count(params.get()) : 1; }
  // Those that a file may speak of: all but the engine's own.
  int num_file_outputs() const { return num_outputs() - (op ? op->traits.own_outputs : 0); }
  int num_visible_outputs() const { return op ? op->visible_output_count(params.get()) : 1; }
};

// Parses node.attrs (hidden keys left out) into node.params; errors name the node.
void parse_node_params(Node& node);

// Sets the attributes that the node's operator wants on the variables it reads ("__init__"); what they have
// stays.
void set_variable_attrs(const Node& node);

Symbol make_variable(const std::string& name, const AttrMap& attrs);

struct ComposeArgs {
  std::vector<Symbol> positional;
  std::vector<std::pair<std::string, Symbol>> named;
};
// An operator node. Inputs that are not given become variables `<name>_<input>`, which inherit the attributes
// given with the operator, as in MXNet.
Symbol make_op(const std::string& op, const std::string& name, const AttrMap& attrs, const ComposeArgs& args,
               std::vector<Symbol> subgraphs = {});

// The part of a symbol that was made under the attribute `__subgraph_name__` = `name`, as a graph of its own:
// what it reads from elsewhere becomes variables. `outer` receives what each of its variables, in
// list_inputs() order, stands for; variables stand for themselves.
Symbol cut_subgraph(const Symbol& symbol, const std::string& name, std::vector<Symbol>& outer);

// A copy of `symbol` in which variables are replaced (by position of list_arguments, or by name).
Symbol compose(const Symbol& symbol, const std::string& name, const ComposeArgs& args);
Symbol group(const std::vector<Symbol>& symbols);
Symbol copy_symbol(const Symbol& symbol);
// Every visible output of every node, in topological order.
Symbol get_internals(const Symbol& symbol);
// The inputs of the symbol's nodes; no outputs when there are none.
Symbol get_children(const Symbol& symbol);

// Nodes before their users, inputs in order: MXNet's depth-first post-order, which defines list_arguments.
std::vector<const Node*> topological_order(const Symbol& symbol);

enum class InputKind { kArguments, kAuxiliary, kAll };
std::vector<std::string> list_inputs(const Symbol& symbol, InputKind kind);
std::vector<std::string> list_outputs(const Symbol& symbol);
std::string output_name(const NodeEntry& entry);

}  // namespace symbind
