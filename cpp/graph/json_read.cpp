#include "graph/json_read.h"

#include <climits>

#include "graph/json_graph.h"
#include "graph/json_scanner.h"
#include "graph/registry.h"

namespace symbind {
namespace {

constexpr int kMaxSubgraphDepth = 8;
// Outputs cost nothing in the text ("num_outputs": "2000000000"), but memory wherever a graph is walked. Real
// graphs have a few hundred more than they have nodes.
constexpr int64_t kSpareOutputs = 1000000;

struct ReadContext {
  const std::string& label;
  std::vector<std::string>* warnings;
  int64_t outputs_left;  // that nodes may have
  int depth = 0;         // of nested subgraphs

  template <class... Args>
  void warn(const Args&... args) const {
    if (warnings != nullptr) warnings->push_back(concat(label, ": ", args...));
  }
};

[[noreturn]] void fail_in_node(const ReadContext& c, size_t index, const std::string& name,
                               const std::string& why) {
  fail("[symbol_from_json] ", c.label, ", node ", index, " '", name, "': ", why);
}

Symbol read_symbol(JsonScanner& in, ReadContext& c);

// [node, output] or [node, output, version]
JsonEntry read_entry(JsonScanner& in) {
  const size_t begin = in.offset();
  int64_t numbers[3] = {};
  int n = 0;
  in.begin_array();
  while (in.next_item()) {
    if (n == 3) in.fail_at(begin, "an entry has more than 3 numbers, expected [node, output, version]");
    numbers[n++] = in.read_int();
  }
  if (n < 2) in.fail_at(begin, concat("an entry has ", n, " numbers, expected [node, output]"));
  return {numbers[0], numbers[1]};
}

std::vector<JsonEntry> read_entries(JsonScanner& in) {
  std::vector<JsonEntry> entries;
  in.begin_array();
  while (in.next_item()) entries.push_back(read_entry(in));
  return entries;
}

AttrMap read_attrs(JsonScanner& in) {
  AttrMap attrs;
  std::string key;
  in.begin_object();
  while (in.next_key(key)) attrs[key] = in.read_string();
  return attrs;
}

JsonNode read_node(JsonScanner& in, ReadContext& c, size_t index) {
  JsonNode node;
  AttrMap attrs;
  AttrMap param;
  bool has_op = false;
  bool has_name = false;
  bool has_control_deps = false;
  std::string key;
  const size_t begin = in.offset();
  in.begin_object();
  while (in.next_key(key)) {
    if (key == "op") {
      node.op = in.read_string();
      has_op = true;
    } else if (key == "name") {
      node.name = in.read_string();
      has_name = true;
    } else if (key == "attr") {
      node.attrs = read_attrs(in);
    } else if (key == "attrs") {
      attrs = read_attrs(in);
    } else if (key == "param") {
      param = read_attrs(in);
    } else if (key == "inputs") {
      node.inputs = read_entries(in);
    } else if (key == "subgraphs") {
      node.subgraphs.clear();
      in.begin_array();
      while (in.next_item()) node.subgraphs.push_back(read_symbol(in, c));
    } else if (key == "control_deps") {
      in.begin_array();
      while (in.next_item()) has_control_deps = in.read_int() >= 0 || has_control_deps;
    } else if (key == "backward_source_id") {
      in.skip_value();
    } else {
      in.fail_at(begin,
                 concat("node ", index, " '", node.name, "' has the unknown key '", key,
                        "', expected op, name, inputs, attrs, attr, param, control_deps or subgraphs"));
    }
  }
  if (!has_op || !has_name) {
    in.fail_at(begin, concat("node ", index, has_name ? " '" + node.name + "'" : "", " has no '",
                             has_op ? "name" : "op", "'"));
  }
  if (has_control_deps) c.warn("node ", index, " '", node.name, "': its control_deps are ignored");
  node.attrs.merge(attrs);
  node.attrs.merge(param);
  return node;
}

// {"mxnet_version": ["int", 10901], ...}
void read_graph_attrs(JsonScanner& in, JsonGraph& graph) {
  std::string key;
  in.begin_object();
  while (in.next_key(key)) {
    if (key != "mxnet_version" && key != "is_np_shape") {
      in.skip_value();
      continue;
    }
    const size_t begin = in.offset();
    std::string type;
    int64_t value = -1;
    in.begin_array();
    if (in.next_item()) type = in.read_string();
    if (in.next_item()) value = in.read_int();
    if (type != "int" || value < 0 || in.next_item()) {
      in.fail_at(begin, concat("wrong value for '", key, "', expected [\"int\", number]"));
    }
    if (key == "mxnet_version") {
      graph.version = value;
    } else {
      graph.np_shape = value != 0;
    }
  }
}

JsonGraph read_graph(JsonScanner& in, ReadContext& c) {
  JsonGraph graph;
  if (c.depth > 1)
    graph.version = kSymbolVersion;  // subgraphs do not say; they are younger than every upgrade rule
  bool has_nodes = false;
  bool has_heads = false;
  std::string key;
  const size_t begin = in.offset();
  in.begin_object();
  while (in.next_key(key)) {
    if (key == "nodes") {
      has_nodes = true;
      graph.nodes.clear();
      in.begin_array();
      while (in.next_item()) graph.nodes.push_back(read_node(in, c, graph.nodes.size()));
    } else if (key == "heads") {
      has_heads = true;
      graph.heads = read_entries(in);
    } else if (key == "arg_nodes") {
      graph.arg_nodes.clear();
      in.begin_array();
      while (in.next_item()) graph.arg_nodes.push_back(in.read_int());
    } else if (key == "node_row_ptr") {
      in.skip_value();
    } else if (key == "attrs") {
      read_graph_attrs(in, graph);
    } else {
      in.fail_at(begin, concat("the graph has the unknown key '", key,
                               "', expected nodes, arg_nodes, heads, node_row_ptr or attrs"));
    }
  }
  if (!has_nodes || !has_heads)
    in.fail_at(begin, concat("the graph has no '", has_nodes ? "heads" : "nodes", "'"));
  return graph;
}

// Builds nodes inputs first, whatever their order in the file.
class GraphBuilder {
 public:
  GraphBuilder(JsonGraph& graph, ReadContext& context)
      : graph_(graph), c_(context), nodes_(graph.nodes.size()) {}

  Symbol build() {
    check_references();
    for (size_t i : order()) nodes_[i] = make_node(i);
    Symbol symbol;
    for (size_t h = 0; h < graph_.heads.size(); ++h) {
      const JsonEntry& head = graph_.heads[h];
      const NodePtr& node = nodes_[head.node];
      check(head.output < node->num_file_outputs(), "[symbol_from_json] ", c_.label, ": head ", h,
            " is output ", head.output, " of node '", node->name, "', which has ", node->num_file_outputs());
      symbol.outputs.push_back({node, static_cast<int32_t>(head.output)});
    }
    return symbol;
  }

 private:
  // Every number in the file points at something, so that nothing else has to look.
  void check_references() {
    const int64_t count = static_cast<int64_t>(graph_.nodes.size());
    auto exists = [&](int64_t i) { return i >= 0 && i < count; };
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const JsonNode& node = graph_.nodes[i];
      for (const JsonEntry& e : node.inputs) {
        if (!exists(e.node)) {
          fail_in_node(c_, i, node.name,
                       concat("input node out of range: got ", e.node, " of ", count, " nodes"));
        }
        if (e.output < 0 || e.output > INT_MAX) {
          fail_in_node(c_, i, node.name, concat("input output number out of range: got ", e.output));
        }
      }
    }
    check(!graph_.heads.empty(), "[symbol_from_json] ", c_.label,
          ": 'heads' is empty: the graph has no output");
    for (size_t h = 0; h < graph_.heads.size(); ++h) {
      const JsonEntry& e = graph_.heads[h];
      check(exists(e.node) && e.output >= 0, "[symbol_from_json] ", c_.label, ": head ", h,
            " is out of range: got [", e.node, ", ", e.output, "], the graph has ", count, " nodes");
    }
    for (int64_t i : graph_.arg_nodes) {
      check(exists(i), "[symbol_from_json] ", c_.label, ": 'arg_nodes' is out of range: got ", i, " of ",
            count, " nodes");
      check(graph_.nodes[i].op == "null", "[symbol_from_json] ", c_.label, ": 'arg_nodes' lists node ", i,
            " '", graph_.nodes[i].name, "', which is not a variable but the operator '", graph_.nodes[i].op,
            "'");
    }
  }

  std::vector<size_t> order() const {
    enum : char { kNew, kOpen, kDone };
    std::vector<char> state(graph_.nodes.size(), kNew);
    std::vector<size_t> order;
    order.reserve(graph_.nodes.size());
    std::vector<std::pair<size_t, size_t>> stack;  // node, next input
    for (size_t root = 0; root < graph_.nodes.size(); ++root) {
      if (state[root] != kNew) continue;
      state[root] = kOpen;
      stack.emplace_back(root, 0);
      while (!stack.empty()) {
        auto& [i, next] = stack.back();
        const std::vector<JsonEntry>& inputs = graph_.nodes[i].inputs;
        if (next == inputs.size()) {
          state[i] = kDone;
          order.push_back(i);
          stack.pop_back();
          continue;
        }
        const size_t input = static_cast<size_t>(inputs[next++].node);
        if (state[input] == kOpen) fail_at_cycle(stack, input);
        if (state[input] == kNew) {
          state[input] = kOpen;
          stack.emplace_back(input, 0);
        }
      }
    }
    return order;
  }

  [[noreturn]] void fail_at_cycle(const std::vector<std::pair<size_t, size_t>>& stack,
                                  size_t repeated) const {
    size_t first = stack.size() - 1;
    while (stack[first].first != repeated) --first;
    constexpr size_t kShown = 8;
    std::string path;
    for (size_t k = first; k < stack.size(); ++k) {
      if (k - first == kShown && stack.size() - first > kShown + 1) {
        path += concat("... ", stack.size() - k, " more ... -> ");
        break;
      }
      path += concat("'", graph_.nodes[stack[k].first].name, "' -> ");
    }
    fail("[symbol_from_json] ", c_.label, ": the graph has a cycle, a node needs its own output: ", path, "'",
         graph_.nodes[repeated].name, "'");
  }

  NodePtr make_node(size_t i) {
    JsonNode& json = graph_.nodes[i];
    auto node = std::make_shared<Node>();
    node->name = std::move(json.name);
    node->attrs = std::move(json.attrs);
    node->subgraphs = std::move(json.subgraphs);
    try {
      if (json.op != "null") {
        node->op = find_op_or_null(json.op);
        check(node->op != nullptr, "operator '", json.op, "' of node '", node->name, "' is not registered");
      }
      for (const JsonEntry& e : json.inputs) node->inputs.push_back(input_entry(e));
      finish_node(*node);
    } catch (const Error& e) {
      fail_in_node(c_, i, node->name, e.what());
    }
    json = JsonNode();  // its memory is not needed twice
    return node;
  }

  NodeEntry input_entry(const JsonEntry& e) const {
    const NodePtr& input = nodes_[e.node];
    check(e.output < input->num_file_outputs(), "an input is output ", e.output, " of node '", input->name,
          "', which has ", input->num_file_outputs());
    return {input, static_cast<int32_t>(e.output)};
  }

  void finish_node(Node& node) {
    const InputKeys keys = upgrade_attrs(node, graph_.version);
    if (node.op == nullptr) {
      check(node.inputs.empty(), "a variable has ", node.inputs.size(), " inputs, expected none");
      return;
    }
    parse_node_params(node);
    count_outputs(node);
    add_missing_inputs(node, graph_.version);
    // Before anything asks for the names of the inputs: an attribute may claim any number of them.
    const int expected = node.op->input_count(node.params.get());
    check(static_cast<int64_t>(node.inputs.size()) == expected, "operator '", node.op->name, "' of node '",
          node.name, "' has ", node.inputs.size(), node.inputs.size() == 1 ? " input" : " inputs",
          ", expected ", expected);
    if (give_keys_to_inputs(node, keys)) parse_node_params(node);
    if (graph_.version < 904) set_variable_attrs(node);  // later files say so themselves
  }

  void count_outputs(const Node& node) {
    const int64_t outputs = node.num_outputs();
    check(outputs >= 0 && outputs <= c_.outputs_left, "node '", node.name, "' has ", outputs,
          " outputs, expected at most ", c_.outputs_left, " (in the rest of the graph)");
    c_.outputs_left -= outputs;
  }

  JsonGraph& graph_;
  ReadContext& c_;
  std::vector<NodePtr> nodes_;
};

Symbol read_symbol(JsonScanner& in, ReadContext& c) {
  if (c.depth == kMaxSubgraphDepth) {
    in.fail_at(in.offset(),
               concat("subgraphs inside subgraphs: expected at most ", kMaxSubgraphDepth, " levels"));
  }
  ++c.depth;
  JsonGraph graph = read_graph(in, c);
  --c.depth;
  if (graph.version > kSymbolVersion && c.depth == 0) {
    c.warn("written by MXNet ", graph.version / 10000, ".", graph.version / 100 % 100, ".",
           graph.version % 100,
           ", newer than the 1.9.1 whose rules are used; it may mean something else there");
  }
  if (graph.np_shape && c.depth == 0) {
    c.warn(
        "written with NumPy shape semantics (is_np_shape), where a dimension of 0 is empty; here 0 is "
        "unknown");
  }
  return GraphBuilder(graph, c).build();
}

}  // namespace

Symbol symbol_from_json(std::string_view text, const std::string& label, std::vector<std::string>* warnings) {
  JsonScanner in(text, label);
  ReadContext context{label, warnings, kSpareOutputs + static_cast<int64_t>(text.size())};
  Symbol symbol = read_symbol(in, context);
  const size_t trailing = in.trailing_bytes();
  if (trailing > 0) context.warn(trailing, " bytes after the end of the graph are ignored");
  return symbol;
}

}  // namespace symbind
