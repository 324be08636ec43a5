// _linalg_sumlogdiag, and parts of matrices as vectors: _linalg_extractdiag, makediag, extracttrian,
// maketrian.
#include <cmath>
#include <cstdlib>

#include "ops/linalg_common.h"

namespace symbind {
namespace {

struct DiagParams {
  int64_t offset;
  template <class V>
  void visit(V& v) {
    v("offset", offset, int64_t{0}, "Which diagonal: positive above the main one, negative below.");
  }
};

struct TrianParams {
  int64_t offset;
  bool lower;
  template <class V>
  void visit(V& v) {
    v("offset", offset, int64_t{0},
      "The diagonal where the triangle begins: above the main one for an upper triangle, below for a lower "
      "one.");
    v("lower", lower, true, "The lower triangle, or the upper; for offset 0 alone.");
  }
};

// A part of a square matrix: its entries by rows, those of an upper triangle by columns.
struct Part {
  bool triangle;
  int64_t offset;
  bool lower;

  int64_t magnitude() const { return std::abs(offset); }
  // Entries of a matrix of side n, or -1 when it has none.
  int64_t length(int64_t n) const {
    const int64_t m = n - magnitude();
    return m <= 0 ? -1 : triangle ? m * (m + 1) / 2 : m;
  }
  // The side of the matrix, or -1 when no matrix has a part of this length.
  int64_t side(int64_t length) const {
    int64_t m = length;
    if (triangle) {
      m = static_cast<int64_t>((std::sqrt(8.0 * static_cast<double>(length) + 1.0) - 1.0) / 2.0 + 0.5);
      if (m * (m + 1) / 2 != length) return -1;
    }
    return m + magnitude();
  }
  bool has(int64_t i, int64_t j) const {
    if (!triangle) return j - i == offset;
    const bool below = offset < 0 || (offset == 0 && lower);
    return below ? j - i <= offset : j - i >= offset;
  }
  std::vector<int64_t> positions(int64_t n) const {
    const bool by_columns = triangle && (offset > 0 || (offset == 0 && !lower));
    std::vector<int64_t> result;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        const int64_t row = by_columns ? j : i, col = by_columns ? i : j;
        if (has(row, col)) result.push_back(row * n + col);
      }
    }
    return result;
  }
};

Part part_of(const void* params, bool triangle) {
  if (triangle) return {true, as<TrianParams>(params).offset, as<TrianParams>(params).lower};
  return {false, as<DiagParams>(params).offset, true};
}

void infer_extract(ShapeContext& c, const Part& part) {
  check_square(c, 0);
  const Shape& a = c.in[0];
  if (!a.has_rank()) return;
  Shape out(a.begin(), a.end() - 1);
  if (a.at(-1) >= 0) {
    out[out.ndim() - 1] = part.length(a.at(-1));
    check(out.at(-1) > 0, "[", c.op.name, "] offset: got ", part.offset, ", expected a diagonal of matrices ",
          a);
  }
  c.set_out(0, out);
}

void infer_make(ShapeContext& c, const Part& part) {
  const Shape& a = c.in[0];
  if (!a.has_rank()) return;
  check(a.ndim() >= 1, "[", c.op.name, "] A: got a scalar, expected at least one dimension");
  const int64_t n = a.at(-1) < 0 ? -1 : part.side(a.at(-1));
  check(a.at(-1) < 0 || n > 0, "[", c.op.name, "] A: got shape ", a,
        ", expected m (m + 1) / 2 entries for some m");
  Shape out(a.begin(), a.end() - 1);
  if (out.ndim() < 0) out.resize(0);
  out.push_back(n);
  out.push_back(n);
  c.set_out(0, out);
}

Kernel part_kernel(const KernelRequest& r, const Part& part, bool extract) {
  const Shape& matrix = extract ? r.in[0].shape : r.out[0].shape;
  const int64_t count = stack_size(matrix), n = matrix.at(-1);
  return visit_float(r.in[0].dtype, "linalg", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=, at = part.positions(n)](void* const* in, void* const* out, void*) {
      const int64_t length = static_cast<int64_t>(at.size());
      for_stack(count, n * n, [&](int64_t k) {
        const T* from = static_cast<const T*>(in[0]) + k * (extract ? n * n : length);
        T* to = static_cast<T*>(out[0]) + k * (extract ? length : n * n);
        if (!extract) std::fill(to, to + n * n, T(0));
        for (int64_t i = 0; i < length; ++i) {
          const int64_t place = at[static_cast<size_t>(i)];
          to[extract ? i : place] = from[extract ? place : i];
        }
      });
    });
  });
}

// Making and extracting are each other's gradient.
void register_part(const char* name, const char* adjoint, bool triangle, bool extract, const char* doc) {
  OpDef& op = register_op(name);
  op.aliases = {name + 1};
  op.doc = doc;
  op.params = triangle ? params_spec<TrianParams>() : params_spec<DiagParams>();
  op.inputs = {"A"};
  op.infer_shape = [triangle, extract](ShapeContext& c) {
    extract ? infer_extract(c, part_of(c.params, triangle)) : infer_make(c, part_of(c.params, triangle));
  };
  op.kernel = [triangle, extract](const KernelRequest& r) {
    return part_kernel(r, part_of(r.params, triangle), extract);
  };
  op.gradient = [triangle, adjoint](GradContext& c) -> std::vector<EntryId> {
    const Part part = part_of(c.params(), triangle);
    AttrMap attrs{{"offset", std::to_string(part.offset)}};
    if (triangle) attrs["lower"] = bool_text(part.lower);
    return {c.apply(adjoint, {c.out_grad(0)}, attrs)};
  };
}

// ---- sumlogdiag

template <class T>
Kernel sum_log_diag(int64_t count, int64_t n) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    for_stack(count, 16 * n, [&](int64_t i) {
      const T* a = static_cast<const T*>(in[0]) + i * n * n;
      T sum = 0;
      for (int64_t k = 0; k < n; ++k) sum += std::log(a[k * n + k]);
      static_cast<T*>(out[0])[i] = sum;
    });
  });
}

// Inputs out_grad, A.
template <class T>
Kernel sum_log_diag_backward(int64_t count, int64_t n) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    for_stack(count, n * n, [&](int64_t i) {
      const T* a = static_cast<const T*>(in[1]) + i * n * n;
      T* grad = static_cast<T*>(out[0]) + i * n * n;
      std::fill(grad, grad + n * n, T(0));
      for (int64_t k = 0; k < n; ++k) grad[k * n + k] = static_cast<const T*>(in[0])[i] / a[k * n + k];
    });
  });
}

void register_sum_log_diag() {
  OpDef& op = register_op("_linalg_sumlogdiag");
  op.aliases = {"linalg_sumlogdiag"};
  op.doc = "The sum of the logarithms of the diagonal of every matrix; (1,) for a single one.";
  op.params = params_spec<NoLinalgParams>();
  op.inputs = {"A"};
  op.infer_shape = [](ShapeContext& c) {
    check_square(c, 0);
    if (!c.in[0].has_rank()) return;
    Shape out(c.in[0].begin(), c.in[0].end() - 2);
    if (out.ndim() == 0) out.push_back(1);
    c.set_out(0, out);
  };
  op.kernel = [](const KernelRequest& r) {
    return linalg_kernel(r, "linalg_sumlogdiag", [&](auto t) {
      return sum_log_diag<decltype(t)>(stack_size(r.in[0].shape), r.in[0].shape.at(-1));
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_linalg_sumlogdiag", {c.out_grad(0), c.input(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_linalg_sumlogdiag", {"out_grad", "A"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    return linalg_kernel(r, "linalg_sumlogdiag", [&](auto t) {
      return sum_log_diag_backward<decltype(t)>(stack_size(r.in[1].shape), r.in[1].shape.at(-1));
    });
  };
}

}  // namespace

void register_linalg_diag_ops() {
  register_sum_log_diag();
  register_part("_linalg_extractdiag", "_linalg_makediag", false, true,
                "A diagonal of every matrix, as a vector.");
  register_part("_linalg_makediag", "_linalg_extractdiag", false, false,
                "Matrices that have these vectors as a diagonal.");
  register_part("_linalg_extracttrian", "_linalg_maketrian", true, true,
                "A triangle of every matrix as a vector: a lower one by rows, an upper one by columns.");
  register_part("_linalg_maketrian", "_linalg_extracttrian", true, false,
                "Triangular matrices from vectors: lower ones by rows, upper ones by columns.");
}

}  // namespace symbind
