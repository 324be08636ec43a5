#include "graph/registry.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

namespace symbind {
namespace {

struct Registry {
  std::deque<OpDef> ops;  // stable addresses
  std::unordered_map<std::string, OpDef*> names;
  size_t aliased = 0;  // ops[0..aliased) have their aliases in `names`
};

Registry& registry() {
  static Registry* r = new Registry;  // outlives every static destructor that may still hold a node
  return *r;
}

void index_aliases(Registry& r) {
  for (; r.aliased < r.ops.size(); ++r.aliased) {
    OpDef& op = r.ops[r.aliased];
    for (const std::string& alias : op.aliases) {
      check(r.names.emplace(alias, &op).second, "operator name '", alias, "' is registered twice");
    }
  }
}

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t up = row[j];
      row[j] =
          std::min({up + 1, row[j - 1] + 1, diagonal + (std::tolower(a[i - 1]) != std::tolower(b[j - 1]))});
      diagonal = up;
    }
  }
  return row[b.size()];
}

}  // namespace

OpDef& register_op(const std::string& name) {
  Registry& r = registry();
  r.ops.emplace_back();
  OpDef& op = r.ops.back();
  op.name = name;
  check(r.names.emplace(name, &op).second, "operator name '", name, "' is registered twice");
  return op;
}

const OpDef* find_op_or_null(const std::string& name) {
  Registry& r = registry();
  if (r.aliased != r.ops.size()) index_aliases(r);
  const auto it = r.names.find(name);
  return it == r.names.end() ? nullptr : it->second;
}

const OpDef& find_op(const std::string& name) {
  const OpDef* op = find_op_or_null(name);
  if (op != nullptr) return *op;
  std::string best;
  size_t best_distance = 3;
  for (const std::string& candidate : list_op_names()) {
    const size_t d = edit_distance(name, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  fail("operator '", name, "' is not registered", best.empty() ? "" : concat("; did you mean '", best, "'?"));
}

std::vector<std::string> list_op_names() {
  Registry& r = registry();
  if (r.aliased != r.ops.size()) index_aliases(r);
  std::vector<std::string> names;
  names.reserve(r.names.size());
  for (const auto& [name, op] : r.names) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace symbind
