#include "backend/cpu/sparse_structure.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

// Pieces of the index that one pass of the sort looks at.
constexpr int kBits = 11;
constexpr int64_t kBuckets = int64_t{1} << kBits;

void join_rows(const std::vector<const SparseArray*>& arrays, SparseArray& to) {
  std::vector<int64_t> rows;
  for (const SparseArray* a : arrays) rows.insert(rows.end(), a->index(), a->index() + a->count());
  if (!std::is_sorted(rows.begin(), rows.end())) std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  to.resize(static_cast<int64_t>(rows.size()));
  std::copy(rows.begin(), rows.end(), to.indices.data_as<int64_t>());
}

void join_elements(const std::vector<const SparseArray*>& arrays, SparseArray& to) {
  std::vector<int64_t> columns, starts{0}, row;
  for (int64_t r = 0; r < to.shape[0]; ++r) {
    row.clear();
    for (const SparseArray* a : arrays)
      row.insert(row.end(), a->index() + a->starts()[r], a->index() + a->starts()[r + 1]);
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    columns.insert(columns.end(), row.begin(), row.end());
    starts.push_back(static_cast<int64_t>(columns.size()));
  }
  to.resize(static_cast<int64_t>(columns.size()));
  std::copy(columns.begin(), columns.end(), to.indices.data_as<int64_t>());
  std::copy(starts.begin(), starts.end(), to.indptr.data_as<int64_t>());
}

void aligned_elements(const SparseArray& structure, const SparseArray& from, size_t size, char* out) {
  parallel_for(structure.shape[0], 256, [&](int64_t begin, int64_t end) {
    std::vector<std::pair<int64_t, int64_t>> row;  // (column, position), for rows that are not in order
    for (int64_t r = begin; r < end; ++r) {
      const int64_t first = from.starts()[r], last = from.starts()[r + 1];
      const int64_t* columns = from.index();
      const bool ordered = std::is_sorted(columns + first, columns + last);
      if (!ordered) {
        row.clear();
        for (int64_t i = first; i < last; ++i) row.emplace_back(columns[i], i);
        std::sort(row.begin(), row.end());
      }
      for (int64_t i = structure.starts()[r]; i < structure.starts()[r + 1]; ++i) {
        const int64_t column = structure.index()[i];
        int64_t at = -1;
        if (ordered) {
          const int64_t* found = std::lower_bound(columns + first, columns + last, column);
          if (found != columns + last && *found == column) at = found - columns;
        } else {
          const auto found = std::lower_bound(row.begin(), row.end(), std::make_pair(column, int64_t{0}));
          if (found != row.end() && found->first == column) at = found->second;
        }
        char* to = out + static_cast<size_t>(i) * size;
        if (at >= 0) {
          std::memcpy(to, from.values.data_as<char>() + static_cast<size_t>(at) * size, size);
        } else {
          std::memset(to, 0, size);
        }
      }
    }
  });
}

}  // namespace

void IndexGroups::build(const int64_t* index, int64_t n) {
  order.resize(static_cast<size_t>(n));
  other_.resize(static_cast<size_t>(n));
  int64_t largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    order[static_cast<size_t>(i)] = i;
    largest = std::max(largest, index[i]);
  }
  // Least significant digits first; every pass keeps the order of equal digits.
  std::vector<int64_t> begins(kBuckets);
  for (int shift = 0; (largest >> shift) > 0; shift += kBits) {
    std::fill(begins.begin(), begins.end(), 0);
    for (int64_t i = 0; i < n; ++i) ++begins[static_cast<size_t>((index[i] >> shift) & (kBuckets - 1))];
    int64_t total = 0;
    for (int64_t& b : begins) {
      const int64_t here = b;
      b = total;
      total += here;
    }
    for (const int64_t position : order)
      other_[static_cast<size_t>(
          begins[static_cast<size_t>((index[position] >> shift) & (kBuckets - 1))]++)] = position;
    order.swap(other_);
    if (shift + kBits >= 63) break;
  }
  ids.clear();
  starts.clear();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t id = index[order[static_cast<size_t>(i)]];
    if (!ids.empty() && ids.back() == id) continue;
    ids.push_back(id);
    starts.push_back(i);
  }
  starts.push_back(n);
}

RowFinder::RowFinder(const SparseArray& array)
    : index_(array.index()), count_(array.count()), all_(array.has_all_rows()) {
  if (all_ || std::is_sorted(index_, index_ + count_)) return;
  for (int64_t i = 0; i < count_; ++i) sorted_.emplace_back(index_[i], i);
  std::sort(sorted_.begin(), sorted_.end());
}

int64_t RowFinder::search(int64_t row) const {
  if (sorted_.empty()) {
    const int64_t* found = std::lower_bound(index_, index_ + count_, row);
    return found != index_ + count_ && *found == row ? found - index_ : -1;
  }
  const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), std::make_pair(row, int64_t{0}));
  return found != sorted_.end() && found->first == row ? found->second : -1;
}

void join_structure(const std::vector<const SparseArray*>& arrays, SparseArray& to) {
  if (to.stype == StorageType::kCsr) {
    join_elements(arrays, to);
  } else {
    join_rows(arrays, to);
  }
}

void copy_structure(const SparseArray& from, SparseArray& to) {
  if (&from == &to) return;
  to.resize(from.count());
  convert_elements(from.indices.data(), DType::kInt64, to.indices.data(), DType::kInt64, from.count());
  if (from.stype == StorageType::kCsr)
    convert_elements(from.indptr.data(), DType::kInt64, to.indptr.data(), DType::kInt64, from.shape[0] + 1);
}

bool same_structure(const SparseArray& a, const SparseArray& b) {
  if (&a == &b) return true;
  if (a.stype != b.stype || a.count() != b.count()) return false;
  if (a.count() > 0 && std::memcmp(a.index(), b.index(), a.indices.bytes()) != 0) return false;
  return a.stype != StorageType::kCsr || std::memcmp(a.starts(), b.starts(), a.indptr.bytes()) == 0;
}

void aligned_values(const SparseArray& structure, const SparseArray& from, void* values) {
  const size_t size = dtype_size(from.dtype);
  char* out = static_cast<char*>(values);
  if (structure.stype == StorageType::kCsr) {
    aligned_elements(structure, from, size, out);
    return;
  }
  const RowFinder find(from);
  const size_t row = static_cast<size_t>(from.row_size()) * size;
  for (int64_t i = 0; i < structure.count(); ++i) {
    const int64_t at = find(structure.index()[i]);
    if (row == 0) continue;
    if (at >= 0) {
      std::memcpy(out + static_cast<size_t>(i) * row,
                  from.values.data_as<char>() + static_cast<size_t>(at) * row, row);
    } else {
      std::memset(out + static_cast<size_t>(i) * row, 0, row);
    }
  }
}

void aligned_dense(const SparseArray& structure, const void* from, size_t size, void* values) {
  const char* source = static_cast<const char*>(from);
  char* out = static_cast<char*>(values);
  const int64_t* index = structure.index();
  if (structure.stype == StorageType::kRowSparse) {
    const size_t row = static_cast<size_t>(structure.row_size()) * size;
    for (int64_t i = 0; i < structure.count() && row > 0; ++i)
      std::memcpy(out + static_cast<size_t>(i) * row, source + static_cast<size_t>(index[i]) * row, row);
    return;
  }
  for (int64_t r = 0; r < structure.shape[0]; ++r) {
    const char* line = source + static_cast<size_t>(r * structure.shape[1]) * size;
    for (int64_t i = structure.starts()[r]; i < structure.starts()[r + 1]; ++i)
      std::memcpy(out + static_cast<size_t>(i) * size, line + static_cast<size_t>(index[i]) * size, size);
  }
}

}  // namespace symbind
