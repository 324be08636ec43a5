// Single-shot detection: _contrib_MultiBoxPrior, _contrib_MultiBoxDetection. Targets: multibox_target.cpp.
#include <cmath>

#include "backend/cpu/parallel.h"
#include "ops/box_common.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct PriorParams {
  FloatTuple sizes, ratios, steps, offsets;
  bool clip;
  template <class V>
  void visit(V& v) {
    v("sizes", sizes, FloatTuple{1}, "Sizes of the boxes, relative to the image.");
    v("ratios", ratios, FloatTuple{1}, "Aspect ratios; those after the first go with the first size alone.");
    v("clip", clip, false, "Clip boxes to the image.");
    v("steps", steps, FloatTuple{-1, -1}, "Distance of boxes in y and x; by default that of the pixels.");
    v("offsets", offsets, FloatTuple{0.5, 0.5}, "Where the centre lies within a step, in y and x.");
  }
  void finish(const char* op) {
    check(!sizes.empty() && !ratios.empty(), "[", op, "] sizes and ratios: got ", format_value(sizes),
          " and ", format_value(ratios), ", expected at least one of each");
    check(steps.size() == 2 && offsets.size() == 2, "[", op, "] steps and offsets: got ", format_value(steps),
          " and ", format_value(offsets), ", expected two numbers each, for y and x");
    check(steps[0] * steps[1] > 0, "[", op, "] steps: got ", format_value(steps),
          ", expected both positive or both negative");
  }
  int64_t boxes() const { return static_cast<int64_t>(sizes.size() + ratios.size()) - 1; }
};

struct DetectionParams {
  bool clip, force_suppress;
  double threshold, nms_threshold;
  int64_t background_id, nms_topk;
  FloatTuple variances;
  template <class V>
  void visit(V& v) {
    v("clip", clip, true, "Clip boxes to the image.");
    v("threshold", threshold, 0.01, "Scores below it are background.");
    v("background_id", background_id, int64_t{0}, "Accepted; the background is class 0 as in MXNet.");
    v("nms_threshold", nms_threshold, 0.5, "Boxes that overlap a better one by as much are dropped.");
    v("force_suppress", force_suppress, false, "Let boxes of different classes suppress each other.");
    v("variances", variances, FloatTuple{0.1, 0.1, 0.2, 0.2}, "Multiply the predicted offsets.");
    v("nms_topk", nms_topk, int64_t{-1}, "How many of the best boxes take part; all when not positive.");
  }
  void finish(const char* op) {
    check(variances.size() == 4, "[", op, "] variances: got ", format_value(variances),
          ", expected 4 numbers");
  }
};

// ---- MultiBoxPrior

void infer_prior(ShapeContext& c) {
  const Shape& s = c.in[0];
  if (!s.has_rank()) return;
  check(s.ndim() >= 4, "[MultiBoxPrior] data: got shape ", s, ", expected (batch, channels, height, width)");
  const int64_t boxes = as<PriorParams>(c.params).boxes();
  c.set_out(0, Shape{1, s[2] < 0 || s[3] < 0 ? -1 : s[2] * s[3] * boxes, 4});
}

// Half widths and half heights of the boxes around one point.
template <class A>
std::vector<A> half_extents(const PriorParams& p, int64_t height, int64_t width) {
  std::vector<A> half;
  const A stretch = A(height) / A(width);
  auto add = [&](A size, A ratio) {
    const A root = std::sqrt(ratio);
    half.push_back(size * stretch * root / 2);
    half.push_back(size / root / 2);
  };
  for (double size : p.sizes) add(A(size), A(p.ratios[0]));
  for (size_t i = 1; i < p.ratios.size(); ++i) add(A(p.sizes[0]), A(p.ratios[i]));
  return half;
}

Kernel prior_kernel(const KernelRequest& r) {
  const PriorParams p = as<PriorParams>(r.params);
  const int64_t height = r.in[0].shape[2], width = r.in[0].shape[3], boxes = p.boxes();
  return visit_float(r.out[0].dtype, "MultiBoxPrior", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = accumulate_t<T>;
    return make_kernel([=, half = half_extents<A>(p, height, width)](void* const*, void* const* out, void*) {
      T* y = static_cast<T*>(out[0]);
      const A step_y = p.steps[0] > 0 ? A(p.steps[0]) : A(1) / A(height);
      const A step_x = p.steps[1] > 0 ? A(p.steps[1]) : A(1) / A(width);
      auto store = [&](T* to, A value) { *to = T(p.clip ? std::min(std::max(value, A(0)), A(1)) : value); };
      for (int64_t i = 0; i < height * width; ++i) {
        const A cy = (A(i / width) + A(p.offsets[0])) * step_y,
                cx = (A(i % width) + A(p.offsets[1])) * step_x;
        for (int64_t k = 0; k < boxes; ++k, y += 4) {
          store(y, cx - half[2 * k]);
          store(y + 1, cy - half[2 * k + 1]);
          store(y + 2, cx + half[2 * k]);
          store(y + 3, cy + half[2 * k + 1]);
        }
      }
    });
  });
}

// ---- MultiBoxDetection

void infer_detection(ShapeContext& c) {
  const Shape& cls = c.in[0];
  check(!cls.has_rank() || cls.ndim() == 3, "[MultiBoxDetection] cls_prob: got shape ", cls,
        ", expected (batch, classes, anchors)");
  check(!c.in[2].has_rank() || c.in[2].ndim() == 3, "[MultiBoxDetection] anchor: got shape ", c.in[2],
        ", expected (1, anchors, 4)");
  int64_t anchors = cls.has_rank() ? cls[2] : -1;
  if (anchors < 0 && c.in[2].has_rank()) anchors = c.in[2][1];
  const int64_t batch = cls.has_rank() ? cls[0] : -1;
  c.set_in(0, Shape{batch, -1, anchors});
  c.set_in(1, Shape{batch, anchors < 0 ? -1 : anchors * 4});
  c.set_in(2, Shape{1, anchors, 4});
  c.set_out(0, Shape{batch, anchors, 6});
}

// The most likely class but the background, and the box, of every anchor that is not background.
template <class T, class A>
int64_t detect(const DetectionParams& p, const T* prob, const T* loc, const T* anchor, int64_t classes,
               int64_t n, T* rows) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    A score = -1;
    int64_t id = 0;
    for (int64_t k = 1; k < classes; ++k) {
      if (A(prob[k * n + i]) > score) {
        score = A(prob[k * n + i]);
        id = k;
      }
    }
    if (id == 0 || score < A(static_cast<float>(p.threshold))) continue;
    const Box<A> a = read_box<A>(anchor + 4 * i, BoxFormat::kCorner);
    const A w = a.x1 - a.x0, h = a.y1 - a.y0;
    const T* d = loc + 4 * i;
    const A cx = A(d[0]) * A(p.variances[0]) * w + (a.x0 + a.x1) / 2;
    const A cy = A(d[1]) * A(p.variances[1]) * h + (a.y0 + a.y1) / 2;
    const A half_w = std::exp(A(d[2]) * A(p.variances[2])) * w / 2;
    const A half_h = std::exp(A(d[3]) * A(p.variances[3])) * h / 2;
    const A box[4] = {cx - half_w, cy - half_h, cx + half_w, cy + half_h};
    T* row = rows + 6 * count++;
    row[0] = T(id - 1);
    row[1] = T(score);
    for (int k = 0; k < 4; ++k) row[2 + k] = T(p.clip ? std::max(A(0), std::min(A(1), box[k])) : box[k]);
  }
  std::fill(rows + 6 * count, rows + 6 * n, T(-1));
  return count;
}

// Sorts the first `count` rows by score; a dropped row keeps its numbers and loses its class.
template <class T, class A>
void suppress(const DetectionParams& p, T* rows, int64_t count, int32_t* order, T* copy) {
  const int64_t kept = p.nms_topk > 0 ? std::min(p.nms_topk, count) : count;
  for (int64_t i = 0; i < count; ++i) order[i] = static_cast<int32_t>(i);
  std::sort(order, order + count, [rows](int32_t a, int32_t b) {
    const A x = A(rows[6 * a + 1]), y = A(rows[6 * b + 1]);
    return x != y ? x > y : a < b;
  });
  std::copy(rows, rows + 6 * count, copy);
  for (int64_t i = 0; i < kept; ++i) std::copy(copy + 6 * order[i], copy + 6 * order[i] + 6, rows + 6 * i);
  for (int64_t i = kept; i < count; ++i) rows[6 * i] = T(-1);
  for (int64_t i = 0; i < kept; ++i) {
    if (rows[6 * i] < T(0)) continue;
    const Box<A> best = read_box<A>(rows + 6 * i + 2, BoxFormat::kCorner);
    for (int64_t j = i + 1; j < kept; ++j) {
      if (rows[6 * j] < T(0) || (!p.force_suppress && rows[6 * j] != rows[6 * i])) continue;
      if (iou(best, read_box<A>(rows + 6 * j + 2, BoxFormat::kCorner)) >=
          A(static_cast<float>(p.nms_threshold)))
        rows[6 * j] = T(-1);
    }
  }
}

Kernel detection_kernel(const KernelRequest& r) {
  const DetectionParams p = as<DetectionParams>(r.params);
  const int64_t batch = r.in[0].shape[0], classes = r.in[0].shape[1], n = r.in[0].shape[2];
  return visit_float(r.in[0].dtype, "MultiBoxDetection", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = accumulate_t<T>;
    return make_kernel(
        [=](void* const* in, void* const* out, void* workspace) {
          int32_t* order = static_cast<int32_t*>(workspace);
          T* copies = reinterpret_cast<T*>(order + (batch * n + 1) / 2 * 2);
          parallel_for(batch, 1, [=](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; ++b) {
              T* rows = static_cast<T*>(out[0]) + b * n * 6;
              const int64_t count = detect<T, A>(p, static_cast<const T*>(in[0]) + b * classes * n,
                                                 static_cast<const T*>(in[1]) + b * n * 4,
                                                 static_cast<const T*>(in[2]), classes, n, rows);
              if (p.nms_threshold <= 0 || p.nms_threshold > 1) continue;
              suppress<T, A>(p, rows, count, order + b * n, copies + b * n * 6);
            }
          });
        },
        static_cast<size_t>(batch * n + 2) * sizeof(int32_t) +
            static_cast<size_t>(batch * n * 6) * sizeof(T));
  });
}

}  // namespace

void register_multibox_ops() {
  OpDef& prior = register_op("_contrib_MultiBoxPrior");
  prior.doc =
      "Anchor boxes (1, height * width * boxes, 4) as corners, around every point of data (N, C, height, "
      "width): "
      "one per size, and one per ratio after the first.";
  prior.params = params_spec<PriorParams>();
  prior.infer_shape = infer_prior;
  prior.kernel = prior_kernel;
  prior.gradient = zero_gradient;

  OpDef& detection = register_op("_contrib_MultiBoxDetection");
  detection.doc =
      "Detections (batch, anchors, 6) from class probabilities, predicted offsets and anchors: rows of "
      "class, "
      "score and corners, best first; class -1 where there is none.";
  detection.params = params_spec<DetectionParams>();
  detection.inputs = {"cls_prob", "loc_pred", "anchor"};
  detection.infer_shape = infer_detection;
  detection.kernel = detection_kernel;
  detection.gradient = zero_gradient;
}

}  // namespace symbind
