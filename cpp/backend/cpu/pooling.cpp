#include "backend/cpu/pooling.h"

#include <algorithm>

#include "backend/cpu/isa.h"
#include "backend/cpu/layout.h"
#include "backend/cpu/parallel.h"

namespace symbind {
namespace {

bool view_images(const PoolingSpec& spec, const TensorDesc& tensor, ChannelView& view) {
  const Shape& s = tensor.shape;
  if (tensor.layout) return !spec.channels_last && view_channels(tensor, 1, view);
  view.outer = s[0];
  if (spec.channels_last) {
    view.channels = view.block = s.at(-1);
    view.blocks = 1;
    view.inner = s.product(1, s.ndim() - 1);
  } else {
    view.channels = view.blocks = s[1];
    view.block = 1;
    view.inner = s.product(2, s.ndim());
  }
  return true;
}

// Images, or tiles of their channels when there are few images, over all threads.
class Tiles {
 public:
  Tiles(const PoolingSpec& spec, const ChannelView& view)
      : args_(spec.args), images_(view.outer * view.blocks) {
    args_.step = view.block;
    const bool few = images_ < 2 * max_threads();
    args_.block = few ? std::min<int64_t>(view.block, 16) : view.block;
    tiles_ = args_.block == 0 ? 0 : (view.block + args_.block - 1) / args_.block;
    in_size_ = args_.in[0] * args_.in[1] * args_.in[2] * view.block;
    out_size_ = args_.out[0] * args_.out[1] * args_.out[2] * view.block;
  }

  // f(args, offset into data, offset into the result)
  template <class F>
  void run(F&& f) const {
    const int64_t work = in_size_ / std::max<int64_t>(tiles_, 1) + 1;
    parallel_for(images_ * tiles_, 1 + kElementGrain / work, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / tiles_, channel = i % tiles_ * args_.block;
        PoolArgs args = args_;
        args.block = std::min(args_.block, args_.step - channel);
        f(args, image * in_size_ + channel, image * out_size_ + channel);
      }
    });
  }

 private:
  PoolArgs args_;
  int64_t images_, tiles_ = 0, in_size_ = 0, out_size_ = 0;
};

template <class T>
Kernel forward(const Tiles& tiles) {
  const auto pool = kernels().pool[sizeof(T) == 8].forward;
  return make_kernel([tiles, pool](void* const* in, void* const* out, void*) {
    tiles.run([&](const PoolArgs& args, int64_t x, int64_t y) {
      pool(args, static_cast<const T*>(in[0]) + x, static_cast<T*>(out[0]) + y);
    });
  });
}

template <class T>
Kernel backward(const Tiles& tiles, bool reads_data) {
  const auto pool = kernels().pool[sizeof(T) == 8].backward;
  return make_kernel([tiles, pool, reads_data](void* const* in, void* const* out, void*) {
    tiles.run([&](const PoolArgs& args, int64_t x, int64_t y) {
      const T* data = reads_data ? static_cast<const T*>(in[1]) + x : nullptr;
      const T* result = reads_data ? static_cast<const T*>(in[2]) + y : nullptr;
      pool(args, static_cast<const T*>(in[0]) + y, data, result, static_cast<T*>(out[0]) + x);
    });
  });
}

Tiles tiles_for(const PoolingSpec& spec, const TensorDesc& tensor) {
  check(tensor.dtype == DType::kFloat32 || tensor.dtype == DType::kFloat64,
        "[Pooling] expected a floating dtype, got ", dtype_name(tensor.dtype));
  ChannelView view;
  check(view_images(spec, tensor, view), "[Pooling] the layout of data does not keep channels together");
  return Tiles(spec, view);
}

}  // namespace

Kernel make_pooling_forward(const PoolingSpec& spec, const TensorDesc& data) {
  const Tiles tiles = tiles_for(spec, data);
  return data.dtype == DType::kFloat64 ? forward<double>(tiles) : forward<float>(tiles);
}

Kernel make_pooling_backward(const PoolingSpec& spec, const TensorDesc& data_grad) {
  const Tiles tiles = tiles_for(spec, data_grad);
  const bool reads_data = spec.args.kind == PoolKind::kMax || spec.args.kind == PoolKind::kLp;
  return data_grad.dtype == DType::kFloat64 ? backward<double>(tiles, reads_data)
                                            : backward<float>(tiles, reads_data);
}

bool pooling_takes_layout(const PoolingSpec& spec, const TensorDesc& tensor) {
  ChannelView view;
  return view_images(spec, tensor, view);
}

}  // namespace symbind
