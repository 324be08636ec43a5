// _contrib_box_nms: keeps the best of overlapping boxes.
#include <cmath>

#include "backend/cpu/parallel.h"
#include "ops/box_common.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  double overlap_thresh, valid_thresh;
  int64_t topk, coord_start, score_index, id_index, background_id;
  bool force_suppress;
  Choice in_format, out_format;
  template <class V>
  void visit(V& v) {
    v("overlap_thresh", overlap_thresh, 0.5, "Boxes that overlap a better one by more are dropped.");
    v("valid_thresh", valid_thresh, 0.0, "Boxes of lower or equal score are dropped first.");
    v("topk", topk, int64_t{-1}, "How many of the best boxes take part; all when negative. 0 does nothing.");
    v("coord_start", coord_start, int64_t{2}, "Where the four coordinates begin in a row.");
    v("score_index", score_index, int64_t{1}, "Where the score is in a row.");
    v("id_index", id_index, int64_t{-1}, "Where the class is in a row; negative: there is none.");
    v("background_id", background_id, int64_t{-1}, "Boxes of this class are dropped.");
    v("force_suppress", force_suppress, false, "Let boxes of different classes suppress each other.");
    v.choice("in_format", in_format, {"corner", "center"}, 0,
             "corner: (xmin, ymin, xmax, ymax); center: (x, y, width, height).");
    v.choice("out_format", out_format, {"corner", "center"}, 0, "As in_format, for the output.");
  }
};

BoxFormat format_of(const Choice& c) {
  return c == BoxFormat::kCorner ? BoxFormat::kCorner : BoxFormat::kCenter;
}

void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  check(data.ndim() >= 2, "[", c.op.name, "] data: got shape ", data, ", expected (..., boxes, row)");
  const int64_t width = data.at(-1);
  auto within = [&](const char* name, int64_t index, int64_t least, int64_t count) {
    check(index >= least && (width < 0 || index + count <= width), "[", c.op.name, "] ", name, ": got ",
          index, ", expected an index into rows of ", width, " numbers");
  };
  within("coord_start", p.coord_start, 0, 4);
  within("score_index", p.score_index, 0, 1);
  if (p.id_index >= 0) within("id_index", p.id_index, 0, 1);
  Shape record = data;
  record[data.ndim() - 1] = 1;
  c.set_out(1, record);
}

// What one thread needs for one batch of boxes.
template <class A>
struct Scratch {
  int32_t* order;
  A* score;
  Box<A>* box;
  A* area;
  bool* dropped;
  static size_t bytes(int64_t n) {
    return static_cast<size_t>(n) * (sizeof(int32_t) + sizeof(bool) + 6 * sizeof(A)) + 64;
  }
  Scratch(void* memory, int64_t n) {
    box = static_cast<Box<A>*>(memory);
    area = reinterpret_cast<A*>(box + n);
    score = area + n;
    order = reinterpret_cast<int32_t*>(score + n);
    dropped = reinterpret_cast<bool*>(order + n);
  }
};

// Numbers of the rows that take part, best first; equal scores keep their order.
template <class T, class A>
int64_t select(const Params& p, const T* rows, int64_t n, int64_t width, Scratch<A>& s) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T* row = rows + i * width;
    s.score[i] = A(row[p.score_index]);
    const bool background = p.id_index >= 0 && A(row[p.id_index]) == A(p.background_id);
    if (s.score[i] > A(static_cast<float>(p.valid_thresh)) && !background)
      s.order[count++] = static_cast<int32_t>(i);
  }
  const A* score = s.score;
  auto better = [score](int32_t a, int32_t b) { return score[a] != score[b] ? score[a] > score[b] : a < b; };
  const int64_t kept = p.topk < 0 ? count : std::min(count, p.topk);
  if (kept < count) {
    std::partial_sort(s.order, s.order + kept, s.order + count, better);
  } else {
    std::sort(s.order, s.order + count, better);
  }
  return kept;
}

// Marks the rows that a better one suppresses.
template <class T, class A>
void suppress(const Params& p, const T* rows, int64_t width, int64_t count, Scratch<A>& s) {
  const A threshold = A(static_cast<float>(p.overlap_thresh));
  for (int64_t i = 0; i < count; ++i) {
    s.box[i] = read_box<A>(rows + s.order[i] * width + p.coord_start, format_of(p.in_format));
    s.area[i] = s.box[i].area();
    s.dropped[i] = false;
  }
  const bool by_class = p.id_index >= 0 && !p.force_suppress;
  auto id = [&](int64_t i) { return A(rows[s.order[i] * width + p.id_index]); };
  for (int64_t i = 0; i < count; ++i) {
    if (s.dropped[i]) continue;
    const Box<A> best = s.box[i];
    for (int64_t j = i + 1; j < count; ++j) {
      if (s.dropped[j] || (by_class && id(i) != id(j))) continue;
      const A common = intersection(best, s.box[j]);
      if (common / (s.area[i] + s.area[j] - common) > threshold) s.dropped[j] = true;
    }
  }
}

template <class T, class A>
void write_row(const Params& p, const T* from, int64_t width, const Box<A>& box, T* to) {
  std::copy(from, from + width, to);
  if (p.in_format.value == p.out_format.value) return;
  T* coord = to + p.coord_start;
  const bool corner = p.out_format == BoxFormat::kCorner;
  coord[0] = T(corner ? box.x0 : (box.x0 + box.x1) / 2);
  coord[1] = T(corner ? box.y0 : (box.y0 + box.y1) / 2);
  coord[2] = T(corner ? box.x1 : box.x1 - box.x0);
  coord[3] = T(corner ? box.y1 : box.y1 - box.y0);
}

// Survivors, best first, then rows of -1. `record` gets the row each output row comes from.
template <class T>
Kernel forward_kernel(const Params& p, int64_t batch, int64_t n, int64_t width, bool keep_record) {
  using A = accumulate_t<T>;
  const size_t bytes = Scratch<A>::bytes(n);
  return make_kernel(
      [=](void* const* in, void* const* out, void* workspace) {
        parallel_for(batch, 1, [=](int64_t begin, int64_t end) {
          for (int64_t b = begin; b < end; ++b) {
            const T* rows = static_cast<const T*>(in[0]) + b * n * width;
            T* result = static_cast<T*>(out[0]) + b * n * width;
            T* record = keep_record ? static_cast<T*>(out[1]) + b * n : nullptr;
            Scratch<A> s(static_cast<char*>(workspace) + static_cast<size_t>(b) * bytes, n);
            if (p.topk == 0) {  // MXNet hands everything on
              std::copy(rows, rows + n * width, result);
              for (int64_t i = 0; record != nullptr && i < n; ++i) record[i] = T(i);
              continue;
            }
            const int64_t count = select(p, rows, n, width, s);
            suppress(p, rows, width, count, s);
            int64_t kept = 0;
            for (int64_t i = 0; i < count; ++i) {
              if (s.dropped[i]) continue;
              write_row(p, rows + s.order[i] * width, width, s.box[i], result + kept * width);
              if (record != nullptr) record[kept] = T(s.order[i]);
              ++kept;
            }
            std::fill(result + kept * width, result + n * width, T(-1));
            if (record != nullptr) std::fill(record + kept, record + n, T(-1));
          }
        });
      },
      bytes * static_cast<size_t>(batch));
}

// Inputs out_grad, record: every gradient goes back to the row that its output row came from.
template <class T>
Kernel backward_kernel(int64_t batch, int64_t n, int64_t width) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    parallel_for(batch, 1, [=](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const T* g = static_cast<const T*>(in[0]) + b * n * width;
        const T* record = static_cast<const T*>(in[1]) + b * n;
        T* grad = static_cast<T*>(out[0]) + b * n * width;
        std::fill(grad, grad + n * width, T(0));
        for (int64_t i = 0; i < n; ++i) {
          if (record[i] < T(0)) continue;
          std::copy(g + i * width, g + (i + 1) * width, grad + static_cast<int64_t>(record[i]) * width);
        }
      }
    });
  });
}

}  // namespace

void register_box_nms_ops() {
  OpDef& op = register_op("_contrib_box_nms");
  op.aliases = {"_contrib_box_non_maximum_suppression"};
  op.doc =
      "Non-maximum suppression of the boxes in the rows of data (..., boxes, row): rows that survive come "
      "first, by descending score, the others become -1.";
  op.params = params_spec<Params>();
  op.outputs = {"output0", "output1"};
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = infer_shape;
  op.kernel = [](const KernelRequest& r) {
    const Shape& s = r.in[0].shape;
    return visit_float(r.in[0].dtype, "box_nms", [&](auto tag) {
      return forward_kernel<typename decltype(tag)::type>(as<Params>(r.params), s.product(0, s.ndim() - 2),
                                                          s.at(-2), s.at(-1), r.out_used[1]);
    });
  };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward("_backward_contrib_box_nms", {c.out_grad(0), c.output(1)}, {0}), 0}};
  };
  OpDef& back = register_backward_op("_backward_contrib_box_nms", {"out_grad", "record"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) {
    const Shape& s = r.in[0].shape;
    return visit_float(r.in[0].dtype, "box_nms", [&](auto tag) {
      return backward_kernel<typename decltype(tag)::type>(s.product(0, s.ndim() - 2), s.at(-2), s.at(-1));
    });
  };
}

}  // namespace symbind
