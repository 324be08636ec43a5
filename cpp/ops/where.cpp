// where: elements of x or of y.
#include <cstring>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

void infer_shape(ShapeContext& c) {
  Shape all = c.out[0];
  for (int i : {1, 2}) {
    check(merge_shape(all, c.in[i]), "[where] x and y differ in shape: got ", c.in[1], " and ", c.in[2]);
  }
  c.set_in(1, all);
  c.set_in(2, all);
  c.set_out(0, all);
  const Shape& condition = c.in[0];
  if (!condition.has_rank() || !all.has_rank()) return;
  if (condition.ndim() == 1 && all.ndim() != 1) {
    check(condition[0] < 0 || all[0] < 0 || condition[0] == all[0], "[where] condition: got shape ",
          condition, ", expected ", Shape{all[0]}, " or ", all);
  } else {
    c.set_in(0, all);
  }
}

void infer_type(TypeContext& c) {
  DType type = c.out[0];
  for (int i : {1, 2}) type = type == DType::kUnknown ? c.in[i] : type;
  c.set_in(1, type);
  c.set_in(2, type);
  c.set_out(0, type);
  if (c.in[0] == DType::kUnknown) c.set_in(0, type);
}

// One condition for `row` elements of `Word`s.
template <class C, class Word>
void select(const C* condition, const Word* x, const Word* y, Word* out, int64_t n, int64_t row) {
  parallel_for(n, 1 + kElementGrain / std::max<int64_t>(row, 1), [=](int64_t begin, int64_t end) {
    if (row == 1) {
      for (int64_t i = begin; i < end; ++i) out[i] = condition[i] != C(0) ? x[i] : y[i];
      return;
    }
    for (int64_t i = begin; i < end; ++i) {
      std::memcpy(out + i * row, (condition[i] != C(0) ? x : y) + i * row,
                  static_cast<size_t>(row) * sizeof(Word));
    }
  });
}

// Gradients: out_grad where the condition chose this input, zero elsewhere.
template <class C, class Word>
void route(const C* condition, const Word* g, Word* x, Word* y, int64_t n, int64_t row) {
  parallel_for(n, 1 + kElementGrain / std::max<int64_t>(row, 1), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const bool chosen = condition[i] != C(0);
      const int64_t first = i * row;
      for (int64_t k = first; k < first + row; ++k) {
        if (x != nullptr) x[k] = chosen ? g[k] : Word(0);
        if (y != nullptr) y[k] = chosen ? Word(0) : g[k];
      }
    }
  });
}

// Calls f with the C++ type of the condition and an unsigned type as wide as the elements.
template <class F>
Kernel by_types(DType condition, DType data, F f) {
  return visit_dtype(condition, [&](auto c) {
    using C = typename decltype(c)::type;
    switch (dtype_size(data)) {
      case 1:
        return f(C{}, uint8_t{});
      case 2:
        return f(C{}, uint16_t{});
      case 4:
        return f(C{}, uint32_t{});
      default:
        return f(C{}, uint64_t{});
    }
  });
}

Kernel forward_kernel(const KernelRequest& r) {
  const int64_t n = r.in[0].shape.size(), row = n > 0 ? r.out[0].shape.size() / n : 0;
  return by_types(r.in[0].dtype, r.in[1].dtype, [&](auto c, auto word) {
    using C = decltype(c);
    using Word = decltype(word);
    return make_kernel([n, row](void* const* in, void* const* out, void*) {
      select(static_cast<const C*>(in[0]), static_cast<const Word*>(in[1]), static_cast<const Word*>(in[2]),
             static_cast<Word*>(out[0]), n, row);
    });
  });
}

// Inputs condition, out_grad; outputs the gradients of x and y.
Kernel backward_kernel(const KernelRequest& r) {
  const int64_t n = r.in[0].shape.size(), row = n > 0 ? r.in[1].shape.size() / n : 0;
  const bool wants_x = r.out_used[0], wants_y = r.out_used[1];
  return by_types(r.in[0].dtype, r.in[1].dtype, [&](auto c, auto word) {
    using C = decltype(c);
    using Word = decltype(word);
    return make_kernel([=](void* const* in, void* const* out, void*) {
      route(static_cast<const C*>(in[0]), static_cast<const Word*>(in[1]),
            wants_x ? static_cast<Word*>(out[0]) : nullptr, wants_y ? static_cast<Word*>(out[1]) : nullptr, n,
            row);
    });
  });
}

}  // namespace

void register_where_ops() {
  OpDef& op = register_op("where");
  op.aliases = {"_sparse_where"};
  op.doc =
      "Elements of x where condition is not 0, else of y. condition has their shape, or one element for each "
      "row.";
  op.inputs = {"condition", "x", "y"};
  op.infer_shape = infer_shape;
  op.infer_type = infer_type;
  op.traits.inplace = {{1, 0}, {2, 0}};
  op.kernel = forward_kernel;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const int32_t id = c.backward("_backward_where", {c.input(0), c.out_grad(0)}, {1, 2});
    return {EntryId{}, {id, 0}, {id, 1}};
  };
  OpDef& back = register_backward_op("_backward_where", {"condition", "out_grad"});
  back.outputs = {"x", "y"};
  back.kernel = backward_kernel;
}

}  // namespace symbind
