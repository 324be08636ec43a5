// The interface between portable code and the loops that are compiled once per instruction set.
//
// RULE for kernels/*.cpp: include nothing but this header, kernels/*.h and C headers. An inline function or
// template of the standard library that is compiled here with AVX-512 flags is a weak symbol, and the linker
// may choose that copy for the whole program. All code lives in `namespace symbind::SYMBIND_ISA`.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/cpu/kernels/channel_kernels.h"
#include "backend/cpu/kernels/rnn_kernels.h"
#include "backend/cpu/kernels/winograd_kernels.h"

namespace symbind {

// Types that arithmetic happens in. float16 is computed in float, int8, uint8 and bool in int32 (or float).
enum ComputeType : int { kF32, kF64, kI32, kI64, kNumComputeTypes };

// An elementwise function of up to three inputs. Bit i of `scalars` says that input i is a single element.
// y may be equal to any of the inputs.
using MapFn = void (*)(const void* a, const void* b, const void* c, void* y, int64_t n, unsigned scalars);
inline constexpr unsigned kScalarA = 1, kScalarB = 2, kScalarC = 4;

// clang-format off

// y = f(a). Floating types all; kI32, kI64 where integers have an exact meaning of their own.
#define SYMBIND_UNARY_OPS(X)                                                                              \
  X(Identity) X(Relu) X(Sigmoid) X(Tanh) X(SoftSign) X(SoftRelu) X(Exp) X(Expm1) X(Log) X(Log1p) X(Log2)  \
  X(Log10) X(Sqrt) X(Rsqrt) X(Cbrt) X(Rcbrt) X(Square) X(Reciprocal) X(Abs) X(Sign) X(Negative) X(Round)  \
  X(Rint) X(Fix) X(Floor) X(Ceil) X(Trunc) X(Sin) X(Cos) X(Tan) X(Arcsin) X(Arccos) X(Arctan) X(Sinh)     \
  X(Cosh) X(Arcsinh) X(Arccosh) X(Arctanh) X(Degrees) X(Radians) X(Erf) X(Erfinv) X(Gamma) X(GammaLn)     \
  X(LogicalNot) X(Gelu)

// y = a * f'(b): the derivative of the unary function; kernels/unary_grad.cpp says whether b is its input or output.
// NanSum is that of the reduction: a where b is not NaN.
#define SYMBIND_UNARY_GRADS(X)                                                                            \
  X(Relu) X(Sigmoid) X(Tanh) X(SoftSign) X(SoftRelu) X(Expm1) X(Log2) X(Log10) X(Log1p) X(Sqrt) X(Rsqrt)  \
  X(Cbrt) X(Rcbrt) X(Square) X(Reciprocal) X(Abs) X(Sin) X(Cos) X(Tan) X(Arcsin) X(Arccos) X(Arctan)      \
  X(Sinh) X(Cosh) X(Arcsinh) X(Arccosh) X(Arctanh) X(Erf) X(Erfinv) X(Gamma) X(GammaLn) X(Gelu) X(NanSum)

// y = f(a, b). Mod has the sign of b and is 0 for b == 0; integer division by zero gives 0.
#define SYMBIND_BINARY_OPS(X)                                                                             \
  X(Add) X(Sub) X(Mul) X(Div) X(Mod) X(Power) X(Maximum) X(Minimum) X(Hypot) X(Equal) X(NotEqual)         \
  X(Greater) X(GreaterEqual) X(Lesser) X(LesserEqual) X(LogicalAnd) X(LogicalOr) X(LogicalXor)

// y = a * df/db(b, c) or a * df/dc(b, c): derivatives of binary functions. Floating types.
// The last four are gradients of reductions: a is the data, b the gradient of the result, c the result.
#define SYMBIND_BINARY_GRADS(X)                                                                           \
  X(MulLhs) X(MulRhs) X(DivLhs) X(DivRhs) X(ModRhs) X(PowerLhs) X(PowerRhs) X(MaximumLhs) X(MaximumRhs)   \
  X(MinimumLhs) X(MinimumRhs) X(HypotLhs) X(HypotRhs) X(Extremum) X(Product) X(NanProduct) X(Norm)

// y = f(a; params) or, for gradients, y = a * f'(b; params). The last input is the address of the parameters in the
// compute type: Clip (lo, hi), LeakyRelu (slope), Elu (slope), HardSigmoid (alpha, beta), SmoothL1 (sigma^2),
// Affine (scale, shift).
#define SYMBIND_PARAM_OPS(X)                                                                              \
  X(Clip) X(ClipGrad) X(LeakyRelu) X(LeakyReluGrad) X(Elu) X(EluGrad) X(HardSigmoid) X(HardSigmoidGrad)   \
  X(SmoothL1) X(SmoothL1Grad) X(Affine)

// Reductions. nansum and nanprod leave NaN out; L1 is the sum of magnitudes, SumSquares that of squares.
#define SYMBIND_REDUCE_OPS(X) X(Sum) X(Prod) X(Max) X(Min) X(NanSum) X(NanProd) X(L1) X(SumSquares)

// clang-format on

#define SYMBIND_ENUMERATOR(Name) k##Name,
enum class Unary : int { SYMBIND_UNARY_OPS(SYMBIND_ENUMERATOR) kCount };
enum class UnaryGrad : int { SYMBIND_UNARY_GRADS(SYMBIND_ENUMERATOR) kCount };
enum class Binary : int { SYMBIND_BINARY_OPS(SYMBIND_ENUMERATOR) kCount };
enum class BinaryGrad : int { SYMBIND_BINARY_GRADS(SYMBIND_ENUMERATOR) kCount };
enum class ParamOp : int { SYMBIND_PARAM_OPS(SYMBIND_ENUMERATOR) kCount };
enum class Reduce : int { SYMBIND_REDUCE_OPS(SYMBIND_ENUMERATOR) kCount };
#undef SYMBIND_ENUMERATOR

// Conversion of n elements; y == x is allowed when the elements of y are not larger.
// Floating to integer truncates; out of range and NaN give the smallest 32-bit (64-bit) value, then wrap.
using ConvertFn = void (*)(const void* x, void* y, int64_t n);

// Reductions keep partial results in accumulators of `acc_size` bytes: double for sums of float, int64 for
// integers.
struct ReduceFns {
  int acc_size = 0;
  void (*init)(void* acc, int64_t n) = nullptr;
  // acc[r] = f(acc[r], x[r * n .. (r + 1) * n)) for r < count
  void (*rows)(const void* x, int64_t n, int64_t count, void* acc) = nullptr;
  // acc[i] = f(acc[i], x[r * stride + i] for all r < rows) for i < n
  void (*columns)(const void* x, int64_t stride, int64_t rows, void* acc, int64_t n) = nullptr;
  // acc[i] = f(acc[i], other[i]): joins the results of two threads.
  void (*join)(const void* other, void* acc, int64_t n) = nullptr;
  // y[i] = acc[i] * scale, or sqrt(acc[i]) * scale, in the element type (integers: scale is not applied).
  void (*finish)(const void* acc, void* y, int64_t n, double scale, bool root) = nullptr;
};

// Softmax of rows: `n` elements apart by `stride`, for `count` neighbouring rows. y may be x.
// scale multiplies the input (1 / temperature, negative for softmin).
struct SoftmaxFns {
  void (*forward)(const void* x, void* y, int64_t n, int64_t stride, int64_t count, double scale,
                  bool log) = nullptr;
  // dx = scale * (gradient through y, the output) ; dx may be dy or y.
  void (*backward)(const void* dy, const void* y, void* dx, int64_t n, int64_t stride, int64_t count,
                   double scale, bool log) = nullptr;
};

// One optimizer step on n elements. What `state` and `p` hold is described at each function in
// kernels/optimizer.cpp.
struct UpdateParams {
  double lr = 0, wd = 0, rescale = 1, clip = -1;
  double momentum = 0;          // sgd_mom, nag
  double beta1 = 0, beta2 = 0;  // adam; rmsprop*: gamma1, gamma2
  double epsilon = 0;
  double clip_weights = -1;  // rmsprop*
};
using UpdateFn = void (*)(void* weight, const void* grad, void* const* state, int64_t n,
                          const UpdateParams& p);
enum class Update : int { kSgd, kSgdMom, kNag, kAdam, kRmsProp, kRmsPropAlex, kAdaGrad, kCount };

// C = alpha * op(A) op(B) + beta * C on one block of C in one thread, row-major. `workspace` has
// gemm_workspace bytes.
struct GemmArgs {
  bool trans_a = false, trans_b = false;
  int64_t m = 0, n = 0, k = 0;
  double alpha = 1, beta = 0;
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  int64_t lda = 0, ldb = 0, ldc = 0;
};
using GemmFn = void (*)(const GemmArgs& args, void* workspace);

struct KernelTable {
  MapFn unary[static_cast<int>(Unary::kCount)][kNumComputeTypes] = {};
  MapFn unary_grad[static_cast<int>(UnaryGrad::kCount)][kNumComputeTypes] = {};
  MapFn binary[static_cast<int>(Binary::kCount)][kNumComputeTypes] = {};
  MapFn binary_grad[static_cast<int>(BinaryGrad::kCount)][kNumComputeTypes] = {};
  MapFn param[static_cast<int>(ParamOp::kCount)][kNumComputeTypes] = {};
  ConvertFn convert[8][8] = {};                              // [from][to], by the numbers of DType
  ConvertFn from_bfloat16 = nullptr, to_bfloat16 = nullptr;  // to and from float
  ReduceFns reduce[static_cast<int>(Reduce::kCount)][kNumComputeTypes] = {};
  SoftmaxFns softmax[2] = {};
  UpdateFn update[static_cast<int>(Update::kCount)][2] = {};
  GemmFn gemm[2] = {};
  NormFns norm[3] = {};  // float, double, and float held as bfloat16
  PoolFns pool[2] = {};
  WinogradFns winograd[2] = {};  // tiles of 2x2, of 4x4
  WinogradProductFns winograd_product;
  RnnFns rnn[2] = {};
  size_t gemm_workspace[2] = {};  // bytes
};

}  // namespace symbind
