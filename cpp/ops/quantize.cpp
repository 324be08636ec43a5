// Between float32 and int8: _contrib_quantize, _contrib_quantize_v2, _contrib_dequantize,
// _contrib_requantize.
#include "backend/cpu/quantize.h"

#include <array>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {
namespace {

enum class OutType { kAuto, kInt8, kUint8 };

struct OldParams {  // of _contrib_quantize
  Choice out_type;
  template <class V>
  void visit(V& v) {
    v.choice("out_type", out_type, {"int8", "uint8"}, 1, "What to quantize to.");
  }
  DType type() const { return out_type.value == 0 ? DType::kInt8 : DType::kUint8; }
};

struct CalibratedParams {  // of _contrib_quantize_v2 and _contrib_requantize
  Choice out_type;
  std::optional<double> min_calib_range, max_calib_range;
  template <class V>
  void visit(V& v) {
    v.choice("out_type", out_type, {"auto", "int8", "uint8"}, 1,
             "What to quantize to; auto is uint8 when min_calib_range is 0 or more, otherwise int8.");
    v("min_calib_range", min_calib_range, std::optional<double>(),
      "The lowest value that is expected; with max_calib_range it replaces a search through the data.");
    v("max_calib_range", max_calib_range, std::optional<double>(), "The highest value that is expected.");
  }
  bool calibrated() const { return min_calib_range.has_value() && max_calib_range.has_value(); }
  DType type() const {
    if (out_type == OutType::kAuto) {
      return calibrated() && *min_calib_range >= 0 ? DType::kUint8 : DType::kInt8;
    }
    return out_type == OutType::kUint8 ? DType::kUint8 : DType::kInt8;
  }
};

struct DequantizeParams {
  Choice out_type;
  template <class V>
  void visit(V& v) {
    v.choice("out_type", out_type, {"float32"}, 0, "The dtype of the result.");
  }
};

struct Range {
  float lo, hi;
};

template <class T>
Range find_range(const T* data, int64_t n) {
  constexpr int64_t kPieces = 64;
  std::array<Range, kPieces> found;
  const int64_t pieces = std::max<int64_t>(1, std::min(kPieces, n / kElementGrain));
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      T lo = n > 0 ? data[0] : T(0), hi = lo;
      for (int64_t i = n * piece / pieces; i < n * (piece + 1) / pieces; ++i) {
        lo = std::min(lo, data[i]);
        hi = std::max(hi, data[i]);
      }
      found[piece] = {static_cast<float>(lo), static_cast<float>(hi)};
    }
  });
  Range all = found[0];
  for (int64_t piece = 1; piece < pieces; ++piece) {
    all = {std::min(all.lo, found[piece].lo), std::max(all.hi, found[piece].hi)};
  }
  return all;
}

// y[i] = x[i] * scale as a quantized type.
template <class From>
void scale_into(DType type, const From* x, float scale, void* y, int64_t n) {
  visit_quantized(type, "[quantize] out_type", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = static_cast<T*>(y);
    parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = saturate<T>(static_cast<float>(x[i]) * scale);
    });
  });
}

void put(void* const* out, float lo, float hi) {
  *static_cast<float*>(out[1]) = lo;
  *static_cast<float*>(out[2]) = hi;
}
float value(const void* p) { return *static_cast<const float*>(p); }

// --- shapes and dtypes: data and one value for each end of a range ---

void infer_ranges(ShapeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  for (size_t i = 1; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), Shape{1});
  for (size_t i = 1; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), Shape{1});
}

void float_ranges(TypeContext& c) {
  for (size_t i = 1; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), DType::kFloat32);
  for (size_t i = 1; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), DType::kFloat32);
}

// --- kernels ---

Kernel quantize_kernel(const KernelRequest& r) {
  const DType type = as<OldParams>(r.params).type();
  const int64_t n = r.in[0].shape.size();
  return make_kernel([type, n](void* const* in, void* const* out, void*) {
    const float lo = value(in[1]), hi = value(in[2]), largest = max_abs(lo, hi);
    scale_into(type, static_cast<const float*>(in[0]), whole_range(type) / largest, out[0], n);
    type == DType::kUint8 ? put(out, lo, hi) : put(out, -largest, largest);
  });
}

Kernel quantize_v2_kernel(const KernelRequest& r) {
  const auto& p = as<CalibratedParams>(r.params);
  const DType type = r.out[0].dtype;
  const int64_t n = r.in[0].shape.size();
  const Range given{static_cast<float>(p.min_calib_range.value_or(0)),
                    static_cast<float>(p.max_calib_range.value_or(0))};
  if (r.in[0].dtype != DType::kFloat32) {  // quantized already: only the range is stated
    return make_kernel([n, given](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) std::copy_n(static_cast<const char*>(in[0]), n, static_cast<char*>(out[0]));
      put(out, given.lo, given.hi);
    });
  }
  const bool calibrated = p.calibrated();
  return make_kernel([type, n, given, calibrated](void* const* in, void* const* out, void*) {
    const float* data = static_cast<const float*>(in[0]);
    const Range range = calibrated ? given : find_range(data, n);
    const float largest = max_abs(range.lo, range.hi);
    scale_into(type, data, quantize_scale(type, range.lo, range.hi), out[0], n);
    type == DType::kUint8 ? put(out, range.lo, range.hi) : put(out, -largest, largest);
  });
}

Kernel dequantize_kernel(const KernelRequest& r) {
  const int64_t n = r.in[0].shape.size();
  return visit_quantized(r.in[0].dtype, "[_contrib_dequantize] data", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const DType type = r.in[0].dtype;
    return make_kernel([type, n](void* const* in, void* const* out, void*) {
      const T* x = static_cast<const T*>(in[0]);
      float* y = static_cast<float*>(out[0]);
      const float unit = max_abs(value(in[1]), value(in[2])) / quantized_range(type);
      parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = static_cast<float>(x[i]) * unit;
      });
    });
  });
}

Kernel requantize_kernel(const KernelRequest& r) {
  const auto& p = as<CalibratedParams>(r.params);
  const DType type = p.type();
  const int64_t n = r.in[0].shape.size();
  const bool calibrated = p.calibrated();
  const float given =
      calibrated ? max_abs(static_cast<float>(*p.min_calib_range), static_cast<float>(*p.max_calib_range))
                 : 0;
  return make_kernel([type, n, calibrated, given](void* const* in, void* const* out, void*) {
    const int32_t* data = static_cast<const int32_t*>(in[0]);
    const float unit = max_abs(value(in[1]), value(in[2])) / whole_range(DType::kInt32);
    float largest = given;
    if (!calibrated) {
      const Range range = find_range(data, n);
      largest = max_abs(range.lo, range.hi) * unit;
    }
    scale_into(type, data, unit * (whole_range(type) / largest), out[0], n);
    put(out, type == DType::kUint8 ? 0 : -largest, largest);
  });
}

OpDef& register_quantizer(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.outputs = {"output", "min_output", "max_output"};
  op.infer_shape = infer_ranges;
  op.traits.no_fold = true;  // more than one output
  return op;
}

}  // namespace

void register_quantize_ops() {
  OpDef& quantize = register_quantizer(
      "_contrib_quantize",
      "float32 to int8 or uint8, with the range of values given by arrays of one element. Outputs the "
      "quantized data and the range it stands for.");
  quantize.params = params_spec<OldParams>();
  quantize.inputs = {"data", "min_range", "max_range"};
  quantize.infer_type = [](TypeContext& c) {
    float_ranges(c);
    c.set_in(0, DType::kFloat32);
    c.set_out(0, as<OldParams>(c.params).type());
  };
  quantize.kernel = quantize_kernel;

  OpDef& v2 = register_quantizer(
      "_contrib_quantize_v2",
      "float32 to int8 or uint8, with the range of values from attributes or, without them, from the data. "
      "Outputs the quantized data and the range it stands for.");
  v2.params = params_spec<CalibratedParams>();
  v2.infer_type = [](TypeContext& c) {
    float_ranges(c);
    const DType type = as<CalibratedParams>(c.params).type();
    const DType data = c.in[0];
    check(data == DType::kUnknown || data == DType::kFloat32 || data == DType::kInt8 || data == DType::kUint8,
          "[_contrib_quantize_v2] data: got ", dtype_name(data), ", expected float32, int8 or uint8");
    c.set_out(0, data == DType::kInt8 || data == DType::kUint8 ? data : type);
  };
  v2.kernel = quantize_v2_kernel;

  OpDef& dequantize = register_op("_contrib_dequantize");
  dequantize.doc =
      "int8 or uint8 to float32; the range that the data stands for is given by arrays of one element.";
  dequantize.params = params_spec<DequantizeParams>();
  dequantize.inputs = {"data", "min_range", "max_range"};
  dequantize.infer_shape = infer_ranges;
  dequantize.infer_type = [](TypeContext& c) {
    float_ranges(c);
    check(c.in[0] == DType::kUnknown || c.in[0] == DType::kInt8 || c.in[0] == DType::kUint8,
          "[_contrib_dequantize] data: got ", dtype_name(c.in[0]), ", expected int8 or uint8");
    c.set_out(0, DType::kFloat32);
  };
  dequantize.kernel = dequantize_kernel;

  OpDef& requantize = register_quantizer("_contrib_requantize",
                                         "int32, as sums of products of quantized tensors are, to int8 or "
                                         "uint8. The new range is from attributes "
                                         "or, without them, from the data.");
  requantize.params = params_spec<CalibratedParams>();
  requantize.inputs = {"data", "min_range", "max_range"};
  requantize.infer_type = [](TypeContext& c) {
    float_ranges(c);
    c.set_in(0, DType::kInt32);
    c.set_out(0, as<CalibratedParams>(c.params).type());
  };
  requantize.kernel = requantize_kernel;
}

}  // namespace symbind
