// Discrete Fourier transforms of any length, bound to it.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

namespace symbind {

// y[k] = sum over n of x[n] exp(sign * 2 pi i k n / length), not scaled. Powers of two by radix 2, other
// lengths by Bluestein's algorithm through the next power of two.
template <class T>
class Fft {
 public:
  using Complex = std::complex<T>;
  Fft(int64_t length, bool inverse);
  // Numbers of workspace that run() needs.
  int64_t workspace() const { return padded_; }
  // In place; `workspace` holds workspace() numbers.
  void run(Complex* x, Complex* workspace) const;

 private:
  void radix2(Complex* x, int64_t n, const std::vector<Complex>& roots) const;
  int64_t length_, padded_ = 0;
  std::vector<Complex> roots_;           // of the transform that radix2 runs
  std::vector<Complex> conjugate_;       // the other direction, for Bluestein
  std::vector<Complex> chirp_, filter_;  // Bluestein
};

extern template class Fft<float>;
extern template class Fft<double>;

}  // namespace symbind
