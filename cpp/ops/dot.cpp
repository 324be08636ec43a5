// Matrix products: dot contracts one axis of each input, batch_dot multiplies matrices pairwise.
#include "backend/cpu/matmul.h"

#include "backend/cpu/sparse_dot.h"
#include "ops/elementwise_common.h"
#include "ops/sparse_common.h"

namespace symbind {
namespace {

struct Params {
  bool transpose_a, transpose_b;
  Choice forward_stype;
  template <class V>
  void visit(V& v) {
    v("transpose_a", transpose_a, false, "Transpose lhs first.");
    v("transpose_b", transpose_b, false, "Transpose rhs first.");
    v.choice("forward_stype", forward_stype, {"None", "default", "row_sparse", "csr"}, 0,
             "Storage type of the output; by default what suits the inputs.");
  }
};

// Which axis of a tensor is contracted: of lhs the last, of rhs the first, or the other way when transposed.
bool contracts_first(bool is_lhs, const Params& p, const Shape& s) {
  if (s.ndim() == 1) return true;
  return is_lhs ? p.transpose_a : !p.transpose_b;
}
int contracted_axis(bool is_lhs, const Params& p, const Shape& s) {
  return contracts_first(is_lhs, p, s) ? 0 : s.ndim() - 1;
}

void infer_dot(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  if (!c.in[0].has_rank() || !c.in[1].has_rank()) return;
  check(c.in[0].ndim() > 0 && c.in[1].ndim() > 0, "[dot] inputs: got shapes ", c.in[0], " and ", c.in[1],
        ", expected at least one dimension");
  const int a = contracted_axis(true, p, c.in[0]), b = contracted_axis(false, p, c.in[1]);
  const int64_t ka = c.in[0][a], kb = c.in[1][b];
  check(ka < 0 || kb < 0 || ka == kb, "[dot] axis ", a, " of lhs ", c.in[0], " and axis ", b, " of rhs ",
        c.in[1], " are multiplied: got lengths ", ka, " and ", kb, ", expected the same");
  c.in[0][a] = c.in[1][b] = std::max(ka, kb);
  Shape out;
  out.resize(0);
  for (int i = 0; i < c.in[0].ndim(); ++i) {
    if (i != a) out.push_back(c.in[0][i]);
  }
  for (int i = 0; i < c.in[1].ndim(); ++i) {
    if (i != b) out.push_back(c.in[1][i]);
  }
  if (out.ndim() == 0) out.push_back(1);
  c.set_out(0, out);
}

void infer_batch_dot(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  if (!c.in[0].has_rank() || !c.in[1].has_rank()) return;
  const int ndim = c.in[0].ndim();
  check(ndim >= 3 && c.in[1].ndim() == ndim, "[batch_dot] inputs: got shapes ", c.in[0], " and ", c.in[1],
        ", expected the same number of dimensions, at least 3");
  const int ka = ndim - (p.transpose_a ? 2 : 1), kb = ndim - (p.transpose_b ? 1 : 2);
  const int m = ndim - (p.transpose_a ? 1 : 2), n = ndim - (p.transpose_b ? 2 : 1);
  Shape lhs = c.in[1], rhs = c.in[0];  // what each side demands of the other
  lhs[m] = lhs[ka] = -1;
  lhs[ka] = c.in[1][kb];
  rhs[n] = rhs[kb] = -1;
  rhs[kb] = c.in[0][ka];
  c.set_in(0, lhs);
  c.set_in(1, rhs);
  Shape out = c.in[0];
  out[ndim - 2] = c.in[0][m];
  out[ndim - 1] = c.in[1][n];
  c.set_out(0, out);
}

// The product as C(m, n) = op(A) op(B), by the shapes of lhs and rhs.
GemmSpec dot_spec(const Params& p, const Shape& lhs, const Shape& rhs) {
  GemmSpec s;
  s.k = lhs[contracted_axis(true, p, lhs)];
  s.m = 1;
  s.n = 1;
  for (int i = 0, a = contracted_axis(true, p, lhs); i < lhs.ndim(); ++i) s.m *= i == a ? 1 : lhs[i];
  for (int i = 0, b = contracted_axis(false, p, rhs); i < rhs.ndim(); ++i) s.n *= i == b ? 1 : rhs[i];
  s.trans_a = lhs.ndim() > 1 && p.transpose_a;
  s.trans_b = rhs.ndim() > 1 && p.transpose_b;
  return s;
}

GemmSpec batch_dot_spec(const Params& p, const Shape& lhs, const Shape& rhs) {
  const int ndim = lhs.ndim();
  GemmSpec s;
  s.batch = lhs.product(0, ndim - 2);
  s.m = lhs[ndim - (p.transpose_a ? 1 : 2)];
  s.k = lhs[ndim - (p.transpose_a ? 2 : 1)];
  s.n = rhs[ndim - (p.transpose_b ? 2 : 1)];
  s.trans_a = p.transpose_a;
  s.trans_b = p.transpose_b;
  return s;
}

using MakeSpec = GemmSpec (*)(const Params&, const Shape&, const Shape&);

// The gradients are products as well. `first` and `second` are what the two inputs of the node are.
struct Product {
  GemmSpec spec;
  bool out_grad_first = true;
};

// d lhs = dC op(B)^T, or its transpose op(B) dC^T.
Product lhs_gradient(const GemmSpec& f) {
  Product g;
  g.spec.batch = f.batch;
  g.spec.k = f.n;
  if (!f.trans_a) {
    g.spec.m = f.m;
    g.spec.n = f.k;
    g.spec.trans_b = !f.trans_b;
  } else {
    g.out_grad_first = false;
    g.spec.m = f.k;
    g.spec.n = f.m;
    g.spec.trans_a = f.trans_b;
    g.spec.trans_b = true;
  }
  return g;
}

// d rhs = op(A)^T dC, or its transpose dC^T op(A).
Product rhs_gradient(const GemmSpec& f) {
  Product g;
  g.spec.batch = f.batch;
  g.spec.k = f.m;
  if (!f.trans_b) {
    g.out_grad_first = false;
    g.spec.m = f.k;
    g.spec.n = f.n;
    g.spec.trans_a = !f.trans_a;
  } else {
    g.spec.m = f.n;
    g.spec.n = f.k;
    g.spec.trans_a = true;
    g.spec.trans_b = f.trans_a;
  }
  return g;
}

// float32, float64 and float16 as they are; integers through float64.
Kernel product_kernel(const KernelRequest& r, GemmSpec spec, bool swap) {
  auto build = [&](DType type) {
    spec.dtype = type;
    const Kernel gemm = make_gemm_kernel(spec);
    if (!swap) return gemm;
    return make_kernel(
        [gemm](void* const* in, void* const* out, void* ws) {
          void* const swapped[2] = {in[1], in[0]};
          gemm.run(gemm.self.get(), swapped, out, ws);
        },
        gemm.workspace);
  };
  if (is_float(r.in[0].dtype)) return build(r.in[0].dtype);
  return compute_as(DType::kFloat64, r.in, r.out,
                    [&](Span<const TensorDesc>, Span<const TensorDesc>) { return build(DType::kFloat64); });
}

void register_product(const std::string& name, const char* doc, MakeSpec make, void (*infer)(ShapeContext&)) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<Params>();
  op.inputs = {"lhs", "rhs"};
  op.infer_shape = infer;
  op.kernel = [make](const KernelRequest& r) {
    return product_kernel(r, make(as<Params>(r.params), r.in[0].shape, r.in[1].shape), false);
  };
  const std::string lhs = "_backward_" + name + "_lhs", rhs = "_backward_" + name + "_rhs";
  op.gradient = [lhs, rhs](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward(lhs.c_str(), {c.out_grad(0), c.input(1)}, {0}), 0},
            {c.backward(rhs.c_str(), {c.out_grad(0), c.input(0)}, {1}), 0}};
  };
  OpDef& to_lhs = register_backward_op(lhs, {"out_grad", "rhs"});
  to_lhs.params = op.params;
  to_lhs.kernel = [make](const KernelRequest& r) {
    const Product g = lhs_gradient(make(as<Params>(r.params), r.out[0].shape, r.in[1].shape));
    return product_kernel(r, g.spec, !g.out_grad_first);
  };
  OpDef& to_rhs = register_backward_op(rhs, {"out_grad", "lhs"});
  to_rhs.params = op.params;
  to_rhs.kernel = [make](const KernelRequest& r) {
    const Product g = rhs_gradient(make(as<Params>(r.params), r.in[1].shape, r.out[0].shape));
    return product_kernel(r, g.spec, !g.out_grad_first);
  };
}

// --- sparse ---

using DenseKernel = std::function<Kernel(const KernelRequest&)>;

// Computes a dense result into memory of its own and stores it as the output wants.
Kernel dense_then_cast(const KernelRequest& r, const DenseKernel& dense) {
  const DenseRequest plain(r);
  const Kernel product = dense(plain.request);
  const NDArray result = make_ndarray(r.out[0].shape, r.out[0].dtype);
  const DType type = r.out[0].dtype;
  return make_kernel(
      [=](void* const* in, void* const* out, void* workspace) {
        void* to = result.data();
        product.run(product.self.get(), in, &to, workspace);
        dense_to_sparse(to, type, sparse_at(out, 0));
      },
      product.workspace);
}

// csr is `lhs`, one of the two inputs; the other is `rhs`. Transposed products store rows, which become a
// dense result or one of another kind where that is wanted.
Kernel csr_kernel(const KernelRequest& r, size_t lhs, size_t rhs, bool transposed) {
  const StorageType other = storage_of(r.in[rhs]), result = storage_of(r.out[0]);
  const Shape& s = r.in[rhs].shape;
  const int64_t n = s.product(1, s.ndim());
  const DType type = r.out[0].dtype;
  const Shape shape = r.out[0].shape;
  if (!transposed) {
    const NDArray product = result == StorageType::kDefault ? NDArray() : make_ndarray(shape, type);
    return make_kernel([=](void* const* in, void* const* out, void*) {
      void* to = product.empty() ? out[0] : product.data();
      if (other == StorageType::kRowSparse) {
        csr_dot_rows(sparse_at(in, lhs), sparse_at(in, rhs), n, to);
      } else {
        csr_dot_dense(sparse_at(in, lhs), in[rhs], n, to);
      }
      if (!product.empty()) dense_to_sparse(to, type, sparse_at(out, 0));
    });
  }
  const auto groups = std::make_shared<IndexGroups>();
  const SparsePtr rows =
      result == StorageType::kRowSparse ? nullptr : make_sparse(StorageType::kRowSparse, shape, type);
  return make_kernel([=](void* const* in, void* const* out, void*) {
    csr_transposed_dot_dense(sparse_at(in, lhs), in[rhs], n, *groups, rows ? *rows : sparse_at(out, 0));
    if (!rows) return;
    if (result == StorageType::kDefault) {
      sparse_to_dense(*rows, out[0], type);
    } else {
      const NDArray dense = dense_copy(*rows);
      dense_to_sparse(dense.data(), type, sparse_at(out, 0));
    }
  });
}

void dot_storage(StorageRequest& r) {
  const Params& p = as<Params>(r.params);
  const StorageType asked = static_cast<StorageType>(p.forward_stype.value - 1);  // -1: not asked
  const bool any = r.in[0] != StorageType::kDefault || r.in[1] != StorageType::kDefault;
  if (r.in[0] == StorageType::kCsr && r.in[1] != StorageType::kCsr && !p.transpose_b) {
    if (p.transpose_a) r.in[1] = StorageType::kDefault;
    r.out[0] = p.transpose_a ? StorageType::kRowSparse : StorageType::kDefault;
  } else {
    const bool csr = r.in[0] == StorageType::kDefault && r.in[1] == StorageType::kCsr && !p.transpose_a;
    r.all_dense();
    if (csr) r.out[0] = StorageType::kCsr;
  }
  if (any && p.forward_stype.value > 0) r.out[0] = asked;
}

// Inputs: out_grad and lhs. The gradient of what a csr matrix is multiplied with has the rows that its
// columns name.
void rhs_gradient_storage(StorageRequest& r) {
  const Params& p = as<Params>(r.params);
  if (r.in[1] != StorageType::kCsr || p.transpose_b) {
    r.all_dense();
    return;
  }
  if (!p.transpose_a) r.in[0] = StorageType::kDefault;
  if (r.in[0] == StorageType::kCsr) r.in[0] = StorageType::kDefault;
  r.out[0] = p.transpose_a ? StorageType::kDefault : StorageType::kRowSparse;
}

void register_sparse_dot() {
  const DenseKernel dense = find_op("dot").kernel;
  set_storage("dot", dot_storage, [dense](const KernelRequest& r) {
    const bool csr = storage_of(r.in[0]) == StorageType::kCsr;
    return csr ? csr_kernel(r, 0, 1, as<Params>(r.params).transpose_a) : dense_then_cast(r, dense);
  });
  set_storage("_backward_dot_rhs", rhs_gradient_storage,
              [](const KernelRequest& r) { return csr_kernel(r, 1, 0, !as<Params>(r.params).transpose_a); });
}

}  // namespace

void register_dot_ops() {
  register_product("dot",
                   "Contracts the last axis of lhs with the first of rhs (first and last when transposed). "
                   "Two vectors give their inner product, of shape (1,).",
                   dot_spec, infer_dot);
  register_product("batch_dot", "The products of the matrices in the last two axes of lhs and rhs.",
                   batch_dot_spec, infer_batch_dot);
  register_sparse_dot();
}

}  // namespace symbind
