#include "backend/cpu/reduce.h"

#include <algorithm>

#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

constexpr int64_t kBlock = 512;      // columns, or elements of an expression, handled at a time
constexpr int64_t kGrain = 1 << 15;  // elements that pay for a thread

ComputeType reduce_type(DType t) {
  switch (t) {
    case DType::kFloat32:
      return kF32;
    case DType::kFloat64:
      return kF64;
    case DType::kInt32:
      return kI32;
    case DType::kInt64:
      return kI64;
    default:
      fail("[reduce] no kernel for dtype ", dtype_name(t));
  }
}

// One kind of axes in the order of the array: merged lengths and strides.
struct Axes {
  int n = 0;
  int64_t dims[Shape::kMaxNDim];
  int64_t strides[Shape::kMaxNDim];

  int64_t count() const {
    int64_t c = 1;
    for (int i = 0; i < n; ++i) c *= dims[i];
    return c;
  }
  int64_t offset(int64_t index) const {
    int64_t at = 0;
    for (int i = n - 1; i >= 0; --i) {
      at += index % dims[i] * strides[i];
      index /= dims[i];
    }
    return at;
  }
};

// The array seen as kept x reduced x run, the run being the innermost axes: either reduced ("rows") or kept
// ("columns").
class Reducer {
 public:
  Reducer(const ReduceSpec& spec, bool has_source, const BroadcastMap& source);

  void run(void* const* in, void* out, char* workspace) const;
  size_t workspace() const;

 private:
  // Adds reduced units [begin, end) of item `item` to `acc`.
  void accumulate(void* const* in, int64_t item, int64_t begin, int64_t end, char* acc) const;
  void accumulate_rows(void* const* in, int64_t base, int64_t begin, int64_t end, char* acc) const;
  void accumulate_columns(void* const* in, int64_t item, int64_t begin, int64_t end, char* acc) const;
  void run_neighbouring_rows(const char* x, char* y) const;
  const char* elements(void* const* in, int64_t at, int64_t n, char* buffer) const;
  void finish(int64_t item, const char* acc, void* out) const;
  int64_t item_width(int64_t item) const {
    return rows_ ? 1 : std::min(kBlock, run_ - item % blocks_ * kBlock);
  }

  ReduceFns fns_;
  double scale_;
  bool root_;
  bool has_source_;
  BroadcastMap source_;
  int element_ = 4;
  bool rows_ = true;
  int64_t run_ = 1;      // length of the innermost axes
  Axes kept_, reduced_;  // without the run
  int64_t blocks_ = 1;   // columns: pieces of the run
  int64_t items_ = 0;    // results, in blocks of columns
  int64_t units_ = 0;    // reduced elements of an item (rows: elements, columns: rows of the block)
  int64_t total_ = 0;
  int64_t slot_ = 0;  // bytes of one accumulator block
  int pieces_ = 1;    // threads one item is split over; 1: items are split instead
};

Reducer::Reducer(const ReduceSpec& spec, bool has_source, const BroadcastMap& source)
    : fns_(kernels().reduce[static_cast<int>(spec.op)][reduce_type(spec.dtype)]),
      scale_(spec.scale),
      root_(spec.root),
      has_source_(has_source),
      source_(source),
      element_(static_cast<int>(dtype_size(spec.dtype))),
      total_(spec.in.size()) {
  struct Group {
    int64_t dim;
    bool reduced;
  };
  std::vector<Group> groups;
  for (int d = 0; d < spec.in.ndim(); ++d) {
    if (spec.in[d] == 1) continue;
    const bool reduced = spec.axes[static_cast<size_t>(d)];
    if (!groups.empty() && groups.back().reduced == reduced) {
      groups.back().dim *= spec.in[d];
    } else {
      groups.push_back({spec.in[d], reduced});
    }
  }
  if (groups.empty()) groups.push_back({1, true});
  rows_ = groups.back().reduced;
  run_ = groups.back().dim;
  int64_t stride = run_;
  for (size_t i = groups.size() - 1; i-- > 0;) {
    Axes& axes = groups[i].reduced ? reduced_ : kept_;
    axes.dims[axes.n] = groups[i].dim;
    axes.strides[axes.n++] = stride;
    stride *= groups[i].dim;
  }
  for (Axes* axes : {&kept_, &reduced_}) {
    std::reverse(axes->dims, axes->dims + axes->n);
    std::reverse(axes->strides, axes->strides + axes->n);
  }
  blocks_ = rows_ ? 1 : (run_ + kBlock - 1) / kBlock;
  items_ = kept_.count() * blocks_;
  units_ = reduced_.count() * (rows_ ? run_ : 1);
  slot_ = (rows_ ? 64 : kBlock * fns_.acc_size);
  if (items_ < spec.num_threads && total_ > kGrain && units_ > 1) {
    pieces_ = static_cast<int>(std::min<int64_t>({spec.num_threads, (total_ + kGrain - 1) / kGrain, units_}));
  }
}

size_t Reducer::workspace() const { return pieces_ > 1 ? static_cast<size_t>(pieces_ * items_ * slot_) : 0; }

const char* Reducer::elements(void* const* in, int64_t at, int64_t n, char* buffer) const {
  if (!has_source_) return static_cast<const char*>(in[0]) + at * element_;
  source_.run(in, at, at + n, buffer);
  return buffer;
}

void Reducer::accumulate_rows(void* const* in, int64_t base, int64_t begin, int64_t end, char* acc) const {
  alignas(64) char buffer[kBlock * 8];
  for (int64_t u = begin; u < end;) {
    const int64_t row = u / run_, column = u % run_;
    int64_t n = std::min(run_ - column, end - u);
    if (has_source_) n = std::min(n, kBlock);
    fns_.rows(elements(in, base + reduced_.offset(row) + column, n, buffer), n, 1, acc);
    u += n;
  }
}

void Reducer::accumulate_columns(void* const* in, int64_t item, int64_t begin, int64_t end, char* acc) const {
  alignas(64) char buffer[kBlock * 8];
  alignas(64) char wide[kBlock * 8];
  const int64_t base = kept_.offset(item / blocks_) + item % blocks_ * kBlock;
  const int64_t width = item_width(item);
  const int64_t inner = reduced_.n > 0 ? reduced_.dims[reduced_.n - 1] : 1;
  const int64_t stride = reduced_.n > 0 ? reduced_.strides[reduced_.n - 1] : run_;
  // Narrow columns: neighbouring rows side by side form one wide row, whose pieces are joined at the end.
  const int64_t fold = stride == width ? std::min(kBlock / width, inner) : 1;
  const bool folds = fold > 1 && end - begin > 2 * fold;
  if (folds) fns_.init(wide, fold * width);
  for (int64_t u = begin; u < end;) {
    const int64_t at = base + reduced_.offset(u);
    const int64_t rows = std::min(inner - u % inner, end - u);  // one stride apart
    const int64_t wides = folds ? rows / fold : 0;
    if (wides > 0) {
      const int64_t n = has_source_ ? 1 : wides;
      fns_.columns(elements(in, at, fold * width, buffer), fold * width, n, wide, fold * width);
      u += n * fold;
    } else {
      const int64_t n = has_source_ ? 1 : rows;
      fns_.columns(elements(in, at, width, buffer), stride, n, acc, width);
      u += n;
    }
  }
  if (!folds) return;
  for (int64_t k = 0; k < fold; ++k) fns_.join(wide + k * width * fns_.acc_size, acc, width);
}

// Neighbouring results have neighbouring rows: many at a time, in the order of memory.
void Reducer::run_neighbouring_rows(const char* x, char* y) const {
  const int64_t neighbours = kept_.n > 0 ? kept_.dims[kept_.n - 1] : 1;
  const int64_t repeats = reduced_.count();
  const int64_t per_item = std::max<int64_t>(1, run_ * repeats);
  parallel_for(items_, 1 + kGrain / per_item, [&](int64_t begin, int64_t end) {
    alignas(64) char acc[kBlock * 8];
    for (int64_t item = begin; item < end;) {
      const int64_t n = std::min({kBlock, end - item, neighbours - item % neighbours});
      const int64_t base = kept_.offset(item);
      fns_.init(acc, n);
      for (int64_t r = 0; r < repeats; ++r) {
        fns_.rows(x + (base + reduced_.offset(r)) * element_, run_, n, acc);
      }
      fns_.finish(acc, y + item * element_, n, scale_, root_);
      item += n;
    }
  });
}

void Reducer::accumulate(void* const* in, int64_t item, int64_t begin, int64_t end, char* acc) const {
  fns_.init(acc, item_width(item));
  if (rows_) {
    accumulate_rows(in, kept_.offset(item), begin, end, acc);
  } else {
    accumulate_columns(in, item, begin, end, acc);
  }
}

void Reducer::finish(int64_t item, const char* acc, void* out) const {
  const int64_t at = rows_ ? item : item / blocks_ * run_ + item % blocks_ * kBlock;
  fns_.finish(acc, static_cast<char*>(out) + at * element_, item_width(item), scale_, root_);
}

void Reducer::run(void* const* in, void* out, char* workspace) const {
  const bool neighbours = kept_.n == 0 || kept_.strides[kept_.n - 1] == run_;
  if (pieces_ == 1 && rows_ && neighbours && !has_source_) {
    run_neighbouring_rows(static_cast<const char*>(in[0]), static_cast<char*>(out));
    return;
  }
  if (pieces_ == 1) {
    const int64_t per_item = std::max<int64_t>(1, units_ * (rows_ ? 1 : std::min(run_, kBlock)));
    parallel_for(items_, 1 + kGrain / per_item, [&](int64_t begin, int64_t end) {
      alignas(64) char acc[kBlock * 8];
      for (int64_t item = begin; item < end; ++item) {
        accumulate(in, item, 0, units_, acc);
        finish(item, acc, out);
      }
    });
    return;
  }
  parallel_for(pieces_, 1, [&](int64_t first, int64_t last) {
    for (int64_t piece = first; piece < last; ++piece) {
      const int64_t begin = units_ * piece / pieces_, end = units_ * (piece + 1) / pieces_;
      for (int64_t item = 0; item < items_; ++item) {
        accumulate(in, item, begin, end, workspace + (piece * items_ + item) * slot_);
      }
    }
  });
  for (int64_t item = 0; item < items_; ++item) {
    char* acc = workspace + item * slot_;
    for (int64_t piece = 1; piece < pieces_; ++piece) {
      fns_.join(workspace + (piece * items_ + item) * slot_, acc, item_width(item));
    }
    finish(item, acc, out);
  }
}

Kernel make_reducer(const ReduceSpec& spec, bool has_source, const BroadcastMap& source) {
  const Reducer reducer(spec, has_source, source);
  return make_kernel([reducer](void* const* in, void* const* out,
                               void* ws) { reducer.run(in, out[0], static_cast<char*>(ws)); },
                     reducer.workspace());
}

}  // namespace

Kernel reduce_kernel(const ReduceSpec& spec) {
  if (spec.dtype == DType::kFloat32 || spec.dtype == DType::kFloat64 || spec.dtype == DType::kInt32 ||
      spec.dtype == DType::kInt64) {
    return make_reducer(spec, false, BroadcastMap());
  }
  // Through a converted copy.
  ReduceSpec wide = spec;
  wide.dtype = spec.dtype == DType::kFloat16 ? DType::kFloat32 : DType::kInt32;
  Shape kept;
  kept.resize(0);
  for (int d = 0; d < spec.in.ndim(); ++d) {
    if (!spec.axes[static_cast<size_t>(d)]) kept.push_back(spec.in[d]);
  }
  const std::vector<TensorDesc> in{{spec.in, spec.dtype, nullptr}}, out{{kept, spec.dtype, nullptr}};
  return compute_as(wide.dtype, in, out, [&](Span<const TensorDesc>, Span<const TensorDesc>) {
    return make_reducer(wide, false, BroadcastMap());
  });
}

Kernel reduce_kernel(const ReduceSpec& spec, const BroadcastMap& source) {
  return make_reducer(spec, true, source);
}

std::vector<bool> broadcast_axes(const Shape& in, const Shape& out) {
  std::vector<bool> axes(static_cast<size_t>(out.ndim()));
  for (int d = 0; d < out.ndim(); ++d) {
    const int i = d - (out.ndim() - in.ndim());
    axes[static_cast<size_t>(d)] = i < 0 || (in[i] == 1 && out[d] != 1);
  }
  return axes;
}

}  // namespace symbind
