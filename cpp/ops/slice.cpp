// Parts of arrays: slice, slice_axis, slice_like, _slice_assign, _slice_assign_scalar, Crop.
#include <optional>

#include "backend/cpu/parallel.h"
#include "ops/slice_range.h"
#include "ops/view_common.h"

namespace symbind {
namespace {

struct AssignScalarParams : Range {
  double scalar;
  template <class V>
  void visit(V& v) {
    v("scalar", scalar, 0.0, "The value of the elements of the slice.");
    Range::visit(v);
  }
};

bool takes_all(const Range& p, size_t i) {
  return i >= p.begin.size() ||
         (!p.begin[i] && !p.end[i] && (p.step.empty() || std::llabs(p.step[i].value_or(1)) == 1));
}

// The shape of the slice of `in`; unknown lengths stay unknown where the slice depends on them.
Shape sliced(const Range& p, const Shape& in, const char* op) {
  check(p.begin.size() <= static_cast<size_t>(in.ndim()), "[", op, "] begin: got ", format_value(p.begin),
        ", expected at most ", in.ndim(), " numbers for data of shape ", in);
  Shape out = in;
  for (int i = 0; i < in.ndim(); ++i) {
    if (in[i] >= 0) out[i] = span_of(p, static_cast<size_t>(i), in[i]).count;
  }
  return out;
}

void infer_slice(ShapeContext& c) {
  const Range& p = as<Range>(c.params);
  const int ndim = c.in[0].has_rank() ? c.in[0].ndim() : c.out[0].ndim();
  if (ndim < 0) return;
  if (c.in[0].has_rank()) c.set_out(0, sliced(p, c.in[0], "slice"));
  Shape data = Shape::unknown(ndim);
  for (int i = 0; i < ndim && i < c.out[0].ndim(); ++i) {
    if (takes_all(p, static_cast<size_t>(i))) data[i] = c.out[0][i];
  }
  c.set_in(0, data);
}

StridedView slice_view(const Range& p, const Shape& in, const Shape& out) {
  const std::vector<int64_t> from = row_major_strides(in), to = row_major_strides(out);
  StridedView view;
  for (size_t i = 0; i < from.size(); ++i) {
    const Span1 s = span_of(p, i, in[static_cast<int>(i)]);
    view.from_offset += s.first * from[i];
    view.add(s.count, s.step * from[i], to[i]);
  }
  return view;
}

void register_slice() {
  OpDef& op = register_op("slice");
  op.aliases = {"crop", "_sparse_slice"};
  op.doc = "data[begin:end:step], by axis, with Python's rules for negative and missing numbers.";
  op.params = params_spec<Range>();
  op.infer_shape = infer_slice;
  set_view_kernels(
      op, [](const void* p, const Shape& in, const Shape& out) { return slice_view(as<Range>(p), in, out); });
}

// --- slice_axis ---

struct AxisParams {
  int64_t axis, begin;
  std::optional<int64_t> end;
  template <class V>
  void visit(V& v) {
    v("axis", axis, required, "The axis to cut.");
    v("begin", begin, required, "The first index; negative: from the end.");
    v("end", end, required, "The end, itself left out; negative: from the end; None: all the rest.");
  }
};

struct AxisCut {
  int axis;
  int64_t begin, count;
};

AxisCut cut_of(const AxisParams& p, const Shape& in) {
  const int axis = normalize_axis(p.axis, in.ndim(), "slice_axis");
  const int64_t n = in[axis];
  const int64_t begin = p.begin < 0 ? p.begin + n : p.begin;
  const int64_t end = !p.end ? n : *p.end < 0 ? *p.end + n : *p.end;
  check(begin >= 0 && end <= n && begin < end, "[slice_axis] begin and end: got ", p.begin, " and ",
        format_value(p.end), ", expected a part of axis ", axis, " of length ", n);
  return {axis, begin, end - begin};
}

void register_slice_axis() {
  OpDef& op = register_op("slice_axis");
  op.doc = "The part [begin, end) of data along one axis.";
  op.params = params_spec<AxisParams>();
  op.infer_shape = [](ShapeContext& c) {
    const AxisParams& p = as<AxisParams>(c.params);
    if (!c.in[0].has_rank()) return;
    const int axis = normalize_axis(p.axis, c.in[0].ndim(), "slice_axis");
    Shape out = c.in[0];
    out[axis] = out[axis] < 0 ? -1 : cut_of(p, c.in[0]).count;
    c.set_out(0, out);
    Shape data = c.out[0];
    data[axis] = -1;
    c.set_in(0, data);
  };
  set_view_kernels(op, [](const void* params, const Shape& in, const Shape& out) {
    const AxisCut cut = cut_of(as<AxisParams>(params), in);
    int64_t begin[Shape::kMaxNDim] = {};
    begin[cut.axis] = cut.begin;
    return window_view(in, out, begin);
  });
}

// --- slice_like ---

struct LikeParams {
  Tuple axes;
  template <class V>
  void visit(V& v) {
    v("axes", axes, Tuple{}, "The axes to cut; all by default.");
  }
};

void infer_slice_like(ShapeContext& c) {
  const LikeParams& p = as<LikeParams>(c.params);
  if (!c.in[0].has_rank()) return;
  const int ndim = c.in[0].ndim();
  std::vector<bool> cut(static_cast<size_t>(ndim), p.axes.empty());
  for (int64_t a : p.axes) cut[static_cast<size_t>(normalize_axis(a, ndim, "slice_like"))] = true;
  Shape out = c.in[0], data = c.out[0].has_rank() ? c.out[0] : Shape::unknown(ndim);
  check(data.ndim() == ndim, "[slice_like] output: got ", data, ", expected ", ndim, " dimensions");
  const bool known = c.in[1].has_rank();
  check(!known || !p.axes.empty() || c.in[1].ndim() == ndim, "[slice_like] shape_like: got ", c.in[1],
        ", expected ", ndim, " dimensions as in data ", c.in[0]);
  for (int i = 0; i < ndim; ++i) {
    if (!cut[static_cast<size_t>(i)]) continue;
    data[i] = -1;
    check(!known || i < c.in[1].ndim(), "[slice_like] axes: got ", format_value(p.axes),
          ", expected axes of shape_like ", c.in[1]);
    const int64_t wanted = known ? c.in[1][i] : -1;
    check(c.in[0][i] < 0 || wanted <= c.in[0][i], "[slice_like] axis ", i, " of shape_like ", c.in[1],
          " is longer than that of data ", c.in[0]);
    out[i] = wanted;
  }
  c.set_out(0, out);
  c.set_in(0, data);
}

void register_slice_like() {
  OpDef& op = register_op("slice_like");
  op.doc = "The leading part of data that has the lengths of shape_like along the given axes.";
  op.params = params_spec<LikeParams>();
  op.inputs = {"data", "shape_like"};
  op.infer_shape = infer_slice_like;
  set_view_kernels(op, [](const void*, const Shape& in, const Shape& out) {
    const int64_t begin[Shape::kMaxNDim] = {};
    return window_view(in, out, begin);
  });
}

// --- assignment ---

AttrMap range_attrs(const Range& p) {
  AttrMap attrs{{"begin", format_value(p.begin)}, {"end", format_value(p.end)}};
  if (!p.step.empty()) attrs["step"] = format_value(p.step);
  return attrs;
}

void infer_assign(ShapeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  if (!c.in[0].has_rank()) return;
  const Shape part = sliced(as<Range>(c.params), c.in[0], c.op.name.c_str());
  if (c.in.size() > 1) c.set_in(1, part);
}

void register_slice_assign() {
  OpDef& op = register_op("_slice_assign");
  op.aliases = {"_crop_assign"};
  op.doc = "lhs with its part [begin:end:step] replaced by rhs.";
  op.params = params_spec<Range>();
  op.inputs = {"lhs", "rhs"};
  op.infer_shape = infer_assign;
  op.traits.inplace = {{0, 0}};
  op.kernel = [](const KernelRequest& r) {
    const StridedCopy copy(slice_view(as<Range>(r.params), r.in[0].shape, r.in[1].shape).inverse(),
                           r.out[0].dtype);
    const int64_t bytes = static_cast<int64_t>(r.out[0].bytes());
    return make_kernel([copy, bytes](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) parallel_copy(in[0], out[0], bytes);
      copy.run(in[1], out[0]);
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const AttrMap attrs = range_attrs(as<Range>(c.params()));
    return {c.apply("_slice_assign_scalar", {c.out_grad(0)}, attrs),
            c.apply("slice", {c.out_grad(0)}, attrs)};
  };

  OpDef& scalar = register_op("_slice_assign_scalar");
  scalar.aliases = {"_crop_assign_scalar"};
  scalar.doc = "data with its part [begin:end:step] filled with a number.";
  scalar.params = params_spec<AssignScalarParams>();
  scalar.infer_shape = infer_assign;
  scalar.traits.inplace = {{0, 0}};
  scalar.kernel = [](const KernelRequest& r) {
    const AssignScalarParams& p = as<AssignScalarParams>(r.params);
    const Shape& shape = r.in[0].shape;
    StridedView view = slice_view(p, shape, sliced(p, shape, "_slice_assign_scalar")).inverse();
    for (StridedAxis& a : view.axes) a.from = 0;  // one element everywhere
    const StridedCopy copy(view, r.out[0].dtype);
    const ScalarValue value = scalar_value(r.out[0].dtype, p.scalar);
    const int64_t bytes = static_cast<int64_t>(r.out[0].bytes());
    return make_kernel([copy, bytes, value](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) parallel_copy(in[0], out[0], bytes);
      copy.run(value.data(), out[0]);
    });
  };
  scalar.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {c.apply("_slice_assign_scalar", {c.out_grad(0)}, range_attrs(as<Range>(c.params())))};
  };
}

// --- Crop ---

struct CropParams {
  int64_t num_args;
  Tuple offset, h_w;
  bool center_crop;
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "1: the size is h_w; 2: it is that of the second input.");
    v("offset", offset, (Tuple{0, 0}), "Row and column where the part begins.");
    v("h_w", h_w, (Tuple{0, 0}), "Height and width of the part, when there is one input.");
    v("center_crop", center_crop, false, "Take the part from the middle.");
  }
  void finish(const char* op) {
    check(num_args == 1 || num_args == 2, "[", op, "] num_args: got ", num_args, ", expected 1 or 2");
    check(offset.size() == 2 && h_w.size() == 2, "[", op, "] offset and h_w: got ", format_value(offset),
          " and ", format_value(h_w), ", expected two numbers each");
    check(num_args == 2 || (h_w[0] > 0 && h_w[1] > 0), "[", op, "] h_w: got ", format_value(h_w),
          ", expected positive numbers (or a second input)");
  }
};

void crop_begin(const CropParams& p, const Shape& in, const Shape& out, int64_t* begin) {
  for (int i = 0; i < 2; ++i) {
    const int64_t spare = in[2 + i] - out[2 + i];
    check(spare >= 0, "[Crop] the part is larger than data: got ", out, ", expected at most ", in);
    begin[2 + i] = p.center_crop ? spare / 2 : p.offset[static_cast<size_t>(i)];
    check(begin[2 + i] >= 0 && begin[2 + i] <= spare, "[Crop] offset: got ", format_value(p.offset),
          ", expected at most ", in[2] - out[2], " and ", in[3] - out[3], " for data ", in);
  }
}

void infer_crop(ShapeContext& c) {
  const CropParams& p = as<CropParams>(c.params);
  for (const Shape& s : c.in)
    check(!s.has_rank() || s.ndim() == 4, "[Crop] got an input of shape ", s, ", expected 4 dimensions");
  Shape out = c.in[0].has_rank() ? c.in[0] : Shape::unknown(4);
  for (int i = 0; i < 2; ++i) {
    out[2 + i] = p.num_args == 1 ? p.h_w[static_cast<size_t>(i)] : c.in[1].has_rank() ? c.in[1][2 + i] : -1;
  }
  c.set_out(0, out);
  Shape data = Shape::unknown(4);
  data[0] = c.out[0][0];
  data[1] = c.out[0][1];
  c.set_in(0, data);
  if (c.in[0].known() && c.out[0].known()) {
    int64_t begin[Shape::kMaxNDim] = {};
    crop_begin(p, c.in[0], c.out[0], begin);
  }
}

void register_crop() {
  OpDef& op = register_op("Crop");
  op.doc =
      "A part of the rows and columns of data (N, C, H, W): of size h_w, or of the size of a second input.";
  op.params = params_spec<CropParams>();
  op.num_args_key = "num_args";
  op.num_inputs = [](const void* p) { return static_cast<int>(as<CropParams>(p).num_args); };
  op.infer_shape = infer_crop;
  set_view_kernels(op, [](const void* params, const Shape& in, const Shape& out) {
    int64_t begin[Shape::kMaxNDim] = {};
    crop_begin(as<CropParams>(params), in, out, begin);
    return window_view(in, out, begin);
  });
}

}  // namespace

void register_slice_ops() {
  register_slice();
  register_slice_axis();
  register_slice_like();
  register_slice_assign();
  register_crop();
}

}  // namespace symbind
