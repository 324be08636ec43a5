// Operators that keep the elements in order under another shape: Reshape, Flatten, expand_dims, squeeze,
// reshape_like.
#include <numeric>

#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {
namespace {

struct ReshapeParams {
  Tuple shape, target_shape;
  bool reverse, keep_highest;
  template <class V>
  void visit(V& v) {
    v("shape", shape, Tuple{},
      "Target shape. 0 copies a dimension, -1 is inferred, -2 copies all that remain, -3 merges two, -4 "
      "splits one by "
      "the two values that follow.");
    v("reverse", reverse, false, "Match the special values from the right.");
    v("target_shape", target_shape, Tuple{}, "The form of old files: 0 is inferred.");
    v("keep_highest", keep_highest, false, "With target_shape: keep the first dimension.");
  }
};

[[noreturn]] void bad_code(const Tuple& codes, const Shape& in, const char* why) {
  fail("[Reshape] shape ", format_value(codes), " does not fit data of shape ", in, ": ", why);
}

// One left-to-right reading of the special codes; a single -1 in the result is still open.
Shape apply_codes(const Tuple& codes, const Shape& in) {
  Shape out;
  out.resize(0);
  int at = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    const int64_t code = codes[i];
    if (code == 0) {
      if (at >= in.ndim()) bad_code(codes, in, "0 copies a dimension that data does not have");
      out.push_back(in[at++]);
    } else if (code == -1) {
      out.push_back(-1);
      ++at;
    } else if (code == -2) {
      while (at < in.ndim()) out.push_back(in[at++]);
    } else if (code == -3) {
      if (at + 1 >= in.ndim()) bad_code(codes, in, "-3 merges two dimensions that data does not have");
      out.push_back(in[at] < 0 || in[at + 1] < 0 ? -1 : in[at] * in[at + 1]);
      at += 2;
    } else if (code == -4) {
      if (at >= in.ndim() || i + 2 >= codes.size())
        bad_code(codes, in, "-4 needs a dimension and two values");
      const int64_t whole = in[at++];
      int64_t a = codes[i + 1], b = codes[i + 2];
      i += 2;
      if (a == -1 && b == -1) bad_code(codes, in, "only one value after -4 can be -1");
      if (a == -1) a = whole < 0 || b == 0 ? -1 : whole / b;
      if (b == -1) b = whole < 0 || a == 0 ? -1 : whole / a;
      if (whole >= 0 && a * b != whole)
        bad_code(codes, in, "the values after -4 do not multiply to the dimension");
      out.push_back(a);
      out.push_back(b);
    } else if (code > 0) {
      out.push_back(code);
      ++at;
    } else {
      bad_code(codes, in, "codes below -4 do not exist");
    }
  }
  return out;
}

Shape reversed(const Shape& s) {
  Shape r = s;
  for (int i = 0; i < s.ndim(); ++i) r[i] = s[s.ndim() - 1 - i];
  return r;
}

// Codes for reading from the right: the two values after -4 keep their order relative to it.
Tuple reversed_codes(const Tuple& codes) {
  Tuple r(codes.rbegin(), codes.rend());
  for (size_t i = 0; i + 2 < r.size() + 0; ++i) {
    if (r[i + 2] == -4) {  // (b, a, -4) -> (-4, b, a)
      std::swap(r[i + 2], r[i + 1]);
      std::swap(r[i + 1], r[i]);
      i += 2;
    }
  }
  return r;
}

Shape target_of(const ReshapeParams& p, const Shape& in) {
  Shape out;
  if (p.shape.empty() && !p.target_shape.empty()) {
    out = Shape(p.target_shape.begin(), p.target_shape.end());
    if (p.keep_highest && out.ndim() > 0 && in.has_rank()) out[0] = in[0];
    for (int i = p.keep_highest ? 1 : 0; i < out.ndim(); ++i) out[i] = out[i] == 0 ? -1 : out[i];
  } else if (p.reverse) {
    out = reversed(apply_codes(reversed_codes(p.shape), reversed(in)));
  } else {
    out = apply_codes(p.shape, in);
  }
  if (!in.known()) return out;
  int open = -1;
  int64_t rest = 1;
  for (int i = 0; i < out.ndim(); ++i) {
    if (out[i] >= 0) {
      rest *= out[i];
    } else {
      check(open < 0, "[Reshape] shape ", format_value(p.shape), ": only one dimension can be inferred");
      open = i;
    }
  }
  if (open >= 0) {
    check(rest > 0 ? in.size() % rest == 0 : in.size() == 0, "[Reshape] cannot reshape ", in, " (", in.size(),
          " elements) to ", format_value(p.shape.empty() ? p.target_shape : p.shape));
    out[open] = rest > 0 ? in.size() / rest : 0;
  }
  check(out.size() == in.size(), "[Reshape] cannot reshape ", in, " (", in.size(), " elements) to ", out,
        " (", out.size(), " elements)");
  return out;
}

void infer_reshape(ShapeContext& c) {
  const ReshapeParams& p = as<ReshapeParams>(c.params);
  check(!p.shape.empty() || !p.target_shape.empty(), "[Reshape] shape is required");
  if (c.in[0].has_rank()) {
    c.set_out(0, target_of(p, c.in[0]));
    // One unknown input dimension follows from a known output.
    if (c.out[0].known() && !c.in[0].known()) {
      int open = -1, count = 0;
      int64_t rest = 1;
      for (int i = 0; i < c.in[0].ndim(); ++i) {
        if (c.in[0][i] < 0) {
          open = i;
          ++count;
        } else {
          rest *= c.in[0][i];
        }
      }
      if (count == 1 && rest > 0 && c.out[0].size() % rest == 0) c.in[0][open] = c.out[0].size() / rest;
    }
  }
}

void infer_flatten(ShapeContext& c) {
  const Shape& in = c.in[0];
  if (in.has_rank()) {
    check(in.ndim() >= 1, "[Flatten] data: got a scalar, expected at least one dimension");
    int64_t columns = 1;
    for (int i = 1; i < in.ndim(); ++i) columns = columns < 0 || in[i] < 0 ? -1 : columns * in[i];
    c.set_out(0, Shape{in[0], columns});
    if (c.out[0][0] >= 0) c.in[0][0] = c.out[0][0];
  } else {
    c.set_out(0, Shape{-1, -1});
  }
}

struct AxisParams {
  int64_t axis;
  template <class V>
  void visit(V& v) {
    v("axis", axis, required, "Where the new axis goes; negative counts from the end of the output.");
  }
};

void infer_expand_dims(ShapeContext& c) {
  const int64_t axis = as<AxisParams>(c.params).axis;
  if (c.in[0].has_rank()) {
    const Shape& in = c.in[0];
    const int at = normalize_axis(axis, in.ndim() + 1, "expand_dims");
    Shape out(in.begin(), in.begin() + at);
    if (at == 0) out.resize(0);
    out.push_back(1);
    for (int i = at; i < in.ndim(); ++i) out.push_back(in[i]);
    c.set_out(0, out);
  }
  if (c.out[0].has_rank() && c.out[0].ndim() > 0) {
    const int at = normalize_axis(axis, c.out[0].ndim(), "expand_dims");
    Shape in;
    in.resize(0);
    for (int i = 0; i < c.out[0].ndim(); ++i) {
      if (i != at) in.push_back(c.out[0][i]);
    }
    c.set_in(0, in);
  }
}

struct SqueezeParams {
  std::optional<Tuple> axis;
  template <class V>
  void visit(V& v) {
    v("axis", axis, std::optional<Tuple>(), "Axes of length 1 to remove; None removes all of them.");
  }
};

void infer_squeeze(ShapeContext& c) {
  const SqueezeParams& p = as<SqueezeParams>(c.params);
  const Shape& in = c.in[0];
  if (!in.has_rank() || (!p.axis && !in.known())) return;
  std::vector<char> drop(static_cast<size_t>(in.ndim()), 0);
  if (p.axis) {
    for (int64_t a : *p.axis) {
      const int at = normalize_axis(a, in.ndim(), "squeeze");
      check(in[at] == 1 || in[at] < 0, "[squeeze] axis ", a, " of ", in, " has length ", in[at],
            ", expected 1");
      drop[static_cast<size_t>(at)] = 1;
    }
  } else {
    for (int i = 0; i < in.ndim(); ++i) drop[static_cast<size_t>(i)] = in[i] == 1;
  }
  Shape out;
  out.resize(0);
  for (int i = 0; i < in.ndim(); ++i) {
    if (!drop[static_cast<size_t>(i)]) out.push_back(in[i]);
  }
  if (out.ndim() == 0) out.push_back(1);  // there are no 0-dimensional arrays
  c.set_out(0, out);
}

struct ReshapeLikeParams {
  std::optional<int64_t> lhs_begin, lhs_end, rhs_begin, rhs_end;
  template <class V>
  void visit(V& v) {
    v("lhs_begin", lhs_begin, std::optional<int64_t>(), "First axis of lhs to replace; None is 0.");
    v("lhs_end", lhs_end, std::optional<int64_t>(), "End of the axes of lhs to replace; None is all.");
    v("rhs_begin", rhs_begin, std::optional<int64_t>(), "First axis of rhs to take.");
    v("rhs_end", rhs_end, std::optional<int64_t>(), "End of the axes of rhs to take.");
  }
};

void infer_reshape_like(ShapeContext& c) {
  const ReshapeLikeParams& p = as<ReshapeLikeParams>(c.params);
  if (!c.in[0].has_rank() || !c.in[1].has_rank()) return;
  auto range = [](const std::optional<int64_t>& begin, const std::optional<int64_t>& end, int ndim, int& b,
                  int& e) {
    b = static_cast<int>(begin.value_or(0));
    e = static_cast<int>(end.value_or(ndim));
    if (b < 0) b += ndim;
    if (e < 0) e += ndim;
    check(b >= 0 && e <= ndim && b <= e, "[reshape_like] axes ", b, " to ", e, " of ", ndim, " dimensions");
  };
  int lb, le, rb, re;
  range(p.lhs_begin, p.lhs_end, c.in[0].ndim(), lb, le);
  range(p.rhs_begin, p.rhs_end, c.in[1].ndim(), rb, re);
  Shape out;
  out.resize(0);
  for (int i = 0; i < lb; ++i) out.push_back(c.in[0][i]);
  for (int i = rb; i < re; ++i) out.push_back(c.in[1][i]);
  for (int i = le; i < c.in[0].ndim(); ++i) out.push_back(c.in[0][i]);
  if (out.known() && c.in[0].known()) {
    check(out.size() == c.in[0].size(), "[reshape_like] cannot reshape ", c.in[0], " to ", out);
  }
  c.set_out(0, out);
}

// The gradient has the data's shape and the same bytes.
std::vector<EntryId> reshape_gradient(GradContext& c) {
  std::vector<EntryId> grads(static_cast<size_t>(c.num_inputs()));
  if (c.out_grads[0].valid()) grads[0] = {c.backward("_reshape_to", {c.out_grad(0)}, {0}), 0};
  return grads;
}

OpDef& register_view(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.traits.identity_view = true;
  op.gradient = reshape_gradient;
  return op;
}

}  // namespace

void register_reshape_ops() {
  OpDef& reshape = register_view("Reshape", "The elements of data, in order, under another shape.");
  reshape.aliases = {"reshape"};
  reshape.params = params_spec<ReshapeParams>();
  reshape.infer_shape = infer_reshape;

  OpDef& flatten = register_view("Flatten", "data (N, d1, d2, ...) as (N, d1*d2*...).");
  flatten.aliases = {"flatten"};
  flatten.infer_shape = infer_flatten;

  OpDef& expand = register_view("expand_dims", "Inserts an axis of length 1.");
  expand.params = params_spec<AxisParams>();
  expand.infer_shape = infer_expand_dims;

  OpDef& squeeze = register_view("squeeze", "Removes axes of length 1.");
  squeeze.params = params_spec<SqueezeParams>();
  squeeze.infer_shape = infer_squeeze;

  OpDef& like =
      register_view("reshape_like", "The elements of lhs under the shape of rhs, or of some of its axes.");
  like.params = params_spec<ReshapeLikeParams>();
  like.inputs = {"lhs", "rhs"};
  like.infer_shape = infer_reshape_like;
  like.infer_type = [](TypeContext& c) {
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  };

  // Output shape is set by whoever builds the node.
  OpDef& to = register_op("_reshape_to");
  to.visible = false;
  to.infer_shape = [](ShapeContext&) {};
  to.traits.identity_view = true;
  to.traits.no_fold = true;
}

}  // namespace symbind
