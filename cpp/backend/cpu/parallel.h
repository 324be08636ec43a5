// Loops over OpenMP workers, split by grain: work below one grain runs in the calling thread.
#pragma once

#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace symbind {

inline int max_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// Elements of simple arithmetic that pay for waking a second thread.
inline constexpr int64_t kElementGrain = 32768;

// f(begin, end) over [0, n) in at most max_threads() contiguous pieces of at least `grain`.
// The split depends on n, grain and the number of threads only, so results repeat from run to run.
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& f) {
#ifdef _OPENMP
  int64_t pieces = grain > 0 ? (n + grain - 1) / grain : n;
  const int64_t threads = max_threads();
  if (pieces > threads) pieces = threads;
  if (pieces > 1 && !omp_in_parallel()) {
    const int64_t step = (n + pieces - 1) / pieces;
#pragma omp parallel num_threads(static_cast<int>(pieces))
    {
      const int64_t begin = omp_get_thread_num() * step;
      const int64_t end = begin + step < n ? begin + step : n;
      if (begin < end) f(begin, end);
    }
    return;
  }
#endif
  if (n > 0) f(int64_t{0}, n);
}

}  // namespace symbind
