#include "ops/lazy_update.h"

#include <cstring>

namespace symbind {
namespace {

void* rows_of(void* tensor, bool sparse) {
  if (!sparse) return tensor;
  SparseArray& array = *static_cast<SparseArray*>(tensor);
  fill_rows(array);
  return array.values.data();
}

Kernel lazy_kernel(const KernelRequest& r, const RowsStep& step) {
  const bool sparse_weight = storage_of(r.in[0]) == StorageType::kRowSparse;
  const size_t states = r.in.size() - 2, bytes = static_cast<size_t>(checked_bytes(
                                             r.in[0].shape, static_cast<int64_t>(dtype_size(r.in[0].dtype))));
  UpdateTask task;
  task.dtype = r.in[0].dtype;
  task.n = r.in[0].shape.size();
  return make_kernel([=](void* const* in, void* const* out, void*) {
    UpdateTask t = task;
    if (out[0] != in[0]) {
      if (sparse_weight) {
        copy_sparse(sparse_at(in, 0), sparse_at(out, 0));
      } else if (bytes > 0) {
        std::memcpy(out[0], in[0], bytes);
      }
    }
    t.weight = rows_of(out[0], sparse_weight);
    for (size_t k = 0; k < states; ++k) t.states[k] = rows_of(in[2 + k], sparse_weight);
    step(t, sparse_at(in, 1));
  });
}

}  // namespace

void set_lazy_update(const std::string& op, std::function<bool(const void*)> lazy, bool dense_weight,
                     std::function<RowsStep(const void*)> make_step) {
  set_storage(
      op,
      [lazy = std::move(lazy), dense_weight](StorageRequest& r) {
        const StorageType weight = r.in[0];
        bool alike = r.in[1] == StorageType::kRowSparse && lazy(r.params);
        for (size_t i = 2; i < r.in.size(); ++i) alike = alike && r.in[i] == weight;
        if (alike &&
            (weight == StorageType::kRowSparse || (dense_weight && weight == StorageType::kDefault))) {
          r.out[0] = weight;
        } else {
          r.all_dense();
        }
      },
      [make_step = std::move(make_step)](const KernelRequest& r) {
        return lazy_kernel(r, make_step(r.params));
      });
}

}  // namespace symbind
