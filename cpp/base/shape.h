// Shapes with unknown parts: ndim -1 is a shape of unknown rank, a dimension of -1 is unknown.
// MXNet's Python API writes 0 for "unknown"; the bindings convert, so that inside the engine 0 is an empty
// dimension.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>

#include "base/error.h"

namespace symbind {

class Shape {
 public:
  static constexpr int kMaxNDim = 10;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) { assign(dims.begin(), dims.end()); }
  template <class It>
  Shape(It first, It last) {
    assign(first, last);
  }
  // A shape of known rank whose dimensions are all `value`.
  static Shape filled(int ndim, int64_t value) {
    Shape s;
    s.resize(ndim, value);
    return s;
  }
  static Shape unknown(int ndim) { return filled(ndim, -1); }

  int ndim() const { return ndim_; }
  bool has_rank() const { return ndim_ >= 0; }
  bool known() const {
    if (ndim_ < 0) return false;
    for (int i = 0; i < ndim_; ++i) {
      if (dims_[i] < 0) return false;
    }
    return true;
  }
  // The number of elements; only for known shapes.
  int64_t size() const { return product(0, ndim_); }
  int64_t product(int begin, int end) const {
    int64_t n = 1;
    for (int i = begin; i < end; ++i) n *= dims_[i];
    return n;
  }
  int64_t operator[](int i) const { return dims_[i]; }
  int64_t& operator[](int i) { return dims_[i]; }
  // Dimension i, counted from the end when negative.
  int64_t at(int i) const { return dims_[i < 0 ? i + ndim_ : i]; }
  const int64_t* begin() const { return dims_; }
  const int64_t* end() const { return dims_ + (ndim_ < 0 ? 0 : ndim_); }
  void resize(int ndim, int64_t value = 1) {
    check(ndim <= kMaxNDim, "a shape has at most ", kMaxNDim, " dimensions, got ", ndim);
    for (int i = ndim_ < 0 ? 0 : ndim_; i < ndim; ++i) dims_[i] = value;
    ndim_ = ndim;
  }
  void push_back(int64_t dim) {
    resize(ndim_ < 0 ? 1 : ndim_ + 1);
    dims_[ndim_ - 1] = dim;
  }
  bool operator==(const Shape& o) const {
    if (ndim_ != o.ndim_) return false;
    for (int i = 0; i < ndim_; ++i) {
      if (dims_[i] != o.dims_[i]) return false;
    }
    return true;
  }
  bool operator!=(const Shape& o) const { return !(*this == o); }
  // "(2,3)"; unknown dimensions as "?"; "?" when the rank is unknown.
  std::string str() const;

 private:
  template <class It>
  void assign(It first, It last) {
    resize(static_cast<int>(last - first));
    for (int i = 0; i < ndim_; ++i) dims_[i] = static_cast<int64_t>(*first++);
  }

  int32_t ndim_ = -1;
  int64_t dims_[kMaxNDim];
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);

// Fills what `into` does not know from `from`. Returns false if they contradict each other.
bool merge_shape(Shape& into, const Shape& from);

// `axis` in [-ndim, ndim) as an index from the front; fails otherwise, naming `op`.
int normalize_axis(int64_t axis, int ndim, const char* op);

// size * element size, or failure when it does not fit in 63 bits.
int64_t checked_bytes(const Shape& shape, int64_t element_size);

}  // namespace symbind
