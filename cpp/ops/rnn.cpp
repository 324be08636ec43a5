// RNN: stacked recurrent layers over whole sequences.
#include "backend/cpu/rnn.h"

#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {
namespace {

struct Params {
  int64_t state_size, num_layers;
  bool bidirectional;
  Choice mode;
  double p;
  bool state_outputs;
  std::optional<int64_t> projection_size;
  std::optional<double> clip_min, clip_max;
  bool clip_nan, use_sequence_length;
  template <class V>
  void visit(V& v) {
    v("state_size", state_size, required, "Number of units, H.");
    v("num_layers", num_layers, required, "Number of stacked layers, L.");
    v("bidirectional", bidirectional, false, "Run over the sequence in both directions, D = 2.");
    v.choice("mode", mode, {"rnn_relu", "rnn_tanh", "lstm", "gru"}, -1, "The kind of cell.");
    v("p", p, 0.0, "In training, the probability of dropping a value between two layers.");
    v("state_outputs", state_outputs, false, "Also output the last states.");
    v("projection_size", projection_size, std::optional<int64_t>(),
      "LSTM: what the layer outputs and what recurs is a learned projection to this size.");
    v("lstm_state_clip_min", clip_min, std::optional<double>(), "LSTM: the least value of a cell state.");
    v("lstm_state_clip_max", clip_max, std::optional<double>(), "LSTM: the largest value of a cell state.");
    v("lstm_state_clip_nan", clip_nan, false, "LSTM: with bounds, replace NaN by the lower one.");
    v("use_sequence_length", use_sequence_length, false, "Take the length of each sequence as a last input.");
  }
  RnnMode kind() const { return static_cast<RnnMode>(mode.value); }
  bool is_lstm() const { return kind() == RnnMode::kLstm; }
  int64_t directions() const { return bidirectional ? 2 : 1; }
  int64_t outputs() const { return projection_size.value_or(state_size); }

  void finish(const char* op) {
    check(state_size > 0, "[", op, "] state_size must be positive: got ", state_size);
    check(num_layers > 0, "[", op, "] num_layers must be positive: got ", num_layers);
    check(p >= 0 && p <= 1, "[", op, "] attribute 'p': got ", p, ", expected a probability in [0, 1]");
    check(!projection_size || is_lstm(), "[", op, "] projection_size: only mode lstm has a projection");
    check(!projection_size || *projection_size > 0, "[", op, "] projection_size must be positive: got ",
          projection_size.value_or(0));
    check(clip_min.has_value() == clip_max.has_value(), "[", op,
          "] lstm_state_clip_min and lstm_state_clip_max: got one of them, expected both or none");
    check(!clip_min || *clip_min <= *clip_max, "[", op, "] lstm_state_clip_min: got ", clip_min.value_or(0),
          ", expected at most lstm_state_clip_max, ", clip_max.value_or(0));
  }
};

enum Input { kData, kParameters, kState, kCell };

int num_inputs(const Params& p) { return (p.is_lstm() ? 4 : 3) + (p.use_sequence_length ? 1 : 0); }
int num_visible(const Params& p) { return p.state_outputs ? (p.is_lstm() ? 3 : 2) : 1; }

RnnSpec spec_of(const Params& p, const Shape& data, DType dtype) {
  RnnSpec spec;
  spec.mode = p.kind();
  spec.dtype = dtype;
  spec.steps = data[0];
  spec.batch = data[1];
  spec.inputs = data[2];
  spec.hidden = p.state_size;
  spec.projection = p.projection_size.value_or(0);
  spec.layers = p.num_layers;
  spec.directions = p.directions();
  spec.dropout = p.p;
  if (p.clip_min && p.is_lstm()) spec.clip = {true, p.clip_nan, *p.clip_min, *p.clip_max};
  return spec;
}

// The number of features for which there are so many parameters.
int64_t inputs_from_parameters(const Params& p, int64_t count) {
  RnnSpec spec = spec_of(p, Shape{1, 1, 0}, DType::kFloat32);
  const int64_t rest = count - rnn_parameter_count(spec);
  const int64_t per_input = spec.directions * spec.gates() * spec.hidden;
  check(rest > 0 && rest % per_input == 0, "[RNN] shape of 'parameters': got (", count,
        ",), which fits no number of input features");
  return rest / per_input;
}

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  check(!c.in[kData].has_rank() || c.in[kData].ndim() == 3, "[RNN] shape of 'data': got ", c.in[kData],
        ", expected (sequence length, batch size, input size)");
  const int64_t layers = p.num_layers * p.directions(), width = p.directions() * p.outputs();
  const int length = num_inputs(p) - 1;
  c.set_in(kData, Shape::unknown(3));
  c.set_out(0, Shape{-1, -1, width});
  c.set_in(kState, Shape{layers, -1, p.outputs()});
  if (p.is_lstm()) c.set_in(kCell, Shape{layers, -1, p.state_size});
  if (p.use_sequence_length) c.set_in(length, Shape::unknown(1));
  c.set_in(kParameters, Shape::unknown(1));

  int64_t features = c.in[kData][2];
  if (features < 0 && c.in[kParameters][0] >= 0) features = inputs_from_parameters(p, c.in[kParameters][0]);
  c.set_in(kData, Shape{c.out[0][0], c.out[0][1], features});
  int64_t batch = c.in[kData][1];
  auto take_batch = [&](int64_t known) { batch = batch < 0 ? known : batch; };
  take_batch(c.in[kState][1]);
  if (p.is_lstm()) take_batch(c.in[kCell][1]);
  if (p.use_sequence_length) take_batch(c.in[length][0]);
  for (int i = 1; i < num_visible(p); ++i) {
    if (c.out[i].has_rank() && c.out[i].ndim() == 3) take_batch(c.out[i][1]);
  }

  const Shape state{layers, batch, p.outputs()}, cell{layers, batch, p.state_size};
  c.set_in(kData, Shape{-1, batch, -1});
  const Shape& data = c.in[kData];
  c.set_out(0, Shape{data[0], batch, width});
  c.set_in(kState, state);
  if (p.is_lstm()) c.set_in(kCell, cell);
  if (p.use_sequence_length) c.set_in(length, Shape{batch});
  if (num_visible(p) > 1) c.set_out(1, state);
  if (num_visible(p) > 2) c.set_out(2, cell);
  if (data[2] >= 0) {
    check(data[2] > 0, "[RNN] shape of 'data': got ", data, ", expected at least one feature");
    const RnnSpec spec = spec_of(p, data, DType::kFloat32);
    c.set_in(kParameters, Shape{rnn_parameter_count(spec)});
  }
  if (data.known()) c.set_out(num_visible(p), Shape{rnn_reserve_size(spec_of(p, data, DType::kFloat32))});
}

// Lengths have a dtype of their own; everything else shares one.
void infer_type(TypeContext& c) {
  const Params& p = as<Params>(c.params);
  const int shared = num_inputs(p) - (p.use_sequence_length ? 1 : 0);
  DType type = DType::kUnknown;
  auto take = [&](DType t) { type = type == DType::kUnknown ? t : type; };
  for (int i = 0; i < shared; ++i) take(c.in[i]);
  for (DType t : c.out) take(t);
  if (type == DType::kUnknown) return;
  check(type == DType::kFloat32 || type == DType::kFloat64, "[RNN] dtype of 'data': got ", dtype_name(type),
        ", expected float32 or float64");
  for (int i = 0; i < shared; ++i) c.set_in(i, type);
  for (size_t i = 0; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), type);
  if (p.use_sequence_length && c.in[shared] == DType::kUnknown) c.set_in(shared, type);
}

RnnSpec bound_spec(const Params& p, const TensorDesc& data, const TensorDesc* lengths) {
  RnnSpec spec = spec_of(p, data.shape, data.dtype);
  if (lengths != nullptr) spec.lengths = lengths->dtype;
  return spec;
}

Kernel forward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const int visible = num_visible(p), length = num_inputs(p) - 1;
  const bool keep = r.out_used[visible];
  const Kernel run =
      make_rnn_forward(bound_spec(p, r.in[kData], p.use_sequence_length ? &r.in[length] : nullptr), keep,
                       r.is_train ? r.random : nullptr);
  return make_kernel(
      [run, visible, keep, lstm = p.is_lstm(), lengths = p.use_sequence_length ? length : -1](
          void* const* in, void* const* out, void* workspace) {
        void* const inputs[] = {in[kData], in[kParameters], in[kState], lstm ? in[kCell] : nullptr,
                                lengths < 0 ? nullptr : in[lengths]};
        void* const outputs[] = {out[0], visible > 1 ? out[1] : nullptr, visible > 2 ? out[2] : nullptr,
                                 keep ? out[visible] : nullptr};
        run.run(run.self.get(), inputs, outputs, workspace);
      },
      run.workspace);
}

// Inputs data, parameters, reserve, gradient of the output, of the last states (with state_outputs), lengths.
Kernel backward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const int visible = num_visible(p);
  const int length = p.use_sequence_length ? 3 + visible : -1;
  const RnnGradients wanted{r.out_used[kData], r.out_used[kParameters]};
  const Kernel run = make_rnn_backward(bound_spec(p, r.in[0], length < 0 ? nullptr : &r.in[length]), wanted);
  const std::vector<bool> used = r.out_used;
  return make_kernel(
      [run, visible, length, used, lstm = p.is_lstm()](void* const* in, void* const* out, void* workspace) {
        void* const inputs[] = {in[0],
                                in[1],
                                length < 0 ? nullptr : in[length],
                                in[2],
                                in[3],
                                visible > 1 ? in[4] : nullptr,
                                visible > 2 ? in[5] : nullptr};
        auto output = [&](int i) { return used[i] ? out[i] : nullptr; };
        void* const outputs[] = {output(kData), output(kParameters), output(kState),
                                 lstm ? output(kCell) : nullptr};
        run.run(run.self.get(), inputs, outputs, workspace);
      },
      run.workspace);
}

std::vector<EntryId> gradient(GradContext& c) {
  const Params& p = as<Params>(c.params());
  const int visible = num_visible(p), arguments = p.is_lstm() ? 4 : 3;
  std::vector<EntryId> inputs{c.input(kData), c.input(kParameters), c.output(visible)};
  for (int i = 0; i < visible; ++i) inputs.push_back(c.out_grad(i));
  if (p.use_sequence_length) inputs.push_back(c.input(arguments));
  std::vector<int> like;
  for (int i = 0; i < arguments; ++i) like.push_back(i);
  const int32_t id = c.backward("_backward_RNN", std::move(inputs), like);
  std::vector<EntryId> gradients;
  for (int i = 0; i < arguments; ++i) gradients.push_back({id, i});
  if (p.use_sequence_length) gradients.push_back({});
  return gradients;
}

std::vector<std::string> input_names(const Params& p) {
  std::vector<std::string> names{"data", "parameters", "state"};
  if (p.is_lstm()) names.push_back("state_cell");
  if (p.use_sequence_length) names.push_back("sequence_length");
  return names;
}

std::vector<std::string> output_names(const Params& p) {
  std::vector<std::string> names{"output"};
  if (num_visible(p) > 1) names.push_back("state_output");
  if (num_visible(p) > 2) names.push_back("statecell_output");
  names.push_back("reserve");
  return names;
}

}  // namespace

void register_rnn_ops() {
  OpDef& op = register_op("RNN");
  op.doc =
      "Stacked recurrent layers over data (T, N, I): output (T, N, D H). state and, for mode lstm, "
      "state_cell are "
      "(L D, N, H). parameters is one vector: the weights of all layers, in each layer and direction "
      "input-to-hidden before hidden-to-hidden before the projection, gate by gate (lstm: input, forget, "
      "candidate, output; gru: reset, update, candidate), then all biases in the same order. With a "
      "projection to "
      "size P, output and state have P in place of H. With lengths, the output past the end of a sequence is "
      "zero "
      "and its state stays.";
  op.params = params_spec<Params>();
  op.inputs = {"data", "parameters", "state", "state_cell", "sequence_length"};
  op.num_inputs = [](const void* p) { return num_inputs(as<Params>(p)); };
  op.input_names = [](const void* p) { return input_names(as<Params>(p)); };
  op.num_outputs = [](const void* p) { return num_visible(as<Params>(p)) + 1; };
  op.num_visible_outputs = [](const void* p) { return num_visible(as<Params>(p)); };
  op.output_names = [](const void* p) { return output_names(as<Params>(p)); };
  op.infer_shape = infer_shape;
  op.infer_type = infer_type;
  op.kernel = forward;
  op.gradient = gradient;
  op.traits.random = true;    // with dropout
  op.traits.own_outputs = 1;  // the reserve

  OpDef& back = register_op("_backward_RNN");
  back.visible = false;
  back.params = op.params;
  back.inputs = {"data",       "parameters", "reserve",        "output_grad",
                 "state_grad", "cell_grad",  "sequence_length"};
  back.num_inputs = [](const void* p) {
    return 3 + num_visible(as<Params>(p)) + (as<Params>(p).use_sequence_length ? 1 : 0);
  };
  back.outputs = {"data", "parameters", "state", "state_cell"};
  back.num_outputs = [](const void* p) { return as<Params>(p).is_lstm() ? 4 : 3; };
  back.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  back.infer_type = [](TypeContext&) {};
  back.kernel = backward;
}

}  // namespace symbind
