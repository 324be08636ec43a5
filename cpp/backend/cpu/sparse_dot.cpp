#include "backend/cpu/sparse_dot.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

// Rows of lhs that are worth a thread, from the mean work of one.
int64_t row_grain(const SparseArray& lhs, int64_t n) {
  const int64_t rows = std::max<int64_t>(lhs.shape[0], 1);
  return 1 + kElementGrain / 2 / std::max<int64_t>(1, lhs.count() * n / rows);
}

// y += v * x. Rows are short as a rule: the compiler's loop is as good as any.
template <class T>
void add_scaled(accumulate_t<T>* y, T v, const T* x, int64_t n) {
  using A = accumulate_t<T>;
  const A a = static_cast<A>(v);
  for (int64_t j = 0; j < n; ++j) y[j] += a * static_cast<A>(x[j]);
}

// out[r] = sum of values[i] * row_at(column[i]) over the elements of row r; row_at gives null for zeros.
template <class T, class RowAt>
void multiply_rows(const SparseArray& lhs, int64_t n, T* out, RowAt row_at) {
  using A = accumulate_t<T>;
  const T* values = lhs.values.data_as<T>();
  const int64_t* columns = lhs.index();
  const int64_t* starts = lhs.starts();
  parallel_for(lhs.shape[0], row_grain(lhs, n), [&](int64_t begin, int64_t end) {
    std::vector<A> sum(static_cast<size_t>(n));
    for (int64_t r = begin; r < end; ++r) {
      std::fill(sum.begin(), sum.end(), A(0));
      for (int64_t i = starts[r]; i < starts[r + 1]; ++i) {
        const T* row = row_at(columns[i]);
        if (row != nullptr) add_scaled(sum.data(), values[i], row, n);
      }
      for (int64_t j = 0; j < n; ++j) out[r * n + j] = static_cast<T>(sum[static_cast<size_t>(j)]);
    }
  });
}

}  // namespace

void csr_dot_dense(const SparseArray& lhs, const void* rhs, int64_t n, void* out) {
  visit_float(lhs.dtype, "dot", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* rows = static_cast<const T*>(rhs);
    multiply_rows(lhs, n, static_cast<T*>(out), [=](int64_t column) { return rows + column * n; });
  });
}

void csr_dot_rows(const SparseArray& lhs, const SparseArray& rhs, int64_t n, void* out) {
  const RowFinder find(rhs);
  visit_float(lhs.dtype, "dot", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* rows = rhs.values.data_as<T>();
    multiply_rows(lhs, n, static_cast<T*>(out), [&](int64_t column) {
      const int64_t at = find(column);
      return at < 0 ? nullptr : rows + at * n;
    });
  });
}

void csr_transposed_dot_dense(const SparseArray& lhs, const void* rhs, int64_t n, IndexGroups& groups,
                              SparseArray& out) {
  groups.build(lhs.index(), lhs.count());
  out.resize(groups.count());
  std::copy(groups.ids.begin(), groups.ids.end(), out.indices.data_as<int64_t>());
  std::vector<int64_t> row_of(static_cast<size_t>(lhs.count()));
  for (int64_t r = 0; r < lhs.shape[0]; ++r)
    std::fill(row_of.begin() + lhs.starts()[r], row_of.begin() + lhs.starts()[r + 1], r);
  visit_float(lhs.dtype, "dot", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = accumulate_t<T>;
    const T* values = lhs.values.data_as<T>();
    const T* rows = static_cast<const T*>(rhs);
    T* sums = out.values.data_as<T>();
    const int64_t work = std::max<int64_t>(1, lhs.count() * n / std::max<int64_t>(groups.count(), 1));
    parallel_for(groups.count(), 1 + kElementGrain / 2 / work, [&](int64_t begin, int64_t end) {
      std::vector<A> sum(static_cast<size_t>(n));
      for (int64_t g = begin; g < end; ++g) {
        std::fill(sum.begin(), sum.end(), A(0));
        for (int64_t k = groups.starts[static_cast<size_t>(g)]; k < groups.starts[static_cast<size_t>(g) + 1];
             ++k) {
          const int64_t at = groups.order[static_cast<size_t>(k)];
          add_scaled(sum.data(), values[at], rows + row_of[static_cast<size_t>(at)] * n, n);
        }
        for (int64_t j = 0; j < n; ++j) sums[g * n + j] = static_cast<T>(sum[static_cast<size_t>(j)]);
      }
    });
  });
}

}  // namespace symbind
