#include "graph/symbol.h"

#include <unordered_map>
#include <unordered_set>

#include "graph/registry.h"

namespace symbind {

Node::~Node() {
  if (inputs.empty()) return;
  // The outermost destructor drains the chain; nested ones only hand over their inputs.
  static thread_local std::vector<NodeEntry>* pending = nullptr;
  if (pending != nullptr) {
    for (NodeEntry& e : inputs) pending->push_back(std::move(e));
    return;
  }
  std::vector<NodeEntry> stack = std::move(inputs);
  pending = &stack;
  while (!stack.empty()) {
    NodeEntry e = std::move(stack.back());
    stack.pop_back();
    e.node.reset();
  }
  pending = nullptr;
}

void parse_node_params(Node& node) {
  if (node.op == nullptr) return;
  if (node.op->params.parse == nullptr) {
    for (const auto& [key, value] : node.attrs) {
      check(is_hidden_key(key), "Error in operator ", node.name, ": [", node.op->name,
            "] unknown attribute '", key, "' (value '", value, "'), expected none");
    }
    return;
  }
  AttrMap visible;
  for (const auto& item : node.attrs) {
    if (!is_hidden_key(item.first)) visible.insert(item);
  }
  try {
    node.params = node.op->params.parse(node.op->name.c_str(), visible);
    if (node.op->with_subgraphs) node.params = node.op->with_subgraphs(node.params, node.subgraphs);
  } catch (const Error& e) {
    fail("Error in operator ", node.name, ": ", e.what());
  }
}

void set_variable_attrs(const Node& node) {
  if (node.op->variable_attrs.empty()) return;
  const std::vector<std::string> names = node.op->input_list(node.params.get());
  for (size_t i = 0; i < names.size() && i < node.inputs.size(); ++i) {
    Node& input = *node.inputs[i].node;
    const auto wanted = node.op->variable_attrs.find(names[i]);
    if (input.op != nullptr || wanted == node.op->variable_attrs.end()) continue;
    input.attrs.insert(wanted->second.begin(), wanted->second.end());
  }
}

Symbol make_variable(const std::string& name, const AttrMap& attrs) {
  auto node = std::make_shared<Node>();
  node->name = name;
  node->attrs = attrs;
  return Symbol{{{std::move(node), 0}}};
}

namespace {

const NodeEntry& single_output(const Symbol& s, const std::string& op, const std::string& input) {
  check(s.outputs.size() == 1, "[", op, "] input '", input,
        "' must be a symbol with one output, got one with ", s.outputs.size(), "; choose one with sym[i]");
  return s.outputs[0];
}

NodePtr implied_variable(const Node& node, const std::string& input) {
  auto variable = std::make_shared<Node>();
  variable->name = node.name + "_" + input;
  variable->attrs = node.attrs;  // all of them, as MXNet does: files carry num_hidden on weights
  return variable;
}

void bind_inputs(Node& node, const ComposeArgs& args) {
  const std::vector<std::string> names = node.op->input_list(node.params.get());
  check(args.positional.size() <= names.size(), "[", node.op->name, "] too many inputs for '", node.name,
        "': got ", args.positional.size(), ", expected at most ", names.size());
  node.inputs.resize(names.size());
  for (size_t i = 0; i < args.positional.size(); ++i) {
    node.inputs[i] = single_output(args.positional[i], node.op->name, names[i]);
  }
  for (const auto& [key, symbol] : args.named) {
    size_t at = 0;
    while (at < names.size() && names[at] != key) ++at;
    if (at == names.size()) {
      std::string known;
      for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
      fail("[", node.op->name, "] '", node.name, "' has no input '", key, "', expected one of ", known);
    }
    check(node.inputs[at].node == nullptr, "[", node.op->name, "] input '", key, "' of '", node.name,
          "' was given twice");
    node.inputs[at] = single_output(symbol, node.op->name, key);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (node.inputs[i].node == nullptr) node.inputs[i] = {implied_variable(node, names[i]), 0};
  }
  set_variable_attrs(node);
}

}  // namespace

Symbol make_op(const std::string& op, const std::string& name, const AttrMap& attrs, const ComposeArgs& args,
               std::vector<Symbol> subgraphs) {
  auto node = std::make_shared<Node>();
  node->op = &find_op(op);
  node->name = name;
  node->attrs = attrs;
  const std::string& key = node->op->num_args_key;
  if (!key.empty() && node->attrs.count(key) == 0) {
    node->attrs[key] = std::to_string(args.positional.size() + args.named.size());
  }
  node->subgraphs = std::move(subgraphs);
  parse_node_params(*node);
  bind_inputs(*node, args);
  Symbol result;
  const int n = node->num_visible_outputs();
  for (int i = 0; i < n; ++i) result.outputs.push_back({node, i});
  return result;
}

std::vector<const Node*> topological_order(const Symbol& symbol) {
  std::vector<const Node*> order;
  std::unordered_set<const Node*> seen;
  std::vector<std::pair<const Node*, size_t>> stack;
  for (const NodeEntry& head : symbol.outputs) {
    if (!seen.insert(head.node.get()).second) continue;
    stack.emplace_back(head.node.get(), 0);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next == node->inputs.size()) {
        order.push_back(node);
        stack.pop_back();
        continue;
      }
      const Node* input = node->inputs[next++].node.get();
      if (seen.insert(input).second) stack.emplace_back(input, 0);
    }
  }
  return order;
}

Symbol copy_symbol(const Symbol& symbol) { return compose(symbol, "", {}); }

Symbol compose(const Symbol& symbol, const std::string& name, const ComposeArgs& args) {
  const std::vector<const Node*> order = topological_order(symbol);
  std::unordered_map<const Node*, NodeEntry>
      replaced;  // old node -> new node (index only used for variables)
  const std::vector<std::string> arguments = list_inputs(symbol, InputKind::kArguments);
  check(args.positional.size() <= arguments.size(), "[compose] too many positional inputs: got ",
        args.positional.size(), ", expected at most ", arguments.size());
  std::unordered_map<std::string, NodeEntry> by_name;
  for (size_t i = 0; i < args.positional.size(); ++i) {
    by_name[arguments[i]] = single_output(args.positional[i], "compose", arguments[i]);
  }
  for (const auto& [key, value] : args.named) {
    bool found = false;
    for (const std::string& a : arguments) found = found || a == key;
    check(found, "[compose] the symbol has no argument '", key, "'");
    by_name[key] = single_output(value, "compose", key);
  }
  for (const Node* node : order) {
    if (node->op == nullptr) {
      const auto it = by_name.find(node->name);
      if (it != by_name.end()) {
        replaced[node] = it->second;
        continue;
      }
    }
    auto copy = std::make_shared<Node>(*node);
    for (NodeEntry& e : copy->inputs) {
      const NodeEntry& to = replaced.at(e.node.get());
      e = e.node->op == nullptr ? to : NodeEntry{to.node, e.index};
    }
    replaced[node] = {std::move(copy), 0};
  }
  Symbol result;
  for (const NodeEntry& e : symbol.outputs) {
    const NodeEntry& to = replaced.at(e.node.get());
    result.outputs.push_back(e.node->op == nullptr ? to : NodeEntry{to.node, e.index});
  }
  if (!name.empty() && result.outputs.size() == 1) result.outputs[0].node->name = name;
  return result;
}

Symbol group(const std::vector<Symbol>& symbols) {
  Symbol result;
  for (const Symbol& s : symbols)
    result.outputs.insert(result.outputs.end(), s.outputs.begin(), s.outputs.end());
  return result;
}

namespace {

// A shared_ptr to every node of the graph, by address.
std::unordered_map<const Node*, NodePtr> owners(const Symbol& symbol, const std::vector<const Node*>& order) {
  std::unordered_map<const Node*, NodePtr> map;
  map.reserve(order.size());
  for (const NodeEntry& e : symbol.outputs) map.emplace(e.node.get(), e.node);
  for (const Node* node : order) {
    for (const NodeEntry& e : node->inputs) map.emplace(e.node.get(), e.node);
  }
  return map;
}

}  // namespace

Symbol get_internals(const Symbol& symbol) {
  const std::vector<const Node*> order = topological_order(symbol);
  const auto owner = owners(symbol, order);
  Symbol result;
  for (const Node* node : order) {
    for (int i = 0; i < node->num_visible_outputs(); ++i) result.outputs.push_back({owner.at(node), i});
  }
  return result;
}

Symbol get_children(const Symbol& symbol) {
  Symbol result;
  std::unordered_set<const Node*> seen;
  for (const NodeEntry& e : symbol.outputs) {
    if (!seen.insert(e.node.get()).second) continue;
    result.outputs.insert(result.outputs.end(), e.node->inputs.begin(), e.node->inputs.end());
  }
  return result;
}

Symbol cut_subgraph(const Symbol& symbol, const std::string& name, std::vector<Symbol>& outer) {
  auto inside = [&](const Node& node) {
    const auto at = node.attrs.find("__subgraph_name__");
    return node.op != nullptr && at != node.attrs.end() && at->second == name;
  };
  const std::vector<const Node*> order = topological_order(symbol);
  std::unordered_map<const Node*, NodePtr> copies;
  std::vector<std::pair<NodeEntry, NodePtr>> replaced;  // an entry of another graph, its variable
  auto entry = [&](const NodeEntry& e) -> NodeEntry {
    const auto copy = copies.find(e.node.get());
    if (copy != copies.end()) return {copy->second, e.index};
    for (const auto& [from, variable] : replaced) {
      if (from.node == e.node && from.index == e.index) return {variable, 0};
    }
    NodePtr variable = e.node;
    if (e.node->op != nullptr) {
      variable = std::make_shared<Node>();
      variable->name = output_name(e);
    }
    replaced.emplace_back(e, variable);
    return {variable, 0};
  };
  for (const Node* node : order) {
    if (!inside(*node)) continue;
    auto copy = std::make_shared<Node>(*node);
    for (NodeEntry& e : copy->inputs) e = entry(e);
    copies.emplace(node, std::move(copy));
  }
  Symbol result;
  for (const NodeEntry& e : symbol.outputs) result.outputs.push_back(entry(e));
  for (const Node* node : topological_order(result)) {
    for (const auto& [from, variable] : replaced) {
      if (variable.get() == node) outer.push_back(Symbol{{from}});
    }
  }
  return result;
}

std::vector<std::string> list_inputs(const Symbol& symbol, InputKind kind) {
  const std::vector<const Node*> order = topological_order(symbol);
  std::unordered_set<const Node*> aux;
  for (const Node* node : order) {
    if (node->op == nullptr) continue;
    for (int i : node->op->aux_list(node->params.get())) {
      if (i < static_cast<int>(node->inputs.size())) aux.insert(node->inputs[i].node.get());
    }
  }
  std::vector<std::string> names;
  for (const Node* node : order) {
    if (node->op != nullptr) continue;
    const bool is_aux = aux.count(node) > 0;
    if (kind == InputKind::kAll || is_aux == (kind == InputKind::kAuxiliary)) names.push_back(node->name);
  }
  return names;
}

std::string output_name(const NodeEntry& entry) {
  const Node& node = *entry.node;
  if (node.op == nullptr) return node.name;
  return node.name + "_" + node.op->output_list(node.params.get())[entry.index];
}

std::vector<std::string> list_outputs(const Symbol& symbol) {
  std::vector<std::string> names;
  names.reserve(symbol.outputs.size());
  for (const NodeEntry& e : symbol.outputs) names.push_back(output_name(e));
  return names;
}

}  // namespace symbind
