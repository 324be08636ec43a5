// What older releases wrote differently. A release is major*10000 + minor*100 + patch.
#include <algorithm>
#include <array>

#include "graph/json_graph.h"

namespace symbind {
namespace {

constexpr std::array<const char*, 5> kHiddenKeys = {"ctx_group", "lr_mult", "wd_mult", "force_mirroring",
                                                    "mirror_stage"};

std::string hidden_form(const std::string& key) { return "__" + key + "__"; }

// For "weight_lr_mult": the length of "weight". npos if the name does not end in _<hidden key>.
size_t input_prefix(const std::string& name) {
  for (const char* key : kHiddenKeys) {
    const std::string suffix = std::string("_") + key;
    if (name.size() > suffix.size() &&
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0) {
      return name.size() - suffix.size();
    }
  }
  return std::string::npos;
}

// Previews of 1.5 had other words for activations that are fused onto a convolution or a dense layer.
void rename_fused_activations(Node& node) {
  static constexpr std::array<std::array<const char*, 3>, 3> kRenamed = {{
      {"_sg_mkldnn_conv", "with_relu", "with_act"},
      {"_sg_mkldnn_conv", "with_postsum_relu", "with_postsum_act"},
      {"_sg_mkldnn_fully_connected", "with_relu", "with_eltwise"},
  }};
  for (const auto& [op, before, now] : kRenamed) {
    const auto it = node.op->name == op ? node.attrs.find(before) : node.attrs.end();
    if (it == node.attrs.end()) continue;
    node.attrs[now] = it->second;
    node.attrs.erase(it);
  }
}

}  // namespace

InputKeys upgrade_attrs(Node& node, int64_t version) {
  InputKeys for_inputs;
  if (version < 10901) {
    for (const char* key : kHiddenKeys) {
      const auto it = node.attrs.find(key);
      if (it == node.attrs.end()) continue;
      node.attrs[hidden_form(key)] = it->second;
      node.attrs.erase(it);
    }
    if (node.op != nullptr) {
      for (auto it = node.attrs.begin(); it != node.attrs.end();) {
        if (!is_hidden_key(it->first) && input_prefix(it->first) != std::string::npos) {
          for_inputs.push_back(*it);
          it = node.attrs.erase(it);
        } else {
          ++it;
        }
      }
    }
  }
  if (version < 905 && node.op != nullptr && (node.op->name == "argmax" || node.op->name == "argmin")) {
    const auto axis = node.attrs.find("axis");  // -1 stood for "no axis" before there were negative axes
    if (axis != node.attrs.end() && axis->second == "-1") node.attrs.erase(axis);
  }
  if (node.op != nullptr) rename_fused_activations(node);
  return for_inputs;
}

bool give_keys_to_inputs(Node& node, const InputKeys& keys) {
  if (keys.empty()) return false;
  const std::vector<std::string> names = node.op->input_list(node.params.get());
  bool left_over = false;
  for (const auto& [name, value] : keys) {
    const size_t prefix = input_prefix(name);
    bool given = false;
    for (size_t i = 0; i < names.size() && i < node.inputs.size() && !given; ++i) {
      Node& input = *node.inputs[i].node;
      if (input.op != nullptr || name.compare(0, prefix, names[i]) != 0) continue;
      input.attrs[hidden_form(name.substr(prefix + 1))] = value;
      given = true;
    }
    if (!given) node.attrs[name] = value;
    left_over = left_over || !given;
  }
  return left_over;
}

void add_missing_inputs(Node& node, int64_t version) {
  if (version >= 900) return;
  // Only inputs that the operator always has. Where attributes say how many there are, none was ever left
  // out, and the number is not to be trusted with memory.
  const size_t expected = static_cast<size_t>(std::max(0, node.op->input_count(node.params.get())));
  if (!node.op->num_args_key.empty() || expected > node.op->inputs.size()) return;
  if (expected <= node.inputs.size()) return;
  const std::vector<std::string> names = node.op->input_list(node.params.get());
  for (size_t i = node.inputs.size(); i < names.size(); ++i) {
    auto variable = std::make_shared<Node>();
    variable->name = node.name + "_" + names[i];
    variable->attrs = node.attrs;
    node.inputs.push_back({std::move(variable), 0});
  }
}

}  // namespace symbind
