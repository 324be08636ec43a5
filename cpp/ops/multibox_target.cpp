// _contrib_MultiBoxTarget: what anchors should predict, given the boxes that are really there.
#include <cmath>

#include "backend/cpu/parallel.h"
#include "ops/box_common.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  double overlap_threshold, ignore_label, negative_mining_ratio, negative_mining_thresh;
  int64_t minimum_negative_samples;
  FloatTuple variances;
  template <class V>
  void visit(V& v) {
    v("overlap_threshold", overlap_threshold, 0.5, "Anchors that overlap a box by more are positive.");
    v("ignore_label", ignore_label, -1.0, "Class target of anchors that do not count.");
    v("negative_mining_ratio", negative_mining_ratio, -1.0,
      "Negative anchors per positive one, the hardest first; not positive: all are negative.");
    v("negative_mining_thresh", negative_mining_thresh, 0.5,
      "Anchors that overlap a box by as much are not mined.");
    v("minimum_negative_samples", minimum_negative_samples, int64_t{0},
      "Accepted; without effect, as in MXNet.");
    v("variances", variances, FloatTuple{0.1, 0.1, 0.2, 0.2}, "Divide the offsets.");
  }
  void finish(const char* op) {
    check(variances.size() == 4, "[", op, "] variances: got ", format_value(variances),
          ", expected 4 numbers");
  }
};

void infer_shape(ShapeContext& c) {
  auto rank3 = [&](int i, const char* what) {
    check(!c.in[i].has_rank() || c.in[i].ndim() == 3, "[MultiBoxTarget] ", c.op.inputs[i], ": got shape ",
          c.in[i], ", expected ", what);
  };
  rank3(0, "(1, anchors, 4)");
  rank3(1, "(batch, boxes, 5 or more)");
  rank3(2, "(batch, classes, anchors)");
  int64_t anchors = c.in[0].has_rank() ? c.in[0][1] : -1, batch = c.in[1].has_rank() ? c.in[1][0] : -1;
  if (anchors < 0 && c.in[2].has_rank()) anchors = c.in[2][2];
  if (batch < 0 && c.in[2].has_rank()) batch = c.in[2][0];
  c.set_in(0, Shape{1, anchors, 4});
  c.set_in(1, Shape{batch, -1, -1});
  c.set_in(2, Shape{batch, -1, anchors});
  check(c.in[1][2] < 0 || c.in[1][2] >= 5, "[MultiBoxTarget] label: got shape ", c.in[1],
        ", expected rows of at least 5 numbers: class and corners");
  const int64_t flat = anchors < 0 ? -1 : anchors * 4;
  c.set_out(0, Shape{batch, flat});
  c.set_out(1, Shape{batch, flat});
  c.set_out(2, Shape{batch, anchors});
}

enum Flag : int8_t { kOpen = -1, kNegative = 0, kPositive = 1 };

// The state of one image: an anchor's flag, and the box it is matched with.
template <class A>
struct Matching {
  int64_t anchors, boxes;
  A* overlap;  // (anchors, boxes)
  A* best;     // by anchor: overlap with the box in `match`
  A* hardness;
  int32_t* match;
  int32_t* order;
  int8_t* flag;
  int8_t* taken;  // by box

  static size_t bytes(int64_t anchors, int64_t boxes) {
    return static_cast<size_t>(anchors * boxes + 2 * anchors) * sizeof(A) +
           static_cast<size_t>(anchors) * (2 * sizeof(int32_t) + 1) + static_cast<size_t>(boxes) + 64;
  }
  Matching(void* memory, int64_t n, int64_t max_boxes, int64_t valid) : anchors(n), boxes(valid) {
    overlap = static_cast<A*>(memory);
    best = overlap + n * max_boxes;
    hardness = best + n;
    match = reinterpret_cast<int32_t*>(hardness + n);
    order = match + n;
    flag = reinterpret_cast<int8_t*>(order + n);
    taken = flag + n;
    std::fill(best, best + n, A(-1));
    std::fill(match, match + n, -1);
    std::fill(flag, flag + n, kOpen);
    std::fill(taken, taken + valid, int8_t{0});
  }

  // Every box gets the anchor that fits it best, best pairs first.
  int64_t match_boxes() {
    int64_t positive = 0;
    for (;; ++positive) {
      A top = A(1e-6);
      int64_t at_anchor = -1, at_box = -1;
      for (int64_t i = 0; i < anchors; ++i) {
        if (flag[i] == kPositive) continue;
        for (int64_t j = 0; j < boxes; ++j) {
          if (taken[j] || !(overlap[i * boxes + j] > top)) continue;
          top = overlap[i * boxes + j];
          at_anchor = i;
          at_box = j;
        }
      }
      if (at_anchor < 0) return positive;
      best[at_anchor] = top;
      match[at_anchor] = static_cast<int32_t>(at_box);
      flag[at_anchor] = kPositive;
      taken[at_box] = 1;
    }
  }

  void find_best(int64_t i) {
    for (int64_t j = 0; j < boxes; ++j) {
      if (overlap[i * boxes + j] > best[i]) {
        best[i] = overlap[i * boxes + j];
        match[i] = static_cast<int32_t>(j);
      }
    }
  }

  // Every other anchor that fits some box well enough is positive too.
  int64_t match_anchors(A threshold) {
    int64_t positive = 0;
    for (int64_t i = 0; i < anchors; ++i) {
      if (flag[i] == kPositive) continue;
      find_best(i);
      if (threshold <= 0 || match[i] < 0 || !(best[i] > threshold)) continue;
      flag[i] = kPositive;
      ++positive;
    }
    return positive;
  }

  // The `wanted` open anchors whose background probability is lowest become negative.
  template <class T>
  void mine(const T* cls, int64_t classes, int64_t wanted, A threshold) {
    int64_t count = 0;
    for (int64_t i = 0; i < anchors; ++i) {
      if (flag[i] == kPositive || !(best[i] < threshold)) continue;
      A top = A(cls[i]), sum = 0;
      for (int64_t k = 1; k < classes; ++k) top = std::max(top, A(cls[k * anchors + i]));
      for (int64_t k = 0; k < classes; ++k) sum += std::exp(A(cls[k * anchors + i]) - top);
      const A p = std::exp(A(cls[i]) - top) / sum;
      hardness[i] = p == p ? -p : A(0);
      order[count++] = static_cast<int32_t>(i);
    }
    const A* h = hardness;
    std::sort(order, order + count, [h](int32_t a, int32_t b) { return h[a] != h[b] ? h[a] > h[b] : a < b; });
    for (int64_t k = 0; k < std::min(wanted, count); ++k) flag[order[k]] = kNegative;
  }
};

template <class A, class T>
void encode(const Params& p, const Box<A>& anchor, const Box<A>& target, T* loc) {
  const A w = anchor.x1 - anchor.x0, h = anchor.y1 - anchor.y0;
  loc[0] = T(((target.x0 + target.x1) / 2 - (anchor.x0 + anchor.x1) / 2) / w / A(p.variances[0]));
  loc[1] = T(((target.y0 + target.y1) / 2 - (anchor.y0 + anchor.y1) / 2) / h / A(p.variances[1]));
  loc[2] = T(std::log((target.x1 - target.x0) / w) / A(p.variances[2]));
  loc[3] = T(std::log((target.y1 - target.y0) / h) / A(p.variances[3]));
}

struct Sizes {
  int64_t batch, anchors, boxes, width, classes;
};

template <class T>
void one_image(const Params& p, const Sizes& s, const T* anchor, const T* label, const T* cls, void* memory,
               T* loc, T* mask, T* target) {
  using A = accumulate_t<T>;
  std::fill(loc, loc + 4 * s.anchors, T(0));
  std::fill(mask, mask + 4 * s.anchors, T(0));
  std::fill(target, target + s.anchors, T(static_cast<float>(p.ignore_label)));
  int64_t valid = 0;  // labels end at the first class of -1
  while (valid < s.boxes && A(label[valid * s.width]) != A(-1)) ++valid;
  if (valid == 0) return;
  Matching<A> m(memory, s.anchors, s.boxes, valid);
  for (int64_t i = 0; i < s.anchors; ++i) {
    const Box<A> box = read_box<A>(anchor + 4 * i, BoxFormat::kCorner);
    for (int64_t j = 0; j < valid; ++j) {
      m.overlap[i * valid + j] = iou(box, read_box<A>(label + j * s.width + 1, BoxFormat::kCorner));
    }
  }
  int64_t positive = m.match_boxes();
  positive += m.match_anchors(A(static_cast<float>(p.overlap_threshold)));
  if (p.negative_mining_ratio > 0) {
    const int64_t wanted =
        static_cast<int64_t>(static_cast<float>(positive) * static_cast<float>(p.negative_mining_ratio));
    m.mine(cls, s.classes, std::min(wanted, s.anchors - positive),
           A(static_cast<float>(p.negative_mining_thresh)));
  } else {
    for (int64_t i = 0; i < s.anchors; ++i) m.flag[i] = m.flag[i] == kPositive ? kPositive : kNegative;
  }
  for (int64_t i = 0; i < s.anchors; ++i) {
    if (m.flag[i] == kNegative) target[i] = T(0);
    if (m.flag[i] != kPositive) continue;
    const T* row = label + m.match[i] * s.width;
    target[i] = T(A(row[0]) + A(1));
    std::fill(mask + 4 * i, mask + 4 * i + 4, T(1));
    encode(p, read_box<A>(anchor + 4 * i, BoxFormat::kCorner), read_box<A>(row + 1, BoxFormat::kCorner),
           loc + 4 * i);
  }
}

Kernel target_kernel(const KernelRequest& r) {
  const Params p = as<Params>(r.params);
  const Shape& label = r.in[1].shape;
  const Sizes s{label[0], r.in[0].shape[1], label[1], label[2], r.in[2].shape[1]};
  return visit_float(r.in[0].dtype, "MultiBoxTarget", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const size_t bytes = (Matching<accumulate_t<T>>::bytes(s.anchors, s.boxes) + 63) / 64 * 64;
    return make_kernel(
        [=](void* const* in, void* const* out, void* workspace) {
          parallel_for(s.batch, 1, [=](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; ++b) {
              one_image(p, s, static_cast<const T*>(in[0]),
                        static_cast<const T*>(in[1]) + b * s.boxes * s.width,
                        static_cast<const T*>(in[2]) + b * s.classes * s.anchors,
                        static_cast<char*>(workspace) + static_cast<size_t>(b) * bytes,
                        static_cast<T*>(out[0]) + b * s.anchors * 4,
                        static_cast<T*>(out[1]) + b * s.anchors * 4, static_cast<T*>(out[2]) + b * s.anchors);
            }
          });
        },
        bytes * static_cast<size_t>(s.batch));
  });
}

}  // namespace

void register_multibox_target_ops() {
  OpDef& op = register_op("_contrib_MultiBoxTarget");
  op.doc =
      "Training targets of anchors (1, N, 4), from labels (batch, boxes, 5 or more: class, corners; -1 ends "
      "them) and class predictions (batch, classes, N), which mining of negatives reads.";
  op.params = params_spec<Params>();
  op.inputs = {"anchor", "label", "cls_pred"};
  op.outputs = {"loc_target", "loc_mask", "cls_target"};
  op.infer_shape = infer_shape;
  op.kernel = target_kernel;
  op.gradient = zero_gradient;
}

}  // namespace symbind
