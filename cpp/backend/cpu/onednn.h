// oneDNN behind the engine's own types: tensors to memory descriptors, layouts, post-ops, and kernels made of
// primitives. Only backend files named onednn* include this; the rest asks through the headers without dnnl
// types.
#pragma once

#include <dnnl.hpp>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "base/kernel.h"

namespace symbind::onednn {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

// False when SYMBIND_ONEDNN_RUNTIME=0. Read at every bind, so that one process can compare both paths.
bool enabled();
const dnnl::engine& engine();
// Does oneDNN use these instructions here?
bool has_isa(dnnl::cpu_isa isa);

dnnl::memory::dims dims_of(const Shape& shape);
// float32 in the tensor's own layout (row-major when it has none).
Desc desc_of(const TensorDesc& tensor);
Desc row_major(const dnnl::memory::dims& dims);
// The primitive chooses the format.
Desc any_format(const dnnl::memory::dims& dims, dnnl::memory::data_type type = dnnl::memory::data_type::f32);

// The descriptor as an engine layout; null when it is row-major float32.
LayoutPtr layout_of(const Desc& desc);
// The descriptor behind a layout; null for row-major.
const Desc* layout_desc(const LayoutPtr& layout);

void append_post_ops(dnnl::post_ops& ops, Span<const PostOp> post_ops);
// Attributes of every primitive: user-managed scratchpad and the post-ops.
dnnl::primitive_attr attributes(Span<const PostOp> post_ops = {});

// Where an argument of a primitive lives at run time.
struct Slot {
  enum Kind : int8_t { kIn, kOut, kTemp };
  Kind kind;
  int index = 0;      // of the input or output
  size_t offset = 0;  // kTemp: into the workspace; otherwise bytes from the start of the tensor
};
inline Slot in(int i, size_t offset = 0) { return {Slot::kIn, i, offset}; }
inline Slot out(int i, size_t offset = 0) { return {Slot::kOut, i, offset}; }

struct Argument {
  int id;  // DNNL_ARG_...
  Desc desc;
  Slot slot;
};

// Makes one kernel of primitives and plain calls that run one after another. All memory objects and argument
// tables are made here; running sets addresses and executes.
class KernelBuilder {
 public:
  using Call = std::function<void(void* const* in, void* const* out, void* workspace)>;

  KernelBuilder();
  ~KernelBuilder();
  // Workspace that no other temporary of this kernel uses.
  Slot temp(size_t bytes);
  void add(const dnnl::primitive& primitive, std::initializer_list<Argument> arguments,
           const Desc& scratchpad = {});
  void add(Call call);
  void add_reorder(const Desc& from, Slot from_slot, const Desc& to, Slot to_slot);
  // Where a primitive that wants its argument as `wanted` finds what is at `slot` as `given`: a temporary
  // that a reorder fills, or `slot` itself.
  Slot stage_in(const Desc& given, const Desc& wanted, Slot slot);
  // Where a primitive that makes `made` shall write so that flush_staged() leaves it at `slot` as `given`.
  Slot stage_out(const Desc& made, const Desc& given, Slot slot);
  void flush_staged();
  // Copies an input into an output unless they are the same memory: what a sum post-op adds to.
  void copy_unless_same(int from_in, int to_out, size_t bytes);
  Kernel build();

 private:
  struct State;
  struct Staged {
    Desc made, given;
    Slot temp, slot;
  };

  std::shared_ptr<State> state_;
  std::vector<Staged> staged_;
  size_t workspace_ = 0;
};

// Post-ops as primitives of their own, on the tensor at `slot`: for primitives that cannot take them.
void add_post_ops_after(KernelBuilder& builder, Span<const PostOp> post_ops, const Desc& desc, Slot slot);
// The copies that the sums among the post-ops need before a primitive whose result is output 0.
void prepare_sums(KernelBuilder& builder, Span<const PostOp> post_ops, size_t out_bytes);

}  // namespace symbind::onednn
