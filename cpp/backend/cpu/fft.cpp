#include "backend/cpu/fft.h"

#include <cmath>
#include <utility>

namespace symbind {
namespace {

constexpr double kPi = 3.14159265358979323846;

// exp(sign * 2 pi i k / n) for k < n / 2.
template <class T>
std::vector<std::complex<T>> roots_of_unity(int64_t n, double sign) {
  std::vector<std::complex<T>> roots;
  for (int64_t k = 0; k < n / 2; ++k) {
    const double angle = sign * 2 * kPi * static_cast<double>(k) / static_cast<double>(n);
    roots.emplace_back(T(std::cos(angle)), T(std::sin(angle)));
  }
  return roots;
}

// Without the test for infinities that operator* makes.
template <class T>
std::complex<T> product(const std::complex<T>& a, const std::complex<T>& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace

template <class T>
Fft<T>::Fft(int64_t length, bool inverse) : length_(length) {
  const double sign = inverse ? 1 : -1;
  if (length <= 1) return;
  if ((length & (length - 1)) == 0) {
    roots_ = roots_of_unity<T>(length, sign);
    return;
  }
  padded_ = 1;
  while (padded_ < 2 * length - 1) padded_ *= 2;
  roots_ = roots_of_unity<T>(padded_, -1);
  conjugate_ = roots_of_unity<T>(padded_, 1);
  for (int64_t k = 0; k < length; ++k) {
    const double angle = sign * kPi * static_cast<double>(k * k % (2 * length)) / static_cast<double>(length);
    chirp_.emplace_back(T(std::cos(angle)), T(std::sin(angle)));
  }
  filter_.assign(static_cast<size_t>(padded_), Complex());
  for (int64_t k = 0; k < length; ++k) {
    const Complex value = std::conj(chirp_[static_cast<size_t>(k)]);
    filter_[static_cast<size_t>(k)] = value;
    if (k > 0) filter_[static_cast<size_t>(padded_ - k)] = value;
  }
  radix2(filter_.data(), padded_, roots_);
}

template <class T>
void Fft<T>::radix2(Complex* x, int64_t n, const std::vector<Complex>& roots) const {
  for (int64_t i = 1, j = 0; i < n; ++i) {  // bit reversal
    int64_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (int64_t half = 1; half < n; half *= 2) {
    const int64_t step = n / (2 * half);
    for (int64_t start = 0; start < n; start += 2 * half) {
      for (int64_t k = 0; k < half; ++k) {
        const Complex odd = product(x[start + half + k], roots[static_cast<size_t>(k * step)]);
        x[start + half + k] = x[start + k] - odd;
        x[start + k] += odd;
      }
    }
  }
}

template <class T>
void Fft<T>::run(Complex* x, Complex* workspace) const {
  if (length_ <= 1) return;
  if (padded_ == 0) {
    radix2(x, length_, roots_);
    return;
  }
  for (int64_t k = 0; k < length_; ++k) workspace[k] = product(x[k], chirp_[static_cast<size_t>(k)]);
  for (int64_t k = length_; k < padded_; ++k) workspace[k] = Complex();
  radix2(workspace, padded_, roots_);
  for (int64_t k = 0; k < padded_; ++k) workspace[k] = product(workspace[k], filter_[static_cast<size_t>(k)]);
  radix2(workspace, padded_, conjugate_);
  const T scale = T(1) / T(padded_);
  for (int64_t k = 0; k < length_; ++k) x[k] = product(workspace[k], chirp_[static_cast<size_t>(k)]) * scale;
}

template class Fft<float>;
template class Fft<double>;

}  // namespace symbind
