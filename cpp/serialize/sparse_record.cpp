#include "serialize/sparse_record.h"

#include <algorithm>

namespace symbind {
namespace {

struct AuxHeader {
  const FileDType* type;
  Shape shape;
};

// The header of an auxiliary array, which must be a vector of `length` integers.
AuxHeader read_aux_header(ByteSource& in, int64_t length, const char* what) {
  AuxHeader aux;
  aux.type = &read_file_dtype(in);
  if (aux.type->flag != static_cast<int32_t>(DType::kInt64) &&
      aux.type->flag != static_cast<int32_t>(DType::kInt32)) {
    in.fail_at(in.offset() - 4, "dtype of ", what, ": got ", aux.type->name, ", expected int64 or int32");
  }
  aux.shape = read_shape<int64_t>(in, in.number<int32_t>(what), false);
  if (aux.shape != Shape{length}) {
    in.fail_here("shape of ", what, ": got ", aux.shape, ", expected ", Shape{length});
  }
  return aux;
}

std::vector<int64_t> read_aux(ByteSource& in, const AuxHeader& aux, const char* what) {
  const NDArray array = read_elements(in, aux.shape, *aux.type, what);
  std::vector<int64_t> values(static_cast<size_t>(array.size()));
  convert_elements(array.data(), array.dtype, values.data(), DType::kInt64, array.size());
  return values;
}

NDArray make_dense(ByteSource& in, const SparseRecord& record, uint64_t& budget) {
  const uint64_t bytes =
      checked_file_bytes(in, record.shape, dtype_size(record.type->memory), "the dense array");
  if (bytes > budget) {
    in.fail_here("a sparse array of shape ", record.shape, " ", record.type->name,
                 " is too large to load as a dense ", "one: it needs ", bytes,
                 " bytes and stores values of shape ", record.stored, "; ", budget, " bytes are allowed");
  }
  budget -= bytes;
  return make_zeros(record.shape, record.type->memory);
}

void check_row_numbers(ByteSource& in, std::vector<int64_t> ids, int64_t rows) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= rows) {
      in.fail_here("row number ", i, " out of range: got ", ids[i], ", expected 0 to ", rows - 1);
    }
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) in.fail_here("row number ", *twice, " is stored twice");
}

}  // namespace

NDArray read_row_sparse(ByteSource& in, const SparseRecord& record, uint64_t& budget) {
  const Shape& shape = record.shape;
  Shape expected = shape;
  if (record.stored.ndim() > 0) expected[0] = record.stored[0];
  if (record.stored != expected) {
    in.fail_here("shape of the stored rows: got ", record.stored, ", expected some rows of ", shape);
  }
  const int64_t rows = record.stored[0];
  const AuxHeader ids_header = read_aux_header(in, rows, "the row numbers");
  const NDArray values = read_elements(in, record.stored, *record.type, "the stored rows");
  const std::vector<int64_t> ids = read_aux(in, ids_header, "the row numbers");
  check_row_numbers(in, ids, shape[0]);
  const NDArray dense = make_dense(in, record, budget);
  const size_t row_bytes = dense.size() > 0 ? dense.bytes() / static_cast<size_t>(shape[0]) : 0;
  for (size_t i = 0; i < ids.size() && row_bytes > 0; ++i) {
    std::memcpy(dense.data_as<char>() + static_cast<size_t>(ids[i]) * row_bytes,
                values.data_as<char>() + i * row_bytes, row_bytes);
  }
  return dense;
}

NDArray read_csr(ByteSource& in, const SparseRecord& record, uint64_t& budget) {
  const Shape& shape = record.shape;
  if (shape.ndim() != 2 || record.stored.ndim() != 1) {
    in.fail_here("a csr array has 2 dimensions and stores 1: got ", shape, " storing ", record.stored);
  }
  const int64_t count = record.stored[0];
  // The row starts are read whole before anything depends on them: their number must be in the file too.
  if (shape[0] == INT64_MAX) in.fail_here("too many rows: got shape ", shape);
  const AuxHeader starts_header = read_aux_header(in, shape[0] + 1, "the row starts");
  const AuxHeader columns_header = read_aux_header(in, count, "the column numbers");
  const NDArray values = read_elements(in, record.stored, *record.type, "the stored values");
  const std::vector<int64_t> starts = read_aux(in, starts_header, "the row starts");
  const std::vector<int64_t> columns = read_aux(in, columns_header, "the column numbers");
  for (size_t r = 0; r < starts.size(); ++r) {
    const int64_t least = r == 0 ? 0 : starts[r - 1];
    const int64_t most = r == 0 ? 0 : count;
    if (starts[r] < least || starts[r] > most) {
      in.fail_here("row start ", r, " out of order: got ", starts[r], ", expected ", least, " to ", most);
    }
  }
  if (starts.back() != count) {
    in.fail_here("the last row ends at value ", starts.back(), ", expected ", count);
  }
  for (int64_t i = 0; i < count; ++i) {
    if (columns[i] < 0 || columns[i] >= shape[1]) {
      in.fail_here("column number ", i, " out of range: got ", columns[i], ", expected 0 to ", shape[1] - 1);
    }
  }
  const NDArray dense = make_dense(in, record, budget);
  const size_t item = dtype_size(dense.dtype);
  for (int64_t r = 0; r < shape[0]; ++r) {
    for (int64_t i = starts[r]; i < starts[r + 1]; ++i) {
      std::memcpy(dense.data_as<char>() + static_cast<size_t>(r * shape[1] + columns[i]) * item,
                  values.data_as<char>() + static_cast<size_t>(i) * item, item);
    }
  }
  return dense;
}

}  // namespace symbind
