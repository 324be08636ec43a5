// Boxes as the detection operators see them.
#pragma once

#include <algorithm>
#include <cstdint>

namespace symbind {

enum class BoxFormat { kCorner, kCenter };

// Corners of a box: (xmin, ymin, xmax, ymax).
template <class A>
struct Box {
  A x0, y0, x1, y1;

  A area() const {
    const A w = x1 - x0, h = y1 - y0;
    return w < 0 || h < 0 ? A(0) : w * h;
  }
};

// Reads four numbers: corners, or (x, y, width, height) around a centre.
template <class A, class T>
Box<A> read_box(const T* p, BoxFormat format) {
  const A a = A(p[0]), b = A(p[1]), c = A(p[2]), d = A(p[3]);
  if (format == BoxFormat::kCorner) return {a, b, c, d};
  return {a - c / 2, b - d / 2, a + c / 2, b + d / 2};
}

template <class A>
A intersection(const Box<A>& a, const Box<A>& b) {
  const A w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const A h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  return w > 0 && h > 0 ? w * h : A(0);
}

// Intersection over union; 0 for boxes that do not meet.
template <class A>
A iou(const Box<A>& a, const Box<A>& b) {
  const A common = intersection(a, b);
  if (common <= 0) return A(0);
  return common / (a.area() + b.area() - common);
}

}  // namespace symbind
