// Sparse arrays: conversion, slices, checks, and what resizing does to memory that somebody else holds.
#include "runtime/sparse.h"

#include <doctest/doctest.h>

#include <cstring>

using namespace symbind;

namespace {

const float kMatrix[] = {0, 1, 0, 2, 0, 3, 0, 0, 0};

SparsePtr matrix(StorageType stype) {
  SparsePtr a = make_sparse(stype, {3, 3}, DType::kFloat32);
  dense_to_sparse(kMatrix, DType::kFloat32, *a);
  return a;
}

}  // namespace

TEST_CASE("dense to sparse and back") {
  for (const StorageType stype : {StorageType::kCsr, StorageType::kRowSparse}) {
    const SparsePtr a = matrix(stype);
    CHECK(a->count() == (stype == StorageType::kCsr ? 3 : 2));
    check_format(*a, true);
    CHECK(std::memcmp(dense_copy(*a).data(), kMatrix, sizeof kMatrix) == 0);
    double wide[9];
    sparse_to_dense(*a, wide, DType::kFloat64);
    CHECK(wide[5] == 3.0);
  }
}

TEST_CASE("rows of a csr array") {
  const SparsePtr a = matrix(StorageType::kCsr);
  const SparsePtr rows = make_sparse(StorageType::kCsr, {2, 3}, DType::kFloat32);
  slice_csr(*a, 1, 3, *rows);
  check_format(*rows, true);
  CHECK(rows->count() == 2);
  CHECK(std::memcmp(dense_copy(*rows).data(), kMatrix + 3, 6 * sizeof(float)) == 0);
}

TEST_CASE("filling rows keeps the stored ones") {
  const SparsePtr a = matrix(StorageType::kRowSparse);
  CHECK_FALSE(a->has_all_rows());
  fill_rows(*a);
  CHECK(a->has_all_rows());
  CHECK(std::memcmp(a->values.data(), kMatrix, sizeof kMatrix) == 0);
}

TEST_CASE("three rows in another order are not rows in place") {
  const SparsePtr a = make_sparse(StorageType::kRowSparse, {2, 1}, DType::kFloat32);
  a->resize(2);
  a->indices.data_as<int64_t>()[0] = 1;
  a->indices.data_as<int64_t>()[1] = 0;
  a->values.data_as<float>()[0] = 7;
  a->values.data_as<float>()[1] = 5;
  CHECK_FALSE(a->has_all_rows());
  CHECK_THROWS_AS(check_format(*a, true), Error);
  fill_rows(*a);
  CHECK(a->values.data_as<float>()[0] == 5);
  CHECK(a->has_all_rows());
}

TEST_CASE("resizing leaves memory alone that somebody holds") {
  const SparsePtr a = matrix(StorageType::kRowSparse);
  const NDArray held = a->values;
  a->resize(1);
  std::memset(a->values.data(), 0, a->values.bytes());
  CHECK(held.data_as<float>()[1] == 1);
}

TEST_CASE("a sparse array travels as an NDArray, and back") {
  const SparsePtr a = matrix(StorageType::kCsr);
  const NDArray handle = as_ndarray(a);
  CHECK(sparse_of(handle) == a);
  CHECK(storage_of(handle) == StorageType::kCsr);
  CHECK(sparse_of(make_zeros({2}, DType::kFloat32)) == nullptr);
  const NDArray dense = make_zeros({3, 3}, DType::kFloat32);
  copy_any(handle, dense);
  CHECK(std::memcmp(dense.data(), kMatrix, sizeof kMatrix) == 0);
  const NDArray rows = as_ndarray(make_sparse(StorageType::kRowSparse, {3, 3}, DType::kFloat32));
  CHECK_THROWS_WITH_AS(copy_any(handle, rows), doctest::Contains("cannot convert csr to row_sparse"), Error);
}
