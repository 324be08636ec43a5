#include "backend/cpu/int8_convolution.h"

#include <cstring>

#include "backend/cpu/parallel.h"
#include "backend/cpu/quantize.h"
#if SYMBIND_ONEDNN
#include "backend/cpu/onednn_int8.h"
#endif

namespace symbind {

void compute_int8_units(const Int8Convolution& c, void* const* in, Int8Units& u) {
  const float* weight_scale = static_cast<const float*>(in[2]);
  const float* bias = static_cast<const float*>(in[3]);
  const float lo = *static_cast<const float*>(in[4]), hi = *static_cast<const float*>(in[5]);
  u.data_scale = quantize_scale(c.data, lo, hi);
  if (c.sum != DType::kUnknown) {
    u.sum_unit =
        1 / quantize_scale(c.sum, *static_cast<const float*>(in[7]), *static_cast<const float*>(in[8]));
  }
  for (int64_t o = 0; o < c.geometry.out_channels; ++o) {
    u.factors[o] = 1 / u.data_scale / weight_scale[o];
    float units = bias[o] * weight_scale[o] * u.data_scale;
    if (c.bias == Int8Bias::kRaw) units = bias[o];
    units = c.bias == Int8Bias::kTruncate ? std::trunc(units) : std::nearbyint(units);
    // Where a weight is so small that its bias has no int32 in these units, the bias is all that counts.
    const bool fits = std::fabs(units) < 2147483648.f;
    u.bias[o] = c.out == DType::kInt32 ? units : fits ? units * u.factors[o] : bias[o];
  }
  const float weight_max = c.geometry.out_channels > 0 ? quantized_range(DType::kInt8) / weight_scale[0] : 0;
  u.range = max_abs(lo, hi) / whole_range(c.bias == Int8Bias::kRaw ? DType::kInt8 : c.data) *
            (weight_max / whole_range(DType::kInt8)) * whole_range(DType::kInt32);
}

void write_int8_range(const Int8Units& u, void* const* out) {
  *static_cast<float*>(out[1]) = -u.range;
  *static_cast<float*>(out[2]) = u.range;
}

namespace {

constexpr int64_t kTile = 64;  // output positions that are summed together

float apply(const std::optional<PostOp>& op, float v) {
  if (!op) return v;
  switch (op->kind) {
    case PostOp::kRelu:
      return v > 0 ? v : v * op->alpha;
    case PostOp::kSigmoid:
      return 1 / (1 + std::exp(-v));
    case PostOp::kTanh:
      return std::tanh(v);
    case PostOp::kSoftRelu:
      return v > 20 ? v : std::log1p(std::exp(v));
    case PostOp::kClip:
      return std::min(std::max(v, op->alpha), op->beta);
    case PostOp::kSum:
      break;
  }
  return v;
}

// Where things are in row-major tensors.
struct Strides {
  int64_t channel, position;                // of data and output
  int64_t weight_channel, weight_position;  // of the weight
  explicit Strides(const ConvGeometry& g, int64_t channels, int64_t positions)
      : channel(g.channels_last ? 1 : positions),
        position(g.channels_last ? channels : 1),
        weight_channel(g.channels_last ? 1 : g.kernel_size()),
        weight_position(g.channels_last ? g.group_in() : 1) {}
};

// columns[k][t]: what weight k of a filter meets at output position first + t; 0 outside of the data.
template <class T>
void gather(const ConvGeometry& g, const T* data, int64_t first, int64_t count, int16_t* columns) {
  const Strides s(g, g.in_channels, g.in_size());
  for (int64_t t = 0; t < count; ++t) {
    const int64_t p = first + t;
    const int64_t at[3] = {p / (g.out[1] * g.out[2]), p / g.out[2] % g.out[1], p % g.out[2]};
    int64_t k = 0;
    for (int64_t kd = 0; kd < g.kernel[0]; ++kd) {
      for (int64_t kh = 0; kh < g.kernel[1]; ++kh) {
        for (int64_t kw = 0; kw < g.kernel[2]; ++kw, ++k) {
          const int64_t d = at[0] * g.stride[0] - g.pad[0] + kd * g.dilate[0];
          const int64_t h = at[1] * g.stride[1] - g.pad[1] + kh * g.dilate[1];
          const int64_t w = at[2] * g.stride[2] - g.pad[2] + kw * g.dilate[2];
          const bool inside = d >= 0 && d < g.in[0] && h >= 0 && h < g.in[1] && w >= 0 && w < g.in[2];
          const T* from = data + ((d * g.in[1] + h) * g.in[2] + w) * s.position;
          for (int64_t c = 0; c < g.group_in(); ++c) {
            columns[(c * g.kernel_size() + k) * kTile + t] = inside ? from[c * s.channel] : 0;
          }
        }
      }
    }
  }
}

// Turns int32 sums into elements of the output.
class Finish {
 public:
  Finish(const Int8Convolution& c, const Int8Units& u) : c_(c), u_(u) {}

  void operator()(int64_t channel, int32_t total, const void* sum, void* out, int64_t at) const {
    if (c_.out == DType::kInt32) {
      const float value = static_cast<float>(total) + u_.bias[channel];
      const bool exact = std::fabs(value) < 16777216.f;  // beyond it float32 misses whole numbers
      int32_t units = exact ? total + static_cast<int32_t>(u_.bias[channel]) : saturate<int32_t>(value);
      if (c_.act && units < 0) units = 0;
      static_cast<int32_t*>(out)[at] = units;
      return;
    }
    float v = apply(c_.act, static_cast<float>(total) * u_.factors[channel] + u_.bias[channel]);
    if (c_.sum == DType::kUint8) v += static_cast<const uint8_t*>(sum)[at] * u_.sum_unit;
    if (c_.sum == DType::kInt8) v += static_cast<const int8_t*>(sum)[at] * u_.sum_unit;
    v = apply(c_.last_act, v) * c_.out_scale;
    const DType type = c_.sum == DType::kUnknown ? c_.out : c_.sum;
    if (type == DType::kFloat32) {
      static_cast<float*>(out)[at] = v;
    } else if (type == DType::kUint8) {
      static_cast<uint8_t*>(out)[at] = saturate<uint8_t>(v);
    } else {
      static_cast<int8_t*>(out)[at] = saturate<int8_t>(v);
    }
  }

 private:
  const Int8Convolution& c_;
  const Int8Units& u_;
};

struct PortableKernel {
  Int8Convolution c;
  int pieces = 1;

  int64_t depth() const { return c.geometry.group_in() * c.geometry.kernel_size(); }
  size_t columns_bytes() const { return static_cast<size_t>(depth() * kTile) * sizeof(int16_t); }
  size_t units_bytes() const { return 2 * static_cast<size_t>(c.geometry.out_channels) * sizeof(float); }
  size_t workspace() const { return units_bytes() + static_cast<size_t>(pieces) * columns_bytes(); }

  // One tile of output positions of one image and group, for all of the group's channels.
  template <class T>
  void run_tile(int64_t tile, void* const* in, void* out, int16_t* columns, const Finish& finish) const {
    const ConvGeometry& g = c.geometry;
    const int64_t tiles = (g.out_size() + kTile - 1) / kTile;
    const int64_t first = tile % tiles * kTile, group = tile / tiles % g.groups,
                  image = tile / tiles / g.groups;
    const int64_t count = std::min(kTile, g.out_size() - first);
    const Strides from(g, g.in_channels, g.in_size()), to(g, g.out_channels, g.out_size());
    const T* data = static_cast<const T*>(in[0]) + image * g.in_channels * g.in_size() +
                    group * g.group_in() * from.channel;
    gather(g, data, first, count, columns);
    const int8_t* weight = static_cast<const int8_t*>(in[1]);
    for (int64_t o = group * g.group_out(); o < (group + 1) * g.group_out(); ++o) {
      int32_t totals[kTile] = {};
      const int8_t* filter = weight + o * depth();
      for (int64_t channel = 0; channel < g.group_in(); ++channel) {
        for (int64_t k = 0; k < g.kernel_size(); ++k) {
          const int32_t w = filter[channel * from.weight_channel + k * from.weight_position];
          const int16_t* column = columns + (channel * g.kernel_size() + k) * kTile;
          for (int64_t t = 0; t < kTile; ++t) totals[t] += w * column[t];
        }
      }
      const int64_t base = image * g.out_channels * g.out_size() + o * to.channel + first * to.position;
      for (int64_t t = 0; t < count; ++t) finish(o, totals[t], in[6], out, base + t * to.position);
    }
  }

  void operator()(void* const* in, void* const* out, void* workspace) const {
    const ConvGeometry& g = c.geometry;
    Int8Units units{};
    units.factors = static_cast<float*>(workspace);
    units.bias = units.factors + g.out_channels;
    compute_int8_units(c, in, units);
    if (c.out == DType::kInt32) write_int8_range(units, out);
    const Finish finish(c, units);
    const int64_t tiles = (g.out_size() + kTile - 1) / kTile * g.groups * g.batch;
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        auto* columns = reinterpret_cast<int16_t*>(static_cast<char*>(workspace) + units_bytes() +
                                                   static_cast<size_t>(piece) * columns_bytes());
        std::memset(columns, 0, columns_bytes());
        for (int64_t tile = tiles * piece / pieces; tile < tiles * (piece + 1) / pieces; ++tile) {
          if (c.data == DType::kUint8) {
            run_tile<uint8_t>(tile, in, out[0], columns, finish);
          } else {
            run_tile<int8_t>(tile, in, out[0], columns, finish);
          }
        }
      }
    });
  }
};

}  // namespace

Kernel make_int8_convolution(const Int8Convolution& c, [[maybe_unused]] const TensorDesc& data,
                             [[maybe_unused]] const TensorDesc& weight,
                             [[maybe_unused]] const TensorDesc& out) {
#if SYMBIND_ONEDNN
  Kernel kernel = onednn::make_int8_convolution(c, data, weight, out);
  if (kernel.run != nullptr) return kernel;
#endif
  PortableKernel portable{c, max_threads()};
  const size_t workspace = portable.workspace();
  return make_kernel(std::move(portable), workspace);
}

void choose_int8_convolution_layouts([[maybe_unused]] const Int8Convolution& c, TensorDesc& data,
                                     TensorDesc& weight, TensorDesc& out, TensorDesc* sum) {
  data.layout = weight.layout = out.layout = nullptr;
  if (sum != nullptr) sum->layout = nullptr;
#if SYMBIND_ONEDNN
  onednn::choose_int8_convolution_layouts(c, data, weight, out, sum);
#endif
}

}  // namespace symbind
