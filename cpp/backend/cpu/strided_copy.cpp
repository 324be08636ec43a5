#include "backend/cpu/strided_copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

// Runs shorter than this are cheaper to copy element by element than with memcpy.
constexpr int64_t kShortRun = 16;

template <class T>
void copy_run(const StridedAxis& axis, const T* from, T* to) {
  const int64_t n = axis.length;
  if (axis.from == 1 && axis.to == 1) {
    if (n >= kShortRun) {
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i) to[i] = from[i];
    }
  } else if (axis.from == 0 && axis.to == 1) {
    const T value = *from;
    for (int64_t i = 0; i < n; ++i) to[i] = value;
  } else if (axis.to == 1) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i * axis.from];
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * axis.to] = from[i * axis.from];
  }
}

}  // namespace

int64_t StridedView::size() const {
  int64_t n = 1;
  for (const StridedAxis& a : axes) n *= a.length;
  return n;
}

StridedView StridedView::inverse() const {
  StridedView r;
  r.from_offset = to_offset;
  r.to_offset = from_offset;
  for (const StridedAxis& a : axes) r.add(a.length, a.to, a.from);
  return r;
}

StridedCopy::StridedCopy(const StridedView& view, DType dtype)
    : from_offset_(view.from_offset),
      to_offset_(view.to_offset),
      element_size_(static_cast<int>(dtype_size(dtype))) {
  std::vector<StridedAxis> sorted;
  for (const StridedAxis& a : view.axes) {
    if (a.length != 1) sorted.push_back(a);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const StridedAxis& a, const StridedAxis& b) {
    return std::llabs(a.to) > std::llabs(b.to);
  });
  for (const StridedAxis& a : sorted) {
    if (!axes_.empty() && axes_.back().from == a.from * a.length && axes_.back().to == a.to * a.length) {
      axes_.back() = {axes_.back().length * a.length, a.from, a.to};
    } else {
      axes_.push_back(a);
    }
  }
  if (axes_.empty()) axes_.push_back({1, 1, 1});
  rows_ = 1;
  for (size_t i = 0; i + 1 < axes_.size(); ++i) rows_ *= axes_[i].length;
  if (axes_.back().length == 0) rows_ = 0;
}

template <class T>
void StridedCopy::run_as(const T* from, T* to) const {
  from += from_offset_;
  to += to_offset_;
  const StridedAxis run = axes_.back();
  if (rows_ == 1) {
    parallel_for(run.length, kElementGrain, [&](int64_t begin, int64_t end) {
      copy_run(StridedAxis{end - begin, run.from, run.to}, from + begin * run.from, to + begin * run.to);
    });
    return;
  }
  const int outer = static_cast<int>(axes_.size()) - 1;
  const int64_t grain = 1 + kElementGrain / std::max<int64_t>(run.length, 1);
  parallel_for(rows_, grain, [&](int64_t begin, int64_t end) {
    // An odometer over the outer axes: one division per axis and piece, none per row.
    int64_t index[2 * Shape::kMaxNDim], rest = begin;
    const T* source = from;
    T* target = to;
    for (int i = outer - 1; i >= 0; --i) {
      index[i] = rest % axes_[i].length;
      rest /= axes_[i].length;
      source += index[i] * axes_[i].from;
      target += index[i] * axes_[i].to;
    }
    for (int64_t row = begin; row < end; ++row) {
      copy_run(run, source, target);
      for (int i = outer - 1; i >= 0; --i) {
        source += axes_[i].from;
        target += axes_[i].to;
        if (++index[i] < axes_[i].length) break;
        source -= axes_[i].from * axes_[i].length;
        target -= axes_[i].to * axes_[i].length;
        index[i] = 0;
      }
    }
  });
}

void StridedCopy::run(const void* from, void* to) const {
  if (rows_ == 0) return;
  switch (element_size_) {
    case 1:
      return run_as(static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to));
    case 2:
      return run_as(static_cast<const uint16_t*>(from), static_cast<uint16_t*>(to));
    case 4:
      return run_as(static_cast<const uint32_t*>(from), static_cast<uint32_t*>(to));
    default:
      return run_as(static_cast<const uint64_t*>(from), static_cast<uint64_t*>(to));
  }
}

std::vector<int64_t> row_major_strides(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(std::max(shape.ndim(), 0)));
  int64_t stride = 1;
  for (int i = shape.ndim() - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = stride;
    stride *= shape[i];
  }
  return strides;
}

void parallel_zero(void* to, int64_t bytes) {
  parallel_for(bytes, 8 * kElementGrain, [=](int64_t begin, int64_t end) {
    std::memset(static_cast<char*>(to) + begin, 0, static_cast<size_t>(end - begin));
  });
}

void parallel_copy(const void* from, void* to, int64_t bytes) {
  parallel_for(bytes, 8 * kElementGrain, [=](int64_t begin, int64_t end) {
    std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin,
                static_cast<size_t>(end - begin));
  });
}

Kernel strided_copy_kernel(const StridedView& view, const TensorDesc& out, bool clear) {
  const StridedCopy copy(view, out.dtype);
  const int64_t bytes = static_cast<int64_t>(out.bytes());
  const bool zero = clear && view.size() < out.shape.size();
  return make_kernel([copy, bytes, zero](void* const* in, void* const* to, void*) {
    if (zero) parallel_zero(to[0], bytes);
    copy.run(in[0], to[0]);
  });
}

}  // namespace symbind
