// Decompositions of one dense row-major matrix, and what their gradients need. For float and double.
// They may allocate: Eigen keeps temporaries of the size of a matrix.
#pragma once

#include <cstdint>

namespace symbind::decompose {

// a = l l^T with l lower triangular; reads the lower triangle of a. False when a is not positive definite.
template <class T>
bool cholesky(int64_t n, const T* a, T* l);
// The symmetric gradient of a from that of l.
template <class T>
void cholesky_gradient(int64_t n, const T* l, const T* grad, T* a_grad);

// (l l^T)^-1; reads the lower triangle of l.
template <class T>
void inverse_of_square(int64_t n, const T* l, T* out);
// The lower triangular gradient of l from that of inverse_of_square(l), which is `out`.
template <class T>
void inverse_of_square_gradient(int64_t n, const T* l, const T* out, const T* grad, T* l_grad);

// Solves op(a) x = b for x (rows, cols), or x op(a) = b from the right; a is triangular; x holds b on entry.
struct Triangular {
  bool lower, transpose, rightside;
};
template <class T>
void solve_triangular(const Triangular& how, int64_t rows, int64_t cols, const T* a, T* x);

// False when a is singular.
template <class T>
bool inverse(int64_t n, const T* a, T* out);
// det(a) = sign * exp(log_abs); sign 0 and log_abs -inf for a singular matrix.
template <class T>
void sign_log_det(int64_t n, const T* a, T* sign, T* log_abs);

// a (m, n) = l (m, m) q (m, n), l lower triangular, rows of q orthonormal; m <= n. Signs are LAPACK's.
template <class T>
void lq(int64_t m, int64_t n, const T* a, T* q, T* l);
template <class T>
void lq_gradient(int64_t m, int64_t n, const T* q, const T* l, const T* q_grad, const T* l_grad, T* a_grad);

// a = u^T diag(values) u for symmetric a, of which the lower triangle is read: rows of u are eigenvectors,
// values ascend.
template <class T>
void eigh(int64_t n, const T* a, T* u, T* values);
template <class T>
void eigh_gradient(int64_t n, const T* u, const T* values, const T* u_grad, const T* values_grad, T* a_grad);

}  // namespace symbind::decompose
