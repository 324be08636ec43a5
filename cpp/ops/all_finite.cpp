// Facts about many arrays at once, and zeroing them: all_finite, multi_all_finite, multi_sum_sq,
// reset_arrays.
#include <atomic>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct FiniteParams {
  bool init_output;
  template <class V>
  void visit(V& v) {
    v("init_output", init_output, true,
      "Start from 1; otherwise the result is combined with what out holds.");
  }
};

struct MultiFiniteParams : FiniteParams {
  int64_t num_arrays;
  template <class V>
  void visit(V& v) {
    v("num_arrays", num_arrays, int64_t{1}, "Number of arrays.");
    FiniteParams::visit(v);
  }
};

struct ManyParams {
  int64_t num_arrays;
  template <class V>
  void visit(V& v) {
    v("num_arrays", num_arrays, required, "Number of arrays.");
  }
  void finish(const char* op) {
    check(num_arrays >= 1, "[", op, "] num_arrays: got ", num_arrays, ", expected at least 1");
  }
};

bool finite(const void* data, DType type, int64_t n) {
  return visit_float(type, "all_finite", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = static_cast<const T*>(data);
    std::atomic<bool> all{true};
    parallel_for(n, kElementGrain, [&](int64_t begin, int64_t end) {
      // x - x is 0 for finite numbers and NaN for all others.
      accumulate_t<T> sum = 0;
      for (int64_t i = begin; i < end; ++i) sum += accumulate_t<T>(x[i]) - accumulate_t<T>(x[i]);
      if (!(sum == 0)) all.store(false, std::memory_order_relaxed);
    });
    return all.load();
  });
}

Kernel finite_kernel(const KernelRequest& r) {
  const std::vector<TensorDesc> arrays(r.in.begin(), r.in.end());
  const bool start = as<FiniteParams>(r.params).init_output;
  for (const TensorDesc& d : arrays)
    check(is_float(d.dtype), "[all_finite] got ", dtype_name(d.dtype), " data");
  return make_kernel([arrays, start](void* const* in, void* const* out, void*) {
    float* y = static_cast<float*>(out[0]);
    bool all = start || *y != 0;
    for (size_t i = 0; i < arrays.size(); ++i)
      all = all && finite(in[i], arrays[i].dtype, arrays[i].shape.size());
    *y = all ? 1.0f : 0.0f;
  });
}

// The arrays may differ in shape; `out` is the shape of the float32 result.
OpDef& register_over_arrays(const char* name, const ParamsSpec& params, int (*count)(const void*),
                            Shape (*out)(const void*), const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params;
  op.num_inputs = count;
  op.infer_shape = [out](ShapeContext& c) {
    if (c.out.size() > 0) c.set_out(0, out(c.params));
  };
  op.infer_type = [](TypeContext& c) {
    if (c.out.size() > 0) c.set_out(0, DType::kFloat32);
  };
  op.traits.no_fold = true;
  return op;
}

int many_count(const void* p) { return static_cast<int>(as<ManyParams>(p).num_arrays); }

Kernel sum_squares_kernel(const KernelRequest& r) {
  const std::vector<TensorDesc> arrays(r.in.begin(), r.in.end());
  for (const TensorDesc& d : arrays)
    check(is_float(d.dtype), "[multi_sum_sq] got ", dtype_name(d.dtype), " data, expected a floating dtype");
  return make_kernel([arrays](void* const* in, void* const* out, void*) {
    float* y = static_cast<float*>(out[0]);
    parallel_for(static_cast<int64_t>(arrays.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const TensorDesc& d = arrays[static_cast<size_t>(k)];
        visit_float(d.dtype, "multi_sum_sq", [&](auto tag) {
          using T = typename decltype(tag)::type;
          const T* x = static_cast<const T*>(in[k]);
          double sum = 0;
#pragma omp simd reduction(+ : sum)
          for (int64_t i = 0; i < d.shape.size(); ++i)
            sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
          y[k] = static_cast<float>(sum);
        });
      }
    });
  });
}

}  // namespace

void register_all_finite_ops() {
  auto one = [](const void*) { return Shape{1}; };
  OpDef& single = register_over_arrays(
      "all_finite", params_spec<FiniteParams>(), [](const void*) { return 1; }, one,
      "1 if all elements are finite, else 0.");
  single.kernel = finite_kernel;

  OpDef& multi = register_over_arrays(
      "multi_all_finite", params_spec<MultiFiniteParams>(),
      [](const void* p) { return static_cast<int>(as<MultiFiniteParams>(p).num_arrays); }, one,
      "1 if all elements of all arrays are finite, else 0.");
  multi.num_args_key = "num_arrays";
  multi.kernel = finite_kernel;

  OpDef& squares = register_over_arrays(
      "multi_sum_sq", params_spec<ManyParams>(), many_count,
      [](const void* p) { return Shape{as<ManyParams>(p).num_arrays}; }, "The sum of squares of each array.");
  squares.num_args_key = "num_arrays";
  squares.infer_type = [](TypeContext& c) {
    TypeContext inputs{c.op, c.params, c.in, Span<DType>()};
    infer_same_type(inputs);
    c.set_out(0, DType::kFloat32);
  };
  squares.kernel = sum_squares_kernel;

  OpDef& reset = register_over_arrays(
      "reset_arrays", params_spec<ManyParams>(), many_count, [](const void*) { return Shape(); },
      "Fills all arrays with zeros.");
  reset.num_args_key = "num_arrays";
  reset.num_outputs = [](const void*) { return 0; };
  reset.kernel = [](const KernelRequest& r) {
    std::vector<int64_t> bytes;
    for (const TensorDesc& d : r.in) bytes.push_back(static_cast<int64_t>(d.bytes()));
    return make_kernel([bytes](void* const* in, void* const*, void*) {
      for (size_t i = 0; i < bytes.size(); ++i) parallel_zero(in[i], bytes[i]);
    });
  };
}

}  // namespace symbind
