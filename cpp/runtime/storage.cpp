#include "runtime/storage.h"

#include <sys/mman.h>

#include <cstdlib>

#include "base/error.h"
#include "runtime/context.h"

namespace symbind {

void check_device(const Context& context) {
  check(context.device_type != DeviceType::kGPU, "gpu(", context.device_id,
        ") was asked for, but this build of symbind computes on the CPU only: use mx.cpu(), or set "
        "SYMBIND_GPU_FALLBACK=cpu");
}

StoragePtr allocate_storage(size_t bytes) {
  auto storage = std::make_shared<Storage>();
  storage->bytes = bytes;
  if (bytes == 0) return storage;
  constexpr size_t kHugePage = size_t{2} << 20;
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  void* data = nullptr;
  check(posix_memalign(&data, alignment, (bytes + 63) / 64 * 64) == 0, "out of memory: cannot allocate ",
        bytes, " bytes");
  if (bytes >= kHugePage) madvise(data, bytes, MADV_HUGEPAGE);  // a hint; failure changes nothing
  storage->data = data;
  storage->owner = std::shared_ptr<void>(data, std::free);
  return storage;
}

StoragePtr wrap_storage(void* data, size_t bytes, std::shared_ptr<void> owner) {
  auto storage = std::make_shared<Storage>();
  storage->data = data;
  storage->bytes = bytes;
  storage->owner = std::move(owner);
  storage->exposed = true;
  return storage;
}

}  // namespace symbind
