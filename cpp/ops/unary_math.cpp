// One-input mathematical functions: relu, exp, sin, round, ...
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

// Where the derivative is taken from: the function's input, its output, or it is zero, or written out below.
enum class From { kInput, kOutput, kZero, kOther };

struct Entry {
  const char* name;
  Unary op;
  From from;
  UnaryGrad grad;
  bool keeps_zero;
  Cost cost;
  const char* doc;
};

constexpr UnaryGrad kNoGrad = UnaryGrad::kCount;
constexpr Cost kCheap = Cost::kCheap, kMath = Cost::kMath, kLibrary = Cost::kLibrary;

constexpr Entry kTable[] = {
    {"relu", Unary::kRelu, From::kOutput, UnaryGrad::kRelu, true, kCheap, "max(x, 0)."},
    {"sigmoid", Unary::kSigmoid, From::kOutput, UnaryGrad::kSigmoid, false, kMath, "1 / (1 + exp(-x))."},
    {"tanh", Unary::kTanh, From::kOutput, UnaryGrad::kTanh, true, kMath, "The hyperbolic tangent."},
    {"softsign", Unary::kSoftSign, From::kInput, UnaryGrad::kSoftSign, true, kCheap, "x / (1 + |x|)."},
    {"_softrelu", Unary::kSoftRelu, From::kOutput, UnaryGrad::kSoftRelu, false, kMath, "log(1 + exp(x))."},
    {"exp", Unary::kExp, From::kOther, kNoGrad, false, kMath, "e to the power x."},
    {"expm1", Unary::kExpm1, From::kInput, UnaryGrad::kExpm1, true, kMath, "exp(x) - 1, exact near 0."},
    {"log", Unary::kLog, From::kOther, kNoGrad, false, kMath, "The natural logarithm."},
    {"log1p", Unary::kLog1p, From::kInput, UnaryGrad::kLog1p, true, kMath, "log(1 + x), exact near 0."},
    {"log2", Unary::kLog2, From::kInput, UnaryGrad::kLog2, false, kLibrary, "The logarithm to base 2."},
    {"log10", Unary::kLog10, From::kInput, UnaryGrad::kLog10, false, kLibrary, "The logarithm to base 10."},
    {"sqrt", Unary::kSqrt, From::kOutput, UnaryGrad::kSqrt, true, kCheap, "The square root."},
    {"rsqrt", Unary::kRsqrt, From::kInput, UnaryGrad::kRsqrt, false, kCheap, "1 / sqrt(x)."},
    {"cbrt", Unary::kCbrt, From::kOutput, UnaryGrad::kCbrt, true, kLibrary, "The cube root."},
    {"rcbrt", Unary::kRcbrt, From::kInput, UnaryGrad::kRcbrt, false, kLibrary, "1 / cbrt(x)."},
    {"square", Unary::kSquare, From::kInput, UnaryGrad::kSquare, true, kCheap, "x * x."},
    {"reciprocal", Unary::kReciprocal, From::kInput, UnaryGrad::kReciprocal, false, kCheap, "1 / x."},
    {"abs", Unary::kAbs, From::kInput, UnaryGrad::kAbs, true, kCheap, "The magnitude."},
    {"sign", Unary::kSign, From::kZero, kNoGrad, true, kCheap, "-1, 0 or 1."},
    {"negative", Unary::kNegative, From::kOther, kNoGrad, true, kCheap, "-x."},
    {"round", Unary::kRound, From::kZero, kNoGrad, true, kCheap, "The nearest integer, ties away from zero."},
    {"rint", Unary::kRint, From::kZero, kNoGrad, true, kCheap,
     "The nearest integer, ties to the smaller one."},
    {"fix", Unary::kFix, From::kZero, kNoGrad, true, kCheap, "The nearest integer towards zero."},
    {"floor", Unary::kFloor, From::kZero, kNoGrad, true, kCheap, "The largest integer not above x."},
    {"ceil", Unary::kCeil, From::kZero, kNoGrad, true, kCheap, "The smallest integer not below x."},
    {"trunc", Unary::kTrunc, From::kZero, kNoGrad, true, kCheap, "x without its fraction."},
    {"sin", Unary::kSin, From::kInput, UnaryGrad::kSin, true, kLibrary, "The sine of radians."},
    {"cos", Unary::kCos, From::kInput, UnaryGrad::kCos, false, kLibrary, "The cosine of radians."},
    {"tan", Unary::kTan, From::kOutput, UnaryGrad::kTan, true, kLibrary, "The tangent of radians."},
    {"arcsin", Unary::kArcsin, From::kInput, UnaryGrad::kArcsin, true, kLibrary, "The inverse sine."},
    {"arccos", Unary::kArccos, From::kInput, UnaryGrad::kArccos, false, kLibrary, "The inverse cosine."},
    {"arctan", Unary::kArctan, From::kInput, UnaryGrad::kArctan, true, kLibrary, "The inverse tangent."},
    {"sinh", Unary::kSinh, From::kInput, UnaryGrad::kSinh, true, kLibrary, "The hyperbolic sine."},
    {"cosh", Unary::kCosh, From::kInput, UnaryGrad::kCosh, false, kLibrary, "The hyperbolic cosine."},
    {"arcsinh", Unary::kArcsinh, From::kInput, UnaryGrad::kArcsinh, true, kLibrary, "The inverse of sinh."},
    {"arccosh", Unary::kArccosh, From::kInput, UnaryGrad::kArccosh, false, kLibrary, "The inverse of cosh."},
    {"arctanh", Unary::kArctanh, From::kInput, UnaryGrad::kArctanh, true, kLibrary, "The inverse of tanh."},
    {"degrees", Unary::kDegrees, From::kOther, kNoGrad, true, kCheap, "Radians as degrees."},
    {"radians", Unary::kRadians, From::kOther, kNoGrad, true, kCheap, "Degrees as radians."},
    {"erf", Unary::kErf, From::kInput, UnaryGrad::kErf, true, kLibrary, "The error function."},
    {"erfinv", Unary::kErfinv, From::kOutput, UnaryGrad::kErfinv, true, kLibrary, "The inverse of erf."},
    {"gamma", Unary::kGamma, From::kInput, UnaryGrad::kGamma, false, kLibrary, "The gamma function."},
    {"gammaln", Unary::kGammaLn, From::kInput, UnaryGrad::kGammaLn, false, kLibrary, "log |gamma(x)|."},
    {"logical_not", Unary::kLogicalNot, From::kZero, kNoGrad, false, kCheap, "1 where x is 0, else 0."},
};

void add_gradient(OpDef& op, const Entry& e) {
  if (e.from == From::kZero) {
    op.gradient = zero_gradient;
    return;
  }
  const std::string backward = "_backward_" + op.name;
  const bool from_input = e.from == From::kInput;
  op.gradient = [backward, from_input](GradContext& c) -> std::vector<EntryId> {
    const EntryId value = from_input ? c.input(0) : c.output(0);
    return {{c.backward(backward.c_str(), {c.out_grad(0), value}, {0}), 0}};
  };
  OpDef& back = register_backward_op(backward, {"out_grad", from_input ? "data" : "output"});
  back.traits.elementwise = true;
  back.traits.takes_bfloat16 = true;
  back.traits.inplace = {{0, 0}, {1, 0}};
  if (e.op == Unary::kRelu) {
    back.as_post_op_gradient = [](const void*, PostOp& post_op) {
      post_op.kind = PostOp::kRelu;
      return true;
    };
  }
  const UnaryGrad grad = e.grad;
  const Cost cost = e.cost;
  back.kernel = [grad, cost](const KernelRequest& r) {
    return elementwise_kernel(r, unary_grad_row(grad), cost);
  };
}

void add_post_op(OpDef& op, PostOp::Kind kind) {
  op.as_post_op = [kind](const void*, PostOp& post_op) {
    post_op.kind = kind;
    return true;
  };
}

}  // namespace

void register_unary_math_ops() {
  for (const Entry& e : kTable) {
    OpDef& op = register_op(e.name);
    op.visible = e.name[0] != '_';
    op.doc = concat(e.doc, " Elementwise.");
    op.infer_shape = infer_same_shape;
    op.traits.elementwise = true;
    op.traits.takes_bfloat16 = true;
    op.traits.keeps_zero = e.keeps_zero;
    op.traits.inplace = {{0, 0}};
    const Unary function = e.op;
    const Cost cost = e.cost;
    op.kernel = [function, cost](const KernelRequest& r) {
      return elementwise_kernel(r, unary_row(function), cost);
    };
    if (e.op == Unary::kRelu) add_post_op(op, PostOp::kRelu);
    if (e.op == Unary::kSigmoid) add_post_op(op, PostOp::kSigmoid);
    if (e.op == Unary::kTanh) add_post_op(op, PostOp::kTanh);
    switch (e.op) {
      case Unary::kExp:
        op.gradient = [](GradContext& c) -> std::vector<EntryId> {
          return {c.apply("elemwise_mul", {c.out_grad(0), c.output(0)})};
        };
        break;
      case Unary::kLog:
        op.gradient = [](GradContext& c) -> std::vector<EntryId> {
          return {c.apply("elemwise_div", {c.out_grad(0), c.input(0)})};
        };
        break;
      case Unary::kNegative:
      case Unary::kDegrees:
      case Unary::kRadians:  // linear: the derivative is the function itself, applied to the gradient
        op.gradient = [](GradContext& c) -> std::vector<EntryId> {
          return {c.apply(c.graph.nodes[c.node].op->name.c_str(), {c.out_grad(0)})};
        };
        break;
      default:
        add_gradient(op, e);
    }
  }
}

}  // namespace symbind
