// Winograd convolution against a direct sum in double: every pass, both tiles, every instruction set.
#include "backend/cpu/winograd.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "backend/cpu/convolution.h"
#include "backend/cpu/isa.h"
#include "test_kernels.h"

using namespace symbind;

namespace {

// (n, channels, h, w) to [n][channels / 16][h][w][16] and back.
std::vector<float> blocked(const std::vector<float>& x, int64_t n, int64_t channels, int64_t pixels,
                           bool forth) {
  std::vector<float> y(x.size());
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < pixels; ++p) {
        const int64_t plain = (i * channels + c) * pixels + p;
        const int64_t block = ((i * channels / 16 + c / 16) * pixels + p) * 16 + c % 16;
        if (forth) {
          y[block] = x[plain];
        } else {
          y[plain] = x[block];
        }
      }
    }
  }
  return y;
}

struct Case {
  WinogradSpec s;
  std::vector<float> data, weight, bias, summand, dy;  // row-major
  int64_t in_pixels() const { return s.in_h * s.in_w; }
  int64_t out_pixels() const { return s.out_h() * s.out_w(); }

  explicit Case(const WinogradSpec& spec) : s(spec) {
    data = random_values<float>(s.batch * s.in_channels * in_pixels(), 1);
    weight = random_values<float>(s.out_channels * s.in_channels * 9, 2);
    bias = random_values<float>(s.out_channels, 3);
    summand = random_values<float>(s.batch * s.out_channels * out_pixels(), 4, -10, 10);
    dy = random_values<float>(s.batch * s.out_channels * out_pixels(), 5);
  }
  std::vector<float> to_blocks(const std::vector<float>& x, int64_t channels) const {
    return blocked(x, s.batch, channels, static_cast<int64_t>(x.size()) / (s.batch * channels), true);
  }
  std::vector<float> to_plain(const std::vector<float>& x, int64_t channels) const {
    return blocked(x, s.batch, channels, static_cast<int64_t>(x.size()) / (s.batch * channels), false);
  }
};

struct Direct {
  std::vector<float> y, dx, dw;
};

Direct direct(const Case& c) {
  const WinogradSpec& s = c.s;
  const int64_t oh = s.out_h(), ow = s.out_w();
  std::vector<double> y(c.dy.size()), dx(c.data.size()), dw(c.weight.size());
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t o = 0; o < s.out_channels; ++o) {
      for (int64_t i = 0; i < s.in_channels; ++i) {
        for (int64_t k = 0; k < 9; ++k) {
          const int64_t w = (o * s.in_channels + i) * 9 + k;
          for (int64_t h = 0; h < oh; ++h) {
            const int64_t in_h = h + k / 3 - s.pad_h;
            if (in_h < 0 || in_h >= s.in_h) continue;
            for (int64_t v = 0; v < ow; ++v) {
              const int64_t in_w = v + k % 3 - s.pad_w;
              if (in_w < 0 || in_w >= s.in_w) continue;
              const int64_t at = ((n * s.in_channels + i) * s.in_h + in_h) * s.in_w + in_w;
              const int64_t to = ((n * s.out_channels + o) * oh + h) * ow + v;
              y[to] += double(c.data[at]) * double(c.weight[w]);
              dx[at] += double(c.dy[to]) * double(c.weight[w]);
              dw[w] += double(c.dy[to]) * double(c.data[at]);
            }
          }
        }
      }
    }
  }
  auto narrow = [](const std::vector<double>& v) { return std::vector<float>(v.begin(), v.end()); };
  return {narrow(y), narrow(dx), narrow(dw)};
}

// The project's float32 tolerance: 2e-5 of the value, 2e-6 of the largest value.
void check_float32(const std::vector<float>& got, const std::vector<float>& want) {
  REQUIRE(got.size() == want.size());
  double largest = 1;
  for (float w : want) largest = std::max(largest, std::fabs(double(w)));
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(double(got[i]) - double(want[i]));
    if (!(error <= 2e-5 * std::fabs(double(want[i])) + 2e-6 * largest)) {
      FAIL("element " << i << ": got " << got[i] << ", expected " << want[i] << ", largest " << largest);
    }
  }
}

std::vector<float> forward(const Case& c, bool transformed, const WinogradEpilogue& epilogue) {
  const std::vector<float> data = c.to_blocks(c.data, c.s.in_channels);
  const std::vector<float> summand = c.to_blocks(c.summand, c.s.out_channels);
  std::vector<float> weight = c.weight, y(c.dy.size(), std::numeric_limits<float>::quiet_NaN());
  if (transformed) {
    weight.assign(winograd_weight_bytes(c.s) / sizeof(float), 0);
    run_kernel(make_winograd_weights(c.s), {c.weight.data()}, {weight.data()});
  }
  std::vector<const void*> in{data.data(), weight.data()};
  if (epilogue.bias) in.push_back(c.bias.data());
  if (epilogue.summand >= 0) in.push_back(summand.data());
  run_kernel(make_winograd_forward(c.s, transformed, epilogue), in, {y.data()});
  return c.to_plain(y, c.s.out_channels);
}

// Sizes with a path of their own: tiles cut at the edge, an odd number of blocks, images smaller than a tile,
// few and many tiles, many channels.
std::vector<WinogradSpec> specs() {
  std::vector<WinogradSpec> all;
  for (int tile : {2, 4}) {
    all.push_back({2, 32, 48, 9, 6, 1, 1, tile});
    all.push_back({1, 16, 16, 1, 1, 1, 1, tile});
    all.push_back({3, 16, 32, 3, 5, 0, 2, tile});
    all.push_back({1, 16, 16, 8, 3, 2, 0, tile});
    all.push_back({2, 32, 16, 31, 34, 1, 1, tile});
    all.push_back({3, 160, 80, 7, 7, 1, 1, tile});
    all.push_back({1, 288, 32, 5, 7, 1, 1, tile});
  }
  return all;
}

std::string name(const WinogradSpec& s) {
  return std::to_string(s.batch) + "x" + std::to_string(s.in_channels) + "x" + std::to_string(s.in_h) + "x" +
         std::to_string(s.in_w) + " to " + std::to_string(s.out_channels) + " tile " + std::to_string(s.tile);
}

}  // namespace

TEST_CASE("winograd forward and both gradients against a direct sum") {
  for (const WinogradSpec& s : specs()) {
    INFO(name(s));
    const Case c(s);
    const Direct want = direct(c);
    const std::vector<float> y = forward(c, false, {});
    check_float32(y, want.y);
    CHECK(forward(c, true, {}) == y);

    std::vector<float> dx(c.data.size(), std::numeric_limits<float>::quiet_NaN());
    run_kernel(make_winograd_backward_data(s), {c.to_blocks(c.dy, s.out_channels).data(), c.weight.data()},
               {dx.data()});
    check_float32(c.to_plain(dx, s.in_channels), want.dx);

    std::vector<float> dw(c.weight.size(), std::numeric_limits<float>::quiet_NaN());
    run_kernel(make_winograd_backward_weight(s),
               {c.to_blocks(c.dy, s.out_channels).data(), c.to_blocks(c.data, s.in_channels).data()},
               {dw.data()});
    check_float32(dw, want.dw);
  }
}

TEST_CASE("winograd gradient of many weights from many tiles") {
  // More tiles than fit at a time: sums of the transformed gradient are kept between chunks.
  const Case c({2, 176, 192, 47, 50, 1, 1, 4});
  ConvGeometry g;
  g.batch = c.s.batch;
  g.in_channels = c.s.in_channels;
  g.out_channels = c.s.out_channels;
  const int64_t extent[3] = {1, c.s.in_h, c.s.in_w};
  for (int i = 0; i < 3; ++i) {
    g.in[i] = g.out[i] = extent[i];
    g.kernel[i] = i == 0 ? 1 : 3;
    g.stride[i] = g.dilate[i] = 1;
    g.pad[i] = i == 0 ? 0 : 1;
  }
  const TensorDesc out{{2, 192, 47, 50}, DType::kFloat64, nullptr};
  const TensorDesc data{{2, 176, 47, 50}, DType::kFloat64, nullptr};
  const TensorDesc weight{{192, 176, 3, 3}, DType::kFloat64, nullptr};
  const std::vector<double> dy(c.dy.begin(), c.dy.end()), x(c.data.begin(), c.data.end());
  std::vector<double> dw(c.weight.size());
  run_kernel(make_conv_backward_weight(g, out, data, weight, nullptr), {dy.data(), x.data()}, {dw.data()});

  const std::vector<float> dy_blocks = c.to_blocks(c.dy, 192), x_blocks = c.to_blocks(c.data, 176);
  std::vector<float> got(dw.size()), again(dw.size());
  const Kernel kernel = make_winograd_backward_weight(c.s);
  run_kernel(kernel, {dy_blocks.data(), x_blocks.data()}, {got.data()});
  check_float32(got, std::vector<float>(dw.begin(), dw.end()));
  run_kernel(kernel, {dy_blocks.data(), x_blocks.data()}, {again.data()});
  CHECK(got == again);
}

TEST_CASE("winograd adds a bias and a summand and applies relu, in this order") {
  for (int tile : {2, 4}) {
    const Case c({2, 32, 48, 9, 6, 1, 1, tile});
    const std::vector<float> plain = forward(c, true, {});
    for (bool bias : {false, true}) {
      for (bool summand : {false, true}) {
        for (bool relu : {false, true}) {
          std::vector<float> want = plain;
          for (size_t i = 0; i < want.size(); ++i) {
            if (bias) want[i] += c.bias[i / c.out_pixels() % c.s.out_channels];
            if (summand) want[i] += c.summand[i];
            if (relu) want[i] = std::max(want[i], 0.0f);
          }
          const WinogradEpilogue epilogue{bias, summand ? 2 + bias : -1, relu};
          CHECK(forward(c, true, epilogue) == want);
        }
      }
    }
  }
}

TEST_CASE("winograd adds to its own output") {
  const Case c({2, 16, 32, 6, 7, 1, 1, 4});
  const std::vector<float> data = c.to_blocks(c.data, 16), want = forward(c, false, {false, 2, false});
  std::vector<float> y = c.to_blocks(c.summand, 32);
  run_kernel(make_winograd_forward(c.s, false, {false, 2, false}), {data.data(), c.weight.data(), y.data()},
             {y.data()});
  CHECK(c.to_plain(y, 32) == want);
}

TEST_CASE("winograd kernels of every instruction set agree") {
  // One tile in the corner of an image, so that the window is cut, through every function.
  const int64_t lines = 16;
  for (int tile : {2, 4}) {
    const int64_t points = (tile + 2) * (tile + 2);
    const std::vector<float> image = random_values<float>(2 * 7 * 7 * 16, 1);
    const std::vector<float> filter = random_values<float>(16 * lines * 9, 2);
    const WinogradTiles tiles{7, 7, 1, 1, 7 / tile + 1, 7 / tile + 1, 2, 0, 3, 0, 2};
    auto results = [&](Isa isa) {
      const WinogradFns& f = kernels_for(isa).winograd[tile / 2 - 1];
      std::vector<float> all;
      auto keep = [&](const std::vector<float>& x) { all.insert(all.end(), x.begin(), x.end()); };
      std::vector<float> v(points * 2 * 3 * 16), w(v.size()), u(points * lines * 16), m(v.size());
      const WinogradPoints to_v{v.data(), 2 * 3 * 16, 3 * 16},
          to_u{u.data(), lines * 16, points * lines * 16};
      f.data(tiles, image.data(), to_v);
      keep(v);
      f.gradient(tiles, image.data(), {w.data(), 2 * 3 * 16, 3 * 16});
      keep(w);
      for (bool rotate : {false, true}) {
        f.filter(WinogradFilter{lines * 9, 9}, filter.data(), lines, rotate, to_u);
        keep(u);
        f.filter(WinogradFilter{9, 16 * 9}, filter.data(), lines, rotate, to_u);
        keep(u);
      }
      WinogradProduct p;
      p.a = to_v;
      p.b = {u.data(), lines * 16, 0};  // both output blocks have the same weights
      p.c = {m.data(), 2 * 3 * 16, 3 * 16};
      p.points = points;
      p.tiles = 3;
      p.in_blocks = 1;
      p.out_blocks = 2;
      kernels_for(isa).winograd_product.forward(p);
      keep(m);
      std::vector<float> y(image.size());
      f.result(tiles, p.c, filter.data(), image.data(), true, y.data());
      keep(y);
      p.b = {w.data(), 2 * 3 * 16, 3 * 16};
      std::vector<float> du(2 * u.size());
      p.c = {du.data(), lines * 16, points * lines * 16};
      kernels_for(isa).winograd_product.filter_gradient(p);
      keep(du);
      std::vector<float> dw(filter.size());
      f.filter_gradient(p.c, 2, p.c.block, lines, lines * 9, dw.data());
      keep(dw);
      return all;
    };
    const std::vector<float> want = results(Isa::kBaseline);
    for (Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
      if (!isa_supported(isa)) continue;
      INFO(std::string(isa_name(isa)) << " tile " << tile);
      check_close(results(isa), want, 1e-4);
    }
  }
}

TEST_CASE("winograd pays where tiles fit and weights are worth their transform") {
  for (WinogradPass pass :
       {WinogradPass::kForward, WinogradPass::kBackwardData, WinogradPass::kBackwardWeight}) {
    CHECK(choose_winograd_tile({8, 64, 64, 56, 56, 1, 1}, pass, false) == 4);
    CHECK(choose_winograd_tile({8, 256, 256, 14, 14, 1, 1}, pass, false) == 4);
    CHECK(choose_winograd_tile({8, 512, 512, 7, 7, 1, 1}, pass, false) == 4);
  }
  CHECK(choose_winograd_tile({1, 512, 512, 7, 7, 1, 1}, WinogradPass::kForward, true) == 2);
  CHECK(choose_winograd_tile({1, 512, 512, 7, 7, 1, 1}, WinogradPass::kBackwardWeight, false) == 2);
  CHECK(choose_winograd_tile({1, 512, 512, 2, 2, 1, 1}, WinogradPass::kForward, false) == 0);
  CHECK(choose_winograd_tile({8, 3, 64, 56, 56, 1, 1}, WinogradPass::kForward, true) == 0);
}

TEST_CASE("winograd refuses what it cannot compute") {
  CHECK(takes_winograd({1, 16, 16, 4, 4, 1, 1, 4}));
  CHECK_FALSE(takes_winograd({1, 17, 16, 4, 4, 1, 1, 4}));
  CHECK_FALSE(takes_winograd({1, 16, 16, 4, 4, 3, 1, 4}));
  CHECK_FALSE(takes_winograd({1, 16, 16, 2, 4, 0, 0, 4}));
  CHECK_THROWS_WITH_AS(make_winograd_forward({1, 16, 16, 4, 4, 1, 1, 3}, false, {}),
                       doctest::Contains("tile 3, expected"), Error);
}
