#include "backend/cpu/softmax.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

constexpr int64_t kGrain = 4096;  // elements that pay for a thread: each costs an exponential

// Calls body(offset, length, count) for blocks of rows: `count` neighbouring rows of `length` valid elements
// that start at `offset`. Rows of different lengths come one at a time.
template <class F>
void for_rows(const SoftmaxSpec& s, const void* lengths, F body) {
  if (s.length == DType::kUnknown) {
    const int64_t block = s.inner == 1 ? 1 : std::min<int64_t>(s.inner, 128);
    const int64_t per_outer = (s.inner + block - 1) / block;
    parallel_for(s.outer * per_outer, 1 + kGrain / (1 + s.n * block), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % per_outer * block;
        body(i / per_outer * s.n * s.inner + first, s.n, std::min(block, s.inner - first));
      }
    });
    return;
  }
  parallel_for(s.outer * s.inner, 1 + kGrain / (1 + s.n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t length = 0;
      switch (s.length) {
        case DType::kInt64:
          length = static_cast<const int64_t*>(lengths)[i];
          break;
        case DType::kInt32:
          length = static_cast<const int32_t*>(lengths)[i];
          break;
        case DType::kInt8:
          length = static_cast<const int8_t*>(lengths)[i];
          break;
        default:
          length = static_cast<const uint8_t*>(lengths)[i];
          break;
      }
      length = std::max<int64_t>(0, std::min(length, s.n));
      body(i / s.inner * s.n * s.inner + i % s.inner, length, 1);
    }
  });
}

void zero_tail(char* y, int64_t from, const SoftmaxSpec& s, int64_t size) {
  for (int64_t k = from; k < s.n; ++k) std::memset(y + k * s.inner * size, 0, static_cast<size_t>(size));
}

}  // namespace

Kernel softmax_kernel(const SoftmaxSpec& s) {
  const SoftmaxFns fns = kernels().softmax[s.dtype == DType::kFloat64 ? kF64 : kF32];
  const int64_t size = static_cast<int64_t>(dtype_size(s.dtype));
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const char* x = static_cast<const char*>(in[0]);
    char* y = static_cast<char*>(out[0]);
    for_rows(s, s.length == DType::kUnknown ? nullptr : in[1],
             [&](int64_t at, int64_t length, int64_t count) {
               fns.forward(x + at * size, y + at * size, length, s.inner, count, s.scale, s.log);
               if (length < s.n) zero_tail(y + at * size, length, s, size);
             });
  });
}

Kernel softmax_backward_kernel(const SoftmaxSpec& s) {
  const SoftmaxFns fns = kernels().softmax[s.dtype == DType::kFloat64 ? kF64 : kF32];
  const int64_t size = static_cast<int64_t>(dtype_size(s.dtype));
  return make_kernel([=](void* const* in, void* const* out, void*) {
    const char* dy = static_cast<const char*>(in[0]);
    const char* y = static_cast<const char*>(in[1]);
    char* dx = static_cast<char*>(out[0]);
    for_rows(
        s, s.length == DType::kUnknown ? nullptr : in[2], [&](int64_t at, int64_t length, int64_t count) {
          fns.backward(dy + at * size, y + at * size, dx + at * size, length, s.inner, count, s.scale, s.log);
          if (length < s.n) zero_tail(dx + at * size, length, s, size);
        });
  });
}

}  // namespace symbind
