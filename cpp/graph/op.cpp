#include "graph/op.h"

#include <algorithm>

#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {

int OpDef::input_count(const void* p) const {
  return num_inputs ? num_inputs(p) : static_cast<int>(inputs.size());
}

int OpDef::output_count(const void* p) const {
  return num_outputs ? num_outputs(p) : static_cast<int>(outputs.size());
}

int OpDef::visible_output_count(const void* p) const {
  return num_visible_outputs ? num_visible_outputs(p) : output_count(p);
}

std::vector<std::string> OpDef::input_list(const void* p) const {
  if (input_names) return input_names(p);
  const int n = input_count(p);
  if (num_args_key.empty()) return {inputs.begin(), inputs.begin() + n};
  std::vector<std::string> names(n);
  for (int i = 0; i < n; ++i) names[i] = "arg" + std::to_string(i);
  return names;
}

std::vector<std::string> OpDef::output_list(const void* p) const {
  if (output_names) return output_names(p);
  const int n = output_count(p);
  if (n <= static_cast<int>(outputs.size())) return {outputs.begin(), outputs.begin() + n};
  std::vector<std::string> names(n);
  for (int i = 0; i < n; ++i) names[i] = "output" + std::to_string(i);
  return names;
}

bool OpDef::is_parameter(int input) const {
  static const std::string kNames[] = {"weight",     "bias",        "gamma",     "beta",
                                       "parameters", "moving_mean", "moving_var"};
  return input < static_cast<int>(inputs.size()) &&
         std::find(std::begin(kNames), std::end(kNames), inputs[input]) != std::end(kNames);
}

namespace {
std::string input_label(const OpDef& op, const void* params, int i) {
  const std::vector<std::string> names = op.input_list(params);
  return i < static_cast<int>(names.size()) ? names[i] : concat("input ", i);
}
}  // namespace

void ShapeContext::set_in(int i, const Shape& shape) {
  const Shape before = in[i];
  check(merge_shape(in[i], shape), "[", op.name, "] shape of '", input_label(op, params, i), "': got ",
        before, ", expected ", shape);
}

void ShapeContext::set_out(int i, const Shape& shape) {
  const Shape before = out[i];
  check(merge_shape(out[i], shape), "[", op.name, "] shape of output ", i, ": got ", before, ", expected ",
        shape);
}

void TypeContext::set_in(int i, DType type) {
  if (type == DType::kUnknown || in[i] == type) return;
  check(in[i] == DType::kUnknown, "[", op.name, "] dtype of '", input_label(op, params, i), "': got ",
        dtype_name(in[i]), ", expected ", dtype_name(type));
  in[i] = type;
}

void TypeContext::set_out(int i, DType type) {
  if (type == DType::kUnknown || out[i] == type) return;
  check(out[i] == DType::kUnknown, "[", op.name, "] dtype of output ", i, ": got ", dtype_name(out[i]),
        ", expected ", dtype_name(type));
  out[i] = type;
}

void infer_same_shape(ShapeContext& c) {
  Shape all;
  auto gather = [&](Span<Shape> shapes, bool is_in) {
    for (size_t i = 0; i < shapes.size(); ++i) {
      Shape merged = all;
      check(merge_shape(merged, shapes[i]), "[", c.op.name, "] shape of '",
            is_in ? input_label(c.op, c.params, static_cast<int>(i)) : "output", "': got ", shapes[i],
            ", expected ", all);
      all = merged;
    }
  };
  gather(c.in, true);
  gather(c.out, false);
  for (Shape& s : c.in) s = all;
  for (Shape& s : c.out) s = all;
}

void infer_same_type(TypeContext& c) {
  DType type = DType::kUnknown;
  for (DType t : c.in) type = type == DType::kUnknown ? t : type;
  for (DType t : c.out) type = type == DType::kUnknown ? t : type;
  for (size_t i = 0; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), type);
  for (size_t i = 0; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), type);
}

const void* GradContext::params() const { return graph.nodes[node].params.get(); }
int GradContext::num_inputs() const { return static_cast<int>(graph.nodes[node].inputs.size()); }
EntryId GradContext::input(int i) const { return graph.nodes[node].inputs[i]; }
const Shape& GradContext::input_shape(int i) const { return graph.shape(input(i)); }

EntryId GradContext::out_grad(int i) {
  if (!out_grads[i].valid()) out_grads[i] = apply("zeros_like", {output(i)});
  return out_grads[i];
}

EntryId GradContext::apply(const char* op, std::vector<EntryId> inputs, const AttrMap& attrs) {
  const OpDef& def = find_op(op);
  ParamsPtr params = def.params.parse ? def.params.parse(op, attrs) : nullptr;
  const int32_t id = graph.add_node(&def, std::move(params), graph.nodes[node].name, std::move(inputs));
  graph.nodes[id].forward = node;
  graph.infer_node(id);
  return {id, 0};
}

int32_t GradContext::backward(const char* op, std::vector<EntryId> inputs, const std::vector<int>& like) {
  const OpDef& def = find_op(op);
  const int32_t id =
      graph.add_node(&def, graph.nodes[node].params, graph.nodes[node].name, std::move(inputs));
  graph.nodes[id].forward = node;
  for (size_t k = 0; k < like.size(); ++k) {
    const EntryId from = input(like[k]);
    graph.shape({id, static_cast<int32_t>(k)}) = graph.shape(from);
    graph.dtype({id, static_cast<int32_t>(k)}) = graph.dtype(from);
  }
  return id;
}

}  // namespace symbind
