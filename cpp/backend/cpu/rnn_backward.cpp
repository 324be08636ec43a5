// The backward pass: in each layer and direction the steps in reverse, which give the gradients of all gates;
// then the gradients of weights and inputs as products over all steps at once.
#include "backend/cpu/parallel.h"
#include "backend/cpu/rnn_plan.h"

namespace symbind {
namespace {

template <class T>
class Backward {
 public:
  Backward(const RnnSpec& spec, const RnnGradients& wanted) : plan_(spec), wanted_(wanted) {
    const bool gru = spec.mode == RnnMode::kGru;
    // Gradients of a GRU's gates lie in the order candidate (input), reset, update, candidate (recurrent):
    // those of either product are neighbours.
    hidden_slot_ = gru ? 1 : 0;
    Arrays nothing;
    workspace = carve(nullptr, nothing);
  }

  void operator()(void* const* in, void* const* out, void* workspace_base) const {
    Arrays a;
    carve(workspace_base, a);
    a.data = static_cast<const T*>(in[0]);
    a.parameters = static_cast<const T*>(in[1]);
    a.reserve = static_cast<const T*>(in[3]);
    a.output_grad = static_cast<const T*>(in[4]);
    a.state_out_grad = static_cast<const T*>(in[5]);
    a.cell_out_grad = static_cast<const T*>(in[6]);
    a.data_grad = static_cast<T*>(out[0]);
    a.parameter_grad = static_cast<T*>(out[1]);
    a.state_grad = static_cast<T*>(out[2]);
    a.cell_grad = static_cast<T*>(out[3]);
    if (in[2] == nullptr) {
      a.lengths = nullptr;
    } else {
      read_lengths(plan_, in[2], a.lengths);
    }
    const RnnSpec& spec = plan_.spec;
    for (int64_t layer = spec.layers; layer-- > 0;) {
      const RnnSources<T> sources = sources_of(a, layer);
      for (int64_t direction = 0; direction < spec.directions; ++direction) {
        const Sequence s = sequence(a, layer, direction);
        pack_hidden_weights(a, s);
        load_last_gradients(a, s);
        for (int64_t k = spec.steps; k-- > 0;) step(a, s, plan_.time_of(k, direction), k + 1 < spec.steps);
        store_first_gradients(a, s);
        if (a.parameter_grad != nullptr) weight_gradients(a, s, sources);
        if (layer > 0 || a.data_grad != nullptr) input_gradients(a, s, sources);
      }
      if (layer > 0 && plan_.drops()) {
        for (int64_t d = 0; d < spec.directions; ++d) {
          T* gradient = a.gradients[(layer - 1) % 2][d];
          apply_mask(plan_, mask(a, layer - 1, d), gradient, gradient);
        }
      }
    }
  }

  size_t workspace = 0;

 private:
  struct Arrays {
    const T *data, *parameters, *reserve, *output_grad, *state_out_grad, *cell_out_grad;
    T *data_grad, *parameter_grad, *state_grad, *cell_grad;
    int64_t* lengths;
    T* inputs;
    T* dropped[2];
    T *hidden_panels, *projection_panels, *input_panels;
    T* gates;            // gradients of the gates before their activations, all steps
    T* cells;            // gradient of the cells, as of the step at hand
    T* past;             // what of the gradient of the states goes past the gates of the step at hand
    T* projected;        // projection: gradients of its results, all steps
    T* gradients[2][2];  // of what layers give, by parity of the layer, by direction
  };
  struct Sequence {
    int64_t layer, direction;
    const T *states, *gates, *cells, *full;
  };

  size_t carve(void* base, Arrays& a) const {
    const RnnSpec& spec = plan_.spec;
    Carver<T> take(base);
    const int64_t block = plan_.lanes * plan_.lanes;
    const int64_t units = plan_.unit_blocks, outs = plan_.out_blocks;
    const int64_t x_blocks = std::max(plan_.input_blocks, spec.layers > 1 ? spec.directions * outs : 0);
    a.inputs = wanted_.parameters ? take.take(spec.steps * plan_.step(plan_.input_blocks)) : nullptr;
    a.hidden_panels = take.take(plan_.gates * units * outs * block);
    a.projection_panels = spec.projection > 0 ? take.take(outs * units * block) : nullptr;
    a.input_panels = take.take(plan_.gates * units * x_blocks * block);
    a.gates = take.take(spec.steps * plan_.step(plan_.slots * units));
    a.cells = plan_.has_cells() ? take.take(plan_.step(units)) : nullptr;
    a.past = take.take(plan_.step(outs));
    a.projected = spec.projection > 0 ? take.take(spec.steps * plan_.step(outs)) : nullptr;
    const int64_t sequence_size = spec.steps * plan_.step(outs);
    for (int64_t d = 0; d < spec.directions; ++d) {
      a.dropped[d] = plan_.drops() && wanted_.parameters ? take.take(sequence_size) : nullptr;
      for (int64_t parity = 0; parity < 2; ++parity) {
        a.gradients[parity][d] = spec.layers > parity + 1 ? take.take(sequence_size) : nullptr;
      }
    }
    a.lengths = reinterpret_cast<int64_t*>(take.take(2 * spec.batch));
    return take.bytes();
  }

  Sequence sequence(const Arrays& a, int64_t layer, int64_t direction) const {
    const T* states = a.reserve + plan_.kept(layer, direction);
    const T* gates = states + plan_.states_size();
    const T* cells = gates + (plan_.keeps_gates() ? plan_.gates_size() : 0);
    return {layer, direction, states, gates, cells, cells + plan_.cells_size()};
  }

  const uint8_t* mask(const Arrays& a, int64_t layer, int64_t direction) const {
    return reinterpret_cast<const uint8_t*>(a.reserve + plan_.kept(layer, direction) +
                                            plan_.kept_per_direction() - plan_.mask_size());
  }

  // What the layer read in the forward pass, made again. Only its extent matters when no weights want
  // gradients.
  RnnSources<T> sources_of(const Arrays& a, int64_t layer) const {
    const RnnSpec& spec = plan_.spec;
    RnnSources<T> sources;
    if (layer == 0) {
      if (a.inputs != nullptr) load_sequence(plan_, a.data, spec.steps, spec.inputs, spec.inputs, a.inputs);
      sources.add({a.inputs, plan_.input_blocks, spec.inputs, 0});
      return sources;
    }
    const int64_t out = spec.outputs();
    for (int64_t d = 0; d < spec.directions; ++d) {
      const T* data = sequence(a, layer - 1, d).states + plan_.after(0, d) * plan_.step(plan_.out_blocks);
      if (a.dropped[d] != nullptr) {
        apply_mask(plan_, mask(a, layer - 1, d), data, a.dropped[d]);
        data = a.dropped[d];
      }
      sources.add({data, plan_.out_blocks, out, d * out});
    }
    return sources;
  }

  // The gate whose weights belong to the k-th block of gradients of the product with the inputs.
  int64_t input_gate(int64_t k) const { return plan_.spec.mode == RnnMode::kGru ? (k + 2) % 3 : k; }

  void pack_hidden_weights(const Arrays& a, const Sequence& s) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t lanes = plan_.lanes, units = plan_.unit_blocks, out = spec.outputs();
    const T* hidden = a.parameters + plan_.hidden_weight(s.layer, s.direction);
    parallel_for(plan_.out_blocks, 1 + kElementGrain / (plan_.gates * spec.hidden * lanes),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t b = begin; b < end; ++b) {
                     for (int64_t gate = 0; gate < plan_.gates; ++gate) {
                       plan_.fns->pack_panel(
                           hidden + gate * spec.hidden * out + b * lanes, out, 1, spec.hidden,
                           plan_.columns_in(b, out),
                           a.hidden_panels + (b * plan_.gates + gate) * units * lanes * lanes);
                     }
                   }
                 });
    if (spec.projection == 0) return;
    const T* projection = a.parameters + plan_.projection_weight(s.layer, s.direction);
    for (int64_t b = 0; b < units; ++b) {
      plan_.fns->pack_panel(projection + b * lanes, spec.hidden, 1, spec.projection,
                            plan_.columns_in(b, spec.hidden),
                            a.projection_panels + b * plan_.out_blocks * lanes * lanes);
    }
  }

  void load_last_gradients(const Arrays& a, const Sequence& s) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t out = spec.outputs(), number = s.layer * spec.directions + s.direction;
    if (a.state_out_grad != nullptr) {
      load_sequence(plan_, a.state_out_grad + number * spec.batch * out, 1, out, out, a.past);
    } else {
      std::fill(a.past, a.past + plan_.step(plan_.out_blocks), T(0));
    }
    if (!plan_.has_cells()) return;
    if (a.cell_out_grad != nullptr) {
      load_sequence(plan_, a.cell_out_grad + number * spec.batch * spec.hidden, 1, spec.hidden, spec.hidden,
                    a.cells);
    } else {
      std::fill(a.cells, a.cells + plan_.step(plan_.unit_blocks), T(0));
    }
  }

  T* gate_gradients(const Arrays& a, int64_t time, int64_t tile) const {
    return a.gates + (time * plan_.tiles + tile) * plan_.slots * plan_.unit_blocks * plan_.block();
  }

  // sum += product of the gradients of all gates, `gates` at the first of them, with panels of weights.
  void multiply_gates(const T* gates, const T* panels, T* sum) const {
    const int64_t units = plan_.unit_blocks;
    for (int64_t k = 0; k < plan_.gates; ++k) {
      plan_.fns->product(static_cast<int>(plan_.rows), plan_.spec.hidden, gates + k * units * plan_.block(),
                         panels + k * units * plan_.lanes * plan_.lanes, sum);
    }
  }

  // Adds what the gates of `time` send back to the state before it.
  void add_from_gates(const Arrays& a, int64_t time, int64_t tile, int64_t out_block, T* sum) const {
    const int64_t panel = plan_.gates * plan_.unit_blocks * plan_.lanes * plan_.lanes;
    multiply_gates(gate_gradients(a, time, tile) + hidden_slot_ * plan_.unit_blocks * plan_.block(),
                   a.hidden_panels + out_block * panel, sum);
  }

  // The gradient of the output of `time`, from above.
  void load_output_gradient(const Arrays& a, const Sequence& s, int64_t time, int64_t tile, int64_t out_block,
                            T* sum) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t block = plan_.block();
    if (s.layer + 1 < spec.layers) {
      const T* from = a.gradients[s.layer % 2][s.direction] +
                      ((time * plan_.tiles + tile) * plan_.out_blocks + out_block) * block;
      std::copy(from, from + block, sum);
    } else if (a.output_grad == nullptr) {
      std::fill(sum, sum + block, T(0));
    } else {
      const int64_t stride = spec.directions * spec.outputs();
      load_block(plan_,
                 a.output_grad + (time * spec.batch + tile * plan_.rows) * stride +
                     s.direction * spec.outputs() + out_block * plan_.lanes,
                 stride, plan_.rows_in(tile), plan_.columns_in(out_block, spec.outputs()), sum);
      zero_ended_rows(plan_, a.lengths, time, tile, sum);
    }
  }

  // One step. `has_next`: a.gates holds the gradients of the step that came after this one.
  void step(const Arrays& a, const Sequence& s, int64_t time, bool has_next) const {
    const int64_t units = plan_.unit_blocks, lanes = plan_.lanes, block = plan_.block();
    const int64_t work = plan_.gates * units * lanes * block;
    const bool projects = plan_.spec.projection > 0;
    parallel_for(plan_.out_blocks * plan_.tiles, rnn_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t out_block = i / plan_.tiles, tile = i % plan_.tiles;
        alignas(64) T gradient[kMaxRnnBlock];
        state_gradient(a, s, time, tile, out_block, has_next, gradient);
        if (projects) {
          std::copy(gradient, gradient + block,
                    a.projected + ((time * plan_.tiles + tile) * plan_.out_blocks + out_block) * block);
        } else {
          cell(a, s, time, tile, out_block, gradient);
        }
      }
    });
    if (!projects) return;
    parallel_for(
        units * plan_.tiles, rnn_grain(plan_.out_blocks * lanes * block), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t unit = i / plan_.tiles, tile = i % plan_.tiles;
            alignas(64) T gradient[kMaxRnnBlock] = {};
            plan_.fns->product(static_cast<int>(plan_.rows), plan_.spec.outputs(),
                               a.projected + (time * plan_.tiles + tile) * plan_.out_blocks * block,
                               a.projection_panels + unit * plan_.out_blocks * lanes * lanes, gradient);
            cell(a, s, time, tile, unit, gradient);
          }
        });
  }

  // The whole gradient of the state after `time`. That of ended sequences goes to the step before as it is.
  void state_gradient(const Arrays& a, const Sequence& s, int64_t time, int64_t tile, int64_t out_block,
                      bool has_next, T* gradient) const {
    const int64_t block = plan_.block(), lanes = plan_.lanes;
    T* past = a.past + (tile * plan_.out_blocks + out_block) * block;
    load_output_gradient(a, s, time, tile, out_block, gradient);
    for (int64_t i = 0; i < block; ++i) gradient[i] += past[i];
    if (has_next) add_from_gates(a, next_of(time, s.direction), tile, out_block, gradient);
    std::fill(past, past + block, T(0));
    if (a.lengths == nullptr) return;
    for (int64_t r = 0; r < plan_.rows_in(tile); ++r) {
      if (time < a.lengths[tile * plan_.rows + r]) continue;
      std::copy(gradient + r * lanes, gradient + (r + 1) * lanes, past + r * lanes);
      std::fill(gradient + r * lanes, gradient + (r + 1) * lanes, T(0));
    }
  }

  int64_t next_of(int64_t time, int64_t direction) const { return direction == 0 ? time + 1 : time - 1; }

  // From the gradient of a block of units' results to those of their gates.
  void cell(const Arrays& a, const Sequence& s, int64_t time, int64_t tile, int64_t unit,
            const T* gradient) const {
    const int64_t units = plan_.unit_blocks, block = plan_.block();
    const int64_t state_step = plan_.step(plan_.out_blocks), at = (tile * units + unit) * block;
    T* to[4];
    const T* gates[4];
    for (int64_t k = 0; k < 4; ++k) {
      const int64_t slot = k < plan_.slots ? k * units + unit : 0;
      to[k] = gate_gradients(a, time, tile) + slot * block;
      gates[k] = s.gates + ((time * plan_.tiles + tile) * plan_.slots * units + slot) * block;
    }
    void* const* dgates = reinterpret_cast<void* const*>(to);
    const void* const* kept = reinterpret_cast<const void* const*>(gates);
    const T* before = s.states + plan_.before(time, s.direction) * state_step;
    if (plan_.spec.mode == RnnMode::kGru) {
      T past[kMaxRnnBlock];
      plan_.fns->gru_backward(block, gradient, kept, before + at, dgates, past);
      T* sum = a.past + at;
      for (int64_t i = 0; i < block; ++i) sum[i] += past[i];
    } else if (plan_.has_cells()) {
      const int64_t cell_step = plan_.step(units);
      lstm_cell(a, time, tile, gradient, kept, s.cells + plan_.before(time, s.direction) * cell_step + at,
                s.cells + plan_.after(time, s.direction) * cell_step + at, a.cells + at, dgates);
    } else {
      plan_.fns->plain_backward(plan_.spec.mode == RnnMode::kRelu, block, gradient,
                                s.states + plan_.after(time, s.direction) * state_step + at, dgates[0]);
    }
  }

  // Ended sequences keep the gradient of their cells, and have none of their gates.
  void lstm_cell(const Arrays& a, int64_t time, int64_t tile, const T* gradient, const void* const* gates,
                 const T* before, const T* after, T* cell_gradient, void* const* dgates) const {
    const int64_t block = plan_.block(), lanes = plan_.lanes;
    if (a.lengths == nullptr) {
      plan_.fns->lstm_backward(plan_.spec.clip, block, gradient, cell_gradient, gates, before, after, dgates);
      return;
    }
    T kept[kMaxRnnBlock];
    std::copy(cell_gradient, cell_gradient + block, kept);
    zero_ended_rows(plan_, a.lengths, time, tile, cell_gradient);
    plan_.fns->lstm_backward(plan_.spec.clip, block, gradient, cell_gradient, gates, before, after, dgates);
    for (int64_t r = 0; r < plan_.rows_in(tile); ++r) {
      if (time < a.lengths[tile * plan_.rows + r]) continue;
      std::copy(kept + r * lanes, kept + (r + 1) * lanes, cell_gradient + r * lanes);
    }
  }

  void store_first_gradients(const Arrays& a, const Sequence& s) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t out = spec.outputs(), number = s.layer * spec.directions + s.direction,
                  block = plan_.block();
    if (a.state_grad != nullptr) {
      T* to = a.state_grad + number * spec.batch * out;
      parallel_for(plan_.out_blocks * plan_.tiles,
                   rnn_grain(plan_.gates * plan_.unit_blocks * plan_.lanes * block),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                       const int64_t b = i / plan_.tiles, tile = i % plan_.tiles;
                       alignas(64) T gradient[kMaxRnnBlock];
                       const T* past = a.past + (tile * plan_.out_blocks + b) * block;
                       std::copy(past, past + block, gradient);
                       if (spec.steps > 0)
                         add_from_gates(a, plan_.time_of(0, s.direction), tile, b, gradient);
                       store_block(plan_, gradient, to + tile * plan_.rows * out + b * plan_.lanes, out,
                                   plan_.rows_in(tile), plan_.columns_in(b, out));
                     }
                   });
    }
    if (a.cell_grad == nullptr) return;
    T* to = a.cell_grad + number * spec.batch * spec.hidden;
    for (int64_t tile = 0; tile < plan_.tiles; ++tile) {
      for (int64_t b = 0; b < plan_.unit_blocks; ++b) {
        store_block(plan_, a.cells + (tile * plan_.unit_blocks + b) * block,
                    to + tile * plan_.rows * spec.hidden + b * plan_.lanes, spec.hidden, plan_.rows_in(tile),
                    plan_.columns_in(b, spec.hidden));
      }
    }
  }

  // out(rows, columns) = left^T right over all samples, for one block of lines of `left` and all blocks of
  // `right`. Both are given at their first step; `left_blocks` and `right_blocks` are the blocks in a step.
  void product_over_samples(const T* left, int64_t left_blocks, const T* right, int64_t right_blocks,
                            int64_t rows, int64_t size, T* out, int64_t stride) const {
    const int64_t samples = plan_.spec.steps * plan_.tiles, block = plan_.block();
    alignas(64) T tile[16 * 16];
    for (int64_t b = 0; b < right_blocks; ++b) {
      plan_.fns->outer(plan_.rows, samples, left, left_blocks * block, right + b * block,
                       right_blocks * block, tile);
      store_block(plan_, tile, out + b * plan_.lanes, stride, rows, plan_.columns_in(b, size));
    }
  }

  void weight_gradients(const Arrays& a, const Sequence& s, const RnnSources<T>& sources) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t units = plan_.unit_blocks, lanes = plan_.lanes, block = plan_.block(), out = spec.outputs();
    const int64_t width = spec.inputs_of(s.layer), stored = plan_.slots * units;
    const int64_t samples = spec.steps * plan_.tiles;
    T* input_weight = a.parameter_grad + plan_.input_weight(s.layer, s.direction);
    T* hidden_weight = a.parameter_grad + plan_.hidden_weight(s.layer, s.direction);
    T* input_bias = a.parameter_grad + plan_.input_bias(s.layer, s.direction);
    T* hidden_bias = a.parameter_grad + plan_.hidden_bias(s.layer, s.direction);
    const T* before = s.states + plan_.before(0, s.direction) * plan_.step(plan_.out_blocks);
    const int64_t work = samples * block * lanes * (sources.blocks() + plan_.out_blocks);
    parallel_for(plan_.gates * units, rnn_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t k = i / units, unit = i % units, rows = plan_.columns_in(unit, spec.hidden);
        const int64_t gate = input_gate(k);
        const T* left = a.gates + i * block;
        const int64_t row = gate * spec.hidden + unit * lanes;
        for (const RnnSource<T>& source : sources) {
          product_over_samples(left, stored, source.data, source.blocks, rows, source.size,
                               input_weight + row * width + source.first, width);
        }
        bias_gradient(left, stored, rows, input_bias + row);
        const T* hidden_left = left + hidden_slot_ * units * block;
        const int64_t hidden_row = k * spec.hidden + unit * lanes;
        product_over_samples(hidden_left, stored, before, plan_.out_blocks, rows, out,
                             hidden_weight + hidden_row * out, out);
        bias_gradient(hidden_left, stored, rows, hidden_bias + hidden_row);
      }
    });
    if (spec.projection == 0) return;
    T* projection = a.parameter_grad + plan_.projection_weight(s.layer, s.direction);
    parallel_for(plan_.out_blocks, rnn_grain(samples * block * lanes * units),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t b = begin; b < end; ++b) {
                     product_over_samples(a.projected + b * block, plan_.out_blocks, s.full, units,
                                          plan_.columns_in(b, spec.projection), spec.hidden,
                                          projection + b * lanes * spec.hidden, spec.hidden);
                   }
                 });
  }

  void bias_gradient(const T* gates, int64_t stored, int64_t rows, T* out) const {
    alignas(64) T sums[16];
    plan_.fns->lane_sums(plan_.rows, plan_.spec.steps * plan_.tiles, gates, stored * plan_.block(), sums);
    std::copy(sums, sums + rows, out);
  }

  // The gradients of what the layer read; those of both directions add up.
  void input_gradients(const Arrays& a, const Sequence& s, const RnnSources<T>& sources) const {
    const RnnSpec& spec = plan_.spec;
    const int64_t units = plan_.unit_blocks, lanes = plan_.lanes, block = plan_.block();
    const int64_t width = spec.inputs_of(s.layer), k_blocks = plan_.gates * units,
                  stored = plan_.slots * units;
    const T* weight = a.parameters + plan_.input_weight(s.layer, s.direction);
    const int64_t samples = spec.steps * plan_.tiles;
    for (int64_t d = 0; d < sources.count; ++d) {
      const RnnSource<T>& source = sources.at[d];
      parallel_for(
          source.blocks, rnn_grain(samples * k_blocks * lanes * block), [&](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; ++b) {
              const int64_t columns = plan_.columns_in(b, source.size), column = source.first + b * lanes;
              T* panel = a.input_panels + b * k_blocks * lanes * lanes;
              for (int64_t k = 0; k < plan_.gates; ++k) {
                plan_.fns->pack_panel(weight + input_gate(k) * spec.hidden * width + column, width, 1,
                                      spec.hidden, columns, panel + k * units * lanes * lanes);
              }
              for (int64_t sample = 0; sample < samples; ++sample) {
                const T* gates = a.gates + sample * stored * block;
                if (s.layer > 0) {
                  T* sum = a.gradients[(s.layer - 1) % 2][d] + (sample * source.blocks + b) * block;
                  if (s.direction == 0) std::fill(sum, sum + block, T(0));
                  multiply_gates(gates, panel, sum);
                  continue;
                }
                alignas(64) T sum[kMaxRnnBlock] = {};
                const int64_t tile = sample % plan_.tiles,
                              row = sample / plan_.tiles * spec.batch + tile * plan_.rows;
                T* to = a.data_grad + row * width + column;
                const int64_t rows = plan_.rows_in(tile);
                if (s.direction > 0) load_block(plan_, to, width, rows, columns, sum);
                multiply_gates(gates, panel, sum);
                store_block(plan_, sum, to, width, rows, columns);
              }
            }
          });
    }
  }

  RnnPlan plan_;
  RnnGradients wanted_;
  int64_t hidden_slot_ = 0;
};

template <class T>
Kernel make_backward(const RnnSpec& spec, const RnnGradients& wanted) {
  Backward<T> backward(spec, wanted);
  const size_t workspace = backward.workspace;
  return make_kernel(std::move(backward), workspace);
}

}  // namespace

Kernel make_rnn_backward(const RnnSpec& spec, const RnnGradients& wanted) {
  return spec.dtype == DType::kFloat64 ? make_backward<double>(spec, wanted)
                                       : make_backward<float>(spec, wanted);
}

}  // namespace symbind
