// Loops over OpenMP workers, split by grain: work below one grain runs in the calling thread.
#pragma once

#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <thread>
#include <vector>
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

// GNU OpenMP synchronises its workers in ways that the thread sanitizer does not see. Its build starts plain
// threads instead, so that races inside of parallel loops are found and nothing needs to be suppressed.
#ifdef __SANITIZE_THREAD__
inline thread_local bool in_parallel_loop = false;
inline bool in_parallel() { return in_parallel_loop; }

template <class F>
void run_pieces(int pieces, F&& f) {
  std::vector<std::thread> workers;
  auto piece = [&f](int i) {
    in_parallel_loop = true;
    f(i);
    in_parallel_loop = false;
  };
  for (int i = 1; i < pieces; ++i) workers.emplace_back(piece, i);
  piece(0);
  for (std::thread& w : workers) w.join();
}
#elif defined(_OPENMP)
inline bool in_parallel() { return omp_in_parallel() != 0; }

template <class F>
void run_pieces(int pieces, F&& f) {
#pragma omp parallel num_threads(pieces)
  // There may be fewer threads than asked for (OMP_DYNAMIC, OMP_THREAD_LIMIT).
  for (int i = omp_get_thread_num(); i < pieces; i += omp_get_num_threads()) f(i);
}
#else
inline bool in_parallel() { return true; }

template <class F>
void run_pieces(int, F&&) {}
#endif

// f(begin, end) over [0, n) in at most max_threads() contiguous pieces of at least `grain`.
// The split depends on n, grain and the number of threads only, so results repeat from run to run.
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& f) {
  int64_t pieces = grain > 0 ? (n + grain - 1) / grain : n;
  const int64_t threads = max_threads();
  if (pieces > threads) pieces = threads;
  if (pieces > 1 && !in_parallel()) {
    const int64_t step = (n + pieces - 1) / pieces;
    run_pieces(static_cast<int>(pieces), [&](int i) {
      const int64_t begin = i * step;
      const int64_t end = begin + step < n ? begin + step : n;
      if (begin < end) f(begin, end);
    });
    return;
  }
  if (n > 0) f(int64_t{0}, n);
}

}  // namespace symbind
