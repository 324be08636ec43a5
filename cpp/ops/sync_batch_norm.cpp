// _contrib_SyncBatchNorm: BatchNorm under its other name; there is one device to take statistics from.
#include "graph/registry.h"

namespace symbind {
namespace {

constexpr const char* kName = "_contrib_SyncBatchNorm";
constexpr const char* kShared[] = {"eps", "momentum", "fix_gamma", "use_global_stats", "output_mean_var"};

bool is_shared(const std::string& name) {
  for (const char* known : kShared) {
    if (name == known) return true;
  }
  return false;
}

std::vector<FieldInfo> describe() {
  std::vector<FieldInfo> fields;
  for (FieldInfo& f : find_op("BatchNorm").params.describe()) {
    if (is_shared(f.name)) fields.push_back(std::move(f));
  }
  fields.push_back({"ndev", "int", "1", false, "Accepted and ignored."});
  fields.push_back({"key", "str", "", true, "Names the layer among devices; without effect here."});
  return fields;
}

ParamsPtr parse(const char* op, const AttrMap& attrs) {
  check(attrs.count("key") > 0, "[", op, "] required attribute 'key' is missing");
  AttrMap shared;
  for (const auto& [name, value] : attrs) {
    if (name == "key" || name == "ndev") continue;
    if (!is_shared(name)) fail_unknown_attribute(op, attrs, describe());
    shared.emplace(name, value);
  }
  return find_op("BatchNorm").params.parse(op, shared);
}

}  // namespace

void register_sync_batch_norm_ops() {
  OpDef copy = find_op("BatchNorm");
  copy.name = kName;
  copy.aliases.clear();
  copy.doc = "BatchNorm of all devices together; see BatchNorm.";
  copy.params.describe = describe;
  copy.params.parse = parse;
  register_op(kName) = std::move(copy);
}

}  // namespace symbind
