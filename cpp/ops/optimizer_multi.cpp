// One optimizer step for many weights: multi_sgd_update and its relatives with momentum, with float32 copies
// of float16 weights, and with learning rates that lie in arrays (preloaded).
#include "backend/cpu/multi_update.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  FloatTuple lrs, wds;
  double momentum = 0, rescale_grad, clip_gradient;
  int64_t num_weights, num_args;
  template <class V>
  void visit_rest(V& v) {
    v("rescale_grad", rescale_grad, 1.0, "Gradients are multiplied by it first.");
    v("clip_gradient", clip_gradient, -1.0, "Limits the magnitude of gradients; negative: no limit.");
    v("num_weights", num_weights, int64_t{1}, "Number of weights.");
    v("num_args", num_args, int64_t{0}, "Number of inputs, counted when they are given.");
  }
  void finish(const char* op) {
    check(num_weights >= 1, "[", op, "] num_weights: got ", num_weights, ", expected at least 1");
  }
};

struct Variant {
  const char* name;
  bool momentum, mixed, preloaded;
  // Inputs of one weight: weight, gradient, momentum, float32 copy.
  int stride() const { return 2 + momentum + mixed; }
  int inputs(const Params& p) const {
    return stride() * static_cast<int>(p.num_weights) + (preloaded ? 2 : 0);
  }
  Update kind() const { return momentum ? Update::kSgdMom : Update::kSgd; }
};

template <bool kMomentum, bool kPreloaded>
struct VariantParams : Params {
  template <class V>
  void visit(V& v) {
    if constexpr (!kPreloaded) {
      v("lrs", lrs, required, "Learning rate of each weight.");
      v("wds", wds, required, "Weight decay of each weight.");
    }
    if constexpr (kMomentum) v("momentum", momentum, 0.0, "How much of the last step is kept.");
    visit_rest(v);
  }
  void finish(const char* op) {
    Params::finish(op);
    const size_t n = static_cast<size_t>(num_weights);
    check(kPreloaded || (lrs.size() == n && wds.size() == n), "[", op, "] lrs and wds: got ", lrs.size(),
          " and ", wds.size(), " numbers, expected ", n, " as in num_weights");
  }
};

constexpr Variant kVariants[] = {
    {"multi_sgd_update", false, false, false},
    {"multi_sgd_mom_update", true, false, false},
    {"multi_mp_sgd_update", false, true, false},
    {"multi_mp_sgd_mom_update", true, true, false},
    {"preloaded_multi_sgd_update", false, false, true},
    {"preloaded_multi_sgd_mom_update", true, false, true},
    {"preloaded_multi_mp_sgd_update", false, true, true},
    {"preloaded_multi_mp_sgd_mom_update", true, true, true},
};

ParamsSpec spec_of(const Variant& v) {
  if (v.momentum)
    return v.preloaded ? params_spec<VariantParams<true, true>>() : params_spec<VariantParams<true, false>>();
  return v.preloaded ? params_spec<VariantParams<false, true>>() : params_spec<VariantParams<false, false>>();
}

std::vector<std::string> input_names(const Variant& v, const Params& p) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < p.num_weights; ++i) {
    names.push_back(concat("weight_", i));
    names.push_back(concat("grad_", i));
    if (v.momentum) names.push_back(concat("mom_", i));
    if (v.mixed) names.push_back(concat("weight32_", i));
  }
  if (v.preloaded) {
    names.push_back("lrs");
    names.push_back("wds");
  }
  return names;
}

void infer_shape(ShapeContext& c, const Variant& v) {
  const Params& p = as<Params>(c.params);
  const int n = static_cast<int>(p.num_weights), stride = v.stride();
  for (int i = 0; i < n; ++i) {
    Shape all = c.out[static_cast<size_t>(i)];
    for (int k = 0; k < stride; ++k) {
      const Shape& s = c.in[static_cast<size_t>(i * stride + k)];
      check(merge_shape(all, s), "[", v.name, "] arrays of weight ", i, " differ in shape: got ", s,
            ", expected ", all);
    }
    for (int k = 0; k < stride; ++k) c.set_in(i * stride + k, all);
    c.set_out(i, all);
  }
  for (int k = 0; k < 2 && v.preloaded; ++k) c.set_in(n * stride + k, Shape{n});
}

void infer_type(TypeContext& c, const Variant& v) {
  const int n = static_cast<int>(as<Params>(c.params).num_weights), stride = v.stride();
  for (int i = 0; i < n; ++i) {
    const DType weight = c.in[static_cast<size_t>(i * stride)];
    c.set_in(i * stride + 1, weight);
    for (int k = 2; k < stride; ++k) c.set_in(i * stride + k, v.mixed ? DType::kFloat32 : weight);
    c.set_out(i, weight);
  }
  for (int k = 0; k < 2 && v.preloaded; ++k) c.set_in(n * stride + k, DType::kFloat32);
}

Kernel kernel(const KernelRequest& r, const Variant& v) {
  const Params& p = as<Params>(r.params);
  std::vector<UpdateTask> tasks(static_cast<size_t>(p.num_weights));
  for (size_t i = 0; i < tasks.size(); ++i) {
    const TensorDesc& weight = r.in[i * static_cast<size_t>(v.stride())];
    check(is_float(weight.dtype), "[", v.name, "] weight ", i, ": got ", dtype_name(weight.dtype),
          ", expected a floating dtype");
    check(!v.mixed || weight.dtype == DType::kFloat16, "[", v.name, "] weight ", i, ": got ",
          dtype_name(weight.dtype), ", expected float16 for mixed precision");
    UpdateTask& t = tasks[i];
    t.dtype = weight.dtype;
    t.n = weight.shape.size();
    t.params.rescale = p.rescale_grad;
    t.params.clip = p.clip_gradient;
    t.params.momentum = p.momentum;
    if (!v.preloaded) {
      t.params.lr = p.lrs[i];
      t.params.wd = p.wds[i];
    }
  }
  return make_kernel([tasks, v](void* const* in, void* const* out, void*) {
    const size_t stride = static_cast<size_t>(v.stride()), n = tasks.size();
    for (size_t i = 0; i < n; ++i) {
      UpdateTask t = tasks[i];
      void* const* own = in + i * stride;
      if (out[i] != own[0]) parallel_copy(own[0], out[i], t.n * static_cast<int64_t>(dtype_size(t.dtype)));
      t.weight = out[i];
      t.grad = own[1];
      if (v.momentum) t.states[0] = own[2];
      if (v.mixed) t.weight32 = static_cast<float*>(own[stride - 1]);
      if (v.preloaded) {
        t.params.lr = static_cast<double>(static_cast<const float*>(in[n * stride])[i]);
        t.params.wd = static_cast<double>(static_cast<const float*>(in[n * stride + 1])[i]);
      }
      parallel_for(t.n, kElementGrain / 2,
                   [&](int64_t begin, int64_t end) { run_update(v.kind(), t, begin, end); });
    }
  });
}

void register_variant(const Variant& v) {
  OpDef& op = register_op(v.name);
  op.doc = concat("One step of SGD", v.momentum ? " with momentum" : "", " for several weights",
                  v.mixed ? " of float16 with float32 copies" : "", ". Inputs: weight, gradient",
                  v.momentum ? ", momentum" : "", v.mixed ? ", copy" : "", " of each weight in turn",
                  v.preloaded ? ", then the learning rates and the weight decays." : ".");
  op.params = spec_of(v);
  op.num_args_key = "num_args";
  op.num_inputs = [v](const void* p) { return v.inputs(as<Params>(p)); };
  op.input_names = [v](const void* p) { return input_names(v, as<Params>(p)); };
  op.num_outputs = [](const void* p) { return static_cast<int>(as<Params>(p).num_weights); };
  op.infer_shape = [v](ShapeContext& c) { infer_shape(c, v); };
  op.infer_type = [v](TypeContext& c) { infer_type(c, v); };
  op.traits.no_fold = true;
  op.kernel = [v](const KernelRequest& r) { return kernel(r, v); };
}

}  // namespace

void register_optimizer_multi_ops() {
  for (const Variant& v : kVariants) register_variant(v);
}

}  // namespace symbind
