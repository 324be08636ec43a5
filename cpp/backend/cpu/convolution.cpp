#include "backend/cpu/convolution.h"

#include "backend/cpu/portable_convolution.h"
#include "backend/cpu/post_ops.h"
#include "backend/cpu/run_in_float.h"
#include "backend/cpu/winograd_convolution.h"
#if SYMBIND_ONEDNN
#include "backend/cpu/onednn.h"
#include "backend/cpu/onednn_convolution.h"
#endif

namespace symbind {
namespace {

bool use_onednn([[maybe_unused]] const ConvGeometry& g, [[maybe_unused]] DType dtype) {
#if SYMBIND_ONEDNN
  return dtype == DType::kFloat32 && onednn::enabled() && onednn::takes_conv(g);
#else
  return false;
#endif
}

#if SYMBIND_ONEDNN
// The layouts of a channels-last convolution are those of its tensors as they are.
bool chooses_layouts(const ConvGeometry& g, DType dtype) { return use_onednn(g, dtype) && !g.channels_last; }

bool in_bfloat16(const ConvGeometry& g, Compute compute) {
  return compute == Compute::kBfloat16 && onednn::takes_bfloat16(g);
}
#endif

}  // namespace

bool conv_takes_sums([[maybe_unused]] DType dtype) {
#if SYMBIND_ONEDNN
  return dtype == DType::kFloat32 && onednn::enabled();
#else
  return false;
#endif
}

bool ConvGeometry::pointwise() const {
  for (int i = 0; i < 3; ++i) {
    if (kernel[i] != 1 || stride[i] != 1 || pad[i] != 0) return false;
  }
  return true;
}

Kernel make_conv_forward(const ConvGeometry& g, const TensorDesc& data, const TensorDesc& weight,
                         const TensorDesc* bias, const TensorDesc& out, Span<const PostOp> post_ops,
                         bool is_train) {
  if (data.dtype == DType::kFloat16) {
    std::vector<TensorDesc> in{data, weight};
    if (bias != nullptr) in.push_back(*bias);
    size_t inputs = in.size();
    for (const PostOp& op : post_ops) {
      if (op.kind == PostOp::kSum) inputs = std::max(inputs, static_cast<size_t>(op.input) + 1);
    }
    in.resize(inputs, out);  // what sums add has the output's shape
    const TensorDesc bias_float = bias != nullptr ? in_float(*bias) : TensorDesc{};
    return run_in_float(
        make_conv_forward(g, in_float(data), in_float(weight), bias != nullptr ? &bias_float : nullptr,
                          in_float(out), post_ops, is_train),
        in, {out});
  }
  const int tile = winograd_weight_tile(weight);
  if (in_blocks_of_16(data) && in_blocks_of_16(out) && (tile > 0 || !weight.layout)) {
    WinogradSpec spec = plan_winograd(g, WinogradPass::kForward, tile > 0);
    if (tile > 0) spec.tile = tile;
    if (spec.tile > 0) return make_winograd_conv_forward(spec, tile > 0, bias != nullptr, out, post_ops);
  }
  check(tile == 0, "[Convolution] got transformed weights for data that is not in blocks of 16 channels");
#if SYMBIND_ONEDNN
  if (use_onednn(g, data.dtype)) {
    Kernel fast = onednn::make_conv_forward(g, data, weight, bias != nullptr, out, post_ops, is_train);
    if (fast.run != nullptr) return fast;
  }
#endif
  for (const PostOp& op : post_ops) {
    if (op.kind != PostOp::kSum) continue;
    return then_post_ops(portable::conv_forward(g, data.dtype, bias != nullptr, {}), out, post_ops);
  }
  return portable::conv_forward(g, data.dtype, bias != nullptr, post_ops);
}

Kernel make_conv_backward_data(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& weight,
                               const TensorDesc& data_grad) {
  if (out_grad.dtype == DType::kFloat16) {
    return run_in_float(make_conv_backward_data(g, in_float(out_grad), in_float(weight), in_float(data_grad)),
                        {out_grad, weight}, {data_grad});
  }
  if (in_blocks_of_16(out_grad) && in_blocks_of_16(data_grad) && !weight.layout) {
    const WinogradSpec spec = plan_winograd(g, WinogradPass::kBackwardData, false);
    if (spec.tile > 0) return make_winograd_backward_data(spec);
  }
#if SYMBIND_ONEDNN
  if (use_onednn(g, out_grad.dtype)) {
    Kernel fast = onednn::make_conv_backward_data(g, out_grad, weight, data_grad);
    if (fast.run != nullptr) return fast;
  }
#endif
  return portable::conv_backward_data(g, out_grad.dtype);
}

Kernel make_conv_backward_weight(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& data,
                                 const TensorDesc& weight_grad, const TensorDesc* bias_grad) {
  if (out_grad.dtype == DType::kFloat16) {
    std::vector<TensorDesc> out{weight_grad};
    if (bias_grad != nullptr) out.push_back(*bias_grad);
    const TensorDesc bias_float = bias_grad != nullptr ? in_float(*bias_grad) : TensorDesc{};
    return run_in_float(
        make_conv_backward_weight(g, in_float(out_grad), in_float(data), in_float(weight_grad),
                                  bias_grad != nullptr ? &bias_float : nullptr),
        {out_grad, data}, out);
  }
  if (in_blocks_of_16(out_grad) && in_blocks_of_16(data) && !weight_grad.layout) {
    const WinogradSpec spec = plan_winograd(g, WinogradPass::kBackwardWeight, false);
    if (spec.tile > 0) return make_winograd_conv_backward_weight(spec, bias_grad != nullptr);
  }
#if SYMBIND_ONEDNN
  if (use_onednn(g, out_grad.dtype)) {
    Kernel fast = onednn::make_conv_backward_weight(g, out_grad, data, weight_grad, bias_grad != nullptr);
    if (fast.run != nullptr) return fast;
  }
#endif
  return portable::conv_backward_weight(g, out_grad.dtype, bias_grad != nullptr);
}

void choose_conv_forward_layouts([[maybe_unused]] const ConvGeometry& g, [[maybe_unused]] bool is_train,
                                 [[maybe_unused]] Compute compute, TensorDesc& data, TensorDesc& weight,
                                 TensorDesc& out) {
  data.layout = weight.layout = out.layout = nullptr;
#if SYMBIND_ONEDNN
  if (!chooses_layouts(g, data.dtype)) return;
  if (in_bfloat16(g, compute) && onednn::choose_conv_forward_layouts(g, is_train, compute, data, weight, out))
    return;
  onednn::choose_conv_forward_layouts(g, is_train, Compute::kFloat32, data, weight, out);
  if (!in_blocks_of_16(data) || !in_blocks_of_16(out)) return;
  const WinogradSpec spec = plan_winograd(g, WinogradPass::kForward, !is_train);
  if (spec.tile > 0) weight.layout = is_train ? nullptr : winograd_weight_layout(spec);
#endif
}

void choose_conv_backward_data_layouts([[maybe_unused]] const ConvGeometry& g,
                                       [[maybe_unused]] Compute compute, TensorDesc& out_grad,
                                       TensorDesc& weight, TensorDesc& data_grad) {
  out_grad.layout = weight.layout = data_grad.layout = nullptr;
#if SYMBIND_ONEDNN
  if (!chooses_layouts(g, out_grad.dtype)) return;
  if (in_bfloat16(g, compute) &&
      onednn::choose_conv_backward_data_layouts(g, compute, out_grad, weight, data_grad))
    return;
  onednn::choose_conv_backward_data_layouts(g, Compute::kFloat32, out_grad, weight, data_grad);
  if (!in_blocks_of_16(out_grad) || !in_blocks_of_16(data_grad)) return;
  if (plan_winograd(g, WinogradPass::kBackwardData, false).tile > 0) weight.layout = nullptr;
#endif
}

void choose_conv_backward_weight_layouts([[maybe_unused]] const ConvGeometry& g,
                                         [[maybe_unused]] Compute compute, TensorDesc& out_grad,
                                         TensorDesc& data, TensorDesc& weight_grad) {
  out_grad.layout = data.layout = weight_grad.layout = nullptr;
#if SYMBIND_ONEDNN
  if (!chooses_layouts(g, out_grad.dtype)) return;
  if (in_bfloat16(g, compute) &&
      onednn::choose_conv_backward_weight_layouts(g, compute, out_grad, data, weight_grad))
    return;
  onednn::choose_conv_backward_weight_layouts(g, Compute::kFloat32, out_grad, data, weight_grad);
  if (!in_blocks_of_16(out_grad) || !in_blocks_of_16(data)) return;
  if (plan_winograd(g, WinogradPass::kBackwardWeight, false).tile > 0) weight_grad.layout = nullptr;
#endif
}

}  // namespace symbind
