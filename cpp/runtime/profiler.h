// Times of single steps, recorded while the profiler runs. While it does not, a run costs one test of a flag.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace symbind {

struct ProfileEvent {
  std::string op;    // "Convolution"
  std::string node;  // "stage1_conv1"; empty for imperative calls
  int64_t start_ns;  // on a clock that never goes back
  int64_t end_ns;
  uint64_t thread;
};

class Profiler {
 public:
  bool active() const { return active_.load(std::memory_order_relaxed); }
  void set_active(bool active) { active_.store(active); }
  void record(ProfileEvent event);
  // Hands out what was recorded, in the order in which it ended, and forgets it.
  std::vector<ProfileEvent> take();
  static int64_t now_ns();
  static uint64_t this_thread();

 private:
  std::atomic<bool> active_{false};
  std::mutex mutex_;
  std::vector<ProfileEvent> events_;
};

Profiler& global_profiler();

}  // namespace symbind
