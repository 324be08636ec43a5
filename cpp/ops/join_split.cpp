// Concat and SliceChannel (split): each is the other's gradient. Also stack and _split_v2.
#include <cstring>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "ops/concat_params.h"

namespace symbind {
namespace {

struct StackParams {
  int64_t axis, num_args;
  template <class V>
  void visit(V& v) {
    v("axis", axis, int64_t{0}, "Where the new axis goes.");
    v("num_args", num_args, required, "Number of inputs.");
  }
};

struct SplitParams {
  int64_t num_outputs, axis;
  bool squeeze_axis;
  template <class V>
  void visit(V& v) {
    v("num_outputs", num_outputs, required, "Number of equal parts.");
    v("axis", axis, int64_t{1}, "The axis to cut.");
    v("squeeze_axis", squeeze_axis, false, "Remove the axis when every part has length 1 along it.");
  }
};

struct SplitV2Params {
  Tuple indices;
  int64_t axis;
  bool squeeze_axis;
  int64_t sections;
  template <class V>
  void visit(V& v) {
    v("indices", indices, required, "Where each part begins; the last one ends with data.");
    v("axis", axis, int64_t{1}, "The axis to cut.");
    v("squeeze_axis", squeeze_axis, false, "Remove the axis, along which every part must have length 1.");
    v("sections", sections, int64_t{0}, "Number of equal parts, in place of `indices`.");
  }
  void finish(const char* op) {
    check(sections > 0 || !indices.empty(), "[", op, "] got neither indices nor sections");
  }
  int parts() const {
    return static_cast<int>(sections > 0 ? sections : static_cast<int64_t>(indices.size()));
  }
  // The length of part i of an axis of `length`; clamped as Python's slices are.
  int64_t part(int i, int64_t length) const {
    if (sections > 0) return length / sections;
    auto bound = [&](size_t k) {
      return k < indices.size() ? std::min(std::max<int64_t>(indices[k], 0), length) : length;
    };
    return std::max<int64_t>(bound(static_cast<size_t>(i) + 1) - bound(static_cast<size_t>(i)), 0);
  }
};

void infer_concat(ShapeContext& c) {
  const ConcatParams& p = as<ConcatParams>(c.params);
  check(p.num_args > 0, "[Concat] num_args must be positive, got ", p.num_args);
  int ndim = c.out[0].ndim();
  for (const Shape& s : c.in) ndim = s.has_rank() ? s.ndim() : ndim;
  if (ndim < 0) return;
  const int dim = normalize_axis(p.dim, ndim, "Concat");
  // All but the joined axis agree.
  Shape common = Shape::unknown(ndim);
  auto agree = [&](Shape s, const char* what) {
    if (!s.has_rank()) return;
    check(s.ndim() == ndim, "[Concat] ", what, ": got shape ", s, ", expected ", ndim, " dimensions");
    s[dim] = -1;
    check(merge_shape(common, s), "[Concat] ", what, ": got shape ", s, ", expected ", common,
          " apart from axis ", dim);
  };
  for (size_t i = 0; i < c.in.size(); ++i) agree(c.in[i], concat("arg", i).c_str());
  agree(c.out[0], "output");
  int64_t known = 0;
  int unknown_input = -1, unknown_count = 0;
  for (size_t i = 0; i < c.in.size(); ++i) {
    c.set_in(static_cast<int>(i), common);
    if (c.in[i][dim] < 0) {
      unknown_input = static_cast<int>(i);
      ++unknown_count;
    } else {
      known += c.in[i][dim];
    }
  }
  Shape out = common;
  out[dim] = unknown_count == 0 ? known : -1;
  c.set_out(0, out);
  if (unknown_count == 1 && c.out[0][dim] >= known)
    c.in[static_cast<size_t>(unknown_input)][dim] = c.out[0][dim] - known;
}

void infer_stack(ShapeContext& c) {
  const StackParams& p = as<StackParams>(c.params);
  Shape all;
  for (const Shape& s : c.in)
    check(merge_shape(all, s), "[stack] inputs differ in shape: got ", s, ", expected ", all);
  if (!all.has_rank()) return;
  const int axis = normalize_axis(p.axis, all.ndim() + 1, "stack");
  for (size_t i = 0; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), all);
  Shape out;
  out.resize(0);
  for (int i = 0; i <= all.ndim(); ++i)
    out.push_back(i < axis ? all[i] : i == axis ? p.num_args : all[i - 1]);
  c.set_out(0, out);
}

void infer_split(ShapeContext& c) {
  const SplitParams& p = as<SplitParams>(c.params);
  check(p.num_outputs > 0, "[SliceChannel] num_outputs must be positive, got ", p.num_outputs);
  Shape part;
  for (const Shape& s : c.out) check(merge_shape(part, s), "[SliceChannel] outputs differ in shape");
  if (c.in[0].has_rank()) {
    const int axis = normalize_axis(p.axis, c.in[0].ndim(), "SliceChannel");
    Shape from_data = c.in[0];
    const int64_t length = c.in[0][axis];
    if (length >= 0) {
      check(length % p.num_outputs == 0, "[SliceChannel] axis ", p.axis, " of data ", c.in[0], " has length ",
            length, ", which num_outputs ", p.num_outputs, " does not divide");
      from_data[axis] = length / p.num_outputs;
      check(!p.squeeze_axis || from_data[axis] == 1,
            "[SliceChannel] squeeze_axis needs parts of length 1, got ", from_data[axis]);
    }
    if (p.squeeze_axis) {
      Shape squeezed;
      squeezed.resize(0);
      for (int i = 0; i < from_data.ndim(); ++i) {
        if (i != axis) squeezed.push_back(from_data[i]);
      }
      if (squeezed.ndim() == 0) squeezed.push_back(1);
      from_data = squeezed;
    }
    check(merge_shape(part, from_data), "[SliceChannel] output: got shape ", part, ", expected ", from_data);
  }
  if (!part.has_rank()) return;
  for (size_t i = 0; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), part);
  Shape data = part;
  if (p.squeeze_axis) {
    const int axis = normalize_axis(p.axis, part.ndim() + 1, "SliceChannel");
    if (part.ndim() + 1 == (c.in[0].has_rank() ? c.in[0].ndim() : part.ndim() + 1)) {
      data.resize(0);
      for (int i = 0; i <= part.ndim(); ++i)
        data.push_back(i < axis ? part[i] : i == axis ? p.num_outputs : part[i - 1]);
      c.set_in(0, data);
    }
  } else {
    const int axis = normalize_axis(p.axis, part.ndim(), "SliceChannel");
    if (data[axis] >= 0) data[axis] *= p.num_outputs;
    c.set_in(0, data);
  }
}

void infer_split_v2(ShapeContext& c) {
  const SplitV2Params& p = as<SplitV2Params>(c.params);
  if (!c.in[0].has_rank()) return;
  const int axis = normalize_axis(p.axis, c.in[0].ndim(), "_split_v2");
  const int64_t length = c.in[0][axis];
  check(p.sections == 0 || length < 0 || length % p.sections == 0, "[_split_v2] axis ", p.axis, " of data ",
        c.in[0], " has length ", length, ", which sections ", p.sections, " does not divide");
  // Parts tell the other axes of data.
  Shape data = c.in[0];
  for (int i = 0; i < p.parts(); ++i) {
    Shape part;
    part.resize(0);
    for (int a = 0; a < c.in[0].ndim(); ++a) {
      if (a != axis) {
        part.push_back(c.in[0][a]);
      } else {
        const int64_t n = length < 0 ? -1 : p.part(i, length);
        check(!p.squeeze_axis || n < 0 || n == 1, "[_split_v2] squeeze_axis needs parts of length 1, got ",
              n);
        if (!p.squeeze_axis) part.push_back(n);
      }
    }
    if (part.ndim() == 0) part.push_back(1);
    c.set_out(i, part);
    for (int a = 0, k = 0; a < data.ndim(); ++a) {
      if (a != axis) {
        data[a] = c.out[static_cast<size_t>(i)][k++];
      } else if (!p.squeeze_axis) {
        ++k;
      }
    }
  }
  c.set_in(0, data);
}

// A joined tensor as (outer, total bytes per outer row), its parts as (outer, bytes[i]).
struct Parts {
  int64_t outer = 1;
  int64_t total = 0;
  std::vector<int64_t> bytes;
};

Parts parts_of(const TensorDesc& joined, int axis, Span<const TensorDesc> parts) {
  Parts r;
  r.outer = joined.shape.product(0, axis);
  for (const TensorDesc& part : parts) {
    const int64_t all = part.shape.size() * static_cast<int64_t>(dtype_size(part.dtype));
    r.bytes.push_back(r.outer > 0 ? all / r.outer : 0);
    r.total += r.bytes.back();
  }
  return r;
}

// Copies between the parts (pointers `parts`) and the joined tensor; null parts are skipped.
template <bool kJoin>
Kernel move_kernel(Parts p) {
  return make_kernel([p](void* const* in, void* const* out, void*) {
    char* joined = static_cast<char*>(kJoin ? out[0] : in[0]);
    void* const* parts = kJoin ? in : out;
    const int64_t grain = 1 + 4 * kElementGrain / (p.total > 0 ? p.total : 1);
    parallel_for(p.outer, grain, [&](int64_t begin, int64_t end) {
      int64_t offset = 0;
      for (size_t i = 0; i < p.bytes.size(); ++i) {
        const int64_t n = p.bytes[i];
        char* part = static_cast<char*>(parts[i]);
        if (part != nullptr && n > 0) {
          for (int64_t row = begin; row < end; ++row) {
            char* whole = joined + row * p.total + offset;
            if (kJoin) {
              std::memcpy(whole, part + row * n, static_cast<size_t>(n));
            } else {
              std::memcpy(part + row * n, whole, static_cast<size_t>(n));
            }
          }
        }
        offset += n;
      }
    });
  });
}

using AxisFn = int (*)(const void* params, const Shape& joined);

int concat_axis(const void* p, const Shape& joined) {
  return normalize_axis(as<ConcatParams>(p).dim, joined.ndim(), "Concat");
}
int stack_axis(const void* p, const Shape& joined) {
  return normalize_axis(as<StackParams>(p).axis, joined.ndim(), "stack");
}
int split_axis(const void* p, const Shape& joined) {
  return normalize_axis(as<SplitParams>(p).axis, joined.ndim(), "SliceChannel");
}

int split_v2_axis(const void* p, const Shape& joined) {
  return normalize_axis(as<SplitV2Params>(p).axis, joined.ndim(), "_split_v2");
}

void register_join(const char* name, const ParamsSpec& params, AxisFn axis_of, int (*count)(const void*),
                   void (*infer)(ShapeContext&), const char* doc, std::vector<std::string> aliases) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.aliases = std::move(aliases);
  op.params = params;
  op.num_args_key = "num_args";
  op.num_inputs = count;
  op.infer_shape = infer;
  op.kernel = [axis_of](const KernelRequest& r) {
    return move_kernel<true>(parts_of(r.out[0], axis_of(r.params, r.out[0].shape), r.in));
  };
  const std::string back_name = std::string("_backward_") + name;
  op.gradient = [back_name](GradContext& c) {
    const int n = c.num_inputs();
    std::vector<int> like;
    for (int i = 0; i < n; ++i) like.push_back(i);
    const int32_t id = c.backward(back_name.c_str(), {c.out_grad(0)}, like);
    std::vector<EntryId> grads;
    for (int i = 0; i < n; ++i) grads.push_back({id, i});
    return grads;
  };
  OpDef& back = register_op(back_name);
  back.visible = false;
  back.params = params;
  back.num_outputs = count;
  back.infer_shape = [](ShapeContext&) {};
  back.kernel = [axis_of](const KernelRequest& r) {
    return move_kernel<false>(parts_of(r.in[0], axis_of(r.params, r.in[0].shape), r.out));
  };
}

void register_split(const char* name, const ParamsSpec& params, int (*count)(const void*), AxisFn axis_of,
                    void (*infer)(ShapeContext&), const char* doc, std::vector<std::string> aliases) {
  OpDef& op = register_op(name);
  op.aliases = std::move(aliases);
  op.doc = doc;
  op.params = params;
  op.num_outputs = count;
  op.output_names = [count](const void* p) {
    std::vector<std::string> names;
    for (int i = 0; i < count(p); ++i) names.push_back(concat("output", i));
    return names;
  };
  op.infer_shape = infer;
  op.kernel = [axis_of](const KernelRequest& r) {
    return move_kernel<false>(parts_of(r.in[0], axis_of(r.params, r.in[0].shape), r.out));
  };
  const std::string back_name = std::string("_backward_") + name;
  op.gradient = [back_name](GradContext& c) -> std::vector<EntryId> {
    std::vector<EntryId> grads;
    for (int i = 0; i < static_cast<int>(c.out_grads.size()); ++i) grads.push_back(c.out_grad(i));
    return {{c.backward(back_name.c_str(), grads, {0}), 0}};
  };
  OpDef& back = register_op(back_name);
  back.visible = false;
  back.params = params;
  back.num_inputs = op.num_outputs;
  back.input_names = op.output_names;
  back.infer_shape = [](ShapeContext&) {};
  back.kernel = [axis_of](const KernelRequest& r) {
    return move_kernel<true>(parts_of(r.out[0], axis_of(r.params, r.out[0].shape), r.in));
  };
}

}  // namespace

void register_join_split_ops() {
  register_join("Concat", params_spec<ConcatParams>(), concat_axis,
                [](const void* p) { return static_cast<int>(as<ConcatParams>(p).num_args); }, infer_concat,
                "Joins arrays along an axis.", {"concat"});
  register_join("stack", params_spec<StackParams>(), stack_axis,
                [](const void* p) { return static_cast<int>(as<StackParams>(p).num_args); }, infer_stack,
                "Joins arrays of one shape along a new axis.", {});
  register_split("SliceChannel", params_spec<SplitParams>(),
                 [](const void* p) { return static_cast<int>(as<SplitParams>(p).num_outputs); }, split_axis,
                 infer_split, "Cuts data into num_outputs equal parts along an axis.", {"split"});
  register_split("_split_v2", params_spec<SplitV2Params>(),
                 [](const void* p) { return as<SplitV2Params>(p).parts(); }, split_v2_axis, infer_split_v2,
                 "Cuts data into parts along an axis, that begin at given indices or have equal lengths.",
                 {});
}

}  // namespace symbind
