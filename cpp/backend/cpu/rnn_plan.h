// Where things lie in memory while recurrent layers run: offsets in the parameter vector, in the reserve and
// in the workspace, and the moves between row-major arrays and blocks (see kernels/rnn_kernels.h).
//
// The batch is cut into `tiles` of `rows` samples. A sequence of values with some features is
// [step][tile][block][row][lane], padded with zeros; gates are blocks too, gate by gate.
#pragma once

#include <algorithm>

#include "backend/cpu/isa.h"
#include "backend/cpu/rnn.h"

namespace symbind {

inline constexpr int64_t kMaxRnnBlock = 28 * 16;  // elements of the largest block, for buffers on the stack

struct RnnPlan {
  explicit RnnPlan(const RnnSpec& spec);

  RnnSpec spec;
  const RnnFns* fns = nullptr;
  int64_t lanes = 0, rows = 0, tiles = 0;
  int64_t input_blocks = 0, unit_blocks = 0, out_blocks = 0;
  int64_t gates = 0;  // with weights
  int64_t slots = 0;  // of the gate buffers: GRU keeps both parts of its candidate

  int64_t block() const { return rows * lanes; }
  // Elements of one step with so many blocks.
  int64_t step(int64_t blocks) const { return tiles * blocks * block(); }
  int64_t blocks_of(int64_t size) const { return (size + lanes - 1) / lanes; }
  int64_t rows_in(int64_t tile) const { return std::min(rows, spec.batch - tile * rows); }
  int64_t columns_in(int64_t block, int64_t size) const { return std::min(lanes, size - block * lanes); }

  // Offsets in the parameter vector.
  int64_t input_weight(int64_t layer, int64_t direction) const;
  int64_t hidden_weight(int64_t layer, int64_t direction) const;
  int64_t projection_weight(int64_t layer, int64_t direction) const;
  int64_t input_bias(int64_t layer, int64_t direction) const;
  int64_t hidden_bias(int64_t layer, int64_t direction) const;

  bool has_cells() const { return spec.mode == RnnMode::kLstm; }
  // Plain cells differentiate through their results; the others need their gates.
  bool keeps_gates() const { return slots > 1; }

  // Element counts of the sequences of one layer and direction: what recurs (one step more, for the first
  // state), gates, cells (one step more) and the LSTM's results before projection.
  int64_t states_size() const { return (spec.steps + 1) * step(out_blocks); }
  int64_t gates_size() const { return spec.steps * step(slots * unit_blocks); }
  int64_t cells_size() const { return has_cells() ? (spec.steps + 1) * step(unit_blocks) : 0; }
  int64_t full_size() const { return spec.projection > 0 ? spec.steps * step(unit_blocks) : 0; }
  bool drops() const { return spec.dropout > 0 && spec.layers > 1; }
  // A byte for each element, in elements.
  int64_t mask_size() const;

  // The reserve: of each layer and direction states, gates, cells, results before projection, mask.
  int64_t kept_per_direction() const {
    return states_size() + (keeps_gates() ? gates_size() : 0) + cells_size() + full_size() + mask_size();
  }
  int64_t kept(int64_t layer, int64_t direction) const {
    return (layer * spec.directions + direction) * kept_per_direction();
  }

  // The time of the s-th step of a direction, and where a time's states are in a sequence of states.
  int64_t time_of(int64_t s, int64_t direction) const { return direction == 0 ? s : spec.steps - 1 - s; }
  int64_t before(int64_t time, int64_t direction) const { return direction == 0 ? time : time + 1; }
  int64_t after(int64_t time, int64_t direction) const { return direction == 0 ? time + 1 : time; }

 private:
  int64_t direction_weights(int64_t layer) const;
  int64_t weights_before(int64_t layer, int64_t direction) const;
};

// What a layer reads: the data, or what each direction of the layer below gave.
template <class T>
struct RnnSource {
  const T* data = nullptr;  // a sequence
  int64_t blocks = 0;
  int64_t size = 0;   // features
  int64_t first = 0;  // column of the weights that belongs to the first feature
};
template <class T>
struct RnnSources {
  RnnSource<T> at[2];
  int count = 0;
  void add(const RnnSource<T>& source) { at[count++] = source; }
  int64_t blocks() const { return at[0].blocks + at[1].blocks; }
  const RnnSource<T>* begin() const { return at; }
  const RnnSource<T>* end() const { return at + count; }
};

// Hands out parts of one range of elements; with a null base it only counts.
template <class T>
class Carver {
 public:
  explicit Carver(void* base) : base_(static_cast<T*>(base)) {}
  T* take(int64_t count) {
    T* p = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (count + 15) / 16 * 16;
    return p;
  }
  size_t bytes() const { return static_cast<size_t>(used_) * sizeof(T); }

 private:
  T* base_;
  int64_t used_ = 0;
};

// A block from a row-major matrix whose rows are `stride` apart; what is not there is zero.
template <class T>
void load_block(const RnnPlan& p, const T* x, int64_t stride, int64_t rows, int64_t columns, T* block) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < columns; ++j) block[r * p.lanes + j] = x[r * stride + j];
    for (int64_t j = columns; j < p.lanes; ++j) block[r * p.lanes + j] = T(0);
  }
  std::fill(block + rows * p.lanes, block + p.block(), T(0));
}

template <class T>
void store_block(const RnnPlan& p, const T* block, T* y, int64_t stride, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < columns; ++j) y[r * stride + j] = block[r * p.lanes + j];
  }
}

// The rows of a tile whose sequence is over at `time` (lengths null: none).
template <class T>
void zero_ended_rows(const RnnPlan& p, const int64_t* lengths, int64_t time, int64_t tile, T* block) {
  if (lengths == nullptr) return;
  for (int64_t r = 0; r < p.rows_in(tile); ++r) {
    if (time >= lengths[tile * p.rows + r]) std::fill(block + r * p.lanes, block + (r + 1) * p.lanes, T(0));
  }
}

// `steps` row-major (batch, size) matrices, whose rows are `stride` elements apart, to blocks.
template <class T>
void load_sequence(const RnnPlan& p, const T* x, int64_t steps, int64_t size, int64_t stride, T* out);
// Lengths of any dtype as numbers in [0, steps].
void read_lengths(const RnnPlan& p, const void* lengths, int64_t* out);

// dst = src * mask / (1 - p) over one sequence.
template <class T>
void apply_mask(const RnnPlan& p, const uint8_t* mask, const T* src, T* dst);

// The least number of items that pay for a second thread, when each has so many multiply-adds.
inline int64_t rnn_grain(int64_t work) { return 1 + 60000 / std::max<int64_t>(work, 1); }

}  // namespace symbind
