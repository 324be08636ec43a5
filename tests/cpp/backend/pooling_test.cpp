// Pooling in layouts with channels inside against row-major, which the recorded results of MXNet check.
#include "backend/cpu/pooling.h"

#include "backend/layouts.h"

using namespace symbind;

namespace {

PoolingSpec make_spec(PoolKind kind, int64_t h, int64_t w, int64_t kernel, int64_t stride, int64_t pad,
                      bool full) {
  PoolingSpec spec;
  PoolArgs& a = spec.args;
  a.kind = kind;
  const int64_t in[3] = {1, h, w};
  for (int i = 0; i < 3; ++i) {
    a.in[i] = in[i];
    a.kernel[i] = i == 0 ? 1 : kernel;
    a.stride[i] = i == 0 ? 1 : stride;
    a.pad[i] = i == 0 ? 0 : pad;
    const int64_t room = a.in[i] + 2 * a.pad[i] - a.kernel[i];
    a.out[i] = (full ? (room + a.stride[i] - 1) / a.stride[i] : room / a.stride[i]) + 1;
  }
  return spec;
}

void check_layout(const PoolingSpec& spec, const TensorDesc& data) {
  const TensorDesc plain = row_major(data);
  TensorDesc plain_out{
      {data.shape[0], data.shape[1], spec.args.out[1], spec.args.out[2]}, DType::kFloat32, nullptr};
  TensorDesc out = plain_out;
  out.layout = layout_like(data, out.shape);
  REQUIRE(pooling_takes_layout(spec, data));
  REQUIRE(pooling_takes_layout(spec, out));
  // Small whole numbers: many ties.
  auto x = random_values<float>(data.shape.size(), 1, 0, 4);
  for (float& v : x) v = std::floor(v) + 1;
  const auto dy = random_values<float>(out.shape.size(), 2);

  auto run = [&](const TensorDesc& in_desc, const TensorDesc& out_desc) {
    const auto px = moved(x, plain, in_desc), pdy = moved(dy, plain_out, out_desc);
    std::vector<float> y(out_desc.bytes() / 4), dx(in_desc.bytes() / 4, 7.f);
    run_kernel(make_pooling_forward(spec, in_desc), {px.data()}, {y.data()});
    run_kernel(make_pooling_backward(spec, in_desc), {pdy.data(), px.data(), y.data()}, {dx.data()});
    return std::make_pair(moved(y, out_desc, plain_out), moved(dx, in_desc, plain));
  };
  const auto got = run(data, out), want = run(plain, plain_out);
  check_close(got.first, want.first, 1e-6);
  check_close(got.second, want.second, 1e-5);
}

}  // namespace

TEST_CASE("pooling gives the same result in every layout") {
  const TensorDesc tensors[] = {chosen_layout(3, 32, 9, 8, 16), chosen_layout(3, 20, 9, 8, 1),
                                chosen_layout(3, 50, 9, 8, 21), chosen_layout(1, 17, 9, 8, 21),
                                chosen_layout(1, 70, 9, 8, 16)};
  for (const TensorDesc& data : tensors) {
    for (PoolKind kind : {PoolKind::kMax, PoolKind::kAvg, PoolKind::kSum, PoolKind::kLp}) {
      check_layout(make_spec(kind, 9, 8, 2, 2, 0, false), data);
      check_layout(make_spec(kind, 9, 8, 3, 2, 1, true), data);
      check_layout(make_spec(kind, 9, 8, 3, 1, 1, false), data);
    }
  }
}

TEST_CASE("the first of equal elements takes the gradient of a maximum") {
  const TensorDesc data{{1, 1, 2, 2}, DType::kFloat32, nullptr};
  const PoolingSpec spec = make_spec(PoolKind::kMax, 2, 2, 2, 1, 0, false);
  const std::vector<float> x{1, 3, 3, 3}, dy{5};
  std::vector<float> y(1), dx(4);
  run_kernel(make_pooling_forward(spec, data), {x.data()}, {y.data()});
  run_kernel(make_pooling_backward(spec, data), {dy.data(), x.data(), y.data()}, {dx.data()});
  check_close(dx, {0, 5, 0, 0}, 0);
}
