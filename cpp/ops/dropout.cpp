// Dropout: zeroes elements with probability p and scales the rest by 1 / (1 - p).
#include <algorithm>

#include "backend/cpu/parallel.h"
#include "graph/graph.h"
#include "graph/registry.h"
#include "runtime/random.h"

namespace symbind {
namespace {

enum class Mode { kTraining, kAlways };

struct Params {
  double p;
  Choice mode;
  Tuple axes;
  std::optional<bool> cudnn_off;
  template <class V>
  void visit(V& v) {
    v("p", p, 0.5, "Probability of zeroing an element.");
    v.choice("mode", mode, {"training", "always"}, 0, "Whether prediction drops elements too.");
    v("axes", axes, Tuple{}, "Axes along which one mask is shared.");
    v("cudnn_off", cudnn_off, std::optional<bool>(false), "Accepted and ignored.");
  }
  void finish(const char* op) {
    check(p >= 0 && p < 1, "[", op, "] attribute 'p': got ", p, ", expected a probability in [0, 1)");
  }
};

bool active(const Params& p, bool is_train) { return (is_train || p.mode == Mode::kAlways) && p.p > 0; }

Shape mask_shape(const Params& p, const Shape& data) {
  Shape mask = data;
  for (int64_t a : p.axes) mask[normalize_axis(a, data.ndim(), "Dropout")] = 1;
  return mask;
}

// Steps of the mask along each axis of data, 0 where it is shared.
struct MaskIndex {
  int ndim = 0;
  int64_t dims[Shape::kMaxNDim];
  int64_t strides[Shape::kMaxNDim];
  bool full = true;  // one mask element per element
  MaskIndex(const Shape& data, const Shape& mask) : ndim(data.ndim()) {
    int64_t stride = 1;
    for (int i = ndim - 1; i >= 0; --i) {
      dims[i] = data[i];
      strides[i] = mask[i] == 1 && data[i] != 1 ? 0 : stride;
      full = full && mask[i] == data[i];
      stride *= mask[i];
    }
  }
  int64_t at(int64_t element) const {
    int64_t offset = 0;
    for (int i = ndim - 1; i >= 0; --i) {
      offset += element % dims[i] * strides[i];
      element /= dims[i];
    }
    return offset;
  }
};

template <class T>
void draw_mask(T* mask, int64_t n, double p, RandomState* random) {
  const uint64_t seed = random->seed, stream = random->next_stream();
  const T keep = T(1.0 / (1.0 - p));
  // Kept with probability 1 - p: compare against a 32-bit threshold.
  const uint64_t threshold = static_cast<uint64_t>(std::min(p, 1.0) * 4294967296.0);
  parallel_for((n + 3) / 4, kElementGrain / 16, [=](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const Philox4x32 bits = philox(seed, static_cast<uint64_t>(block), stream);
      const int64_t first = block * 4, count = std::min<int64_t>(4, n - first);
      for (int64_t k = 0; k < count; ++k) mask[first + k] = bits.v[k] < threshold ? T(0) : keep;
    }
  });
}

// y = x * mask
template <class T>
void multiply(const MaskIndex& index, const T* x, const T* mask, T* y, int64_t n) {
  parallel_for(n, kElementGrain, [&](int64_t begin, int64_t end) {
    if (index.full) {
      for (int64_t i = begin; i < end; ++i) y[i] = x[i] * mask[i];
    } else {
      for (int64_t i = begin; i < end; ++i) y[i] = x[i] * mask[index.at(i)];
    }
  });
}

Kernel forward(const KernelRequest& r) {
  const Params& p = as<Params>(r.params);
  const int64_t n = r.in[0].shape.size(), mask_size = r.out[1].shape.size();
  const bool drop = active(p, r.is_train);
  const bool keep_mask = r.out_used[1];
  const double probability = p.p;
  const MaskIndex index(r.in[0].shape, r.out[1].shape);
  RandomState* random = r.random;
  return visit_float(r.in[0].dtype, "Dropout", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel(
        [=](void* const* in, void* const* out, void* ws) {
          const T* x = static_cast<const T*>(in[0]);
          T* y = static_cast<T*>(out[0]);
          T* mask = static_cast<T*>(keep_mask ? out[1] : ws);
          if (!drop) {
            if (x != y) std::copy(x, x + n, y);
            if (keep_mask) std::fill(mask, mask + mask_size, T(1));
            return;
          }
          draw_mask(mask, mask_size, probability, random);
          multiply(index, x, mask, y, n);
        },
        keep_mask || !drop ? 0 : static_cast<size_t>(mask_size) * sizeof(T));
  });
}

// Inputs out_grad, mask.
Kernel backward(const KernelRequest& r) {
  const int64_t n = r.in[0].shape.size();
  const MaskIndex index(r.in[0].shape, r.in[1].shape);
  return visit_float(r.in[0].dtype, "Dropout", [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_kernel([=](void* const* in, void* const* out, void*) {
      multiply(index, static_cast<const T*>(in[0]), static_cast<const T*>(in[1]), static_cast<T*>(out[0]), n);
    });
  });
}

}  // namespace

void register_dropout_ops() {
  OpDef& op = register_op("Dropout");
  op.doc =
      "Zeroes elements with probability p and scales the others by 1 / (1 - p); the identity outside of "
      "training.";
  op.params = params_spec<Params>();
  op.outputs = {"output", "mask"};
  op.num_visible_outputs = [](const void*) { return 1; };
  op.infer_shape = [](ShapeContext& c) {
    const Params& p = as<Params>(c.params);
    c.set_out(0, c.in[0]);
    c.set_in(0, c.out[0]);
    if (c.in[0].has_rank()) c.set_out(1, mask_shape(p, c.in[0]));
  };
  op.kernel = forward;
  op.is_identity = [](const void* params, bool is_train) { return !active(as<Params>(params), is_train); };
  op.traits.random = true;
  op.traits.inplace = {{0, 0}};
  op.gradient = [](GradContext& c) -> std::vector<EntryId> {
    if (as<Params>(c.params()).p <= 0) return {c.out_grad(0)};
    return {{c.backward("_backward_Dropout", {c.out_grad(0), c.output(1)}, {0}), 0}};
  };
  OpDef& back = register_op("_backward_Dropout");
  back.visible = false;
  back.params = op.params;
  back.inputs = {"out_grad", "mask"};
  back.infer_shape = [](ShapeContext&) {};
  back.traits.inplace = {{0, 0}};
  back.kernel = backward;
}

}  // namespace symbind
