// _contrib_fft and _contrib_ifft along the last axis, and _contrib_count_sketch.
#include "backend/cpu/fft.h"

#include <algorithm>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {
namespace {

struct FftParams {
  template <class V>
  void visit(V& v) {
    v.ignored("compute_size", "128", "Accepted and ignored.");
  }
};

struct SketchParams {
  int64_t out_dim;
  template <class V>
  void visit(V& v) {
    v("out_dim", out_dim, required, "Length of a sketch.");
    v.ignored("processing_batch_size", "32", "Accepted and ignored.");
  }
  void finish(const char* op) {
    check(out_dim > 0, "[", op, "] out_dim: got ", out_dim, ", expected a positive number");
  }
};

// The last axis doubles (real and imaginary parts side by side) or halves.
void infer_fft(ShapeContext& c, bool inverse) {
  auto check_rank = [&](const Shape& s) {
    check(!s.has_rank() || s.ndim() == 2 || s.ndim() == 4, "[", c.op.name, "] data: got shape ", s,
          ", expected 2 or 4 dimensions");
  };
  check_rank(c.in[0]);
  auto convert = [](Shape s, bool halve) {
    int64_t& last = s[s.ndim() - 1];
    if (last >= 0) last = halve ? last / 2 : last * 2;
    return s;
  };
  if (c.in[0].has_rank()) {
    check(!inverse || c.in[0].at(-1) < 0 || c.in[0].at(-1) % 2 == 0, "[", c.op.name, "] data: got shape ",
          c.in[0], ", expected an even last axis: real and imaginary parts");
    c.set_out(0, convert(c.in[0], inverse));
  }
  if (c.out[0].has_rank()) c.set_in(0, convert(c.out[0], !inverse));
}

// Rows of `n` complex numbers: from real to complex, or the real part of the inverse.
template <class T>
Kernel fft_kernel(int64_t rows, int64_t n, bool inverse) {
  using Complex = std::complex<T>;
  const Fft<T> transform(n, inverse);
  const int64_t each = n + transform.workspace();
  const int64_t grain = 1 + kElementGrain / (16 * n + 1), slots = std::min<int64_t>(rows, max_threads());
  return make_kernel(
      [=](void* const* in, void* const* out, void* workspace) {
        const int64_t step = slots > 0 ? (rows + slots - 1) / slots : 1;
        parallel_for(slots, std::max<int64_t>(1, grain / step), [&](int64_t begin, int64_t end) {
          for (int64_t slot = begin; slot < end; ++slot) {
            Complex* x = static_cast<Complex*>(workspace) + slot * each;
            for (int64_t row = slot * step; row < std::min(rows, (slot + 1) * step); ++row) {
              const T* from = static_cast<const T*>(in[0]) + row * n * (inverse ? 2 : 1);
              T* to = static_cast<T*>(out[0]) + row * n * (inverse ? 1 : 2);
              for (int64_t k = 0; k < n; ++k)
                x[k] = inverse ? Complex(from[2 * k], from[2 * k + 1]) : Complex(from[k]);
              transform.run(x, x + n);
              for (int64_t k = 0; k < n; ++k) {
                if (inverse) {
                  to[k] = x[k].real();
                } else {
                  to[2 * k] = x[k].real();
                  to[2 * k + 1] = x[k].imag();
                }
              }
            }
          }
        });
      },
      static_cast<size_t>(slots * each) * sizeof(Complex));
}

void register_fft(const char* name, const char* adjoint, bool inverse, const char* doc) {
  OpDef& op = register_op(name);
  op.doc = doc;
  op.params = params_spec<FftParams>();
  op.infer_shape = [inverse](ShapeContext& c) { infer_fft(c, inverse); };
  op.kernel = [inverse](const KernelRequest& request) {
    return floating_kernel(request, [inverse](const KernelRequest& r) {
      const Shape& real = inverse ? r.out[0].shape : r.in[0].shape;
      const int64_t n = real.at(-1), rows = real.product(0, real.ndim() - 1);
      return r.in[0].dtype == DType::kFloat64 ? fft_kernel<double>(rows, n, inverse)
                                              : fft_kernel<float>(rows, n, inverse);
    });
  };
  // Neither scales, so that each is the other's adjoint.
  op.gradient = [adjoint](GradContext& c) -> std::vector<EntryId> {
    return {c.apply(adjoint, {c.out_grad(0)})};
  };
}

// ---- count_sketch: out[h[i]] += s[i] * data[i]

void infer_sketch(ShapeContext& c) {
  const SketchParams& p = as<SketchParams>(c.params);
  const Shape& data = c.in[0];
  if (!data.has_rank()) return;
  check(data.ndim() >= 1, "[", c.op.name, "] data: got a scalar, expected at least one dimension");
  for (int i = 1; i < 3; ++i) {
    const Shape& s = c.in[i];
    check(!s.has_rank() || (s.known() && data.at(-1) >= 0 ? s.size() == data.at(-1) : true), "[", c.op.name,
          "] ", c.op.inputs[i], ": got shape ", s, ", expected ", data.at(-1), " numbers");
    if (!s.has_rank()) c.set_in(i, Shape{1, data.at(-1)});
  }
  Shape out = data;
  out[data.ndim() - 1] = p.out_dim;
  c.set_out(0, out);
}

template <class T>
int64_t sketch_index(T h, int64_t out_dim) {
  const int64_t at = static_cast<int64_t>(h);
  return at < 0 || at >= out_dim ? -1 : at;
}

// Backward reads the sketch's gradient where forward adds to the sketch.
template <class T>
Kernel sketch_kernel(int64_t rows, int64_t n, int64_t out_dim, bool backward) {
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const T *x = static_cast<const T*>(in[0]), *h = static_cast<const T*>(in[1]),
            *sign = static_cast<const T*>(in[2]);
    T* y = static_cast<T*>(out[0]);
    parallel_for(rows, 1 + kElementGrain / (n + out_dim + 1), [=](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        if (!backward) std::fill(y + r * out_dim, y + (r + 1) * out_dim, T(0));
        for (int64_t i = 0; i < n; ++i) {
          const int64_t at = sketch_index(h[i], out_dim);
          if (backward) {
            y[r * n + i] = at < 0 ? T(0) : sign[i] * x[r * out_dim + at];
          } else if (at >= 0) {
            y[r * out_dim + at] += sign[i] * x[r * n + i];
          }
        }
      }
    });
  });
}

Kernel sketch(const KernelRequest& request, bool backward) {
  return floating_kernel(request, [backward](const KernelRequest& r) {
    const Shape& data = backward ? r.out[0].shape : r.in[0].shape;
    const int64_t n = data.at(-1), rows = data.product(0, data.ndim() - 1);
    const int64_t out_dim = as<SketchParams>(r.params).out_dim;
    return r.in[0].dtype == DType::kFloat64 ? sketch_kernel<double>(rows, n, out_dim, backward)
                                            : sketch_kernel<float>(rows, n, out_dim, backward);
  });
}

void register_sketch() {
  OpDef& op = register_op("_contrib_count_sketch");
  op.doc =
      "Sketches of the rows of data (..., n): element i goes to place h[i] with sign s[i]; h and s hold n "
      "numbers.";
  op.params = params_spec<SketchParams>();
  op.inputs = {"data", "h", "s"};
  op.infer_shape = infer_sketch;
  op.kernel = [](const KernelRequest& r) { return sketch(r, false); };
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    const int32_t id = c.backward("_backward_count_sketch", {c.out_grad(0), c.input(1), c.input(2)}, {0});
    return {{id, 0}, EntryId{}, EntryId{}};
  };
  OpDef& back = register_backward_op("_backward_count_sketch", {"out_grad", "h", "s"});
  back.params = op.params;
  back.kernel = [](const KernelRequest& r) { return sketch(r, true); };
}

}  // namespace

void register_fft_ops() {
  register_fft(
      "_contrib_fft", "_contrib_ifft", false,
      "The Fourier transform of the rows of data (..., n), not scaled: (..., 2 n), real and imaginary parts "
      "side by side.");
  register_fft(
      "_contrib_ifft", "_contrib_fft", true,
      "The real part of the inverse Fourier transform of rows (..., 2 n) of real and imaginary parts, not "
      "scaled: divide by n for the inverse of fft.");
  register_sketch();
}

}  // namespace symbind
