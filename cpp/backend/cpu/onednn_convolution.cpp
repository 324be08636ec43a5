#include "backend/cpu/onednn_convolution.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/onednn.h"

namespace symbind::onednn {
namespace {

using Dims = dnnl::memory::dims;
using Type = dnnl::memory::data_type;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;

// The tensors of a convolution in oneDNN's terms.
struct Problem {
  Dims data, weight, bias, out;  // logical order: channels second
  Dims stride, dilate, pad;
  bool channels_last;
  Type type;         // of data and out
  Type weight_type;  // gradients of weights are float32

  explicit Problem(const ConvGeometry& g, Compute compute = Compute::kFloat32, bool weight_grad = false)
      : channels_last(g.channels_last),
        type(compute == Compute::kBfloat16 ? Type::bf16 : Type::f32),
        weight_type(weight_grad ? Type::f32 : type) {
    data = {g.batch, g.in_channels};
    out = {g.batch, g.out_channels};
    weight =
        g.groups == 1 ? Dims{g.out_channels, g.in_channels} : Dims{g.groups, g.group_out(), g.group_in()};
    bias = {g.out_channels};
    for (int i = 3 - g.spatial; i < 3; ++i) {
      data.push_back(g.in[i]);
      out.push_back(g.out[i]);
      weight.push_back(g.kernel[i]);
      stride.push_back(g.stride[i]);
      dilate.push_back(g.dilate[i] - 1);
      pad.push_back(g.pad[i]);
    }
  }

  // Row-major memory as the engine has it. `channel` is the channels' place among dims.
  Desc plain(const Dims& dims, size_t channel) const {
    if (!channels_last) return row_major(dims);
    Dims strides(dims.size());
    dnnl::memory::dim step = 1;
    auto next = [&](size_t i) {
      strides[i] = step;
      step *= dims[i];
    };
    next(channel);
    for (size_t i = dims.size(); i-- > channel + 1;) next(i);
    for (size_t i = channel; i-- > 0;) next(i);
    return Desc(dims, dnnl::memory::data_type::f32, strides);
  }
  Desc plain_data() const { return plain(data, 1); }
  Desc plain_out() const { return plain(out, 1); }
  Desc plain_weight() const { return plain(weight, weight.size() == data.size() ? 1 : 2); }
  Desc any_weight() const { return any_format(weight, weight_type); }
  Desc bias_desc() const { return row_major(bias); }
};

Desc given(const TensorDesc& tensor, const Desc& plain) {
  const Desc* desc = layout_desc(tensor.layout);
  return desc != nullptr ? *desc : plain;
}

Compute held_as(const TensorDesc& tensor) {
  return in_bfloat16(tensor.layout) ? Compute::kBfloat16 : Compute::kFloat32;
}

// What the primitive is asked for: either formats of its own choice or those that the layout pass settled.
struct Formats {
  Desc data, weight, out;
};

Tag channels_last_tag(size_t dims) { return dims == 3 ? Tag::nwc : dims == 4 ? Tag::nhwc : Tag::ndhwc; }

Tag blocked_tag(size_t dims) { return dims == 3 ? Tag::nCw16c : dims == 4 ? Tag::nChw16c : Tag::nCdhw16c; }

bool has_avx512() {
  static const bool found = has_isa(dnnl::cpu_isa::avx512_core);
  return found;
}
bool has_bfloat16() {
  static const bool found = has_isa(dnnl::cpu_isa::avx512_core_bf16);
  return found;
}

// Blocks of 16 channels waste work and memory on channels that are not multiples of 16; the kernels for
// channels-last tensors do not (measured: 1.1 instead of 1.8 ms for 20 to 50 channels). With one to three
// input channels there are special kernels that read row-major data.
Formats preferred(const ConvGeometry& g, const Problem& p) {
  if (g.channels_last) return {p.plain_data(), p.any_weight(), p.plain_out()};
  const bool ragged = g.in_channels % 16 != 0 || g.out_channels % 16 != 0;
  if (g.groups == 1 && ragged && g.in_channels > 3) {
    const Tag tag = channels_last_tag(p.data.size());
    return {Desc(p.data, p.type, tag), p.any_weight(), Desc(p.out, p.type, tag)};
  }
  // One blocked format for all activations: what primitives would choose on their own differs between layers
  // and directions, and a reorder between two of them costs more than the better choice saves (measured on
  // ResNet-50: 353 ms forward in blocks, 368 ms as chosen, of which the reorders are not part).
  if (g.groups == 1 && !ragged && has_avx512()) {
    const Tag tag = blocked_tag(p.data.size());
    return {Desc(p.data, p.type, tag), p.any_weight(), Desc(p.out, p.type, tag)};
  }
  return {any_format(p.data, p.type), p.any_weight(), any_format(p.out, p.type)};
}

Formats settled(const ConvGeometry& g, const Problem& p, const TensorDesc& data, const TensorDesc& weight,
                const TensorDesc& out) {
  if (!data.layout && !weight.layout && !out.layout) return preferred(g, p);
  return {given(data, p.plain_data()), given(weight, p.plain_weight()), given(out, p.plain_out())};
}

using ForwardDesc = dnnl::convolution_forward::primitive_desc;
using BackwardDataDesc = dnnl::convolution_backward_data::primitive_desc;
using BackwardWeightDesc = dnnl::convolution_backward_weights::primitive_desc;

ForwardDesc forward_desc(const Problem& p, const Formats& f, bool has_bias, bool is_train,
                         const dnnl::primitive_attr& attr, bool allow_empty = false) {
  const auto kind = is_train ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  return has_bias ? ForwardDesc(engine(), kind, kDirect, f.data, f.weight, p.bias_desc(), f.out, p.stride,
                                p.dilate, p.pad, p.pad, attr, allow_empty)
                  : ForwardDesc(engine(), kind, kDirect, f.data, f.weight, f.out, p.stride, p.dilate, p.pad,
                                p.pad, attr, allow_empty);
}

// oneDNN's fallback for what its fast kernels do not take (dilated 3-D gradients, for one) is a plain loop, a
// hundred times slower: the engine's own kernels are better then.
template <class PrimitiveDesc>
bool is_reference(const PrimitiveDesc& pd) {
  return std::strncmp(pd.impl_info_str(), "ref", 3) == 0;
}

// Backward descriptors ask for a forward one as a hint; its formats do not bind them.
ForwardDesc hint(const Problem& p) {
  const Formats any{any_format(p.data, p.type), any_format(p.weight, p.type), any_format(p.out, p.type)};
  return forward_desc(p, any, false, true, attributes());
}

BackwardDataDesc backward_data_desc(const Problem& p, const Formats& f) {
  return {engine(), kDirect, f.data, f.weight, f.out,       p.stride,
          p.dilate, p.pad,   p.pad,  hint(p),  attributes()};
}

BackwardWeightDesc backward_weight_desc(const Problem& p, const Formats& f, bool has_bias) {
  return has_bias ? BackwardWeightDesc(engine(), kDirect, f.data, f.weight, p.bias_desc(), f.out, p.stride,
                                       p.dilate, p.pad, p.pad, hint(p), attributes())
                  : BackwardWeightDesc(engine(), kDirect, f.data, f.weight, f.out, p.stride, p.dilate, p.pad,
                                       p.pad, hint(p), attributes());
}

}  // namespace

bool takes_conv(const ConvGeometry& g) {
  return g.batch > 0 && g.in_channels > 0 && g.in_size() > 0 && g.out_size() > 0;
}

Kernel make_conv_forward(const ConvGeometry& g, const TensorDesc& data, const TensorDesc& weight,
                         bool has_bias, const TensorDesc& out_tensor, Span<const PostOp> post_ops,
                         bool is_train) {
  const Problem p(g, held_as(data));
  const Formats formats = settled(g, p, data, weight, out_tensor);
  ForwardDesc pd = forward_desc(p, formats, has_bias, is_train, attributes(post_ops), true);
  if (pd && is_reference(pd) && !data.layout && !weight.layout && !out_tensor.layout) return {};
  const Desc out_given = given(out_tensor, p.plain_out());
  // A sum adds to what is in the output, so it must be made there.
  const bool fused = pd && (pd.dst_desc() == out_given || post_ops.empty());
  if (!fused) pd = forward_desc(p, formats, has_bias, is_train, attributes());
  KernelBuilder builder;
  const Slot src = builder.stage_in(given(data, p.plain_data()), pd.src_desc(), in(0));
  const Slot weights = builder.stage_in(given(weight, p.plain_weight()), pd.weights_desc(), in(1));
  if (fused) prepare_sums(builder, post_ops, out_given.get_size());
  // What is added may be the output's own memory: without fusion it must survive the convolution.
  const bool sums =
      std::any_of(post_ops.begin(), post_ops.end(), [](const PostOp& op) { return op.kind == PostOp::kSum; });
  const Slot result = !fused && sums ? builder.temp(out_given.get_size()) : out(0);
  const Slot dst = builder.stage_out(pd.dst_desc(), out_given, result);
  if (has_bias) {
    builder.add(dnnl::convolution_forward(pd),
                {{DNNL_ARG_SRC, pd.src_desc(), src},
                 {DNNL_ARG_WEIGHTS, pd.weights_desc(), weights},
                 {DNNL_ARG_BIAS, p.bias_desc(), in(2)},
                 {DNNL_ARG_DST, pd.dst_desc(), dst}},
                pd.scratchpad_desc());
  } else {
    builder.add(dnnl::convolution_forward(pd),
                {{DNNL_ARG_SRC, pd.src_desc(), src},
                 {DNNL_ARG_WEIGHTS, pd.weights_desc(), weights},
                 {DNNL_ARG_DST, pd.dst_desc(), dst}},
                pd.scratchpad_desc());
  }
  if (!fused) {
    builder.flush_staged();
    add_post_ops_after(builder, post_ops, out_given, result);
    if (result.kind == Slot::kTemp) builder.add_reorder(out_given, result, out_given, out(0));
  }
  return builder.build();
}

Kernel make_conv_backward_data(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& weight,
                               const TensorDesc& data_grad) {
  const Problem p(g, held_as(out_grad));
  const BackwardDataDesc pd = backward_data_desc(p, settled(g, p, data_grad, weight, out_grad));
  if (is_reference(pd) && !out_grad.layout && !weight.layout && !data_grad.layout) return {};
  KernelBuilder builder;
  const Slot dst = builder.stage_in(given(out_grad, p.plain_out()), pd.diff_dst_desc(), in(0));
  const Slot weights = builder.stage_in(given(weight, p.plain_weight()), pd.weights_desc(), in(1));
  const Slot src = builder.stage_out(pd.diff_src_desc(), given(data_grad, p.plain_data()), out(0));
  builder.add(dnnl::convolution_backward_data(pd),
              {{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), dst},
               {DNNL_ARG_WEIGHTS, pd.weights_desc(), weights},
               {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), src}},
              pd.scratchpad_desc());
  return builder.build();
}

Kernel make_conv_backward_weight(const ConvGeometry& g, const TensorDesc& out_grad, const TensorDesc& data,
                                 const TensorDesc& weight_grad, bool has_bias) {
  const Problem p(g, held_as(data), true);
  const BackwardWeightDesc pd = backward_weight_desc(p, settled(g, p, data, weight_grad, out_grad), has_bias);
  if (is_reference(pd) && !out_grad.layout && !data.layout && !weight_grad.layout) return {};
  KernelBuilder builder;
  const Slot dst = builder.stage_in(given(out_grad, p.plain_out()), pd.diff_dst_desc(), in(0));
  const Slot src = builder.stage_in(given(data, p.plain_data()), pd.src_desc(), in(1));
  const Slot weights =
      builder.stage_out(pd.diff_weights_desc(), given(weight_grad, p.plain_weight()), out(0));
  if (has_bias) {
    builder.add(dnnl::convolution_backward_weights(pd),
                {{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), dst},
                 {DNNL_ARG_SRC, pd.src_desc(), src},
                 {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc(), weights},
                 {DNNL_ARG_DIFF_BIAS, p.bias_desc(), out(1)}},
                pd.scratchpad_desc());
  } else {
    builder.add(dnnl::convolution_backward_weights(pd),
                {{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), dst},
                 {DNNL_ARG_SRC, pd.src_desc(), src},
                 {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc(), weights}},
                pd.scratchpad_desc());
  }
  return builder.build();
}

bool takes_bfloat16(const ConvGeometry& g) { return !g.channels_last && has_bfloat16(); }

bool choose_conv_forward_layouts(const ConvGeometry& g, bool is_train, Compute compute, TensorDesc& data,
                                 TensorDesc& weight, TensorDesc& out) {
  const Problem p(g, compute);
  const ForwardDesc pd = forward_desc(p, preferred(g, p), false, is_train, attributes(), true);
  if (!pd || is_reference(pd)) return false;
  data.layout = layout_of(pd.src_desc());
  weight.layout = layout_of(pd.weights_desc());
  out.layout = layout_of(pd.dst_desc());
  return true;
}

bool choose_conv_backward_data_layouts(const ConvGeometry& g, Compute compute, TensorDesc& out_grad,
                                       TensorDesc& weight, TensorDesc& data_grad) {
  const Problem p(g, compute);
  const BackwardDataDesc pd = backward_data_desc(p, preferred(g, p));
  if (is_reference(pd)) return false;
  out_grad.layout = layout_of(pd.diff_dst_desc());
  weight.layout = layout_of(pd.weights_desc());
  data_grad.layout = layout_of(pd.diff_src_desc());
  return true;
}

bool choose_conv_backward_weight_layouts(const ConvGeometry& g, Compute compute, TensorDesc& out_grad,
                                         TensorDesc& data, TensorDesc& weight_grad) {
  const Problem p(g, compute, true);
  const BackwardWeightDesc pd = backward_weight_desc(p, preferred(g, p), false);
  if (is_reference(pd)) return false;
  out_grad.layout = layout_of(pd.diff_dst_desc());
  data.layout = layout_of(pd.src_desc());
  weight_grad.layout = layout_of(pd.diff_weights_desc());
  return true;
}

}  // namespace symbind::onednn
