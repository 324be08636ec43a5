// Elements at points of several axes: gather_nd, scatter_nd, _scatter_set_nd; and points as numbers:
// _ravel_multi_index, _unravel_index.
#include "backend/cpu/strided_copy.h"
#include "ops/index_common.h"

namespace symbind {
namespace {

struct ShapeParams {
  Tuple shape;
  template <class V>
  void visit(V& v) {
    v("shape", shape, required, "Shape of the output.");
  }
};

// indices (m, points...) address the first m axes of an array (d1, ..., dn): parts of `row` elements.
struct Points {
  int64_t axes = 0, count = 0, row = 1;
  int64_t lengths[Shape::kMaxNDim], steps[Shape::kMaxNDim];  // steps in rows

  Points(const Shape& indices, const Shape& array, const char* op)
      : axes(indices[0]), count(indices.product(1, indices.ndim())) {
    check(axes <= array.ndim(), "[", op, "] indices: got shape ", indices, ", expected at most ",
          array.ndim(), " for the first axis, for an array of shape ", array);
    row = array.product(static_cast<int>(axes), array.ndim());
    int64_t step = 1;
    for (int i = static_cast<int>(axes) - 1; i >= 0; --i) {
      lengths[i] = array[i];
      steps[i] = step;
      step *= array[i];
    }
  }
  size_t workspace() const { return static_cast<size_t>(count) * sizeof(int64_t); }
};

// to[k] = the row that point k addresses. Negative indices count from the end.
using ResolvePointsFn = void (*)(const char* op, const Points& p, const void* from, int64_t* to);
ResolvePointsFn points_resolver(DType type) {
  return visit_dtype(type, [](auto tag) -> ResolvePointsFn {
    using I = typename decltype(tag)::type;
    return [](const char* op, const Points& p, const void* from, int64_t* to) {
      for (int64_t k = 0; k < p.count; ++k) to[k] = 0;
      for (int64_t a = 0; a < p.axes; ++a) {
        const I* index = static_cast<const I*>(from) + a * p.count;
        for (int64_t k = 0; k < p.count; ++k) {
          const int64_t i = static_cast<int64_t>(index[k]);
          check(i >= -p.lengths[a] && i < p.lengths[a], "[", op, "] index out of range: got ", i,
                " for axis ", a, " of length ", p.lengths[a]);
          to[k] += (i < 0 ? i + p.lengths[a] : i) * p.steps[a];
        }
      }
    };
  });
}

// The shape of the parts that `indices` addresses in `array`.
Shape parts_shape(const Shape& indices, const Shape& array, const char* op) {
  Shape s;
  s.resize(0);
  check(indices.ndim() >= 1, "[", op, "] indices: got a scalar");
  for (int i = 1; i < indices.ndim(); ++i) s.push_back(indices[i]);
  check(indices[0] <= array.ndim(), "[", op, "] indices: got shape ", indices, ", expected at most ",
        array.ndim(), " for the first axis, for an array of shape ", array);
  for (int i = static_cast<int>(indices[0]); i < array.ndim(); ++i) s.push_back(array[i]);
  if (s.ndim() == 0) s.push_back(1);
  return s;
}

void infer_gather(ShapeContext& c) {
  if (!c.in[0].has_rank() || !c.in[1].has_rank() || c.in[1][0] < 0) return;
  c.set_out(0, parts_shape(c.in[1], c.in[0], "gather_nd"));
}

void infer_scatter(ShapeContext& c) {
  const Tuple& dims = as<ShapeParams>(c.params).shape;
  const Shape shape(dims.begin(), dims.end());
  c.set_out(0, shape);
  if (c.in[1].has_rank() && c.in[1][0] >= 0) c.set_in(0, parts_shape(c.in[1], shape, c.op.name.c_str()));
}

void infer_first_type(TypeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
}

Kernel gather_kernel(const KernelRequest& r) {
  const Points p(r.in[1].shape, r.in[0].shape, "gather_nd");
  const ResolvePointsFn resolve = points_resolver(r.in[1].dtype);
  return by_width(r.in[0].dtype, [&](auto word) {
    using Word = decltype(word);
    return make_kernel(
        [p, resolve](void* const* in, void* const* out, void* ws) {
          int64_t* rows = static_cast<int64_t*>(ws);
          resolve("gather_nd", p, in[1], rows);
          const Word* x = static_cast<const Word*>(in[0]);
          Word* y = static_cast<Word*>(out[0]);
          parallel_for(
              p.count, 1 + kElementGrain / std::max<int64_t>(p.row, 1), [&](int64_t begin, int64_t end) {
                if (p.row == 1) {
                  for (int64_t k = begin; k < end; ++k) y[k] = x[rows[k]];
                  return;
                }
                for (int64_t k = begin; k < end; ++k) {
                  std::memcpy(y + k * p.row, x + rows[k] * p.row, static_cast<size_t>(p.row) * sizeof(Word));
                }
              });
        },
        p.workspace());
  });
}

// Parts in[data] go to the rows of out[0] that in[indices] addresses; the last one of several wins.
Kernel scatter_kernel(const KernelRequest& r, int data, int indices, bool clear, const char* op) {
  const Points p(r.in[static_cast<size_t>(indices)].shape, r.out[0].shape, op);
  const ResolvePointsFn resolve = points_resolver(r.in[static_cast<size_t>(indices)].dtype);
  const int64_t bytes = static_cast<int64_t>(r.out[0].bytes());
  const size_t row = static_cast<size_t>(p.row) * dtype_size(r.out[0].dtype);
  return make_kernel(
      [=](void* const* in, void* const* out, void* ws) {
        int64_t* rows = static_cast<int64_t*>(ws);
        resolve(op, p, in[indices], rows);
        if (clear) {
          parallel_zero(out[0], bytes);
        } else if (in[0] != out[0]) {
          parallel_copy(in[0], out[0], bytes);
        }
        for (int64_t k = 0; k < p.count && row > 0; ++k) {
          std::memcpy(static_cast<char*>(out[0]) + static_cast<size_t>(rows[k]) * row,
                      static_cast<const char*>(in[data]) + static_cast<size_t>(k) * row, row);
        }
      },
      p.workspace());
}

// Inputs out_grad, indices: the sum of all parts that were read from a place.
Kernel gather_backward_kernel(const KernelRequest& r) {
  const Points p(r.in[1].shape, r.out[0].shape, "gather_nd");
  const ResolvePointsFn resolve = points_resolver(r.in[1].dtype);
  const int64_t bytes = static_cast<int64_t>(r.out[0].bytes());
  return visit_float(r.in[0].dtype, "gather_nd", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          int64_t* rows = static_cast<int64_t*>(ws);
          resolve("gather_nd", p, in[1], rows);
          parallel_zero(out[0], bytes);
          const T* g = static_cast<const T*>(in[0]);
          T* x = static_cast<T*>(out[0]);
          const int64_t grain = std::max<int64_t>(16, kElementGrain / std::max<int64_t>(p.count, 1));
          parallel_for(p.row, grain, [&](int64_t begin, int64_t end) {
            for (int64_t k = 0; k < p.count; ++k) {
              for (int64_t i = begin; i < end; ++i) x[rows[k] * p.row + i] += g[k * p.row + i];
            }
          });
        },
        p.workspace());
  });
}

void register_gather() {
  OpDef& op = register_op("gather_nd");
  op.doc =
      "The parts of data at points: indices (m, ...) holds a column of m coordinates for each; negative ones "
      "count from the end.";
  op.inputs = {"data", "indices"};
  op.infer_shape = infer_gather;
  op.infer_type = infer_first_type;
  op.kernel = gather_kernel;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_gather_nd", {c.out_grad(0), c.input(1)}, {0}), 0}, EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_gather_nd", {"out_grad", "indices"});
  back.kernel = gather_backward_kernel;
}

void register_scatter() {
  OpDef& op = register_op("scatter_nd");
  op.doc = "Zeros of a given shape with the parts data at the points indices; the last one of several wins.";
  op.params = params_spec<ShapeParams>();
  op.inputs = {"data", "indices"};
  op.infer_shape = infer_scatter;
  op.infer_type = infer_first_type;
  op.kernel = [](const KernelRequest& r) { return scatter_kernel(r, 0, 1, true, "scatter_nd"); };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {c.apply("gather_nd", {c.out_grad(0), c.input(1)}), EntryId{}};
  };

  OpDef& set = register_op("_scatter_set_nd");
  set.doc = "lhs with the parts at the points indices replaced by rhs.";
  set.params = params_spec<ShapeParams>();
  set.inputs = {"lhs", "rhs", "indices"};
  set.infer_shape = [](ShapeContext& c) {
    const Tuple& dims = as<ShapeParams>(c.params).shape;
    const Shape shape(dims.begin(), dims.end());
    c.set_out(0, shape);
    c.set_in(0, shape);
    if (c.in[2].has_rank() && c.in[2][0] >= 0) c.set_in(1, parts_shape(c.in[2], shape, "_scatter_set_nd"));
  };
  set.infer_type = [](TypeContext& c) {
    infer_first_type(c);
    c.set_in(1, c.in[0]);
  };
  set.traits.inplace = {{0, 0}};
  set.kernel = [](const KernelRequest& r) { return scatter_kernel(r, 1, 2, false, "_scatter_set_nd"); };
}

// --- points as numbers ---

struct GridParams {
  Tuple shape;
  template <class V>
  void visit(V& v) {
    v("shape", shape, Tuple{}, "Shape of the array that points lie in; the first length may be -1.");
  }
  void finish(const char* op) {
    check(!shape.empty(), "[", op, "] shape: got ", format_value(shape), ", expected at least one axis");
    for (size_t i = 1; i < shape.size(); ++i)
      check(shape[i] > 0, "[", op, "] shape: got ", format_value(shape), ", expected positive lengths");
  }
  int64_t axes() const { return static_cast<int64_t>(shape.size()); }
};

template <class T>
Kernel unravel_kernel(const Tuple& shape, int64_t n) {
  return make_kernel([shape, n](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    parallel_for(n, kElementGrain / 8, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        int64_t rest = static_cast<int64_t>(x[k]);
        for (size_t a = shape.size(); a-- > 1;) {
          y[static_cast<int64_t>(a) * n + k] = static_cast<T>(rest % shape[a]);
          rest /= shape[a];
        }
        y[k] = static_cast<T>(rest);
      }
    });
  });
}

template <class T>
Kernel ravel_kernel(const Tuple& shape, int64_t n) {
  return make_kernel([shape, n](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    T* y = static_cast<T*>(out[0]);
    parallel_for(n, kElementGrain / 8, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        int64_t number = 0;
        for (size_t a = 0; a < shape.size(); ++a)
          number = number * shape[a] + static_cast<int64_t>(x[static_cast<int64_t>(a) * n + k]);
        y[k] = static_cast<T>(number);
      }
    });
  });
}

void register_numbers() {
  OpDef& unravel = register_op("_unravel_index");
  unravel.aliases = {"unravel_index"};
  unravel.doc =
      "The coordinates of elements of an array from their row-major numbers: one row for each axis.";
  unravel.params = params_spec<GridParams>();
  unravel.gradient = zero_gradient;
  unravel.infer_shape = [](ShapeContext& c) {
    if (c.in[0].has_rank()) {
      Shape out{as<GridParams>(c.params).axes()};
      for (int64_t d : c.in[0]) out.push_back(d);
      c.set_out(0, out);
    }
    if (c.out[0].has_rank() && c.out[0].ndim() > 0) c.set_in(0, Shape(c.out[0].begin() + 1, c.out[0].end()));
  };
  unravel.kernel = [](const KernelRequest& r) {
    return visit_dtype(r.in[0].dtype, [&](auto tag) {
      return unravel_kernel<typename decltype(tag)::type>(as<GridParams>(r.params).shape,
                                                          r.in[0].shape.size());
    });
  };

  OpDef& ravel = register_op("_ravel_multi_index");
  ravel.aliases = {"ravel_multi_index"};
  ravel.doc = "The row-major numbers of elements of an array from their coordinates, one row for each axis.";
  ravel.params = params_spec<GridParams>();
  ravel.gradient = zero_gradient;
  ravel.infer_shape = [](ShapeContext& c) {
    const int64_t axes = as<GridParams>(c.params).axes();
    if (c.in[0].has_rank()) {
      check(c.in[0].ndim() > 0 && (c.in[0][0] < 0 || c.in[0][0] == axes),
            "[_ravel_multi_index] data: got shape ", c.in[0], ", expected ", axes, " rows as in shape ",
            format_value(as<GridParams>(c.params).shape));
      c.set_out(0, c.in[0].ndim() > 1 ? Shape(c.in[0].begin() + 1, c.in[0].end()) : Shape{1});
    } else if (c.out[0].has_rank()) {
      Shape data{axes};
      for (int64_t d : c.out[0]) data.push_back(d);
      c.set_in(0, data);
    }
  };
  ravel.kernel = [](const KernelRequest& r) {
    return visit_dtype(r.in[0].dtype, [&](auto tag) {
      return ravel_kernel<typename decltype(tag)::type>(as<GridParams>(r.params).shape,
                                                        r.out[0].shape.size());
    });
  };
}

}  // namespace

void register_gather_nd_ops() {
  register_gather();
  register_scatter();
  register_numbers();
}

}  // namespace symbind
