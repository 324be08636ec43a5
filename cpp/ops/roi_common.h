// What the operators over regions of interest share.
#pragma once

#include <algorithm>
#include <cmath>

#include "backend/cpu/parallel.h"
#include "base/params.h"
#include "ops/elementwise_common.h"

namespace symbind {

// rois (count, row); data (batch, channels, height, width); out (count, out_channels, pooled...).
inline void infer_roi_shape(ShapeContext& c, int64_t row, int64_t out_channels, int64_t pooled_h,
                            int64_t pooled_w) {
  check(!c.in[0].has_rank() || c.in[0].ndim() == 4, "[", c.op.name, "] data: got shape ", c.in[0],
        ", expected (batch, channels, height, width)");
  check(!c.in[1].has_rank() || c.in[1].ndim() == 2, "[", c.op.name, "] rois: got shape ", c.in[1],
        ", expected (count, ", row, ")");
  c.set_in(1, Shape{-1, row});
  c.set_out(0, Shape{c.in[1][0], out_channels, pooled_h, pooled_w});
  c.set_in(1, Shape{c.out[0][0], row});
}

inline void check_pooled_size(const char* op, const Tuple& size) {
  check(size.size() == 2 && size[0] > 0 && size[1] > 0, "[", op, "] pooled_size: got ", format_value(size),
        ", expected two positive numbers: (height, width)");
}

// One channel of one image, read between its points. Corners and their weights are reusable for gradients.
template <class A>
struct BilinearPoint {
  int64_t at[4];  // offsets of (y0, x0), (y0, x1), (y1, x0), (y1, x1)
  A weight[4];

  // y, x must lie within the image.
  static BilinearPoint inside(A y, A x, int64_t height, int64_t width) {
    int64_t y0 = static_cast<int64_t>(y), x0 = static_cast<int64_t>(x);
    int64_t y1 = y0 + 1, x1 = x0 + 1;
    if (y0 >= height - 1) {
      y0 = y1 = height - 1;
      y = A(y0);
    }
    if (x0 >= width - 1) {
      x0 = x1 = width - 1;
      x = A(x0);
    }
    const A dy = y - A(y0), dx = x - A(x0);
    return {{y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1},
            {(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx}};
  }
  template <class T>
  A read(const T* plane) const {
    return weight[0] * A(plane[at[0]]) + weight[1] * A(plane[at[1]]) + weight[2] * A(plane[at[2]]) +
           weight[3] * A(plane[at[3]]);
  }
  template <class T>
  void add(T* plane, A value) const {
    for (int k = 0; k < 4; ++k) plane[at[k]] += static_cast<T>(weight[k] * value);
  }
};

// Channels of all images, split over threads: gradients of one plane are summed by one thread, in one order.
template <class F>
void for_planes(int64_t planes, int64_t work_per_plane, F&& f) {
  const int64_t grain = 1 + kElementGrain / std::max<int64_t>(work_per_plane, 1);
  parallel_for(planes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

}  // namespace symbind
