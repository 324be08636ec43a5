// _linalg_gemm, _linalg_gemm2, _linalg_syrk, _linalg_trmm: products of stacks of matrices.
#include <cstring>

#include "backend/cpu/gemm.h"
#include "backend/cpu/matmul.h"
#include "ops/linalg_common.h"

namespace symbind {
namespace {

struct Gemm2Params {
  bool transpose_a, transpose_b;
  double alpha, beta = 0;
  int64_t axis;
  template <class V>
  void visit(V& v) {
    v("transpose_a", transpose_a, false, "Transpose A first.");
    v("transpose_b", transpose_b, false, "Transpose B first.");
    v("alpha", alpha, 1.0, "Multiplies the product.");
    v("axis", axis, int64_t{-2}, "The axis of the rows; that of the columns is the last.");
  }
};

struct GemmParams : Gemm2Params {
  template <class V>
  void visit(V& v) {
    v("transpose_a", transpose_a, false, "Transpose A first.");
    v("transpose_b", transpose_b, false, "Transpose B first.");
    v("alpha", alpha, 1.0, "Multiplies the product.");
    v("beta", beta, 1.0, "Multiplies C.");
    v("axis", axis, int64_t{-2}, "The axis of the rows; that of the columns is the last.");
  }
};

struct SyrkParams {
  bool transpose;
  double alpha;
  template <class V>
  void visit(V& v) {
    v("transpose", transpose, false, "A^T A in place of A A^T.");
    v("alpha", alpha, 1.0, "Multiplies the product.");
  }
};

struct TriangleParams {
  bool transpose, rightside, lower;
  double alpha;
  template <class V>
  void visit(V& v) {
    v("transpose", transpose, false, "Transpose the triangular matrix.");
    v("rightside", rightside, false, "The triangular matrix stands on the right.");
    v("lower", lower, true, "Is the triangular matrix a lower one?");
    v("alpha", alpha, 1.0, "Multiplies the result.");
  }
};

int row_axis(const ShapeContext& c, int64_t axis, int ndim) {
  const int64_t at = axis < 0 ? axis + ndim : axis;
  check(at >= 0 && at < ndim - 1, "[", c.op.name, "] axis: got ", axis,
        ", expected an axis before the last of ", ndim);
  return static_cast<int>(at);
}

// Merges what the inputs say about the axes that count the matrices.
void infer_product(ShapeContext& c, const Gemm2Params& p) {
  for (int i = 0; i < static_cast<int>(c.in.size()); ++i) check_stack(c, i);
  if (!c.in[0].has_rank() || !c.in[1].has_rank()) return;
  const int ndim = c.in[0].ndim(), row = row_axis(c, p.axis, ndim), col = ndim - 1;
  check(c.in[1].ndim() == ndim, "[", c.op.name, "] A and B: got shapes ", c.in[0], " and ", c.in[1],
        ", expected the same number of dimensions");
  const int ka = p.transpose_a ? row : col, kb = p.transpose_b ? col : row;
  Shape lhs = c.in[1], rhs = c.in[0];
  lhs[row] = lhs[col] = -1;
  lhs[ka] = c.in[1][kb];
  rhs[row] = rhs[col] = -1;
  rhs[kb] = c.in[0][ka];
  c.set_in(0, lhs);
  c.set_in(1, rhs);
  Shape out = c.in[0];
  out[row] = c.in[0][p.transpose_a ? col : row];
  out[col] = c.in[1][p.transpose_b ? row : col];
  c.set_out(0, out);
  if (c.in.size() > 2) {
    c.set_in(2, c.out[0]);
    c.set_out(0, c.in[2]);
  }
}

// Matrices whose rows are `step` apart: axes between rows and columns count matrices as well.
struct Stack {
  int64_t outer, rows, inner, cols;
  Stack(const Shape& s, int row)
      : outer(s.product(0, row)),
        rows(s[row]),
        inner(s.product(row + 1, s.ndim() - 1)),
        cols(s[s.ndim() - 1]) {}
  int64_t count() const { return outer * inner; }
  int64_t step() const { return inner * cols; }
  int64_t at(int64_t i) const { return i / inner * rows * step() + i % inner * cols; }
};

// out = alpha op(A) op(B) + beta C; beta == 0: there is no C.
template <class T>
Kernel strided_product(const Gemm2Params& p, const Stack& a, const Stack& b, const Stack& y) {
  const int64_t k = p.transpose_a ? a.rows : a.cols;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    auto one = [&](int64_t i) {
      gemm(p.transpose_a, p.transpose_b, y.rows, y.cols, k, T(p.alpha),
           static_cast<const T*>(in[0]) + a.at(i), a.step(), static_cast<const T*>(in[1]) + b.at(i), b.step(),
           T(p.beta), static_cast<T*>(out[0]) + y.at(i), y.step());
    };
    if (y.count() == 1) return one(0);  // the product itself uses the threads
    for_stack(y.count(), y.rows * y.cols * k, one);
  });
}

// One matrix after the other in memory, and factors that float holds: the engine's own product.
Kernel dense_product(const Gemm2Params& p, const Stack& a, const Stack& y, DType type) {
  GemmSpec s;
  s.trans_a = p.transpose_a;
  s.trans_b = p.transpose_b;
  s.m = y.rows;
  s.n = y.cols;
  s.k = p.transpose_a ? a.rows : a.cols;
  s.batch = y.count();
  s.dtype = type;
  s.alpha = static_cast<float>(p.alpha);
  s.beta = static_cast<float>(p.beta);
  return make_gemm_kernel(s);
}

Kernel product_kernel(const KernelRequest& r, const Gemm2Params& p) {
  const int ndim = r.in[0].shape.ndim(), row = static_cast<int>(p.axis < 0 ? p.axis + ndim : p.axis);
  const Stack a(r.in[0].shape, row), b(r.in[1].shape, row), y(r.out[0].shape, row);
  const bool dense = row == ndim - 2 && double(float(p.alpha)) == p.alpha && double(float(p.beta)) == p.beta;
  const Kernel product = linalg_kernel(r, "linalg_gemm", [&](auto t) {
    return dense ? dense_product(p, a, y, r.in[0].dtype) : strided_product<decltype(t)>(p, a, b, y);
  });
  if (r.in.size() < 3) return product;
  const size_t bytes = r.out[0].bytes();
  return make_kernel(
      [product, bytes](void* const* in, void* const* out, void* ws) {
        if (bytes > 0 && in[2] != out[0]) std::memcpy(out[0], in[2], bytes);
        product.run(product.self.get(), in, out, ws);
      },
      product.workspace);
}

// A node of gemm2 with this axis.
EntryId multiply(GradContext& c, EntryId a, EntryId b, bool trans_a, bool trans_b, double alpha,
                 int64_t axis = -2) {
  return c.apply("_linalg_gemm2", {a, b},
                 {{"transpose_a", bool_text(trans_a)},
                  {"transpose_b", bool_text(trans_b)},
                  {"alpha", exact_text(alpha)},
                  {"axis", std::to_string(axis)}});
}

std::vector<EntryId> product_gradient(GradContext& c, const Gemm2Params& p) {
  const EntryId g = c.out_grad(0), a = c.input(0), b = c.input(1);
  const bool ta = p.transpose_a, tb = p.transpose_b;
  std::vector<EntryId> grads;
  grads.push_back(ta ? multiply(c, b, g, tb, true, p.alpha, p.axis)
                     : multiply(c, g, b, false, !tb, p.alpha, p.axis));
  grads.push_back(tb ? multiply(c, g, a, true, ta, p.alpha, p.axis)
                     : multiply(c, a, g, !ta, false, p.alpha, p.axis));
  if (c.num_inputs() > 2) grads.push_back(c.apply("_mul_scalar", {g}, {{"scalar", exact_text(p.beta)}}));
  return grads;
}

template <class P>
void register_gemm(const char* name, const char* doc, std::vector<std::string> inputs) {
  OpDef& op = register_op(name);
  op.aliases = {name + 1};
  op.doc = doc;
  op.params = params_spec<P>();
  op.inputs = std::move(inputs);
  op.infer_shape = [](ShapeContext& c) { infer_product(c, as<P>(c.params)); };
  op.kernel = [](const KernelRequest& r) { return product_kernel(r, as<P>(r.params)); };
  op.gradient = [](GradContext& c) {
    const P p = as<P>(c.params());
    return product_gradient(c, p);
  };
  op.traits.inplace = {{2, 0}};
  if (op.inputs.size() < 3) op.traits.inplace.clear();
}

// ---- syrk

void infer_syrk(ShapeContext& c) {
  check_stack(c, 0);
  if (!c.in[0].has_rank()) return;
  Shape out = c.in[0];
  const int n = out.ndim();
  out[n - 2] = out[n - 1] = c.in[0][as<SyrkParams>(c.params).transpose ? n - 1 : n - 2];
  c.set_out(0, out);
}

Kernel syrk_kernel(const KernelRequest& r) {
  const SyrkParams& p = as<SyrkParams>(r.params);
  Gemm2Params product;
  product.transpose_a = p.transpose;
  product.transpose_b = !p.transpose;
  product.alpha = p.alpha;
  product.axis = -2;
  const TensorDesc both[2] = {r.in[0], r.in[0]};
  KernelRequest twice = r;
  twice.in = {both, 2};
  const Kernel gemm2 = product_kernel(twice, product);
  return make_kernel(
      [gemm2](void* const* in, void* const* out, void* ws) {
        void* const same[2] = {in[0], in[0]};
        gemm2.run(gemm2.self.get(), same, out, ws);
      },
      gemm2.workspace);
}

void register_syrk() {
  OpDef& op = register_op("_linalg_syrk");
  op.aliases = {"linalg_syrk"};
  op.doc = "alpha A A^T, or alpha A^T A, for every matrix of a stack.";
  op.params = params_spec<SyrkParams>();
  op.inputs = {"A"};
  op.infer_shape = infer_syrk;
  op.kernel = syrk_kernel;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const SyrkParams p = as<SyrkParams>(c.params());
    const EntryId g = c.out_grad(0), a = c.input(0);
    const EntryId first =
        p.transpose ? multiply(c, a, g, false, false, p.alpha) : multiply(c, g, a, false, false, p.alpha);
    const EntryId second =
        p.transpose ? multiply(c, a, g, false, true, p.alpha) : multiply(c, g, a, true, false, p.alpha);
    return {c.apply("elemwise_add", {first, second})};
  };
}

// ---- trmm: the triangle is copied, so that what lies outside of it counts as 0.

template <class T>
void copy_triangle(bool lower, int64_t n, const T* from, T* to) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) to[i * n + j] = (lower ? j <= i : j >= i) ? from[i * n + j] : T(0);
  }
}

void infer_triangle(ShapeContext& c) { infer_triangular(c, as<TriangleParams>(c.params).rightside); }

template <class T>
Kernel trmm_kernel(const TriangleParams& p, const Shape& b) {
  const int64_t count = stack_size(b), rows = b.at(-2), cols = b.at(-1), n = p.rightside ? cols : rows;
  return make_kernel(
      [=](void* const* in, void* const* out, void* workspace) {
        T* triangles = static_cast<T*>(workspace);
        auto one = [&](int64_t i) {
          T* a = triangles + i * n * n;
          copy_triangle(p.lower, n, static_cast<const T*>(in[0]) + i * n * n, a);
          const T* x = static_cast<const T*>(in[1]) + i * rows * cols;
          T* y = static_cast<T*>(out[0]) + i * rows * cols;
          if (p.rightside) {
            gemm(false, p.transpose, rows, cols, n, T(p.alpha), x, cols, a, n, T(0), y, cols);
          } else {
            gemm(p.transpose, false, rows, cols, n, T(p.alpha), a, n, x, cols, T(0), y, cols);
          }
        };
        if (count == 1) return one(0);
        for_stack(count, rows * cols * n, one);
      },
      static_cast<size_t>(count * n * n) * sizeof(T));
}

// alpha times the gradient of op(A), as that of the triangle of A.
std::vector<EntryId> trmm_gradient(GradContext& c) {
  const TriangleParams p = as<TriangleParams>(c.params());
  const EntryId g = c.out_grad(0), a = c.input(0), b = c.input(1);
  EntryId full;
  if (!p.rightside) {
    full = p.transpose ? multiply(c, b, g, false, true, p.alpha) : multiply(c, g, b, false, true, p.alpha);
  } else {
    full = p.transpose ? multiply(c, g, b, true, false, p.alpha) : multiply(c, b, g, true, false, p.alpha);
  }
  const EntryId triangle = c.apply("_linalg_triangle", {full}, {{"lower", bool_text(p.lower)}});
  return {triangle, c.apply("_linalg_trmm", {a, g},
                            {{"transpose", bool_text(!p.transpose)},
                             {"rightside", bool_text(p.rightside)},
                             {"lower", bool_text(p.lower)},
                             {"alpha", exact_text(p.alpha)}})};
}

struct MaskParams {
  bool lower;
  template <class V>
  void visit(V& v) {
    v("lower", lower, true, "Keep the lower triangle, or the upper.");
  }
};

void register_triangles() {
  OpDef& op = register_op("_linalg_trmm");
  op.aliases = {"linalg_trmm"};
  op.doc =
      "alpha op(A) B, or alpha B op(A), for triangular A: what lies outside of the triangle is not read.";
  op.params = params_spec<TriangleParams>();
  op.inputs = {"A", "B"};
  op.infer_shape = infer_triangle;
  op.kernel = [](const KernelRequest& r) {
    return linalg_kernel(r, "linalg_trmm", [&](auto t) {
      return trmm_kernel<decltype(t)>(as<TriangleParams>(r.params), r.in[1].shape);
    });
  };
  op.gradient = trmm_gradient;

  OpDef& mask = register_op("_linalg_triangle");
  mask.visible = false;
  mask.doc = "The triangle of every matrix, zeros elsewhere.";
  mask.params = params_spec<MaskParams>();
  mask.infer_shape = infer_square;
  mask.traits.inplace = {{0, 0}};
  mask.kernel = [](const KernelRequest& r) {
    return linalg_kernel(r, "linalg_triangle", [&](auto t) {
      using T = decltype(t);
      const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
      return make_kernel(
          [=, lower = as<MaskParams>(r.params).lower](void* const* in, void* const* out, void*) {
            for_stack(count, n * n, [&](int64_t i) {
              copy_triangle(lower, n, static_cast<const T*>(in[0]) + i * n * n,
                            static_cast<T*>(out[0]) + i * n * n);
            });
          });
    });
  };
}

}  // namespace

void register_linalg_product_ops() {
  register_gemm<GemmParams>("_linalg_gemm", "alpha op(A) op(B) + beta C for every matrix of a stack.",
                            {"A", "B", "C"});
  register_gemm<Gemm2Params>("_linalg_gemm2", "alpha op(A) op(B) for every matrix of a stack.", {"A", "B"});
  register_syrk();
  register_triangles();
}

}  // namespace symbind
