// Activation: relu, sigmoid, tanh, softrelu, softsign. Forward and gradient are the unary operators'.
#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {
namespace {

enum class Act { kRelu, kSigmoid, kTanh, kSoftRelu, kSoftSign };
constexpr const char* kUnary[] = {"relu", "sigmoid", "tanh", "_softrelu", "softsign"};

struct Params {
  Choice act_type;
  template <class V>
  void visit(V& v) {
    v.choice("act_type", act_type, {"relu", "sigmoid", "tanh", "softrelu", "softsign"}, -1,
             "The function: softrelu is log(1 + exp(x)), softsign is x / (1 + |x|).");
  }
};

const OpDef& unary_of(const void* params) { return find_op(kUnary[as<Params>(params).act_type.value]); }

bool as_post_op(const void* params, PostOp& post_op) {
  switch (static_cast<Act>(as<Params>(params).act_type.value)) {
    case Act::kRelu:
      post_op.kind = PostOp::kRelu;
      return true;
    case Act::kSigmoid:
      post_op.kind = PostOp::kSigmoid;
      return true;
    case Act::kTanh:
      post_op.kind = PostOp::kTanh;
      return true;
    default:
      return false;  // their gradients need the input, which fusing would lose
  }
}

}  // namespace

void register_activation_ops() {
  OpDef& op = register_op("Activation");
  op.doc = "Applies an activation function to every element.";
  op.params = params_spec<Params>();
  op.infer_shape = infer_same_shape;
  op.kernel = [](const KernelRequest& r) {
    KernelRequest unary = r;
    unary.params = nullptr;
    return unary_of(r.params).kernel(unary);
  };
  op.as_post_op = as_post_op;
  op.traits.elementwise = true;
  op.traits.takes_bfloat16 = true;
  op.traits.inplace = {{0, 0}};
  op.gradient = [](GradContext& c) { return unary_of(c.params()).gradient(c); };
}

}  // namespace symbind
