// The gradient of the weights: dg = G^T [ sum over the tiles (A dY A^T) . (B^T d B) ] G, the transposed
// algorithm of winograd.h. The sum over all tiles of all images is a product of matrices for every point.
#include <algorithm>
#include <utility>

#include "backend/cpu/isa.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/winograd_plan.h"

namespace symbind {
namespace {

// Threads share the tiles, each with a sum of its own over all channels, or, where there are many channels,
// the channels: blocks of the gradient small enough to stay in the cache until they are transformed back.
class BackwardWeight {
 public:
  explicit BackwardWeight(const WinogradSpec& spec) : s_(spec) {
    threads_ = std::max(1, max_threads());
    const BackwardWeightPlan plan = plan_backward_weight(s_, threads_);
    by_channels_ = plan.by_channels;
    chunk_ = plan.chunk;
    in_group_ = plan.in_blocks;
    out_group_ = plan.out_blocks;
    v_ = s_.data_points(chunk_, s_.in_blocks);
    w_ = s_.data_points(chunk_, s_.out_blocks);
    Workspace ws;
    const int64_t copies = by_channels_ ? 1 : threads_;
    v_at_ = ws.take(v_.size, copies);
    w_at_ = ws.take(w_.size, copies);
    const int64_t groups = in_groups() * out_groups();
    u_at_ = ws.take(out_group_ * u_block(), !by_channels_ ? threads_ : chunk_ < s_.tiles ? groups : threads_);
    bytes_ = ws.bytes();
  }

  size_t workspace() const { return bytes_; }

  void operator()(void* const* in, void* const* out, void* workspace) const {
    const Call call{static_cast<const float*>(in[0]), static_cast<const float*>(in[1]),
                    static_cast<float*>(out[0]), static_cast<float*>(workspace)};
    if (by_channels_) {
      run_by_channels(call);
    } else {
      run_by_tiles(call);
    }
  }

 private:
  struct Call {
    const float* out_grad;
    const float* data;
    float* weight_grad;
    float* ws;
  };

  int64_t u_point() const { return in_group_ * 256; }
  int64_t u_block() const { return s_.points * u_point(); }
  int64_t in_groups() const { return (s_.in_blocks + in_group_ - 1) / in_group_; }
  int64_t out_groups() const { return (s_.out_blocks + out_group_ - 1) / out_group_; }
  WinogradPoints sums(const Call& call, int64_t index) const {
    return {call.ws + u_at_.of(index), u_point(), u_block()};
  }
  // The gradient of the filters from blocks (in, out) on.
  float* filters(const Call& call, int64_t in_block, int64_t out_block) const {
    return call.weight_grad + (out_block * s_.spec.in_channels + in_block) * 16 * 9;
  }

  void run_by_tiles(const Call& call) const {
    parallel_for(threads_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t first = piece_begin(s_.tiles, threads_, piece);
        WinogradProduct p;
        p.a = v_.at(call.ws + v_at_.of(piece));
        p.b = w_.at(call.ws + w_at_.of(piece));
        p.c = sums(call, piece);
        p.points = s_.points;
        p.in_blocks = s_.in_blocks;
        p.out_blocks = s_.out_blocks;
        for_chunks(first, piece_begin(s_.tiles, threads_, piece + 1), chunk_,
                   [&](int64_t tile, int64_t count) {
                     s_.fns().data(s_.data_tiles(tile, count, 0, s_.in_blocks), call.data, p.a);
                     s_.fns().gradient(s_.result_tiles(tile, count, 0, s_.out_blocks), call.out_grad, p.b);
                     p.tiles = count;
                     p.accumulate = tile > first;
                     kernels().winograd_product.filter_gradient(p);
                   });
      }
    });
    parallel_for(s_.out_blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        WinogradPoints from = sums(call, 0);
        from.data += o * from.block;
        s_.fns().filter_gradient(from, threads_, u_at_.stride, s_.spec.in_channels, s_.spec.in_channels * 9,
                                 filters(call, 0, o));
      }
    });
  }

  void run_by_channels(const Call& call) const {
    const WinogradPoints v = v_.at(call.ws + v_at_.offset), w = w_.at(call.ws + w_at_.offset);
    const int64_t groups = in_groups() * out_groups();
    for_chunks(0, s_.tiles, chunk_, [&](int64_t tile, int64_t count) {
      parallel_for(s_.in_blocks + s_.out_blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) transform_block(call, b, tile, count);
      });
      parallel_for(threads_, 1, [&](int64_t begin, int64_t end) {
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t last = piece_begin(groups, threads_, piece + 1);
          for (int64_t g = piece_begin(groups, threads_, piece); g < last; ++g) {
            multiply_group(call, v, w, g, chunk_ < s_.tiles ? g : piece, tile, count);
          }
        }
      });
    });
  }

  // Blocks of the data, then those of the gradient of the result.
  void transform_block(const Call& call, int64_t b, int64_t tile, int64_t count) const {
    if (b < s_.in_blocks) {
      WinogradPoints to = v_.at(call.ws + v_at_.offset);
      to.data += b * to.block;
      s_.fns().data(s_.data_tiles(tile, count, b, 1), call.data, to);
    } else {
      b -= s_.in_blocks;
      WinogradPoints to = w_.at(call.ws + w_at_.offset);
      to.data += b * to.block;
      s_.fns().gradient(s_.result_tiles(tile, count, b, 1), call.out_grad, to);
    }
  }

  void multiply_group(const Call& call, const WinogradPoints& v, const WinogradPoints& w, int64_t group,
                      int64_t sum, int64_t tile, int64_t count) const {
    const int64_t in = group % in_groups() * in_group_, out = group / in_groups() * out_group_;
    WinogradProduct p;
    p.a = {v.data + in * v.block, v.point, v.block};
    p.b = {w.data + out * w.block, w.point, w.block};
    p.c = sums(call, sum);
    p.points = s_.points;
    p.tiles = count;
    p.in_blocks = std::min(in_group_, s_.in_blocks - in);
    p.out_blocks = std::min(out_group_, s_.out_blocks - out);
    p.accumulate = tile > 0;
    kernels().winograd_product.filter_gradient(p);
    if (tile + count < s_.tiles) return;
    for (int64_t o = 0; o < p.out_blocks; ++o) {
      s_.fns().filter_gradient({p.c.data + o * p.c.block, p.c.point, p.c.block}, 1, 0, p.in_blocks * 16,
                               s_.spec.in_channels * 9, filters(call, in, out + o));
    }
  }

  WinogradSizes s_;
  bool by_channels_ = false;
  int64_t threads_ = 1, chunk_ = 0, in_group_ = 0, out_group_ = 0;
  PointsLayout v_, w_;
  Workspace::Part v_at_, w_at_, u_at_;
  size_t bytes_ = 0;
};

}  // namespace

Kernel make_winograd_backward_weight(const WinogradSpec& spec) {
  check_winograd(spec);
  BackwardWeight f(spec);
  const size_t workspace = f.workspace();
  return make_kernel(std::move(f), workspace);
}

}  // namespace symbind
