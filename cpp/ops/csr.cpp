// Parts and joins of csr arrays, and their products with a row or a column: slice, Concat, broadcast_mul,
// broadcast_div.
#include <cstring>

#include "ops/concat_params.h"
#include "ops/slice_range.h"
#include "ops/sparse_common.h"

namespace symbind {
namespace {

// --- slice ---

// Columns begin..end of rows of a csr array.
void cut_columns(const SparseArray& from, int64_t first_row, int64_t begin, int64_t end, SparseArray& to) {
  std::vector<int64_t> kept, columns, starts{0};
  for (int64_t r = 0; r < to.shape[0]; ++r) {
    for (int64_t i = from.starts()[first_row + r]; i < from.starts()[first_row + r + 1]; ++i) {
      const int64_t column = from.index()[i];
      if (column < begin || column >= end) continue;
      kept.push_back(i);
      columns.push_back(column - begin);
    }
    starts.push_back(static_cast<int64_t>(kept.size()));
  }
  to.resize(static_cast<int64_t>(kept.size()));
  std::memcpy(to.indptr.data(), starts.data(), to.indptr.bytes());
  if (kept.empty()) return;
  std::memcpy(to.indices.data(), columns.data(), to.indices.bytes());
  const size_t size = dtype_size(from.dtype);
  for (size_t i = 0; i < kept.size(); ++i)
    std::memcpy(to.values.data_as<char>() + i * size,
                from.values.data_as<char>() + static_cast<size_t>(kept[i]) * size, size);
}

// As in MXNet, steps for more than the first axis make the result dense, even where they are 1.
bool takes_every_element(const Range& p) {
  return p.step.empty() || (p.step.size() == 1 && p.step[0].value_or(1) == 1);
}

void register_csr_slice() {
  set_storage(
      "slice",
      [](StorageRequest& r) {
        if (r.in[0] != StorageType::kCsr || !takes_every_element(as<Range>(r.params))) {
          r.all_dense();
        } else {
          r.out[0] = StorageType::kCsr;
        }
      },
      [](const KernelRequest& r) {
        const int64_t first_row = span_of(as<Range>(r.params), 0, r.in[0].shape[0]).first;
        const int64_t first_column = span_of(as<Range>(r.params), 1, r.in[0].shape[1]).first;
        const int64_t columns = r.out[0].shape[1];
        const bool all_columns = columns == r.in[0].shape[1];
        return make_kernel([=](void* const* in, void* const* out, void*) {
          SparseArray& to = sparse_at(out, 0);
          if (all_columns) {
            slice_csr(sparse_at(in, 0), first_row, first_row + to.shape[0], to);
          } else {
            cut_columns(sparse_at(in, 0), first_row, first_column, first_column + columns, to);
          }
        });
      });
}

// --- Concat ---

void stack_csr(void* const* in, size_t n, SparseArray& to) {
  int64_t count = 0;
  for (size_t k = 0; k < n; ++k) count += sparse_at(in, k).count();
  to.resize(count);
  const size_t size = dtype_size(to.dtype);
  int64_t at = 0, row = 0;
  int64_t* starts = to.indptr.data_as<int64_t>();
  starts[0] = 0;
  for (size_t k = 0; k < n; ++k) {
    const SparseArray& a = sparse_at(in, k);
    convert_elements(a.values.data(), a.dtype, to.values.data_as<char>() + static_cast<size_t>(at) * size,
                     a.dtype, a.count());
    convert_elements(a.indices.data(), DType::kInt64, to.indices.data_as<int64_t>() + at, DType::kInt64,
                     a.count());
    for (int64_t r = 1; r <= a.shape[0]; ++r) starts[row + r] = at + a.starts()[r];
    at += a.count();
    row += a.shape[0];
  }
}

void register_csr_concat() {
  set_storage(
      "Concat",
      [](StorageRequest& r) {
        bool csr = as<ConcatParams>(r.params).dim == 0 && r.in.size() > 0;
        for (const StorageType t : r.in) csr = csr && t == StorageType::kCsr;
        if (csr) {
          r.out[0] = StorageType::kCsr;
        } else {
          r.all_dense();
        }
      },
      [](const KernelRequest& r) {
        const size_t n = r.in.size();
        return make_kernel(
            [n](void* const* in, void* const* out, void*) { stack_csr(in, n, sparse_at(out, 0)); });
      });
}

// --- csr * row or column, csr / row or column ---

// Where the element of the dense operand for (row, column) is: strides of 0 repeat it.
Kernel broadcast_kernel(const KernelRequest& r,
                        const std::function<Kernel(const KernelRequest&)>& elementwise) {
  const Shape& s = r.in[1].shape;
  const int64_t rows = s.ndim() == 2 ? s[0] : 1, columns = s.at(-1);
  const int64_t row_stride = rows == 1 ? 0 : columns, column_stride = columns == 1 ? 0 : 1;
  DenseRequest aligned(r);
  aligned.in[1].shape = aligned.in[0].shape;
  aligned.in[0].layout = aligned.in[1].layout = r.in[0].layout;
  aligned.out[0].layout = r.out[0].layout;
  const Kernel kernel = sparse_elementwise_kernel(aligned.request, elementwise, Structure::kFirst);
  const size_t size = dtype_size(r.in[1].dtype);
  const SparsePtr other = make_sparse(StorageType::kCsr, r.in[0].shape, r.in[1].dtype);
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const SparseArray& lhs = sparse_at(in, 0);
    copy_structure(lhs, *other);
    const char* rhs = static_cast<const char*>(in[1]);
    char* values = other->values.data_as<char>();
    for (int64_t row = 0; row < lhs.shape[0]; ++row) {
      for (int64_t i = lhs.starts()[row]; i < lhs.starts()[row + 1]; ++i) {
        const int64_t at = row * row_stride + lhs.index()[i] * column_stride;
        std::memcpy(values + static_cast<size_t>(i) * size, rhs + static_cast<size_t>(at) * size, size);
      }
    }
    void* const tensors[] = {in[0], other.get()};
    kernel.run(kernel.self.get(), tensors, out, nullptr);
  });
}

void register_csr_broadcast(const char* broadcast, const char* elementwise) {
  const auto dense = find_op(elementwise).kernel;
  set_storage(
      broadcast,
      [](StorageRequest& r) {
        if (r.in[0] == StorageType::kCsr && r.in[1] == StorageType::kDefault) {
          r.out[0] = StorageType::kCsr;
        } else {
          r.all_dense();
        }
      },
      [dense](const KernelRequest& r) { return broadcast_kernel(r, dense); });
}

}  // namespace

void register_csr_ops() {
  register_csr_slice();
  register_csr_concat();
  register_csr_broadcast("broadcast_mul", "elemwise_mul");
  register_csr_broadcast("broadcast_div", "elemwise_div");
}

}  // namespace symbind
