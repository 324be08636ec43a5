// Quantized convolutions and dense layers: the nodes that fused int8 blocks expand to, and
// _contrib_quantized_conv and _contrib_quantized_fully_connected on top of them.
#include "ops/quantized_conv.h"

#include <cmath>

#include "backend/cpu/parallel.h"
#include "backend/cpu/quantize.h"
#include "graph/registry.h"
#include "ops/convolution_common.h"

namespace symbind {

DType Int8Layer::out_type() const {
  if (float_output) return DType::kFloat32;
  if (!calibrated()) return DType::kInt32;
  // A last relu leaves nothing below zero.
  const std::optional<PostOp>& last = with_sum ? last_act : act;
  const bool positive = last && ((last->kind == PostOp::kRelu && last->alpha == 0) ||
                                 (last->kind == PostOp::kClip && last->alpha >= 0));
  return positive ? DType::kUint8 : DType::kInt8;
}

namespace {

// --- _int8_weight ---

struct FoldedWeight {
  Int8WeightParams p;
  int64_t channels, depth;

  // The factor and the bias that a BatchNorm behind the layer makes of it.
  void fold(void* const* in, int64_t o, float& factor, float& bias) const {
    auto value = [&](int i) { return static_cast<const float*>(in[i])[o]; };
    bias = p.has_bias ? value(1) : 0;
    factor = 1;
    if (!p.has_norm) return;
    const int norm = p.has_bias ? 2 : 1;
    factor = (p.fix_gamma ? 1.f : value(norm)) / std::sqrt(value(norm + 3) + static_cast<float>(p.eps));
    bias = (bias - value(norm + 2)) * factor + value(norm + 1);
  }

  void operator()(void* const* in, void* const* out, void*) const {
    const float* weight = static_cast<const float*>(in[0]);
    float* scale = static_cast<float*>(out[1]);
    float* bias = static_cast<float*>(out[2]);
    auto each_channel = [&](auto&& f) {
      parallel_for(channels, std::max<int64_t>(1, kElementGrain / std::max<int64_t>(depth, 1)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t o = begin; o < end; ++o) f(o);
                   });
    };
    each_channel([&](int64_t o) {
      float factor, largest = 0;
      fold(in, o, factor, bias[o]);
      for (int64_t k = 0; k < depth; ++k)
        largest = std::max(largest, std::fabs(weight[o * depth + k] * factor));
      scale[o] = largest;
    });
    if (!p.by_channel && channels > 0) {
      std::fill(scale, scale + channels, *std::max_element(scale, scale + channels));
    }
    each_channel([&](int64_t o) {
      float factor, unused;
      fold(in, o, factor, unused);
      const bool zero = scale[o] == 0;
      scale[o] = quantized_range(DType::kInt8) / scale[o];
      int8_t* row = static_cast<int8_t*>(out[0]) + o * depth;
      for (int64_t k = 0; k < depth; ++k) {
        row[k] = zero ? int8_t{0} : saturate<int8_t>(weight[o * depth + k] * factor * scale[o]);
      }
    });
  }
};

int weight_inputs(const void* p) {
  const auto& w = as<Int8WeightParams>(p);
  return 1 + (w.has_bias ? 1 : 0) + (w.has_norm ? 4 : 0);
}

void infer_weight_shape(ShapeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  Shape channels = Shape::unknown(1);
  if (c.in[0].has_rank()) channels[0] = c.in[0][0];
  merge_shape(channels, c.out[2]);
  for (size_t i = 1; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), channels);
  c.set_out(1, channels);
  c.set_out(2, channels);
}

void register_weight() {
  OpDef& op = register_op("_int8_weight");
  op.visible = false;
  op.inputs = {"weight", "bias", "gamma", "beta", "moving_mean", "moving_var"};
  op.num_inputs = weight_inputs;
  op.input_names = [](const void* p) {
    const auto& w = as<Int8WeightParams>(p);
    std::vector<std::string> names{"weight"};
    if (w.has_bias) names.push_back("bias");
    if (w.has_norm) names.insert(names.end(), {"gamma", "beta", "moving_mean", "moving_var"});
    return names;
  };
  op.outputs = {"weight", "scale", "bias"};
  op.infer_shape = infer_weight_shape;
  op.infer_type = [](TypeContext& c) {
    for (size_t i = 0; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), DType::kFloat32);
    c.set_out(0, DType::kInt8);
    c.set_out(1, DType::kFloat32);
    c.set_out(2, DType::kFloat32);
  };
  op.kernel = [](const KernelRequest& r) {
    const Shape& weight = r.in[0].shape;
    return make_kernel(
        FoldedWeight{as<Int8WeightParams>(r.params), weight[0], weight.product(1, weight.ndim())});
  };
}

// --- _int8_range ---

struct RangeParams {
  bool has_bias, raw_bias;
};

void register_range() {
  OpDef& op = register_op("_int8_range");
  op.visible = false;
  op.inputs = {"weight", "min_weight", "max_weight", "bias", "min_bias", "max_bias"};
  op.num_inputs = [](const void* p) { return as<RangeParams>(p).has_bias ? 6 : 3; };
  op.outputs = {"scale", "bias"};
  op.infer_shape = [](ShapeContext& c) {
    Shape channels = Shape::unknown(1);
    if (c.in[0].has_rank()) channels[0] = c.in[0][0];
    c.set_out(0, channels);
    c.set_out(1, channels);
    for (size_t i = 1; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), i == 3 ? c.out[1] : Shape{1});
  };
  op.infer_type = [](TypeContext& c) {
    for (size_t i = 0; i < c.in.size(); ++i) {
      c.set_in(static_cast<int>(i), i == 0 || i == 3 ? DType::kInt8 : DType::kFloat32);
    }
    c.set_out(0, DType::kFloat32);
    c.set_out(1, DType::kFloat32);
  };
  op.kernel = [](const KernelRequest& r) {
    const RangeParams p = as<RangeParams>(r.params);
    const int64_t channels = r.out[0].shape[0];
    return make_kernel([p, channels](void* const* in, void* const* out, void*) {
      auto at = [&](int i) { return *static_cast<const float*>(in[i]); };
      float* scale = static_cast<float*>(out[0]);
      float* bias = static_cast<float*>(out[1]);
      const float unit = !p.has_bias ? 0 : p.raw_bias ? 1 : 1 / quantize_scale(DType::kInt8, at(4), at(5));
      for (int64_t o = 0; o < channels; ++o) {
        scale[o] = quantize_scale(DType::kInt8, at(1), at(2));
        bias[o] = p.has_bias ? static_cast<float>(static_cast<const int8_t*>(in[3])[o]) * unit : 0;
      }
    });
  };
}

// --- _int8_layer ---

bool is_convolution(const Int8Layer& layer) { return layer.op->name == "Convolution"; }

void infer_layer_shape(ShapeContext& c) {
  const auto& layer = as<Int8Layer>(c.params);
  Shape in[3] = {c.in[0], c.in[1], c.in[3]};
  Shape out = c.out[0];
  ShapeContext inner{
      *layer.op, layer.params.get(), {in, layer.has_bias() ? size_t{3} : size_t{2}}, {&out, 1}};
  layer.op->infer_shape(inner);
  c.set_in(0, in[0]);
  c.set_in(1, in[1]);
  c.set_out(0, out);
  Shape channels = Shape::unknown(1);
  if (in[1].has_rank()) channels[0] = in[1][0];
  c.set_in(2, channels);
  c.set_in(3, channels);
  c.set_in(4, Shape{1});
  c.set_in(5, Shape{1});
  if (layer.with_sum) {
    c.set_in(6, c.out[0]);
    c.set_out(0, c.in[6]);
    c.set_in(7, Shape{1});
    c.set_in(8, Shape{1});
  }
  for (size_t i = 1; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), Shape{1});
}

void check_quantized(const Int8Layer& layer, DType type, const char* what) {
  check(type == DType::kUnknown || type == DType::kInt8 || type == DType::kUint8, "[", layer.op->name, "] ",
        what, " of a quantized layer: got ", dtype_name(type), ", expected int8 or uint8");
}

void infer_layer_type(TypeContext& c) {
  const auto& layer = as<Int8Layer>(c.params);
  check_quantized(layer, c.in[0], "data");
  c.set_in(1, DType::kInt8);
  for (int i = 2; i < 6; ++i) c.set_in(i, DType::kFloat32);
  if (layer.with_sum) {
    check_quantized(layer, c.in[6], "the sum");
    c.set_in(7, DType::kFloat32);
    c.set_in(8, DType::kFloat32);
  }
  c.set_out(0, layer.out_type());
  for (size_t i = 1; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), DType::kFloat32);
}

ConvGeometry dense_geometry(const Shape& data, const Shape& weight) {
  ConvGeometry g;
  g.spatial = 1;
  g.in_channels = weight[1];
  g.out_channels = weight[0];
  g.batch = g.in_channels == 0 ? 0 : data.size() / g.in_channels;
  for (int i = 0; i < 3; ++i) {
    g.in[i] = g.out[i] = g.kernel[i] = g.stride[i] = g.dilate[i] = 1;
    g.pad[i] = 0;
  }
  return g;
}

Int8Convolution bound(const Int8Layer& layer, Span<const TensorDesc> in, Span<const TensorDesc> out) {
  Int8Convolution c;
  c.geometry = is_convolution(layer) ? convolution_geometry(as<ConvolutionParams>(layer.params.get()),
                                                            in[0].shape, out[0].shape)
                                     : dense_geometry(in[0].shape, in[1].shape);
  c.data = in[0].dtype;
  c.out = layer.out_type();
  if (layer.with_sum) c.sum = in[6].dtype;
  c.bias = layer.bias;
  c.act = layer.act;
  c.last_act = layer.last_act;
  if (layer.calibrated())
    c.out_scale =
        quantize_scale(c.out == DType::kInt8 ? c.out : DType::kUint8, *layer.min_calib, *layer.max_calib);
  return c;
}

Kernel layer_kernel(const KernelRequest& r) {
  const auto& layer = as<Int8Layer>(r.params);
  check_quantized(layer, r.in[0].dtype, "data");
  if (layer.with_sum) check_quantized(layer, r.in[6].dtype, "the sum");
  const Kernel run = make_int8_convolution(bound(layer, r.in, r.out), r.in[0], r.in[1], r.out[0]);
  if (!layer.calibrated() || layer.float_output) return run;
  const float lo = *layer.min_calib, hi = *layer.max_calib;
  return make_kernel(
      [run, lo, hi](void* const* in, void* const* out, void* workspace) {
        run.run(run.self.get(), in, out, workspace);
        *static_cast<float*>(out[1]) = lo;
        *static_cast<float*>(out[2]) = hi;
      },
      run.workspace);
}

void layer_layout(LayoutRequest& r) {
  const auto& layer = as<Int8Layer>(r.params);
  for (TensorDesc& d : r.in) d.layout = nullptr;
  const Int8Convolution c = bound(layer, {r.in.data(), r.in.size()}, {r.out.data(), r.out.size()});
  choose_int8_convolution_layouts(c, r.in[0], r.in[1], r.out[0], layer.with_sum ? &r.in[6] : nullptr);
}

void register_layer() {
  OpDef& op = register_op("_int8_layer");
  op.visible = false;
  op.inputs = {"data", "weight", "scale", "bias", "min_data", "max_data", "sum", "min_sum", "max_sum"};
  op.num_inputs = [](const void* p) { return as<Int8Layer>(p).with_sum ? 9 : 6; };
  op.outputs = {"output", "min_output", "max_output"};
  op.num_outputs = [](const void* p) { return as<Int8Layer>(p).float_output ? 1 : 3; };
  op.infer_shape = infer_layer_shape;
  op.infer_type = infer_layer_type;
  op.kernel = layer_kernel;
  op.layout = layer_layout;
  op.traits.inplace = {{6, 0}};
  op.traits.stands_in = true;
}

// --- _contrib_quantized_conv and _contrib_quantized_fully_connected ---

// Inputs (data, weight, [bias], ranges of each) to the nodes that compute them.
int32_t expand_quantized(Graph& graph, const NodeSpec& node, const char* op, Int8Bias bias) {
  Int8Layer layer;
  layer.op = &find_op(op);
  layer.params = node.params;
  layer.bias = bias;
  const bool has_bias = layer.has_bias();
  const std::vector<EntryId>& in = node.inputs;
  const int range = has_bias ? 3 : 2;  // the first range
  std::vector<EntryId> weight{in[1], in[range + 2], in[range + 3]};
  if (has_bias) weight.insert(weight.end(), {in[2], in[range + 4], in[range + 5]});
  const int32_t units =
      append_int8_range(graph, node.name, has_bias, bias == Int8Bias::kRaw, std::move(weight));
  return append_int8_layer(graph, node.name, std::move(layer),
                           {in[0], in[1], {units, 0}, {units, 1}, in[range], in[range + 1]});
}

std::vector<std::string> quantized_names(bool has_bias) {
  if (!has_bias) return {"data", "weight", "min_data", "max_data", "min_weight", "max_weight"};
  return {"data",       "weight",     "bias",     "min_data", "max_data",
          "min_weight", "max_weight", "min_bias", "max_bias"};
}

void register_quantized(const char* name, const char* of, const char* doc, Int8Bias bias) {
  OpDef& op = register_op(name);
  const OpDef& base = find_op(of);
  op.doc = doc;
  op.params = base.params;
  op.inputs = quantized_names(true);
  op.num_inputs = [&base](const void* p) { return base.input_count(p) * 3; };
  op.input_names = [&base](const void* p) { return quantized_names(base.input_count(p) == 3); };
  op.outputs = {"output", "min_output", "max_output"};
  op.expand = [of, bias](Graph& graph, const NodeSpec& node) {
    return expand_quantized(graph, node, of, bias);
  };
}

}  // namespace

int32_t append_int8_weight(Graph& graph, const std::string& name, const Int8WeightParams& params,
                           std::vector<EntryId> inputs) {
  return graph.add_node(&find_op("_int8_weight"), std::make_shared<Int8WeightParams>(params), name,
                        std::move(inputs));
}

int32_t append_int8_range(Graph& graph, const std::string& name, bool has_bias, bool raw_bias,
                          std::vector<EntryId> inputs) {
  return graph.add_node(&find_op("_int8_range"),
                        std::make_shared<RangeParams>(RangeParams{has_bias, raw_bias}), name,
                        std::move(inputs));
}

int32_t append_int8_layer(Graph& graph, const std::string& name, Int8Layer layer,
                          std::vector<EntryId> inputs) {
  return graph.add_node(&find_op("_int8_layer"), std::make_shared<Int8Layer>(std::move(layer)), name,
                        std::move(inputs));
}

void register_quantized_conv_ops() {
  register_weight();
  register_range();
  register_layer();
  register_quantized("_contrib_quantized_conv", "Convolution",
                     "Convolution of quantized data with an int8 weight and bias; the result is int32. As in "
                     "MXNet, the bias is added as it is, whatever its range says.",
                     Int8Bias::kRaw);
  register_quantized("_contrib_quantized_fully_connected", "FullyConnected",
                     "Dense layer of quantized data with an int8 weight and bias; the result is int32.",
                     Int8Bias::kTruncate);
}

}  // namespace symbind
