// Conversion between storage types, and rows of row_sparse arrays: cast_storage, _sparse_retain.
#include "ops/elementwise_common.h"
#include "ops/sparse_common.h"

namespace symbind {
namespace {

// --- cast_storage ---

struct CastParams {
  Choice stype;
  template <class V>
  void visit(V& v) {
    v.choice("stype", stype, {"default", "row_sparse", "csr"}, 0, "Storage type of the output.");
  }
};

Kernel cast_kernel(const KernelRequest& r) {
  const StorageType from = storage_of(r.in[0]), to = storage_of(r.out[0]);
  const DType from_type = r.in[0].dtype, to_type = r.out[0].dtype;
  if (from == StorageType::kDefault && to == StorageType::kDefault) {
    const int64_t n = r.in[0].shape.size();
    return make_kernel([=](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) convert_elements(in[0], from_type, out[0], to_type, n);
    });
  }
  check(from == to || from == StorageType::kDefault || to == StorageType::kDefault, "[cast_storage] from ",
        storage_name(from), " to ", storage_name(to), " is not supported: cast to 'default' first");
  check(to != StorageType::kCsr || r.in[0].shape.ndim() == 2,
        "[cast_storage] a csr array has 2 dimensions: got ", r.in[0].shape);
  return make_kernel([=](void* const* in, void* const* out, void*) {
    if (from == to) {
      copy_sparse(sparse_at(in, 0), sparse_at(out, 0));
    } else if (from == StorageType::kDefault) {
      dense_to_sparse(in[0], from_type, sparse_at(out, 0));
    } else {
      sparse_to_dense(sparse_at(in, 0), out[0], to_type);
    }
  });
}

void register_cast_storage() {
  OpDef& op = register_op("cast_storage");
  op.doc = "A copy of data in another storage type.";
  op.params = params_spec<CastParams>();
  op.infer_shape = infer_same_shape;
  op.traits.no_fold = true;
  op.kernel = cast_kernel;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> { return {c.out_grad(0)}; };
  set_storage(
      "cast_storage",
      [](StorageRequest& r) {
        r.out[0] = static_cast<StorageType>(as<CastParams>(r.params).stype.value);
        check(r.in[0] == r.out[0] || r.in[0] == StorageType::kDefault || r.out[0] == StorageType::kDefault,
              "[cast_storage] from ", storage_name(r.in[0]), " to ", storage_name(r.out[0]),
              " is not supported: cast to 'default' first");
      },
      cast_kernel, /*makes_sparse=*/true);
}

// --- _sparse_retain ---

template <class I>
void retain(const SparseArray& from, const I* rows, int64_t n, SparseArray& to) {
  to.resize(n);
  int64_t* index = to.indices.data_as<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = static_cast<int64_t>(rows[i]);
    check(row >= 0 && row < from.shape[0], "[_sparse_retain] row number: got ", row, ", expected 0 to ",
          from.shape[0] - 1);
    index[i] = row;
  }
  aligned_values(to, from, to.values.data());
}

void register_retain() {
  OpDef& op = register_op("_sparse_retain");
  op.doc = "The rows of a row_sparse array whose numbers are in indices; those that it does not store are 0.";
  op.inputs = {"data", "indices"};
  op.infer_shape = [](ShapeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    check(!c.in[1].has_rank() || c.in[1].ndim() == 1, "[_sparse_retain] indices: got shape ", c.in[1],
          ", expected 1 dimension");
  };
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (c.in[1] == DType::kUnknown) c.set_in(1, DType::kInt64);
  };
  op.traits.no_fold = true;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_sparse_retain", {c.out_grad(0), c.input(1)}, {0}), 0}, EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_sparse_retain", {"out_grad", "indices"});
  back.traits.no_fold = true;
  const auto kernel = [](const KernelRequest& r) {
    check(storage_of(r.in[0]) == StorageType::kRowSparse,
          "[_sparse_retain] data: got storage type 'default', "
          "expected 'row_sparse'");
    const int64_t n = r.in[1].shape.size();
    return visit_dtype(r.in[1].dtype, [&](auto tag) {
      using I = typename decltype(tag)::type;
      return make_kernel([n](void* const* in, void* const* out, void*) {
        retain(sparse_at(in, 0), static_cast<const I*>(in[1]), n, sparse_at(out, 0));
      });
    });
  };
  const auto rule = [](StorageRequest& r) {
    check(r.in[0] == StorageType::kRowSparse, "[_sparse_retain] data: got storage type '",
          storage_name(r.in[0]), "', expected 'row_sparse'");
    r.in[1] = StorageType::kDefault;
    r.out[0] = StorageType::kRowSparse;
  };
  set_storage("_sparse_retain", rule, kernel, true);
  set_storage(
      "_backward_sparse_retain",
      [](StorageRequest& r) {
        r.in[0] = StorageType::kRowSparse;  // what arrives dense is cast
        r.in[1] = StorageType::kDefault;
        r.out[0] = StorageType::kRowSparse;
      },
      kernel, true);
}

}  // namespace

void register_sparse_storage_ops() {
  register_cast_storage();
  register_retain();
}

}  // namespace symbind
