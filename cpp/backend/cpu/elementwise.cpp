#include "backend/cpu/elementwise.h"

#include <cstring>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

constexpr int64_t kChunk =
    512;  // elements converted at a time; three inputs and an output stay in the L1 cache

ConvertFn converter(DType from, DType to) {
  return kernels().convert[static_cast<int>(from)][static_cast<int>(to)];
}

bool is_wide_integer(DType t) { return t == DType::kInt32 || t == DType::kInt64; }

}  // namespace

ComputeType compute_type(DType type) {
  switch (type) {
    case DType::kFloat32:
    case DType::kFloat16:
      return kF32;
    case DType::kFloat64:
      return kF64;
    case DType::kInt64:
      return kI64;
    case DType::kInt32:
    case DType::kInt8:
    case DType::kUint8:
    case DType::kBool:
      return kI32;
    default:
      fail("[kernel] unknown dtype ", static_cast<int>(type));
  }
}

DType compute_dtype(ComputeType type) {
  constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64};
  return kTypes[type];
}

ElementMap::ElementMap(const MapFn (&row)[kNumComputeTypes], DType in, DType out, DType compute) {
  ComputeType c = compute_type(compute == DType::kUnknown ? in : compute);
  if (row[c] == nullptr) c = is_wide_integer(in) ? kF64 : kF32;
  fn_ = row[c];
  check(fn_ != nullptr, "[kernel] no kernel for dtype ", dtype_name(in));
  compute_ = compute_dtype(c);
  in_size_ = static_cast<int>(dtype_size(in));
  out_size_ = static_cast<int>(dtype_size(out));
  if (in != compute_) load_ = converter(in, compute_);
  if (out != compute_) store_ = converter(compute_, out);
  direct_ = load_ == nullptr && store_ == nullptr;
}

void ElementMap::hold_in_bfloat16() {
  load_ = kernels().from_bfloat16;
  store_ = kernels().to_bfloat16;
  in_size_ = out_size_ = 2;
  direct_ = false;
}

void ElementMap::run_converted(const void* a, const void* b, const void* c, void* y, int64_t n,
                               unsigned scalars) const {
  alignas(64) char buffers[4][kChunk * 8];
  const char* in[3] = {static_cast<const char*>(a), static_cast<const char*>(b), static_cast<const char*>(c)};
  const int compute_size = static_cast<int>(dtype_size(compute_));
  for (int64_t begin = 0; begin < n; begin += kChunk) {
    const int64_t count = n - begin < kChunk ? n - begin : kChunk;
    const void* from[3] = {nullptr, nullptr, nullptr};
    for (int i = 0; i < 3; ++i) {
      if (in[i] == nullptr) continue;
      const bool scalar = (scalars >> i & 1u) != 0;
      if (i == constant_) {
        from[i] = in[i];
      } else if (load_ == nullptr) {
        from[i] = in[i] + (scalar ? 0 : begin * compute_size);
      } else if (scalar) {
        if (begin == 0) load_(in[i], buffers[i], 1);
        from[i] = buffers[i];
      } else {
        load_(in[i] + begin * in_size_, buffers[i], count);
        from[i] = buffers[i];
      }
    }
    char* to = static_cast<char*>(y) + begin * out_size_;
    if (store_ == nullptr) {
      fn_(from[0], from[1], from[2], to, count, scalars);
    } else {
      fn_(from[0], from[1], from[2], buffers[3], count, scalars);
      store_(buffers[3], to, count);
    }
  }
}

int64_t grain_of(Cost cost) {
  switch (cost) {
    case Cost::kCheap:
      return kElementGrain;
    case Cost::kMath:
      return kElementGrain / 4;
    default:
      return kElementGrain / 32;
  }
}

ScalarValue scalar_value(DType type, double first, double second) {
  ScalarValue value;
  const ConvertFn convert = converter(DType::kFloat64, type);
  convert(&first, value.bytes.data(), 1);
  convert(&second, value.bytes.data() + dtype_size(type), 1);
  return value;
}

int64_t element_count(const TensorDesc& desc) {
  if (!desc.layout) return desc.shape.size();
  const size_t size = desc.layout->bfloat16() ? 2 : dtype_size(desc.dtype);
  return static_cast<int64_t>(desc.layout->bytes() / size);
}

namespace {

// The kernel objects below are plain structs: one indirect call to `run`, one to the loop.
struct MapSelf {
  ElementMap map;
  int64_t n = 0;
  int64_t grain = 0;
  int inputs = 1;
  int64_t in_step = 0, out_step = 0;  // bytes of an element
  unsigned scalars = 0;
  ScalarValue constant;
  int constant_at = -1;

  void range(void* const* in, void* const* out, int64_t begin, int64_t end) const {
    const void* from[3] = {nullptr, nullptr, nullptr};
    int next = 0;
    for (int i = 0; i < 3; ++i) {
      if (i == constant_at) {
        from[i] = constant.data();
      } else if (next < inputs) {
        from[i] = static_cast<const char*>(in[next++]) + begin * in_step;
      }
    }
    map(from[0], from[1], from[2], static_cast<char*>(out[0]) + begin * out_step, end - begin, scalars);
  }
};

void run_parallel(void* self, void* const* in, void* const* out, void*) {
  const MapSelf& m = *static_cast<const MapSelf*>(self);
  parallel_for(m.n, m.grain, [&](int64_t begin, int64_t end) { m.range(in, out, begin, end); });
}

void run_serial(void* self, void* const* in, void* const* out, void*) {
  const MapSelf& m = *static_cast<const MapSelf*>(self);
  m.range(in, out, 0, m.n);
}

// One thread, no conversion: straight to the loop.
void run_unary(void* self, void* const* in, void* const* out, void*) {
  const MapSelf& m = *static_cast<const MapSelf*>(self);
  m.map.function()(in[0], nullptr, nullptr, out[0], m.n, 0);
}
void run_binary(void* self, void* const* in, void* const* out, void*) {
  const MapSelf& m = *static_cast<const MapSelf*>(self);
  m.map.function()(in[0], in[1], nullptr, out[0], m.n, 0);
}
void run_empty(void*, void* const*, void* const*, void*) {}

Kernel make_map(MapSelf self) {
  Kernel k;
  const bool serial = self.n <= self.grain || max_threads() == 1;
  if (self.n == 0) {
    k.run = run_empty;
  } else if (!serial) {
    k.run = run_parallel;
  } else if (self.map.direct() && self.constant_at < 0 && self.inputs == 1) {
    k.run = run_unary;
  } else if (self.map.direct() && self.constant_at < 0 && self.inputs == 2) {
    k.run = run_binary;
  } else {
    k.run = run_serial;
  }
  k.self = std::make_shared<MapSelf>(std::move(self));
  return k;
}

}  // namespace

Kernel map_kernel(ElementMap map, int64_t n, int inputs, Cost cost, const ConstantInput& constant) {
  map.set_constant_input(constant.position);
  MapSelf self;
  self.map = map;
  self.n = n;
  self.grain = grain_of(cost);
  self.inputs = inputs;
  self.in_step = map.in_size();
  self.out_step = map.out_size();
  self.scalars = constant.position < 0 ? 0 : 1u << constant.position;
  self.constant = constant.value;
  self.constant_at = constant.position;
  return make_map(std::move(self));
}

void parallel_convert(const void* from, DType from_type, void* to, DType to_type, int64_t n) {
  const int64_t from_size = static_cast<int64_t>(dtype_size(from_type));
  const int64_t to_size = static_cast<int64_t>(dtype_size(to_type));
  const ConvertFn convert = from_type == to_type ? nullptr : converter(from_type, to_type);
  parallel_for(n, kElementGrain, [&](int64_t begin, int64_t end) {
    const char* source = static_cast<const char*>(from) + begin * from_size;
    char* target = static_cast<char*>(to) + begin * to_size;
    if (convert != nullptr) {
      convert(source, target, end - begin);
    } else if (source != target) {
      std::memcpy(target, source, static_cast<size_t>((end - begin) * to_size));
    }
  });
}

Kernel compute_as(DType compute, Span<const TensorDesc> given_in, Span<const TensorDesc> given_out,
                  const BuildKernel& build) {
  struct Operand {
    DType type;
    int64_t n;
    size_t offset;  // into the workspace; kDirect: used as it is
  };
  constexpr size_t kDirect = static_cast<size_t>(-1);
  size_t bytes = 0;
  auto plan = [&](Span<const TensorDesc> descs, std::vector<TensorDesc>& changed) {
    std::vector<Operand> operands;
    for (const TensorDesc& d : descs) {
      TensorDesc c = d;
      Operand o{d.dtype, d.shape.size(), kDirect};
      if (d.dtype != compute) {
        c.dtype = compute;
        o.offset = bytes;
        bytes += (c.bytes() + 63) / 64 * 64;
      }
      changed.push_back(c);
      operands.push_back(o);
    }
    return operands;
  };
  std::vector<TensorDesc> in, out;
  const std::vector<Operand> sources = plan(given_in, in);
  const std::vector<Operand> targets = plan(given_out, out);
  const Kernel kernel = build(in, out);
  // Pointer arrays live in the kernel: running it allocates nothing, and a kernel runs in one thread at a
  // time.
  std::vector<void*> in_pointers(sources.size()), out_pointers(targets.size());
  const size_t inner_workspace = bytes;
  return make_kernel(
      [=](void* const* from, void* const* to, void* workspace) mutable {
        char* base = static_cast<char*>(workspace);
        for (size_t i = 0; i < sources.size(); ++i) {
          in_pointers[i] = from[i];
          if (sources[i].offset == kDirect || from[i] == nullptr) continue;
          in_pointers[i] = base + sources[i].offset;
          parallel_convert(from[i], sources[i].type, in_pointers[i], compute, sources[i].n);
        }
        for (size_t i = 0; i < targets.size(); ++i) {
          out_pointers[i] =
              targets[i].offset == kDirect || to[i] == nullptr ? to[i] : base + targets[i].offset;
        }
        kernel.run(kernel.self.get(), in_pointers.data(), out_pointers.data(), base + inner_workspace);
        for (size_t i = 0; i < targets.size(); ++i) {
          if (targets[i].offset == kDirect || to[i] == nullptr) continue;
          parallel_convert(out_pointers[i], compute, to[i], targets[i].type, targets[i].n);
        }
      },
      bytes + kernel.workspace);
}

}  // namespace symbind
