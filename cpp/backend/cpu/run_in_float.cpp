#include "backend/cpu/run_in_float.h"

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

template <class From, class To>
void convert(const void* from, void* to, int64_t n) {
  const From* x = static_cast<const From*>(from);
  To* y = static_cast<To*>(to);
  parallel_for(n, kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = To(float(x[i]));
  });
}

struct Staged {
  int64_t size;   // elements of a float16 tensor, -1 for any other
  size_t offset;  // of its float32 copy in the workspace
  bool read;
};

struct RunInFloat {
  Kernel inner;
  std::vector<Staged> in, out;
  std::vector<void*> in_table, out_table;  // of the float32 addresses
  size_t inner_workspace;

  void operator()(void* const* in_ptr, void* const* out_ptr, void* workspace) {
    char* base = static_cast<char*>(workspace);
    auto stage = [&](const std::vector<Staged>& staged, void* const* ptr, std::vector<void*>& table) {
      for (size_t i = 0; i < staged.size(); ++i) {
        table[i] = ptr[i];
        if (ptr[i] == nullptr || staged[i].size < 0) continue;
        table[i] = base + staged[i].offset;
        if (staged[i].read) convert<Half, float>(ptr[i], table[i], staged[i].size);
      }
    };
    stage(in, in_ptr, in_table);
    stage(out, out_ptr, out_table);
    inner.run(inner.self.get(), in_table.data(), out_table.data(), base + inner_workspace);
    for (size_t i = 0; i < out.size(); ++i) {
      if (table_is_staged(i, out_ptr)) convert<float, Half>(out_table[i], out_ptr[i], out[i].size);
    }
  }
  bool table_is_staged(size_t i, void* const* out_ptr) const { return out_table[i] != out_ptr[i]; }
};

}  // namespace

Kernel run_in_float(Kernel inner, Span<const TensorDesc> in, Span<const TensorDesc> out,
                    const std::vector<bool>& read) {
  RunInFloat state;
  state.inner = std::move(inner);
  size_t at = 0;
  auto plan = [&at](const TensorDesc& desc, bool is_read) {
    if (desc.dtype != DType::kFloat16) return Staged{-1, 0, false};
    const Staged staged{desc.shape.size(), at, is_read};
    at += (static_cast<size_t>(staged.size) * sizeof(float) + 63) / 64 * 64;
    return staged;
  };
  for (const TensorDesc& desc : in) state.in.push_back(plan(desc, true));
  for (size_t i = 0; i < out.size(); ++i) state.out.push_back(plan(out[i], i < read.size() && read[i]));
  state.in_table.resize(in.size());
  state.out_table.resize(out.size());
  state.inner_workspace = at;
  const size_t workspace = at + state.inner.workspace;
  return make_kernel(std::move(state), workspace);
}

TensorDesc in_float(TensorDesc desc) {
  if (desc.dtype == DType::kFloat16) desc.dtype = DType::kFloat32;
  return desc;
}

std::vector<TensorDesc> in_float(Span<const TensorDesc> descs) {
  std::vector<TensorDesc> result;
  for (const TensorDesc& desc : descs) result.push_back(in_float(desc));
  return result;
}

}  // namespace symbind
