#include "runtime/ndarray.h"

#include <cstring>

namespace symbind {

NDArray make_ndarray(const Shape& shape, DType dtype, Context context) {
  check_device(context);
  NDArray a;
  a.storage =
      allocate_storage(static_cast<size_t>(checked_bytes(shape, static_cast<int64_t>(dtype_size(dtype)))));
  a.shape = shape;
  a.dtype = dtype;
  a.context = context;
  return a;
}

NDArray make_zeros(const Shape& shape, DType dtype, Context context) {
  NDArray a = make_ndarray(shape, dtype, context);
  if (a.bytes() > 0) std::memset(a.data(), 0, a.bytes());
  return a;
}

NDArray reshape_view(const NDArray& array, const Shape& shape) {
  check(shape.known() && shape.size() == array.size(), "[reshape] cannot view an array of shape ",
        array.shape, " as ", shape, ": got ", array.size(), " elements");
  NDArray view = array;
  view.shape = shape;
  return view;
}

NDArray slice_view(const NDArray& array, int64_t begin, int64_t end) {
  check(array.shape.ndim() > 0, "[slice] an array of shape ", array.shape, " has no first axis");
  check(begin >= 0 && begin <= end && end <= array.shape[0], "[slice] range ", begin, ":", end,
        " is outside the first axis of ", array.shape);
  NDArray view = array;
  const int64_t row = array.shape.product(1, array.shape.ndim());
  view.offset += static_cast<size_t>(begin * row) * dtype_size(array.dtype);
  view.shape[0] = end - begin;
  return view;
}

namespace {

// Conversions as NumPy's astype: to bool is "is not zero", from floating to integers truncates (NaN and
// values out of range give an unspecified but defined result through int64).
template <class To, class From>
To convert_one(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return static_cast<float>(value) != 0.0f;
  } else if constexpr (std::is_same_v<From, Half>) {
    return convert_one<To>(static_cast<float>(value));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (!(value >= From(-9.2e18) && value <= From(9.2e18))) return To(0);
    return static_cast<To>(static_cast<int64_t>(value));
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

void convert_elements(const void* from, DType from_type, void* to, DType to_type, int64_t n) {
  if (n == 0) return;
  if (from_type == to_type) {
    std::memmove(to, from, static_cast<size_t>(n) * dtype_size(from_type));
    return;
  }
  visit_dtype(from_type, [&](auto from_tag) {
    using From = typename decltype(from_tag)::type;
    visit_dtype(to_type, [&](auto to_tag) {
      using To = typename decltype(to_tag)::type;
      const From* source = static_cast<const From*>(from);
      To* target = static_cast<To*>(to);
      for (int64_t i = 0; i < n; ++i) target[i] = convert_one<To>(source[i]);
    });
  });
}

void copy_ndarray(const NDArray& from, const NDArray& to) {
  check(from.shape == to.shape, "[copyto] shapes differ: got ", from.shape, ", expected ", to.shape);
  if (from.data() == to.data() && from.dtype == to.dtype) return;
  convert_elements(from.data(), from.dtype, to.data(), to.dtype, from.size());
  to.mark_written();
}

void fill_ndarray(const NDArray& array, double value) {
  visit_dtype(array.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T v = convert_one<T>(value);
    T* data = array.data_as<T>();
    const int64_t n = array.size();
    for (int64_t i = 0; i < n; ++i) data[i] = v;
  });
  array.mark_written();
}

}  // namespace symbind
