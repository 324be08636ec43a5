// Cast, amp_cast, clip and hard_sigmoid, smooth_l1: elementwise functions with attributes of their own.
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct CastParams {
  DType dtype;
  template <class V>
  void visit(V& v) {
    v("dtype", dtype, required, "Type of the output.");
  }
};

struct ClipParams {
  double a_min, a_max;
  template <class V>
  void visit(V& v) {
    v("a_min", a_min, required, "Smaller elements become this.");
    v("a_max", a_max, required, "Larger elements become this.");
  }
};

struct HardSigmoidParams {
  double alpha, beta;
  template <class V>
  void visit(V& v) {
    v("alpha", alpha, 0.2, "The slope.");
    v("beta", beta, 0.5, "The value at 0.");
  }
};

struct SmoothL1Params {
  double scalar;
  template <class V>
  void visit(V& v) {
    v("scalar", scalar, 1.0, "sigma: the function is quadratic for |x| < 1 / sigma^2.");
  }
};

Kernel cast_kernel(const KernelRequest& r) {
  const int64_t n = r.out[0].shape.size();
  const DType from = r.in[0].dtype, to = r.out[0].dtype;
  return make_kernel(
      [=](void* const* in, void* const* out, void*) { parallel_convert(in[0], from, out[0], to, n); });
}

OpDef& register_cast(const char* name, const char* doc) {
  const std::string backward = std::string("_backward_") + name;
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<CastParams>();
  op.infer_shape = infer_same_shape;
  op.infer_type = [](TypeContext& c) { c.set_out(0, as<CastParams>(c.params).dtype); };
  op.kernel = cast_kernel;
  op.gradient = [backward](GradContext& c) -> std::vector<EntryId> {
    if (c.graph.dtype(c.input(0)) == c.graph.dtype(c.output(0))) return {c.out_grad(0)};
    return {{c.backward(backward.c_str(), {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op(backward, {"out_grad"});
  back.params = op.params;
  back.kernel = cast_kernel;
  return op;
}

// A function of data and two parameters, and its gradient from out_grad and data or the output.
struct ParamEntry {
  const char* name;
  ParamOp op, grad;
  bool grad_from_output;
  const char* doc;
};

using ReadParams = std::pair<double, double> (*)(const void* params);

OpDef& register_param_op(const ParamEntry& e, const ParamsSpec& spec, ReadParams read) {
  OpDef& op = register_op(e.name);
  op.doc = e.doc;
  op.params = spec;
  op.infer_shape = infer_same_shape;
  op.traits.elementwise = true;
  op.traits.inplace = {{0, 0}};
  auto kernel = [read](ParamOp function) {
    return [read, function](const KernelRequest& r) {
      const ElementMap map(param_row(function), r.in[0].dtype, r.out[0].dtype);
      const auto [p, q] = read(r.params);
      const int inputs = static_cast<int>(r.in.size());
      return map_kernel(map, element_count(r.out[0]), inputs, Cost::kCheap,
                        {scalar_value(map.compute(), p, q), inputs});
    };
  };
  op.kernel = kernel(e.op);
  const std::string backward = std::string("_backward_") + e.name;
  const bool from_output = e.grad_from_output;
  op.gradient = [backward, from_output](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward(backward.c_str(), {c.out_grad(0), from_output ? c.output(0) : c.input(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op(backward, {"out_grad", from_output ? "output" : "data"});
  back.params = spec;
  back.traits.elementwise = true;
  back.traits.inplace = {{0, 0}, {1, 0}};
  back.kernel = kernel(e.grad);
  return op;
}

}  // namespace

void register_cast_clip_ops() {
  OpDef& cast = register_cast(
      "Cast", "data in another dtype. Floating values lose their fraction on the way to integers.");
  cast.aliases = {"cast"};
  register_cast("amp_cast", "data in another dtype, as mixed-precision conversion inserts it.");

  OpDef& clip = register_param_op(
      {"clip", ParamOp::kClip, ParamOp::kClipGrad, false, "Limits data to [a_min, a_max]."},
      params_spec<ClipParams>(),
      [](const void* p) { return std::make_pair(as<ClipParams>(p).a_min, as<ClipParams>(p).a_max); });
  // Only outside training: the gradient reads data, which then has a second use.
  clip.as_post_op = [](const void* p, PostOp& post_op) {
    post_op.kind = PostOp::kClip;
    post_op.alpha = static_cast<float>(as<ClipParams>(p).a_min);
    post_op.beta = static_cast<float>(as<ClipParams>(p).a_max);
    return true;
  };

  register_param_op({"hard_sigmoid", ParamOp::kHardSigmoid, ParamOp::kHardSigmoidGrad, true,
                     "max(0, min(1, alpha * x + beta))."},
                    params_spec<HardSigmoidParams>(), [](const void* p) {
                      return std::make_pair(as<HardSigmoidParams>(p).alpha, as<HardSigmoidParams>(p).beta);
                    });
  OpDef& smooth = register_param_op(
      {"smooth_l1", ParamOp::kSmoothL1, ParamOp::kSmoothL1Grad, false,
       "(sigma x)^2 / 2 for |x| < 1 / sigma^2, and |x| - 0.5 / sigma^2 elsewhere; sigma is `scalar`."},
      params_spec<SmoothL1Params>(), [](const void* p) {
        const double sigma = as<SmoothL1Params>(p).scalar;
        return std::make_pair(sigma * sigma, 0.0);
      });
  smooth.traits.keeps_zero = true;
}

}  // namespace symbind
