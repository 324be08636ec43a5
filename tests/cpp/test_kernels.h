// Shared by the kernel tests: seeded values, running a kernel, comparing.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/kernel.h"
#include "runtime/storage.h"

template <class T>
std::vector<T> random_values(int64_t n, unsigned seed, double low = -1, double high = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<T> values(static_cast<size_t>(n));
  for (T& v : values) v = T(uniform(generator));
  return values;
}

inline void run_kernel(const symbind::Kernel& kernel, std::vector<const void*> in, std::vector<void*> out) {
  std::vector<void*> inputs;
  for (const void* p : in) inputs.push_back(const_cast<void*>(p));
  const symbind::StoragePtr workspace = symbind::allocate_storage(kernel.workspace + 64);
  kernel.run(kernel.self.get(), inputs.data(), out.data(), workspace->data);
}

// Fails at the first element that differs by more than tolerance * (1 + |want|), or if one alone is not a
// number.
template <class T>
void check_close(const std::vector<T>& got, const std::vector<T>& want, double tolerance) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const double g = double(got[i]), w = double(want[i]);
    const bool close = g == w || std::fabs(g - w) <= tolerance * (1 + std::fabs(w)) || (g != g && w != w);
    if (!close) FAIL("element " << i << ": got " << g << ", expected " << w);
  }
}

// Turns oneDNN on or off for kernels made while it lives.
class OneDnnSwitch {
 public:
  explicit OneDnnSwitch(bool on) { setenv("SYMBIND_ONEDNN_RUNTIME", on ? "1" : "0", 1); }
  ~OneDnnSwitch() { unsetenv("SYMBIND_ONEDNN_RUNTIME"); }
};
