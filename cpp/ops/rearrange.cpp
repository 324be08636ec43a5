// Elements under other indices: reverse, space_to_depth, depth_to_space, diag.
#include "ops/view_common.h"

namespace symbind {
namespace {

// --- reverse ---

struct ReverseParams {
  Tuple axis;
  template <class V>
  void visit(V& v) {
    v("axis", axis, required, "The axes to reverse.");
  }
};

StridedView reverse_view(const void* params, const Shape& in, const Shape&) {
  std::vector<bool> flipped(static_cast<size_t>(in.ndim()), false);
  for (int64_t a : as<ReverseParams>(params).axis)
    flipped[static_cast<size_t>(normalize_axis(a, in.ndim(), "reverse"))] = true;
  const std::vector<int64_t> strides = row_major_strides(in);
  StridedView view;
  for (size_t i = 0; i < strides.size(); ++i) {
    const int64_t n = in[static_cast<int>(i)];
    if (flipped[i]) view.from_offset += (n - 1) * strides[i];
    view.add(n, flipped[i] ? -strides[i] : strides[i], strides[i]);
  }
  return view;
}

void register_reverse() {
  OpDef& op = register_op("reverse");
  op.aliases = {"flip"};
  op.doc = "data with the order of elements reversed along axes.";
  op.params = params_spec<ReverseParams>();
  op.infer_shape = [](ShapeContext& c) {
    infer_same_shape(c);
    if (!c.in[0].has_rank()) return;
    for (int64_t a : as<ReverseParams>(c.params).axis) normalize_axis(a, c.in[0].ndim(), "reverse");
  };
  set_view_kernels(op, reverse_view);
}

// --- blocks between space and channels ---

struct BlockParams {
  int64_t block_size;
  template <class V>
  void visit(V& v) {
    v("block_size", block_size, required, "Edge of the blocks of rows and columns.");
  }
  void finish(const char* op) {
    check(block_size > 0, "[", op, "] block_size: got ", block_size, ", expected at least 1");
  }
};

// Either direction: channels and space of one side from those of the other.
Shape blocks_moved(const Shape& s, int64_t b, bool to_depth, const char* op) {
  check(s.ndim() == 4, "[", op, "] got shape ", s, ", expected 4 dimensions (N, C, H, W)");
  Shape r = s;
  for (int i = 1; i < 4; ++i) {
    if (s[i] < 0) continue;
    const bool divides = (i == 1) != to_depth;
    const int64_t factor = i == 1 ? b * b : b;
    check(!divides || s[i] % factor == 0, "[", op, "] axis ", i, " of ", s, " has length ", s[i],
          ", expected a multiple of ", factor, " for block_size ", b);
    r[i] = divides ? s[i] / factor : s[i] * factor;
  }
  return r;
}

// Channels of the deep side count (row in block, column in block, channel).
StridedView blocks_view(int64_t b, const Shape& in, const Shape& out, bool to_depth) {
  const Shape &deep = to_depth ? out : in, &wide = to_depth ? in : out;
  const std::vector<int64_t> d = row_major_strides(deep), w = row_major_strides(wide);
  const int64_t channels = wide[1];
  StridedView view;  // from the wide side to the deep one
  view.add(wide[0], w[0], d[0]);
  view.add(b, w[2], b * channels * d[1]);
  view.add(b, w[3], channels * d[1]);
  view.add(channels, w[1], d[1]);
  view.add(deep[2], b * w[2], d[2]);
  view.add(deep[3], b * w[3], d[3]);
  return to_depth ? view : view.inverse();
}

template <bool kToDepth>
void register_blocks(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<BlockParams>();
  op.infer_shape = [](ShapeContext& c) {
    const int64_t b = as<BlockParams>(c.params).block_size;
    if (c.in[0].has_rank()) c.set_out(0, blocks_moved(c.in[0], b, kToDepth, c.op.name.c_str()));
    if (c.out[0].has_rank()) c.set_in(0, blocks_moved(c.out[0], b, !kToDepth, c.op.name.c_str()));
  };
  set_view_kernels(op, [](const void* p, const Shape& in, const Shape& out) {
    return blocks_view(as<BlockParams>(p).block_size, in, out, kToDepth);
  });
}

// --- diag ---

struct DiagParams {
  int64_t k, axis1, axis2;
  template <class V>
  void visit(V& v) {
    v("k", k, int64_t{0}, "Which diagonal: positive above, negative below the main one.");
    v("axis1", axis1, int64_t{0}, "The axis of rows.");
    v("axis2", axis2, int64_t{1}, "The axis of columns.");
  }
};

struct DiagAxes {
  int first, second;
};
DiagAxes diag_axes(const DiagParams& p, const Shape& in) {
  const DiagAxes a{normalize_axis(p.axis1, in.ndim(), "diag"), normalize_axis(p.axis2, in.ndim(), "diag")};
  check(a.first != a.second, "[diag] axis1 and axis2 are the same axis: got ", p.axis1, " and ", p.axis2);
  return a;
}

void infer_diag(ShapeContext& c) {
  const DiagParams& p = as<DiagParams>(c.params);
  const Shape& in = c.in[0];
  if (!in.has_rank()) return;
  if (in.ndim() == 1) {
    const int64_t n = in[0] < 0 ? -1 : in[0] + std::llabs(p.k);
    c.set_out(0, Shape{n, n});
    if (c.out[0][0] >= 0) c.set_in(0, Shape{c.out[0][0] - std::llabs(p.k)});
    return;
  }
  const DiagAxes a = diag_axes(p, in);
  Shape out;
  out.resize(0);
  for (int i = 0; i < in.ndim(); ++i) {
    if (i != a.first && i != a.second) out.push_back(in[i]);
  }
  const int64_t rows = in[a.first] + (p.k < 0 ? p.k : 0), columns = in[a.second] - (p.k > 0 ? p.k : 0);
  const bool known = in[a.first] >= 0 && in[a.second] >= 0;
  check(!known || (rows >= 0 && columns >= 0), "[diag] there is no diagonal ", p.k, " in data of shape ", in);
  out.push_back(known ? std::min(rows, columns) : -1);
  c.set_out(0, out);
}

StridedView diag_view(const void* params, const Shape& in, const Shape& out) {
  const DiagParams& p = as<DiagParams>(params);
  const std::vector<int64_t> from = row_major_strides(in), to = row_major_strides(out);
  StridedView view;
  if (in.ndim() == 1) {
    view.to_offset = p.k >= 0 ? p.k : -p.k * to[0];
    view.add(in[0], 1, to[0] + 1);
    return view;
  }
  const DiagAxes a = diag_axes(p, in);
  size_t next = 0;
  for (int i = 0; i < in.ndim(); ++i) {
    if (i != a.first && i != a.second) view.add(in[i], from[static_cast<size_t>(i)], to[next++]);
  }
  const int64_t row = from[static_cast<size_t>(a.first)], column = from[static_cast<size_t>(a.second)];
  view.from_offset = p.k >= 0 ? p.k * column : -p.k * row;
  view.add(out.at(-1), row + column, 1);
  return view;
}

void register_diag() {
  OpDef& op = register_op("diag");
  op.doc =
      "A diagonal of a matrix, or of the matrices that two axes of data make (then it is the last axis of "
      "the "
      "output); of a vector, the matrix that has it as a diagonal.";
  op.params = params_spec<DiagParams>();
  op.infer_shape = infer_diag;
  set_view_kernels(op, diag_view);
  op.kernel = [](const KernelRequest& r) {  // of a vector, the rest is zero
    return strided_copy_kernel(diag_view(r.params, r.in[0].shape, r.out[0].shape), r.out[0], true);
  };
}

}  // namespace

void register_rearrange_ops() {
  register_reverse();
  register_blocks<true>("space_to_depth", "Blocks of rows and columns become channels.");
  register_blocks<false>("depth_to_space", "Channels become blocks of rows and columns.");
  register_diag();
}

}  // namespace symbind
