// Boxes: _contrib_box_iou, _contrib_bipartite_matching, _contrib_box_encode, _contrib_box_decode.
#include <cmath>

#include "backend/cpu/parallel.h"
#include "ops/box_common.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct IouParams {
  Choice format;
  template <class V>
  void visit(V& v) {
    v.choice("format", format, {"corner", "center"}, 0,
             "corner: (xmin, ymin, xmax, ymax); center: (x, y, width, height).");
  }
};

struct MatchingParams {
  bool is_ascend;
  double threshold;
  int64_t topk;
  template <class V>
  void visit(V& v) {
    v("is_ascend", is_ascend, false, "Match the smallest scores first instead of the largest.");
    v("threshold", threshold, required, "Scores that are not above it (ascending: below it) match nothing.");
    v("topk", topk, int64_t{-1}, "Stop when there are more matches than this; 0 or less: no limit.");
  }
};

struct DecodeParams {
  double std0, std1, std2, std3, clip;
  Choice format;
  template <class V>
  void visit(V& v) {
    v("std0", std0, 1.0, "Multiplies the offset of x.");
    v("std1", std1, 1.0, "Multiplies the offset of y.");
    v("std2", std2, 1.0, "Multiplies the logarithm of the width.");
    v("std3", std3, 1.0, "Multiplies the logarithm of the height.");
    v("clip", clip, -1.0, "When positive, the scaled logarithms are at most this.");
    v.choice("format", format, {"corner", "center"}, 1, "How anchors are written.");
  }
};

struct NoParams {
  template <class V>
  void visit(V&) {}
};

void expect_rank(const ShapeContext& c, int input, int ndim, const char* what) {
  const Shape& s = c.in[input];
  check(!s.has_rank() || s.ndim() == ndim, "[", c.op.name, "] ", c.op.inputs[input], ": got shape ", s,
        ", expected ", what);
}

// ---- box_iou: every box of lhs with every box of rhs.

void infer_iou(ShapeContext& c) {
  Shape out;
  out.resize(0);
  for (int i = 0; i < 2; ++i) {
    const Shape& s = c.in[i];
    if (!s.has_rank()) return;
    check(s.ndim() >= 2 && (s.at(-1) == 4 || s.at(-1) < 0), "[", c.op.name, "] ", c.op.inputs[i],
          ": got shape ", s, ", expected (..., 4) with at least 2 dimensions");
    for (int k = 0; k + 1 < s.ndim(); ++k) out.push_back(s[k]);
  }
  c.set_out(0, out);
}

Kernel iou_kernel(const KernelRequest& r) {
  const BoxFormat format =
      as<IouParams>(r.params).format == BoxFormat::kCorner ? BoxFormat::kCorner : BoxFormat::kCenter;
  const int64_t rows = r.in[0].shape.product(0, r.in[0].shape.ndim() - 1);
  const int64_t cols = r.in[1].shape.product(0, r.in[1].shape.ndim() - 1);
  return visit_float(r.in[0].dtype, "box_iou", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = accumulate_t<T>;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T* lhs = static_cast<const T*>(in[0]);
      const T* rhs = static_cast<const T*>(in[1]);
      T* y = static_cast<T*>(out[0]);
      parallel_for(rows, 1 + kElementGrain / 8 / std::max<int64_t>(cols, 1), [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const Box<A> box = read_box<A>(lhs + 4 * i, format);
          for (int64_t j = 0; j < cols; ++j) y[i * cols + j] = T(iou(box, read_box<A>(rhs + 4 * j, format)));
        }
      });
    });
  });
}

// ---- bipartite_matching: takes scores in order, matching rows and columns that are still free.

void infer_matching(ShapeContext& c) {
  const Shape& s = c.in[0];
  if (!s.has_rank()) return;
  check(s.ndim() >= 2, "[", c.op.name, "] data: got shape ", s, ", expected (..., rows, columns)");
  Shape rows(s.begin(), s.end() - 1), cols(s.begin(), s.end() - 2);
  cols.push_back(s.at(-1));
  c.set_out(0, rows);
  c.set_out(1, cols);
}

template <class T>
void match(const MatchingParams& p, const T* score, int64_t rows, int64_t cols, int32_t* order, T* to_col,
           T* to_row) {
  using A = accumulate_t<T>;
  const A threshold = A(static_cast<float>(p.threshold));
  int64_t count = 0;  // a score that is not past the threshold (nan included) can match nothing
  for (int64_t i = 0; i < rows * cols; ++i) {
    if (p.is_ascend ? A(score[i]) < threshold : A(score[i]) > threshold)
      order[count++] = static_cast<int32_t>(i);
  }
  std::sort(order, order + count, [&](int32_t a, int32_t b) {
    const A x = A(score[a]), y = A(score[b]);
    return x != y ? (p.is_ascend ? x < y : x > y) : a < b;
  });
  std::fill(to_col, to_col + rows, T(-1));
  std::fill(to_row, to_row + cols, T(-1));
  int64_t matches = 0;
  for (int64_t k = 0; k < count; ++k) {
    const int64_t i = order[k] / cols, j = order[k] % cols;
    if (to_col[i] != T(-1) || to_row[j] != T(-1)) continue;
    to_col[i] = T(j);
    to_row[j] = T(i);
    if (p.topk > 0 && ++matches > p.topk) break;  // one more than asked for, as MXNet counts
  }
}

Kernel matching_kernel(const KernelRequest& r) {
  const MatchingParams p = as<MatchingParams>(r.params);
  const Shape& s = r.in[0].shape;
  const int64_t batch = s.product(0, s.ndim() - 2), rows = s.at(-2), cols = s.at(-1);
  return visit_float(r.in[0].dtype, "bipartite_matching", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel(
        [=](void* const* in, void* const* out, void* workspace) {
          int32_t* order = static_cast<int32_t*>(workspace);
          parallel_for(batch, 1, [=](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; ++b) {
              match(p, static_cast<const T*>(in[0]) + b * rows * cols, rows, cols, order + b * rows * cols,
                    static_cast<T*>(out[0]) + b * rows, static_cast<T*>(out[1]) + b * cols);
            }
          });
        },
        static_cast<size_t>(batch * rows * cols) * sizeof(int32_t));
  });
}

// ---- box_encode: offsets from anchors to the boxes they are matched with.

void infer_encode(ShapeContext& c) {
  expect_rank(c, 0, 2, "(batch, anchors)");
  expect_rank(c, 2, 3, "(batch, anchors, 4)");
  expect_rank(c, 3, 3, "(batch, boxes, 4)");
  Shape samples = Shape::unknown(2);
  for (const int i : {0, 1, 2}) {
    for (int k = 0; k < 2 && c.in[i].ndim() >= 2; ++k) samples[k] = std::max(samples[k], c.in[i][k]);
  }
  c.set_in(0, samples);
  c.set_in(1, samples);
  const Shape boxes{samples[0], samples[1], 4};
  c.set_in(2, boxes);
  c.set_in(3, Shape{samples[0], -1, 4});
  c.set_in(4, Shape{4});
  c.set_in(5, Shape{4});
  c.set_out(0, boxes);
  c.set_out(1, boxes);
}

template <class A>
void encode_box(const Box<A>& anchor, const Box<A>& target, A (&t)[4]) {
  const A w = anchor.x1 - anchor.x0, h = anchor.y1 - anchor.y0;
  t[0] = ((target.x0 + target.x1) - (anchor.x0 + anchor.x1)) / 2 / w;
  t[1] = ((target.y0 + target.y1) - (anchor.y0 + anchor.y1)) / 2 / h;
  t[2] = std::log((target.x1 - target.x0) / w);
  t[3] = std::log((target.y1 - target.y0) / h);
}

Kernel encode_kernel(const KernelRequest& r) {
  const int64_t n = r.in[0].shape[1], total = r.in[0].shape.size(), boxes = r.in[3].shape[1];
  return visit_float(r.in[0].dtype, "box_encode", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = accumulate_t<T>;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T* const* x = reinterpret_cast<const T* const*>(in);
      T* target = static_cast<T*>(out[0]);
      T* mask = static_cast<T*>(out[1]);
      parallel_for(total, kElementGrain / 64, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const bool valid = A(x[0][i]) > A(0.5);
          std::fill(mask + 4 * i, mask + 4 * i + 4, T(valid ? 1 : 0));
          A t[4] = {};
          const int64_t found = valid ? static_cast<int64_t>(A(x[1][i])) : 0;
          if (valid && found >= 0 && found < boxes) {
            encode_box(read_box<A>(x[2] + 4 * i, BoxFormat::kCorner),
                       read_box<A>(x[3] + 4 * (i / n * boxes + found), BoxFormat::kCorner), t);
            for (int k = 0; k < 4; ++k) t[k] = (t[k] - A(x[4][k])) / A(x[5][k]);
          }
          for (int k = 0; k < 4; ++k) target[4 * i + k] = T(t[k]);
        }
      });
    });
  });
}

// ---- box_decode: the inverse, for offsets that a network predicts.

void infer_decode(ShapeContext& c) {
  expect_rank(c, 0, 3, "(batch, anchors, 4)");
  expect_rank(c, 1, 3, "(1, anchors, 4)");
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  const int64_t n = c.in[0].has_rank() ? c.in[0][1] : -1;
  c.set_in(1, Shape{1, n, 4});
  c.set_in(0, Shape{-1, c.in[1][1], 4});
  c.set_out(0, c.in[0]);
}

Kernel decode_kernel(const KernelRequest& r) {
  const DecodeParams p = as<DecodeParams>(r.params);  // rounded to float, as MXNet keeps them
  const int64_t n = r.in[0].shape[1], total = r.in[0].shape[0] * n;
  return visit_float(r.in[0].dtype, "box_decode", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = accumulate_t<T>;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T* x = static_cast<const T*>(in[0]);
      const T* anchors = static_cast<const T*>(in[1]);
      T* y = static_cast<T*>(out[0]);
      auto extent = [clip = A(float(p.clip))](A log_ratio) {
        return std::exp(clip > 0 && log_ratio > clip ? clip : log_ratio);
      };
      parallel_for(total, kElementGrain / 64, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const Box<A> anchor =
              read_box<A>(anchors + 4 * (i % n),
                          p.format == BoxFormat::kCorner ? BoxFormat::kCorner : BoxFormat::kCenter);
          const A w = anchor.x1 - anchor.x0, h = anchor.y1 - anchor.y0;
          const T* d = x + 4 * i;
          const A cx = A(d[0]) * A(float(p.std0)) * w + (anchor.x0 + anchor.x1) / 2;
          const A cy = A(d[1]) * A(float(p.std1)) * h + (anchor.y0 + anchor.y1) / 2;
          const A half_w = extent(A(d[2]) * A(float(p.std2))) * w / 2,
                  half_h = extent(A(d[3]) * A(float(p.std3))) * h / 2;
          y[4 * i] = T(cx - half_w);
          y[4 * i + 1] = T(cy - half_h);
          y[4 * i + 2] = T(cx + half_w);
          y[4 * i + 3] = T(cy + half_h);
        }
      });
    });
  });
}

}  // namespace

void register_box_ops() {
  OpDef& iou_op = register_op("_contrib_box_iou");
  iou_op.doc = "Intersection over union of every box of lhs (..., 4) with every box of rhs (..., 4).";
  iou_op.params = params_spec<IouParams>();
  iou_op.inputs = {"lhs", "rhs"};
  iou_op.infer_shape = infer_iou;
  iou_op.kernel = iou_kernel;
  iou_op.gradient = zero_gradient;

  OpDef& matching = register_op("_contrib_bipartite_matching");
  matching.doc =
      "Matches rows with columns of data (..., rows, columns) greedily, best score first. Outputs: for every "
      "row its column, for every column its row, -1 where there is none.";
  matching.params = params_spec<MatchingParams>();
  matching.outputs = {"output0", "output1"};
  matching.infer_shape = infer_matching;
  matching.kernel = matching_kernel;
  matching.gradient = zero_gradient;

  OpDef& encode = register_op("_contrib_box_encode");
  encode.doc =
      "Regression targets of anchors: for samples above 0.5 the offsets from the anchor to refs[match], less "
      "means, over stds. Outputs: targets (batch, anchors, 4), and a mask of samples, 0 or 1.";
  encode.params = params_spec<NoParams>();
  encode.inputs = {"samples", "matches", "anchors", "refs", "means", "stds"};
  encode.outputs = {"output0", "output1"};
  encode.infer_shape = infer_encode;
  encode.kernel = encode_kernel;
  encode.gradient = zero_gradient;

  OpDef& decode = register_op("_contrib_box_decode");
  decode.doc = "Boxes as corners, from anchors (1, N, 4) and predicted offsets (batch, N, 4).";
  decode.params = params_spec<DecodeParams>();
  decode.inputs = {"data", "anchors"};
  decode.infer_shape = infer_decode;
  decode.kernel = decode_kernel;
  decode.gradient = zero_gradient;
}

}  // namespace symbind
