#include "runtime/profiler.h"

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

namespace symbind {

void Profiler::record(ProfileEvent event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  events_.push_back(std::move(event));
}

std::vector<ProfileEvent> Profiler::take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(events_, {});
}

int64_t Profiler::now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

uint64_t Profiler::this_thread() { return std::hash<std::thread::id>()(std::this_thread::get_id()); }

Profiler& global_profiler() {
  static Profiler* profiler = new Profiler;  // never destroyed: other threads may still run at exit
  return *profiler;
}

}  // namespace symbind
