// Layouts as convolutions choose them, for tests of what runs between convolutions.
#pragma once

#include <vector>

#include "backend/cpu/convolution.h"
#include "backend/cpu/layout.h"
#include "test_kernels.h"

// (n, channels, h, w) as the result of a 1x1 convolution from `from` channels; from == 1 gives blocks of 16
// channels (padded when there are other than multiples of 16), an odd number of 4 and more channels last.
inline symbind::TensorDesc chosen_layout(int64_t n, int64_t channels, int64_t h, int64_t w, int64_t from) {
  symbind::ConvGeometry g;
  g.batch = n;
  g.in_channels = from;
  g.out_channels = channels;
  const int64_t extent[3] = {1, h, w};
  for (int i = 0; i < 3; ++i) {
    g.in[i] = g.out[i] = extent[i];
    g.kernel[i] = g.stride[i] = g.dilate[i] = 1;
    g.pad[i] = 0;
  }
  symbind::TensorDesc data{{n, from, h, w}, symbind::DType::kFloat32, nullptr};
  symbind::TensorDesc weight{{channels, from, 1, 1}, symbind::DType::kFloat32, nullptr};
  symbind::TensorDesc out{{n, channels, h, w}, symbind::DType::kFloat32, nullptr};
  symbind::choose_conv_forward_layouts(g, true, symbind::Compute::kFloat32, data, weight, out);
  return out;
}

inline symbind::TensorDesc row_major(symbind::TensorDesc desc) {
  desc.layout = nullptr;
  return desc;
}

inline std::vector<float> moved(const std::vector<float>& x, const symbind::TensorDesc& from,
                                const symbind::TensorDesc& to) {
  std::vector<float> y(to.bytes() / sizeof(float));
  run_kernel(symbind::make_reorder_kernel(from, to), {x.data()}, {y.data()});
  return y;
}
