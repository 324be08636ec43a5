// Memory planning: who shares memory with whom, and where in the arena each block lies.
#include <map>
#include <set>

#include "passes/passes.h"

namespace symbind {
namespace {

constexpr int64_t kAlign = 64;

// Best fit over free blocks of one growing range.
class Arena {
 public:
  int64_t take(int64_t bytes) {
    bytes = (bytes + kAlign - 1) / kAlign * kAlign;
    auto it = by_size_.lower_bound({bytes, -1});
    if (it == by_size_.end()) {
      // Grow, starting in the last free block if it touches the end.
      int64_t offset = end_;
      if (!by_offset_.empty()) {
        const auto last = std::prev(by_offset_.end());
        if (last->first + last->second == end_) {
          offset = last->first;
          by_size_.erase({last->second, last->first});
          by_offset_.erase(last);
        }
      }
      end_ = offset + bytes;
      return offset;
    }
    const auto [size, offset] = *it;
    by_size_.erase(it);
    by_offset_.erase(offset);
    if (size > bytes) insert(offset + bytes, size - bytes);
    return offset;
  }

  void give_back(int64_t offset, int64_t bytes) {
    bytes = (bytes + kAlign - 1) / kAlign * kAlign;
    if (bytes == 0) return;
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && offset + bytes == next->first) {
      bytes += next->second;
      by_size_.erase({next->second, next->first});
      next = by_offset_.erase(next);
    }
    if (next != by_offset_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        bytes += before->second;
        by_size_.erase({before->second, before->first});
        by_offset_.erase(before);
      }
    }
    insert(offset, bytes);
  }
  int64_t end() const { return end_; }

 private:
  void insert(int64_t offset, int64_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  std::map<int64_t, int64_t> by_offset_;
  std::set<std::pair<int64_t, int64_t>> by_size_;
  int64_t end_ = 0;
};

struct Block {
  int64_t offset = 0;
  int64_t bytes = 0;
  int32_t uses = 0;  // reads of any entry that lies in this block
};

struct Planner {
  const Graph& graph;
  const MemoryRequest& request;
  MemoryPlan plan;
  std::vector<int32_t> uses;      // by entry
  std::vector<int32_t> block_of;  // by entry, -1: not in the arena
  std::vector<Block> blocks;
  Arena arena;
  std::vector<int32_t> written_only;

  void place_in_block(int32_t entry, int32_t block) {
    block_of[entry] = block;
    plan.entries[entry] = {Placement::kArena, -1, blocks[block].offset};
  }

  // The output is the input's memory under another name.
  bool try_view(int32_t id) {
    const GraphNode& node = graph.nodes[id];
    if (!request.share || !node.op->traits.identity_view || node.num_outputs != 1) return false;
    const int32_t out = node.first_entry;
    if (request.entry_external[out] >= 0) return false;
    const int32_t in = graph.entry(node.inputs[0]);
    if (plan.entries[in].kind == Placement::kNone || graph.dtypes[in] != graph.dtypes[out]) return false;
    plan.entries[out] = plan.entries[in];
    block_of[out] = block_of[in];
    if (block_of[out] >= 0) blocks[block_of[out]].uses += uses[out];
    plan.is_view[id] = 1;
    return true;
  }

  // Input i is read for the last time: its memory becomes that of the output.
  bool take_over(const GraphNode& node, int i, int output, int64_t bytes) {
    if (i >= static_cast<int>(node.inputs.size())) return false;
    const int32_t block = block_of[graph.entry(node.inputs[i])];
    if (block < 0 || blocks[block].uses != 1 || blocks[block].bytes != bytes) return false;
    const int32_t out = node.first_entry + output;
    place_in_block(out, block);
    blocks[block].uses += uses[out];
    return true;
  }

  bool try_inplace(const GraphNode& node, int output, int64_t bytes) {
    if (!request.share) return false;
    for (const auto& [i, o] : node.op->traits.inplace) {
      if (o == output && take_over(node, i, output, bytes)) return true;
    }
    for (const PostOp& op : node.post_ops) {
      if (output == 0 && op.kind == PostOp::kSum && take_over(node, op.input, 0, bytes)) return true;
    }
    return false;
  }

  void place_output(const GraphNode& node, int output) {
    const int32_t out = node.first_entry + output;
    const TensorDesc desc{graph.shapes[out], graph.dtypes[out], graph.layouts[out]};
    const int64_t bytes = static_cast<int64_t>(desc.bytes());
    if (request.entry_external[out] >= 0) {
      plan.entries[out] = {Placement::kExternal, request.entry_external[out], 0};
      return;
    }
    if (uses[out] == 0 && (output > 0 || !node.op->visible)) return;  // nobody reads it: a null address
    plan.total_bytes += bytes;
    if (try_inplace(node, output, bytes)) return;
    blocks.push_back({arena.take(bytes), bytes, uses[out]});
    place_in_block(out, static_cast<int32_t>(blocks.size()) - 1);
    if (uses[out] == 0) {  // written but never read: lives for the length of this node
      blocks.back().uses = 1;
      written_only.push_back(out);
    }
  }

  void release(int32_t entry, int32_t reads) {
    const int32_t block = block_of[entry];
    if (block < 0) return;
    blocks[block].uses -= reads;
    if (blocks[block].uses == 0 && request.share) arena.give_back(blocks[block].offset, blocks[block].bytes);
  }

  void visit(int32_t id) {
    const GraphNode& node = graph.nodes[id];
    if (node.op == nullptr) {
      plan.entries[node.first_entry] = {Placement::kExternal, node.external, 0};
      return;
    }
    if (!try_view(id)) {
      const int64_t workspace = request.workspace_bytes[id];
      for (int i = 0; i < node.num_outputs; ++i) place_output(node, i);
      if (workspace > 0) {
        plan.workspaces[id] = arena.take(workspace);
        arena.give_back(plan.workspaces[id], workspace);
      }
    }
    for (const EntryId& e : node.inputs) release(graph.entry(e), 1);
    for (int32_t out : written_only) release(out, 1);
    written_only.clear();
  }
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph, const MemoryRequest& request) {
  Planner planner{graph, request, {}, count_uses(graph), {}, {}, {}, {}};
  const size_t entries = graph.num_entries();
  planner.block_of.assign(entries, -1);
  planner.plan.entries.resize(entries);
  planner.plan.workspaces.assign(graph.nodes.size(), -1);
  planner.plan.is_view.assign(graph.nodes.size(), 0);
  for (int32_t id = 0; id < static_cast<int32_t>(graph.nodes.size()); ++id) planner.visit(id);
  planner.plan.arena_bytes = planner.arena.end();
  return planner.plan;
}

}  // namespace symbind
