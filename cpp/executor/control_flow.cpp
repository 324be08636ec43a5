// _foreach, _while_loop and _cond: operators that run graphs. They are here and not among the other operators
// because their kernels compile programs.
#include <algorithm>

#include "executor/control_flow_run.h"
#include "graph/registry.h"

namespace symbind {

void register_control_flow_ops();

namespace {

// --- What is common: params with a tape ---

// Joins the forward node of one program with its backward node: whichever kernel is made last leaves the run
// that both use, and the backward node's can be differentiated.
template <class Run>
struct Tape {
  std::unique_ptr<Run> run;
};

struct ControlParams {
  int64_t num_args = 0, num_outputs = 0;
  int graphs = 0;  // num_args counts them too
  std::vector<int> aux;
  int num_inputs() const { return static_cast<int>(num_args) - graphs; }
};

void check_graphs(const char* op, const std::vector<Symbol>& graphs, size_t expected) {
  check(graphs.size() == expected, "[", op, "] got ", graphs.size(), " subgraphs, expected ", expected,
        "; such operators are made by mx.sym.contrib");
}

// Which inputs of the operator a subgraph updates.
void add_aux(const Symbol& symbol, const std::vector<int>& inputs, std::vector<int>& aux) {
  const std::vector<std::string> all = list_inputs(symbol, InputKind::kAll);
  const std::vector<std::string> states = list_inputs(symbol, InputKind::kAuxiliary);
  for (size_t v = 0; v < all.size(); ++v) {
    const bool is_aux = std::find(states.begin(), states.end(), all[v]) != states.end();
    if (is_aux && std::find(aux.begin(), aux.end(), inputs[v]) == aux.end()) aux.push_back(inputs[v]);
  }
}

// Places among the operator's inputs, one for each variable of a subgraph.
std::vector<int> input_places(const char* op, const char* name, const Tuple& locs, const Symbol& symbol,
                              int num_inputs) {
  const size_t variables = list_inputs(symbol, InputKind::kAll).size();
  check(locs.size() == variables, "[", op, "] ", name, ": got ", locs.size(), " numbers, expected ",
        variables, " as the subgraph has variables");
  std::vector<int> places;
  for (int64_t loc : locs) {
    check(loc >= 0 && loc < num_inputs, "[", op, "] ", name, ": got ", loc, ", expected a number below ",
          num_inputs);
    places.push_back(static_cast<int>(loc));
  }
  return places;
}

std::vector<std::string> numbered_inputs(const void* p) {
  std::vector<std::string> names;
  for (int i = 0; i < as<ControlParams>(p).num_inputs(); ++i) names.push_back("data" + std::to_string(i));
  return names;
}

RunRequest run_request(Span<const TensorDesc> in, bool is_train, RandomState* random) {
  RunRequest request;
  request.in.assign(in.begin(), in.end());
  request.is_train = is_train;
  request.random = random;
  return request;
}

// P has `using Run`, `spec()` and a tape.
template <class P>
Kernel forward_kernel(const KernelRequest& r) {
  const P& p = as<P>(r.params);
  auto tape = p.tape ? p.tape : std::make_shared<Tape<typename P::Run>>();
  tape->run = std::make_unique<typename P::Run>(p.spec(), run_request(r.in, r.is_train, r.random));
  return make_kernel([tape](void* const* in, void* const* out, void*) { tape->run->forward(in, out); });
}

// Inputs: gradients of the outputs, then the inputs of the operator.
template <class P>
Kernel backward_kernel(const KernelRequest& r) {
  const P& p = as<P>(r.params);
  const size_t outputs = static_cast<size_t>(p.num_outputs);
  RunRequest request = run_request({r.in.data() + outputs, r.in.size() - outputs}, true, r.random);
  for (size_t i = 0; i < request.in.size(); ++i) {
    const bool is_aux = std::find(p.aux.begin(), p.aux.end(), static_cast<int>(i)) != p.aux.end();
    request.grad_wanted.push_back(r.out_used[i] && !is_aux);
  }
  auto tape = p.tape;
  tape->run = std::make_unique<typename P::Run>(p.spec(), request);
  return make_kernel([tape, outputs](void* const* in, void* const* out, void*) {
    tape->run->backward(in, in + outputs, out);
  });
}

template <class P>
std::vector<EntryId> gradient(GradContext& c, const char* backward) {
  auto params = std::make_shared<P>(as<P>(c.params()));
  params->tape = std::make_shared<Tape<typename P::Run>>();
  c.graph.nodes[c.node].params = params;
  std::vector<EntryId> inputs;
  std::vector<int> like;
  for (int i = 0; i < static_cast<int>(params->num_outputs); ++i) inputs.push_back(c.out_grad(i));
  for (int i = 0; i < c.num_inputs(); ++i) {
    inputs.push_back(c.input(i));
    like.push_back(i);
  }
  const int32_t id = c.backward(backward, std::move(inputs), like);
  std::vector<EntryId> grads;
  for (int i = 0; i < static_cast<int>(like.size()); ++i) {
    const bool is_aux = std::find(params->aux.begin(), params->aux.end(), i) != params->aux.end();
    grads.push_back(is_aux || !is_float(c.graph.dtype(c.input(i))) ? EntryId() : EntryId{id, i});
  }
  return grads;
}

template <class P>
void register_control(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<P>();
  op.with_subgraphs = [name](const ParamsPtr& parsed, const std::vector<Symbol>& graphs) -> ParamsPtr {
    auto params = std::make_shared<P>(as<P>(parsed.get()));
    params->take(name, graphs);
    return params;
  };
  op.num_inputs = [](const void* p) { return as<P>(p).num_inputs(); };
  op.input_names = numbered_inputs;
  op.aux_inputs = [](const void* p) { return as<P>(p).aux; };
  op.num_outputs = [](const void* p) { return static_cast<int>(as<P>(p).num_outputs); };
  op.infer_shape = [](ShapeContext& c) { as<P>(c.params).infer_shape(c); };
  op.infer_type = [](TypeContext& c) { as<P>(c.params).infer_type(c); };
  op.kernel = forward_kernel<P>;
  op.traits.no_fold = true;
  op.traits.random = true;  // its graph may draw
  const std::string backward = std::string("_backward") + name;
  op.gradient = [backward](GradContext& c) { return gradient<P>(c, backward.c_str()); };

  OpDef& back = register_op(backward);
  back.visible = false;
  back.num_inputs = [](const void* p) {
    return static_cast<int>(as<P>(p).num_outputs) + as<P>(p).num_inputs();
  };
  back.input_names = [](const void* p) {
    return std::vector<std::string>(static_cast<size_t>(as<P>(p).num_outputs + as<P>(p).num_inputs()),
                                    "input");
  };
  back.num_outputs = [](const void* p) { return as<P>(p).num_inputs(); };
  back.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  back.infer_type = [](TypeContext&) {};
  back.kernel = backward_kernel<P>;
  back.traits.no_fold = true;
  back.traits.random = true;
}

// --- Loops ---

struct LoopParams : ControlParams {
  using Run = LoopRun;
  int64_t num_out_data = 0;
  LoopSpec loop;
  std::shared_ptr<Tape<LoopRun>> tape;
  const LoopSpec& spec() const { return loop; }

  // Values of the operator's inputs and outputs to those of the body's, and back.
  void infer_shape(ShapeContext& c) const {
    std::vector<Shape> in(static_cast<size_t>(loop.num_inputs())), out(static_cast<size_t>(num_outputs));
    int64_t steps = loop.data.empty() ? loop.max_steps : -1;
    for (const auto& link : loop.data) {
      const Shape& whole = c.in[link.input];
      if (!whole.has_rank()) continue;
      check(whole.ndim() >= 1, "[", c.op.name, "] data: got a scalar, expected an axis to go along");
      if (whole[0] >= 0) steps = whole[0];
      in[link.variable] = Shape(whole.begin() + 1, whole.end());
    }
    for (const auto& link : loop.states) in[link.variable] = c.in[link.input];
    for (const auto& link : loop.others) merge_shape(in[link.variable], c.in[link.input]);
    for (int64_t i = 0; i < num_outputs; ++i) {
      const Shape& whole = c.out[i];
      if (!whole.has_rank()) continue;
      if (i < num_out_data && whole[0] >= 0 && steps < 0) steps = whole[0];
      out[i] = i < num_out_data ? Shape(whole.begin() + 1, whole.end()) : whole;
    }
    infer_subgraph_shapes(loop.body, in, out);
    auto stacked = [&](const Shape& slice) {
      if (!slice.has_rank()) return Shape();
      Shape whole{steps};
      for (int64_t d : slice) whole.push_back(d);
      return whole;
    };
    for (const auto& link : loop.data) c.set_in(link.input, stacked(in[link.variable]));
    for (size_t k = 0; k < loop.states.size(); ++k) {
      const int state = static_cast<int>(num_out_data) + static_cast<int>(k);
      c.set_in(loop.states[k].input, in[loop.states[k].variable]);
      c.set_in(loop.states[k].input, out[state]);
      c.set_out(state, c.in[loop.states[k].input]);
    }
    for (const auto& link : loop.others) c.set_in(link.input, in[link.variable]);
    for (int64_t i = 0; i < num_out_data; ++i) c.set_out(static_cast<int>(i), stacked(out[i]));
  }

  void infer_type(TypeContext& c) const {
    std::vector<DType> in(static_cast<size_t>(loop.num_inputs()), DType::kUnknown);
    std::vector<DType> out(c.out.begin(), c.out.end());
    auto each = [&](auto&& f) {
      for (const auto* links : {&loop.data, &loop.states, &loop.others}) {
        for (const auto& link : *links) f(link);
      }
    };
    each([&](const LoopSpec::Link& link) { in[link.variable] = c.in[link.input]; });
    infer_subgraph_types(loop.body, in, out);
    each([&](const LoopSpec::Link& link) { c.set_in(link.input, in[link.variable]); });
    for (size_t i = 0; i < out.size(); ++i) c.set_out(static_cast<int>(i), out[i]);
    for (size_t k = 0; k < loop.states.size(); ++k) {
      const int state = static_cast<int>(num_out_data) + static_cast<int>(k);
      c.set_in(loop.states[k].input, c.out[state]);
      c.set_out(state, c.in[loop.states[k].input]);
    }
  }

 protected:
  void check_outputs(const char* op) const {
    check(static_cast<int64_t>(loop.body.outputs.size()) == num_outputs, "[", op, "] the body has ",
          loop.body.outputs.size(), " outputs, expected num_outputs = ", num_outputs);
    check(num_out_data >= 0 && num_outputs - num_out_data == static_cast<int64_t>(loop.states.size()), "[",
          op, "] got ", loop.states.size(),
          " states, expected num_outputs - num_out_data = ", num_outputs - num_out_data);
  }
};

struct ForeachParams : LoopParams {
  Tuple in_state_locs, in_data_locs, remain_locs;
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "Number of inputs, and one for the body.");
    v("num_outputs", num_outputs, required, "Number of outputs of the body.");
    v("num_out_data", num_out_data, required, "How many of them are stacked; the others are states.");
    v("in_state_locs", in_state_locs, required, "Which variables of the body are states.");
    v("in_data_locs", in_data_locs, required, "Which variables of the body are slices of data.");
    v("remain_locs", remain_locs, required, "Which variables of the body are the other inputs.");
  }

  // Inputs: data, states, the rest.
  void take(const char* op, const std::vector<Symbol>& graphs) {
    this->graphs = 1;
    check_graphs(op, graphs, 1);
    loop.body = graphs[0];
    loop.num_out_data = static_cast<int>(num_out_data);
    const int count = num_inputs();
    const size_t variables = list_inputs(loop.body, InputKind::kAll).size();
    std::vector<int> input_of(variables, -1);
    int next = 0;
    auto link = [&](const Tuple& locs, std::vector<LoopSpec::Link>& links) {
      for (int64_t v : locs) {
        check(v >= 0 && v < static_cast<int64_t>(variables) && input_of[static_cast<size_t>(v)] < 0, "[", op,
              "] locations of inputs: got ", v, ", expected each number below ", variables, " once");
        input_of[static_cast<size_t>(v)] = next;
        links.push_back({next++, static_cast<int>(v)});
      }
    };
    link(in_data_locs, loop.data);
    link(in_state_locs, loop.states);
    link(remain_locs, loop.others);
    check(next == count && static_cast<size_t>(next) == variables, "[", op, "] locations of inputs: got ",
          next, ", expected num_args - 1 = ", count, " and the body's ", variables, " variables");
    check(!loop.data.empty(), "[", op, "] in_data_locs is empty: there is nothing to go through");
    check_outputs(op);
    add_aux(loop.body, input_of, aux);
  }
};

struct WhileParams : LoopParams {
  int64_t max_iterations = 0;
  Tuple cond_input_locs, func_input_locs, func_var_locs;
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "Number of inputs, and two for the condition and the body.");
    v("num_outputs", num_outputs, required, "Number of outputs of the body.");
    v("num_out_data", num_out_data, required, "How many of them are stacked; the others are states.");
    v("max_iterations", max_iterations, required,
      "Steps after which the loop ends whatever the condition says.");
    v("cond_input_locs", cond_input_locs, required, "The input that each variable of the condition is.");
    v("func_input_locs", func_input_locs, required, "The input that each variable of the body is.");
    v("func_var_locs", func_var_locs, required, "Which variables of the body are states.");
  }

  void take(const char* op, const std::vector<Symbol>& graphs) {
    this->graphs = 2;
    check_graphs(op, graphs, 2);
    check(max_iterations >= 0, "[", op, "] max_iterations: got ", max_iterations, ", expected at least 0");
    loop.condition = graphs[0];
    check(loop.condition.outputs.size() == 1, "[", op, "] the condition has ", loop.condition.outputs.size(),
          " outputs, expected 1");
    loop.body = graphs[1];
    loop.num_out_data = static_cast<int>(num_out_data);
    loop.max_steps = max_iterations;
    loop.condition_inputs =
        input_places(op, "cond_input_locs", cond_input_locs, loop.condition, num_inputs());
    const std::vector<int> inputs =
        input_places(op, "func_input_locs", func_input_locs, loop.body, num_inputs());
    std::vector<bool> is_state(inputs.size(), false);
    for (int64_t v : func_var_locs) {
      check(v >= 0 && v < static_cast<int64_t>(inputs.size()), "[", op, "] func_var_locs: got ", v,
            ", expected a number below ", inputs.size());
      is_state[static_cast<size_t>(v)] = true;
      loop.states.push_back({inputs[static_cast<size_t>(v)], static_cast<int>(v)});
    }
    for (size_t v = 0; v < inputs.size(); ++v) {
      if (!is_state[v]) loop.others.push_back({inputs[v], static_cast<int>(v)});
    }
    check_outputs(op);
    add_aux(loop.body, inputs, aux);
  }

  void infer_shape(ShapeContext& c) const {
    LoopParams::infer_shape(c);
    std::vector<Shape> in, out(1);
    for (int i : loop.condition_inputs) in.push_back(c.in[i]);
    infer_subgraph_shapes(loop.condition, in, out);
    for (size_t v = 0; v < in.size(); ++v) c.set_in(loop.condition_inputs[v], in[v]);
  }
  void infer_type(TypeContext& c) const {
    LoopParams::infer_type(c);
    std::vector<DType> in, out(1, DType::kUnknown);
    for (int i : loop.condition_inputs) in.push_back(c.in[i]);
    infer_subgraph_types(loop.condition, in, out);
    for (size_t v = 0; v < in.size(); ++v) c.set_in(loop.condition_inputs[v], in[v]);
  }
};

// --- Branches ---

struct CondParams : ControlParams {
  using Run = BranchRun;
  Tuple cond_input_locs, then_input_locs, else_input_locs;
  BranchSpec branch;
  std::shared_ptr<Tape<BranchRun>> tape;
  const BranchSpec& spec() const { return branch; }
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "Number of inputs, and three for the condition and the branches.");
    v("num_outputs", num_outputs, required, "Number of outputs of either branch.");
    v("cond_input_locs", cond_input_locs, required, "The input that each variable of the condition is.");
    v("then_input_locs", then_input_locs, required, "The input that each variable of the first branch is.");
    v("else_input_locs", else_input_locs, required, "The input that each variable of the second branch is.");
  }

  void take(const char* op, const std::vector<Symbol>& graphs) {
    this->graphs = 3;
    check_graphs(op, graphs, 3);
    branch.condition = graphs[0];
    check(branch.condition.outputs.size() == 1, "[", op, "] the condition has ",
          branch.condition.outputs.size(), " outputs, expected 1");
    branch.condition_inputs = input_places(op, "cond_input_locs", cond_input_locs, graphs[0], num_inputs());
    for (int b = 0; b < 2; ++b) {
      branch.branches[b] = graphs[static_cast<size_t>(b) + 1];
      check(static_cast<int64_t>(branch.branches[b].outputs.size()) == num_outputs, "[", op,
            "] a branch has ", branch.branches[b].outputs.size(),
            " outputs, expected num_outputs = ", num_outputs);
      branch.branch_inputs[b] =
          input_places(op, b == 0 ? "then_input_locs" : "else_input_locs",
                       b == 0 ? then_input_locs : else_input_locs, branch.branches[b], num_inputs());
      add_aux(branch.branches[b], branch.branch_inputs[b], aux);
    }
  }

  void infer_shape(ShapeContext& c) const {
    each_graph([&](const Symbol& symbol, const std::vector<int>& inputs, bool is_branch) {
      std::vector<Shape> in, out(symbol.outputs.size());
      for (int i : inputs) in.push_back(c.in[i]);
      if (is_branch) out.assign(c.out.begin(), c.out.end());
      infer_subgraph_shapes(symbol, in, out);
      for (size_t v = 0; v < in.size(); ++v) c.set_in(inputs[v], in[v]);
      for (size_t i = 0; i < out.size() && is_branch; ++i) c.set_out(static_cast<int>(i), out[i]);
    });
  }
  void infer_type(TypeContext& c) const {
    each_graph([&](const Symbol& symbol, const std::vector<int>& inputs, bool is_branch) {
      std::vector<DType> in, out(symbol.outputs.size(), DType::kUnknown);
      for (int i : inputs) in.push_back(c.in[i]);
      if (is_branch) out.assign(c.out.begin(), c.out.end());
      infer_subgraph_types(symbol, in, out);
      for (size_t v = 0; v < in.size(); ++v) c.set_in(inputs[v], in[v]);
      for (size_t i = 0; i < out.size() && is_branch; ++i) c.set_out(static_cast<int>(i), out[i]);
    });
  }

 private:
  template <class F>
  void each_graph(F&& f) const {
    f(branch.condition, branch.condition_inputs, false);
    for (int b = 0; b < 2; ++b) f(branch.branches[b], branch.branch_inputs[b], true);
  }
};

}  // namespace

void register_control_flow_ops() {
  register_control<ForeachParams>(
      "_foreach",
      "Runs its subgraph on every slice of data along axis 0, handing states on from one "
      "step to the next. Made by mx.sym.contrib.foreach.");
  register_control<WhileParams>(
      "_while_loop",
      "Runs its second subgraph while the first is not 0, at most max_iterations times. "
      "Rows of outputs behind the last step are 0. Made by mx.sym.contrib.while_loop.");
  register_control<CondParams>("_cond",
                               "Runs its second subgraph if the first is not 0, otherwise the third. Made by "
                               "mx.sym.contrib.cond.");
}

}  // namespace symbind
