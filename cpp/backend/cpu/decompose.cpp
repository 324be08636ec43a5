#include "backend/cpu/decompose.h"

#include <Eigen/Dense>
#include <cmath>
#include <limits>

namespace symbind::decompose {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Map = Eigen::Map<Matrix<T>>;
template <class T>
using ConstMap = Eigen::Map<const Matrix<T>>;
template <class T>
using ConstVector = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>;

// The lower triangle, mirrored.
template <class T>
Matrix<T> mirror_lower(const Matrix<T>& x) {
  Matrix<T> y = x.template triangularView<Eigen::Lower>();
  y.template triangularView<Eigen::StrictlyUpper>() = y.transpose();
  return y;
}

template <class Solver, class X>
void solve_from(const Solver& solver, bool rightside, X& x) {
  if (rightside) {
    solver.template solveInPlace<Eigen::OnTheRight>(x);
  } else {
    solver.solveInPlace(x);
  }
}

}  // namespace

template <class T>
bool cholesky(int64_t n, const T* a, T* l) {
  const Eigen::LLT<Matrix<T>, Eigen::Lower> solved(ConstMap<T>(a, n, n));
  if (n > 0 && solved.info() != Eigen::Success) return false;
  Map<T>(l, n, n) = solved.matrixL();
  return true;
}

// l^-T (1/2) mirror_lower(l^T grad) l^-1
template <class T>
void cholesky_gradient(int64_t n, const T* l, const T* grad, T* a_grad) {
  const ConstMap<T> lower(l, n, n);
  const Matrix<T> masked = ConstMap<T>(grad, n, n).template triangularView<Eigen::Lower>();
  Matrix<T> middle = mirror_lower<T>(lower.transpose() * masked);
  lower.transpose().template triangularView<Eigen::Upper>().solveInPlace(middle);
  lower.template triangularView<Eigen::Lower>().template solveInPlace<Eigen::OnTheRight>(middle);
  Map<T>(a_grad, n, n) = T(0.5) * middle;
}

template <class T>
void inverse_of_square(int64_t n, const T* l, T* out) {
  const ConstMap<T> lower(l, n, n);
  Matrix<T> inverse = Matrix<T>::Identity(n, n);
  lower.template triangularView<Eigen::Lower>().solveInPlace(inverse);
  Map<T>(out, n, n).noalias() = inverse.transpose() * inverse;
}

// -lower(out (grad + grad^T) l^-T)
template <class T>
void inverse_of_square_gradient(int64_t n, const T* l, const T* out, const T* grad, T* l_grad) {
  const ConstMap<T> lower(l, n, n), g(grad, n, n);
  Matrix<T> x = ConstMap<T>(out, n, n) * (g + g.transpose());
  lower.transpose().template triangularView<Eigen::Upper>().template solveInPlace<Eigen::OnTheRight>(x);
  Map<T> result(l_grad, n, n);
  result.setZero();
  result.template triangularView<Eigen::Lower>() = -x;
}

template <class T>
void solve_triangular(const Triangular& how, int64_t rows, int64_t cols, const T* a, T* x) {
  const int64_t n = how.rightside ? cols : rows;
  const ConstMap<T> matrix(a, n, n);
  Map<T> result(x, rows, cols);
  if (how.lower && !how.transpose) {
    solve_from(matrix.template triangularView<Eigen::Lower>(), how.rightside, result);
  } else if (how.lower) {
    solve_from(matrix.transpose().template triangularView<Eigen::Upper>(), how.rightside, result);
  } else if (!how.transpose) {
    solve_from(matrix.template triangularView<Eigen::Upper>(), how.rightside, result);
  } else {
    solve_from(matrix.transpose().template triangularView<Eigen::Lower>(), how.rightside, result);
  }
}

template <class T>
bool inverse(int64_t n, const T* a, T* out) {
  const Eigen::PartialPivLU<Matrix<T>> lu(ConstMap<T>(a, n, n));
  for (int64_t i = 0; i < n; ++i) {
    if (lu.matrixLU()(i, i) == T(0)) return false;
  }
  Map<T>(out, n, n) = lu.inverse();
  return true;
}

template <class T>
void sign_log_det(int64_t n, const T* a, T* sign, T* log_abs) {
  const Eigen::PartialPivLU<Matrix<T>> lu(ConstMap<T>(a, n, n));
  T s = T(lu.permutationP().determinant()), sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T pivot = lu.matrixLU()(i, i);
    if (pivot == T(0)) {
      *sign = 0;
      *log_abs = -std::numeric_limits<T>::infinity();
      return;
    }
    if (pivot < 0) s = -s;
    sum += std::log(std::abs(pivot));
  }
  *sign = s;
  *log_abs = sum;
}

template <class T>
void lq(int64_t m, int64_t n, const T* a, T* q, T* l) {
  const Eigen::HouseholderQR<Matrix<T>> qr(ConstMap<T>(a, m, n).transpose());
  const Matrix<T> thin = qr.householderQ() * Matrix<T>::Identity(n, m);
  Map<T>(q, m, n) = thin.transpose();
  const Matrix<T> upper = qr.matrixQR().topRows(m).template triangularView<Eigen::Upper>();
  Map<T>(l, m, m) = upper.transpose();
}

// l^-T (q_grad + mirror_lower(l^T l_grad - q_grad q^T) q)
template <class T>
void lq_gradient(int64_t m, int64_t n, const T* q, const T* l, const T* q_grad, const T* l_grad, T* a_grad) {
  const ConstMap<T> lower(l, m, m), rows(q, m, n), dq(q_grad, m, n);
  const Matrix<T> dl = ConstMap<T>(l_grad, m, m).template triangularView<Eigen::Lower>();
  const Matrix<T> middle = lower.transpose() * dl - dq * rows.transpose();
  Matrix<T> x = dq + mirror_lower<T>(middle) * rows;
  lower.transpose().template triangularView<Eigen::Upper>().solveInPlace(x);
  Map<T>(a_grad, m, n) = x;
}

template <class T>
void eigh(int64_t n, const T* a, T* u, T* values) {
  const Eigen::SelfAdjointEigenSolver<Matrix<T>> solver(ConstMap<T>(a, n, n));
  Map<T> rows(u, n, n);
  rows = solver.eigenvectors().transpose();
  for (int64_t i = 0; i < n; ++i) {
    values[i] = solver.eigenvalues()(i);
    Eigen::Index largest = 0;
    rows.row(i).cwiseAbs().maxCoeff(&largest);
    if (rows(i, largest) < 0) rows.row(i) *= T(-1);  // one of the two directions, always the same
  }
}

// u^T sym(k) u with k[i][j] = (u_grad u^T)[i][j] / (values[i] - values[j]), and values_grad on the diagonal.
template <class T>
void eigh_gradient(int64_t n, const T* u, const T* values, const T* u_grad, const T* values_grad, T* a_grad) {
  const ConstMap<T> rows(u, n, n);
  Matrix<T> k = ConstMap<T>(u_grad, n, n) * rows.transpose();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const T gap = values[i] - values[j];
      k(i, j) = i == j ? values_grad[i] : gap != T(0) ? k(i, j) / gap : T(0);
    }
  }
  const Matrix<T> symmetric = T(0.5) * (k + k.transpose());
  Map<T>(a_grad, n, n) = rows.transpose() * symmetric * rows;
}

#define SYMBIND_INSTANTIATE(T)                                                             \
  template bool cholesky(int64_t, const T*, T*);                                           \
  template void cholesky_gradient(int64_t, const T*, const T*, T*);                        \
  template void inverse_of_square(int64_t, const T*, T*);                                  \
  template void inverse_of_square_gradient(int64_t, const T*, const T*, const T*, T*);     \
  template void solve_triangular(const Triangular&, int64_t, int64_t, const T*, T*);       \
  template bool inverse(int64_t, const T*, T*);                                            \
  template void sign_log_det(int64_t, const T*, T*, T*);                                   \
  template void lq(int64_t, int64_t, const T*, T*, T*);                                    \
  template void lq_gradient(int64_t, int64_t, const T*, const T*, const T*, const T*, T*); \
  template void eigh(int64_t, const T*, T*, T*);                                           \
  template void eigh_gradient(int64_t, const T*, const T*, const T*, const T*, T*)
SYMBIND_INSTANTIATE(float);
SYMBIND_INSTANTIATE(double);
#undef SYMBIND_INSTANTIATE

}  // namespace symbind::decompose
