// Embedding: rows of a table chosen by index.
#include <cstring>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"

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
    v("sparse_grad", sparse_grad, false, "Accepted; the gradient of the weight is dense.");
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

}  // namespace

void register_embedding_ops() {
  OpDef& op = register_op("Embedding");
  op.doc =
      "Row data[i] of weight (input_dim, output_dim) for every element of data; output has shape data.shape "
      "+ (output_dim,).";
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
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {EntryId{}, {c.backward("_backward_Embedding", {c.out_grad(0), c.input(0)}, {1}), 0}};
  };

  OpDef& back = register_op("_backward_Embedding");
  back.visible = false;
  back.params = op.params;
  back.inputs = {"out_grad", "data"};
  back.infer_shape = [](ShapeContext&) {};
  back.infer_type = [](TypeContext&) {};
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
}

}  // namespace symbind
