// Statistics along one axis of an array seen as (outer, n, inner): sums of f(j, i) over j for a block of
// columns i at a time, so that every pass runs along memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backend/cpu/parallel.h"
#include "base/dtype.h"

namespace symbind {

struct AxisBlocks {
  int64_t outer = 1, n = 1, inner = 1;
  static constexpr int64_t kWidth = 64;

  int64_t size() const { return outer * n * inner; }

  // f(first, width, row): `first` is the position of the block's first element, `row` that of its first
  // column among the outer * inner columns. Consecutive elements of a column are `inner` apart.
  template <class F>
  void for_each(F f) const {
    const int64_t blocks = (inner + kWidth - 1) / kWidth;
    const int64_t cost = std::max<int64_t>(n * std::min(inner, kWidth), 1);
    parallel_for(outer * blocks, 1 + kElementGrain / (2 * cost), [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t o = block / blocks, i = block % blocks * kWidth;
        f(o * n * inner + i, std::min(kWidth, inner - i), o * inner + i);
      }
    });
  }
};

// sum[w] = the sum of f(position) over a column; `sum` has room for AxisBlocks::kWidth.
template <class A, class F>
void sum_columns(const AxisBlocks& b, int64_t first, int64_t width, A* sum, F f) {
  if (b.inner == 1) {
    A total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < b.n; ++j) total += f(first + j, int64_t{0});
    sum[0] = total;
    return;
  }
  for (int64_t w = 0; w < width; ++w) sum[w] = 0;
  for (int64_t j = 0; j < b.n; ++j) {
    const int64_t row = first + j * b.inner;
#pragma omp simd
    for (int64_t w = 0; w < width; ++w) sum[w] += f(row + w, w);
  }
}

// f(position, column in block, index along the axis) for every element.
template <class F>
void map_columns(const AxisBlocks& b, int64_t first, int64_t width, F f) {
  if (b.inner == 1) {
#pragma omp simd
    for (int64_t j = 0; j < b.n; ++j) f(first + j, int64_t{0}, j);
    return;
  }
  for (int64_t j = 0; j < b.n; ++j) {
    const int64_t row = first + j * b.inner;
#pragma omp simd
    for (int64_t w = 0; w < width; ++w) f(row + w, w, j);
  }
}

}  // namespace symbind
