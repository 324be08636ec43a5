// Operators that hand their input on: _copy, BlockGrad, make_loss, MakeLoss, _identity_with_attr_like_rhs.
#include "ops/elementwise_common.h"

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

Kernel copy_kernel(const KernelRequest& r) {
  const int64_t n = element_count(r.out[0]);
  const DType type = r.out[0].dtype;
  return make_kernel([n, type](void* const* in, void* const* out, void*) {
    if (in[0] != out[0]) parallel_convert(in[0], type, out[0], type, n);
  });
}

OpDef& register_identity(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.infer_shape = infer_same_shape;
  op.is_identity = [](const void*, bool) { return true; };
  op.traits.elementwise = true;
  op.traits.keeps_zero = true;
  op.traits.inplace = {{0, 0}};
  op.kernel = copy_kernel;
  return op;
}

enum class Normalization { kNull, kBatch, kValid };

struct MakeLossParams {
  double grad_scale, valid_thresh;
  Choice normalization;
  template <class V>
  void visit(V& v) {
    v("grad_scale", grad_scale, 1.0, "The gradient of every element.");
    v("valid_thresh", valid_thresh, 0.0, "Elements above it are valid; for normalization 'valid'.");
    v.choice(
        "normalization", normalization, {"null", "batch", "valid"}, 0,
        "Divide the gradient by nothing, by the product of all axes but the last or by the number of valid "
        "elements.");
  }
};

template <class T>
Kernel make_loss_backward(const KernelRequest& r) {
  const MakeLossParams& p = as<MakeLossParams>(r.params);
  const Shape shape = r.in[0].shape;
  const int64_t n = shape.size();
  const T threshold = T(p.valid_thresh);
  const bool count = p.normalization == Normalization::kValid;
  // MXNet's "batch" is every axis but the last: 1 for a vector.
  const double scale = p.normalization == Normalization::kBatch && shape.ndim() > 0 && n > 0
                           ? p.grad_scale / static_cast<double>(n / shape.at(-1))
                           : p.grad_scale;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    T* g = static_cast<T*>(out[0]);
    double value = scale;
    if (count) {
      int64_t valid = 0;
      for (int64_t i = 0; i < n; ++i) valid += x[i] > threshold ? 1 : 0;
      value = scale / static_cast<double>(valid > 1 ? valid : 1);
    }
    const T fill = T(value);
    parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) g[i] = fill;
    });
  });
}

void register_make_loss_operator() {
  OpDef& op =
      register_identity("MakeLoss", "Makes data a loss: its gradient is grad_scale wherever it comes from.");
  op.params = params_spec<MakeLossParams>();
  op.is_identity = nullptr;  // the executor looks for losses among the outputs
  op.traits.is_loss = true;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_MakeLoss", {c.input(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_MakeLoss", {"data"});
  back.params = op.params;
  back.traits.inplace = {{0, 0}};
  back.kernel = [](const KernelRequest& r) {
    return visit_float(r.in[0].dtype, "MakeLoss",
                       [&](auto tag) { return make_loss_backward<typename decltype(tag)::type>(r); });
  };
}

}  // namespace

void register_copy_ops() {
  OpDef& copy = register_identity("_copy", "A copy of data.");
  copy.aliases = {"identity"};
  copy.gradient = [](GradContext& c) -> std::vector<EntryId> { return {c.out_grad(0)}; };

  OpDef& copyto = register_identity("_copyto", "A copy of data.");
  copyto.gradient = copy.gradient;

  OpDef& block = register_identity("BlockGrad", "data, whose gradient is stopped here.");
  block.aliases = {"stop_gradient"};
  block.gradient = zero_gradient;

  OpDef& loss = register_identity("make_loss", "Makes data a loss: its gradient is 1.");
  loss.is_identity = nullptr;
  loss.traits.is_loss = true;
  loss.gradient = [](GradContext& c) -> std::vector<EntryId> { return {c.apply("ones_like", {c.input(0)})}; };
  register_make_loss_operator();

  OpDef& like =
      register_identity("_identity_with_attr_like_rhs", "lhs, with shape and dtype inferred from rhs too.");
  like.inputs = {"lhs", "rhs"};
  like.gradient = [](GradContext& c) -> std::vector<EntryId> { return {c.out_grad(0), EntryId{}}; };
}

}  // namespace symbind
