// _linalg_potrf, _linalg_potri, _linalg_trsm, _linalg_inverse, _linalg_det, _linalg_slogdet, _linalg_gelqf,
// _linalg_syevd: decompositions of every matrix of a stack.
#include <cmath>

#include "backend/cpu/decompose.h"
#include "ops/linalg_common.h"

namespace symbind {
namespace {

struct TrsmParams {
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

// Addresses of matrix i, of `size` numbers, of an input or output.
template <class T>
const T* in_at(void* const* in, int k, int64_t i, int64_t size) {
  return static_cast<const T*>(in[k]) + i * size;
}
template <class T>
T* out_at(void* const* out, int k, int64_t i, int64_t size) {
  return static_cast<T*>(out[k]) + i * size;
}

OpDef& register_linalg(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.aliases = {name + 1};
  op.doc = doc;
  op.params = params_spec<NoLinalgParams>();
  op.inputs = {"A"};
  op.infer_shape = infer_square;
  return op;
}

// The gradient is one backward node over `inputs`, which has the shape of A.
template <class F>
void wire_gradient(OpDef& op, std::vector<std::string> names, F inputs,
                   std::function<Kernel(const KernelRequest&)> kernel) {
  const std::string backward = "_backward" + op.name;
  op.gradient = [backward, inputs](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward(backward.c_str(), inputs(c), {0}), 0}};
  };
  OpDef& back = register_backward_op(backward, std::move(names));
  back.params = op.params;
  back.kernel = std::move(kernel);
}

void register_cholesky() {
  OpDef& potrf =
      register_linalg("_linalg_potrf",
                      "The lower triangular L with L L^T = A, for symmetric positive definite A, of which "
                      "the lower triangle is read.");
  potrf.kernel = [](const KernelRequest& r) {
    const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
    return linalg_kernel(r, "linalg_potrf", [&](auto t) {
      using T = decltype(t);
      return make_kernel([=](void* const* in, void* const* out, void*) {
        for_stack_checked(count, n * n * n, "[linalg_potrf] A is not positive definite", [&](int64_t i) {
          return decompose::cholesky(n, in_at<T>(in, 0, i, n * n), out_at<T>(out, 0, i, n * n));
        });
      });
    });
  };
  wire_gradient(
      potrf, {"out_grad", "L"},
      [](GradContext& c) { return std::vector<EntryId>{c.out_grad(0), c.output(0)}; },
      [](const KernelRequest& r) {
        const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
        return linalg_kernel(r, "linalg_potrf", [&](auto t) {
          using T = decltype(t);
          return make_kernel([=](void* const* in, void* const* out, void*) {
            for_stack(count, n * n * n, [&](int64_t i) {
              decompose::cholesky_gradient(n, in_at<T>(in, 1, i, n * n), in_at<T>(in, 0, i, n * n),
                                           out_at<T>(out, 0, i, n * n));
            });
          });
        });
      });

  OpDef& potri =
      register_linalg("_linalg_potri", "(A A^T)^-1 for lower triangular A: the inverse of what potrf took.");
  potri.kernel = [](const KernelRequest& r) {
    const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
    return linalg_kernel(r, "linalg_potri", [&](auto t) {
      using T = decltype(t);
      return make_kernel([=](void* const* in, void* const* out, void*) {
        for_stack(count, n * n * n, [&](int64_t i) {
          decompose::inverse_of_square(n, in_at<T>(in, 0, i, n * n), out_at<T>(out, 0, i, n * n));
        });
      });
    });
  };
  wire_gradient(
      potri, {"out_grad", "A", "output"},
      [](GradContext& c) { return std::vector<EntryId>{c.out_grad(0), c.input(0), c.output(0)}; },
      [](const KernelRequest& r) {
        const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
        return linalg_kernel(r, "linalg_potri", [&](auto t) {
          using T = decltype(t);
          return make_kernel([=](void* const* in, void* const* out, void*) {
            for_stack(count, n * n * n, [&](int64_t i) {
              decompose::inverse_of_square_gradient(n, in_at<T>(in, 1, i, n * n), in_at<T>(in, 2, i, n * n),
                                                    in_at<T>(in, 0, i, n * n), out_at<T>(out, 0, i, n * n));
            });
          });
        });
      });
}

// ---- trsm

void infer_trsm(ShapeContext& c) { infer_triangular(c, as<TrsmParams>(c.params).rightside); }

Kernel trsm_kernel(const KernelRequest& r) {
  const TrsmParams p = as<TrsmParams>(r.params);
  const Shape& b = r.in[1].shape;
  const int64_t count = stack_size(b), rows = b.at(-2), cols = b.at(-1), n = p.rightside ? cols : rows;
  return linalg_kernel(r, "linalg_trsm", [&](auto t) {
    using T = decltype(t);
    return make_kernel([=](void* const* in, void* const* out, void*) {
      for_stack(count, rows * cols * n, [&](int64_t i) {
        const T* x = in_at<T>(in, 1, i, rows * cols);
        T* y = out_at<T>(out, 0, i, rows * cols);
        for (int64_t k = 0; k < rows * cols; ++k) y[k] = T(p.alpha) * x[k];
        decompose::solve_triangular({p.lower, p.transpose, p.rightside}, rows, cols,
                                    in_at<T>(in, 0, i, n * n), y);
      });
    });
  });
}

// With H = op(A)^-T g (or g op(A)^-T): B gets alpha H, and A the triangle of minus a product of H and the
// output.
std::vector<EntryId> trsm_gradient(GradContext& c) {
  const TrsmParams p = as<TrsmParams>(c.params());
  const EntryId x = c.output(0);
  const EntryId h = c.apply("_linalg_trsm", {c.input(0), c.out_grad(0)},
                            {{"transpose", bool_text(!p.transpose)},
                             {"rightside", bool_text(p.rightside)},
                             {"lower", bool_text(p.lower)}});
  const bool h_first = p.rightside == p.transpose;
  const EntryId full = c.apply(
      "_linalg_gemm2", h_first ? std::vector<EntryId>{h, x} : std::vector<EntryId>{x, h},
      {{"transpose_a", bool_text(p.rightside)}, {"transpose_b", bool_text(!p.rightside)}, {"alpha", "-1"}});
  const EntryId triangle = c.apply("_linalg_triangle", {full}, {{"lower", bool_text(p.lower)}});
  return {triangle, p.alpha == 1 ? h : c.apply("_mul_scalar", {h}, {{"scalar", exact_text(p.alpha)}})};
}

void register_trsm() {
  OpDef& op =
      register_linalg("_linalg_trsm",
                      "alpha op(A)^-1 B, or alpha B op(A)^-1, for triangular A: what lies outside of the "
                      "triangle is not read.");
  op.params = params_spec<TrsmParams>();
  op.inputs = {"A", "B"};
  op.infer_shape = infer_trsm;
  op.kernel = trsm_kernel;
  op.gradient = trsm_gradient;
}

// ---- inverse and determinants

void register_inverse() {
  OpDef& op = register_linalg("_linalg_inverse", "The inverse of every matrix.");
  op.kernel = [](const KernelRequest& r) {
    const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
    return linalg_kernel(r, "linalg_inverse", [&](auto t) {
      using T = decltype(t);
      return make_kernel([=](void* const* in, void* const* out, void*) {
        for_stack_checked(count, n * n * n, "[linalg_inverse] A has no inverse", [&](int64_t i) {
          return decompose::inverse(n, in_at<T>(in, 0, i, n * n), out_at<T>(out, 0, i, n * n));
        });
      });
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {  // -Y^T g Y^T
    const EntryId y = c.output(0);
    const EntryId left =
        c.apply("_linalg_gemm2", {y, c.out_grad(0)}, {{"transpose_a", "True"}, {"alpha", "-1"}});
    return {c.apply("_linalg_gemm2", {left, y}, {{"transpose_b", "True"}})};
  };
}

void infer_det(ShapeContext& c) {
  check_square(c, 0);
  if (!c.in[0].has_rank()) return;
  Shape out(c.in[0].begin(), c.in[0].end() - 2);
  if (out.ndim() == 0) out.push_back(1);
  for (size_t i = 0; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), out);
}

Kernel det_kernel(const KernelRequest& r) {
  const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
  const bool with_log = r.out.size() > 1;
  return linalg_kernel(r, "linalg_det", [&](auto t) {
    using T = decltype(t);
    return make_kernel([=](void* const* in, void* const* out, void*) {
      for_stack(count, n * n * n, [&](int64_t i) {
        T sign, log_abs;
        decompose::sign_log_det(n, in_at<T>(in, 0, i, n * n), &sign, &log_abs);
        if (with_log) {
          if (out[0] != nullptr) *out_at<T>(out, 0, i, 1) = sign;
          if (out[1] != nullptr) *out_at<T>(out, 1, i, 1) = log_abs;
        } else {
          *out_at<T>(out, 0, i, 1) = sign == 0 ? T(0) : sign * std::exp(log_abs);
        }
      });
    });
  });
}

// Inputs out_grad, A, and the determinant where that is what was computed: factor * A^-T; 0 for singular A.
Kernel det_backward_kernel(const KernelRequest& r) {
  const int64_t n = r.in[1].shape.at(-1), count = stack_size(r.in[1].shape);
  const bool with_det = r.in.size() > 2;
  return linalg_kernel(r, "linalg_det", [&](auto t) {
    using T = decltype(t);
    return make_kernel(
        [=](void* const* in, void* const* out, void* workspace) {
          for_stack(count, n * n * n, [&](int64_t i) {
            T* inverse = static_cast<T*>(workspace) + i * n * n;
            T* grad = out_at<T>(out, 0, i, n * n);
            const bool regular = decompose::inverse(n, in_at<T>(in, 1, i, n * n), inverse);
            const T factor = *in_at<T>(in, 0, i, 1) * (with_det ? *in_at<T>(in, 2, i, 1) : T(1));
            for (int64_t k = 0; k < n * n; ++k)
              grad[k] = regular ? factor * inverse[k % n * n + k / n] : T(0);
          });
        },
        static_cast<size_t>(count * n * n) * sizeof(T));
  });
}

void register_determinants() {
  OpDef& det =
      register_linalg("_linalg_det", "The determinants of a stack of matrices; (1,) for a single one.");
  det.infer_shape = infer_det;
  det.kernel = det_kernel;
  wire_gradient(
      det, {"out_grad", "A", "det"},
      [](GradContext& c) { return std::vector<EntryId>{c.out_grad(0), c.input(0), c.output(0)}; },
      det_backward_kernel);

  OpDef& slogdet =
      register_linalg("_linalg_slogdet",
                      "Sign and logarithm of the absolute value of the determinants; 0 and -inf for a "
                      "singular matrix. The sign has no gradient.");
  slogdet.outputs = {"output0", "output1"};
  slogdet.infer_shape = infer_det;
  slogdet.kernel = det_kernel;
  wire_gradient(
      slogdet, {"out_grad", "A"},
      [](GradContext& c) { return std::vector<EntryId>{c.out_grad(1), c.input(0)}; }, det_backward_kernel);
}

// ---- factors

void register_lq() {
  OpDef& op = register_linalg(
      "_linalg_gelqf",
      "Q with orthonormal rows and lower triangular L, A = L Q, for A (..., m, n) with m <= n.");
  op.outputs = {"output0", "output1"};
  op.infer_shape = [](ShapeContext& c) {
    check_stack(c, 0);
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (!c.in[0].has_rank()) return;
    const int n = c.in[0].ndim();
    check(c.in[0][n - 2] < 0 || c.in[0][n - 1] < 0 || c.in[0][n - 2] <= c.in[0][n - 1],
          "[linalg_gelqf] A: got shape ", c.in[0], ", expected no more rows than columns");
    Shape l = c.in[0];
    l[n - 1] = l[n - 2];
    c.set_out(1, l);
  };
  op.kernel = [](const KernelRequest& r) {
    const int64_t m = r.in[0].shape.at(-2), n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
    return linalg_kernel(r, "linalg_gelqf", [&](auto t) {
      using T = decltype(t);
      return make_kernel(
          [=, keep = r.out_used](void* const* in, void* const* out, void* workspace) {
            for_stack(count, m * m * n, [&](int64_t i) {
              T* spare = static_cast<T*>(workspace) + i * (m * n + m * m);
              decompose::lq(m, n, in_at<T>(in, 0, i, m * n), keep[0] ? out_at<T>(out, 0, i, m * n) : spare,
                            keep[1] ? out_at<T>(out, 1, i, m * m) : spare + m * n);
            });
          },
          static_cast<size_t>(count * (m * n + m * m)) * sizeof(T));
    });
  };
  wire_gradient(
      op, {"q_grad", "l_grad", "Q", "L"},
      [](GradContext& c) {
        return std::vector<EntryId>{c.out_grad(0), c.out_grad(1), c.output(0), c.output(1)};
      },
      [](const KernelRequest& r) {
        const int64_t m = r.in[0].shape.at(-2), n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
        return linalg_kernel(r, "linalg_gelqf", [&](auto t) {
          using T = decltype(t);
          return make_kernel([=](void* const* in, void* const* out, void*) {
            for_stack(count, m * m * n, [&](int64_t i) {
              decompose::lq_gradient(m, n, in_at<T>(in, 2, i, m * n), in_at<T>(in, 3, i, m * m),
                                     in_at<T>(in, 0, i, m * n), in_at<T>(in, 1, i, m * m),
                                     out_at<T>(out, 0, i, m * n));
            });
          });
        });
      });
}

void register_eigh() {
  OpDef& op = register_op("_linalg_syevd");
  op.doc =
      "U and L with A = U^T diag(L) U for symmetric A, of which the lower triangle is read: rows of U are "
      "eigenvectors, L ascends.";
  op.params = params_spec<NoLinalgParams>();
  op.inputs = {"A"};
  op.outputs = {"output0", "output1"};
  op.infer_shape = [](ShapeContext& c) {
    check_square(c, 0);
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (c.in[0].has_rank()) c.set_out(1, Shape(c.in[0].begin(), c.in[0].end() - 1));
  };
  op.kernel = [](const KernelRequest& r) {
    const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
    return linalg_kernel(r, "linalg_syevd", [&](auto t) {
      using T = decltype(t);
      return make_kernel(
          [=, keep = r.out_used](void* const* in, void* const* out, void* workspace) {
            for_stack(count, 8 * n * n * n, [&](int64_t i) {
              T* spare = static_cast<T*>(workspace) + i * (n * n + n);
              decompose::eigh(n, in_at<T>(in, 0, i, n * n), keep[0] ? out_at<T>(out, 0, i, n * n) : spare,
                              keep[1] ? out_at<T>(out, 1, i, n) : spare + n * n);
            });
          },
          static_cast<size_t>(count * (n * n + n)) * sizeof(T));
    });
  };
  wire_gradient(
      op, {"u_grad", "l_grad", "U", "L"},
      [](GradContext& c) {
        return std::vector<EntryId>{c.out_grad(0), c.out_grad(1), c.output(0), c.output(1)};
      },
      [](const KernelRequest& r) {
        const int64_t n = r.in[0].shape.at(-1), count = stack_size(r.in[0].shape);
        return linalg_kernel(r, "linalg_syevd", [&](auto t) {
          using T = decltype(t);
          return make_kernel([=](void* const* in, void* const* out, void*) {
            for_stack(count, n * n * n, [&](int64_t i) {
              decompose::eigh_gradient(n, in_at<T>(in, 2, i, n * n), in_at<T>(in, 3, i, n),
                                       in_at<T>(in, 0, i, n * n), in_at<T>(in, 1, i, n),
                                       out_at<T>(out, 0, i, n * n));
            });
          });
        });
      });
}

}  // namespace

void register_linalg_solve_ops() {
  register_cholesky();
  register_trsm();
  register_inverse();
  register_determinants();
  register_lq();
  register_eigh();
}

}  // namespace symbind
