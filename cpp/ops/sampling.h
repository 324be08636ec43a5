// Draws from distributions, one value at a time, from a counter-based stream of its own for each value:
// results depend on the seed, the stream and the position alone.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/random.h"

namespace symbind {

// The random bits of one value: philox blocks counted in their own dimension.
class Draws {
 public:
  Draws(uint64_t seed, uint64_t stream, int64_t element)
      : seed_(seed), stream_(stream), counter_(static_cast<uint64_t>(element) << 20) {}

  uint64_t bits() {
    if (next_ >= 4) {
      block_ = philox(seed_, counter_++, stream_);
      next_ = 0;
    }
    const uint64_t r = uint64_t{block_.v[next_]} << 32 | block_.v[next_ + 1];
    next_ += 2;
    return r;
  }
  // Uniform in [0, 1) and in (0, 1].
  double uniform() { return static_cast<double>(bits() >> 11) * 1.1102230246251565e-16; }
  double positive() { return 1.0 - uniform(); }
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(positive()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

 private:
  uint64_t seed_, stream_, counter_;
  Philox4x32 block_{};
  int next_ = 4;
};

inline double draw_exponential(Draws& d, double rate) { return -std::log(d.positive()) / rate; }

// Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. beta is the scale.
inline double draw_gamma(Draws& d, double alpha, double beta) {
  if (alpha < 1) {
    const double power = std::pow(d.positive(), 1 / alpha);
    return power * draw_gamma(d, alpha + 1, beta);
  }
  const double a = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * a);
  for (;;) {
    const double x = d.normal(), t = 1 + c * x;
    if (t <= 0) continue;
    const double v = t * t * t;
    if (std::log(d.positive()) < 0.5 * x * x + a - a * v + a * std::log(v)) return a * v * beta;
  }
}

// Small means by counting arrivals, large ones by Hormann's transformed rejection ("PTRS", 1993).
inline double draw_poisson(Draws& d, double mean) {
  if (mean < 12) {
    const double limit = std::exp(-mean);
    double product = d.uniform();
    int64_t k = 0;
    for (; product > limit; ++k) product *= d.uniform();
    return static_cast<double>(k);
  }
  const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), limit = 0.9277 - 3.6224 / (b - 2);
  const double log_mean = std::log(mean);
  for (;;) {
    const double u = d.uniform() - 0.5, v = d.positive(), us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= limit) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        k * log_mean - mean - std::lgamma(k + 1))
      return k;
  }
}

// Failures before the k-th success of probability p: a Poisson number whose mean is gamma distributed.
inline double draw_negative_binomial(Draws& d, double k, double p) {
  if (p >= 1) return 0;
  return draw_poisson(d, draw_gamma(d, k, (1 - p) / p));
}

// The same with mean mu and variance mu + alpha mu^2.
inline double draw_generalized_negative_binomial(Draws& d, double mu, double alpha) {
  if (alpha == 0) return draw_poisson(d, mu);
  return draw_poisson(d, draw_gamma(d, 1 / alpha, alpha * mu));
}

}  // namespace symbind
