#include "base/shape.h"

namespace symbind {

std::string Shape::str() const {
  if (ndim_ < 0) return "?";
  std::string s = "(";
  for (int i = 0; i < ndim_; ++i) {
    if (i > 0) s += ",";
    s += dims_[i] < 0 ? "?" : std::to_string(dims_[i]);
  }
  return s + (ndim_ == 1 ? ",)" : ")");
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.str(); }

bool merge_shape(Shape& into, const Shape& from) {
  if (!from.has_rank()) return true;
  if (!into.has_rank()) {
    into = from;
    return true;
  }
  if (into.ndim() != from.ndim()) return false;
  for (int i = 0; i < into.ndim(); ++i) {
    if (from[i] < 0) continue;
    if (into[i] < 0) {
      into[i] = from[i];
    } else if (into[i] != from[i]) {
      return false;
    }
  }
  return true;
}

int normalize_axis(int64_t axis, int ndim, const char* op) {
  check(axis >= -ndim && axis < ndim, "[", op, "] axis out of range: got ", axis, " for an input of ", ndim,
        " dimensions, expected ", -ndim, " to ", ndim - 1);
  return static_cast<int>(axis < 0 ? axis + ndim : axis);
}

int64_t checked_bytes(const Shape& shape, int64_t element_size) {
  int64_t bytes = element_size;
  for (int64_t d : shape) {
    check(d >= 0, "shape ", shape, " is not fully known");
    check(!__builtin_mul_overflow(bytes, d, &bytes), "shape ", shape,
          " is too large: its size in bytes overflows");
  }
  return bytes;
}

}  // namespace symbind
