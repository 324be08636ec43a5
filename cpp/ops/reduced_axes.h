// Axes that an operator reduces, and the shape that is left.
#pragma once

#include <optional>
#include <vector>

#include "base/params.h"

namespace symbind {

using Axes = std::optional<Tuple>;

inline std::vector<bool> reduced(const Axes& axes, int ndim, bool exclude, const char* op) {
  std::vector<bool> r(static_cast<size_t>(ndim), !axes || axes->empty());
  if (!axes || axes->empty()) return r;
  for (int64_t a : *axes) r[static_cast<size_t>(normalize_axis(a, ndim, op))] = true;
  if (exclude) r.flip();
  return r;
}

inline Shape reduced_shape(const Shape& in, const std::vector<bool>& axes, bool keepdims) {
  Shape s;
  s.resize(0);
  for (int i = 0; i < in.ndim(); ++i) {
    if (!axes[static_cast<size_t>(i)]) s.push_back(in[i]);
    if (axes[static_cast<size_t>(i)] && keepdims) s.push_back(1);
  }
  if (s.ndim() == 0) s.push_back(1);
  return s;
}

}  // namespace symbind
