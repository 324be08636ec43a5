// Optimizer steps as operators: weight and gradient in, the new weight out; states are updated in place.
#include "backend/cpu/multi_update.h"

#include <cstring>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"
#include "ops/lazy_update.h"

namespace symbind {
namespace {

// The attributes of all steps; each operator has those its kind uses.
struct Common {
  UpdateParams values;
  bool lazy_update = true;

  template <class V>
  void visit_common(V& v) {
    v("lr", values.lr, required, "Learning rate.");
    v("wd", values.wd, 0.0, "Weight decay.");
    v("rescale_grad", values.rescale, 1.0, "The gradient is multiplied by it first.");
    v("clip_gradient", values.clip, -1.0, "Limits the magnitude of the gradient; negative: no limit.");
  }
  template <class V>
  void visit_lazy(V& v) {
    v("lazy_update", lazy_update, true, "For sparse gradients: touch the rows that have one only.");
  }
};

struct SgdParams : Common {
  template <class V>
  void visit(V& v) {
    visit_common(v);
    visit_lazy(v);
  }
};
struct SgdMomParams : Common {
  template <class V>
  void visit(V& v) {
    visit_common(v);
    v("momentum", values.momentum, 0.0, "How much of the last step is kept.");
    visit_lazy(v);
  }
};
struct NagParams : Common {
  template <class V>
  void visit(V& v) {
    visit_common(v);
    v("momentum", values.momentum, 0.0, "How much of the last step is kept.");
  }
};
struct AdamParams : Common {
  template <class V>
  void visit(V& v) {
    visit_common(v);
    v("beta1", values.beta1, 0.9, "Decay of the mean.");
    v("beta2", values.beta2, 0.999, "Decay of the variance.");
    v("epsilon", values.epsilon, 1e-8, "Added to the square root of the variance.");
    visit_lazy(v);
  }
};
struct RmsPropParams : Common {
  template <class V>
  void visit(V& v) {
    visit_common(v);
    v("gamma1", values.beta1, 0.95, "Decay of the mean square.");
    v("epsilon", values.epsilon, 1e-8, "Added to the mean square.");
    v("clip_weights", values.clip_weights, -1.0, "Limits the magnitude of the weights; negative: no limit.");
  }
};
struct RmsPropAlexParams : Common {
  template <class V>
  void visit(V& v) {
    visit_common(v);
    v("gamma1", values.beta1, 0.95, "Decay of the mean and of the mean square.");
    v("gamma2", values.beta2, 0.9, "How much of the last step is kept.");
    v("epsilon", values.epsilon, 1e-8, "Added to the variance.");
    v("clip_weights", values.clip_weights, -1.0, "Limits the magnitude of the weights; negative: no limit.");
  }
};

Kernel update_kernel(Update kind, bool mixed, const UpdateParams& params, const KernelRequest& r) {
  UpdateTask task;
  task.dtype = r.in[0].dtype;
  task.n = r.in[0].shape.size();
  task.params = params;
  check(is_float(task.dtype), "[optimizer] weight: got ", dtype_name(task.dtype),
        ", expected a floating dtype");
  check(!mixed || task.dtype == DType::kFloat16, "[optimizer] weight: got ", dtype_name(task.dtype),
        ", expected float16 for mixed precision");
  const int states = num_update_states(kind);
  const size_t bytes = r.in[0].bytes();
  return make_kernel([=](void* const* in, void* const* out, void*) {
    UpdateTask t = task;
    if (out[0] != in[0] && bytes > 0) std::memcpy(out[0], in[0], bytes);
    t.weight = out[0];
    t.grad = in[1];
    for (int k = 0; k < states; ++k) t.states[k] = in[2 + k];
    if (mixed) t.weight32 = static_cast<float*>(in[2 + states]);
    parallel_for(t.n, kElementGrain / 2,
                 [&](int64_t begin, int64_t end) { run_update(kind, t, begin, end); });
  });
}

template <class P>
void register_update(const char* name, Update kind, std::vector<std::string> states, const char* doc,
                     bool mixed = false) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<P>();
  // The names that dense gradients reach under, too, in files that once held sparse ones.
  const std::string plain = name;
  if (plain == "sgd_update" || plain == "sgd_mom_update" || plain == "adam_update")
    op.aliases = {"_sparse_" + plain};
  op.inputs = {"weight", "grad"};
  for (std::string& s : states) {
    op.aux.push_back(static_cast<int>(op.inputs.size()));
    op.inputs.push_back(std::move(s));
  }
  op.infer_shape = infer_same_shape;
  op.traits.inplace = {{0, 0}};
  op.traits.no_fold = true;
  if (mixed) {
    op.infer_type = [](TypeContext& c) {
      c.set_in(1, c.in[0]);
      c.set_out(0, c.in[0]);
      for (size_t i = 2; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), DType::kFloat32);
    };
  }
  op.kernel = [kind, mixed](const KernelRequest& r) {
    return update_kernel(kind, mixed, as<P>(r.params).values, r);
  };
  if (kind == Update::kSgd || kind == Update::kSgdMom || kind == Update::kAdam) {
    if (!mixed) {
      set_lazy_update(
          name, [](const void* p) { return as<P>(p).lazy_update; }, /*dense_weight=*/true,
          [kind](const void* p) -> RowsStep {
            const UpdateParams params = as<P>(p).values;
            return [kind, params](UpdateTask& task, const SparseArray& grad) {
              task.params = params;
              run_row_update(kind, task, grad, grad.row_size());
            };
          });
    }
  }
}

}  // namespace

void register_optimizer_update_ops() {
  register_update<SgdParams>("sgd_update", Update::kSgd, {}, "w -= lr * (g + wd * w).");
  register_update<SgdMomParams>("sgd_mom_update", Update::kSgdMom, {"mom"},
                                "mom = momentum * mom - lr * (g + wd * w); w += mom.");
  register_update<NagParams>("nag_mom_update", Update::kNag, {"mom"}, "Nesterov's accelerated gradient.");
  register_update<AdamParams>("adam_update", Update::kAdam, {"mean", "var"},
                              "Adam; the correction of its bias is left to lr.");
  register_update<RmsPropParams>("rmsprop_update", Update::kRmsProp, {"n"},
                                 "RMSProp: w -= lr * g / sqrt(n + epsilon), n the running mean of g^2.");
  register_update<RmsPropAlexParams>("rmspropalex_update", Update::kRmsPropAlex, {"n", "g", "delta"},
                                     "RMSProp in the centred form with momentum of Graves (2013).");
  register_update<SgdParams>("mp_sgd_update", Update::kSgd, {"weight32"},
                             "sgd_update of float16 weights with a float32 copy.", true);
  register_update<SgdMomParams>("mp_sgd_mom_update", Update::kSgdMom, {"mom", "weight32"},
                                "sgd_mom_update of float16 weights with a float32 copy.", true);
  register_update<NagParams>("mp_nag_mom_update", Update::kNag, {"mom", "weight32"},
                             "nag_mom_update of float16 weights with a float32 copy.", true);
}

}  // namespace symbind
