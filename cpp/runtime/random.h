// Counter-based random numbers (Philox 4x32-10): the stream depends on the seed and the order of draws alone,
// never on the number of threads.
// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>

namespace symbind {

struct Philox4x32 {
  uint32_t v[4];
};

inline Philox4x32 philox(uint64_t key, uint64_t counter, uint64_t stream) {
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32);
  uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Uniform in [0, 1) with 24 bits.
inline float uniform_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 5.9604644775390625e-8f; }
// Uniform in [0, 1) with 53 bits.
inline double uniform_double(uint32_t hi, uint32_t lo) {
  const uint64_t bits = (uint64_t{hi} << 32 | lo) >> 11;
  return static_cast<double>(bits) * 1.1102230246251565e-16;
}

// One stream of draws. Every kernel execution that needs random numbers takes the next stream number, and
// within it counts elements: philox(seed, element / 4, stream).
struct RandomState {
  std::atomic<uint64_t> seed{0};
  std::atomic<uint64_t> stream{0};
  uint64_t next_stream() { return stream.fetch_add(1, std::memory_order_relaxed); }
  void reseed(uint64_t s) {
    seed.store(s);
    stream.store(0);
  }
};

// The state that mx.random.seed sets.
RandomState& global_random();

}  // namespace symbind
