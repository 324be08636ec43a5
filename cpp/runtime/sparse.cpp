#include "runtime/sparse.h"

#include <cstring>

namespace symbind {
namespace {

// An array of `shape` in the memory of `old` where that is large enough and nobody else's.
NDArray resized(const NDArray& old, const Shape& shape, DType dtype, Context context) {
  NDArray made;
  made.shape = shape;
  made.dtype = dtype;
  made.context = context;
  const size_t bytes = static_cast<size_t>(checked_bytes(shape, static_cast<int64_t>(dtype_size(dtype))));
  const bool own = old.storage != nullptr && old.storage.use_count() == 1 && !old.storage->exposed;
  if (own && old.offset + bytes <= old.storage->bytes) {
    made.storage = old.storage;
    made.offset = old.offset;
  } else {
    // Counts go up and down from step to step: some room to grow saves most allocations.
    made.storage = allocate_storage(old.storage != nullptr ? bytes + bytes / 4 : bytes);
  }
  return made;
}

int64_t* indices_of(SparseArray& a) { return a.indices.data_as<int64_t>(); }

template <class T>
bool not_zero(T x) {
  if constexpr (std::is_same_v<T, Half>) {
    return static_cast<float>(x) != 0.0f;
  } else {
    return x != T(0);
  }
}

template <class T>
void find_rows(const T* from, int64_t rows, int64_t width, std::vector<int64_t>& found) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = from + r * width;
    for (int64_t j = 0; j < width; ++j) {
      if (not_zero(row[j])) {
        found.push_back(r);
        break;
      }
    }
  }
}

void rows_from_dense(const char* from, DType type, SparseArray& to) {
  const int64_t width = to.row_size();
  std::vector<int64_t> rows;
  visit_dtype(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    find_rows(reinterpret_cast<const T*>(from), to.shape[0], width, rows);
  });
  to.resize(static_cast<int64_t>(rows.size()));
  const int64_t row_bytes = width * static_cast<int64_t>(dtype_size(type));
  const int64_t to_bytes = width * static_cast<int64_t>(dtype_size(to.dtype));
  char* values = static_cast<char*>(to.values.data());
  for (size_t i = 0; i < rows.size(); ++i) {
    indices_of(to)[i] = rows[i];
    convert_elements(from + rows[i] * row_bytes, type, values + static_cast<int64_t>(i) * to_bytes, to.dtype,
                     width);
  }
}

void csr_from_dense(const void* from, DType type, SparseArray& to) {
  const int64_t rows = to.shape[0], columns = to.shape[1];
  int64_t* starts = to.indptr.data_as<int64_t>();
  visit_dtype(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = static_cast<const T*>(from);
    starts[0] = 0;
    for (int64_t r = 0; r < rows; ++r) {
      int64_t n = 0;
      for (int64_t j = 0; j < columns; ++j) n += not_zero(x[r * columns + j]) ? 1 : 0;
      starts[r + 1] = starts[r] + n;
    }
    to.resize(starts[rows]);
    const size_t size = dtype_size(to.dtype);
    int64_t at = 0;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        const T value = x[r * columns + j];
        if (!not_zero(value)) continue;
        indices_of(to)[at] = j;
        convert_elements(&value, type, to.values.data_as<char>() + static_cast<size_t>(at) * size, to.dtype,
                         1);
        ++at;
      }
    }
  });
}

void check_same_shape(const Shape& from, const Shape& to) {
  check(from == to, "[copyto] shapes differ: got ", from, ", expected ", to);
}

}  // namespace

void SparseArray::resize(int64_t count) {
  Shape kept = shape;
  if (stype == StorageType::kCsr) kept = Shape{count};
  kept[0] = count;
  rows_in_place = false;
  values = resized(values, kept, dtype, context);
  indices = resized(indices, Shape{count}, DType::kInt64, context);
  if (stype == StorageType::kCsr) indptr = resized(indptr, Shape{shape[0] + 1}, DType::kInt64, context);
}

bool SparseArray::has_all_rows() const {
  if (rows_in_place || count() != shape[0]) return rows_in_place;
  for (int64_t r = 0; r < shape[0]; ++r) {
    if (index()[r] != r) return false;
  }
  return true;
}

void SparseArray::clear() {
  resize(0);
  if (stype == StorageType::kCsr) std::memset(indptr.data(), 0, indptr.bytes());
}

SparsePtr make_sparse(StorageType stype, const Shape& shape, DType dtype, Context context) {
  check(stype != StorageType::kDefault,
        "[sparse] storage type: got 'default', expected 'csr' or 'row_sparse'");
  check(shape.known() && (stype == StorageType::kCsr ? shape.ndim() == 2 : shape.ndim() >= 1), "[sparse] a ",
        storage_name(stype), " array cannot have the shape ", shape, ": expected ",
        stype == StorageType::kCsr ? "2 dimensions" : "at least 1 dimension");
  check_device(context);
  checked_bytes(shape, static_cast<int64_t>(dtype_size(dtype)));
  auto made = std::make_shared<SparseArray>();
  made->stype = stype;
  made->shape = shape;
  made->dtype = dtype;
  made->context = context;
  made->clear();
  return made;
}

NDArray as_ndarray(const SparsePtr& sparse) {
  NDArray array;
  array.storage = wrap_storage(sparse.get(), sizeof(SparseArray), sparse);
  array.storage->sparse = true;
  array.shape = sparse->shape;
  array.dtype = sparse->dtype;
  array.context = sparse->context;
  return array;
}

SparsePtr sparse_of(const NDArray& array) {
  if (array.storage == nullptr || !array.storage->sparse) return nullptr;
  return std::static_pointer_cast<SparseArray>(array.storage->owner);
}

StorageType storage_of(const NDArray& array) {
  const SparsePtr sparse = sparse_of(array);
  return sparse ? sparse->stype : StorageType::kDefault;
}

void check_format(const SparseArray& a, bool full) {
  const int64_t count = a.count();
  const char* name = storage_name(a.stype);
  if (a.stype == StorageType::kCsr) {
    check(a.values.shape == Shape{count}, "[check_format] csr data: got shape ", a.values.shape,
          ", expected ", Shape{count});
    check(a.indptr.shape == Shape{a.shape[0] + 1}, "[check_format] indptr: got shape ", a.indptr.shape,
          ", expected ", Shape{a.shape[0] + 1});
    const int64_t* starts = a.starts();
    check(starts[0] == 0 && starts[a.shape[0]] == count, "[check_format] indptr: got ", starts[0], " to ",
          starts[a.shape[0]], ", expected 0 to ", count, ", the number of stored elements");
    if (!full) return;
    for (int64_t r = 0; r < a.shape[0]; ++r) {
      check(starts[r] <= starts[r + 1] && starts[r + 1] <= count, "[check_format] indptr[", r + 1, "]: got ",
            starts[r + 1], ", expected ", starts[r], " to ", count);
      for (int64_t i = starts[r]; i < starts[r + 1]; ++i) {
        check(a.index()[i] >= 0 && a.index()[i] < a.shape[1], "[check_format] column index ", i, " of row ",
              r, ": got ", a.index()[i], ", expected 0 to ", a.shape[1] - 1);
        check(i == starts[r] || a.index()[i - 1] < a.index()[i], "[check_format] columns of row ", r,
              " are not in ascending order: ", a.index()[i], " follows ", a.index()[i > 0 ? i - 1 : 0]);
      }
    }
    return;
  }
  Shape kept = a.shape;
  kept[0] = count;
  check(a.values.shape == kept, "[check_format] ", name, " data: got shape ", a.values.shape, ", expected ",
        kept);
  for (int64_t i = 0; full && i < count; ++i) {
    check(a.index()[i] >= 0 && a.index()[i] < a.shape[0], "[check_format] row index ", i, ": got ",
          a.index()[i], ", expected 0 to ", a.shape[0] - 1);
    check(i == 0 || a.index()[i - 1] < a.index()[i],
          "[check_format] row indices are not in ascending order: ", a.index()[i], " follows ",
          a.index()[i > 0 ? i - 1 : 0]);
  }
}

void sparse_to_dense(const SparseArray& from, void* to, DType to_type) {
  const size_t size = dtype_size(to_type), from_size = dtype_size(from.dtype);
  char* out = static_cast<char*>(to);
  if (from.shape.size() > 0) std::memset(out, 0, static_cast<size_t>(from.shape.size()) * size);
  const char* values = from.values.data_as<char>();
  const int64_t* index = from.index();
  if (from.stype == StorageType::kRowSparse) {
    const size_t width = static_cast<size_t>(from.row_size());
    for (int64_t i = 0; i < from.count(); ++i) {
      convert_elements(values + static_cast<size_t>(i) * width * from_size, from.dtype,
                       out + static_cast<size_t>(index[i]) * width * size, to_type,
                       static_cast<int64_t>(width));
    }
    return;
  }
  const int64_t columns = from.shape[1];
  const auto scatter = [&](auto move) {
    for (int64_t r = 0; r < from.shape[0]; ++r) {
      for (int64_t i = from.starts()[r]; i < from.starts()[r + 1]; ++i)
        move(values + static_cast<size_t>(i) * from_size,
             out + static_cast<size_t>(r * columns + index[i]) * size);
    }
  };
  if (from.dtype == to_type && size == 4) {
    scatter([](const char* source, char* target) { std::memcpy(target, source, 4); });
  } else {
    scatter(
        [&](const char* source, char* target) { convert_elements(source, from.dtype, target, to_type, 1); });
  }
}

NDArray dense_copy(const SparseArray& from) {
  NDArray made = make_ndarray(from.shape, from.dtype, from.context);
  sparse_to_dense(from, made.data(), made.dtype);
  return made;
}

void dense_to_sparse(const void* from, DType from_type, SparseArray& to) {
  if (to.stype == StorageType::kCsr) {
    csr_from_dense(from, from_type, to);
  } else {
    rows_from_dense(static_cast<const char*>(from), from_type, to);
  }
}

void copy_sparse(const SparseArray& from, SparseArray& to) {
  if (&from == &to) return;
  check_same_shape(from.shape, to.shape);
  check(from.stype == to.stype, "[copyto] cannot convert ", storage_name(from.stype), " to ",
        storage_name(to.stype), ": convert to 'default' first");
  to.resize(from.count());
  convert_elements(from.values.data(), from.dtype, to.values.data(), to.dtype, from.values.size());
  convert_elements(from.indices.data(), DType::kInt64, to.indices.data(), DType::kInt64, from.count());
  if (from.stype == StorageType::kCsr)
    convert_elements(from.indptr.data(), DType::kInt64, to.indptr.data(), DType::kInt64, from.shape[0] + 1);
}

void copy_any(const NDArray& from, const NDArray& to) {
  const SparsePtr source = sparse_of(from), target = sparse_of(to);
  check_same_shape(from.shape, to.shape);
  if (source && target) {
    copy_sparse(*source, *target);
  } else if (source) {
    sparse_to_dense(*source, to.data(), to.dtype);
  } else if (target) {
    dense_to_sparse(from.data(), from.dtype, *target);
  } else {
    copy_ndarray(from, to);
    return;
  }
  to.mark_written();
}

void fill_rows(SparseArray& array) {
  if (array.has_all_rows()) {
    array.rows_in_place = true;
    return;
  }
  const NDArray dense = dense_copy(array);
  array.values = dense;
  array.indices = make_ndarray(Shape{array.shape[0]}, DType::kInt64, array.context);
  for (int64_t r = 0; r < array.shape[0]; ++r) indices_of(array)[r] = r;
  array.rows_in_place = true;
}

void slice_csr(const SparseArray& from, int64_t begin, int64_t end, SparseArray& to) {
  const int64_t first = from.starts()[begin], count = from.starts()[end] - first;
  to.resize(count);
  const size_t size = dtype_size(from.dtype);
  convert_elements(from.values.data_as<char>() + static_cast<size_t>(first) * size, from.dtype,
                   to.values.data(), to.dtype, count);
  convert_elements(from.index() + first, DType::kInt64, to.indices.data(), DType::kInt64, count);
  for (int64_t r = 0; r <= end - begin; ++r)
    to.indptr.data_as<int64_t>()[r] = from.starts()[begin + r] - first;
}

}  // namespace symbind
