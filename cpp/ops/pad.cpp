// Pad: rows and columns around data: a constant, the edge, or a reflection.
#include <cstring>

#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

enum class Mode { kConstant, kEdge, kReflect };

struct Params {
  Choice mode;
  Tuple pad_width;
  double constant_value;
  template <class V>
  void visit(V& v) {
    v.choice("mode", mode, {"constant", "edge", "reflect"}, -1,
             "What the new elements are: constant_value, the nearest element, or the reflection of data "
             "without its edge.");
    v("pad_width", pad_width, required,
      "Number of new elements (before, after) for every axis in turn; 0 for the first two axes.");
    v("constant_value", constant_value, 0.0, "The value of new elements in mode 'constant'.");
  }
  int64_t before(int axis) const { return pad_width[static_cast<size_t>(2 * axis)]; }
  int64_t after(int axis) const { return pad_width[static_cast<size_t>(2 * axis + 1)]; }
};

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  const int ndim = static_cast<int>(p.pad_width.size()) / 2;
  check(p.pad_width.size() % 2 == 0 && (ndim == 4 || ndim == 5), "[Pad] pad_width: got ",
        format_value(p.pad_width), ", expected 8 numbers for 4 axes or 10 for 5");
  check(p.before(0) == 0 && p.after(0) == 0 && p.before(1) == 0 && p.after(1) == 0, "[Pad] pad_width: got ",
        format_value(p.pad_width), ", expected 0 for the first two axes");
  check(!c.in[0].has_rank() || c.in[0].ndim() == ndim, "[Pad] data: got shape ", c.in[0], ", expected ", ndim,
        " dimensions as in pad_width ", format_value(p.pad_width));
  Shape out = c.in[0].has_rank() ? c.in[0] : Shape::unknown(ndim);
  for (int i = 0; i < ndim; ++i) {
    if (out[i] < 0) continue;
    check(p.mode != Mode::kReflect || (p.before(i) < out[i] && p.after(i) < out[i]), "[Pad] axis ", i,
          " of data ", c.in[0], " is too short to reflect: got pad_width ", format_value(p.pad_width),
          ", expected less than ", out[i]);
    out[i] += p.before(i) + p.after(i);
    check(out[i] >= 0, "[Pad] pad_width: got ", format_value(p.pad_width), " for data ", c.in[0]);
  }
  c.set_out(0, out);
  Shape data = c.out[0];
  for (int i = 0; i < ndim; ++i) {
    if (data[i] >= 0) data[i] = std::max<int64_t>(data[i] - p.before(i) - p.after(i), 0);
  }
  c.set_in(0, data);
}

// For each index of the output the index of the input, or -1: by axis.
using IndexTable = std::vector<int64_t>;
IndexTable index_table(const Params& p, int axis, int64_t in, int64_t out) {
  IndexTable table(static_cast<size_t>(out));
  for (int64_t o = 0; o < out; ++o) {
    int64_t i = o - p.before(axis);
    const bool inside = i >= 0 && i < in;
    if (!inside && p.mode == Mode::kConstant) i = -1;
    if (!inside && p.mode == Mode::kEdge) i = i < 0 ? 0 : in - 1;
    if (!inside && p.mode == Mode::kReflect) i = i < 0 ? -i : 2 * (in - 1) - i;
    table[static_cast<size_t>(o)] = i;
  }
  return table;
}

// data as (images, depth, height, width), with 1 for a depth that does not exist.
struct Plan {
  int64_t images, in[3], out[3];
  IndexTable table[3];
  int64_t inner_begin, inner_end;  // columns of the output that follow each other in the input too

  Plan(const Params& p, const Shape& in_shape, const Shape& out_shape) : images(in_shape[0] * in_shape[1]) {
    for (int k = 0; k < 3; ++k) {
      const int axis = in_shape.ndim() - 3 + k;
      const bool exists = axis >= 2;
      in[k] = exists ? in_shape[axis] : 1;
      out[k] = exists ? out_shape[axis] : 1;
      table[k] = exists ? index_table(p, axis, in[k], out[k]) : IndexTable{0};
    }
    const int last = in_shape.ndim() - 1;
    inner_begin = std::min(std::max<int64_t>(p.before(last), 0), out[2]);
    inner_end = std::max(inner_begin, std::min(out[2], p.before(last) + in[2]));
  }
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

template <class T>
void pad_image(const Plan& plan, const T* x, T* y, T constant) {
  const int64_t width = plan.out[2];
  const IndexTable& columns = plan.table[2];
  for (int64_t d = 0; d < plan.out[0]; ++d) {
    for (int64_t h = 0; h < plan.out[1]; ++h, y += width) {
      const int64_t sd = plan.table[0][static_cast<size_t>(d)], sh = plan.table[1][static_cast<size_t>(h)];
      if (sd < 0 || sh < 0) {
        for (int64_t w = 0; w < width; ++w) y[w] = constant;
        continue;
      }
      const T* row = x + (sd * plan.in[1] + sh) * plan.in[2];
      auto edge = [&](int64_t begin, int64_t end) {
        for (int64_t w = begin; w < end; ++w) {
          const int64_t source = columns[static_cast<size_t>(w)];
          y[w] = source < 0 ? constant : row[source];
        }
      };
      edge(0, plan.inner_begin);
      if (plan.inner_end > plan.inner_begin) {
        std::memcpy(y + plan.inner_begin, row + columns[static_cast<size_t>(plan.inner_begin)],
                    static_cast<size_t>(plan.inner_end - plan.inner_begin) * sizeof(T));
      }
      edge(plan.inner_end, width);
    }
  }
}

// Adds the gradient of each element to that of the element it is a copy of.
template <class T>
void pad_image_backward(const Plan& plan, const T* g, T* x) {
  const int64_t width = plan.out[2];
  const IndexTable& columns = plan.table[2];
  for (int64_t i = 0; i < plan.in_size(); ++i) x[i] = T(0);
  for (int64_t d = 0; d < plan.out[0]; ++d) {
    for (int64_t h = 0; h < plan.out[1]; ++h, g += width) {
      const int64_t sd = plan.table[0][static_cast<size_t>(d)], sh = plan.table[1][static_cast<size_t>(h)];
      if (sd < 0 || sh < 0) continue;
      T* row = x + (sd * plan.in[1] + sh) * plan.in[2];
      auto edge = [&](int64_t begin, int64_t end) {
        for (int64_t w = begin; w < end; ++w) {
          const int64_t source = columns[static_cast<size_t>(w)];
          if (source >= 0) row[source] += g[w];
        }
      };
      edge(0, plan.inner_begin);
      if (plan.inner_end > plan.inner_begin) {
        T* inner = row + columns[static_cast<size_t>(plan.inner_begin)] - plan.inner_begin;
        for (int64_t w = plan.inner_begin; w < plan.inner_end; ++w) inner[w] += g[w];
      }
      edge(plan.inner_end, width);
    }
  }
}

Kernel forward_kernel(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const Plan plan(p, r.in[0].shape, r.out[0].shape);
  const double constant = p.constant_value;
  return visit_dtype(r.in[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([plan, constant](void* const* in, void* const* out, void*) {
      parallel_for(plan.images, 1 + kElementGrain / std::max<int64_t>(plan.out_size(), 1),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                       pad_image(plan, static_cast<const T*>(in[0]) + i * plan.in_size(),
                                 static_cast<T*>(out[0]) + i * plan.out_size(), static_cast<T>(constant));
                     }
                   });
    });
  });
}

Kernel backward_kernel(const KernelRequest& r) {
  const Plan plan(as<Params>(r.params), r.out[0].shape, r.in[0].shape);
  return visit_float(r.in[0].dtype, "Pad", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([plan](void* const* in, void* const* out, void*) {
      parallel_for(plan.images, 1 + kElementGrain / std::max<int64_t>(plan.out_size(), 1),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                       pad_image_backward(plan, static_cast<const T*>(in[0]) + i * plan.out_size(),
                                          static_cast<T*>(out[0]) + i * plan.in_size());
                     }
                   });
    });
  });
}

}  // namespace

void register_pad_ops() {
  OpDef& op = register_op("Pad");
  op.aliases = {"pad"};
  op.doc = "data (N, C, [D,] H, W) with new elements before and after its spatial axes.";
  op.params = params_spec<Params>();
  op.infer_shape = infer_shape;
  op.kernel = forward_kernel;
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_Pad", {c.out_grad(0)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_Pad", {"out_grad"});
  back.params = op.params;
  back.kernel = backward_kernel;
}

}  // namespace symbind
