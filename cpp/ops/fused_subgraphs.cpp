// Blocks that MXNet's MKL-DNN backend had fused when a symbol was saved: _sg_mkldnn_conv (Convolution, then
// perhaps BatchNorm, an activation, a sum, an activation) and _sg_mkldnn_fully_connected (FullyConnected,
// then perhaps an activation). The block is a graph of its own beside the node. Blocks of floats become the
// nodes of that graph; quantized ones become int8 layers.
#include <algorithm>

#include "graph/graph.h"
#include "graph/registry.h"
#include "graph/symbol.h"
#include "ops/quantized_conv.h"

namespace symbind {
namespace {

struct Params {
  bool quantized = false, float_output = false, channel_wise = true;
  std::optional<double> min_calib_range, max_calib_range;

  // Of the subgraph. Numbers of inputs are places among its variables.
  Symbol graph;
  std::vector<std::string> names;  // of its variables
  std::vector<int> aux;
  const Node* layer = nullptr;
  const Node* norm = nullptr;
  const Node* act = nullptr;
  const Node* last_act = nullptr;
  std::vector<int> layer_inputs, norm_inputs;
  int sum_input = -1;

  bool has_bias() const { return layer_inputs.size() == 3; }
  // Int8 weights come with their range, as do int8 biases; float ones do not.
  bool int8_weight() const { return quantized && !channel_wise; }
  int ranges() const {
    if (!quantized) return 0;
    return 1 + (sum_input >= 0 ? 1 : 0) + (int8_weight() ? (has_bias() ? 2 : 1) : 0);
  }
  int outputs() const { return quantized && !float_output ? 3 : 1; }
};

struct ConvParams : Params {
  bool with_bn, with_act, with_sum, with_postsum_act;
  template <class V>
  void visit(V& v) {
    v("with_bn", with_bn, false, "A BatchNorm follows the convolution.");
    v("with_act", with_act, false, "An activation follows.");
    v("with_sum", with_sum, false, "Another tensor is added.");
    v("with_postsum_act", with_postsum_act, false, "An activation follows the sum.");
    v("quantized", quantized, false, "Data is int8 or uint8.");
    v("min_calib_range", min_calib_range, std::optional<double>(),
      "The lowest value of a quantized output; without a range it is int32.");
    v("max_calib_range", max_calib_range, std::optional<double>(),
      "The highest value of a quantized output.");
  }
};

struct DenseParams : Params {
  bool with_eltwise;
  std::optional<bool> channel_wise_quantize;
  template <class V>
  void visit(V& v) {
    v("quantized", quantized, false, "Data is int8 or uint8.");
    v("enable_float_output", float_output, false, "A quantized block outputs float32.");
    v("with_eltwise", with_eltwise, false, "An activation follows.");
    v("min_calib_range", min_calib_range, std::optional<double>(),
      "The lowest value of a quantized output; without a range it is int32.");
    v("max_calib_range", max_calib_range, std::optional<double>(),
      "The highest value of a quantized output.");
    v("channel_wise_quantize", channel_wise_quantize, std::optional<bool>(),
      "The weight of a quantized block is float32 and has a scale for each output; otherwise it is int8, "
      "with "
      "its range.");
  }
  void finish(const char*) { channel_wise = channel_wise_quantize.value_or(false); }
};

// Finds out what a block consists of.
class BlockReader {
 public:
  BlockReader(const char* op, const char* layer, Params& p) : op_(op), layer_(layer), p_(p) {}

  void read(const std::vector<Symbol>& subgraphs) {
    check(subgraphs.size() == 1, "[", op_, "] got ", subgraphs.size(), " subgraphs, expected 1");
    p_.graph = subgraphs[0];
    check(p_.graph.outputs.size() == 1 && p_.graph.outputs[0].index == 0, "[", op_, "] the subgraph has ",
          p_.graph.outputs.size(), " outputs, expected the first output of one node");
    for (const Node* node : topological_order(p_.graph)) {
      if (node->op == nullptr) {
        variables_.push_back(node);
        p_.names.push_back(node->name);
      } else {
        take(*node);
      }
    }
    check(p_.layer != nullptr, "[", op_, "] the subgraph has no ", layer_);
    check(last_ == p_.graph.outputs[0].node.get(), "[", op_,
          "] the subgraph's output is not its last operator");
    p_.layer_inputs = places(*p_.layer, 0);
    if (p_.norm != nullptr) {
      p_.norm_inputs = places(*p_.norm, 1);
      p_.aux = {p_.norm_inputs[2], p_.norm_inputs[3]};
    }
  }

 private:
  void take(const Node& node) {
    const std::string& name = node.op->name;
    if (p_.layer == nullptr && name == layer_) {
      p_.layer = &node;
    } else if (last_ != nullptr && last_ == p_.layer && name == "BatchNorm") {
      check(reads_last(node, 0), "[", op_, "] '", node.name, "' does not normalise the convolution");
      p_.norm = &node;
    } else if (last_ != nullptr && name == "elemwise_add" && p_.sum_input < 0) {
      const bool first = reads_last(node, 0);
      check(first || reads_last(node, 1), "[", op_, "] '", node.name, "' does not add to what is before it");
      p_.sum_input = place(node.inputs[first ? 1 : 0]);
      check(p_.sum_input >= 0, "[", op_, "] '", node.name, "' adds something that is not an input");
    } else if (last_ != nullptr && node.inputs.size() == 1 && reads_last(node, 0)) {
      const Node*& slot = p_.sum_input < 0 ? p_.act : p_.last_act;
      check(slot == nullptr, "[", op_, "] '", node.name, "' is one activation too many");
      slot = &node;
    } else {
      fail("[", op_, "] the subgraph has ", name, " '", node.name, "', expected ", layer_,
           " and then BatchNorm, an activation or a sum");
    }
    last_ = &node;
  }

  bool reads_last(const Node& node, size_t i) const {
    return i < node.inputs.size() && node.inputs[i].node.get() == last_ && node.inputs[i].index == 0;
  }
  int place(const NodeEntry& e) const {
    const auto at = std::find(variables_.begin(), variables_.end(), e.node.get());
    return at == variables_.end() ? -1 : static_cast<int>(at - variables_.begin());
  }
  // Where a node's inputs, from number `first`, are among the variables.
  std::vector<int> places(const Node& node, size_t first) const {
    std::vector<int> result;
    for (size_t i = first; i < node.inputs.size(); ++i) {
      result.push_back(place(node.inputs[i]));
      check(result.back() >= 0, "[", op_, "] input ", i, " of '", node.name, "' is not a variable");
    }
    return result;
  }

  const char* op_;
  const char* layer_;
  Params& p_;
  std::vector<const Node*> variables_;
  const Node* last_ = nullptr;
};

// The activation as work on the end of a layer; empty when it is none of those.
std::optional<PostOp> post_op(const Node* node) {
  PostOp op;
  if (node == nullptr || !node->op->as_post_op || !node->op->as_post_op(node->params.get(), op)) return {};
  if (op.kind == PostOp::kRelu && op.alpha != 0) return {};
  return op;
}

// A block of floats: the nodes of its graph. The last one stands for the block and has its name.
int32_t expand_floats(Graph& graph, const NodeSpec& node, const Params& p) {
  const EntryId out = append_symbol(graph, p.graph, node.inputs)[0];
  graph.nodes[out.node].name = node.name;
  return out.node;
}

void check_norm(const Node& norm, Int8WeightParams& make) {
  make.eps = 1e-3;
  make.fix_gamma = true;
  auto read = [&](const char* key, auto& field) {
    const auto it = norm.attrs.find(key);
    if (it != norm.attrs.end()) parse_field({"BatchNorm", key}, it->second, field);
  };
  int64_t axis = 1;
  read("eps", make.eps);
  read("fix_gamma", make.fix_gamma);
  read("axis", axis);
  check(axis == 1, "[_sg_mkldnn_conv] axis of '", norm.name, "': got ", axis, ", expected 1");
  make.has_norm = true;
}

// The int8 weight, its units and the bias.
struct WeightEntries {
  EntryId weight, units, bias;
};

WeightEntries append_weight(Graph& graph, const NodeSpec& node, const Params& p, bool by_channel) {
  auto at = [&](int i) { return node.inputs[static_cast<size_t>(i)]; };
  const EntryId weight = at(p.layer_inputs[1]);
  if (p.int8_weight()) {
    const int range = static_cast<int>(p.names.size()) + 2;  // behind that of data
    std::vector<EntryId> inputs{weight, at(range), at(range + 1)};
    if (p.has_bias()) inputs.insert(inputs.end(), {at(p.layer_inputs[2]), at(range + 2), at(range + 3)});
    const int32_t id = append_int8_range(graph, node.name, p.has_bias(), false, std::move(inputs));
    return {weight, {id, 0}, {id, 1}};
  }
  Int8WeightParams make;
  make.has_bias = p.has_bias();
  make.by_channel = by_channel;
  std::vector<EntryId> inputs{weight};
  if (p.has_bias()) inputs.push_back(at(p.layer_inputs[2]));
  if (p.norm != nullptr) check_norm(*p.norm, make);
  for (int i : p.norm_inputs) inputs.push_back(at(i));
  const int32_t id = append_int8_weight(graph, node.name, make, std::move(inputs));
  return {{id, 0}, {id, 1}, {id, 2}};
}

// The layer of a quantized block. `apart`: an activation that it cannot end with.
Int8Layer int8_layer(const Params& p, const Node*& apart) {
  Int8Layer layer;
  layer.op = p.layer->op;
  layer.params = p.layer->params;
  layer.float_output = p.float_output;
  if (p.min_calib_range) layer.min_calib = static_cast<float>(*p.min_calib_range);
  if (p.max_calib_range) layer.max_calib = static_cast<float>(*p.max_calib_range);
  layer.act = post_op(p.act);
  layer.last_act = post_op(p.last_act);
  layer.with_sum = p.sum_input >= 0;
  const Node* refused = p.last_act != nullptr && !layer.last_act ? p.last_act : nullptr;
  apart = p.act != nullptr && !layer.act ? p.act : nullptr;
  if (apart != nullptr && (layer.with_sum || !(layer.calibrated() || layer.float_output))) refused = apart;
  check(refused == nullptr, "[", layer.op->name, "] a quantized block with ",
        refused ? refused->op->name : "", " at this place: expected relu, sigmoid, tanh, softrelu or clip");
  check(!layer.with_sum || layer.calibrated(), "[", layer.op->name,
        "] a quantized block with a sum needs min_calib_range and max_calib_range");
  const bool plain = !layer.act || (layer.act->kind == PostOp::kRelu);
  check(plain || layer.calibrated() || layer.float_output, "[", layer.op->name,
        "] a quantized block with an activation other than relu needs min_calib_range and max_calib_range");
  return layer;
}

// An activation on float32 between a layer and what the block outputs.
int32_t append_apart(Graph& graph, const NodeSpec& node, const Node& act, Int8Layer layer,
                     std::vector<EntryId> inputs) {
  const bool quantized_output = !layer.float_output;
  const std::optional<float> lo = layer.min_calib, hi = layer.max_calib;
  layer.float_output = true;
  layer.min_calib.reset();
  layer.max_calib.reset();
  const int32_t sums = append_int8_layer(graph, node.name, std::move(layer), std::move(inputs));
  const int32_t out = graph.add_node(act.op, act.params, node.name, {{sums, 0}});
  if (!quantized_output) return out;
  const OpDef& quantize = find_op("_contrib_quantize_v2");
  const AttrMap attrs{{"out_type", "auto"},
                      {"min_calib_range", format_value(double(*lo))},
                      {"max_calib_range", format_value(double(*hi))}};
  return graph.add_node(&quantize, quantize.params.parse("_contrib_quantize_v2", attrs), node.name,
                        {{out, 0}});
}

int32_t expand_int8(Graph& graph, const NodeSpec& node, const Params& p) {
  const Node* apart = nullptr;
  Int8Layer layer = int8_layer(p, apart);
  const bool by_channel = layer.calibrated() || layer.float_output;
  check(layer.op->name == "Convolution" || by_channel || p.int8_weight(), "[", layer.op->name,
        "] a quantized block with channel_wise_quantize needs a range of its output or enable_float_output");
  const WeightEntries w = append_weight(graph, node, p, by_channel);
  auto at = [&](size_t i) { return node.inputs[i]; };
  const size_t range = p.names.size();
  std::vector<EntryId> inputs{
      at(static_cast<size_t>(p.layer_inputs[0])), w.weight, w.units, w.bias, at(range), at(range + 1)};
  if (layer.with_sum) {
    inputs.insert(inputs.end(), {at(static_cast<size_t>(p.sum_input)), at(range + 2), at(range + 3)});
  }
  if (apart != nullptr) return append_apart(graph, node, *apart, std::move(layer), std::move(inputs));
  return append_int8_layer(graph, node.name, std::move(layer), std::move(inputs));
}

std::vector<std::string> input_names(const Params& p) {
  std::vector<std::string> names = p.names;
  static constexpr const char* kRanged[] = {"data", "weight", "bias"};
  for (int i = 0; i < p.ranges(); ++i) {
    const std::string of = i == 1 && p.sum_input >= 0 ? "sum" : kRanged[i];
    names.push_back("min_" + of);
    names.push_back("max_" + of);
  }
  return names;
}

template <class P>
void register_block(const char* name, const char* layer, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<P>();
  op.with_subgraphs = [name, layer](const ParamsPtr& parsed,
                                    const std::vector<Symbol>& subgraphs) -> ParamsPtr {
    auto params = std::make_shared<P>(as<P>(parsed.get()));
    BlockReader(name, layer, *params).read(subgraphs);
    return params;
  };
  op.num_inputs = [](const void* p) {
    return static_cast<int>(as<P>(p).names.size()) + 2 * as<P>(p).ranges();
  };
  op.input_names = [](const void* p) { return input_names(as<P>(p)); };
  op.aux_inputs = [](const void* p) { return as<P>(p).aux; };
  op.outputs = {"output", "min", "max"};
  op.num_outputs = [](const void* p) { return as<P>(p).outputs(); };
  op.expand = [](Graph& graph, const NodeSpec& node) {
    const P& p = as<P>(node.params.get());
    return p.quantized ? expand_int8(graph, node, p) : expand_floats(graph, node, p);
  };
}

}  // namespace

void register_fused_subgraphs_ops() {
  register_block<ConvParams>(
      "_sg_mkldnn_conv", "Convolution",
      "A fused block of symbol files: Convolution, then perhaps BatchNorm, an activation, a sum and another "
      "activation, as the node's subgraph says. Quantized blocks also have the range of data and of the sum "
      "as "
      "inputs, and output their range.");
  register_block<DenseParams>(
      "_sg_mkldnn_fully_connected", "FullyConnected",
      "A fused block of symbol files: FullyConnected and perhaps an activation, as the node's subgraph says. "
      "Quantized blocks also have ranges as inputs, and output their range unless enable_float_output.");
}

}  // namespace symbind
