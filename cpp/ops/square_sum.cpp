// _square_sum: sums of squares over axes; of a row_sparse matrix along one of its axes, from the stored rows
// alone.
#include <cstring>

#include "backend/cpu/reduce.h"
#include "ops/elementwise_common.h"
#include "ops/reduced_axes.h"
#include "ops/sparse_common.h"

namespace symbind {
namespace {

struct Params {
  Axes axis;
  bool keepdims, exclude;
  template <class V>
  void visit(V& v) {
    v("axis", axis, Axes(), "The axes to reduce; all by default.");
    v("keepdims", keepdims, false, "Keep the reduced axes with length 1.");
    v("exclude", exclude, false, "Reduce the axes that are not in `axis`.");
  }
  // Of a matrix, 0 or 1; -1 where it is another axis, or several.
  int only_axis() const {
    if (!axis || axis->size() != 1 || (*axis)[0] < -2 || (*axis)[0] > 1) return -1;
    const int a = static_cast<int>(((*axis)[0] + 2) % 2);
    return exclude ? 1 - a : a;
  }
  // Sums of rows stay row_sparse where they stay a column.
  bool sparse_result() const { return keepdims && only_axis() == 1; }
};

template <class T>
void sum_rows(const SparseArray& data, T* sums, const int64_t* place) {
  using A = accumulate_t<T>;
  const int64_t width = data.row_size();
  const T* values = data.values.data_as<T>();
  for (int64_t i = 0; i < data.count(); ++i) {
    A sum = 0;
    for (int64_t j = 0; j < width; ++j) {
      const A x = static_cast<A>(values[i * width + j]);
      sum += x * x;
    }
    sums[place == nullptr ? i : place[i]] = static_cast<T>(sum);
  }
}

template <class T>
void sum_columns(const SparseArray& data, T* sums) {
  using A = accumulate_t<T>;
  const int64_t width = data.row_size();
  const T* values = data.values.data_as<T>();
  std::vector<A> total(static_cast<size_t>(width), A(0));
  for (int64_t i = 0; i < data.count() * width; ++i) {
    const A x = static_cast<A>(values[i]);
    total[static_cast<size_t>(i % width)] += x * x;
  }
  for (int64_t j = 0; j < width; ++j) sums[j] = static_cast<T>(total[static_cast<size_t>(j)]);
}

Kernel forward_kernel(const KernelRequest& r) {
  check(r.in[0].shape.ndim() == 2, "[_square_sum] row_sparse data: got shape ", r.in[0].shape,
        ", expected 2 dimensions");
  const Params p = as<Params>(r.params);
  const int64_t rows = r.in[0].shape[0];
  return visit_float(r.in[0].dtype, "_square_sum", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const SparseArray& data = sparse_at(in, 0);
      if (p.only_axis() == 0) {
        sum_columns(data, static_cast<T*>(out[0]));
      } else if (p.sparse_result()) {
        copy_structure(data, sparse_at(out, 0));
        sum_rows(data, sparse_at(out, 0).values.data_as<T>(), nullptr);
      } else {
        T* sums = static_cast<T*>(out[0]);
        std::memset(static_cast<void*>(sums), 0, static_cast<size_t>(rows) * sizeof(T));
        sum_rows(data, sums, data.index());
      }
    });
  });
}

// Inputs: out_grad, data. 2 * data * out_grad of its row or column.
Kernel backward_kernel(const KernelRequest& r) {
  const bool by_row = as<Params>(r.params).only_axis() == 1;
  const bool sparse_grad = storage_of(r.in[0]) == StorageType::kRowSparse;
  return visit_float(r.in[1].dtype, "_square_sum", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = accumulate_t<T>;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const SparseArray& data = sparse_at(in, 1);
      SparseArray& to = sparse_at(out, 0);
      // Rows whose gradient is not stored have none.
      copy_structure(sparse_grad ? sparse_at(in, 0) : data, to);
      aligned_values(to, data, to.values.data());
      const T* grads = sparse_grad ? sparse_at(in, 0).values.data_as<T>() : static_cast<const T*>(in[0]);
      T* values = to.values.data_as<T>();
      const int64_t width = to.row_size();
      for (int64_t i = 0; i < to.count(); ++i) {
        for (int64_t j = 0; j < width; ++j) {
          const T g = !by_row ? grads[j] : sparse_grad ? grads[i] : grads[to.index()[i]];
          T& x = values[i * width + j];
          x = static_cast<T>(A(2) * static_cast<A>(x) * static_cast<A>(g));
        }
      }
    });
  });
}

}  // namespace

void register_square_sum_ops() {
  OpDef& op = register_op("_square_sum");
  op.doc = "The sum of squares over axes.";
  op.params = params_spec<Params>();
  op.infer_shape = [](ShapeContext& c) {
    if (!c.in[0].has_rank()) return;
    const Params& p = as<Params>(c.params);
    c.set_out(0,
              reduced_shape(c.in[0], reduced(p.axis, c.in[0].ndim(), p.exclude, "_square_sum"), p.keepdims));
  };
  op.kernel = [](const KernelRequest& r) {
    return floating_kernel(r, [](const KernelRequest& wide) {
      const Params& p = as<Params>(wide.params);
      ReduceSpec spec;
      spec.op = Reduce::kSumSquares;
      spec.in = wide.in[0].shape;
      spec.axes = reduced(p.axis, spec.in.ndim(), p.exclude, "_square_sum");
      spec.dtype = wide.in[0].dtype;
      spec.num_threads = wide.num_threads;
      return reduce_kernel(spec);
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    if (is_sparse(c.graph.layouts[c.graph.entry(c.input(0))]))
      return {{c.backward("_backward_square_sum", {c.out_grad(0), c.input(0)}, {0}), 0}};
    const Params& p = as<Params>(c.params());
    const Shape in = c.input_shape(0);
    const Shape small = reduced_shape(in, reduced(p.axis, in.ndim(), p.exclude, "_square_sum"), true);
    const EntryId g =
        c.apply("Reshape", {c.out_grad(0)}, {{"shape", format_value(Tuple(small.begin(), small.end()))}});
    return {c.apply("broadcast_mul", {c.input(0), c.apply("_mul_scalar", {g}, {{"scalar", "2"}})})};
  };
  OpDef& back = register_backward_op("_backward_square_sum", {"out_grad", "data"});
  back.params = op.params;
  back.traits.no_fold = true;
  set_storage(
      "_square_sum",
      [](StorageRequest& r) {
        const Params& p = as<Params>(r.params);
        if (r.in[0] != StorageType::kRowSparse || p.only_axis() < 0) {
          r.all_dense();
        } else if (p.sparse_result()) {
          r.out[0] = StorageType::kRowSparse;
        }
      },
      forward_kernel);
  set_storage(
      "_backward_square_sum",
      [](StorageRequest& r) {
        if (!as<Params>(r.params).sparse_result()) r.in[0] = StorageType::kDefault;
        if (r.in[0] == StorageType::kCsr) r.in[0] = StorageType::kDefault;
        r.in[1] = StorageType::kRowSparse;
        r.out[0] = StorageType::kRowSparse;
      },
      backward_kernel, true);
}

}  // namespace symbind
