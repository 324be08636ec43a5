#include "graph/json_write.h"

#include <unordered_map>

#include "graph/json_read.h"

namespace symbind {
namespace {

// Lists and objects of more than this many short items get a line for each.
constexpr size_t kInlineItems = 10;

class JsonWriter {
 public:
  std::string text;

  void begin(char open, bool multi_line) {
    text += open;
    levels_.push_back({multi_line, false});
    indent_ += multi_line ? 2 : 0;
  }
  void end(char close) {
    const Level level = levels_.back();
    levels_.pop_back();
    indent_ -= level.multi_line ? 2 : 0;
    if (level.multi_line && level.has_item) line();
    text += close;
  }
  void item() {
    Level& level = levels_.back();
    if (level.has_item) text += ", ";
    level.has_item = true;
    if (level.multi_line) line();
  }
  void key(const char* name) {
    item();
    string(name);
    text += ": ";
  }
  // Only what MXNet's reader undoes is escaped: it knows no \u, so that everything else is written as it is.
  void string(const std::string& s) {
    text += '"';
    for (char c : s) {
      switch (c) {
        case '"':
          text += "\\\"";
          break;
        case '\\':
          text += "\\\\";
          break;
        case '\n':
          text += "\\n";
          break;
        case '\r':
          text += "\\r";
          break;
        case '\t':
          text += "\\t";
          break;
        default:
          text += c;
      }
    }
    text += '"';
  }
  template <class T>
  void numbers(const std::vector<T>& values) {
    begin('[', values.size() > kInlineItems);
    for (const T& v : values) {
      item();
      text += std::to_string(v);
    }
    end(']');
  }

 private:
  struct Level {
    bool multi_line;
    bool has_item;
  };
  void line() {
    text += '\n';
    text.append(indent_, ' ');
  }
  std::vector<Level> levels_;
  size_t indent_ = 0;
};

struct Entry {
  size_t node;
  int32_t output;
  int version;
};

class GraphWriter {
 public:
  explicit GraphWriter(JsonWriter& out) : out_(out) {}

  void write(const Symbol& symbol, bool top_level) {
    order_ = topological_order(symbol);
    number_.reserve(order_.size());
    for (size_t i = 0; i < order_.size(); ++i) number_.emplace(order_[i], i);
    updates_.assign(order_.size(), 0);
    out_.begin('{', true);
    write_nodes();
    write_tables();
    out_.key("heads");
    std::vector<Entry> heads;
    for (const NodeEntry& e : symbol.outputs) heads.push_back({number_.at(e.node.get()), e.index, 0});
    write_entries(heads);
    if (top_level) {
      out_.key("attrs");
      out_.text += concat("{\"mxnet_version\": [\"int\", ", kSymbolVersion, "]}");
    }
    out_.end('}');
  }

 private:
  void write_nodes() {
    out_.key("nodes");
    out_.begin('[', true);
    for (const Node* node : order_) {
      out_.item();
      out_.begin('{', true);
      out_.key("op");
      out_.string(node->op ? node->op->name : "null");
      out_.key("name");
      out_.string(node->name);
      if (!node->attrs.empty()) write_attrs(node->attrs);
      out_.key("inputs");
      write_entries(input_entries(*node));
      if (!node->subgraphs.empty()) {
        out_.key("subgraphs");
        out_.begin('[', true);
        for (const Symbol& subgraph : node->subgraphs) {
          out_.item();
          GraphWriter(out_).write(subgraph, false);
        }
        out_.end(']');
      }
      out_.end('}');
    }
    out_.end(']');
  }

  void write_attrs(const AttrMap& attrs) {
    out_.key("attrs");
    out_.begin('{', attrs.size() > 1);
    for (const auto& [name, value] : attrs) {
      out_.key(name.c_str());
      out_.string(value);
    }
    out_.end('}');
  }

  // The third number of an entry counts the operators, this one included, that have updated the variable.
  std::vector<Entry> input_entries(const Node& node) {
    std::vector<Entry> entries;
    entries.reserve(node.inputs.size());
    for (const NodeEntry& e : node.inputs) {
      const size_t i = number_.at(e.node.get());
      entries.push_back({i, e.index, updates_[i]});
    }
    if (node.op == nullptr) return entries;
    for (int i : node.op->aux_list(node.params.get())) {
      if (i >= static_cast<int>(entries.size()) || node.inputs[i].node->op != nullptr) continue;
      entries[i].version = ++updates_[entries[i].node];
    }
    return entries;
  }

  void write_entries(const std::vector<Entry>& entries) {
    out_.begin('[', entries.size() > kInlineItems);
    for (const Entry& e : entries) {
      out_.item();
      out_.text += '[';
      out_.text += std::to_string(e.node);
      out_.text += ", ";
      out_.text += std::to_string(e.output);
      out_.text += ", ";
      out_.text += std::to_string(e.version);
      out_.text += ']';
    }
    out_.end(']');
  }

  void write_tables() {
    std::vector<size_t> variables;
    std::vector<int64_t> first_output{0};
    for (size_t i = 0; i < order_.size(); ++i) {
      if (order_[i]->op == nullptr) variables.push_back(i);
      first_output.push_back(first_output.back() + order_[i]->num_file_outputs());
    }
    out_.key("arg_nodes");
    out_.numbers(variables);
    out_.key("node_row_ptr");
    out_.numbers(first_output);
  }

  JsonWriter& out_;
  std::vector<const Node*> order_;
  std::unordered_map<const Node*, size_t> number_;
  std::vector<int> updates_;  // of each variable, by the operators written so far
};

bool is_amp_cast(const Node& node) {
  return node.op != nullptr && (node.op->name == "amp_cast" || node.op->name == "amp_multicast");
}

// amp_cast has one input and one output, and output i of amp_multicast is its input i: an entry of theirs is
// replaced by what they read.
Symbol without_amp_casts(const Symbol& symbol) {
  std::unordered_map<const Node*, NodePtr> copies;
  for (const Node* node : topological_order(symbol)) {
    auto copy = std::make_shared<Node>(*node);
    for (NodeEntry& e : copy->inputs) {
      const NodePtr& input = copies.at(e.node.get());
      const bool skip = is_amp_cast(*input) && static_cast<size_t>(e.index) < input->inputs.size();
      e = skip ? NodeEntry(input->inputs[e.index]) : NodeEntry{input, e.index};
    }
    copies.emplace(node, std::move(copy));
  }
  Symbol result;
  for (const NodeEntry& e : symbol.outputs) result.outputs.push_back({copies.at(e.node.get()), e.index});
  return result;
}

}  // namespace

std::string symbol_to_json(const Symbol& symbol, bool remove_amp_cast) {
  JsonWriter out;
  GraphWriter(out).write(remove_amp_cast ? without_amp_casts(symbol) : symbol, true);
  return std::move(out.text);
}

}  // namespace symbind
