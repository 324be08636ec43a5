// Grouping of indices, aligned values and products of csr matrices against loops.
#include <doctest/doctest.h>

#include <random>

#include "backend/cpu/sparse_dot.h"

using namespace symbind;

TEST_CASE("equal indices are grouped in ascending order, their positions too") {
  std::mt19937 random(3);
  for (const int64_t largest : {1, 5, 5000, 3000000}) {
    std::vector<int64_t> index(500);
    for (int64_t& i : index) i = static_cast<int64_t>(random() % static_cast<unsigned>(largest));
    IndexGroups groups;
    groups.build(index.data(), static_cast<int64_t>(index.size()));
    REQUIRE(groups.starts.back() == 500);
    for (int64_t g = 0; g < groups.count(); ++g) {
      if (g > 0) CHECK(groups.ids[g - 1] < groups.ids[g]);
      for (int64_t k = groups.starts[g]; k < groups.starts[g + 1]; ++k) {
        CHECK(index[groups.order[k]] == groups.ids[g]);
        if (k > groups.starts[g]) CHECK(groups.order[k - 1] < groups.order[k]);
      }
    }
  }
  IndexGroups none;
  none.build(nullptr, 0);
  CHECK(none.count() == 0);
}

TEST_CASE("products of a csr matrix") {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const int64_t m = 7, k = 11, n = 3;
  std::vector<float> a(m * k), b(k * n), c(m * n);
  for (float& x : a) x = uniform(random) > 0.3f ? uniform(random) : 0.0f;
  for (float& x : b) x = uniform(random);
  for (float& x : c) x = uniform(random);
  const SparsePtr csr = make_sparse(StorageType::kCsr, {m, k}, DType::kFloat32);
  dense_to_sparse(a.data(), DType::kFloat32, *csr);

  std::vector<float> out(m * n);
  csr_dot_dense(*csr, b.data(), n, out.data());
  const SparsePtr some = make_sparse(StorageType::kRowSparse, {k, n}, DType::kFloat32);
  std::vector<float> holes = b;
  for (int64_t j = 0; j < n; ++j) holes[4 * n + j] = 0;
  dense_to_sparse(holes.data(), DType::kFloat32, *some);
  std::vector<float> from_rows(m * n), from_holes(m * n);
  csr_dot_rows(*csr, *some, n, from_rows.data());
  csr_dot_dense(*csr, holes.data(), n, from_holes.data());
  CHECK(from_rows == from_holes);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += double(a[i * k + l]) * b[l * n + j];
      CHECK(out[i * n + j] == doctest::Approx(sum).epsilon(1e-4));
    }
  }

  const SparsePtr rows = make_sparse(StorageType::kRowSparse, {k, n}, DType::kFloat32);
  IndexGroups groups;
  csr_transposed_dot_dense(*csr, c.data(), n, groups, *rows);
  check_format(*rows, true);
  const NDArray dense = dense_copy(*rows);
  for (int64_t l = 0; l < k; ++l) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < m; ++i) sum += double(a[i * k + l]) * c[i * n + j];
      CHECK(dense.data_as<float>()[l * n + j] == doctest::Approx(sum).epsilon(1e-4));
    }
  }
}
