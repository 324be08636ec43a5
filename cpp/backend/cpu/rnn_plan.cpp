#include "backend/cpu/rnn_plan.h"

#include "backend/cpu/parallel.h"

namespace symbind {

RnnPlan::RnnPlan(const RnnSpec& s) : spec(s) {
  fns = &kernels().rnn[s.dtype == DType::kFloat64 ? kF64 : kF32];
  lanes = fns->lanes;
  tiles = std::max<int64_t>(1, (s.batch + fns->max_rows - 1) / fns->max_rows);
  rows = std::max<int64_t>(1, (s.batch + tiles - 1) / tiles);
  tiles = std::max<int64_t>(1, (s.batch + rows - 1) / rows);
  input_blocks = blocks_of(s.inputs);
  unit_blocks = blocks_of(s.hidden);
  out_blocks = blocks_of(s.outputs());
  gates = s.gates();
  slots = gates == 1 ? 1 : 4;
}

int64_t RnnPlan::direction_weights(int64_t layer) const {
  return gates * spec.hidden * (spec.inputs_of(layer) + spec.outputs()) + spec.projection * spec.hidden;
}

int64_t RnnPlan::weights_before(int64_t layer, int64_t direction) const {
  const int64_t lower = layer == 0 ? 0 : direction_weights(0) + (layer - 1) * direction_weights(1);
  return spec.directions * lower + direction * direction_weights(layer);
}

int64_t RnnPlan::input_weight(int64_t layer, int64_t direction) const {
  return weights_before(layer, direction);
}

int64_t RnnPlan::hidden_weight(int64_t layer, int64_t direction) const {
  return input_weight(layer, direction) + gates * spec.hidden * spec.inputs_of(layer);
}

int64_t RnnPlan::projection_weight(int64_t layer, int64_t direction) const {
  return hidden_weight(layer, direction) + gates * spec.hidden * spec.outputs();
}

int64_t RnnPlan::input_bias(int64_t layer, int64_t direction) const {
  return weights_before(spec.layers, 0) + (layer * spec.directions + direction) * 2 * gates * spec.hidden;
}

int64_t RnnPlan::hidden_bias(int64_t layer, int64_t direction) const {
  return input_bias(layer, direction) + gates * spec.hidden;
}

int64_t RnnPlan::mask_size() const {
  if (!drops()) return 0;
  const int64_t element = dtype_size(spec.dtype), bytes = spec.steps * step(out_blocks);
  return (bytes / element + 15) / 16 * 16 + 16;
}

int64_t rnn_parameter_count(const RnnSpec& spec) {
  const int64_t g = spec.gates() * spec.hidden, out = spec.outputs(), biases = 2;
  int64_t count = 0;
  for (int64_t layer = 0; layer < std::min<int64_t>(spec.layers, 2); ++layer) {
    const int64_t one = g * (spec.inputs_of(layer) + out + biases) + spec.projection * spec.hidden;
    count += spec.directions * one * (layer == 0 ? 1 : spec.layers - 1);
  }
  return count;
}

int64_t rnn_reserve_size(const RnnSpec& spec) {
  int64_t size = 0;
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    RnnSpec typed = spec;
    typed.dtype = dtype;
    size = std::max(size, spec.layers * spec.directions * RnnPlan(typed).kept_per_direction());
  }
  return size;
}

template <class T>
void load_sequence(const RnnPlan& p, const T* x, int64_t steps, int64_t size, int64_t stride, T* out) {
  const int64_t blocks = p.blocks_of(size);
  parallel_for(steps * p.tiles, 1 + kElementGrain / (p.rows * size + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t time = i / p.tiles, tile = i % p.tiles;
      const T* from = x + (time * p.spec.batch + tile * p.rows) * stride;
      for (int64_t b = 0; b < blocks; ++b) {
        load_block(p, from + b * p.lanes, stride, p.rows_in(tile), p.columns_in(b, size),
                   out + (i * blocks + b) * p.block());
      }
    }
  });
}

void read_lengths(const RnnPlan& p, const void* lengths, int64_t* out) {
  visit_dtype(p.spec.lengths, [&](auto tag) {
    using L = typename decltype(tag)::type;
    const L* from = static_cast<const L*>(lengths);
    for (int64_t n = 0; n < p.spec.batch; ++n) {
      const double length = static_cast<double>(static_cast<accumulate_t<L>>(from[n]));
      out[n] =
          length > 0 ? static_cast<int64_t>(std::min<double>(length, static_cast<double>(p.spec.steps))) : 0;
    }
  });
}

template <class T>
void apply_mask(const RnnPlan& p, const uint8_t* mask, const T* src, T* dst) {
  const T scale = p.spec.dropout < 1 ? T(1.0 / (1.0 - p.spec.dropout)) : T(0);
  parallel_for(p.spec.steps * p.step(p.out_blocks), kElementGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) dst[i] = src[i] * (mask[i] ? scale : T(0));
  });
}

#define SYMBIND_RNN_MOVES(T)                                                            \
  template void load_sequence(const RnnPlan&, const T*, int64_t, int64_t, int64_t, T*); \
  template void apply_mask(const RnnPlan&, const uint8_t*, const T*, T*);
SYMBIND_RNN_MOVES(float)
SYMBIND_RNN_MOVES(double)
#undef SYMBIND_RNN_MOVES

}  // namespace symbind
