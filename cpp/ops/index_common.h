// Indices of any dtype as int64 positions, brought into range. Kernels resolve them into their workspace once
// and move elements afterwards, so that loops need to know the width of the elements alone.
#pragma once

#include <cstring>

#include "backend/cpu/parallel.h"
#include "ops/elementwise_common.h"

namespace symbind {

enum class IndexMode { kClip, kWrap, kRaise };

inline int64_t bring_into_range(int64_t i, int64_t length, IndexMode mode) {
  if (mode == IndexMode::kWrap) {
    i %= length;
    return i < 0 ? i + length : i;
  }
  return i < 0 ? 0 : i < length ? i : length - 1;
}

// to[i] = from[i] brought into [0, length). With kRaise, fails on an index outside of it.
using ResolveFn = void (*)(const char* op, const void* from, int64_t n, int64_t length, IndexMode mode,
                           int64_t* to);

inline ResolveFn index_resolver(DType type) {
  return visit_dtype(type, [](auto tag) -> ResolveFn {
    using I = typename decltype(tag)::type;
    return [](const char* op, const void* from, int64_t n, int64_t length, IndexMode mode, int64_t* to) {
      const I* index = static_cast<const I*>(from);
      if (mode == IndexMode::kRaise) {
        for (int64_t k = 0; k < n; ++k) {
          const int64_t i = static_cast<int64_t>(index[k]);
          check(i >= 0 && i < length, "[", op, "] index out of range: got ", i, ", expected 0 to ",
                length - 1);
        }
      }
      parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
          to[k] = bring_into_range(static_cast<int64_t>(index[k]), length, mode);
      });
    };
  });
}

// f(Word{}) with an unsigned type as wide as the elements.
template <class F>
Kernel by_width(DType type, F f) {
  switch (dtype_size(type)) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

}  // namespace symbind
