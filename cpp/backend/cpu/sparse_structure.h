// What is stored where: grouping indices, joining the stored parts of arrays, and values at given places.
#pragma once

#include <vector>

#include "base/kernel.h"
#include "runtime/sparse.h"

namespace symbind {

// Equal indices next to each other: group g has the index ids[g], and its members are the positions
// order[starts[g]] to order[starts[g + 1]], ascending. Indices must not be negative. Time is linear.
struct IndexGroups {
  std::vector<int64_t> order, ids, starts;
  void build(const int64_t* index, int64_t n);
  int64_t count() const { return static_cast<int64_t>(ids.size()); }

 private:
  std::vector<int64_t> other_;
};

// Where rows are in the values of a row_sparse array.
class RowFinder {
 public:
  explicit RowFinder(const SparseArray& array);
  // Position of a row, -1 if it is not stored.
  int64_t operator()(int64_t row) const {
    if (all_) return row;
    return search(row);
  }

 private:
  int64_t search(int64_t row) const;

  const int64_t* index_;
  int64_t count_;
  bool all_;
  std::vector<std::pair<int64_t, int64_t>> sorted_;  // (row, position), where indices are not ascending
};

// Gives `to` room for what any of the arrays stores, and its indices; values are not set. Indices of rows, or
// of columns in a row, ascend in the result.
void join_structure(const std::vector<const SparseArray*>& arrays, SparseArray& to);
// Gives `to` the indices of `from`; values are not set.
void copy_structure(const SparseArray& from, SparseArray& to);
bool same_structure(const SparseArray& a, const SparseArray& b);

// Values of `from` at the places that `structure` stores, 0 where `from` stores nothing.
void aligned_values(const SparseArray& structure, const SparseArray& from, void* values);
void aligned_dense(const SparseArray& structure, const void* from, size_t element_size, void* values);

}  // namespace symbind
