// Two-input functions of tensors of one shape, and add_n. The backward operators here take tensors of one
// shape; those of the broadcast family are in broadcast_binary.cpp.
#include "ops/binary_common.h"

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

struct AddNParams {
  int64_t num_args;
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "Number of inputs.");
  }
};

// Sums pieces that stay in the cache: one pass over memory however many inputs there are.
Kernel add_n_kernel(const KernelRequest& r) {
  const ElementMap add(binary_row(Binary::kAdd), r.in[0].dtype, r.out[0].dtype);
  const int64_t n = element_count(r.out[0]);
  const size_t inputs = r.in.size();
  const int64_t size = static_cast<int64_t>(dtype_size(r.out[0].dtype));
  return make_kernel([=](void* const* in, void* const* out, void*) {
    parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
      constexpr int64_t kPiece = 4096;
      auto at = [size](void* p, int64_t i) { return static_cast<char*>(p) + i * size; };
      for (int64_t i = begin; i < end; i += kPiece) {
        const int64_t count = std::min(kPiece, end - i);
        if (inputs == 1) {
          if (in[0] != out[0]) std::memcpy(at(out[0], i), at(in[0], i), static_cast<size_t>(count * size));
          continue;
        }
        add(at(in[0], i), at(in[1], i), nullptr, at(out[0], i), count, 0);
        for (size_t k = 2; k < inputs; ++k)
          add(at(out[0], i), at(in[k], i), nullptr, at(out[0], i), count, 0);
      }
    });
  });
}

void register_add_n() {
  OpDef& op = register_op("add_n");
  op.aliases = {"ElementWiseSum"};
  op.doc = "The sum of all inputs, which have one shape.";
  op.params = params_spec<AddNParams>();
  op.inputs = {"args"};
  op.num_args_key = "num_args";
  op.num_inputs = [](const void* p) { return static_cast<int>(as<AddNParams>(p).num_args); };
  op.infer_shape = infer_same_shape;
  op.traits.elementwise = true;
  op.traits.keeps_zero = true;
  op.traits.inplace = {{0, 0}};  // the others are read after the output is first written
  op.gradient = [](GradContext& c) { return std::vector<EntryId>(c.num_inputs(), c.out_grad(0)); };
  op.kernel = add_n_kernel;
}

}  // namespace

void register_elemwise_binary_ops() {
  for (const BinaryEntry& e : kBinaryTable) {
    OpDef& op = register_op(e.name);
    for (const char* alias : e.aliases) {
      if (alias != nullptr) op.aliases.push_back(alias);
    }
    if (op.name == "elemwise_div") op.aliases.push_back("_scatter_elemwise_div");
    op.doc = concat(e.doc, " lhs and rhs have one shape.");
    op.inputs = {"lhs", "rhs"};
    op.infer_shape = infer_same_shape;
    op.traits.elementwise = true;
    op.traits.takes_bfloat16 = true;
    op.traits.keeps_zero = e.keeps_zero;
    if (e.op == Binary::kAdd) {
      op.as_post_op = [](const void*, PostOp& post_op) {
        post_op.kind = PostOp::kSum;
        return true;
      };
    }
    op.traits.inplace = {{0, 0}, {1, 0}};
    const Binary function = e.op;
    const Cost cost = e.cost;
    op.kernel = [function, cost](const KernelRequest& r) {
      return elementwise_kernel(r, binary_row(function), cost);
    };
    const BinaryEntry* entry = &e;
    op.gradient = [entry](GradContext& c) -> std::vector<EntryId> {
      if (entry->lhs == Partial::kZero) return zero_gradient(c);
      return {partial_gradient(c, entry->lhs), partial_gradient(c, entry->rhs)};
    };
  }
  OpDef& grad_add = register_op("_grad_add");
  grad_add.doc = "The sum of two gradients of one value.";
  grad_add.inputs = {"lhs", "rhs"};
  grad_add.infer_shape = infer_same_shape;
  grad_add.traits.elementwise = true;
  grad_add.traits.takes_bfloat16 = true;
  grad_add.traits.keeps_zero = true;
  grad_add.traits.inplace = {{0, 0}, {1, 0}};
  grad_add.gradient = [](GradContext& c) -> std::vector<EntryId> { return {c.out_grad(0), c.out_grad(0)}; };
  grad_add.kernel = [](const KernelRequest& r) {
    return elementwise_kernel(r, binary_row(Binary::kAdd), Cost::kCheap);
  };
  register_add_n();

  // Derivatives that no visible operator computes: out_grad, lhs, rhs.
  for (const PartialEntry& e : kPartialTable) {
    OpDef& back = register_backward_op(e.name, {"out_grad", "lhs", "rhs"});
    back.traits.elementwise = true;
    back.traits.takes_bfloat16 = true;
    back.traits.inplace = {{0, 0}, {1, 0}, {2, 0}};
    const BinaryGrad grad = e.grad;
    back.kernel = [grad](const KernelRequest& r) {
      return elementwise_kernel(r, binary_grad_row(grad), Cost::kMath);
    };
  }
}

}  // namespace symbind
