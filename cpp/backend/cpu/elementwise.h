// Elementwise kernels for any dtype: a MapFn of the active instruction set, with conversions where the
// element type is not one that arithmetic happens in.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "backend/cpu/isa.h"
#include "base/dtype.h"
#include "base/kernel.h"

namespace symbind {

// The type that elements of `type` are computed in when a kernel has exact integer versions.
ComputeType compute_type(DType type);
DType compute_dtype(ComputeType type);

// A MapFn bound to dtypes: call it like a MapFn, on elements of `in` and `out`.
class ElementMap {
 public:
  ElementMap() = default;
  // `row` is a row of a KernelTable; integers take the floating version where the row has none of their own.
  // `compute` overrides the choice of the type to compute in.
  ElementMap(const MapFn (&row)[kNumComputeTypes], DType in, DType out, DType compute = DType::kUnknown);

  void operator()(const void* a, const void* b, const void* c, void* y, int64_t n, unsigned scalars) const {
    if (direct_) {
      fn_(a, b, c, y, n, scalars);
    } else {
      run_converted(a, b, c, y, n, scalars);
    }
  }
  // float32 inputs and outputs are held as bfloat16.
  void hold_in_bfloat16();
  bool direct() const { return direct_; }
  MapFn function() const { return fn_; }
  // Input `index` is in the compute type already (a scalar or a parameter block) and never converted.
  void set_constant_input(int index) { constant_ = index; }
  DType compute() const { return compute_; }
  int in_size() const { return in_size_; }
  int out_size() const { return out_size_; }

 private:
  void run_converted(const void* a, const void* b, const void* c, void* y, int64_t n, unsigned scalars) const;

  MapFn fn_ = nullptr;
  ConvertFn load_ = nullptr;   // null: inputs are in the compute type
  ConvertFn store_ = nullptr;  // null: outputs are in the compute type
  DType compute_ = DType::kFloat32;
  int in_size_ = 4, out_size_ = 4;
  int constant_ = -1;
  bool direct_ = true;
};

inline const MapFn (&unary_row(Unary op))
    [kNumComputeTypes] { return kernels().unary[static_cast<int>(op)]; } inline const
    MapFn (&unary_grad_row(UnaryGrad op))
        [kNumComputeTypes] { return kernels().unary_grad[static_cast<int>(op)]; } inline const
    MapFn (&binary_row(Binary op))
        [kNumComputeTypes] { return kernels().binary[static_cast<int>(op)]; } inline const
    MapFn (&binary_grad_row(BinaryGrad op))
        [kNumComputeTypes] { return kernels().binary_grad[static_cast<int>(op)]; } inline const
    MapFn (&param_row(ParamOp op)) [kNumComputeTypes] { return kernels().param[static_cast<int>(op)]; }

// What an element costs, for splitting work over threads.
enum class Cost {
  kCheap,
  kMath,
  kLibrary
};
int64_t grain_of(Cost cost);

// Two neighbouring values of one dtype: a scalar (the first) or a parameter block.
struct ScalarValue {
  alignas(8) std::array<char, 16> bytes{};
  const void* data() const { return bytes.data(); }
};
ScalarValue scalar_value(DType type, double first, double second = 0);

// Elements a kernel runs over: those of the tensor, padding of a blocked layout included.
int64_t element_count(const TensorDesc& desc);

// A constant among the inputs of a map: a scalar, or the address of a parameter block. `position` is its
// place among the map's inputs; -1: there is none.
struct ConstantInput {
  ScalarValue value;
  int position = -1;
};

// A whole-tensor kernel over the inputs in[0..inputs): y[i] = map(in[0][i], ...), the constant taking its
// place.
Kernel map_kernel(ElementMap map, int64_t n, int inputs, Cost cost, const ConstantInput& constant = {});

// Copies n elements on all threads, converting.
void parallel_convert(const void* from, DType from_type, void* to, DType to_type, int64_t n);

// Runs a kernel that knows only `compute` on tensors of other dtypes: inputs are converted into the workspace
// first, outputs afterwards. `build` receives the descriptions with the dtype replaced.
using BuildKernel = std::function<Kernel(Span<const TensorDesc> in, Span<const TensorDesc> out)>;
Kernel compute_as(DType compute, Span<const TensorDesc> in, Span<const TensorDesc> out,
                  const BuildKernel& build);

}  // namespace symbind
