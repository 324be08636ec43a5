#include "backend/cpu/onednn.h"

#include <algorithm>
#include <cstring>

#include "base/env.h"

namespace symbind::onednn {
namespace {

struct OneDnnLayout : Layout {
  explicit OneDnnLayout(const Desc& d) : desc(d) {}
  bool equals(const Layout& other) const override {
    const auto* o = dynamic_cast<const OneDnnLayout*>(&other);
    return o != nullptr && o->desc == desc;
  }
  size_t bytes() const override { return desc.get_size(); }
  bool bfloat16() const override { return desc.get_data_type() == dnnl::memory::data_type::bf16; }
  bool padded() const override { return desc.get_dims() != desc.get_padded_dims(); }
  Desc desc;
};

constexpr size_t align_up(size_t bytes) { return (bytes + 63) / 64 * 64; }

// In-order, one per thread that runs kernels: streams are not meant to be shared.
dnnl_stream_t stream() {
  static thread_local dnnl::stream s(engine());
  return s.get();
}

void must(dnnl_status_t status, const char* what) {
  check(status == dnnl_success, "[oneDNN] ", what, " failed with status ", static_cast<int>(status));
}

}  // namespace

bool has_isa(dnnl::cpu_isa isa) {
  const auto wanted = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
}

bool enabled() { return env_flag("SYMBIND_ONEDNN_RUNTIME", true); }

const dnnl::engine& engine() {
  static const dnnl::engine* e = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // outlives static destructors
  return *e;
}

dnnl::memory::dims dims_of(const Shape& shape) { return {shape.begin(), shape.end()}; }

Desc row_major(const dnnl::memory::dims& dims) {
  dnnl::memory::dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(dims[i], 1);
  return Desc(dims, dnnl::memory::data_type::f32, strides);
}

Desc any_format(const dnnl::memory::dims& dims, dnnl::memory::data_type type) {
  return Desc(dims, type, Tag::any);
}

Desc desc_of(const TensorDesc& tensor) {
  if (const Desc* desc = layout_desc(tensor.layout)) return *desc;
  return row_major(dims_of(tensor.shape));
}

LayoutPtr layout_of(const Desc& desc) {
  // Strides of dimensions of one element mean nothing: compare the others.
  const auto dims = desc.get_dims(), strides = desc.get_strides(), expected = row_major(dims).get_strides();
  bool plain = desc.get_inner_nblks() == 0 && desc.get_padded_dims() == dims &&
               desc.get_data_type() == dnnl::memory::data_type::f32;
  for (size_t i = 0; plain && i < dims.size(); ++i) plain = dims[i] == 1 || strides[i] == expected[i];
  if (plain) return nullptr;
  return std::make_shared<OneDnnLayout>(desc);
}

const Desc* layout_desc(const LayoutPtr& layout) {
  const auto* l = dynamic_cast<const OneDnnLayout*>(layout.get());
  return l == nullptr ? nullptr : &l->desc;
}

namespace {

struct Eltwise {
  dnnl::algorithm algorithm;
  float alpha, beta;
};

Eltwise eltwise_of(const PostOp& op) {
  using dnnl::algorithm;
  switch (op.kind) {
    case PostOp::kRelu:
      return {algorithm::eltwise_relu, op.alpha, 0};
    case PostOp::kSigmoid:
      return {algorithm::eltwise_logistic, 0, 0};
    case PostOp::kTanh:
      return {algorithm::eltwise_tanh, 0, 0};
    case PostOp::kSoftRelu:
      return {algorithm::eltwise_soft_relu, 1, 0};
    case PostOp::kClip:
      return {algorithm::eltwise_clip, op.alpha, op.beta};
    case PostOp::kSum:
      break;
  }
  fail("[oneDNN] a sum is not an elementwise post-op");
}

}  // namespace

void append_post_ops(dnnl::post_ops& ops, Span<const PostOp> post_ops) {
  for (const PostOp& op : post_ops) {
    if (op.kind == PostOp::kSum) {
      ops.append_sum(1.f);
    } else {
      const Eltwise e = eltwise_of(op);
      ops.append_eltwise(e.algorithm, e.alpha, e.beta);
    }
  }
}

dnnl::primitive_attr attributes(Span<const PostOp> post_ops) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (!post_ops.empty()) {
    dnnl::post_ops ops;
    append_post_ops(ops, post_ops);
    attr.set_post_ops(ops);
  }
  return attr;
}

struct KernelBuilder::State {
  struct Step {
    Call call;  // or a primitive:
    dnnl::primitive primitive;
    std::vector<dnnl::memory> memories;
    std::vector<dnnl_exec_arg_t> table;
    std::vector<Slot> slots;
  };
  std::vector<Step> steps;

  static void run(void* self, void* const* in, void* const* out, void* workspace) {
    for (Step& step : static_cast<State*>(self)->steps) {
      if (step.call) {
        step.call(in, out, workspace);
        continue;
      }
      for (size_t i = 0; i < step.slots.size(); ++i) {
        const Slot& slot = step.slots[i];
        void* base = slot.kind == Slot::kIn    ? in[slot.index]
                     : slot.kind == Slot::kOut ? out[slot.index]
                                               : workspace;
        must(dnnl_memory_set_data_handle(step.table[i].memory, static_cast<char*>(base) + slot.offset),
             "setting an address");
      }
      must(dnnl_primitive_execute(step.primitive.get(), stream(), static_cast<int>(step.table.size()),
                                  step.table.data()),
           "executing a primitive");
    }
  }
};

KernelBuilder::KernelBuilder() : state_(std::make_shared<State>()) {}
KernelBuilder::~KernelBuilder() = default;

Slot KernelBuilder::temp(size_t bytes) {
  const Slot slot{Slot::kTemp, 0, workspace_};
  workspace_ += align_up(bytes);
  return slot;
}

void KernelBuilder::add(const dnnl::primitive& primitive, std::initializer_list<Argument> arguments,
                        const Desc& scratchpad) {
  state_->steps.emplace_back();
  State::Step& step = state_->steps.back();
  step.primitive = primitive;
  auto bind = [&step](const Argument& a) {
    step.memories.emplace_back(a.desc, engine(), nullptr);
    step.table.push_back({a.id, step.memories.back().get()});
    step.slots.push_back(a.slot);
  };
  for (const Argument& a : arguments) bind(a);
  if (scratchpad.get_size() > 0) bind({DNNL_ARG_SCRATCHPAD, scratchpad, temp(scratchpad.get_size())});
}

void KernelBuilder::add(Call call) {
  state_->steps.emplace_back();
  state_->steps.back().call = std::move(call);
}

void KernelBuilder::copy_unless_same(int from_in, int to_out, size_t bytes) {
  add([from_in, to_out, bytes](void* const* in, void* const* out, void*) {
    if (in[from_in] != out[to_out]) std::memcpy(out[to_out], in[from_in], bytes);
  });
}

void KernelBuilder::add_reorder(const Desc& from, Slot from_slot, const Desc& to, Slot to_slot) {
  const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, attributes());
  add(dnnl::reorder(pd), {{DNNL_ARG_FROM, from, from_slot}, {DNNL_ARG_TO, to, to_slot}},
      pd.scratchpad_desc());
}

Slot KernelBuilder::stage_in(const Desc& given, const Desc& wanted, Slot slot) {
  if (given == wanted) return slot;
  const Slot staged = temp(wanted.get_size());
  add_reorder(given, slot, wanted, staged);
  return staged;
}

Slot KernelBuilder::stage_out(const Desc& made, const Desc& given, Slot slot) {
  if (given == made) return slot;
  staged_.push_back({made, given, temp(made.get_size()), slot});
  return staged_.back().temp;
}

void KernelBuilder::flush_staged() {
  for (const Staged& s : staged_) add_reorder(s.made, s.temp, s.given, s.slot);
  staged_.clear();
}

Kernel KernelBuilder::build() {
  flush_staged();
  Kernel kernel;
  kernel.run = &State::run;
  kernel.self = state_;
  kernel.workspace = workspace_;
  return kernel;
}

void add_post_ops_after(KernelBuilder& builder, Span<const PostOp> post_ops, const Desc& desc, Slot slot) {
  for (const PostOp& op : post_ops) {
    if (op.kind == PostOp::kSum) {
      const dnnl::binary::primitive_desc pd(engine(), dnnl::algorithm::binary_add, desc, desc, desc,
                                            attributes());
      builder.add(
          dnnl::binary(pd),
          {{DNNL_ARG_SRC_0, desc, slot}, {DNNL_ARG_SRC_1, desc, in(op.input)}, {DNNL_ARG_DST, desc, slot}},
          pd.scratchpad_desc());
    } else {
      const Eltwise e = eltwise_of(op);
      const dnnl::eltwise_forward::primitive_desc pd(engine(), dnnl::prop_kind::forward_inference,
                                                     e.algorithm, desc, desc, e.alpha, e.beta, attributes());
      builder.add(dnnl::eltwise_forward(pd), {{DNNL_ARG_SRC, desc, slot}, {DNNL_ARG_DST, desc, slot}},
                  pd.scratchpad_desc());
    }
  }
}

void prepare_sums(KernelBuilder& builder, Span<const PostOp> post_ops, size_t out_bytes) {
  for (const PostOp& op : post_ops) {
    if (op.kind == PostOp::kSum) builder.copy_unless_same(op.input, 0, out_bytes);
  }
}

}  // namespace symbind::onednn
