#include "backend/cpu/winograd_plan.h"

#include <algorithm>

namespace symbind {
namespace {

// Costs in cycles of one core that multiplies and adds one vector of 16 a cycle, measured on Zen 4 (AVX-512
// in two halves); other processors have similar ratios. Threads share all of it, memory bandwidth too, so
// that the choice does not depend on their number.
struct TileCost {
  double image;   // one block of one tile: transforming it into points or back
  double filter;  // one block of filters of one input channel: transforming them into points or back
};
constexpr TileCost kTileCosts[] = {{130, 120}, {400, 250}};  // tiles of 2x2, of 4x4
constexpr double kProductCycle = 1 / 0.8;                    // one vector of a product
constexpr double kSumCycles = 3;  // one vector of the weights' gradient: writing and reading it
constexpr double kDirectCycle[] = {1 / 0.9, 1 / 0.9, 1 / 0.75};  // of a direct sum, by pass
constexpr double kBytesPerCycle = 5;                             // of weights, from memory
constexpr double kGain = 1.1;                                    // that an estimate has to promise

double direct_cycles(const WinogradSpec& s, WinogradPass pass) {
  const double weights = double(s.in_channels) * double(s.out_channels) * 9;
  const double pixels = double(s.batch) * double(s.out_h()) * double(s.out_w());
  return weights * pixels / 16 * kDirectCycle[static_cast<int>(pass)] +
         weights * sizeof(float) / kBytesPerCycle;
}

double winograd_cycles(const WinogradSpec& spec, WinogradPass pass, bool transformed) {
  const WinogradSizes s(spec);
  const TileCost cost = kTileCosts[spec.tile == 4 ? 1 : 0];
  const double filters = double(spec.in_channels) * double(s.out_blocks);
  const double sums = pass == WinogradPass::kBackwardWeight ? kSumCycles : 0;
  const double products = double(s.points) * filters * (double(s.tiles) * kProductCycle + sums);
  const double images = double(s.tiles) * double(s.in_blocks + s.out_blocks) * cost.image;
  const bool ready = transformed && pass == WinogradPass::kForward;
  const double bytes = ready ? double(winograd_weight_bytes(spec)) : filters * 16 * 9 * sizeof(float);
  return products + images + (ready ? 0 : filters * cost.filter) + bytes / kBytesPerCycle;
}

}  // namespace

void check_winograd(const WinogradSpec& spec) {
  check(takes_winograd(spec) && (spec.tile == 2 || spec.tile == 4), "[winograd] cannot compute: got ",
        spec.in_channels, " to ", spec.out_channels, " channels, ", spec.in_h, "x", spec.in_w, ", padding ",
        spec.pad_h, "x", spec.pad_w, ", tile ", spec.tile,
        ", expected multiples of 16 channels, padding 0 to 2, tile 2 or 4");
}

int choose_winograd_tile(const WinogradSpec& spec, WinogradPass pass, bool transformed) {
  if (!takes_winograd(spec)) return 0;
  WinogradSpec s = pass == WinogradPass::kBackwardData ? backward_data_spec(spec) : spec;
  double best = direct_cycles(s, pass) / kGain;
  int choice = 0;
  for (int tile : {2, 4}) {
    s.tile = tile;
    const double cycles = winograd_cycles(s, pass, transformed);
    if (cycles < best) {
      best = cycles;
      choice = tile;
    }
  }
  return choice;
}

ForwardPlan plan_forward(const WinogradSizes& s, int64_t threads) {
  // By tiles, every thread reads all weights once a chunk, from the second or third level of cache, which
  // larger chunks would not make cheaper: the transformed data of a chunk has to stay there too. With few
  // tiles for each thread, or weights that are read from memory, threads share the weights instead.
  constexpr int64_t kChunk = 28, kFewTiles = 64;
  const bool by_outputs = s.tiles <= kFewTiles * threads && s.out_blocks >= 2 * threads;
  return {by_outputs, by_outputs ? s.tiles : std::min(s.tiles, kChunk)};
}

BackwardWeightPlan plan_backward_weight(const WinogradSizes& s, int64_t threads) {
  // By tiles, every thread has a sum of its own, which has to stay in the caches beside a chunk.
  constexpr int64_t kChunk = 84, kFewTiles = 28, kSumBytes = 4 << 20;
  const int64_t sum_bytes = s.points * s.spec.in_channels * s.spec.out_channels * 4;
  if (s.tiles >= kFewTiles * threads && sum_bytes <= kSumBytes) {
    return {false, std::min(s.tiles, kChunk), s.in_blocks, s.out_blocks};
  }
  // By channels, the data of all tiles should stay in the last level of cache; its size bounds the memory
  // too.
  constexpr int64_t kGroup = 4, kSharedChunk = 256;
  BackwardWeightPlan p{true, std::min(s.tiles, kSharedChunk), std::min(kGroup, s.in_blocks),
                       std::min(kGroup, s.out_blocks)};
  const auto groups = [&s](int64_t in, int64_t out) {
    return (s.in_blocks + in - 1) / in * ((s.out_blocks + out - 1) / out);
  };
  while (groups(p.in_blocks, p.out_blocks) < threads && p.in_blocks * p.out_blocks > 1) {
    (p.in_blocks > p.out_blocks ? p.in_blocks : p.out_blocks) /= 2;
  }
  return p;
}

}  // namespace symbind
