#include "backend/cpu/winograd.h"

#include <algorithm>

#include "backend/cpu/isa.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/winograd_plan.h"

namespace symbind {

WinogradSpec backward_data_spec(const WinogradSpec& spec) {
  return {spec.batch,   spec.out_channels, spec.in_channels, spec.out_h(),
          spec.out_w(), 2 - spec.pad_h,    2 - spec.pad_w,   spec.tile};
}

bool takes_winograd(const WinogradSpec& spec) {
  return spec.batch > 0 && spec.in_channels > 0 && spec.out_channels > 0 && spec.in_channels % 16 == 0 &&
         spec.out_channels % 16 == 0 && spec.pad_h >= 0 && spec.pad_h <= 2 && spec.pad_w >= 0 &&
         spec.pad_w <= 2 && spec.in_h > 0 && spec.in_w > 0 && spec.out_h() > 0 && spec.out_w() > 0;
}

size_t winograd_weight_bytes(const WinogradSpec& spec) {
  const WinogradSizes s(spec);
  return static_cast<size_t>(s.out_blocks * s.points * s.weight_point(spec.in_channels)) * sizeof(float);
}

namespace {

// Weights as they lie for one block of output channels: [out block][point][in channel][16].
struct WeightTransform {
  WinogradSizes s;
  bool rotated;  // the convolution is the gradient of another one's data: filters turned, channels exchanged

  WinogradPoints panel(float* u, int64_t out_block) const {
    const int64_t point = s.weight_point(s.spec.in_channels), block = s.points * point;
    return {u + out_block * block, point, block};
  }

  void run(const float* w, int64_t out_block, int64_t first, int64_t count, const WinogradPoints& to) const {
    const int64_t out = s.spec.out_channels, in = s.spec.in_channels;
    const WinogradFilter f = rotated ? WinogradFilter{9, out * 9} : WinogradFilter{in * 9, 9};
    s.fns().filter(f, w + out_block * 16 * f.lane + first * f.line, count, rotated, to);
  }

  void run_all(const float* w, float* u) const {
    parallel_for(s.out_blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) run(w, b, 0, s.spec.in_channels, panel(u, b));
    });
  }
};

constexpr int64_t kPair = 2;          // blocks of output channels that are done together
constexpr int64_t kFusedDepth = 128;  // input channels whose weights are transformed when they are needed

// The transformed data of some tiles is multiplied with the weights of one pair of blocks of output channels
// after another, so that products are still in the cache when they are transformed back. Threads share the
// tiles, each with all outputs, or, where tiles are few and weights large, the outputs, so that every weight
// is read once.
class Forward {
 public:
  Forward(const WinogradSpec& spec, bool rotated, bool transformed, const WinogradEpilogue& epilogue)
      : s_(spec), weights_{s_, rotated}, transformed_(transformed), epilogue_(epilogue) {
    threads_ = std::max(1, max_threads());
    const ForwardPlan plan = plan_forward(s_, threads_);
    by_outputs_ = plan.by_outputs;
    chunk_ = plan.chunk;
    fused_ = by_outputs_ && !transformed_;
    v_ = s_.data_points(chunk_, s_.in_blocks);
    m_ = s_.data_points(chunk_, kPair);
    Workspace w;
    if (!transformed_ && !fused_) u_at_ = w.take(winograd_weight_bytes(spec) / sizeof(float));
    v_at_ = w.take(v_.size, by_outputs_ ? 1 : threads_);
    m_at_ = w.take(m_.size, threads_);
    if (fused_) fused_at_ = w.take(kPair * s_.points * s_.weight_point(fused_depth()), threads_);
    bytes_ = w.bytes();
  }

  size_t workspace() const { return bytes_; }

  void operator()(void* const* in, void* const* out, void* workspace) const {
    float* const ws = static_cast<float*>(workspace);
    const float* weights = static_cast<const float*>(in[1]);
    if (!transformed_ && !fused_) {
      weights_.run_all(weights, ws + u_at_.offset);
      weights = ws + u_at_.offset;
    }
    const Call call{static_cast<const float*>(in[0]),
                    weights,
                    epilogue_.bias ? static_cast<const float*>(in[2]) : nullptr,
                    epilogue_.summand >= 0 ? static_cast<const float*>(in[epilogue_.summand]) : nullptr,
                    static_cast<float*>(out[0]),
                    ws};
    if (by_outputs_) {
      run_by_outputs(call);
    } else {
      run_by_tiles(call);
    }
  }

 private:
  struct Call {
    const float* data;
    const float* weights;
    const float* bias;
    const float* summand;
    float* result;
    float* ws;
  };

  int64_t fused_depth() const { return std::min(kFusedDepth, s_.spec.in_channels); }

  void run_by_tiles(const Call& call) const {
    parallel_for(threads_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t first = piece_begin(s_.tiles, threads_, piece);
        const int64_t last = piece_begin(s_.tiles, threads_, piece + 1);
        const WinogradPoints v = v_.at(call.ws + v_at_.of(piece));
        for_chunks(first, last, chunk_, [&](int64_t tile, int64_t count) {
          s_.fns().data(s_.data_tiles(tile, count, 0, s_.in_blocks), call.data, v);
          for (int64_t o = 0; o < s_.out_blocks; o += kPair) multiply_pair(call, v, piece, tile, count, o);
        });
      }
    });
  }

  void run_by_outputs(const Call& call) const {
    const WinogradPoints v = v_.at(call.ws + v_at_.offset);
    parallel_for(s_.in_blocks, 1, [&](int64_t begin, int64_t end) {
      s_.fns().data(s_.data_tiles(0, s_.tiles, begin, end - begin), call.data,
                    {v.data + begin * v.block, v.point, v.block});
    });
    const int64_t pairs = (s_.out_blocks + kPair - 1) / kPair;
    parallel_for(threads_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t last = piece_begin(pairs, threads_, piece + 1);
        for (int64_t pair = piece_begin(pairs, threads_, piece); pair < last; ++pair) {
          multiply_pair(call, v, piece, 0, s_.tiles, pair * kPair);
        }
      }
    });
  }

  // Results of `count` tiles from `tile` on for the output channels of blocks o and o + 1.
  void multiply_pair(const Call& call, const WinogradPoints& v, int64_t piece, int64_t tile, int64_t count,
                     int64_t o) const {
    const int64_t blocks = std::min(kPair, s_.out_blocks - o);
    WinogradProduct p;
    p.a = v;
    p.c = m_.at(call.ws + m_at_.of(piece));
    p.points = s_.points;
    p.tiles = count;
    p.out_blocks = blocks;
    if (fused_) {
      const int64_t depth = fused_depth(), point = s_.weight_point(depth);
      p.b = {call.ws + fused_at_.of(piece), point, s_.points * point};
      for (int64_t c = 0; c < s_.spec.in_channels; c += depth) {
        const int64_t lines = std::min(depth, s_.spec.in_channels - c);
        for (int64_t b = 0; b < blocks; ++b) {
          weights_.run(call.weights, o + b, c, lines, {p.b.data + b * p.b.block, p.b.point, p.b.block});
        }
        p.a.data = v.data + c / 16 * v.block;
        p.in_blocks = lines / 16;
        p.accumulate = c > 0;
        kernels().winograd_product.forward(p);
      }
    } else {
      p.b = weights_.panel(const_cast<float*>(call.weights), o);
      p.in_blocks = s_.in_blocks;
      kernels().winograd_product.forward(p);
    }
    s_.fns().result(s_.result_tiles(tile, count, o, blocks), p.c, call.bias, call.summand, epilogue_.relu,
                    call.result);
  }

  WinogradSizes s_;
  WeightTransform weights_;
  bool transformed_, by_outputs_ = false, fused_ = false;
  WinogradEpilogue epilogue_;
  int64_t threads_ = 1, chunk_ = 0;
  PointsLayout v_, m_;
  Workspace::Part u_at_, v_at_, m_at_, fused_at_;
  size_t bytes_ = 0;
};

Kernel make_forward(const WinogradSpec& spec, bool rotated, bool transformed,
                    const WinogradEpilogue& epilogue) {
  check_winograd(spec);
  Forward f(spec, rotated, transformed, epilogue);
  const size_t workspace = f.workspace();
  return make_kernel(std::move(f), workspace);
}

}  // namespace

Kernel make_winograd_weights(const WinogradSpec& spec) {
  check_winograd(spec);
  const WeightTransform t{WinogradSizes(spec), false};
  return make_kernel([t](void* const* in, void* const* out, void*) {
    t.run_all(static_cast<const float*>(in[0]), static_cast<float*>(out[0]));
  });
}

Kernel make_winograd_forward(const WinogradSpec& spec, bool transformed, const WinogradEpilogue& epilogue) {
  return make_forward(spec, false, transformed, epilogue);
}

Kernel make_winograd_backward_data(const WinogradSpec& spec) {
  check_winograd(spec);
  return make_forward(backward_data_spec(spec), true, false, {});
}

}  // namespace symbind
