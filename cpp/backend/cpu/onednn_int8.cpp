#include "backend/cpu/onednn_int8.h"

#include <cstring>

#include "backend/cpu/onednn.h"

namespace symbind::onednn {
namespace {

using Dims = dnnl::memory::dims;
using Type = dnnl::memory::data_type;
using ForwardDesc = dnnl::convolution_forward::primitive_desc;

Type type_of(DType type) {
  switch (type) {
    case DType::kUint8:
      return Type::u8;
    case DType::kInt8:
      return Type::s8;
    case DType::kInt32:
      return Type::s32;
    default:
      return Type::f32;
  }
}

// What results are written as: a sum is added in place, in its own dtype.
DType made(const Int8Convolution& c) { return c.sum == DType::kUnknown ? c.out : c.sum; }

// Strides of row-major memory, the axis at `channel` coming last.
Dims channels_last_strides(const Dims& dims, size_t channel) {
  Dims strides(dims.size());
  dnnl::memory::dim step = dims[channel];
  strides[channel] = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    if (i == channel) continue;
    strides[i] = step;
    step *= std::max<dnnl::memory::dim>(dims[i], 1);
  }
  return strides;
}

// The tensors in oneDNN's terms: channels second.
struct Problem {
  Dims data, weight, out, stride, dilate, pad;
  const Int8Convolution& c;

  explicit Problem(const Int8Convolution& conv) : c(conv) {
    const ConvGeometry& g = c.geometry;
    data = {g.batch, g.in_channels};
    out = {g.batch, g.out_channels};
    weight =
        g.groups == 1 ? Dims{g.out_channels, g.in_channels} : Dims{g.groups, g.group_out(), g.group_in()};
    for (int i = 3 - g.spatial; i < 3; ++i) {
      data.push_back(g.in[i]);
      out.push_back(g.out[i]);
      weight.push_back(g.kernel[i]);
      stride.push_back(g.stride[i]);
      dilate.push_back(g.dilate[i] - 1);
      pad.push_back(g.pad[i]);
    }
  }
  bool grouped() const { return weight.size() > data.size(); }

  Desc plain(const Dims& dims, size_t channel, DType type) const {
    const Dims strides =
        c.geometry.channels_last ? channels_last_strides(dims, channel) : row_major(dims).get_strides();
    return Desc(dims, type_of(type), strides);
  }
  // oneDNN's int8 kernels work on tensors whose channels are last.
  Desc wanted(const Dims& dims, DType type) const {
    return Desc(dims, type_of(type), channels_last_strides(dims, 1));
  }
};

dnnl::primitive_attr attributes_of(const Problem& p) {
  const Int8Convolution& c = p.c;
  dnnl::primitive_attr attr = attributes();
  if (c.out != DType::kInt32) attr.set_scales_mask(DNNL_ARG_WEIGHTS, p.grouped() ? 3 : 1);
  if (made(c) != DType::kFloat32 && c.out != DType::kInt32) attr.set_scales_mask(DNNL_ARG_DST, 0);
  dnnl::post_ops ops;
  if (c.act) append_post_ops(ops, {&*c.act, 1});
  if (c.sum != DType::kUnknown) ops.append_sum(1.f);
  if (c.last_act) append_post_ops(ops, {&*c.last_act, 1});
  attr.set_post_ops(ops);
  return attr;
}

// Sums are added in units of their own: what comes before them must not care about units.
bool unit_free(const std::optional<PostOp>& op) { return !op || op->kind == PostOp::kRelu; }

ForwardDesc forward_desc(const Problem& p) {
  const Int8Convolution& c = p.c;
  const ConvGeometry& g = c.geometry;
  if (!enabled() || g.batch == 0 || g.in_channels == 0 || g.in_size() == 0 || g.out_size() == 0) return {};
  if (c.sum != DType::kUnknown && !(unit_free(c.act) && unit_free(c.last_act))) return {};
  const Desc bias({g.out_channels}, Type::f32, Dims{1});
  const Desc weight(p.weight, Type::s8, Tag::any);
  const ForwardDesc pd(engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
                       p.wanted(p.data, c.data), weight, bias, p.wanted(p.out, made(c)), p.stride, p.dilate,
                       p.pad, p.pad, attributes_of(p), true);
  // The reference loops are slower than the portable kernel.
  if (pd && std::strstr(pd.impl_info_str(), "ref") != nullptr) return {};
  return pd;
}

Desc given(const TensorDesc& tensor, const Desc& plain) {
  const Desc* desc = layout_desc(tensor.layout);
  return desc != nullptr ? *desc : plain;
}

}  // namespace

Kernel make_int8_convolution(const Int8Convolution& c, const TensorDesc& data, const TensorDesc& weight,
                             const TensorDesc& out) {
  const Problem p(c);
  const ForwardDesc pd = forward_desc(p);
  if (!pd) return {};
  KernelBuilder builder;
  const size_t channels = static_cast<size_t>(c.geometry.out_channels);
  const Slot factors = builder.temp(channels * sizeof(float)), bias = builder.temp(channels * sizeof(float));
  const Slot out_unit = builder.temp(sizeof(float));
  builder.add([c, factors, bias, out_unit](void* const* in, void* const* out_, void* workspace) {
    char* base = static_cast<char*>(workspace);
    Int8Units u{};
    u.factors = reinterpret_cast<float*>(base + factors.offset);
    u.bias = reinterpret_cast<float*>(base + bias.offset);
    compute_int8_units(c, in, u);
    if (c.out == DType::kInt32) write_int8_range(u, out_);
    float unit = 1 / c.out_scale;
    if (c.sum != DType::kUnknown) {  // everything in units of the sum
      for (int64_t o = 0; o < c.geometry.out_channels; ++o) {
        u.factors[o] /= u.sum_unit;
        u.bias[o] /= u.sum_unit;
      }
      unit /= u.sum_unit;
    }
    *reinterpret_cast<float*>(base + out_unit.offset) = unit;
  });
  const size_t weight_channel = p.grouped() ? 2 : 1;
  const Slot src = builder.stage_in(given(data, p.plain(p.data, 1, c.data)), pd.src_desc(), in(0));
  const Slot weights = builder.stage_in(given(weight, p.plain(p.weight, weight_channel, DType::kInt8)),
                                        pd.weights_desc(), in(1));
  // The layout of the output (and of a sum) is either what the primitive makes or row-major.
  const Desc out_given = out.layout ? pd.dst_desc() : p.plain(p.out, 1, made(c));
  if (c.sum != DType::kUnknown) builder.copy_unless_same(6, 0, out_given.get_size());
  const Slot dst = builder.stage_out(pd.dst_desc(), out_given, symbind::onednn::out(0));
  if (c.sum != DType::kUnknown && dst.kind == Slot::kTemp) {
    builder.add_reorder(out_given, symbind::onednn::out(0), pd.dst_desc(), dst);
  }
  const Desc scales({c.geometry.out_channels}, Type::f32, Dims{1}), one({1}, Type::f32, Dims{1});
  builder.add(dnnl::convolution_forward(pd),
              {{DNNL_ARG_SRC, pd.src_desc(), src},
               {DNNL_ARG_WEIGHTS, pd.weights_desc(), weights},
               {DNNL_ARG_BIAS, pd.bias_desc(), bias},
               {DNNL_ARG_DST, pd.dst_desc(), dst},
               {DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, scales, factors},
               {DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, one, out_unit}},
              pd.scratchpad_desc());
  return builder.build();
}

void choose_int8_convolution_layouts(const Int8Convolution& c, TensorDesc& data, TensorDesc& weight,
                                     TensorDesc& out, TensorDesc* sum) {
  const Problem p(c);
  const ForwardDesc pd = forward_desc(p);
  if (!pd || c.geometry.channels_last) return;
  if (p.data.size() >= 4) {  // one position: channels last is row-major
    data.layout = layout_of(pd.src_desc());
    out.layout = layout_of(p.wanted(p.out, c.out));
    if (sum != nullptr) sum->layout = layout_of(p.wanted(p.out, c.sum));
  }
  weight.layout = layout_of(pd.weights_desc());
}

}  // namespace symbind::onednn
