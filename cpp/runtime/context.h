// A device. The numbers are those of MXNet's files: 1 cpu, 2 gpu, 3 cpu_pinned, 5 cpu_shared.
#pragma once

#include <cstdint>

namespace symbind {

enum class DeviceType : int32_t { kCPU = 1, kGPU = 2, kCPUPinned = 3, kCPUShared = 5 };

struct Context {
  DeviceType device_type = DeviceType::kCPU;
  int32_t device_id = 0;
  bool operator==(const Context& o) const { return device_type == o.device_type && device_id == o.device_id; }
};

// Fails, naming the remedy, for devices this build cannot compute on.
void check_device(const Context& context);

}  // namespace symbind
