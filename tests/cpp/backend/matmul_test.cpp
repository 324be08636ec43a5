// Matrix product kernels against a triple loop, with and without oneDNN, for sizes on both sides of every
// choice.
#include "backend/cpu/matmul.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "test_kernels.h"

using namespace symbind;

namespace {

template <class T>
std::vector<T> reference(const GemmSpec& s, const std::vector<T>& a, const std::vector<T>& b,
                         std::vector<T> c) {
  for (int64_t p = 0; p < s.batch; ++p) {
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < s.k; ++l) {
          sum += double(a[p * s.m * s.k + (s.trans_a ? l * s.m + i : i * s.k + l)]) *
                 double(b[p * s.k * s.n + (s.trans_b ? j * s.k + l : l * s.n + j)]);
        }
        T& y = c[(p * s.m + i) * s.n + j];
        y = T(s.alpha * sum + (s.beta == 0 ? 0 : s.beta * double(y)));
      }
    }
  }
  return c;
}

template <class T>
void check_gemm(GemmSpec s, double tolerance) {
  CAPTURE(s.m);
  CAPTURE(s.n);
  CAPTURE(s.k);
  CAPTURE(s.trans_a);
  CAPTURE(s.trans_b);
  const auto a = random_values<T>(s.batch * s.m * s.k, 1), b = random_values<T>(s.batch * s.k * s.n, 2);
  const auto c = random_values<T>(s.batch * s.m * s.n, 3);
  auto got = c;
  run_kernel(make_gemm_kernel(s), {a.data(), b.data()}, {got.data()});
  check_close(got, reference(s, a, b, c), tolerance);
}

template <class T>
void check_all_gemms(DType dtype, double tolerance) {
  const int64_t sizes[][3] = {{1, 7, 5}, {5, 1, 9}, {33, 17, 1}, {64, 96, 80}, {130, 120, 110}, {3, 4, 0}};
  for (const auto& size : sizes) {
    for (int flags = 0; flags < 4; ++flags) {
      GemmSpec s{(flags & 1) != 0, (flags & 2) != 0, size[0], size[1], size[2]};
      s.dtype = dtype;
      check_gemm<T>(s, tolerance);
    }
  }
  GemmSpec batch{false, true, 9, 11, 13, 5, dtype, 0.5f, 2.f};
  check_gemm<T>(batch, tolerance);
  batch.trans_a = true;
  batch.beta = 0;
  check_gemm<T>(batch, tolerance);
}

}  // namespace

TEST_CASE("gemm of every floating dtype, transposition and size class") {
  for (bool fast : {true, false}) {
    OneDnnSwitch onednn(fast);
    check_all_gemms<float>(DType::kFloat32, 2e-5);
    check_all_gemms<double>(DType::kFloat64, 1e-12);
    check_all_gemms<Half>(DType::kFloat16, 2e-2);
  }
}

TEST_CASE("fully connected forward with bias and post-ops") {
  for (int64_t m : {1, 100, 257}) {
    const int64_t k = 33, n = 70;
    const auto data = random_values<float>(m * k, 1), weight = random_values<float>(n * k, 2);
    const auto bias = random_values<float>(n, 3), addend = random_values<float>(m * n, 4);
    const TensorDesc data_desc{{m, k}, DType::kFloat32, nullptr},
        weight_desc{{n, k}, DType::kFloat32, nullptr};
    const TensorDesc bias_desc{{n}, DType::kFloat32, nullptr}, out_desc{{m, n}, DType::kFloat32, nullptr};
    const PostOp sum{PostOp::kSum, 0, 0, 3}, relu{PostOp::kRelu, 0.1f, 0, -1};
    std::vector<float> want(m * n);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double s = bias[j] + addend[i * n + j];
        for (int64_t l = 0; l < k; ++l) s += double(data[i * k + l]) * weight[j * k + l];
        want[i * n + j] = float(s > 0 ? s : 0.1 * s);
      }
    }
    for (bool fast : {true, false}) {
      OneDnnSwitch onednn(fast);
      std::vector<float> got(m * n);
      const std::vector<PostOp> post_ops{sum, relu};
      const Kernel kernel = make_fc_forward(data_desc, weight_desc, &bias_desc, out_desc, post_ops);
      run_kernel(kernel, {data.data(), weight.data(), bias.data(), addend.data()}, {got.data()});
      check_close(got, want, 2e-5);
    }
  }
}

TEST_CASE("column sums") {
  const int64_t rows = 37, cols = 131;
  const auto x = random_values<double>(rows * cols, 5);
  std::vector<double> got(cols), want(cols);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) want[c] += x[r * cols + c];
  }
  run_kernel(make_column_sum_kernel(rows, cols, DType::kFloat64), {x.data()}, {got.data()});
  check_close(got, want, 1e-13);
}
