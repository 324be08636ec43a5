// What the engine knows about an operator: an OpDef per name, filled in by cpp/ops/<family>.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/kernel.h"
#include "base/params.h"
#include "base/shape.h"
#include "base/span.h"

namespace symbind {

class Graph;
struct OpDef;
struct RandomState;
struct Symbol;

// One output of one node of a Graph.
struct EntryId {
  int32_t node = -1;
  int32_t index = 0;
  bool valid() const { return node >= 0; }
  bool operator==(const EntryId& o) const { return node == o.node && index == o.index; }
};

// Everything a kernel may decide on at bind time.
struct KernelRequest {
  const void* params = nullptr;
  Span<const TensorDesc> in;
  Span<const TensorDesc> out;
  std::vector<bool> out_used;  // false: nobody reads this output, its pointer may be null
  bool is_train = false;
  RandomState* random = nullptr;
  Span<const PostOp> post_ops;
  int num_threads = 1;
};

// Shape inference of one node. Rules run in both directions: they may fill unknown inputs from known outputs.
// set_in/set_out merge what the rule knows into the shape and fail with the argument's name on a
// contradiction.
struct ShapeContext {
  const OpDef& op;
  const void* params;
  Span<Shape> in;
  Span<Shape> out;
  void set_in(int i, const Shape& shape);
  void set_out(int i, const Shape& shape);
};

struct TypeContext {
  const OpDef& op;
  const void* params;
  Span<DType> in;
  Span<DType> out;
  void set_in(int i, DType type);
  void set_out(int i, DType type);
};

// Builds the gradient of one node. Shapes and dtypes of the forward graph are known.
struct GradContext {
  Graph& graph;
  int32_t node;
  std::vector<EntryId> out_grads;  // not valid: that output has no gradient

  const void* params() const;
  int num_inputs() const;
  EntryId input(int i) const;
  EntryId output(int i) const { return {node, i}; }
  const Shape& input_shape(int i) const;
  // The gradient of output i; zeros when nothing depends on it.
  EntryId out_grad(int i);
  // A node with parsed attributes; the entry is its first output.
  EntryId apply(const char* op, std::vector<EntryId> inputs, const AttrMap& attrs = {});
  // A node that shares this node's params; output k has shape and dtype of forward input `like[k]`.
  int32_t backward(const char* op, std::vector<EntryId> inputs, const std::vector<int>& like);
};
// One entry per input; an invalid entry means "no gradient flows there".
using GradFn = std::function<std::vector<EntryId>(GradContext&)>;

// One use of an operator, before it is a node of the Graph.
struct NodeSpec {
  ParamsPtr params;
  std::string name;
  std::vector<EntryId> inputs;
};

// Lets an operator choose layouts: it sees the layouts its inputs arrive in and changes in[i].layout to what
// it wants and out[i].layout to what it will produce. The layout pass adds reorders.
struct LayoutRequest {
  const void* params;
  Span<TensorDesc> in;
  Span<TensorDesc> out;
  bool is_train;
  Compute compute = Compute::kFloat32;  // what the operator should compute in, if it can
};

struct OpTraits {
  bool elementwise = false;             // out[i] depends on in[*][i] alone, all of one shape
  bool takes_bfloat16 = false;          // elementwise, and its kernel runs over bfloat16 layouts
  bool keeps_zero = false;              // f(0) == 0, so it may run over the padding of blocked layouts
  bool identity_view = false;           // the output is the input's bytes under another shape
  bool random = false;                  // two equal nodes are not the same value
  bool is_loss = false;                 // ignores the gradient of its outputs
  int max_post_ops = 1;                 // how many can be fused onto it, one after another
  bool takes_post_op_gradient = false;  // see OpDef::as_post_op_gradient
  bool no_fold = false;                 // never a constant or a common subexpression
  bool stands_in = false;  // not visible, but what a visible operator expands to: monitors see it
  int own_outputs = 0;     // hidden last outputs that MXNet has not: files leave them out
  std::vector<std::pair<int, int>> inplace;  // (input, output) that may share memory
};

struct OpDef {
  std::string name;
  std::vector<std::string> aliases;
  std::string doc;
  ParamsSpec params;

  // Inputs: fixed names, or variable arity through the attribute `num_args_key` ("num_args").
  std::vector<std::string> inputs{"data"};
  std::function<int(const void*)> num_inputs;                        // null: all of `inputs`
  std::function<std::vector<std::string>(const void*)> input_names;  // null: the first num_inputs of `inputs`
  std::string num_args_key;
  std::vector<int> aux;  // inputs that are auxiliary states: written by training forward passes
  std::function<std::vector<int>(const void*)> aux_inputs;  // null: `aux`
  // Variables made for inputs the user leaves out get these attributes ("__init__", ...), by input name.
  std::map<std::string, AttrMap> variable_attrs;

  std::vector<std::string> outputs{"output"};
  std::function<int(const void*)> num_outputs;          // null: all of `outputs`
  std::function<int(const void*)> num_visible_outputs;  // null: all outputs
  std::function<std::vector<std::string>(const void*)> output_names;

  std::function<void(ShapeContext&)> infer_shape;
  std::function<void(TypeContext&)> infer_type;  // null: one dtype for everything
  GradFn gradient;                               // null: not differentiable
  std::function<Kernel(const KernelRequest&)> kernel;
  // True when the node only hands its first input on (Dropout outside training): the simplify pass removes
  // it.
  std::function<bool(const void* params, bool is_train)> is_identity;
  std::function<void(LayoutRequest&)> layout;  // null: row-major only (or agnostic by traits)
  std::function<bool(const void* params, PostOp&)> as_post_op;  // can this node be fused onto its producer?
  std::function<bool(const TensorDesc& out, const PostOp&)>
      accepts_post_op;  // can it be fused onto this node?
  // For gradient nodes with inputs (out_grad, output): is this the gradient of such a post-op? A gradient
  // node with traits.takes_post_op_gradient computes it on its own when its operator has that post-op.
  std::function<bool(const void* params, PostOp&)> as_post_op_gradient;
  // For operators whose output 0 is cheap to make again from input 0 and small values: builds the node that
  // does, without post-ops. Training may then drop the output after the forward pass.
  std::function<EntryId(GradContext&)> recompute;
  // Outside training a scale and a bias per channel that follow an operator can move into its weight (input
  // 1, scaled along its first axis) and its bias (input 2). The operator says which axis of its output these
  // channels are (-1: it cannot), and makes the params of the same operator with a bias.
  std::function<int(const void* params, int ndim)> channel_axis;
  std::function<ParamsPtr(const void* params)> with_bias;
  // The follower says which axis its channels are, and names the operator that computes the new weight and
  // bias from (weight, [bias], its own inputs 1, 2, ...).
  std::function<int(const void* params, int ndim)> affine_axis;
  std::string affine_fold;
  // For nodes that keep something between runs, which the programs of one executor share: makes the params of
  // a node in a new graph. Null: the symbol's own.
  std::function<ParamsPtr(const ParamsPtr&)> graph_params;
  // For operators that run graphs of their own (Node::subgraphs): their params with what these graphs say.
  // Fails when they are not what the operator runs. null: the operator has none.
  std::function<ParamsPtr(const ParamsPtr&, const std::vector<Symbol>&)> with_subgraphs;
  // For operators that stand for several others: appends those when a Symbol becomes a Graph, and returns
  // the node whose outputs are the operator's.
  std::function<int32_t(Graph&, const NodeSpec&)> expand;
  // For operators that are a loss only under some attributes; null: traits.is_loss.
  std::function<bool(const void* params)> loss_when;
  OpTraits traits;
  bool visible = true;  // false: internal (gradients, passes); not in mx.sym or mx.nd

  int input_count(const void* p) const;
  int output_count(const void* p) const;
  int visible_output_count(const void* p) const;
  std::vector<std::string> input_list(const void* p) const;
  std::vector<std::string> output_list(const void* p) const;
  std::vector<int> aux_list(const void* p) const { return aux_inputs ? aux_inputs(p) : aux; }
  // Does this input hold what training learns, by its name (weight, bias, gamma, ...), rather than data?
  bool is_parameter(int input) const;
  bool is_loss(const void* p) const { return loss_when ? loss_when(p) : traits.is_loss; }
};

template <class P>
const P& as(const void* params) {
  return *static_cast<const P*>(params);
}

// Rules that many operators share.
void infer_same_shape(ShapeContext& c);  // all inputs and outputs alike
void infer_same_type(TypeContext& c);

}  // namespace symbind
