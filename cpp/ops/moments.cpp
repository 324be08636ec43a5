// Statistics over axes: moments; running sums: cumsum.
#include <optional>

#include "backend/cpu/parallel.h"
#include "backend/cpu/reduce.h"
#include "ops/elementwise_common.h"
#include "ops/reduced_axes.h"

namespace symbind {
namespace {

// --- moments ---

struct MomentsParams {
  Axes axes;
  bool keepdims;
  template <class V>
  void visit(V& v) {
    v("axes", axes, Axes(), "The axes to take mean and variance over.");
    v("keepdims", keepdims, false, "Keep these axes with length 1.");
  }
  void finish(const char* op) {
    check(axes && !axes->empty(), "[", op,
          "] axes: got none, expected at least one; name all for global moments");
  }
};

Kernel moments_kernel(const KernelRequest& r) {
  return floating_kernel(r, [](const KernelRequest& wide) {
    const Shape& in = wide.in[0].shape;
    const DType type = wide.in[0].dtype;
    ReduceSpec spec;
    spec.in = in;
    spec.axes = reduced(as<MomentsParams>(wide.params).axes, in.ndim(), false, "moments");
    spec.dtype = type;
    spec.num_threads = wide.num_threads;
    int64_t count = 1;
    for (int i = 0; i < in.ndim(); ++i) count *= spec.axes[static_cast<size_t>(i)] ? in[i] : 1;
    spec.scale = 1.0 / static_cast<double>(std::max<int64_t>(count, 1));
    const Kernel mean = reduce_kernel(spec);
    // The deviations from the mean go into the workspace.
    const Shape small = reduced_shape(in, spec.axes, true);
    const Kernel subtract =
        broadcast_kernel(ElementMap(binary_row(Binary::kSub), type, type), in, {in, small}, Cost::kCheap);
    spec.op = Reduce::kSumSquares;
    const Kernel squares = reduce_kernel(spec);
    const size_t inner = std::max({mean.workspace, subtract.workspace, squares.workspace});
    const size_t at = (inner + 63) / 64 * 64;
    return make_kernel(
        [=](void* const* from, void* const* to, void* ws) {
          void* deviations = static_cast<char*>(ws) + at;
          void* both[] = {from[0], to[0]};
          mean.run(mean.self.get(), from, to, ws);
          subtract.run(subtract.self.get(), both, &deviations, ws);
          squares.run(squares.self.get(), &deviations, to + 1, ws);
        },
        at + wide.in[0].bytes());
  });
}

// d mean = g / n; d var = 2 (x - mean) g / n.
std::vector<EntryId> moments_gradient(GradContext& c) {
  const Shape in = c.input_shape(0);
  const std::vector<bool> axes = reduced(as<MomentsParams>(c.params()).axes, in.ndim(), false, "moments");
  const Shape small = reduced_shape(in, axes, true);
  int64_t count = 1;
  for (int i = 0; i < in.ndim(); ++i) count *= axes[static_cast<size_t>(i)] ? in[i] : 1;
  const AttrMap shape{{"shape", format_value(Tuple(small.begin(), small.end()))}};
  auto kept = [&](EntryId e) { return c.apply("Reshape", {e}, shape); };
  auto times = [&](EntryId e, double factor) {
    return c.apply("_mul_scalar", {e}, {{"scalar", format_value(factor)}});
  };
  const double part = 1.0 / static_cast<double>(std::max<int64_t>(count, 1));
  const EntryId deviation = c.apply("broadcast_sub", {c.input(0), kept(c.output(0))});
  const EntryId from_var = c.apply("broadcast_mul", {deviation, times(kept(c.out_grad(1)), 2 * part)});
  return {c.apply("broadcast_add", {from_var, times(kept(c.out_grad(0)), part)})};
}

void register_moments() {
  OpDef& op = register_op("moments");
  op.doc = "Mean and variance over axes.";
  op.params = params_spec<MomentsParams>();
  op.outputs = {"output0", "output1"};
  op.infer_shape = [](ShapeContext& c) {
    if (!c.in[0].has_rank()) return;
    const MomentsParams& p = as<MomentsParams>(c.params);
    const Shape out = reduced_shape(c.in[0], reduced(p.axes, c.in[0].ndim(), false, "moments"), p.keepdims);
    c.set_out(0, out);
    c.set_out(1, out);
  };
  op.kernel = moments_kernel;
  op.gradient = moments_gradient;
}

// --- cumsum ---

struct CumsumParams {
  std::optional<int64_t> axis;
  std::optional<DType> dtype;
  template <class V>
  void visit(V& v) {
    v("axis", axis, std::optional<int64_t>(), "The axis to sum along; None: data is flattened first.");
    v("dtype", dtype, std::optional<DType>(), "Type of the output; that of data by default.");
  }
};

// y runs along the axis of x, forwards or (for the gradient) backwards.
template <class T, class Y>
Kernel cumsum_kernel(int64_t outer, int64_t n, int64_t inner, bool backwards) {
  using A = accumulate_t<Y>;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    Y* y = static_cast<Y*>(out[0]);
    parallel_for(outer * inner, 1 + kElementGrain / std::max<int64_t>(n, 1), [=](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t first = k / inner * n * inner + k % inner;
        A sum = 0;
        for (int64_t j = 0; j < n; ++j) {
          const int64_t at = first + (backwards ? n - 1 - j : j) * inner;
          sum = static_cast<A>(sum + static_cast<A>(x[at]));
          y[at] = static_cast<Y>(sum);
        }
      }
    });
  });
}

Kernel make_cumsum(const KernelRequest& r, const Shape& data, bool backwards) {
  const CumsumParams& p = as<CumsumParams>(r.params);
  const int axis = p.axis ? normalize_axis(*p.axis, data.ndim(), "cumsum") : -1;
  const int64_t outer = p.axis ? data.product(0, axis) : 1, n = p.axis ? data[axis] : data.size();
  const int64_t inner = p.axis ? data.product(axis + 1, data.ndim()) : 1;
  return visit_dtype(r.in[0].dtype, [&](auto x) {
    return visit_dtype(r.out[0].dtype, [&](auto y) {
      return cumsum_kernel<typename decltype(x)::type, typename decltype(y)::type>(outer, n, inner,
                                                                                   backwards);
    });
  });
}

void register_cumsum() {
  OpDef& op = register_op("_np_cumsum");
  op.aliases = {"cumsum"};
  op.doc = "Sums of all elements up to each one, along an axis.";
  op.params = params_spec<CumsumParams>();
  op.inputs = {"a"};
  op.infer_shape = [](ShapeContext& c) {
    const CumsumParams& p = as<CumsumParams>(c.params);
    if (p.axis) {
      infer_same_shape(c);
      if (c.in[0].has_rank()) normalize_axis(*p.axis, c.in[0].ndim(), "cumsum");
    } else if (c.in[0].known()) {
      c.set_out(0, Shape{c.in[0].size()});
    }
  };
  op.infer_type = [](TypeContext& c) {
    const CumsumParams& p = as<CumsumParams>(c.params);
    c.set_out(0, p.dtype ? *p.dtype : c.in[0]);
    if (!p.dtype) c.set_in(0, c.out[0]);
  };
  op.kernel = [](const KernelRequest& r) { return make_cumsum(r, r.in[0].shape, false); };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_np_cumsum", {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_np_cumsum", {"out_grad"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) { return make_cumsum(r, r.out[0].shape, true); };
}

}  // namespace

void register_moments_ops() {
  register_moments();
  register_cumsum();
}

}  // namespace symbind
