// Arithmetic and comparison with a number: _plus_scalar, _rdiv_scalar, _greater_scalar, ...
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  double scalar;
  bool is_int;
  template <class V>
  void visit(V& v) {
    v("scalar", scalar, 1.0, "The number.");
    v("is_int", is_int, true, "False: integer data are converted to float64 first.");
  }
};

enum class Grad {
  kZero,
  kOne,
  kMinusOne,
  kSame,   // linear in data: the function itself, applied to the gradient
  kTable,  // a BinaryGrad with the number as one operand
};

struct Entry {
  const char* name;
  const char* alias;
  Binary op;
  bool scalar_first;
  Grad grad;
  BinaryGrad partial;
  bool keeps_zero;
  Cost cost;
  const char* doc;
};

constexpr BinaryGrad kNone = BinaryGrad::kCount;
constexpr Cost kCheap = Cost::kCheap, kLibrary = Cost::kLibrary;

constexpr Entry kTable[] = {
    {"_plus_scalar", "_PlusScalar", Binary::kAdd, false, Grad::kOne, kNone, false, kCheap, "data + scalar."},
    {"_minus_scalar", "_MinusScalar", Binary::kSub, false, Grad::kOne, kNone, false, kCheap,
     "data - scalar."},
    {"_rminus_scalar", "_RMinusScalar", Binary::kSub, true, Grad::kMinusOne, kNone, false, kCheap,
     "scalar - data."},
    {"_mul_scalar", "_MulScalar", Binary::kMul, false, Grad::kSame, kNone, true, kCheap, "data * scalar."},
    {"_div_scalar", "_DivScalar", Binary::kDiv, false, Grad::kSame, kNone, false, kCheap,
     "data / scalar; integers truncate."},
    {"_rdiv_scalar", "_RDivScalar", Binary::kDiv, true, Grad::kTable, BinaryGrad::kDivRhs, false, kCheap,
     "scalar / data; integers truncate."},
    {"_power_scalar", "_PowerScalar", Binary::kPower, false, Grad::kTable, BinaryGrad::kPowerLhs, false,
     kLibrary, "data to the power scalar."},
    {"_rpower_scalar", "_RPowerScalar", Binary::kPower, true, Grad::kTable, BinaryGrad::kPowerRhs, false,
     kLibrary, "scalar to the power data."},
    {"_mod_scalar", "_ModScalar", Binary::kMod, false, Grad::kOne, kNone, true, kLibrary,
     "The remainder of data / scalar with the sign of scalar; 0 when scalar is 0."},
    {"_rmod_scalar", "_RModScalar", Binary::kMod, true, Grad::kTable, BinaryGrad::kModRhs, true, kLibrary,
     "The remainder of scalar / data with the sign of data; 0 where data is 0."},
    {"_maximum_scalar", "_MaximumScalar", Binary::kMaximum, false, Grad::kTable, BinaryGrad::kMaximumLhs,
     false, kCheap, "The larger of data and scalar."},
    {"_minimum_scalar", "_MinimumScalar", Binary::kMinimum, false, Grad::kTable, BinaryGrad::kMinimumLhs,
     false, kCheap, "The smaller of data and scalar."},
    {"_hypot_scalar", "_HypotScalar", Binary::kHypot, false, Grad::kTable, BinaryGrad::kHypotLhs, false,
     kLibrary, "sqrt(data^2 + scalar^2)."},
    {"_equal_scalar", "_EqualScalar", Binary::kEqual, false, Grad::kZero, kNone, false, kCheap,
     "1 where data == scalar, else 0."},
    {"_not_equal_scalar", "_NotEqualScalar", Binary::kNotEqual, false, Grad::kZero, kNone, false, kCheap,
     "1 where data != scalar, else 0."},
    {"_greater_scalar", "_GreaterScalar", Binary::kGreater, false, Grad::kZero, kNone, false, kCheap,
     "1 where data > scalar, else 0."},
    {"_greater_equal_scalar", "_GreaterEqualScalar", Binary::kGreaterEqual, false, Grad::kZero, kNone, false,
     kCheap, "1 where data >= scalar, else 0."},
    {"_lesser_scalar", "_LesserScalar", Binary::kLesser, false, Grad::kZero, kNone, false, kCheap,
     "1 where data < scalar, else 0."},
    {"_lesser_equal_scalar", "_LesserEqualScalar", Binary::kLesserEqual, false, Grad::kZero, kNone, false,
     kCheap, "1 where data <= scalar, else 0."},
    {"_logical_and_scalar", "_LogicalAndScalar", Binary::kLogicalAnd, false, Grad::kZero, kNone, false,
     kCheap, "1 where neither data nor scalar is 0, else 0."},
    {"_logical_or_scalar", "_LogicalOrScalar", Binary::kLogicalOr, false, Grad::kZero, kNone, false, kCheap,
     "1 where data or scalar is not 0, else 0."},
    {"_logical_xor_scalar", "_LogicalXorScalar", Binary::kLogicalXor, false, Grad::kZero, kNone, false,
     kCheap, "1 where exactly one of data and scalar is not 0, else 0."},
};

// Floats keep their type. Integers keep it when the number counts as an integer, else they become float64;
// bool becomes int64 or float64.
void infer_type(TypeContext& c) {
  const bool is_int = as<Params>(c.params).is_int;
  if (c.in[0] == DType::kUnknown) {
    if (is_int || is_float(c.out[0])) c.set_in(0, c.out[0]);
    return;
  }
  if (c.in[0] == DType::kBool) {
    c.set_out(0, is_int ? DType::kInt64 : DType::kFloat64);
  } else if (!is_float(c.in[0]) && !is_int) {
    c.set_out(0, DType::kFloat64);
  } else {
    c.set_out(0, c.in[0]);
  }
}

// data op scalar. The number is converted to the element type first, as MXNet does: 2.5 is 2 beside integers.
Kernel forward_kernel(const Entry& e, const KernelRequest& r) {
  const double scalar = as<Params>(r.params).scalar;
  const DType type = r.out[0].dtype;
  if (e.op == Binary::kPower && !e.scalar_first && scalar == 2.0 && is_float(type)) {
    return map_kernel(ElementMap(unary_row(Unary::kSquare), r.in[0].dtype, type, type),
                      element_count(r.out[0]), 1, kCheap);
  }
  const ElementMap map(binary_row(e.op), r.in[0].dtype, type, type);
  double rounded = scalar;
  const ScalarValue in_type = scalar_value(type, scalar);
  kernels().convert[static_cast<int>(type)][static_cast<int>(DType::kFloat64)](in_type.data(), &rounded, 1);
  const ConstantInput constant{scalar_value(map.compute(), rounded), e.scalar_first ? 0 : 1};
  return map_kernel(map, element_count(r.out[0]), 1, e.cost, constant);
}

// Inputs: out_grad, data.
Kernel backward_kernel(const Entry& e, const KernelRequest& r) {
  const double scalar = as<Params>(r.params).scalar;
  const int64_t n = element_count(r.out[0]);
  if (e.partial == BinaryGrad::kPowerLhs && scalar == 2.0) {
    return map_kernel(ElementMap(unary_grad_row(UnaryGrad::kSquare), r.in[0].dtype, r.out[0].dtype), n, 2,
                      kCheap);
  }
  const ElementMap map(binary_grad_row(e.partial), r.in[0].dtype, r.out[0].dtype);
  const ConstantInput constant{scalar_value(map.compute(), scalar), e.scalar_first ? 1 : 2};
  return map_kernel(map, n, 2, e.cost, constant);
}

GradFn gradient_of(const Entry& e, const std::string& backward) {
  switch (e.grad) {
    case Grad::kZero:
      return zero_gradient;
    case Grad::kOne:
      return [](GradContext& c) -> std::vector<EntryId> { return {c.out_grad(0)}; };
    case Grad::kMinusOne:
      return [](GradContext& c) -> std::vector<EntryId> { return {c.apply("negative", {c.out_grad(0)})}; };
    case Grad::kSame:
      return [name = std::string(e.name)](GradContext& c) -> std::vector<EntryId> {
        return {{c.backward(name.c_str(), {c.out_grad(0)}, {0}), 0}};
      };
    default:
      return [backward](GradContext& c) -> std::vector<EntryId> {
        return {{c.backward(backward.c_str(), {c.out_grad(0), c.input(0)}, {0}), 0}};
      };
  }
}

}  // namespace

void register_scalar_ops() {
  for (const Entry& e : kTable) {
    const Entry* entry = &e;
    const std::string backward = std::string("_backward") + e.name;
    OpDef& op = register_op(e.name);
    op.aliases = {e.alias};
    // Only for sparse arrays these would leave out what is not stored.
    if (op.name == "_plus_scalar" || op.name == "_minus_scalar") op.aliases.push_back("_scatter" + op.name);
    op.doc = e.doc;
    op.params = params_spec<Params>();
    op.infer_shape = infer_same_shape;
    op.infer_type = infer_type;
    op.traits.elementwise = true;
    op.traits.keeps_zero = e.keeps_zero;
    op.traits.inplace = {{0, 0}};
    op.kernel = [entry](const KernelRequest& r) { return forward_kernel(*entry, r); };
    op.gradient = gradient_of(e, backward);
    if (e.grad != Grad::kTable) continue;
    OpDef& back = register_backward_op(backward, {"out_grad", "data"});
    back.params = op.params;
    back.traits.elementwise = true;
    back.traits.inplace = {{0, 0}, {1, 0}};
    back.kernel = [entry](const KernelRequest& r) { return backward_kernel(*entry, r); };
  }
}

}  // namespace symbind
