#include "backend/cpu/kernels/kernels.h"
namespace symbind {
namespace SYMBIND_ISA {
void fill_gemm(KernelTable&) {}
}  // namespace SYMBIND_ISA
}  // namespace symbind
