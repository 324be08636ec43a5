// The instruction set that own kernels run with. Everything in kernels/ is compiled once per entry of Isa
// (cpp/CMakeLists.txt) and reached through one KernelTable each.
#pragma once

#include "backend/cpu/kernels/kernels.h"

namespace symbind {

enum class Isa { kBaseline, kAvx2, kAvx512 };

// The best set that both this processor and SYMBIND_ISA (baseline, avx2, avx512) allow. Read once.
Isa active_isa();
bool isa_supported(Isa isa);
const char* isa_name(Isa isa);
inline const char* isa_name() { return isa_name(active_isa()); }

// The kernels of one instruction set; fails when the processor lacks it.
const KernelTable& kernels_for(Isa isa);
// The kernels of active_isa().
const KernelTable& kernels();

}  // namespace symbind
