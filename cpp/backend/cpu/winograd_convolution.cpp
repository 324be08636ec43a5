#include "backend/cpu/winograd_convolution.h"

#include <algorithm>
#include <utility>

#include "backend/cpu/layout.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/post_ops.h"
#include "base/env.h"

namespace symbind {
namespace {

struct WinogradWeights : Layout {
  WinogradSpec spec;
  explicit WinogradWeights(const WinogradSpec& s) : spec(s) {}
  bool equals(const Layout& other) const override {
    const auto* o = dynamic_cast<const WinogradWeights*>(&other);
    return o != nullptr && o->spec.tile == spec.tile && o->spec.in_channels == spec.in_channels &&
           o->spec.out_channels == spec.out_channels;
  }
  size_t bytes() const override { return winograd_weight_bytes(spec); }
  bool padded() const override { return true; }
};

const WinogradWeights* weights_of(const TensorDesc& tensor) {
  return dynamic_cast<const WinogradWeights*>(tensor.layout.get());
}

// What the kernel can do on its own: a sum, then a relu, or one of them.
bool fits_epilogue(Span<const PostOp> post_ops, WinogradEpilogue& epilogue) {
  for (const PostOp& op : post_ops) {
    if (epilogue.relu) return false;
    if (op.kind == PostOp::kSum && epilogue.summand < 0) {
      epilogue.summand = op.input;
    } else if (op.kind == PostOp::kRelu && op.alpha == 0) {
      epilogue.relu = true;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

WinogradSpec plan_winograd(const ConvGeometry& g, WinogradPass pass, bool transformed) {
  WinogradSpec spec;
  spec.tile = 0;
  if (g.spatial != 2 || g.groups != 1 || g.channels_last || !env_flag("SYMBIND_WINOGRAD", true)) return spec;
  for (int i = 1; i < 3; ++i) {
    if (g.kernel[i] != 3 || g.stride[i] != 1 || g.dilate[i] != 1) return spec;
  }
  spec.batch = g.batch;
  spec.in_channels = g.in_channels;
  spec.out_channels = g.out_channels;
  spec.in_h = g.in[1];
  spec.in_w = g.in[2];
  spec.pad_h = g.pad[1];
  spec.pad_w = g.pad[2];
  if (takes_winograd(spec)) spec.tile = choose_winograd_tile(spec, pass, transformed);
  return spec;
}

bool in_blocks_of_16(const TensorDesc& tensor) {
  ChannelView view;
  return tensor.dtype == DType::kFloat32 && tensor.layout && !tensor.layout->bfloat16() &&
         tensor.shape.ndim() == 4 && view_channels(tensor, 1, view) && view.block == 16 &&
         view.blocks * 16 == tensor.shape[1];
}

LayoutPtr winograd_weight_layout(const WinogradSpec& spec) { return std::make_shared<WinogradWeights>(spec); }

int winograd_weight_tile(const TensorDesc& weight) {
  const WinogradWeights* weights = weights_of(weight);
  return weights == nullptr ? 0 : weights->spec.tile;
}

Kernel make_winograd_reorder(const TensorDesc& from, const TensorDesc& to) {
  const WinogradWeights* weights = weights_of(to);
  if (weights == nullptr) return {};
  check(from.layout == nullptr, "[_reorder] only row-major weights can be transformed");
  return make_winograd_weights(weights->spec);
}

Kernel make_winograd_conv_forward(const WinogradSpec& spec, bool transformed, bool has_bias,
                                  const TensorDesc& out, Span<const PostOp> post_ops) {
  WinogradEpilogue epilogue;
  epilogue.bias = has_bias;
  if (fits_epilogue(post_ops, epilogue)) return make_winograd_forward(spec, transformed, epilogue);
  epilogue = {};
  epilogue.bias = has_bias;
  return then_post_ops(make_winograd_forward(spec, transformed, epilogue), out, post_ops);
}

namespace {

// The gradient of the bias: sums over images and positions, of tensors in blocks of 16 channels.
void sum_channels(const float* grad, float* bias, int64_t batch, int64_t blocks, int64_t positions) {
  constexpr int64_t kRun = 512;  // positions that are summed in single precision
  parallel_for(blocks, 1 + kElementGrain / (16 * batch * positions + 1), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      double total[16] = {};
      for (int64_t n = 0; n < batch; ++n) {
        const float* image = grad + (n * blocks + block) * positions * 16;
        for (int64_t first = 0; first < positions; first += kRun) {
          const int64_t last = std::min(positions, first + kRun);
          float sum[16] = {};
          for (int64_t i = first; i < last; ++i) {
            for (int c = 0; c < 16; ++c) sum[c] += image[i * 16 + c];
          }
          for (int c = 0; c < 16; ++c) total[c] += double(sum[c]);
        }
      }
      for (int c = 0; c < 16; ++c) bias[block * 16 + c] = static_cast<float>(total[c]);
    }
  });
}

}  // namespace

Kernel make_winograd_conv_backward_weight(const WinogradSpec& spec, bool has_bias) {
  Kernel weight = make_winograd_backward_weight(spec);
  if (!has_bias) return weight;
  const size_t workspace = weight.workspace;
  return make_kernel(
      [weight = std::move(weight), spec](void* const* in, void* const* out, void* ws) {
        weight.run(weight.self.get(), in, out, ws);
        sum_channels(static_cast<const float*>(in[0]), static_cast<float*>(out[1]), spec.batch,
                     spec.out_channels / 16, spec.out_h() * spec.out_w());
      },
      workspace);
}

}  // namespace symbind
