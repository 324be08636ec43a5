// Operators of the tests' own, so that graph code is tested without knowing any real one.
#pragma once

namespace symbind {

// Registers, once for the whole program:
//   test_dense   data, weight, bias (not with no_bias=True); attributes num_hidden (required), no_bias
//   test_norm    data, gamma, mean (auxiliary, __init__ ["zero", {}]); attribute eps; 2 outputs, 1 visible;
//                alias test_norm_v1
//   test_concat  arg0, arg1, ...; attribute num_args
//   test_split   data; attribute num_outputs
//   test_relu    data
//   amp_cast, amp_multicast unless the library has them
void register_test_ops();

}  // namespace symbind
