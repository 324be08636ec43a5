// Draws of positions: _sample_multinomial, _shuffle.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"
#include "ops/sampling.h"

namespace symbind {
namespace {

struct Params {
  Tuple shape;
  bool get_prob;
  DType dtype;
  template <class V>
  void visit(V& v) {
    v("shape", shape, Tuple{}, "Shape of the draws for each row of data; by default one draw.");
    v("get_prob", get_prob, false, "Also output the logarithm of the probability of each draw.");
    v("dtype", dtype, DType::kInt32, "Type of the draws: uint8, int32, float16, float32 or float64.");
  }
  void finish(const char* op) {
    check(dtype != DType::kInt8 && dtype != DType::kBool && dtype != DType::kInt64, "[", op, "] dtype: got ",
          dtype_name(dtype), ", expected uint8, int32, float16, float32 or float64");
  }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  check(data.ndim() >= 1, "[_sample_multinomial] data: got a scalar, expected rows of probabilities");
  Shape out(data.begin(), data.end() - 1);
  for (int64_t d : p.shape) {
    check(d >= 0, "[_sample_multinomial] shape: got ", format_value(p.shape));
    out.push_back(d);
  }
  if (out.ndim() == 0) out.push_back(1);
  for (size_t i = 0; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), out);
}

// The position in running sums that a uniform draw falls on.
template <class T>
Kernel multinomial_kernel(const KernelRequest& r) {
  const int64_t n = r.in[0].shape.at(-1), rows = n > 0 ? r.in[0].shape.size() / n : 0;
  const int64_t draws = rows > 0 ? r.out[0].shape.size() / rows : 0;
  check(n > 0 || r.out[0].shape.size() == 0, "[_sample_multinomial] data: got rows of length 0");
  const bool prob = r.out.size() > 1 && r.out_used[1];
  RandomState* random = r.random;
  return visit_dtype(r.out[0].dtype, [&](auto tag) {
    using Y = typename decltype(tag)::type;
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          const T* p = static_cast<const T*>(in[0]);
          Y* y = static_cast<Y*>(out[0]);
          T* log_p = prob ? static_cast<T*>(out[1]) : nullptr;
          const uint64_t seed = random->seed, stream = random->next_stream();
          parallel_for(rows, 1 + kElementGrain / (n + 32 * draws), [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
              double* sums = static_cast<double*>(ws) + row * n;
              double total = 0;
              for (int64_t k = 0; k < n; ++k) sums[k] = total += static_cast<double>(p[row * n + k]);
              for (int64_t i = row * draws; i < (row + 1) * draws; ++i) {
                Draws d(seed, stream, i);
                const double u = d.uniform() * total;
                const int64_t k = std::min<int64_t>(std::upper_bound(sums, sums + n, u) - sums, n - 1);
                y[i] = static_cast<Y>(k);
                if (log_p != nullptr) log_p[i] = T(std::log(static_cast<double>(p[row * n + k])));
              }
            }
          });
        },
        static_cast<size_t>(rows * n) * sizeof(double));
  });
}

// Inputs: the gradient of the logarithms, data, the draws.
template <class T>
Kernel multinomial_backward_kernel(const KernelRequest& r) {
  const int64_t n = r.in[1].shape.at(-1), rows = n > 0 ? r.in[1].shape.size() / n : 0;
  const int64_t draws = rows > 0 ? r.in[2].shape.size() / rows : 0,
                bytes = static_cast<int64_t>(r.out[0].bytes());
  return visit_dtype(r.in[2].dtype, [&](auto tag) {
    using Y = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T *g = static_cast<const T*>(in[0]), *p = static_cast<const T*>(in[1]);
      const Y* y = static_cast<const Y*>(in[2]);
      T* dx = static_cast<T*>(out[0]);
      parallel_zero(dx, bytes);
      for (int64_t i = 0; i < rows * draws; ++i) {
        const int64_t at = i / draws * n + static_cast<int64_t>(y[i]);
        dx[at] = T(accumulate_t<T>(dx[at]) + accumulate_t<T>(g[i]) / accumulate_t<T>(p[at]));
      }
    });
  });
}

void register_multinomial() {
  OpDef& op = register_op("_sample_multinomial");
  op.aliases = {"sample_multinomial"};
  op.doc = "Positions drawn with the probabilities in the rows of data, whose last axis they replace.";
  op.params = params_spec<Params>();
  op.num_outputs = [](const void* p) { return as<Params>(p).get_prob ? 2 : 1; };
  op.infer_shape = infer_shape;
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, as<Params>(c.params).dtype);
    if (c.out.size() > 1) {
      c.set_out(1, c.in[0]);
      c.set_in(0, c.out[1]);
    }
  };
  op.traits.random = true;
  op.kernel = [](const KernelRequest& r) {
    return visit_float(r.in[0].dtype, "_sample_multinomial",
                       [&](auto tag) { return multinomial_kernel<typename decltype(tag)::type>(r); });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    if (!as<Params>(c.params()).get_prob) return zero_gradient(c);
    return {{c.backward("_backward_sample_multinomial", {c.out_grad(1), c.input(0), c.output(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_sample_multinomial", {"out_grad", "data", "output"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    return visit_float(r.in[1].dtype, "_sample_multinomial", [&](auto tag) {
      return multinomial_backward_kernel<typename decltype(tag)::type>(r);
    });
  };
}

// --- _shuffle ---

void copy_rows(const char* from, char* to, const int64_t* order, int64_t rows, size_t row, bool back) {
  parallel_for(rows, 1 + 4 * kElementGrain / static_cast<int64_t>(std::max<size_t>(row, 1)),
               [=](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const size_t a = static_cast<size_t>(i) * row, b = static_cast<size_t>(order[i]) * row;
                   std::memcpy(to + (back ? b : a), from + (back ? a : b), row);
                 }
               });
}

size_t row_bytes(const TensorDesc& d) {
  return d.shape[0] > 0 ? d.bytes() / static_cast<size_t>(d.shape[0]) : 0;
}

void register_shuffle() {
  OpDef& op = register_op("_shuffle");
  op.aliases = {"shuffle"};
  op.doc = "The rows of data in random order.";
  op.outputs = {"output", "order"};  // the second one is for the gradient
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = [](ShapeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (c.in[0].has_rank() && c.in[0].ndim() > 0) c.set_out(1, Shape{c.in[0][0]});
  };
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    c.set_out(1, DType::kInt64);
  };
  op.traits.random = true;
  op.kernel = [](const KernelRequest& r) {
    const int64_t rows = r.in[0].shape[0];
    const size_t row = row_bytes(r.in[0]);
    const bool keep = r.out_used[1];
    RandomState* random = r.random;
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          int64_t* order = static_cast<int64_t*>(keep ? out[1] : ws);
          Draws d(random->seed, random->next_stream(), 0);
          for (int64_t i = 0; i < rows; ++i) {  // Fisher and Yates, inside out
            const uint64_t range = static_cast<uint64_t>(i) + 1;
            const int64_t j = static_cast<int64_t>(static_cast<unsigned __int128>(d.bits()) * range >> 64);
            order[i] = order[j];
            order[j] = i;
          }
          copy_rows(static_cast<const char*>(in[0]), static_cast<char*>(out[0]), order, rows, row, false);
        },
        keep ? 0 : static_cast<size_t>(rows) * sizeof(int64_t));
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_shuffle", {c.out_grad(0), c.output(1)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_shuffle", {"out_grad", "order"});
  back.kernel = [](const KernelRequest& r) {
    const int64_t rows = r.in[0].shape[0];
    const size_t row = row_bytes(r.in[0]);
    return make_kernel([rows, row](void* const* in, void* const* out, void*) {
      copy_rows(static_cast<const char*>(in[0]), static_cast<char*>(out[0]),
                static_cast<const int64_t*>(in[1]), rows, row, true);
    });
  };
}

}  // namespace

void register_multinomial_ops() {
  register_multinomial();
  register_shuffle();
}

}  // namespace symbind
