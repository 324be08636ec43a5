// transpose and SwapAxis.
#include <numeric>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {
namespace {

struct TransposeParams {
  Tuple axes;
  template <class V>
  void visit(V& v) {
    v("axes", axes, Tuple{}, "Axis i of the output is axis axes[i] of data; empty reverses all axes.");
  }
};

struct SwapParams {
  int64_t dim1, dim2;
  template <class V>
  void visit(V& v) {
    v("dim1", dim1, int64_t{0}, "The first axis.");
    v("dim2", dim2, int64_t{0}, "The second axis.");
  }
};

using Axes = std::vector<int>;

Axes transpose_axes(const void* params, int ndim) {
  const TransposeParams& p = as<TransposeParams>(params);
  Axes axes(static_cast<size_t>(ndim));
  if (p.axes.empty()) {
    for (int i = 0; i < ndim; ++i) axes[static_cast<size_t>(i)] = ndim - 1 - i;
    return axes;
  }
  check(static_cast<int>(p.axes.size()) == ndim, "[transpose] axes ", format_value(p.axes), " for data of ",
        ndim, " dimensions");
  std::vector<char> seen(static_cast<size_t>(ndim), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i] = normalize_axis(p.axes[i], ndim, "transpose");
    check(!seen[static_cast<size_t>(axes[i])]++, "[transpose] axes ", format_value(p.axes),
          " repeat an axis");
  }
  return axes;
}

Axes swap_axes(const void* params, int ndim) {
  const SwapParams& p = as<SwapParams>(params);
  Axes axes(static_cast<size_t>(ndim));
  std::iota(axes.begin(), axes.end(), 0);
  const int a = normalize_axis(p.dim1, ndim, "SwapAxis"), b = normalize_axis(p.dim2, ndim, "SwapAxis");
  std::swap(axes[static_cast<size_t>(a)], axes[static_cast<size_t>(b)]);
  return axes;
}

Axes inverse(const Axes& axes) {
  Axes r(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) r[static_cast<size_t>(axes[i])] = static_cast<int>(i);
  return r;
}

Shape permuted(const Shape& s, const Axes& axes) {
  Shape r = s;
  for (int i = 0; i < s.ndim(); ++i) r[i] = s[axes[static_cast<size_t>(i)]];
  return r;
}

// The permutation with neighbouring axes that stay together merged: at most a handful of loops remain.
struct Plan {
  int ndim = 0;
  int64_t dims[Shape::kMaxNDim];     // of the output
  int64_t strides[Shape::kMaxNDim];  // of the input, in output order, in elements
};

Plan make_plan(const Shape& in, const Axes& axes) {
  int64_t in_strides[Shape::kMaxNDim];
  int64_t stride = 1;
  for (int i = in.ndim() - 1; i >= 0; --i) {
    in_strides[i] = stride;
    stride *= in[i];
  }
  Plan plan;
  for (int axis : axes) {
    const int64_t dim = in[axis];
    if (dim == 1) continue;
    if (plan.ndim > 0 && plan.strides[plan.ndim - 1] == in_strides[axis] * dim) {
      plan.dims[plan.ndim - 1] *= dim;
      plan.strides[plan.ndim - 1] = in_strides[axis];
      continue;
    }
    plan.dims[plan.ndim] = dim;
    plan.strides[plan.ndim++] = in_strides[axis];
  }
  if (plan.ndim == 0) {
    plan.dims[0] = 1;
    plan.strides[plan.ndim++] = 1;
  }
  return plan;
}

// Rows of the last output axis; tiles of the last two when the input runs along the other one.
template <class T>
void copy_rows(const Plan& plan, const T* in, T* out, int64_t begin, int64_t end) {
  const int64_t columns = plan.dims[plan.ndim - 1], step = plan.strides[plan.ndim - 1];
  for (int64_t row = begin; row < end; ++row) {
    int64_t offset = 0, rest = row;
    for (int i = plan.ndim - 2; i >= 0; --i) {
      offset += rest % plan.dims[i] * plan.strides[i];
      rest /= plan.dims[i];
    }
    const T* source = in + offset;
    T* target = out + row * columns;
    if (step == 1) {
      for (int64_t c = 0; c < columns; ++c) target[c] = source[c];
    } else {
      for (int64_t c = 0; c < columns; ++c) target[c] = source[c * step];
    }
  }
}

template <class T>
void copy_tiles(const Plan& plan, const T* in, T* out, int64_t begin, int64_t end) {
  constexpr int64_t kTile = 16;
  const int64_t rows = plan.dims[plan.ndim - 2], columns = plan.dims[plan.ndim - 1];
  const int64_t row_step = plan.strides[plan.ndim - 2], column_step = plan.strides[plan.ndim - 1];
  const int64_t row_tiles = (rows + kTile - 1) / kTile;
  for (int64_t tile = begin; tile < end; ++tile) {
    int64_t offset = 0, rest = tile / row_tiles;
    const int64_t batch = rest;
    for (int i = plan.ndim - 3; i >= 0; --i) {
      offset += rest % plan.dims[i] * plan.strides[i];
      rest /= plan.dims[i];
    }
    const int64_t r0 = tile % row_tiles * kTile, r1 = r0 + kTile < rows ? r0 + kTile : rows;
    const T* source = in + offset;
    T* target = out + batch * rows * columns;
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      const int64_t c1 = c0 + kTile < columns ? c0 + kTile : columns;
      for (int64_t r = r0; r < r1; ++r) {
        for (int64_t c = c0; c < c1; ++c) target[r * columns + c] = source[r * row_step + c * column_step];
      }
    }
  }
}

template <class T>
Kernel transpose_kernel(const Plan& plan, int64_t size) {
  const bool tiles = plan.ndim >= 2 && plan.strides[plan.ndim - 2] == 1 && plan.strides[plan.ndim - 1] != 1;
  return make_kernel([plan, size, tiles](void* const* in, void* const* out, void*) {
    if (size == 0) return;
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    const int64_t columns = plan.dims[plan.ndim - 1];
    if (tiles) {
      const int64_t rows = plan.dims[plan.ndim - 2];
      const int64_t count = size / (rows * columns) * ((rows + 15) / 16);
      parallel_for(count, 1 + kElementGrain / (16 * columns),
                   [&](int64_t b, int64_t e) { copy_tiles(plan, x, y, b, e); });
    } else {
      parallel_for(size / columns, 1 + kElementGrain / columns,
                   [&](int64_t b, int64_t e) { copy_rows(plan, x, y, b, e); });
    }
  });
}

// Only the width of the elements matters.
Kernel kernel_for(const Shape& in, const Axes& axes, DType dtype) {
  const Plan plan = make_plan(in, axes);
  switch (dtype_size(dtype)) {
    case 1:
      return transpose_kernel<uint8_t>(plan, in.size());
    case 2:
      return transpose_kernel<uint16_t>(plan, in.size());
    case 4:
      return transpose_kernel<uint32_t>(plan, in.size());
    default:
      return transpose_kernel<uint64_t>(plan, in.size());
  }
}

using AxesFn = Axes (*)(const void*, int);

void register_permutation(const char* name, AxesFn axes_of, ParamsSpec params, const char* doc,
                          std::vector<std::string> aliases) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.aliases = std::move(aliases);
  op.params = params;
  op.infer_shape = [axes_of](ShapeContext& c) {
    const int ndim = c.in[0].has_rank() ? c.in[0].ndim() : c.out[0].ndim();
    if (ndim < 0) return;
    const Axes axes = axes_of(c.params, ndim);
    if (c.in[0].has_rank()) c.set_out(0, permuted(c.in[0], axes));
    if (c.out[0].has_rank()) c.set_in(0, permuted(c.out[0], inverse(axes)));
  };
  op.kernel = [axes_of](const KernelRequest& r) {
    return kernel_for(r.in[0].shape, axes_of(r.params, r.in[0].shape.ndim()), r.in[0].dtype);
  };
  const std::string back_name = std::string("_backward_") + name;
  op.gradient = [back_name](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward(back_name.c_str(), {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_op(back_name);
  back.visible = false;
  back.params = params;
  back.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  back.kernel = [axes_of](const KernelRequest& r) {
    return kernel_for(r.in[0].shape, inverse(axes_of(r.params, r.in[0].shape.ndim())), r.in[0].dtype);
  };
}

}  // namespace

void register_transpose_ops() {
  register_permutation("transpose", transpose_axes, params_spec<TransposeParams>(), "Permutes the axes.", {});
  register_permutation("SwapAxis", swap_axes, params_spec<SwapParams>(), "Exchanges two axes.", {"swapaxes"});
}

}  // namespace symbind
