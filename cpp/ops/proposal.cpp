// _contrib_Proposal and _contrib_MultiProposal: regions of interest from a region proposal network (Ren et
// al., 2015).
#include "ops/roi_common.h"

namespace symbind {
namespace {

struct Params {
  int64_t pre_nms, post_nms, min_size, stride;
  double threshold;
  FloatTuple scales, ratios;
  bool output_score, iou_loss;
  template <class V>
  void visit(V& v) {
    v("rpn_pre_nms_top_n", pre_nms, int64_t{6000},
      "How many of the best boxes suppression sees; not positive: all.");
    v("rpn_post_nms_top_n", post_nms, int64_t{300}, "How many boxes an image gives; fewer are repeated.");
    v("threshold", threshold, 0.7, "Boxes that overlap a better one by more are dropped.");
    v("rpn_min_size", min_size, int64_t{16},
      "Boxes smaller than this, in pixels of the unscaled image, come last.");
    v("scales", scales, FloatTuple{4, 8, 16, 32}, "Scales of the anchors.");
    v("ratios", ratios, FloatTuple{0.5, 1, 2}, "Height over width of the anchors.");
    v("feature_stride", stride, int64_t{16}, "Pixels of the image per point of the scores.");
    v("output_score", output_score, false, "Make the scores a second output.");
    v("iou_loss", iou_loss, false, "bbox_pred moves corners, instead of centres and sizes.");
  }
  void finish(const char* op) {
    check(!scales.empty() && !ratios.empty() && stride > 0 && post_nms > 0, "[", op,
          "] scales, ratios, feature_stride, rpn_post_nms_top_n: got ", format_value(scales), ", ",
          format_value(ratios), ", ", stride, ", ", post_nms,
          ", expected at least one anchor and positive numbers");
  }
  int64_t anchors() const { return static_cast<int64_t>(scales.size() * ratios.size()); }
};

struct Box {
  float x0, y0, x1, y1, score;
  float width() const { return x1 - x0 + 1; }
  float height() const { return y1 - y0 + 1; }
};

// Anchors around the first point, ratios outside, scales inside. Sizes are rounded as the field does.
std::vector<Box> base_anchors(const Params& p) {
  const float side = static_cast<float>(p.stride), middle = (side - 1) / 2;
  std::vector<Box> anchors;
  for (double ratio : p.ratios) {
    const float w = std::floor(std::sqrt(std::floor(side * side / static_cast<float>(ratio))) + 0.5f);
    const float h = std::floor(w * static_cast<float>(ratio) + 0.5f);
    for (double scale : p.scales) {
      const float half_w = (w * static_cast<float>(scale) - 1) / 2,
                  half_h = (h * static_cast<float>(scale) - 1) / 2;
      anchors.push_back({middle - half_w, middle - half_h, middle + half_w, middle + half_h, 0});
    }
  }
  return anchors;
}

template <bool kMulti>
void infer_shape(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  for (int i = 0; i < 2; ++i) {
    check(!c.in[i].has_rank() || c.in[i].ndim() == 4, "[", c.op.name, "] ", c.op.inputs[i], ": got shape ",
          c.in[i], ", expected (batch, ", i == 0 ? 2 : 4, " * anchors, height, width)");
  }
  Shape grid = c.in[0].has_rank() ? c.in[0] : c.in[1];
  if (!grid.has_rank()) grid = Shape::unknown(4);
  if (!kMulti) {
    check(grid[0] < 0 || grid[0] == 1, "[", c.op.name, "] cls_prob: got ", grid[0],
          " images, expected 1: MultiProposal takes more");
    grid[0] = 1;
  }
  c.set_in(0, Shape{grid[0], 2 * p.anchors(), grid[2], grid[3]});
  c.set_in(1, Shape{c.in[0][0], 4 * p.anchors(), c.in[0][2], c.in[0][3]});
  c.set_in(0, Shape{c.in[1][0], -1, c.in[1][2], c.in[1][3]});
  c.set_in(2, Shape{c.in[0][0], 3});
  const int64_t rows = c.in[0][0] < 0 ? -1 : c.in[0][0] * p.post_nms;
  c.set_out(0, Shape{rows, 5});
  c.set_out(1, Shape{rows, 1});
}

struct Sizes {
  int64_t batch, anchors, height, width;
  int64_t boxes() const { return anchors * height * width; }
};

Box move(const Box& a, const float (&d)[4], bool corners) {
  if (corners) return {a.x0 + d[0], a.y0 + d[1], a.x1 + d[2], a.y1 + d[3], a.score};
  const float cx = a.x0 + 0.5f * (a.width() - 1) + d[0] * a.width();
  const float cy = a.y0 + 0.5f * (a.height() - 1) + d[1] * a.height();
  const float half_w = 0.5f * (std::exp(d[2]) * a.width() - 1),
              half_h = 0.5f * (std::exp(d[3]) * a.height() - 1);
  return {cx - half_w, cy - half_h, cx + half_w, cy + half_h, a.score};
}

// All boxes of one image, rows of points with the anchors of a point together.
void make_boxes(const Params& p, const Sizes& s, const std::vector<Box>& anchors, const float* prob,
                const float* deltas, const float* info, Box* boxes) {
  const int64_t area = s.height * s.width;
  const float image_h = info[0], image_w = info[1], least = static_cast<float>(p.min_size) * info[2];
  const int64_t rows = static_cast<int64_t>(image_h / static_cast<float>(p.stride));
  const int64_t cols = static_cast<int64_t>(image_w / static_cast<float>(p.stride));
  auto within = [](float v, float limit) { return std::max(std::min(v, limit - 1), 0.0f); };
  for (int64_t i = 0; i < area; ++i) {
    const float dx = static_cast<float>(i % s.width * p.stride),
                dy = static_cast<float>(i / s.width * p.stride);
    const bool padding = i / s.width >= rows || i % s.width >= cols;
    for (int64_t a = 0; a < s.anchors; ++a) {
      const Box& base = anchors[static_cast<size_t>(a)];
      const float* d = deltas + 4 * a * area + i;
      const float moves[4] = {d[0], d[area], d[2 * area], d[3 * area]};
      Box box =
          move({base.x0 + dx, base.y0 + dy, base.x1 + dx, base.y1 + dy, prob[(s.anchors + a) * area + i]},
               moves, p.iou_loss);
      box = {within(box.x0, image_w), within(box.y0, image_h), within(box.x1, image_w),
             within(box.y1, image_h), padding ? -1.0f : box.score};
      if (box.width() < least || box.height() < least) {
        box = {box.x0 - least / 2, box.y0 - least / 2, box.x1 + least / 2, box.y1 + least / 2, -1.0f};
      }
      boxes[i * s.anchors + a] = box;
    }
  }
}

// Moves the numbers of the survivors to the front of `order`; at most `wanted`.
int64_t suppress(const Box* boxes, int32_t* order, int64_t count, float threshold, int64_t wanted) {
  int64_t kept = 0;
  for (int64_t i = 0; i < count && kept < wanted; ++i) {
    const Box& b = boxes[order[i]];
    bool dropped = false;
    for (int64_t k = 0; k < kept && !dropped; ++k) {
      const Box& a = boxes[order[k]];
      const float w = std::max(std::min(a.x1, b.x1) - std::max(a.x0, b.x0) + 1, 0.0f);
      const float h = std::max(std::min(a.y1, b.y1) - std::max(a.y0, b.y0) + 1, 0.0f);
      const float common = w * h;
      dropped = common / (a.width() * a.height() + b.width() * b.height() - common) > threshold;
    }
    if (!dropped) order[kept++] = order[i];
  }
  return kept;
}

// Inputs and outputs float32.
Kernel float_kernel(const Params& p, const Sizes& s, bool with_scores) {
  const size_t box_bytes = static_cast<size_t>(s.boxes()) * sizeof(Box);
  const size_t bytes = (box_bytes + static_cast<size_t>(s.boxes()) * sizeof(int32_t) + 63) / 64 * 64;
  return make_kernel(
      [=, anchors = base_anchors(p)](void* const* in, void* const* out, void* workspace) {
        const int64_t area = s.height * s.width;
        parallel_for(s.batch, 1, [&](int64_t begin, int64_t end) {
          for (int64_t b = begin; b < end; ++b) {
            char* memory = static_cast<char*>(workspace) + static_cast<size_t>(b) * bytes;
            Box* boxes = reinterpret_cast<Box*>(memory);
            int32_t* order = reinterpret_cast<int32_t*>(memory + box_bytes);
            make_boxes(p, s, anchors, static_cast<const float*>(in[0]) + b * 2 * s.anchors * area,
                       static_cast<const float*>(in[1]) + b * 4 * s.anchors * area,
                       static_cast<const float*>(in[2]) + b * 3, boxes);
            for (int64_t i = 0; i < s.boxes(); ++i) {
              order[i] = static_cast<int32_t>(i);
              if (boxes[i].score != boxes[i].score) boxes[i].score = -1;  // nan has no order
            }
            const int64_t count = p.pre_nms > 0 ? std::min(p.pre_nms, s.boxes()) : s.boxes();
            std::partial_sort(order, order + count, order + s.boxes(), [boxes](int32_t x, int32_t y) {
              return boxes[x].score != boxes[y].score ? boxes[x].score > boxes[y].score : x < y;
            });
            const int64_t kept =
                suppress(boxes, order, count, static_cast<float>(p.threshold), std::min(p.post_nms, count));
            for (int64_t i = 0; i < p.post_nms; ++i) {
              const Box box = kept > 0 ? boxes[order[i % kept]] : Box{0, 0, 0, 0, 0};
              float* row = static_cast<float*>(out[0]) + (b * p.post_nms + i) * 5;
              const float values[5] = {static_cast<float>(b), box.x0, box.y0, box.x1, box.y1};
              std::copy(values, values + 5, row);
              if (with_scores) static_cast<float*>(out[1])[b * p.post_nms + i] = box.score;
            }
          }
        });
      },
      bytes * static_cast<size_t>(s.batch));
}

Kernel proposal_kernel(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const Shape& shape = r.in[0].shape;
  const Sizes s{shape[0], p.anchors(), shape[2], shape[3]};
  if (r.in[0].dtype == DType::kFloat32) return float_kernel(p, s, r.out_used[1]);
  check(is_float(r.in[0].dtype), "[Proposal] cls_prob: got ", dtype_name(r.in[0].dtype),
        ", expected a floating dtype");
  return compute_as(DType::kFloat32, r.in, r.out, [&](Span<const TensorDesc>, Span<const TensorDesc>) {
    return float_kernel(p, s, r.out_used[1]);
  });
}

template <bool kMulti>
void register_one(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<Params>();
  op.inputs = {"cls_prob", "bbox_pred", "im_info"};
  op.outputs = {"output", "score"};
  op.num_visible_outputs = [](const void* p) { return as<Params>(p).output_score ? 2 : 1; };
  op.infer_shape = infer_shape<kMulti>;
  op.kernel = proposal_kernel;
  op.gradient = zero_gradient;
}

}  // namespace

void register_proposal_ops() {
  register_one<false>(
      "_contrib_Proposal",
      "Regions (rpn_post_nms_top_n, 5), rows of 0, x1, y1, x2, y2, from scores (1, 2 * anchors, H, W), "
      "offsets (1, 4 * anchors, H, W) and image height, width, scale (1, 3).");
  register_one<true>(
      "_contrib_MultiProposal",
      "Proposal for several images: rows of image number, x1, y1, x2, y2, those of an image together.");
}

}  // namespace symbind
