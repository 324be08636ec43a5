// Rows by index or by mask, arrays of indices, and counts of values: _contrib_index_copy,
// _contrib_boolean_mask, _contrib_index_array, _contrib_arange_like, _histogram, _contrib_allclose.
#include <algorithm>
#include <cmath>
#include <optional>

#include "backend/cpu/strided_copy.h"
#include "ops/index_common.h"

namespace symbind {
namespace {

// --- _contrib_index_copy ---

void register_index_copy() {
  OpDef& op = register_op("_contrib_index_copy");
  op.doc = "old_tensor with the rows index_vector replaced by those of new_tensor.";
  op.inputs = {"old_tensor", "index_vector", "new_tensor"};
  op.infer_shape = [](ShapeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (!c.in[0].has_rank()) return;
    Shape rows = c.in[0];
    rows[0] = c.in[1].has_rank() && c.in[1].ndim() == 1 ? c.in[1][0] : -1;
    c.set_in(2, rows);
    c.set_in(1, Shape{c.in[2][0]});
  };
  op.infer_type = [](TypeContext& c) {
    for (int i : {0, 2}) c.set_out(0, c.in[static_cast<size_t>(i)]);
    for (int i : {0, 2}) c.set_in(i, c.out[0]);
  };
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const Shape& shape = r.in[0].shape;
    const int64_t count = r.in[1].shape[0], length = shape[0], bytes = static_cast<int64_t>(r.in[0].bytes());
    const size_t row = static_cast<size_t>(shape.product(1, shape.ndim())) * dtype_size(r.in[0].dtype);
    const ResolveFn resolve = index_resolver(r.in[1].dtype);
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          int64_t* index = static_cast<int64_t*>(ws);
          resolve("_contrib_index_copy", in[1], count, length, IndexMode::kRaise, index);
          if (in[0] != out[0]) parallel_copy(in[0], out[0], bytes);
          for (int64_t k = 0; k < count && row > 0; ++k) {
            std::memcpy(static_cast<char*>(out[0]) + static_cast<size_t>(index[k]) * row,
                        static_cast<const char*>(in[2]) + static_cast<size_t>(k) * row, row);
          }
        },
        static_cast<size_t>(count) * sizeof(int64_t));
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const EntryId g = c.out_grad(0), none = c.apply("zeros_like", {c.input(2)});
    return {c.apply("_contrib_index_copy", {g, c.input(1), none}), EntryId{},
            c.apply("take", {g, c.input(1)})};
  };
}

// --- _contrib_boolean_mask ---

struct MaskParams {
  int64_t axis;
  template <class V>
  void visit(V& v) {
    v("axis", axis, int64_t{0}, "The axis of data that index belongs to; only 0.");
  }
  void finish(const char* op) { check(axis == 0, "[", op, "] axis: got ", axis, ", expected 0"); }
};

// The number of rows depends on values: it has to be known from elsewhere when a graph is bound, and is
// checked when it runs.
using CountFn = void (*)(const void* mask, int64_t n, int64_t expected, int64_t* rows);
CountFn chosen_rows(DType type) {
  return visit_dtype(type, [](auto tag) -> CountFn {
    using I = typename decltype(tag)::type;
    return [](const void* mask, int64_t n, int64_t expected, int64_t* rows) {
      int64_t count = 0;
      for (int64_t i = 0; i < n; ++i) {
        if (static_cast<const I*>(mask)[i] == I(0)) continue;
        check(count < expected, "[_contrib_boolean_mask] index chooses more than the ", expected,
              " rows of the output");
        rows[count++] = i;
      }
      check(count == expected, "[_contrib_boolean_mask] index chooses ", count, " rows, expected ", expected,
            " as in the output");
    };
  });
}

template <bool kForward>
Kernel mask_kernel(const KernelRequest& r) {
  const TensorDesc &all = kForward ? r.in[0] : r.out[0], &some = kForward ? r.out[0] : r.in[0];
  const int64_t n = all.shape[0], count = some.shape[0], bytes = static_cast<int64_t>(all.bytes());
  const size_t row = static_cast<size_t>(all.shape.product(1, all.shape.ndim())) * dtype_size(all.dtype);
  const CountFn choose = chosen_rows(r.in[1].dtype);
  return make_kernel(
      [=](void* const* in, void* const* out, void* ws) {
        int64_t* rows = static_cast<int64_t*>(ws);
        choose(in[1], n, count, rows);
        if (!kForward) parallel_zero(out[0], bytes);
        for (int64_t k = 0; k < count && row > 0; ++k) {
          const size_t here = static_cast<size_t>(rows[k]) * row, there = static_cast<size_t>(k) * row;
          std::memcpy(static_cast<char*>(out[0]) + (kForward ? there : here),
                      static_cast<const char*>(in[0]) + (kForward ? here : there), row);
        }
      },
      static_cast<size_t>(count) * sizeof(int64_t));
}

void register_boolean_mask() {
  OpDef& op = register_op("_contrib_boolean_mask");
  op.doc =
      "The rows of data where index is not 0. Their number depends on values: in a symbol it has to follow "
      "from "
      "what the output is used with.";
  op.params = params_spec<MaskParams>();
  op.inputs = {"data", "index"};
  op.infer_shape = [](ShapeContext& c) {
    if (!c.in[0].has_rank()) return;
    c.set_in(1, Shape{c.in[0][0]});
    Shape out = c.in[0];
    out[0] = -1;
    c.set_out(0, out);
  };
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  };
  op.traits.no_fold = true;
  op.kernel = mask_kernel<true>;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_boolean_mask", {c.out_grad(0), c.input(1)}, {0}), 0}, EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_boolean_mask", {"out_grad", "index"});
  back.params = op.params;
  back.kernel = mask_kernel<false>;
}

// --- arrays of indices ---

struct IndexArrayParams {
  std::optional<Tuple> axes;
  template <class V>
  void visit(V& v) {
    v("axes", axes, std::optional<Tuple>(), "Which coordinates, in this order; all by default.");
  }
};

struct ArangeLikeParams {
  double start, step;
  int64_t repeat;
  std::optional<int64_t> axis;
  template <class V>
  void visit(V& v) {
    v("start", start, 0.0, "The first value.");
    v("step", step, 1.0, "Distance between values.");
    v("repeat", repeat, int64_t{1}, "How often each value is repeated.");
    v.ignored("ctx", "", "The device; the executor places the node.");
    v("axis", axis, std::optional<int64_t>(),
      "The output is as long as this axis; None: it has data's shape.");
  }
  void finish(const char* op) {
    check(repeat >= 1, "[", op, "] repeat: got ", repeat, ", expected at least 1");
  }
};

std::vector<int> coordinate_axes(const void* params, int ndim) {
  const IndexArrayParams& p = as<IndexArrayParams>(params);
  std::vector<int> axes;
  if (p.axes) {
    for (int64_t a : *p.axes) axes.push_back(normalize_axis(a, ndim, "_contrib_index_array"));
  } else {
    for (int i = 0; i < ndim; ++i) axes.push_back(i);
  }
  return axes;
}

void register_index_arrays() {
  OpDef& op = register_op("_contrib_index_array");
  op.doc = "The coordinates of every element of data, along a new last axis, as int64.";
  op.params = params_spec<IndexArrayParams>();
  op.gradient = zero_gradient;
  op.infer_shape = [](ShapeContext& c) {
    if (!c.in[0].has_rank()) return;
    Shape out = c.in[0];
    out.push_back(static_cast<int64_t>(coordinate_axes(c.params, c.in[0].ndim()).size()));
    c.set_out(0, out);
  };
  op.infer_type = [](TypeContext& c) { c.set_out(0, DType::kInt64); };
  op.kernel = [](const KernelRequest& r) {
    const Shape shape = r.in[0].shape;
    const std::vector<int> axes = coordinate_axes(r.params, shape.ndim());
    return make_kernel([shape, axes](void* const*, void* const* out, void*) {
      int64_t* y = static_cast<int64_t*>(out[0]);
      int64_t index[Shape::kMaxNDim] = {};
      for (int64_t k = 0, n = shape.size(); k < n; ++k) {
        for (int a : axes) *y++ = index[a];
        for (int a = shape.ndim() - 1; a >= 0 && ++index[a] == shape[a]; --a) index[a] = 0;
      }
    });
  };

  OpDef& like = register_op("_contrib_arange_like");
  like.doc = "Evenly spaced values in the shape of data, or as many as one of its axes is long.";
  like.params = params_spec<ArangeLikeParams>();
  like.gradient = zero_gradient;
  like.infer_shape = [](ShapeContext& c) {
    const ArangeLikeParams& p = as<ArangeLikeParams>(c.params);
    if (!p.axis) return infer_same_shape(c);
    if (c.in[0].has_rank())
      c.set_out(0, Shape{c.in[0][normalize_axis(*p.axis, c.in[0].ndim(), "_contrib_arange_like")]});
  };
  like.kernel = [](const KernelRequest& r) {
    const ArangeLikeParams& p = as<ArangeLikeParams>(r.params);
    const int64_t n = r.out[0].shape.size();
    return visit_dtype(r.out[0].dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([n, p](void* const*, void* const* out, void*) {
        T* y = static_cast<T*>(out[0]);
        for (int64_t k = 0, value = 0; k < n; ++value) {
          const T v = static_cast<T>(p.start + static_cast<double>(value) * p.step);
          for (int64_t i = 0; i < p.repeat && k < n; ++i) y[k++] = v;
        }
      });
    });
  };
}

// --- _histogram ---

struct HistogramParams {
  std::optional<int64_t> bin_cnt;
  std::optional<FloatTuple> range;
  template <class V>
  void visit(V& v) {
    v("bin_cnt", bin_cnt, std::optional<int64_t>(),
      "Number of bins of equal width; None: there is an input bins.");
    v("range", range, std::optional<FloatTuple>(), "The outer edges of bins of equal width.");
  }
  void finish(const char* op) {
    if (!bin_cnt) return;
    check(*bin_cnt > 0, "[", op, "] bin_cnt: got ", *bin_cnt, ", expected at least 1");
    check(range && range->size() == 2 && (*range)[0] < (*range)[1], "[", op, "] range: got ",
          format_value(range), ", expected two increasing numbers, because bin_cnt is given");
  }
};

// Bins are half open; the last one has both of its edges.
template <class T>
Kernel histogram_kernel(const KernelRequest& r) {
  const HistogramParams& p = as<HistogramParams>(r.params);
  const int64_t n = r.in[0].shape.size(), bins = r.out[0].shape[0];
  const bool equal = p.bin_cnt.has_value();
  const double low = equal ? (*p.range)[0] : 0, high = equal ? (*p.range)[1] : 0;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T* x = static_cast<const T*>(in[0]);
    int64_t* counts = static_cast<int64_t*>(out[0]);
    T* edges = static_cast<T*>(out[1]);
    const double width = (high - low) / static_cast<double>(bins);
    for (int64_t i = 0; i <= bins; ++i)
      edges[i] =
          equal ? static_cast<T>(low + width * static_cast<double>(i)) : static_cast<const T*>(in[1])[i];
    for (int64_t i = 0; i < bins; ++i) counts[i] = 0;
    for (int64_t k = 0; k < n; ++k) {
      const T v = x[k];
      if (!(v >= edges[0] && v <= edges[bins])) continue;
      int64_t bin = equal ? static_cast<int64_t>((static_cast<double>(v) - low) / width)
                          : std::upper_bound(edges, edges + bins + 1, v) - edges - 1;
      bin = std::min(std::max<int64_t>(bin, 0), bins - 1);
      if (equal && !std::is_integral_v<T>) {  // rounding may have crossed an edge
        if (bin > 0 && v < edges[bin]) --bin;
        if (bin + 1 < bins && v >= edges[bin + 1]) ++bin;
      }
      ++counts[bin];
    }
  });
}

void register_histogram() {
  OpDef& op = register_op("_histogram");
  op.doc = "How many values of data lie in each bin, and the edges of the bins.";
  op.params = params_spec<HistogramParams>();
  op.inputs = {"data", "bins"};
  op.outputs = {"counts", "edges"};
  op.num_inputs = [](const void* p) { return as<HistogramParams>(p).bin_cnt ? 1 : 2; };
  op.output_names = [](const void*) { return std::vector<std::string>{"output0", "output1"}; };
  op.gradient = zero_gradient;
  op.infer_shape = [](ShapeContext& c) {
    const HistogramParams& p = as<HistogramParams>(c.params);
    int64_t bins = p.bin_cnt.value_or(-1);
    if (!p.bin_cnt && c.in[1].has_rank()) {
      check(c.in[1].ndim() == 1 && c.in[1][0] != 0 && c.in[1][0] != 1, "[_histogram] bins: got shape ",
            c.in[1], ", expected at least two edges");
      bins = c.in[1][0] < 0 ? -1 : c.in[1][0] - 1;
    }
    c.set_out(0, Shape{bins});
    c.set_out(1, Shape{bins < 0 ? -1 : bins + 1});
  };
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, DType::kInt64);
    c.set_out(1, c.in[0]);
    c.set_in(0, c.out[1]);
    if (c.in.size() > 1) c.set_in(1, c.in[0]);
  };
  op.kernel = [](const KernelRequest& r) {
    return visit_dtype(r.in[0].dtype,
                       [&](auto tag) { return histogram_kernel<typename decltype(tag)::type>(r); });
  };
}

// --- _contrib_allclose ---

struct CloseParams {
  double rtol, atol;
  bool equal_nan;
  template <class V>
  void visit(V& v) {
    v("rtol", rtol, 1e-5, "Allowed difference relative to b.");
    v("atol", atol, 1e-8, "Allowed difference.");
    v("equal_nan", equal_nan, true, "Is NaN equal to NaN?");
  }
};

void register_allclose() {
  OpDef& op = register_op("_contrib_allclose");
  op.doc = "1 if |a - b| <= atol + rtol |b| for all elements, else 0; a uint8 scalar.";
  op.params = params_spec<CloseParams>();
  op.inputs = {"a", "b"};
  op.gradient = zero_gradient;
  op.infer_shape = [](ShapeContext& c) {
    ShapeContext inputs{c.op, c.params, c.in, Span<Shape>()};
    infer_same_shape(inputs);
    c.set_out(0, Shape::filled(0, 1));
  };
  op.infer_type = [](TypeContext& c) {
    c.set_out(0, DType::kUint8);
    c.set_in(0, c.in[1]);
    c.set_in(1, c.in[0]);
  };
  op.kernel = [](const KernelRequest& r) {
    const CloseParams p = as<CloseParams>(r.params);
    const int64_t n = r.in[0].shape.size();
    return visit_dtype(r.in[0].dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([p, n](void* const* in, void* const* out, void*) {
        const T *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
        bool close = true;
        for (int64_t i = 0; i < n && close; ++i) {
          const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
          close = std::fabs(x - y) <= p.atol + p.rtol * std::fabs(y) || x == y ||
                  (p.equal_nan && std::isnan(x) && std::isnan(y));
        }
        *static_cast<uint8_t*>(out[0]) = close ? 1 : 0;
      });
    });
  };
}

}  // namespace

void register_index_copy_ops() {
  register_index_copy();
  register_boolean_mask();
  register_index_arrays();
  register_histogram();
  register_allclose();
}

}  // namespace symbind
