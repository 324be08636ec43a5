// What the elementwise operator families share.
#pragma once

#include "backend/cpu/elementwise.h"
#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {

// No gradient flows to any input: the gradient of step functions and of comparisons.
inline std::vector<EntryId> zero_gradient(GradContext& c) { return std::vector<EntryId>(c.num_inputs()); }

// A hidden gradient operator; the gradient pass sets its shapes and dtypes.
inline OpDef& register_backward_op(const std::string& name, std::vector<std::string> inputs) {
  OpDef& op = register_op(name);
  op.visible = false;
  op.inputs = std::move(inputs);
  op.infer_shape = [](ShapeContext&) {};
  op.infer_type = [](TypeContext&) {};
  return op;
}

// y = map(inputs...) on tensors of one shape; inputs are those of the request.
inline Kernel elementwise_kernel(const KernelRequest& r, const MapFn (&row)[kNumComputeTypes], Cost cost,
                                 const ConstantInput& constant = {}) {
  ElementMap map(row, r.in[0].dtype, r.out[0].dtype);
  if (in_bfloat16(r.out[0].layout)) map.hold_in_bfloat16();
  return map_kernel(map, element_count(r.out[0]), static_cast<int>(r.in.size()), cost, constant);
}

// Builds a kernel for float32 and float64 tensors; others are converted: float16 to float32, integers to
// float64.
inline Kernel floating_kernel(const KernelRequest& r,
                              const std::function<Kernel(const KernelRequest&)>& build) {
  const DType type = r.in[0].dtype;
  if (type == DType::kFloat32 || type == DType::kFloat64) return build(r);
  return compute_as(type == DType::kFloat16 ? DType::kFloat32 : DType::kFloat64, r.in, r.out,
                    [&](Span<const TensorDesc> in, Span<const TensorDesc> out) {
                      KernelRequest wide = r;
                      wide.in = in;
                      wide.out = out;
                      return build(wide);
                    });
}

}  // namespace symbind
