#include "backend/cpu/broadcast.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

constexpr int64_t kShortRow = 16;  // below it, copying operands into a buffer is cheaper than a call per row
constexpr int64_t kPiece = 512;    // elements gathered at a time

int64_t aligned_dim(const Shape& s, int axis, int ndim) {
  const int i = axis - (ndim - s.ndim());
  return i < 0 ? 1 : s[i];
}

// to[r * n + c] = from[r * row_stride + c * stride]
struct Block {
  int64_t rows, n, row_stride, stride;
};

template <class T>
void gather_as(const char* from, char* to, const Block& b) {
  const T* source = reinterpret_cast<const T*>(from);
  T* target = reinterpret_cast<T*>(to);
  for (int64_t r = 0; r < b.rows; ++r, source += b.row_stride, target += b.n) {
    if (b.stride == 0) {
      const T v = *source;
      for (int64_t c = 0; c < b.n; ++c) target[c] = v;
    } else {
      for (int64_t c = 0; c < b.n; ++c) target[c] = source[c * b.stride];
    }
  }
}

void gather(const char* from, char* to, const Block& block, int element) {
  switch (element) {
    case 1:
      gather_as<uint8_t>(from, to, block);
      break;
    case 2:
      gather_as<uint16_t>(from, to, block);
      break;
    case 4:
      gather_as<uint32_t>(from, to, block);
      break;
    default:
      gather_as<uint64_t>(from, to, block);
      break;
  }
}

}  // namespace

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op) {
  Shape out;
  const int ndim = std::max(a.ndim(), b.ndim());
  out.resize(ndim);
  for (int i = 0; i < ndim; ++i) {
    const int64_t p = aligned_dim(a, i, ndim), q = aligned_dim(b, i, ndim);
    check(p == q || p == 1 || q == 1, "[", op, "] shapes ", a, " and ", b, " do not broadcast: axis ", i,
          " is ", p, " and ", q);
    out[i] = p == 1 ? q : p;
  }
  return out;
}

// A position in the output, and where each operand is there.
struct BroadcastMap::Cursor {
  int64_t index[Shape::kMaxNDim];
  int64_t offset[3] = {0, 0, 0};

  Cursor(const BroadcastMap& m, int64_t element) {
    for (int d = m.ndim_ - 1; d >= 0; --d) {
      index[d] = element % m.dims_[d];
      element /= m.dims_[d];
      for (int k = 0; k < m.num_inputs_; ++k) offset[k] += index[d] * m.operands_[k].strides[d];
    }
  }
  // n elements on, at most to the end of the row.
  void advance(const BroadcastMap& m, int64_t n) {
    int d = m.ndim_ - 1;
    index[d] += n;
    for (int k = 0; k < m.num_inputs_; ++k) offset[k] += n * m.operands_[k].strides[d];
    while (index[d] == m.dims_[d] && d > 0) {
      index[d] = 0;
      for (int k = 0; k < m.num_inputs_; ++k) {
        offset[k] += m.operands_[k].strides[d - 1] - m.dims_[d] * m.operands_[k].strides[d];
      }
      ++index[--d];
    }
  }
};

BroadcastMap::BroadcastMap(const ElementMap& map, const Shape& out, const std::vector<Shape>& inputs,
                           const ConstantInput& constant)
    : map_(map), constant_(constant), num_inputs_(static_cast<int>(inputs.size())), size_(out.size()) {
  map_.set_constant_input(constant.position);
  const int ndim = out.ndim();
  int64_t strides[3][Shape::kMaxNDim];
  for (int k = 0; k < num_inputs_; ++k) {
    int64_t stride = 1;
    for (int d = ndim - 1; d >= 0; --d) {
      const int64_t dim = aligned_dim(inputs[static_cast<size_t>(k)], d, ndim);
      strides[k][d] = dim == 1 ? 0 : stride;
      stride *= dim;
    }
    operands_[k].contiguous = inputs[static_cast<size_t>(k)].size() == size_;
  }
  ndim_ = 0;
  for (int d = 0; d < ndim; ++d) {
    if (out[d] == 1) continue;
    bool merges = ndim_ > 0;
    for (int k = 0; k < num_inputs_ && merges; ++k) {
      merges = operands_[k].strides[ndim_ - 1] == strides[k][d] * out[d];
    }
    if (!merges) dims_[ndim_++] = 1;
    dims_[ndim_ - 1] *= out[d];
    for (int k = 0; k < num_inputs_; ++k) operands_[k].strides[ndim_ - 1] = strides[k][d];
  }
  if (ndim_ == 0) {
    dims_[ndim_++] = 1;
    for (int k = 0; k < num_inputs_; ++k) operands_[k].strides[0] = 1;
  }
  gathers_ = ndim_ > 1 && dims_[ndim_ - 1] < kShortRow;
}

void BroadcastMap::call(const void* const* from, unsigned scalars, void* y, int64_t n) const {
  const void* arguments[3] = {nullptr, nullptr, nullptr};
  unsigned mask = 0;
  for (int i = 0, next = 0; i < 3; ++i) {
    if (i == constant_.position) {
      arguments[i] = constant_.value.data();
      mask |= 1u << i;
    } else if (next < num_inputs_) {
      mask |= (scalars >> next & 1u) << i;
      arguments[i] = from[next++];
    }
  }
  map_(arguments[0], arguments[1], arguments[2], y, n, mask);
}

void BroadcastMap::run(void* const* in, int64_t begin, int64_t end, void* y) const {
  if (begin >= end) return;
  if (gathers_) {
    run_gathered(in, begin, end, static_cast<char*>(y));
  } else {
    run_rows(in, begin, end, static_cast<char*>(y));
  }
}

void BroadcastMap::run_rows(void* const* in, int64_t begin, int64_t end, char* y) const {
  const int last = ndim_ - 1;
  unsigned scalars = 0;
  for (int k = 0; k < num_inputs_; ++k) {
    if (operands_[k].strides[last] == 0) scalars |= 1u << k;
  }
  const int64_t element = map_.in_size();
  Cursor at(*this, begin);
  for (int64_t i = begin; i < end;) {
    const int64_t n = std::min(dims_[last] - at.index[last], end - i);
    const void* from[3];
    for (int k = 0; k < num_inputs_; ++k) from[k] = static_cast<const char*>(in[k]) + at.offset[k] * element;
    call(from, scalars, y, n);
    y += n * map_.out_size();
    i += n;
    at.advance(*this, n);
  }
}

void BroadcastMap::run_gathered(void* const* in, int64_t begin, int64_t end, char* y) const {
  alignas(64) char buffers[3][kPiece * 8];
  const int last = ndim_ - 1;
  const int64_t inner = dims_[last];
  const int64_t element = map_.in_size();
  // What a buffer holds: rows of an operand that repeats from row to row need not be gathered again.
  const char* held[3] = {nullptr, nullptr, nullptr};
  int64_t held_elements[3] = {0, 0, 0};
  for (int64_t i = begin; i < end;) {
    const Cursor at(*this, i);
    Block block{1, std::min(inner - at.index[last], end - i), 0, 0};
    if (block.n == inner) {
      block.rows = std::min({(end - i) / inner, dims_[last - 1] - at.index[last - 1], kPiece / inner});
    }
    const int64_t count = block.rows * block.n;
    const void* from[3];
    for (int k = 0; k < num_inputs_; ++k) {
      const Operand& o = operands_[k];
      const char* source = static_cast<const char*>(in[k]) + at.offset[k] * element;
      if (o.contiguous) {
        from[k] = source;
        continue;
      }
      from[k] = buffers[k];
      if (o.strides[last - 1] == 0 && held[k] == source && held_elements[k] >= count) continue;
      block.row_stride = o.strides[last - 1];
      block.stride = o.strides[last];
      gather(source, buffers[k], block, static_cast<int>(element));
      held[k] = block.n == inner ? source : nullptr;
      held_elements[k] = count;
    }
    call(from, 0, y, count);
    y += count * map_.out_size();
    i += count;
  }
}

Kernel broadcast_kernel(const ElementMap& map, const Shape& out, const std::vector<Shape>& inputs, Cost cost,
                        const ConstantInput& constant) {
  bool all_alike = true;
  for (const Shape& s : inputs) all_alike = all_alike && s.size() == out.size();
  if (all_alike) return map_kernel(map, out.size(), static_cast<int>(inputs.size()), cost, constant);
  const BroadcastMap broadcast(map, out, inputs, constant);
  const int64_t n = out.size(), grain = grain_of(cost);
  const int64_t size = map.out_size();
  return make_kernel([=](void* const* in, void* const* to, void*) {
    parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      broadcast.run(in, begin, end, static_cast<char*>(to[0]) + begin * size);
    });
  });
}

}  // namespace symbind
