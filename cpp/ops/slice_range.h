// Attributes and meaning of Python's begin:end:step for the leading axes of an array.
#pragma once

#include <algorithm>
#include <optional>

#include "base/params.h"

namespace symbind {

// The attributes of all operators that take Python's begin:end:step for the leading axes.
struct Range {
  OptTuple begin, end, step;
  template <class V>
  void visit(V& v) {
    v("begin", begin, required, "The first index of each of the leading axes; None: from the start.");
    v("end", end, required, "The end of each of these axes, itself left out; None: to the very end.");
    v("step", step, OptTuple{}, "Step of each of these axes, may be negative; 1 by default.");
  }
  void finish(const char* op) {
    check(begin.size() == end.size(), "[", op, "] begin and end differ in length: got ", format_value(begin),
          " and ", format_value(end));
    check(step.empty() || step.size() == begin.size(), "[", op, "] step has the wrong length: got ",
          format_value(step), ", expected ", begin.size(), " numbers as in begin");
    for (const std::optional<int64_t>& s : step)
      check(s != 0, "[", op, "] step: got ", format_value(step), ", expected no 0");
  }
};

// One axis: `count` indices from `first`, `step` apart.
struct Span1 {
  int64_t first = 0, step = 1, count = 0;
};

// Python's rules for begin:end:step on an axis of `length`.
inline Span1 span_of(const Range& p, size_t i, int64_t length) {
  Span1 s;
  s.count = length;
  if (i >= p.begin.size()) return s;
  s.step = p.step.empty() ? 1 : p.step[i].value_or(1);
  const int64_t low = s.step > 0 ? 0 : -1, high = s.step > 0 ? length : length - 1;
  auto bound = [&](const std::optional<int64_t>& value, int64_t fallback) {
    if (!value) return fallback;
    const int64_t from_start = *value < 0 ? *value + length : *value;
    return std::min(std::max(from_start, low), high);
  };
  s.first = bound(p.begin[i], s.step > 0 ? 0 : length - 1);
  const int64_t end = bound(p.end[i], s.step > 0 ? length : -1);
  const int64_t distance = s.step > 0 ? end - s.first : s.first - end;
  const int64_t stride = s.step > 0 ? s.step : -s.step;
  s.count = distance > 0 ? (distance - 1) / stride + 1 : 0;
  return s;
}

}  // namespace symbind
