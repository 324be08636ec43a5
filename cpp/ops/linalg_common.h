// What the linear algebra operators share: stacks of matrices in the last two axes, float32 and float64.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {

struct NoLinalgParams {
  template <class V>
  void visit(V&) {}
};

// An attribute that reads back as exactly this number.
inline std::string exact_text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.17g", value);
  return text;
}
inline std::string bool_text(bool value) { return value ? "True" : "False"; }

inline void check_stack(const ShapeContext& c, int i) {
  const Shape& s = c.in[i];
  check(!s.has_rank() || s.ndim() >= 2, "[", c.op.name, "] ", c.op.inputs[static_cast<size_t>(i)],
        ": got shape ", s, ", expected at least 2 dimensions");
}

inline void check_square(ShapeContext& c, int i) {
  check_stack(c, i);
  Shape& s = c.in[i];
  if (!s.has_rank()) return;
  const int n = s.ndim();
  check(s[n - 2] < 0 || s[n - 1] < 0 || s[n - 2] == s[n - 1], "[", c.op.name, "] ",
        c.op.inputs[static_cast<size_t>(i)], ": got shape ", s, ", expected square matrices");
  s[n - 2] = s[n - 1] = std::max(s[n - 2], s[n - 1]);
}

// Square matrices in, matrices of the same shape out.
inline void infer_square(ShapeContext& c) {
  infer_same_shape(c);
  check_square(c, 0);
  infer_same_shape(c);
}

// A triangular A (..., n, n) next to B, from the left or the right; the output is like B.
inline void infer_triangular(ShapeContext& c, bool rightside) {
  check_square(c, 0);
  check_stack(c, 1);
  c.set_out(0, c.in[1]);
  c.set_in(1, c.out[0]);
  if (!c.in[1].has_rank()) return;
  const int n = c.in[1].ndim();
  check(!c.in[0].has_rank() || c.in[0].ndim() == n, "[", c.op.name, "] A and B: got shapes ", c.in[0],
        " and ", c.in[1], ", expected the same number of dimensions");
  const int side = rightside ? n - 1 : n - 2;
  Shape a = c.in[1];
  a[n - 2] = a[n - 1] = c.in[1][side];
  c.set_in(0, a);
  Shape b = c.in[0];
  b[n - 2] = b[n - 1] = -1;
  b[side] = c.in[0][n - 1];
  c.set_in(1, b);
  c.set_out(0, c.in[1]);
}

// Number of matrices of a stack.
inline int64_t stack_size(const Shape& s) { return s.product(0, s.ndim() - 2); }

// Calls make(float{}) or make(double{}).
template <class F>
Kernel linalg_kernel(const KernelRequest& r, const char* name, F&& make) {
  if (r.in[0].dtype == DType::kFloat32) return make(float{});
  if (r.in[0].dtype == DType::kFloat64) return make(double{});
  fail("[", name, "] A: got ", dtype_name(r.in[0].dtype), ", expected float32 or float64");
}

// f(i) for every matrix of a stack of matrices of `work` multiply-adds.
template <class F>
void for_stack(int64_t count, int64_t work, F&& f) {
  parallel_for(count, 1 + kElementGrain / (work + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

// The same where f says if it worked: fails with `message` and the number of the first matrix for which it
// did not.
template <class F>
void for_stack_checked(int64_t count, int64_t work, const char* message, F&& f) {
  std::atomic<int64_t> failed{count};
  for_stack(count, work, [&](int64_t i) {
    if (f(i)) return;
    int64_t first = failed.load();
    while (i < first && !failed.compare_exchange_weak(first, i)) {
    }
  });
  check(failed.load() == count, message, " (matrix ", failed.load(), " of ", count, ")");
}

}  // namespace symbind
