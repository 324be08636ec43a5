// Embedding: rows of a table chosen by index.
#include <cstring>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "ops/elementwise_common.h"
#include "ops/sparse_common.h"

namespace symbind {
namespace {

struct Params {
  int64_t input_dim, output_dim;
  DType dtype;
  bool sparse_grad;
  template <class V>
  void visit(V& v) {
    v("input_dim", input_dim, required, "Number of rows of the table.");
    v("output_dim", output_dim, required, "Length of a row.");
    v("dtype", dtype, DType::kFloat32, "The dtype of the weight.");
    v("sparse_grad", sparse_grad, false,
      "Whether the gradient of the weight is row_sparse: the rows that were chosen.");
  }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  check(p.input_dim > 0 && p.output_dim > 0, "[Embedding] input_dim and output_dim must be positive, got ",
        p.input_dim, " and ", p.output_dim);
  c.set_in(1, Shape{p.input_dim, p.output_dim});
  if (c.in[0].has_rank()) {
    Shape out = c.in[0];
    out.push_back(p.output_dim);
    c.set_out(0, out);
  }
  if (c.out[0].has_rank()) {
    check(c.out[0].ndim() >= 1, "[Embedding] output: got a scalar");
    Shape data;
    data.resize(0);
    for (int i = 0; i + 1 < c.out[0].ndim(); ++i) data.push_back(c.out[0][i]);
    c.set_in(0, data);
  }
}

void infer_type(TypeContext& c) {
  if (c.in[0] == DType::kUnknown)
    c.set_in(0, c.in[1] != DType::kUnknown ? c.in[1] : as<Params>(c.params).dtype);
  if (c.in[1] == DType::kUnknown)
    c.set_in(1, c.out[0] != DType::kUnknown ? c.out[0] : as<Params>(c.params).dtype);
  c.set_out(0, c.in[1]);
}

// Indices outside of the table mean its first or last row, as in MXNet.
template <class I>
int64_t row_of(I index, int64_t rows) {
  const int64_t i = static_cast<int64_t>(index);
  return i < 0 ? 0 : i >= rows ? rows - 1 : i;
}

template <class I>
Kernel forward_kernel(int64_t count, int64_t rows, int64_t row_bytes) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const I* index = static_cast<const I*>(in[0]);
    const char* table = static_cast<const char*>(in[1]);
    char* y = static_cast<char*>(out[0]);
    parallel_for(count, 1 + 4 * kElementGrain / row_bytes, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        std::memcpy(y + i * row_bytes, table + row_of(index[i], rows) * row_bytes,
                    static_cast<size_t>(row_bytes));
      }
    });
  });
}

// Inputs out_grad, data. Columns are split between threads: sums keep their order whatever the number of
// threads.
template <class I, class T>
Kernel backward_kernel(int64_t count, int64_t rows, int64_t width) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T* g = static_cast<const T*>(in[0]);
    const I* index = static_cast<const I*>(in[1]);
    T* table = static_cast<T*>(out[0]);
    parallel_for(rows, 1 + kElementGrain / width, [=](int64_t begin, int64_t end) {
      std::memset(static_cast<void*>(table + begin * width), 0,
                  static_cast<size_t>((end - begin) * width) * sizeof(T));
    });
    const int64_t grain = std::max<int64_t>(16, kElementGrain / std::max<int64_t>(count, 1));
    parallel_for(width, grain, [=](int64_t begin, int64_t end) {
      for (int64_t i = 0; i < count; ++i) {
        T* row = table + row_of(index[i], rows) * width;
        const T* source = g + i * width;
        for (int64_t j = begin; j < end; ++j) row[j] += source[j];
      }
    });
  });
}

// --- sparse ---

// Rows of a row_sparse table; those that it does not store are 0.
template <class I>
Kernel stored_rows_kernel(int64_t count, int64_t rows, size_t row_bytes) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const I* index = static_cast<const I*>(in[0]);
    const SparseArray& table = sparse_at(in, 1);
    const RowFinder find(table);
    const char* values = table.values.data_as<char>();
    char* y = static_cast<char*>(out[0]);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = find(row_of(index[i], rows));
      char* to = y + static_cast<size_t>(i) * row_bytes;
      if (at >= 0) {
        std::memcpy(to, values + static_cast<size_t>(at) * row_bytes, row_bytes);
      } else {
        std::memset(to, 0, row_bytes);
      }
    }
  });
}

// The gradient of the chosen rows alone: work and memory depend on how many there are, not on the table.
template <class I, class T>
Kernel row_gradient_kernel(int64_t count, int64_t rows, int64_t width) {
  const auto groups = std::make_shared<IndexGroups>();
  const auto chosen = std::make_shared<std::vector<int64_t>>(static_cast<size_t>(count));
  return make_kernel([=](void* const* in, void* const* out, void*) {
    using A = accumulate_t<T>;
    const T* g = static_cast<const T*>(in[0]);
    const I* index = static_cast<const I*>(in[1]);
    for (int64_t i = 0; i < count; ++i) (*chosen)[static_cast<size_t>(i)] = row_of(index[i], rows);
    groups->build(chosen->data(), count);
    SparseArray& to = sparse_at(out, 0);
    to.resize(groups->count());
    std::copy(groups->ids.begin(), groups->ids.end(), to.indices.data_as<int64_t>());
    T* sums = to.values.data_as<T>();
    parallel_for(groups->count(), 1 + kElementGrain / 4 / width, [&](int64_t begin, int64_t end) {
      std::vector<A> sum(static_cast<size_t>(width));
      for (int64_t k = begin; k < end; ++k) {
        std::fill(sum.begin(), sum.end(), A(0));
        for (int64_t m = groups->starts[static_cast<size_t>(k)];
             m < groups->starts[static_cast<size_t>(k) + 1]; ++m) {
          const T* source = g + groups->order[static_cast<size_t>(m)] * width;
          for (int64_t j = 0; j < width; ++j) sum[static_cast<size_t>(j)] += static_cast<A>(source[j]);
        }
        for (int64_t j = 0; j < width; ++j) sums[k * width + j] = static_cast<T>(sum[static_cast<size_t>(j)]);
      }
    });
  });
}

Kernel sparse_forward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const size_t row_bytes = static_cast<size_t>(p.output_dim) * dtype_size(r.in[1].dtype);
  return visit_dtype(r.in[0].dtype, [&](auto tag) {
    return stored_rows_kernel<typename decltype(tag)::type>(r.in[0].shape.size(), p.input_dim, row_bytes);
  });
}

Kernel sparse_backward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  return visit_float(r.in[0].dtype, "Embedding", [&](auto value) {
    using T = typename decltype(value)::type;
    return visit_dtype(r.in[1].dtype, [&](auto index) {
      return row_gradient_kernel<typename decltype(index)::type, T>(r.in[1].shape.size(), p.input_dim,
                                                                    p.output_dim);
    });
  });
}

void set_embedding_storage(const std::string& name, bool always_sparse) {
  set_storage(
      name,
      [](StorageRequest& r) {
        r.in[0] = StorageType::kDefault;
        if (r.in[1] == StorageType::kCsr) r.in[1] = StorageType::kDefault;
      },
      sparse_forward);
  set_storage(
      "_backward_" + name,
      [always_sparse](StorageRequest& r) {
        const bool sparse = always_sparse || as<Params>(r.params).sparse_grad;
        r.all_dense();
        if (sparse) r.out[0] = StorageType::kRowSparse;
      },
      sparse_backward, /*makes_sparse=*/true);
}

void register_embedding(const std::string& name, bool always_sparse, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<Params>();
  op.inputs = {"data", "weight"};
  op.infer_shape = infer_shape;
  op.infer_type = infer_type;
  op.kernel = [](const KernelRequest& r) {
    const Params& p = as<Params>(r.params);
    const int64_t row_bytes = p.output_dim * static_cast<int64_t>(dtype_size(r.in[1].dtype));
    return visit_dtype(r.in[0].dtype, [&](auto tag) {
      return forward_kernel<typename decltype(tag)::type>(r.in[0].shape.size(), p.input_dim, row_bytes);
    });
  };
  const std::string backward = "_backward_" + name;
  op.gradient = [backward](GradContext& c) -> std::vector<EntryId> {
    return {EntryId{}, {c.backward(backward.c_str(), {c.out_grad(0), c.input(0)}, {1}), 0}};
  };

  OpDef& back = register_backward_op(backward, {"out_grad", "data"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    const Params& p = as<Params>(r.params);
    return visit_float(r.in[0].dtype, "Embedding", [&](auto value) {
      using T = typename decltype(value)::type;
      return visit_dtype(r.in[1].dtype, [&](auto index) {
        return backward_kernel<typename decltype(index)::type, T>(r.in[1].shape.size(), p.input_dim,
                                                                  p.output_dim);
      });
    });
  };
  set_embedding_storage(name, always_sparse);
}

}  // namespace

void register_embedding_ops() {
  register_embedding(
      "Embedding", false,
      "Row data[i] of weight (input_dim, output_dim) for every element of data; output has shape "
      "data.shape + (output_dim,).");
  register_embedding("_contrib_SparseEmbedding", true,
                     "Embedding whose gradient of the weight is row_sparse.");
}

}  // namespace symbind
