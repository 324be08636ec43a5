// Optimizer steps as MXNet 1.9.1 computes them. `g` is the gradient times `rescale`; `clip` limits its
// magnitude when it is not negative. Adam and the RMSProp family add wd * w before clipping, the others
// after.
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/mathfun.h"

namespace symbind {
namespace SYMBIND_ISA {
namespace {

template <class T>
struct Consts {
  T lr, wd, rescale, clip, momentum, beta1, beta2, epsilon, clip_weights;
  explicit Consts(const UpdateParams& p)
      : lr(T(p.lr)),
        wd(T(p.wd)),
        rescale(T(p.rescale)),
        clip(p.clip >= 0 ? T(p.clip) : T(__builtin_inf())),
        momentum(T(p.momentum)),
        beta1(T(p.beta1)),
        beta2(T(p.beta2)),
        epsilon(T(p.epsilon)),
        clip_weights(p.clip_weights >= 0 ? T(p.clip_weights) : T(__builtin_inf())) {}
};

template <class T>
KERNEL_INLINE T limit(T x, T bound) {
  return x > bound ? bound : (x < -bound ? -bound : x);
}
template <class T>
KERNEL_INLINE T scaled(T g, const Consts<T>& c) {
  return limit(g * c.rescale, c.clip);
}
template <class T>
KERNEL_INLINE T decayed(T g, T w, const Consts<T>& c) {
  return scaled(g, c) + c.wd * w;
}
template <class T>
KERNEL_INLINE T decayed_then_clipped(T g, T w, const Consts<T>& c) {
  return limit(g * c.rescale + c.wd * w, c.clip);
}

#define UPDATE(Name, ...)                                                                           \
  template <class T>                                                                                \
  void Name(void* weight, const void* grad, void* const* state, int64_t n, const UpdateParams& p) { \
    const Consts<T> c(p);                                                                           \
    T* w = static_cast<T*>(weight);                                                                 \
    const T* g = static_cast<const T*>(grad);                                                       \
    __VA_ARGS__                                                                                     \
  }
#define STATE(name, index) T* name = static_cast<T*>(state[index]);

UPDATE(
    Sgd, (void)state;
    _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) { w[i] -= c.lr * decayed(g[i], w[i], c); })

// state: momentum
UPDATE(
    SgdMom, STATE(m, 0) _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {
      m[i] = c.momentum * m[i] - c.lr * decayed(g[i], w[i], c);
      w[i] += m[i];
    })

// state: momentum, which MXNet decays by the weight after the step
UPDATE(
    Nag, STATE(m, 0) _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {
      const T kept = c.momentum * m[i];
      const T step = c.lr * decayed(g[i], w[i], c);
      w[i] += c.momentum * (kept - step) - step;
      m[i] = kept - c.lr * decayed(g[i], w[i], c);
    })

// state: mean, variance; the bias correction is part of lr
UPDATE(
    Adam, STATE(mean, 0) STATE(var, 1) _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {
      const T x = decayed_then_clipped(g[i], w[i], c);
      mean[i] = c.beta1 * mean[i] + (T(1) - c.beta1) * x;
      var[i] = c.beta2 * var[i] + (T(1) - c.beta2) * (x * x);
      w[i] -= c.lr * mean[i] / (m_sqrt(var[i]) + c.epsilon);
    })

// state: mean square
UPDATE(
    RmsProp, STATE(square, 0) _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {
      const T x = decayed_then_clipped(g[i], w[i], c);
      square[i] = c.beta1 * square[i] + (T(1) - c.beta1) * (x * x);
      w[i] = limit(w[i] - c.lr * (x / m_sqrt(square[i] + c.epsilon)), c.clip_weights);
    })

// state: mean square, mean, step (Graves, "Generating sequences with recurrent neural networks", eq. 38-45)
UPDATE(
    RmsPropAlex,
    STATE(square, 0) STATE(mean, 1) STATE(delta, 2) _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {
      const T x = decayed_then_clipped(g[i], w[i], c);
      square[i] = c.beta1 * square[i] + (T(1) - c.beta1) * (x * x);
      mean[i] = c.beta1 * mean[i] + (T(1) - c.beta1) * x;
      delta[i] = c.beta2 * delta[i] - c.lr * (x / m_sqrt(square[i] - mean[i] * mean[i] + c.epsilon));
      w[i] = limit(w[i] + delta[i], c.clip_weights);
    })

// state: sum of squares; weight decay stays outside of it
UPDATE(
    AdaGrad, STATE(sum, 0) _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {
      const T x = scaled(g[i], c);
      sum[i] += x * x;
      w[i] -= c.lr * (x / m_sqrt(sum[i] + c.epsilon) + c.wd * w[i]);
    })
#undef STATE
#undef UPDATE

}  // namespace

void fill_optimizer(KernelTable& t) {
#define ROW(Name)                                                  \
  t.update[static_cast<int>(Update::k##Name)][kF32] = Name<float>; \
  t.update[static_cast<int>(Update::k##Name)][kF64] = Name<double>;
  ROW(Sgd) ROW(SgdMom) ROW(Nag) ROW(Adam) ROW(RmsProp) ROW(RmsPropAlex) ROW(AdaGrad)
#undef ROW
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
