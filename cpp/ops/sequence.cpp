// Batches of sequences of different lengths: SequenceMask, SequenceLast, SequenceReverse.
#include <cstring>

#include "backend/cpu/parallel.h"
#include "backend/cpu/strided_copy.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct Params {
  bool use_sequence_length;
  int64_t axis;
  template <class V>
  void visit(V& v) {
    v("use_sequence_length", use_sequence_length, false,
      "Is there an input with the lengths? Without it all sequences have the full length.");
    v("axis", axis, int64_t{0}, "The axis of time, 0 or 1; the other one is the batch.");
  }
  void finish(const char* op) {
    check(axis == 0 || axis == 1, "[", op, "] axis: got ", axis, ", expected 0 or 1");
  }
};

struct MaskParams : Params {
  double value;
  template <class V>
  void visit(V& v) {
    Params::visit(v);
    v("value", value, 0.0, "What elements behind the end of their sequence become.");
  }
};

struct ReverseParams : Params {
  void finish(const char* op) {
    check(axis == 0, "[", op, "] axis: got ", axis, ", expected 0: time is the first axis");
  }
};

void infer_lengths(ShapeContext& c) {
  const Params& p = as<Params>(c.params);
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  check(data.ndim() >= 2, "[", c.op.name, "] data: got shape ", data, ", expected at least 2 dimensions");
  if (c.in.size() > 1) c.set_in(1, Shape{data[static_cast<int>(1 - p.axis)]});
}

void infer_same(ShapeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  infer_lengths(c);
}

void infer_type(TypeContext& c) {
  c.set_out(0, c.in[0]);
  c.set_in(0, c.out[0]);
  if (c.in.size() > 1 && c.in[1] == DType::kUnknown) c.set_in(1, c.in[0]);
}

// data as (time, batch, rest) or (batch, time, rest); steps in elements.
struct Layout3 {
  int64_t time, batch, rest, time_step, batch_step;
  Layout3(const Params& p, const Shape& data)
      : time(data[static_cast<int>(p.axis)]),
        batch(data[static_cast<int>(1 - p.axis)]),
        rest(data.product(2, data.ndim())),
        time_step(p.axis == 0 ? batch * rest : rest),
        batch_step(p.axis == 0 ? rest : time * rest) {}
  int64_t size() const { return time * batch * rest; }
};

// Reads the length of sequence i, at least 0 and at most `time`.
using LengthFn = int64_t (*)(const void* lengths, int64_t i, int64_t time);
LengthFn length_reader(const KernelRequest& r, size_t input) {
  if (r.in.size() <= input) return [](const void*, int64_t, int64_t time) { return time; };
  return visit_dtype(r.in[input].dtype, [](auto tag) -> LengthFn {
    using L = typename decltype(tag)::type;
    return [](const void* lengths, int64_t i, int64_t time) {
      const int64_t n = static_cast<int64_t>(static_cast<const L*>(lengths)[i]);
      return n < 0 ? 0 : n < time ? n : time;
    };
  });
}

const void* lengths_of(void* const* in, bool given) { return given ? in[1] : nullptr; }

// Copies data and fills what is behind the ends. Also the gradient of that, with `value` 0.
Kernel mask_kernel(const KernelRequest& r, double value) {
  const Layout3 d(as<Params>(r.params), r.in[0].shape);
  const LengthFn length = length_reader(r, 1);
  const bool given = r.in.size() > 1;
  return visit_dtype(r.in[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T fill = static_cast<T>(value);
    return make_kernel([=](void* const* in, void* const* out, void*) {
      if (in[0] != out[0]) parallel_copy(in[0], out[0], d.size() * static_cast<int64_t>(sizeof(T)));
      const void* lengths = lengths_of(in, given);
      parallel_for(d.batch, 1 + kElementGrain / std::max<int64_t>(d.time * d.rest, 1),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t b = begin; b < end; ++b) {
                       for (int64_t t = length(lengths, b, d.time); t < d.time; ++t) {
                         T* row = static_cast<T*>(out[0]) + t * d.time_step + b * d.batch_step;
                         for (int64_t i = 0; i < d.rest; ++i) row[i] = fill;
                       }
                     }
                   });
    });
  });
}

// A sequence of length 0 has no last element: it gives its first row.
int64_t last_of(int64_t length) { return length > 0 ? length - 1 : 0; }

Kernel last_kernel(const KernelRequest& r) {
  const Layout3 d(as<Params>(r.params), r.in[0].shape);
  const LengthFn length = length_reader(r, 1);
  const bool given = r.in.size() > 1;
  const int64_t size = static_cast<int64_t>(dtype_size(r.in[0].dtype));
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const void* lengths = lengths_of(in, given);
    for (int64_t b = 0; b < d.batch && d.size() > 0; ++b) {
      const int64_t t = last_of(length(lengths, b, d.time));
      std::memcpy(static_cast<char*>(out[0]) + b * d.rest * size,
                  static_cast<const char*>(in[0]) + (t * d.time_step + b * d.batch_step) * size,
                  static_cast<size_t>(d.rest * size));
    }
  });
}

// Inputs out_grad and, when used, the lengths.
Kernel last_backward_kernel(const KernelRequest& r) {
  const Layout3 d(as<Params>(r.params), r.out[0].shape);
  const LengthFn length = length_reader(r, 1);
  const bool given = r.in.size() > 1;
  const int64_t size = static_cast<int64_t>(dtype_size(r.in[0].dtype));
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const void* lengths = lengths_of(in, given);
    parallel_zero(out[0], d.size() * size);
    for (int64_t b = 0; b < d.batch && d.size() > 0; ++b) {
      const int64_t t = last_of(length(lengths, b, d.time));
      std::memcpy(static_cast<char*>(out[0]) + (t * d.time_step + b * d.batch_step) * size,
                  static_cast<const char*>(in[0]) + b * d.rest * size, static_cast<size_t>(d.rest * size));
    }
  });
}

// Its own gradient: reversing twice changes nothing.
Kernel reverse_kernel(const KernelRequest& r) {
  const Layout3 d(as<Params>(r.params), r.in[0].shape);
  const LengthFn length = length_reader(r, 1);
  const bool given = r.in.size() > 1;
  const int64_t size = static_cast<int64_t>(dtype_size(r.in[0].dtype));
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const void* lengths = lengths_of(in, given);
    const int64_t row = d.rest * size, step = d.time_step * size;
    parallel_for(d.time, 1 + 4 * kElementGrain / std::max<int64_t>(step, 1), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        for (int64_t b = 0; b < d.batch; ++b) {
          const int64_t n = length(lengths, b, d.time), source = t < n ? n - 1 - t : t;
          std::memcpy(static_cast<char*>(out[0]) + t * step + b * row,
                      static_cast<const char*>(in[0]) + source * step + b * row, static_cast<size_t>(row));
        }
      }
    });
  });
}

OpDef& register_sequence_op(const char* name, const ParamsSpec& params, const char* doc,
                            std::function<Kernel(const KernelRequest&)> backward) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params;
  op.inputs = {"data", "sequence_length"};
  op.num_inputs = [](const void* p) { return as<Params>(p).use_sequence_length ? 2 : 1; };
  op.infer_shape = infer_same;
  op.infer_type = infer_type;
  const std::string back_name = std::string("_backward_") + name;
  op.gradient = [back_name](GradContext& c) {
    std::vector<EntryId> grads = zero_gradient(c), inputs{c.out_grad(0)};
    if (c.num_inputs() > 1) inputs.push_back(c.input(1));
    grads[0] = {c.backward(back_name.c_str(), std::move(inputs), {0}), 0};
    return grads;
  };
  OpDef& back = register_backward_op(back_name, {"out_grad", "sequence_length"});
  back.params = params;
  back.num_inputs = op.num_inputs;
  back.kernel = std::move(backward);
  return op;
}

}  // namespace

void register_sequence_ops() {
  OpDef& mask = register_sequence_op(
      "SequenceMask", params_spec<MaskParams>(),
      "data (time, batch, ...) with the elements behind the end of each sequence set to `value`.",
      [](const KernelRequest& r) { return mask_kernel(r, 0); });
  mask.traits.inplace = {{0, 0}};
  mask.kernel = [](const KernelRequest& r) { return mask_kernel(r, as<MaskParams>(r.params).value); };

  OpDef& last = register_sequence_op("SequenceLast", params_spec<Params>(),
                                     "The last element of each sequence of data (time, batch, ...).",
                                     last_backward_kernel);
  last.kernel = last_kernel;
  last.infer_shape = [](ShapeContext& c) {
    infer_lengths(c);
    if (!c.in[0].has_rank()) return;
    Shape out;
    out.resize(0);
    for (int i = 0; i < c.in[0].ndim(); ++i) {
      if (i != as<Params>(c.params).axis) out.push_back(c.in[0][i]);
    }
    c.set_out(0, out);
  };

  OpDef& reverse = register_sequence_op(
      "SequenceReverse", params_spec<ReverseParams>(),
      "data (time, batch, ...) with each sequence reversed; what is behind its end stays.", reverse_kernel);
  reverse.kernel = reverse_kernel;
}

}  // namespace symbind
