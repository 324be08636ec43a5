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

NDArray read_aux(ByteSource& in, const AuxHeader& aux, const char* what) {
  const NDArray array = read_elements(in, aux.shape, *aux.type, what);
  if (array.dtype == DType::kInt64) return array;
  NDArray wide = make_ndarray(array.shape, DType::kInt64);
  convert_elements(array.data(), array.dtype, wide.data(), DType::kInt64, array.size());
  return wide;
}

std::vector<int64_t> numbers(const NDArray& array) {
  const int64_t* data = array.data_as<int64_t>();
  return {data, data + array.size()};
}

// The array without its contents. Only sizes are made up so far that the file itself holds.
SparsePtr make_array(StorageType stype, const SparseRecord& record, const NDArray& values,
                     const NDArray& indices) {
  auto made = std::make_shared<SparseArray>();
  made->stype = stype;
  made->shape = record.shape;
  made->dtype = values.dtype;
  made->values = values;
  made->indices = indices;
  return made;
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

SparsePtr read_row_sparse(ByteSource& in, const SparseRecord& record) {
  const Shape& shape = record.shape;
  Shape expected = shape;
  if (record.stored.ndim() > 0) expected[0] = record.stored[0];
  if (record.stored != expected) {
    in.fail_here("shape of the stored rows: got ", record.stored, ", expected some rows of ", shape);
  }
  const int64_t rows = record.stored[0];
  const AuxHeader ids_header = read_aux_header(in, rows, "the row numbers");
  const NDArray values = read_elements(in, record.stored, *record.type, "the stored rows");
  const NDArray ids = read_aux(in, ids_header, "the row numbers");
  check_row_numbers(in, numbers(ids), shape[0]);
  checked_file_bytes(in, shape, dtype_size(values.dtype), "the array");
  return make_array(StorageType::kRowSparse, record, values, ids);
}

SparsePtr read_csr(ByteSource& in, const SparseRecord& record) {
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
  const NDArray indptr = read_aux(in, starts_header, "the row starts");
  const NDArray indices = read_aux(in, columns_header, "the column numbers");
  const std::vector<int64_t> starts = numbers(indptr), columns = numbers(indices);
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
  checked_file_bytes(in, shape, dtype_size(values.dtype), "the array");
  SparsePtr made = make_array(StorageType::kCsr, record, values, indices);
  made->indptr = indptr;
  return made;
}

}  // namespace symbind
