// The forward pass: in each layer and direction one product with the inputs of all steps, then step by step
// the product with the state and the cell.
#include "backend/cpu/parallel.h"
#include "backend/cpu/rnn_plan.h"

namespace symbind {
namespace {

template <class T>
class Forward {
 public:
  Forward(const RnnSpec& spec, bool keep_reserve, RandomState* random)
      : plan_(spec), kept_(keep_reserve), random_(spec.dropout > 0 ? random : nullptr) {
    Arrays nothing;
    workspace = carve(nullptr, nothing);
  }

  void operator()(void* const* in, void* const* out, void* workspace_base) const {
    Arrays a;
    carve(workspace_base, a);
    a.data = static_cast<const T*>(in[0]);
    a.parameters = static_cast<const T*>(in[1]);
    a.state = static_cast<const T*>(in[2]);
    a.cell = static_cast<const T*>(in[3]);
    a.output = static_cast<T*>(out[0]);
    a.state_out = static_cast<T*>(out[1]);
    a.cell_out = static_cast<T*>(out[2]);
    if (kept_) a.reserve = static_cast<T*>(out[3]);
    if (in[4] == nullptr) {
      a.lengths = nullptr;
    } else {
      read_lengths(plan_, in[4], a.lengths);
    }
    const RnnSpec& spec = plan_.spec;
    load_sequence(plan_, a.data, spec.steps, spec.inputs, spec.inputs, a.inputs);
    for (int64_t layer = 0; layer < spec.layers; ++layer) {
      const RnnSources<T> sources = sources_of(a, layer);
      for (int64_t direction = 0; direction < spec.directions; ++direction) {
        Sequence s = sequence(a, layer, direction);
        pack_weights(a, s, sources);
        multiply_inputs(a, s, sources);
        load_first_states(a, s);
        for (int64_t k = 0; k < spec.steps; ++k) step(a, s, plan_.time_of(k, direction));
        store_last_states(a, s);
      }
      if (random_ != nullptr && layer + 1 < spec.layers) drop(a, layer);
    }
  }

  size_t workspace = 0;

 private:
  struct Arrays {
    const T *data, *parameters, *state, *cell;
    T *output, *state_out, *cell_out, *reserve;
    int64_t* lengths;
    T *inputs, *input_panels, *hidden_panels, *projection_panels, *biases;
    T* dropped[2];
    T* states[2][2];  // without a reserve: by parity of the layer, by direction
    T *gates, *cells, *full;
    uint8_t* mask;
  };
  // One layer in one direction.
  struct Sequence {
    int64_t layer, direction;
    T *states, *gates, *cells, *full;
    int64_t cell_step;  // 0 where only the latest cells are kept
    int64_t full_step;
  };

  size_t carve(void* base, Arrays& a) const {
    const RnnSpec& spec = plan_.spec;
    Carver<T> take(base);
    const int64_t block = plan_.lanes * plan_.lanes;
    const int64_t x_blocks =
        std::max(plan_.input_blocks, spec.layers > 1 ? spec.directions * plan_.out_blocks : 0);
    a.inputs = take.take(spec.steps * plan_.step(plan_.input_blocks));
    a.input_panels = take.take(plan_.gates * plan_.unit_blocks * x_blocks * block);
    a.hidden_panels = take.take(plan_.gates * plan_.unit_blocks * plan_.out_blocks * block);
    a.projection_panels =
        spec.projection > 0 ? take.take(plan_.out_blocks * plan_.unit_blocks * block) : nullptr;
    a.biases = take.take(4 * plan_.unit_blocks * plan_.lanes);
    const bool drops = random_ != nullptr && plan_.drops();
    for (int64_t d = 0; d < spec.directions; ++d) {
      a.dropped[d] = drops ? take.take(spec.steps * plan_.step(plan_.out_blocks)) : nullptr;
      for (int parity = 0; parity < 2; ++parity) {
        a.states[parity][d] = kept_ ? nullptr : take.take(plan_.states_size());
      }
    }
    a.mask = drops && !kept_ ? reinterpret_cast<uint8_t*>(take.take(plan_.mask_size())) : nullptr;
    a.gates = kept_ && plan_.keeps_gates() ? nullptr : take.take(plan_.gates_size());
    a.cells = kept_ || !plan_.has_cells() ? nullptr : take.take(plan_.step(plan_.unit_blocks));
    a.full = kept_ || spec.projection == 0 ? nullptr : take.take(plan_.step(plan_.unit_blocks));
    a.lengths = reinterpret_cast<int64_t*>(take.take(2 * spec.batch));
    return take.bytes();
  }

  Sequence sequence(const Arrays& a, int64_t layer, int64_t direction) const {
    Sequence s{layer, direction, a.states[layer % 2][direction], a.gates, a.cells, a.full, 0, 0};
    if (kept_) {
      T* p = a.reserve + plan_.kept(layer, direction);
      s.states = p;
      p += plan_.states_size();
      if (plan_.keeps_gates()) {
        s.gates = p;
        p += plan_.gates_size();
      }
      s.cells = p;
      s.full = p + plan_.cells_size();
      s.cell_step = plan_.step(plan_.unit_blocks);
      s.full_step = s.cell_step;
    }
    return s;
  }

  uint8_t* mask(const Arrays& a, int64_t layer, int64_t direction) const {
    if (!kept_) return a.mask;
    return reinterpret_cast<uint8_t*>(a.reserve + plan_.kept(layer, direction) + plan_.kept_per_direction() -
                                      plan_.mask_size());
  }

  RnnSources<T> sources_of(const Arrays& a, int64_t layer) const {
    RnnSources<T> sources;
    if (layer == 0) {
      sources.add({a.inputs, plan_.input_blocks, plan_.spec.inputs, 0});
      return sources;
    }
    const int64_t out = plan_.spec.outputs();
    for (int64_t d = 0; d < plan_.spec.directions; ++d) {
      const T* data =
          random_ != nullptr && plan_.drops()
              ? a.dropped[d]
              : sequence(a, layer - 1, d).states + plan_.after(0, d) * plan_.step(plan_.out_blocks);
      sources.add({data, plan_.out_blocks, out, d * out});
    }
    return sources;
  }

  // Panels of the weights, each for a block of units of a gate, and the biases in the order of the gate
  // blocks.
  void pack_weights(const Arrays& a, const Sequence& s, const RnnSources<T>& sources) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t lanes = plan_.lanes, units = plan_.unit_blocks, out = spec.outputs();
    const int64_t width = spec.inputs_of(s.layer);
    const T* input = a.parameters + plan_.input_weight(s.layer, s.direction);
    const T* hidden = a.parameters + plan_.hidden_weight(s.layer, s.direction);
    const int64_t input_panel = sources.blocks() * lanes * lanes,
                  hidden_panel = plan_.out_blocks * lanes * lanes;
    parallel_for(plan_.gates * units, 1 + kElementGrain / ((width + out) * lanes),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t block = i % units, row = i / units * spec.hidden + block * lanes;
                     const int64_t columns = plan_.columns_in(block, spec.hidden);
                     T* panel = a.input_panels + i * input_panel;
                     for (const RnnSource<T>& source : sources) {
                       plan_.fns->pack_panel(input + row * width + source.first, 1, width, source.size,
                                             columns, panel);
                       panel += source.blocks * lanes * lanes;
                     }
                     plan_.fns->pack_panel(hidden + row * out, 1, out, out, columns,
                                           a.hidden_panels + i * hidden_panel);
                   }
                 });
    if (spec.projection > 0) {
      const T* projection = a.parameters + plan_.projection_weight(s.layer, s.direction);
      for (int64_t block = 0; block < plan_.out_blocks; ++block) {
        plan_.fns->pack_panel(projection + block * lanes * spec.hidden, 1, spec.hidden, spec.hidden,
                              plan_.columns_in(block, spec.projection),
                              a.projection_panels + block * units * lanes * lanes);
      }
    }
    pack_biases(a, s);
  }

  void pack_biases(const Arrays& a, const Sequence& s) const {
    const int64_t lanes = plan_.lanes, units = plan_.unit_blocks, hidden = plan_.spec.hidden;
    const T* of_input = a.parameters + plan_.input_bias(s.layer, s.direction);
    const T* of_hidden = a.parameters + plan_.hidden_bias(s.layer, s.direction);
    std::fill(a.biases, a.biases + 4 * units * lanes, T(0));
    for (int64_t gate = 0; gate < plan_.gates; ++gate) {
      const bool split = plan_.spec.mode == RnnMode::kGru && gate == 2;
      for (int64_t u = 0; u < hidden; ++u) {
        const T x = of_input[gate * hidden + u], h = of_hidden[gate * hidden + u];
        a.biases[gate * units * lanes + u] = split ? x : x + h;
        if (split) a.biases[(gate + 1) * units * lanes + u] = h;
      }
    }
  }

  void fill_with_bias(const Arrays& a, int64_t gate_block, T* out) const {
    const T* bias = a.biases + gate_block * plan_.lanes;
    for (int64_t r = 0; r < plan_.rows; ++r) std::copy(bias, bias + plan_.lanes, out + r * plan_.lanes);
  }

  // The part of all gates that comes from the inputs, for all steps.
  void multiply_inputs(const Arrays& a, const Sequence& s, const RnnSources<T>& sources) const {
    const int64_t lanes = plan_.lanes, gate_blocks = plan_.gates * plan_.unit_blocks;
    const int64_t stored = plan_.slots * plan_.unit_blocks, block = plan_.block();
    const int64_t samples = plan_.spec.steps * plan_.tiles;
    const int64_t work = samples * block * sources.blocks() * lanes;
    parallel_for(gate_blocks, rnn_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* panels = a.input_panels + i * sources.blocks() * lanes * lanes;
        for (int64_t sample = 0; sample < samples; ++sample) {
          T* gate = s.gates + (sample * stored + i) * block;
          fill_with_bias(a, i, gate);
          const T* panel = panels;
          for (const RnnSource<T>& source : sources) {
            plan_.fns->product(static_cast<int>(plan_.rows), source.size,
                               source.data + sample * source.blocks * block, panel, gate);
            panel += source.blocks * lanes * lanes;
          }
        }
      }
    });
  }

  void load_first_states(const Arrays& a, const Sequence& s) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t out = spec.outputs(), number = s.layer * spec.directions + s.direction;
    const int64_t first = plan_.before(plan_.time_of(0, s.direction), s.direction);
    load_sequence(plan_, a.state + number * spec.batch * out, 1, out, out,
                  s.states + first * plan_.step(plan_.out_blocks));
    if (!plan_.has_cells()) return;
    load_sequence(plan_, a.cell + number * spec.batch * spec.hidden, 1, spec.hidden, spec.hidden,
                  s.cells + first * s.cell_step);
  }

  void store_last_states(const Arrays& a, const Sequence& s) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t number = s.layer * spec.directions + s.direction;
    const int64_t last = plan_.after(plan_.time_of(spec.steps - 1, s.direction), s.direction);
    if (a.state_out != nullptr) {
      store_step(s.states + last * plan_.step(plan_.out_blocks), spec.outputs(), spec.outputs(),
                 a.state_out + number * spec.batch * spec.outputs());
    }
    if (a.cell_out != nullptr) {
      store_step(s.cells + last * s.cell_step, spec.hidden, spec.hidden,
                 a.cell_out + number * spec.batch * spec.hidden);
    }
  }

  void store_step(const T* blocks, int64_t size, int64_t stride, T* out) const {
    for (int64_t tile = 0; tile < plan_.tiles; ++tile) {
      for (int64_t b = 0; b < plan_.blocks_of(size); ++b) {
        store_block(plan_, blocks + (tile * plan_.blocks_of(size) + b) * plan_.block(),
                    out + tile * plan_.rows * stride + b * plan_.lanes, stride, plan_.rows_in(tile),
                    plan_.columns_in(b, size));
      }
    }
  }

  void step(const Arrays& a, const Sequence& s, int64_t time) const {
    const int64_t units = plan_.unit_blocks, lanes = plan_.lanes, block = plan_.block();
    const int64_t work = plan_.gates * plan_.out_blocks * lanes * block;
    parallel_for(units * plan_.tiles, rnn_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) step_block(a, s, time, i / plan_.tiles, i % plan_.tiles);
    });
    if (plan_.spec.projection == 0) return;
    parallel_for(plan_.out_blocks * plan_.tiles, rnn_grain(units * lanes * block),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i)
                     project(a, s, time, i / plan_.tiles, i % plan_.tiles);
                 });
  }

  // One step of the units of one block for one tile of samples.
  void step_block(const Arrays& a, const Sequence& s, int64_t time, int64_t unit, int64_t tile) const {
    const int64_t units = plan_.unit_blocks, lanes = plan_.lanes, block = plan_.block();
    const int64_t state_step = plan_.step(plan_.out_blocks);
    const T* state =
        s.states + plan_.before(time, s.direction) * state_step + tile * plan_.out_blocks * block;
    T* slots[4];
    for (int64_t k = 0; k < 4; ++k) {
      slots[k] =
          k < plan_.slots
              ? s.gates + ((time * plan_.tiles + tile) * plan_.slots * units + k * units + unit) * block
              : nullptr;
    }
    const bool gru = plan_.spec.mode == RnnMode::kGru;
    if (gru) fill_with_bias(a, 3 * units + unit, slots[3]);
    for (int64_t gate = 0; gate < plan_.gates; ++gate) {
      plan_.fns->product(static_cast<int>(plan_.rows), plan_.spec.outputs(), state,
                         a.hidden_panels + (gate * units + unit) * plan_.out_blocks * lanes * lanes,
                         slots[gru && gate == 2 ? 3 : gate]);
    }
    const bool projects = plan_.spec.projection > 0;
    const int64_t at = (tile * units + unit) * block;
    T* result = projects ? s.full + time * s.full_step + at
                         : s.states + plan_.after(time, s.direction) * state_step + at;
    const T* before = projects ? nullptr : state + unit * block;
    if (plan_.has_cells()) {
      const T* cell = s.cells + plan_.before(time, s.direction) * s.cell_step + at;
      T* next = s.cells + plan_.after(time, s.direction) * s.cell_step + at;
      T ended[kMaxRnnBlock];
      if (a.lengths != nullptr) std::copy(cell, cell + block, ended);
      plan_.fns->lstm_forward(plan_.spec.clip, block, reinterpret_cast<void* const*>(slots), cell, next,
                              result);
      keep_ended(a, time, tile, ended, next);
    } else if (gru) {
      plan_.fns->gru_forward(block, reinterpret_cast<void* const*>(slots), before, result);
    } else {
      plan_.fns->plain_forward(plan_.spec.mode == RnnMode::kRelu, block, slots[0], result);
    }
    if (!projects) finish(a, s, time, unit, tile, before, result);
  }

  // One block of the LSTM's results after projection.
  void project(const Arrays& a, const Sequence& s, int64_t time, int64_t unit, int64_t tile) const {
    const int64_t block = plan_.block(), at = (tile * plan_.out_blocks + unit) * block;
    const int64_t state_step = plan_.step(plan_.out_blocks);
    T* result = s.states + plan_.after(time, s.direction) * state_step + at;
    std::fill(result, result + block, T(0));
    plan_.fns->product(static_cast<int>(plan_.rows), plan_.spec.hidden,
                       s.full + time * s.full_step + tile * plan_.unit_blocks * block,
                       a.projection_panels + unit * plan_.unit_blocks * plan_.lanes * plan_.lanes, result);
    finish(a, s, time, unit, tile, s.states + plan_.before(time, s.direction) * state_step + at, result);
  }

  // States of sequences that are over stay what they were.
  void keep_ended(const Arrays& a, int64_t time, int64_t tile, const T* before, T* state) const {
    if (a.lengths == nullptr) return;
    const int64_t lanes = plan_.lanes;
    for (int64_t r = 0; r < plan_.rows_in(tile); ++r) {
      if (time < a.lengths[tile * plan_.rows + r]) continue;
      std::copy(before + r * lanes, before + (r + 1) * lanes, state + r * lanes);
    }
  }

  void finish(const Arrays& a, const Sequence& s, int64_t time, int64_t unit, int64_t tile, const T* before,
              T* result) const {
    const RnnSpec& spec = plan_.spec;
    keep_ended(a, time, tile, before, result);
    if (s.layer + 1 < spec.layers || a.output == nullptr) return;
    const int64_t stride = spec.directions * spec.outputs();
    T* out = a.output + (time * spec.batch + tile * plan_.rows) * stride + s.direction * spec.outputs() +
             unit * plan_.lanes;
    const int64_t columns = plan_.columns_in(unit, spec.outputs());
    if (a.lengths == nullptr) {
      store_block(plan_, result, out, stride, plan_.rows_in(tile), columns);
      return;
    }
    T shown[kMaxRnnBlock];
    std::copy(result, result + plan_.block(), shown);
    zero_ended_rows(plan_, a.lengths, time, tile, shown);
    store_block(plan_, shown, out, stride, plan_.rows_in(tile), columns);
  }

  // Draws the mask of what a layer hands on and applies it. Numbers are drawn by sample and feature, so that
  // they do not depend on the instruction set.
  void drop(const Arrays& a, int64_t layer) const {
    const RnnSpec& spec = plan_.spec;
    for (int64_t d = 0; d < spec.directions; ++d) {
      uint8_t* bytes = mask(a, layer, d);
      draw_mask(bytes);
      const T* states = sequence(a, layer, d).states + plan_.after(0, d) * plan_.step(plan_.out_blocks);
      apply_mask(plan_, bytes, states, a.dropped[d]);
    }
  }

  void draw_mask(uint8_t* bytes) const {
    const RnnSpec& spec = plan_.spec;
    const uint64_t seed = random_->seed, stream = random_->next_stream();
    const uint64_t threshold = static_cast<uint64_t>(spec.dropout * 4294967296.0);
    const int64_t lanes = plan_.lanes, quads = (spec.outputs() + 3) / 4;
    const int64_t samples = spec.steps * plan_.tiles * plan_.out_blocks;
    parallel_for(samples, 1 + kElementGrain / (16 * plan_.block()), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % plan_.out_blocks * lanes;
        const int64_t time = i / plan_.out_blocks / plan_.tiles, tile = i / plan_.out_blocks % plan_.tiles;
        for (int64_t r = 0; r < plan_.rows; ++r) {
          const int64_t sample = time * spec.batch + tile * plan_.rows + r;
          uint8_t* out = bytes + i * plan_.block() + r * lanes;
          for (int64_t j = 0; j < lanes;) {
            const int64_t feature = first + j;
            const Philox4x32 bits = philox(seed, static_cast<uint64_t>(sample * quads + feature / 4), stream);
            for (int64_t k = feature % 4; k < 4 && j < lanes; ++k, ++j) out[j] = bits.v[k] >= threshold;
          }
        }
      }
    });
  }

  RnnPlan plan_;
  bool kept_;
  RandomState* random_;
};

template <class T>
Kernel make_forward(const RnnSpec& spec, bool keep_reserve, RandomState* random) {
  Forward<T> forward(spec, keep_reserve, random);
  const size_t workspace = forward.workspace;
  return make_kernel(std::move(forward), workspace);
}

}  // namespace

Kernel make_rnn_forward(const RnnSpec& spec, bool keep_reserve, RandomState* random) {
  return spec.dtype == DType::kFloat64 ? make_forward<double>(spec, keep_reserve, random)
                                       : make_forward<float>(spec, keep_reserve, random);
}

}  // namespace symbind
