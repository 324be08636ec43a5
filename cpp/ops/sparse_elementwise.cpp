// Elementwise operators on sparse arrays: functions with f(0) = 0 keep what is stored, sums store what any of
// their inputs does.
#include <algorithm>
#include <cstring>

#include "ops/sparse_common.h"

namespace symbind {
namespace {

// Elements that the dense kernel of an operator is bound to.
constexpr int64_t kChunk = 2048;

const SparseArray* first_sparse(const std::vector<StorageType>& types, void* const* in) {
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] != StorageType::kDefault) return &sparse_at(in, i);
  }
  return nullptr;
}

// State of one kernel: buffers are kept from run to run.
struct ElementwiseRun {
  Kernel dense;
  std::vector<StorageType> types;
  std::vector<size_t> in_sizes;  // of elements
  size_t out_size = 0;
  Structure structure = Structure::kFirst;
  std::vector<std::vector<char>> aligned;
  std::vector<std::vector<char>> tails;  // one chunk for each tensor
  std::vector<char> workspace;
  SparsePtr scratch;

  void operator()(void* const* in, void* const* out, void*) {
    SparseArray& result = sparse_at(out, 0);
    bool aliased = false;
    for (size_t i = 0; i < types.size(); ++i)
      aliased = aliased || (types[i] != StorageType::kDefault && in[i] == out[0]);
    SparseArray* target = &result;
    if (aliased) {
      if (!scratch) scratch = make_sparse(result.stype, result.shape, result.dtype, result.context);
      target = scratch.get();
    }
    set_structure(in, *target);
    run(in, *target);
    if (aliased) {
      std::swap(result.values, target->values);
      std::swap(result.indices, target->indices);
      std::swap(result.indptr, target->indptr);
      result.rows_in_place = false;
    }
  }

  void set_structure(void* const* in, SparseArray& target) const {
    const SparseArray* first = first_sparse(types, in);
    bool same = true;
    std::vector<const SparseArray*> arrays;
    for (size_t i = 0; structure == Structure::kJoined && i < types.size(); ++i) {
      arrays.push_back(&sparse_at(in, i));
      same = same && same_structure(*first, *arrays.back());
    }
    if (structure == Structure::kFirst || same) {
      copy_structure(*first, target);
    } else {
      join_structure(arrays, target);
    }
  }

  // The values of input i at the places of `target`.
  const char* values(void* const* in, size_t i, const SparseArray& target) {
    if (types[i] != StorageType::kDefault && same_structure(target, sparse_at(in, i)))
      return sparse_at(in, i).values.data_as<char>();
    aligned.resize(types.size());
    std::vector<char>& buffer = aligned[i];
    buffer.resize(static_cast<size_t>(target.values.size()) * in_sizes[i] + 1);
    if (types[i] != StorageType::kDefault) {
      aligned_values(target, sparse_at(in, i), buffer.data());
    } else {
      aligned_dense(target, in[i], in_sizes[i], buffer.data());
    }
    return buffer.data();
  }

  void run(void* const* in, SparseArray& target) {
    std::vector<const char*> from;
    for (size_t i = 0; i < types.size(); ++i) from.push_back(values(in, i, target));
    char* to = target.values.data_as<char>();
    tails.resize(types.size() + 1);
    std::vector<void*> addresses(types.size());
    const int64_t n = target.values.size();
    for (int64_t begin = 0; begin < n; begin += kChunk) {
      const size_t count = static_cast<size_t>(std::min(kChunk, n - begin));
      const bool whole = count == kChunk;
      for (size_t i = 0; i < types.size(); ++i) {
        char* piece = const_cast<char*>(from[i]) + static_cast<size_t>(begin) * in_sizes[i];
        if (!whole) {
          tails[i].assign(kChunk * in_sizes[i], 0);
          std::memcpy(tails[i].data(), piece, count * in_sizes[i]);
          piece = tails[i].data();
        }
        addresses[i] = piece;
      }
      void* result = to + static_cast<size_t>(begin) * out_size;
      if (!whole) {
        tails.back().resize(kChunk * out_size);
        result = tails.back().data();
      }
      dense.run(dense.self.get(), addresses.data(), &result, workspace.data());
      if (!whole) std::memcpy(to + static_cast<size_t>(begin) * out_size, result, count * out_size);
    }
  }
};

// Functions of one input with f(0) = 0 that keep sparse inputs sparse, as in MXNet.
constexpr const char* kUnary[] = {
    "abs",    "sign",  "sqrt",    "square",    "relu",      "sin",      "tan",         "arcsin",
    "arctan", "sinh",  "tanh",    "arcsinh",   "arctanh",   "rint",     "ceil",        "floor",
    "trunc",  "fix",   "expm1",   "log1p",     "degrees",   "radians",  "cbrt",        "negative",
    "round",  "_copy", "_copyto", "BlockGrad", "make_loss", "MakeLoss", "_mul_scalar", "_div_scalar"};
constexpr const char* kUnaryGradients[] = {"abs",     "sqrt",    "square", "relu",  "sin",
                                           "tan",     "arcsin",  "arctan", "sinh",  "tanh",
                                           "arcsinh", "arctanh", "expm1",  "log1p", "cbrt"};
// With a number for which f(0, number) = 0; else the result is dense.
constexpr const char* kScalar[] = {"_plus_scalar",      "_minus_scalar",       "_equal_scalar",
                                   "_not_equal_scalar", "_greater_scalar",     "_greater_equal_scalar",
                                   "_lesser_scalar",    "_lesser_equal_scalar"};
constexpr const char* kSums[] = {"elemwise_add", "elemwise_sub", "_grad_add",
                                 "_maximum",     "_minimum",     "_hypot"};

bool all_alike(Span<StorageType> types) {
  for (const StorageType t : types) {
    if (t != types[0]) return false;
  }
  return true;
}

void keep_storage(StorageRequest& r) { r.out[0] = r.in[0]; }

// Sparse inputs of one type give that type, anything else is dense.
void joined_storage(StorageRequest& r) {
  if (all_alike(r.in)) {
    r.out[0] = r.in[0];
  } else {
    r.all_dense();
  }
}

void elementwise(const std::string& name, StorageRule rule, Structure structure) {
  const auto dense = find_op(name).kernel;
  set_storage(name, std::move(rule), [dense, structure](const KernelRequest& r) {
    return sparse_elementwise_kernel(r, dense, structure);
  });
}

// f(0, scalar) == 0, found out by asking the operator's own kernel.
bool zero_stays(const OpDef& op, const void* params) {
  const Shape one{1};
  TensorDesc in{one, DType::kFloat64, nullptr}, out{one, DType::kFloat64, nullptr};
  KernelRequest request;
  request.params = params;
  request.in = {&in, 1};
  request.out = {&out, 1};
  request.out_used = {true};
  const Kernel kernel = op.kernel(request);
  double x = 0, y = 1;
  void *from = &x, *to = &y;
  std::vector<char> workspace(kernel.workspace + 64);
  kernel.run(kernel.self.get(), &from, &to, workspace.data());
  return y == 0;
}

void zero_keeping_storage(const OpDef& op, StorageRequest& r) {
  if (zero_stays(op, r.params)) {
    r.out[0] = r.in[0];
  } else {
    r.all_dense();
  }
}

// MXNet's rule for elemwise_mul: the sparse one decides, unless the two are of different kinds.
void product_storage(StorageRequest& r) {
  const StorageType a = r.in[0], b = r.in[1];
  if (r.in_backward) {  // as in MXNet, gradients of products are dense
    r.all_dense();
  } else if (a == b || b == StorageType::kDefault) {
    r.out[0] = a;
  } else if (a == StorageType::kDefault) {
    r.out[0] = b;
  } else {
    r.all_dense();
  }
}

void register_zeros_like() {
  set_storage("zeros_like", keep_storage, [](const KernelRequest&) {
    return make_kernel([](void* const*, void* const* out, void*) { sparse_at(out, 0).clear(); });
  });
}

}  // namespace

DenseRequest::DenseRequest(const KernelRequest& r) : request(r) {
  for (const TensorDesc& d : r.in) in.push_back({d.shape, d.dtype, nullptr});
  for (const TensorDesc& d : r.out) out.push_back({d.shape, d.dtype, nullptr});
  request.in = in;
  request.out = out;
}

void DenseRequest::set_shapes(const Shape& shape) {
  for (TensorDesc& d : in) d.shape = shape;
  for (TensorDesc& d : out) d.shape = shape;
}

Kernel sparse_elementwise_kernel(const KernelRequest& r,
                                 const std::function<Kernel(const KernelRequest&)>& dense,
                                 Structure structure) {
  DenseRequest chunk(r);
  chunk.set_shapes(Shape{kChunk});
  ElementwiseRun state;
  state.dense = dense(chunk.request);
  state.workspace.resize(state.dense.workspace + 64);
  state.structure = structure;
  for (const TensorDesc& d : r.in) {
    state.types.push_back(storage_of(d));
    state.in_sizes.push_back(dtype_size(d.dtype));
  }
  state.out_size = dtype_size(r.out[0].dtype);
  return make_kernel(std::move(state));
}

void register_sparse_elementwise_ops() {
  for (const char* name : kUnary) elementwise(name, keep_storage, Structure::kFirst);
  for (const char* name : kScalar) {
    const OpDef* op = &find_op(name);
    elementwise(name, [op](StorageRequest& r) { zero_keeping_storage(*op, r); }, Structure::kFirst);
  }
  const OpDef* clip = &find_op("clip");
  elementwise("clip", [clip](StorageRequest& r) { zero_keeping_storage(*clip, r); }, Structure::kFirst);
  // out_grad comes first: where it is 0, so is the result.
  for (const char* name : kUnaryGradients)
    elementwise(std::string("_backward_") + name, joined_storage, Structure::kFirst);
  for (const char* name : kSums) elementwise(name, joined_storage, Structure::kJoined);
  elementwise("elemwise_mul", product_storage, Structure::kFirst);
  elementwise(
      "add_n",
      [](StorageRequest& r) {
        if (r.in[0] == StorageType::kRowSparse && all_alike(r.in)) {
          r.out[0] = r.in[0];
        } else {
          r.all_dense();
        }
      },
      Structure::kJoined);
  register_zeros_like();
}

}  // namespace symbind
