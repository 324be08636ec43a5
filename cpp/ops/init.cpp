// Operators that make arrays out of attributes: _zeros, _ones, _full, _arange, _linspace, _eye, zeros_like,
// ...
#include <cmath>
#include <cstring>
#include <optional>

#include "ops/elementwise_common.h"

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

// Fills with one value, by the size of the element.
Kernel fill_kernel(const TensorDesc& out, double value) {
  const int64_t n = element_count(out);
  const int64_t size = static_cast<int64_t>(dtype_size(out.dtype));
  const ScalarValue element = scalar_value(out.dtype, value);
  bool zero = true;
  for (int64_t i = 0; i < size; ++i) zero = zero && element.bytes[static_cast<size_t>(i)] == 0;
  return make_kernel([=](void* const*, void* const* to, void*) {
    parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
      char* p = static_cast<char*>(to[0]) + begin * size;
      const int64_t count = end - begin;
      auto fill = [&](auto type) {
        using T = decltype(type);
        T v;
        std::memcpy(&v, element.data(), sizeof v);
        T* q = reinterpret_cast<T*>(p);
        for (int64_t i = 0; i < count; ++i) q[i] = v;
      };
      if (zero || size == 1) {
        std::memset(p, element.bytes[0], static_cast<size_t>(count * size));
      } else if (size == 2) {
        fill(uint16_t{});
      } else if (size == 4) {
        fill(uint32_t{});
      } else {
        fill(uint64_t{});
      }
    });
  });
}

// `shape` as an attribute: 0 means a dimension that inference finds out.
Shape attribute_shape(const Tuple& dims) {
  if (dims.empty()) return Shape();
  Shape shape(dims.begin(), dims.end());
  for (int i = 0; i < shape.ndim(); ++i) {
    if (shape[i] == 0) shape[i] = -1;
  }
  return shape;
}

template <class P>
OpDef& register_source(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.inputs = {};
  op.params = params_spec<P>();
  op.gradient = zero_gradient;
  op.infer_type = [](TypeContext& c) { c.set_out(0, as<P>(c.params).dtype); };
  return op;
}

struct ShapeParams {
  Tuple shape;
  DType dtype;
  template <class V>
  void visit(V& v) {
    v("shape", shape, Tuple{}, "Shape of the output; dimensions of 0 are inferred.");
    v.ignored("ctx", "", "The device; the executor places the node.");
    v("dtype", dtype, DType::kFloat32, "Type of the elements.");
  }
};

struct FullParams : ShapeParams {
  double value;
  template <class V>
  void visit(V& v) {
    ShapeParams::visit(v);
    v("value", value, required, "The value of every element.");
  }
};

template <class P>
void infer_attribute_shape(ShapeContext& c) {
  c.set_out(0, attribute_shape(as<P>(c.params).shape));
}

struct ArangeParams {
  double start, step;
  std::optional<double> stop;
  int64_t repeat;
  bool infer_range;
  DType dtype;
  template <class V>
  void visit(V& v) {
    v("start", start, required,
      "The first value; the end when `stop` is not given, and then values start at 0.");
    v("stop", stop, std::optional<double>(), "The end, which is not part of the values.");
    v("step", step, 1.0, "Distance between values.");
    v("repeat", repeat, int64_t{1}, "How often each value is repeated.");
    v("infer_range", infer_range, false, "Take the number of values from the shape inferred for the output.");
    v.ignored("ctx", "", "The device; the executor places the node.");
    v("dtype", dtype, DType::kFloat32, "Type of the elements.");
  }
  double first() const { return infer_range || stop ? start : 0; }
};

void infer_arange(ShapeContext& c) {
  const ArangeParams& p = as<ArangeParams>(c.params);
  check(p.repeat >= 1, "[_arange] repeat: got ", p.repeat, ", expected at least 1");
  check(p.step != 0, "[_arange] step: got 0, expected a distance");
  if (p.infer_range && !p.stop) return;  // from what the output is used with
  const double stop = p.stop ? *p.stop : p.start;
  const double count = std::ceil((stop - p.first()) / p.step);
  check(count > 0, "[_arange] no values: got start ", p.first(), ", stop ", stop, ", step ", p.step);
  check(count < 9e15, "[_arange] too many values: got start ", p.first(), ", stop ", stop, ", step ", p.step);
  c.set_out(0, Shape{static_cast<int64_t>(count) * p.repeat});
}

struct LinspaceParams {
  double start, stop;
  int64_t num;
  bool endpoint;
  DType dtype;
  template <class V>
  void visit(V& v) {
    v("start", start, required, "The first value.");
    v("stop", stop, required, "The last value, or the end of the interval.");
    v("num", num, required, "Number of values.");
    v("endpoint", endpoint, true, "Is `stop` the last value?");
    v.ignored("ctx", "", "The device; the executor places the node.");
    v("dtype", dtype, DType::kFloat32, "Type of the elements.");
  }
  double step() const { return num > 1 ? (stop - start) / static_cast<double>(endpoint ? num - 1 : num) : 0; }
};

struct EyeParams {
  int64_t N, M, k;
  DType dtype;
  template <class V>
  void visit(V& v) {
    v("N", N, required, "Number of rows.");
    v("M", M, int64_t{0}, "Number of columns; 0 is N.");
    v("k", k, int64_t{0}, "The diagonal that is 1: positive above, negative below the main one.");
    v.ignored("ctx", "", "The device; the executor places the node.");
    v("dtype", dtype, DType::kFloat32, "Type of the elements.");
  }
};

// out[i] = value(i / repeat)
template <class F>
Kernel series_kernel(const TensorDesc& out, int64_t repeat, F value) {
  const int64_t n = out.shape.size();
  return visit_dtype(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const*, void* const* to, void*) {
      T* y = static_cast<T*>(to[0]);
      for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(value(i / repeat));
    });
  });
}

void register_series() {
  OpDef& arange = register_source<ArangeParams>("_arange", "Evenly spaced values in [start, stop).");
  arange.infer_shape = infer_arange;
  arange.kernel = [](const KernelRequest& r) {
    const ArangeParams& p = as<ArangeParams>(r.params);
    // Integers step by integers: start 0.5 is 0.
    const bool whole = !is_float(p.dtype);
    const double first = whole ? std::trunc(p.first()) : p.first(),
                 step = whole ? std::trunc(p.step) : p.step;
    return series_kernel(r.out[0], p.repeat,
                         [=](int64_t i) { return first + static_cast<double>(i) * step; });
  };

  OpDef& linspace =
      register_source<LinspaceParams>("_linspace", "num evenly spaced values from start to stop.");
  linspace.infer_shape = [](ShapeContext& c) {
    const int64_t num = as<LinspaceParams>(c.params).num;
    check(num >= 1, "[_linspace] num: got ", num, ", expected at least 1");
    c.set_out(0, Shape{num});
  };
  linspace.kernel = [](const KernelRequest& r) {
    const LinspaceParams& p = as<LinspaceParams>(r.params);
    const double start = p.start, step = p.step();
    return series_kernel(r.out[0], 1, [=](int64_t i) { return start + static_cast<double>(i) * step; });
  };

  OpDef& eye = register_source<EyeParams>("_eye", "A matrix with ones on one diagonal and zeros elsewhere.");
  eye.infer_shape = [](ShapeContext& c) {
    const EyeParams& p = as<EyeParams>(c.params);
    check(p.N > 0 && p.M >= 0, "[_eye] N, M: got ", p.N, ", ", p.M, ", expected positive numbers");
    c.set_out(0, Shape{p.N, p.M > 0 ? p.M : p.N});
  };
  eye.kernel = [](const KernelRequest& r) {
    const int64_t columns = r.out[0].shape[1], k = as<EyeParams>(r.params).k;
    return series_kernel(r.out[0], 1, [=](int64_t i) { return i % columns - i / columns == k ? 1.0 : 0.0; });
  };
}

void register_like(const char* name, double value, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.infer_shape = infer_same_shape;
  op.gradient = zero_gradient;
  op.kernel = [value](const KernelRequest& r) { return fill_kernel(r.out[0], value); };
}

// int64 facts about the shape of the input, known at bind time.
void register_shape_facts() {
  auto infer_int64 = [](TypeContext& c) { c.set_out(0, DType::kInt64); };
  OpDef& shape = register_op("shape_array");
  shape.doc = "The shape of data as an int64 array.";
  shape.infer_shape = [](ShapeContext& c) {
    if (c.in[0].has_rank()) c.set_out(0, Shape{c.in[0].ndim()});
  };
  shape.infer_type = infer_int64;
  shape.gradient = zero_gradient;
  shape.kernel = [](const KernelRequest& r) {
    const Shape dims = r.in[0].shape;
    return make_kernel([dims](void* const*, void* const* out, void*) {
      int64_t* y = static_cast<int64_t*>(out[0]);
      for (int i = 0; i < dims.ndim(); ++i) y[i] = dims[i];
    });
  };

  OpDef& size = register_op("size_array");
  size.doc = "The number of elements of data as an int64 array of shape (1,).";
  size.infer_shape = [](ShapeContext& c) { c.set_out(0, Shape{1}); };
  size.infer_type = infer_int64;
  size.gradient = zero_gradient;
  size.kernel = [](const KernelRequest& r) {
    const int64_t n = r.in[0].shape.size();
    return make_kernel([n](void* const*, void* const* out, void*) { *static_cast<int64_t*>(out[0]) = n; });
  };
}

}  // namespace

void register_init_ops() {
  OpDef& zeros = register_source<ShapeParams>("_zeros", "Zeros.");
  zeros.infer_shape = infer_attribute_shape<ShapeParams>;
  zeros.kernel = [](const KernelRequest& r) { return fill_kernel(r.out[0], 0); };
  OpDef& ones = register_source<ShapeParams>("_ones", "Ones.");
  ones.infer_shape = infer_attribute_shape<ShapeParams>;
  ones.kernel = [](const KernelRequest& r) { return fill_kernel(r.out[0], 1); };
  OpDef& full = register_source<FullParams>("_full", "One value everywhere.");
  full.infer_shape = infer_attribute_shape<FullParams>;
  full.kernel = [](const KernelRequest& r) { return fill_kernel(r.out[0], as<FullParams>(r.params).value); };

  register_series();
  register_like("zeros_like", 0, "Zeros of the shape and dtype of data.");
  register_like("ones_like", 1, "Ones of the shape and dtype of data.");
  register_shape_facts();
}

}  // namespace symbind
