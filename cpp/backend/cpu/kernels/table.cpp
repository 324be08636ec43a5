// Collects this instruction set's functions.
#include "backend/cpu/kernels/kernels.h"

namespace symbind {
namespace SYMBIND_ISA {

void fill_unary(KernelTable& t);
void fill_unary_grad(KernelTable& t);
void fill_binary(KernelTable& t);
void fill_binary_grad(KernelTable& t);
void fill_convert(KernelTable& t);
void fill_reduce(KernelTable& t);
void fill_softmax(KernelTable& t);
void fill_optimizer(KernelTable& t);
void fill_gemm(KernelTable& t);
void fill_batch_norm(KernelTable& t);
void fill_pooling(KernelTable& t);
void fill_winograd(KernelTable& t);
void fill_winograd_product(KernelTable& t);
void fill_rnn(KernelTable& t);

const KernelTable& kernel_table();
const KernelTable& kernel_table() {
  static KernelTable table;
  static const bool filled = [] {
    fill_unary(table);
    fill_unary_grad(table);
    fill_binary(table);
    fill_binary_grad(table);
    fill_convert(table);
    fill_reduce(table);
    fill_softmax(table);
    fill_optimizer(table);
    fill_gemm(table);
    fill_batch_norm(table);
    fill_pooling(table);
    fill_winograd(table);
    fill_winograd_product(table);
    fill_rnn(table);
    return true;
  }();
  (void)filled;
  return table;
}

}  // namespace SYMBIND_ISA
}  // namespace symbind
