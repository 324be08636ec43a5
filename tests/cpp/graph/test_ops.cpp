#include "graph/test_ops.h"

#include "graph/registry.h"
#include "ops/register_all.h"

namespace symbind {
namespace {

struct DenseParams {
  int64_t num_hidden;
  bool no_bias;
  template <class V>
  void visit(V& v) {
    v("num_hidden", num_hidden, required, "");
    v("no_bias", no_bias, false, "");
  }
};

struct NormParams {
  double eps;
  template <class V>
  void visit(V& v) {
    v("eps", eps, 0.001, "");
  }
};

struct CountParams {
  int64_t num_args;
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "");
  }
};

struct OutputsParams {
  int64_t num_outputs;
  template <class V>
  void visit(V& v) {
    v("num_outputs", num_outputs, required, "");
  }
};

struct CastParams {
  std::string dtype;
  template <class V>
  void visit(V& v) {
    v("dtype", dtype, required, "");
  }
};

void register_amp_ops() {
  register_all_ops();  // the library's own come first
  if (find_op_or_null("amp_cast") == nullptr) register_op("amp_cast").params = params_spec<CastParams>();
  if (find_op_or_null("amp_multicast") != nullptr) return;
  OpDef& multicast = register_op("amp_multicast");
  multicast.params = params_spec<OutputsParams>();
  multicast.num_args_key = "num_outputs";
  multicast.num_inputs = [](const void* p) { return static_cast<int>(as<OutputsParams>(p).num_outputs); };
  multicast.num_outputs = multicast.num_inputs;
}

}  // namespace

void register_test_ops() {
  if (find_op_or_null("test_dense") != nullptr) return;
  OpDef& dense = register_op("test_dense");
  dense.params = params_spec<DenseParams>();
  dense.inputs = {"data", "weight", "bias"};
  dense.num_inputs = [](const void* p) { return as<DenseParams>(p).no_bias ? 2 : 3; };

  OpDef& norm = register_op("test_norm");
  norm.aliases = {"test_norm_v1"};
  norm.params = params_spec<NormParams>();
  norm.inputs = {"data", "gamma", "mean"};
  norm.aux = {2};
  norm.variable_attrs["mean"] = {{"__init__", "[\"zero\", {}]"}};
  norm.outputs = {"output", "mean"};
  norm.num_visible_outputs = [](const void*) { return 1; };

  OpDef& concat = register_op("test_concat");
  concat.params = params_spec<CountParams>();
  concat.num_args_key = "num_args";
  concat.num_inputs = [](const void* p) { return static_cast<int>(as<CountParams>(p).num_args); };

  OpDef& split = register_op("test_split");
  split.params = params_spec<OutputsParams>();
  split.num_outputs = [](const void* p) { return static_cast<int>(as<OutputsParams>(p).num_outputs); };

  register_op("test_relu");
  register_amp_ops();
}

}  // namespace symbind
