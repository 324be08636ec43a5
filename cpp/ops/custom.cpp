// Custom: an operator that the host language computes.
#include "ops/custom.h"

#include <cstring>

#include "ops/elementwise_common.h"

namespace symbind {
namespace {

CustomHandler& handler() {
  static auto* instance = new CustomHandler;  // outlives what it may hold of the host language
  return *instance;
}

struct Params {
  std::shared_ptr<CustomProp> prop;
  // What runs, once a program was compiled: prediction and training share it, and what it remembers.
  mutable std::shared_ptr<CustomOperator> bound;
  int num_arguments() const { return static_cast<int>(prop->arguments.size()); }
  int num_states() const { return static_cast<int>(prop->states.size()); }
  int num_outputs() const { return static_cast<int>(prop->outputs.size()); }
};

ParamsPtr parse(const char* op, const AttrMap& attrs) {
  const auto type = attrs.find("op_type");
  check(type != attrs.end(), "[", op, "] required attribute 'op_type' is missing");
  check(static_cast<bool>(handler()), "[", op, "] '", type->second,
        "' is not registered: this process has no language to register it in");
  AttrMap rest = attrs;
  rest.erase("op_type");
  auto params = std::make_shared<Params>();
  params->prop = handler()(type->second, rest);
  return params;
}

std::vector<FieldInfo> describe() {
  return {{"op_type", "str", "", true, "The name that the operator was registered under."}};
}

// The last output is the address of the operator that ran, by which its backward node finds it.
void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  c.set_out(p.num_outputs(), Shape{1});
  std::vector<Shape> in(c.in.begin(), c.in.end()), out(c.out.begin(), c.out.end() - 1);
  p.prop->infer_shape(in, out);
  for (size_t i = 0; i < in.size(); ++i) c.set_in(static_cast<int>(i), in[i]);
  for (size_t i = 0; i < out.size(); ++i) c.set_out(static_cast<int>(i), out[i]);
}

void infer_type(TypeContext& c) {
  const Params& p = as<Params>(c.params);
  c.set_out(p.num_outputs(), DType::kInt64);
  std::vector<DType> in(c.in.begin(), c.in.end()), out(c.out.begin(), c.out.end() - 1);
  p.prop->infer_type(in, out);
  for (size_t i = 0; i < in.size(); ++i) c.set_in(static_cast<int>(i), in[i]);
  for (size_t i = 0; i < out.size(); ++i) c.set_out(static_cast<int>(i), out[i]);
}

Kernel forward_kernel(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const size_t outputs = p.prop->outputs.size();
  if (p.bound == nullptr) p.bound = p.prop->create(r.in, {r.out.data(), outputs});
  return make_kernel([op = p.bound, outputs, used = r.out_used, is_train = r.is_train](
                         void* const* in, void* const* out, void*) {
    std::vector<void*> wanted(outputs);
    for (size_t i = 0; i < outputs; ++i) wanted[i] = used[i] ? out[i] : nullptr;
    op->forward(is_train, in, wanted.data());
    CustomOperator* address = op.get();
    if (out[outputs] != nullptr) std::memcpy(out[outputs], &address, sizeof(address));
  });
}

// Inputs: the operator's address, the gradients of the outputs where it needs them, its states.
Kernel backward_kernel(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const size_t grads = p.prop->needs_out_grads ? p.prop->outputs.size() : 0;
  return make_kernel([grads, used = r.out_used](void* const* in, void* const* out, void*) {
    CustomOperator* op;
    std::memcpy(&op, in[0], sizeof(op));
    std::vector<void*> wanted(used.size());
    for (size_t i = 0; i < used.size(); ++i) wanted[i] = used[i] ? out[i] : nullptr;
    op->backward(grads > 0 ? in + 1 : nullptr, in + 1 + grads, wanted.data());
  });
}

std::vector<EntryId> gradient(GradContext& c) {
  const Params& p = as<Params>(c.params());
  std::vector<EntryId> inputs{c.output(p.num_outputs())}, grads;
  for (int i = 0; p.prop->needs_out_grads && i < p.num_outputs(); ++i) inputs.push_back(c.out_grad(i));
  std::vector<int> like;
  for (int i = 0; i < p.num_arguments(); ++i) like.push_back(i);
  for (int i = 0; i < p.num_states(); ++i) inputs.push_back(c.input(p.num_arguments() + i));
  const int num_states = p.num_states();  // adding a node moves the params of this one
  const int32_t id = c.backward("_backward_Custom", std::move(inputs), like);
  for (int i : like) grads.push_back({id, i});
  grads.resize(like.size() + static_cast<size_t>(num_states));
  return grads;
}

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

void set_custom_handler(CustomHandler made) { handler() = std::move(made); }

void register_custom_ops() {
  OpDef& op = register_op("Custom");
  op.doc =
      "An operator written in Python: op_type is what it was registered as; it gets all other attributes as "
      "text.";
  op.params.parse = parse;
  op.params.describe = describe;
  op.num_inputs = [](const void* p) { return as<Params>(p).num_arguments() + as<Params>(p).num_states(); };
  op.input_names = [](const void* p) {
    return joined(as<Params>(p).prop->arguments, as<Params>(p).prop->states);
  };
  op.aux_inputs = [](const void* p) {
    std::vector<int> states;
    for (int i = 0; i < as<Params>(p).num_states(); ++i) states.push_back(as<Params>(p).num_arguments() + i);
    return states;
  };
  op.num_outputs = [](const void* p) { return as<Params>(p).num_outputs() + 1; };
  op.num_visible_outputs = [](const void* p) { return as<Params>(p).num_outputs(); };
  op.output_names = [](const void* p) { return joined(as<Params>(p).prop->outputs, {"state"}); };
  op.infer_shape = infer_shape;
  op.infer_type = infer_type;
  op.kernel = forward_kernel;
  op.gradient = gradient;
  op.loss_when = [](const void* p) { return !as<Params>(p).prop->needs_out_grads; };
  op.graph_params = [](const ParamsPtr& p) -> ParamsPtr {
    auto params = std::make_shared<Params>();
    params->prop = as<Params>(p.get()).prop;
    return params;
  };
  op.traits.own_outputs = 1;
  op.traits.random = true;  // what it computes is not known to depend on its inputs alone
  op.traits.no_fold = true;

  OpDef& back = register_backward_op("_backward_Custom", {});
  back.params = op.params;
  back.num_inputs = [](const void* p) {
    const Params& params = as<Params>(p);
    return 1 + (params.prop->needs_out_grads ? params.num_outputs() : 0) + params.num_states();
  };
  back.input_names = [](const void* p) {
    const Params& params = as<Params>(p);
    const std::vector<std::string> none;
    return joined(joined({"state"}, params.prop->needs_out_grads ? params.prop->outputs : none),
                  params.prop->states);
  };
  back.num_outputs = [](const void* p) { return as<Params>(p).num_arguments(); };
  back.output_names = [](const void* p) { return as<Params>(p).prop->arguments; };
  back.kernel = backward_kernel;
  back.traits.random = true;
  back.traits.no_fold = true;
}

}  // namespace symbind
