// The table of two-input functions, shared by the elementwise and the broadcast families.
#pragma once

#include <algorithm>
#include <cstring>

#include "ops/elementwise_common.h"

namespace symbind {

// The derivative with respect to one input, for tensors of one shape.
enum class Partial {
  kZero,      // a step function
  kOne,       // the gradient itself
  kMinusOne,  // its negative
  kTimesRhs,
  kTimesLhs,
  kOverRhs,
  kDivRhs,
  kModRhs,
  kPowerLhs,
  kPowerRhs,
  kMaximumLhs,
  kMaximumRhs,
  kMinimumLhs,
  kMinimumRhs,
  kHypotLhs,
  kHypotRhs,
};

struct BinaryEntry {
  const char* name;
  std::array<const char*, 3> aliases;
  const char* broadcast_name;
  const char* broadcast_alias;
  Binary op;
  Partial lhs, rhs;
  bool keeps_zero;
  Cost cost;
  const char* doc;
};

inline constexpr BinaryEntry kBinaryTable[] = {
    {"elemwise_add",
     {"_add", "_plus", "_Plus"},
     "broadcast_add",
     "broadcast_plus",
     Binary::kAdd,
     Partial::kOne,
     Partial::kOne,
     true,
     Cost::kCheap,
     "lhs + rhs."},
    {"elemwise_sub",
     {"_sub", "_minus", "_Minus"},
     "broadcast_sub",
     "broadcast_minus",
     Binary::kSub,
     Partial::kOne,
     Partial::kMinusOne,
     true,
     Cost::kCheap,
     "lhs - rhs."},
    {"elemwise_mul",
     {"_mul", "_Mul", nullptr},
     "broadcast_mul",
     nullptr,
     Binary::kMul,
     Partial::kTimesRhs,
     Partial::kTimesLhs,
     true,
     Cost::kCheap,
     "lhs * rhs."},
    {"elemwise_div",
     {"_div", "_Div", nullptr},
     "broadcast_div",
     nullptr,
     Binary::kDiv,
     Partial::kOverRhs,
     Partial::kDivRhs,
     false,
     Cost::kCheap,
     "lhs / rhs; integers truncate."},
    {"_mod",
     {"_Mod", nullptr, nullptr},
     "broadcast_mod",
     nullptr,
     Binary::kMod,
     Partial::kOne,
     Partial::kModRhs,
     true,
     Cost::kLibrary,
     "The remainder of lhs / rhs with the sign of rhs; 0 when rhs is 0."},
    {"_power",
     {"_Power", nullptr, nullptr},
     "broadcast_power",
     nullptr,
     Binary::kPower,
     Partial::kPowerLhs,
     Partial::kPowerRhs,
     false,
     Cost::kLibrary,
     "lhs to the power rhs."},
    {"_maximum",
     {"_Maximum", nullptr, nullptr},
     "broadcast_maximum",
     nullptr,
     Binary::kMaximum,
     Partial::kMaximumLhs,
     Partial::kMaximumRhs,
     true,
     Cost::kCheap,
     "The larger of lhs and rhs."},
    {"_minimum",
     {"_Minimum", nullptr, nullptr},
     "broadcast_minimum",
     nullptr,
     Binary::kMinimum,
     Partial::kMinimumLhs,
     Partial::kMinimumRhs,
     true,
     Cost::kCheap,
     "The smaller of lhs and rhs."},
    {"_hypot",
     {"_Hypot", nullptr, nullptr},
     "broadcast_hypot",
     nullptr,
     Binary::kHypot,
     Partial::kHypotLhs,
     Partial::kHypotRhs,
     true,
     Cost::kLibrary,
     "sqrt(lhs^2 + rhs^2)."},
    {"_equal",
     {"_Equal", nullptr, nullptr},
     "broadcast_equal",
     nullptr,
     Binary::kEqual,
     Partial::kZero,
     Partial::kZero,
     false,
     Cost::kCheap,
     "1 where lhs == rhs, else 0."},
    {"_not_equal",
     {"_Not_Equal", nullptr, nullptr},
     "broadcast_not_equal",
     nullptr,
     Binary::kNotEqual,
     Partial::kZero,
     Partial::kZero,
     true,
     Cost::kCheap,
     "1 where lhs != rhs, else 0."},
    {"_greater",
     {"_Greater", nullptr, nullptr},
     "broadcast_greater",
     nullptr,
     Binary::kGreater,
     Partial::kZero,
     Partial::kZero,
     true,
     Cost::kCheap,
     "1 where lhs > rhs, else 0."},
    {"_greater_equal",
     {"_Greater_Equal", nullptr, nullptr},
     "broadcast_greater_equal",
     nullptr,
     Binary::kGreaterEqual,
     Partial::kZero,
     Partial::kZero,
     false,
     Cost::kCheap,
     "1 where lhs >= rhs, else 0."},
    {"_lesser",
     {"_Lesser", nullptr, nullptr},
     "broadcast_lesser",
     nullptr,
     Binary::kLesser,
     Partial::kZero,
     Partial::kZero,
     true,
     Cost::kCheap,
     "1 where lhs < rhs, else 0."},
    {"_lesser_equal",
     {"_Lesser_Equal", nullptr, nullptr},
     "broadcast_lesser_equal",
     nullptr,
     Binary::kLesserEqual,
     Partial::kZero,
     Partial::kZero,
     false,
     Cost::kCheap,
     "1 where lhs <= rhs, else 0."},
    {"_logical_and",
     {"_Logical_And", nullptr, nullptr},
     "broadcast_logical_and",
     nullptr,
     Binary::kLogicalAnd,
     Partial::kZero,
     Partial::kZero,
     true,
     Cost::kCheap,
     "1 where neither is 0, else 0."},
    {"_logical_or",
     {"_Logical_Or", nullptr, nullptr},
     "broadcast_logical_or",
     nullptr,
     Binary::kLogicalOr,
     Partial::kZero,
     Partial::kZero,
     true,
     Cost::kCheap,
     "1 where one is not 0, else 0."},
    {"_logical_xor",
     {"_Logical_Xor", nullptr, nullptr},
     "broadcast_logical_xor",
     nullptr,
     Binary::kLogicalXor,
     Partial::kZero,
     Partial::kZero,
     true,
     Cost::kCheap,
     "1 where exactly one is not 0, else 0."},
};

// The operators out_grad, lhs, rhs -> gradient behind the partial derivatives that are not simple arithmetic.
struct PartialEntry {
  Partial partial;
  const char* name;
  BinaryGrad grad;
};
inline constexpr PartialEntry kPartialTable[] = {
    {Partial::kDivRhs, "_backward_div_rhs", BinaryGrad::kDivRhs},
    {Partial::kModRhs, "_backward_mod_rhs", BinaryGrad::kModRhs},
    {Partial::kPowerLhs, "_backward_power_lhs", BinaryGrad::kPowerLhs},
    {Partial::kPowerRhs, "_backward_power_rhs", BinaryGrad::kPowerRhs},
    {Partial::kMaximumLhs, "_backward_maximum_lhs", BinaryGrad::kMaximumLhs},
    {Partial::kMaximumRhs, "_backward_maximum_rhs", BinaryGrad::kMaximumRhs},
    {Partial::kMinimumLhs, "_backward_minimum_lhs", BinaryGrad::kMinimumLhs},
    {Partial::kMinimumRhs, "_backward_minimum_rhs", BinaryGrad::kMinimumRhs},
    {Partial::kHypotLhs, "_backward_hypot_lhs", BinaryGrad::kHypotLhs},
    {Partial::kHypotRhs, "_backward_hypot_rhs", BinaryGrad::kHypotRhs},
};

// The gradient through one partial derivative of a node whose inputs 0 and 1 have the output's shape.
inline EntryId partial_gradient(GradContext& c, Partial partial) {
  switch (partial) {
    case Partial::kZero:
      return {};
    case Partial::kOne:
      return c.out_grad(0);
    case Partial::kMinusOne:
      return c.apply("negative", {c.out_grad(0)});
    case Partial::kTimesRhs:
      return c.apply("elemwise_mul", {c.out_grad(0), c.input(1)});
    case Partial::kTimesLhs:
      return c.apply("elemwise_mul", {c.out_grad(0), c.input(0)});
    case Partial::kOverRhs:
      return c.apply("elemwise_div", {c.out_grad(0), c.input(1)});
    default:
      break;
  }
  for (const PartialEntry& e : kPartialTable) {
    if (e.partial == partial) {
      return {c.backward(e.name, {c.out_grad(0), c.input(0), c.input(1)}, {0}), 0};
    }
  }
  fail("[gradient] a partial derivative without an operator");
}

}  // namespace symbind
