#include "backend/cpu/isa.h"

#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace symbind {

namespace baseline {
const KernelTable& kernel_table();
}
#if defined(__x86_64__)
namespace avx2 {
const KernelTable& kernel_table();
}
namespace avx512 {
const KernelTable& kernel_table();
}
#endif

namespace {

constexpr const char* kNames[] = {"baseline", "avx2", "avx512"};

Isa detect() {
  const char* wanted = std::getenv("SYMBIND_ISA");
  int limit = 2;
  if (wanted != nullptr && *wanted != '\0') {
    for (limit = 2; limit >= 0 && std::strcmp(wanted, kNames[limit]) != 0; --limit) {
    }
    check(limit >= 0, "[SYMBIND_ISA] got '", wanted, "', expected baseline, avx2 or avx512");
  }
  for (int i = limit; i > 0; --i) {
    if (isa_supported(static_cast<Isa>(i))) return static_cast<Isa>(i);
  }
  return Isa::kBaseline;
}

}  // namespace

bool isa_supported(Isa isa) {
#if defined(__x86_64__)
  // The features named by isa_flags_* in cpp/CMakeLists.txt; __builtin_cpu_supports also asks the operating
  // system.
  if (isa == Isa::kBaseline) return true;
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::kAvx2) return avx2;
  return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return isa == Isa::kBaseline;
#endif
}

const char* isa_name(Isa isa) { return kNames[static_cast<int>(isa)]; }

Isa active_isa() {
  static const Isa isa = detect();
  return isa;
}

const KernelTable& kernels_for(Isa isa) {
  check(isa_supported(isa), "[kernels] this processor does not support ", isa_name(isa));
#if defined(__x86_64__)
  if (isa == Isa::kAvx2) return avx2::kernel_table();
  if (isa == Isa::kAvx512) return avx512::kernel_table();
#endif
  return baseline::kernel_table();
}

const KernelTable& kernels() {
  static const KernelTable& table = kernels_for(active_isa());
  return table;
}

}  // namespace symbind
