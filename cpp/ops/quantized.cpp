// Operators on int8 and uint8 tensors, each with the range of values that it stands for.
#include <cstring>

#include "backend/cpu/layout.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/quantize.h"
#include "graph/registry.h"
#include "ops/pooling_common.h"

namespace symbind {
namespace {

float value(const void* p) { return *static_cast<const float*>(p); }
void put(void* const* out, float lo, float hi) {
  *static_cast<float*>(out[1]) = lo;
  *static_cast<float*>(out[2]) = hi;
}
template <class F>
void each(int64_t n, F&& f) {
  parallel_for(n, kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

void infer_ends(ShapeContext& c, size_t first_in) {
  for (size_t i = first_in; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), Shape{1});
  for (size_t i = 1; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), Shape{1});
}
void float_ends(TypeContext& c, size_t first_in) {
  for (size_t i = first_in; i < c.in.size(); ++i) c.set_in(static_cast<int>(i), DType::kFloat32);
  for (size_t i = 1; i < c.out.size(); ++i) c.set_out(static_cast<int>(i), DType::kFloat32);
}
void check_quantized(const OpDef& op, DType type, const char* what) {
  check(type == DType::kUnknown || type == DType::kInt8 || type == DType::kUint8, "[", op.name, "] ", what,
        ": got ", dtype_name(type), ", expected int8 or uint8");
}
void same_quantized(TypeContext& c) {
  check_quantized(c.op, c.in[0], "data");
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  float_ends(c, 1);
}

OpDef& register_ranged(const char* name, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.outputs = {"output", "min_output", "max_output"};
  op.inputs = {"data", "min_data", "max_data"};
  return op;
}

// --- pooling ---

struct QuantizedPoolingParams : PoolingParams {
  void finish(const char* op) {
    check(pool_type == Type::kMax || pool_type == Type::kAvg, "[", op, "] pool_type: got ",
          pool_type == Type::kSum ? "sum" : "lp", ", expected max or avg");
    PoolingParams::finish(op);
  }
};

struct Int8Pooling {
  PoolArgs a;
  ChannelView view;  // of data; `inner` are positions

  template <class T>
  void window(const T* data, const int64_t at[3], T* out, int32_t* totals) const {
    const int64_t lanes = view.block;
    int64_t begin[3], end[3];
    for (int i = 0; i < 3; ++i) {
      begin[i] = at[i] * a.stride[i] - a.pad[i];
      end[i] = std::min(begin[i] + a.kernel[i], a.in[i]);
      begin[i] = std::max<int64_t>(begin[i], 0);
    }
    const bool max = a.kind == PoolKind::kMax;
    std::fill(totals, totals + lanes, max ? INT32_MIN : 0);
    int64_t count = 0;
    for (int64_t d = begin[0]; d < end[0]; ++d) {
      for (int64_t h = begin[1]; h < end[1]; ++h) {
        for (int64_t w = begin[2]; w < end[2]; ++w, ++count) {
          const T* x = data + ((d * a.in[1] + h) * a.in[2] + w) * lanes;
          if (max) {
            for (int64_t c = 0; c < lanes; ++c) totals[c] = std::max<int32_t>(totals[c], x[c]);
          } else {
            for (int64_t c = 0; c < lanes; ++c) totals[c] += x[c];
          }
        }
      }
    }
    const float divisor = static_cast<float>(a.count_include_pad ? a.kernel[0] * a.kernel[1] * a.kernel[2]
                                                                 : std::max<int64_t>(count, 1));
    for (int64_t c = 0; c < lanes; ++c) {
      out[c] = max ? static_cast<T>(std::max<int32_t>(totals[c], std::numeric_limits<T>::min()))
                   : saturate<T>(static_cast<float>(totals[c]) / divisor);
    }
  }

  template <class T>
  void run(void* const* in, void* const* out, void* workspace, int pieces) const {
    const int64_t positions = a.out[0] * a.out[1] * a.out[2], rows = view.outer * view.blocks;
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        int32_t* totals = static_cast<int32_t*>(workspace) + piece * view.block;
        for (int64_t i = rows * positions * piece / pieces; i < rows * positions * (piece + 1) / pieces;
             ++i) {
          const int64_t row = i / positions, p = i % positions;
          const int64_t at[3] = {p / (a.out[1] * a.out[2]), p / a.out[2] % a.out[1], p % a.out[2]};
          window(static_cast<const T*>(in[0]) + row * view.inner * view.block, at,
                 static_cast<T*>(out[0]) + i * view.block, totals);
        }
      }
    });
  }
};

Kernel pooling_kernel(const KernelRequest& r) {
  const PoolingSpec spec = pooling_spec(as<PoolingParams>(r.params), r.in[0].shape, r.out[0].shape);
  Int8Pooling pool{spec.args, {}};
  if (spec.channels_last) {
    pool.view.outer = r.in[0].shape[0];
    pool.view.blocks = 1;
    pool.view.block = r.in[0].shape[r.in[0].shape.ndim() - 1];
    pool.view.inner = pool.a.in[0] * pool.a.in[1] * pool.a.in[2];
  } else {
    check(view_channels(r.in[0], 1, pool.view), "[_contrib_quantized_pooling] unknown layout");
    if (!r.in[0].layout && pool.view.inner == 1) std::swap(pool.view.blocks, pool.view.block);
  }
  const int pieces = max_threads();
  return visit_quantized(r.in[0].dtype, "[_contrib_quantized_pooling] data", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel(
        [pool, pieces](void* const* in, void* const* out, void* workspace) {
          pool.run<T>(in, out, workspace, pieces);
          put(out, value(in[1]), value(in[2]));
        },
        static_cast<size_t>(pieces * pool.view.block) * sizeof(int32_t));
  });
}

void pooling_layout(LayoutRequest& r) {
  const bool channels_last = as<PoolingParams>(r.params).channels_last();
  ChannelView view;
  const bool keeps =
      !channels_last && r.in[0].layout && !r.in[0].layout->padded() && view_channels(r.in[0], 1, view);
  r.out[0].layout = keeps ? layout_like(r.in[0], r.out[0].shape) : nullptr;
  if (!r.out[0].layout) r.in[0].layout = nullptr;
}

void register_pooling() {
  OpDef& op = register_ranged("_contrib_quantized_pooling", "Pooling of int8 or uint8 data: max or avg.");
  op.params = params_spec<QuantizedPoolingParams>();
  op.infer_shape = [](ShapeContext& c) {
    ShapeContext inner{find_op("Pooling"), c.params, {c.in.data(), 1}, {c.out.data(), 1}};
    infer_pooling_shape(inner);
    infer_ends(c, 1);
  };
  op.infer_type = same_quantized;
  op.kernel = pooling_kernel;
  op.layout = pooling_layout;
}

// --- concat: everything in units of the widest range ---

struct ConcatParams {
  int64_t num_args, dim;
  template <class V>
  void visit(V& v) {
    v("num_args", num_args, required, "Number of tensors; the ranges of each follow behind all tensors.");
    v("dim", dim, 1, "The axis to concatenate along.");
  }
  void finish(const char* op) {
    check(num_args >= 1 && num_args < (1 << 24), "[", op, "] num_args: got ", num_args,
          ", expected at least 1");
  }
};

void infer_concat_shape(ShapeContext& c) {
  const auto& p = as<ConcatParams>(c.params);
  infer_ends(c, static_cast<size_t>(p.num_args));
  Shape all;
  int64_t total = 0;
  for (int64_t i = 0; i < p.num_args; ++i) {
    Shape shape = c.in[i];
    if (!shape.has_rank()) return;
    const int axis = normalize_axis(p.dim, shape.ndim(), "_contrib_quantized_concat");
    total = total < 0 || shape[axis] < 0 ? -1 : total + shape[axis];
    shape[axis] = -1;
    check(merge_shape(all, shape), "[_contrib_quantized_concat] shape of 'arg", i, "': got ", c.in[i],
          ", expected ", all, " but for axis ", axis);
  }
  all[normalize_axis(p.dim, all.ndim(), "_contrib_quantized_concat")] = total;
  c.set_out(0, all);
}

Kernel concat_kernel(const KernelRequest& r) {
  const auto& p = as<ConcatParams>(r.params);
  const int count = static_cast<int>(p.num_args);
  const Shape& whole = r.out[0].shape;
  const int axis = normalize_axis(p.dim, whole.ndim(), "_contrib_quantized_concat");
  const int64_t outer = whole.product(0, axis), stride = whole.product(axis, whole.ndim());
  std::vector<DType> types;
  std::vector<int64_t> widths;
  for (int i = 0; i < count; ++i) {
    types.push_back(r.in[i].dtype);
    widths.push_back(r.in[i].shape.product(axis, whole.ndim()));
  }
  const DType type = r.out[0].dtype;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    float lo = value(in[count]), hi = value(in[count + 1]);
    for (int i = 1; i < count; ++i) {
      lo = std::min(lo, value(in[count + 2 * i]));
      hi = std::max(hi, value(in[count + 2 * i + 1]));
    }
    put(out, lo, hi);
    int64_t at = 0;
    for (int i = 0; i < count; ++i) {
      const float from = quantize_scale(types[i], value(in[count + 2 * i]), value(in[count + 2 * i + 1]));
      const float to = quantize_scale(type, lo, hi), factor = to / from;
      const bool same = types[i] == type && from == to;
      for (int64_t row = 0; row < outer; ++row) {
        visit_quantized(types[i], "[_contrib_quantized_concat] data", [&](auto from_tag) {
          using F = typename decltype(from_tag)::type;
          const F* x = static_cast<const F*>(in[i]) + row * widths[i];
          visit_quantized(type, "[_contrib_quantized_concat] output", [&](auto tag) {
            using T = typename decltype(tag)::type;
            T* y = static_cast<T*>(out[0]) + row * stride + at;
            if (same) {
              std::memcpy(y, x, static_cast<size_t>(widths[i]));
            } else {
              for (int64_t k = 0; k < widths[i]; ++k) y[k] = saturate<T>(static_cast<float>(x[k]) * factor);
            }
          });
        });
      }
      at += widths[i];
    }
  });
}

void register_concat() {
  OpDef& op =
      register_ranged("_contrib_quantized_concat",
                      "Concatenates int8 or uint8 tensors, rescaled to the widest of their ranges. Inputs: "
                      "num_args tensors, then the lowest and highest value of each. The result is uint8 if "
                      "all tensors are.");
  op.params = params_spec<ConcatParams>();
  op.num_args_key = "num_args";
  op.num_inputs = [](const void* p) { return static_cast<int>(3 * as<ConcatParams>(p).num_args); };
  op.infer_shape = infer_concat_shape;
  op.infer_type = [](TypeContext& c) {
    const size_t count = c.in.size() / 3;
    float_ends(c, count);
    bool all_unsigned = true, known = true;
    for (size_t i = 0; i < count; ++i) {
      check_quantized(c.op, c.in[i], "data");
      known = known && c.in[i] != DType::kUnknown;
      all_unsigned = all_unsigned && c.in[i] == DType::kUint8;
    }
    if (known) c.set_out(0, all_unsigned ? DType::kUint8 : DType::kInt8);
  };
  op.kernel = concat_kernel;
}

// --- flatten, relu ---

struct ActParams {
  Choice act_type;
  template <class V>
  void visit(V& v) {
    v.choice("act_type", act_type, {"relu", "sigmoid", "softrelu", "softsign", "tanh"}, -1,
             "The function; only relu exists for quantized data.");
  }
  void finish(const char* op) {
    check(act_type.value == 0, "[", op, "] act_type: only relu exists for quantized data");
  }
};

void register_flatten_and_act() {
  OpDef& flatten = register_ranged("_contrib_quantized_flatten", "Flatten of int8 or uint8 data.");
  flatten.infer_shape = [](ShapeContext& c) {
    infer_ends(c, 1);
    const Shape& data = c.in[0];
    if (!data.has_rank()) return;
    int64_t rest = 1;
    for (int i = 1; i < data.ndim(); ++i) rest = rest < 0 || data[i] < 0 ? -1 : rest * data[i];
    c.set_out(0, Shape{data[0], rest});
  };
  flatten.infer_type = same_quantized;
  flatten.kernel = [](const KernelRequest& r) {
    const size_t bytes = r.in[0].bytes();
    return make_kernel([bytes](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) std::memcpy(out[0], in[0], bytes);
      put(out, value(in[1]), value(in[2]));
    });
  };
  flatten.traits.inplace = {{0, 0}};

  OpDef& act =
      register_ranged("_contrib_quantized_act",
                      "relu of int8 or uint8 data; as in MXNet the result is int8 by name whatever data is.");
  act.params = params_spec<ActParams>();
  act.infer_shape = [](ShapeContext& c) {
    infer_ends(c, 1);
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
  };
  act.infer_type = [](TypeContext& c) {
    check_quantized(c.op, c.in[0], "data");
    c.set_out(0, DType::kInt8);
    float_ends(c, 1);
  };
  act.kernel = [](const KernelRequest& r) {
    const int64_t n = r.in[0].shape.size();
    const bool is_unsigned = r.in[0].dtype == DType::kUint8;
    return make_kernel([n, is_unsigned](void* const* in, void* const* out, void*) {
      const auto* x = static_cast<const int8_t*>(in[0]);
      auto* y = static_cast<int8_t*>(out[0]);
      each(n, [=](int64_t i) { y[i] = is_unsigned || x[i] > 0 ? x[i] : int8_t{0}; });
      put(out, value(in[1]), value(in[2]));
    });
  };
}

// --- sums and products ---

struct PairParams {
  std::optional<double> min_calib_range, max_calib_range;
  bool enable_float_output = false;
  template <class V>
  void visit(V& v) {
    v("min_calib_range", min_calib_range, std::optional<double>(),
      "The lowest value of the result; without a range it is int32.");
    v("max_calib_range", max_calib_range, std::optional<double>(), "The highest value of the result.");
  }
  bool calibrated() const { return min_calib_range.has_value() && max_calib_range.has_value(); }
  float lo() const { return static_cast<float>(min_calib_range.value_or(0)); }
  float hi() const { return static_cast<float>(max_calib_range.value_or(0)); }
};

struct ProductParams : PairParams {
  template <class V>
  void visit(V& v) {
    PairParams::visit(v);
    v("enable_float_output", enable_float_output, false, "The result is float32, without a range.");
  }
};

const std::vector<std::string> kPairInputs{"lhs", "rhs", "lhs_min", "lhs_max", "rhs_min", "rhs_max"};

void infer_pair_shape(ShapeContext& c) {
  infer_ends(c, 2);
  for (int i = 0; i < 2; ++i) {
    c.set_out(0, c.in[i]);
    c.set_in(1 - i, c.in[i]);
    c.set_in(i, c.out[0]);
  }
}

template <class L, class R>
Kernel sum_kernel(const KernelRequest& r, const PairParams& p) {
  const int64_t n = r.in[0].shape.size();
  const DType left = r.in[0].dtype, right = r.in[1].dtype, type = r.out[0].dtype;
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const L* x = static_cast<const L*>(in[0]);
    const R* y = static_cast<const R*>(in[1]);
    const float x_unit = 1 / quantize_scale(left, value(in[2]), value(in[3]));
    const float y_unit = 1 / quantize_scale(right, value(in[4]), value(in[5]));
    float lo = p.lo(), hi = p.hi();
    if (type == DType::kInt32) {
      hi = max_abs(value(in[2]), value(in[3])) + max_abs(value(in[4]), value(in[5]));
      lo = -hi;
      const float scale = whole_range(type) / hi, a = x_unit * scale, b = y_unit * scale;
      each(n, [=](int64_t i) { static_cast<int32_t*>(out[0])[i] = saturate<int32_t>(x[i] * a + y[i] * b); });
    } else {
      const float scale = quantize_scale(type, lo, hi), a = x_unit * scale, b = y_unit * scale;
      visit_quantized(type, "[_contrib_quantized_elemwise_add] output", [&](auto tag) {
        using T = typename decltype(tag)::type;
        T* z = static_cast<T*>(out[0]);
        // Of two dtypes the unsigned operand is rounded before the other one is added, as in MXNet.
        constexpr bool kMixed = !std::is_same_v<L, R>, kLeftFirst = std::is_same_v<L, uint8_t>;
        each(n, [=](int64_t i) {
          float left = x[i] * a, right = y[i] * b;
          if (kMixed && kLeftFirst) left = static_cast<float>(saturate<T>(left));
          if (kMixed && !kLeftFirst) right = static_cast<float>(saturate<T>(right));
          z[i] = saturate<T>(left + right);
        });
      });
    }
    put(out, lo, hi);
  });
}

void register_add() {
  OpDef& op =
      register_ranged("_contrib_quantized_elemwise_add",
                      "lhs + rhs of quantized tensors of one shape. With a calibrated range the result is "
                      "uint8 if both are and int8 otherwise, without one it is int32.");
  op.params = params_spec<PairParams>();
  op.inputs = kPairInputs;
  op.infer_shape = infer_pair_shape;
  op.infer_type = [](TypeContext& c) {
    check_quantized(c.op, c.in[0], "lhs");
    check_quantized(c.op, c.in[1], "rhs");
    float_ends(c, 2);
    if (!as<PairParams>(c.params).calibrated()) {
      c.set_out(0, DType::kInt32);
    } else if (c.in[0] != DType::kUnknown && c.in[1] != DType::kUnknown) {
      const bool all_unsigned = c.in[0] == DType::kUint8 && c.in[1] == DType::kUint8;
      c.set_out(0, all_unsigned ? DType::kUint8 : DType::kInt8);
    }
  };
  op.kernel = [](const KernelRequest& r) {
    return visit_quantized(r.in[0].dtype, "[_contrib_quantized_elemwise_add] lhs", [&](auto left) {
      return visit_quantized(r.in[1].dtype, "[_contrib_quantized_elemwise_add] rhs", [&](auto right) {
        return sum_kernel<typename decltype(left)::type, typename decltype(right)::type>(
            r, as<PairParams>(r.params));
      });
    });
  };
}

Kernel product_kernel(const KernelRequest& r) {
  const auto& p = as<ProductParams>(r.params);
  const int64_t n = r.in[0].shape.size();
  return make_kernel([p, n](void* const* in, void* const* out, void*) {
    const int8_t* x = static_cast<const int8_t*>(in[0]);
    const int8_t* y = static_cast<const int8_t*>(in[1]);
    const float left = quantize_scale(DType::kInt8, value(in[2]), value(in[3]));
    const float right = quantize_scale(DType::kInt8, value(in[4]), value(in[5]));
    const float unit = 1 / left / right;
    if (p.enable_float_output) {
      each(n, [=](int64_t i) { static_cast<float*>(out[0])[i] = static_cast<float>(x[i] * y[i]) * unit; });
      return;
    }
    if (p.calibrated()) {  // MXNet cuts fractions off here, and does not saturate
      const float scale = unit * quantize_scale(DType::kInt8, p.lo(), p.hi());
      each(n, [=](int64_t i) {
        static_cast<int8_t*>(out[0])[i] =
            static_cast<int8_t>(static_cast<int32_t>(static_cast<float>(x[i] * y[i]) * scale));
      });
      return put(out, p.lo(), p.hi());
    }
    each(n, [=](int64_t i) { static_cast<int32_t*>(out[0])[i] = x[i] * y[i]; });
    const float whole = whole_range(DType::kInt8);
    const float range = max_abs(value(in[2]), value(in[3])) / whole *
                        (max_abs(value(in[4]), value(in[5])) / whole) * whole_range(DType::kInt32);
    put(out, -range, range);
  });
}

void register_mul() {
  OpDef& op =
      register_ranged("_contrib_quantized_elemwise_mul",
                      "lhs * rhs of int8 tensors of one shape: int8 with a calibrated range, float32 with "
                      "enable_float_output, otherwise int32.");
  op.params = params_spec<ProductParams>();
  op.inputs = kPairInputs;
  op.num_outputs = [](const void* p) { return as<ProductParams>(p).enable_float_output ? 1 : 3; };
  op.infer_shape = infer_pair_shape;
  op.infer_type = [](TypeContext& c) {
    const auto& p = as<ProductParams>(c.params);
    c.set_in(0, DType::kInt8);
    c.set_in(1, DType::kInt8);
    float_ends(c, 2);
    c.set_out(0, p.enable_float_output ? DType::kFloat32 : p.calibrated() ? DType::kInt8 : DType::kInt32);
  };
  op.kernel = product_kernel;
}

// --- batch norm ---

struct NormParams {
  double eps, momentum;
  bool fix_gamma, use_global_stats, output_mean_var, cudnn_off;
  int64_t axis;
  std::optional<double> min_calib_range, max_calib_range;
  template <class V>
  void visit(V& v) {
    v("eps", eps, 1e-3, "Added to the variance.");
    v("momentum", momentum, 0.9, "Accepted for compatibility.");
    v("fix_gamma", fix_gamma, true, "Accepted for compatibility: as in MXNet, gamma always counts.");
    v("use_global_stats", use_global_stats, false, "Accepted for compatibility.");
    v("output_mean_var", output_mean_var, false, "Accepted for compatibility.");
    v("axis", axis, 1, "The axis of the channels.");
    v("cudnn_off", cudnn_off, false, "Accepted for compatibility.");
    v("min_calib_range", min_calib_range, std::optional<double>(), "The lowest value of the result; needed.");
    v("max_calib_range", max_calib_range, std::optional<double>(),
      "The highest value of the result; needed.");
  }
  void finish(const char* op) {
    check(min_calib_range.has_value() && max_calib_range.has_value(), "[", op,
          "] min_calib_range and max_calib_range are needed");
  }
};

Kernel norm_kernel(const KernelRequest& r) {
  const auto& p = as<NormParams>(r.params);
  const Shape& shape = r.in[0].shape;
  const int axis = normalize_axis(p.axis, shape.ndim(), "_contrib_quantized_batch_norm");
  const int64_t channels = shape[axis], inner = shape.product(axis + 1, shape.ndim());
  const int64_t rows = shape.product(0, axis) * channels;
  const DType type = r.in[0].dtype;
  return visit_quantized(type, "[_contrib_quantized_batch_norm] data", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      const T* x = static_cast<const T*>(in[0]);
      int8_t* y = static_cast<int8_t*>(out[0]);
      auto at = [&](int i, int64_t c) { return static_cast<const float*>(in[i])[c]; };
      const float lo = static_cast<float>(*p.min_calib_range), hi = static_cast<float>(*p.max_calib_range);
      const float unit = max_abs(value(in[5]), value(in[6])) / quantized_range(type);
      const float scale = quantize_scale(DType::kInt8, lo, hi);
      parallel_for(rows, std::max<int64_t>(1, kElementGrain / std::max<int64_t>(inner, 1)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t row = begin; row < end; ++row) {
                       const int64_t c = row % channels;
                       const float k = at(1, c) / std::sqrt(at(4, c) + static_cast<float>(p.eps));
                       const float a = k * unit * scale, b = (at(2, c) - at(3, c) * k) * scale;
                       for (int64_t i = row * inner; i < (row + 1) * inner; ++i)
                         y[i] = saturate<int8_t>(x[i] * a + b);
                     }
                   });
      put(out, lo, hi);
    });
  });
}

void register_norm() {
  OpDef& op = register_ranged("_contrib_quantized_batch_norm",
                              "BatchNorm of quantized data with its moving statistics; the result is int8.");
  op.params = params_spec<NormParams>();
  op.inputs = {"data", "gamma", "beta", "moving_mean", "moving_var", "min_data", "max_data"};
  op.aux = {3, 4};
  op.infer_shape = [](ShapeContext& c) {
    for (int i : {5, 6}) c.set_in(i, Shape{1});
    for (int i : {1, 2}) c.set_out(i, Shape{1});
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (!c.in[0].has_rank()) return;
    const int axis =
        normalize_axis(as<NormParams>(c.params).axis, c.in[0].ndim(), "_contrib_quantized_batch_norm");
    for (int i = 1; i <= 4; ++i) c.set_in(i, Shape{c.in[0][axis]});
  };
  op.infer_type = [](TypeContext& c) {
    check_quantized(c.op, c.in[0], "data");
    float_ends(c, 1);
    c.set_out(0, DType::kInt8);
  };
  op.kernel = norm_kernel;
}

// --- embedding ---

struct EmbeddingParams {
  int64_t input_dim, output_dim;
  DType dtype;
  bool sparse_grad;
  template <class V>
  void visit(V& v) {
    v("input_dim", input_dim, required, "Number of rows.");
    v("output_dim", output_dim, required, "Size of a row.");
    v("dtype", dtype, DType::kFloat32, "Accepted for compatibility.");
    v("sparse_grad", sparse_grad, false, "Accepted for compatibility.");
  }
};

void register_embedding() {
  OpDef& op = register_ranged("_contrib_quantized_embedding", "Rows of an int8 weight, by number.");
  op.params = params_spec<EmbeddingParams>();
  op.inputs = {"data", "weight", "min_weight", "max_weight"};
  op.infer_shape = [](ShapeContext& c) {
    const auto& p = as<EmbeddingParams>(c.params);
    infer_ends(c, 2);
    c.set_in(1, Shape{p.input_dim, p.output_dim});
    if (!c.in[0].has_rank()) return;
    Shape out = c.in[0];
    out.push_back(p.output_dim);
    c.set_out(0, out);
  };
  op.infer_type = [](TypeContext& c) {
    c.set_in(1, DType::kInt8);
    float_ends(c, 2);
    c.set_out(0, DType::kInt8);
  };
  op.kernel = [](const KernelRequest& r) {
    const auto& p = as<EmbeddingParams>(r.params);
    const int64_t n = r.in[0].shape.size(), rows = p.input_dim, width = p.output_dim;
    return visit_dtype(r.in[0].dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return make_kernel([n, rows, width](void* const* in, void* const* out, void*) {
        const T* index = static_cast<const T*>(in[0]);
        for (int64_t i = 0; i < n; ++i) {  // numbers outside of the table mean its ends
          const double wanted = static_cast<double>(static_cast<accumulate_t<T>>(index[i]));
          const int64_t row = wanted >= static_cast<double>(rows) ? rows - 1
                              : wanted > 0                        ? static_cast<int64_t>(wanted)
                                                                  : 0;
          std::memcpy(static_cast<char*>(out[0]) + i * width, static_cast<const char*>(in[1]) + row * width,
                      static_cast<size_t>(width));
        }
        put(out, value(in[2]), value(in[3]));
      });
    });
  };
}

}  // namespace

void register_quantized_ops() {
  register_pooling();
  register_concat();
  register_flatten_and_act();
  register_add();
  register_mul();
  register_norm();
  register_embedding();
}

}  // namespace symbind
