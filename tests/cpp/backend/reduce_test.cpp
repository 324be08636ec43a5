// Broadcasting maps and reductions against index arithmetic written out.
#include <algorithm>

#include "backend/cpu/parallel.h"
#include "backend/cpu/reduce.h"
#include "test_kernels.h"

using namespace symbind;

namespace {

// The element of a tensor of shape `s` at the output index `index` of shape `out`.
int64_t broadcast_offset(const Shape& s, const Shape& out, int64_t index) {
  int64_t offset = 0, stride = 1;
  for (int d = out.ndim() - 1; d >= 0; --d) {
    const int64_t i = index % out[d];
    index /= out[d];
    const int k = d - (out.ndim() - s.ndim());
    if (k < 0) continue;
    offset += (s[k] == 1 ? 0 : i) * stride;
    stride *= s[k];
  }
  return offset;
}

const std::pair<Shape, Shape> kPairs[] = {
    {{2, 3, 4}, {2, 3, 4}},
    {{2, 3, 4}, {1, 3, 1}},
    {{5, 1}, {1, 7}},
    {{1, 1}, {3, 2}},
    {{4, 100}, {100}},
    {{64, 10}, {64, 1}},
    {{300, 3}, {3}},
    {{3, 40, 50}, {3, 1, 50}},
    {{1}, {1}},
    {{2, 1, 3, 1, 2}, {1, 5, 1, 4, 1}},
    {{70000}, {1}},
};

}  // namespace

TEST_CASE("broadcast kernels compute every element from the right operands") {
  for (const auto& [a, b] : kPairs) {
    const Shape out = broadcast_shapes(a, b, "test");
    const std::vector<float> x = random_values<float>(a.size(), 1), y = random_values<float>(b.size(), 2);
    std::vector<float> got(static_cast<size_t>(out.size())), want(got.size());
    for (int64_t i = 0; i < out.size(); ++i) {
      want[static_cast<size_t>(i)] = x[static_cast<size_t>(broadcast_offset(a, out, i))] -
                                     y[static_cast<size_t>(broadcast_offset(b, out, i))];
    }
    const ElementMap map(binary_row(Binary::kSub), DType::kFloat32, DType::kFloat32);
    run_kernel(broadcast_kernel(map, out, {a, b}, Cost::kCheap), {x.data(), y.data()}, {got.data()});
    INFO("shapes " << a.str() << " " << b.str());
    check_close(got, want, 0);
    // Any piece of the output on its own.
    const BroadcastMap pieces(map, out, {a, b});
    std::vector<float> piece(got.size());
    void* in[2] = {const_cast<float*>(x.data()), const_cast<float*>(y.data())};
    for (int64_t at = 0, step = 1; at < out.size(); at += step, step = step * 2 + 1) {
      pieces.run(in, at, std::min(at + step, out.size()), piece.data() + at);
    }
    check_close(piece, want, 0);
  }
}

TEST_CASE("shapes that do not broadcast are refused with both shapes") {
  CHECK_THROWS_WITH(broadcast_shapes({2, 3}, {2}, "broadcast_add"),
                    "[broadcast_add] shapes (2,3) and (2,) do not broadcast: axis 1 is 3 and 2");
}

TEST_CASE("reductions over every set of axes, with one thread and several, plain and of an expression") {
  const Shape shapes[] = {{4},        {2, 3, 4},    {5, 1, 6}, {3, 4, 2, 5}, {1000, 10},
                          {10, 1000}, {2, 700, 33}, {100000},  {7, 513}};
  for (const Shape& shape : shapes) {
    const std::vector<float> x = random_values<float>(shape.size(), 5, 0.9, 1.1);
    for (int mask = 0; mask < (1 << shape.ndim()); ++mask) {
      ReduceSpec spec;
      spec.in = shape;
      Shape kept = shape;
      for (int d = 0; d < shape.ndim(); ++d) {
        spec.axes.push_back((mask >> d & 1) != 0);
        if (spec.axes.back()) kept[d] = 1;
      }
      std::vector<double> sums(static_cast<size_t>(kept.size()), 0);
      std::vector<float> maxima(sums.size(), -1);
      for (int64_t i = 0; i < shape.size(); ++i) {
        const size_t at = static_cast<size_t>(broadcast_offset(kept, shape, i));
        sums[at] += x[static_cast<size_t>(i)];
        maxima[at] = std::max(maxima[at], x[static_cast<size_t>(i)]);
      }
      const std::vector<float> want(sums.begin(), sums.end());
      for (int threads : {1, 2, 3}) {
        INFO("shape " << shape.str() << " axes " << mask << " threads " << threads);
        spec.num_threads = threads;
        spec.op = Reduce::kSum;
        std::vector<float> got(want.size());
        run_kernel(reduce_kernel(spec), {x.data()}, {got.data()});
        check_close(got, want, 1e-7);
        spec.op = Reduce::kMax;
        run_kernel(reduce_kernel(spec), {x.data()}, {got.data()});
        check_close(got, maxima, 0);
        // sum(2 * x) without storing 2 * x
        spec.op = Reduce::kSum;
        spec.scale = 0.5;
        const float two = 2;
        const BroadcastMap doubled(ElementMap(binary_row(Binary::kMul), DType::kFloat32, DType::kFloat32),
                                   shape, {shape, Shape{1}});
        run_kernel(reduce_kernel(spec, doubled), {x.data(), &two}, {got.data()});
        check_close(got, want, 1e-7);
        spec.scale = 1;
      }
    }
  }
}

TEST_CASE("a sum of float32 is exact to the last place") {
  std::vector<float> x(1000001, 0.1f);
  x[0] = 1e6f;
  double want = 0;
  for (float v : x) want += v;
  ReduceSpec spec;
  spec.in = Shape{1000001};
  spec.axes = {true};
  spec.num_threads = 2;
  float got = 0;
  run_kernel(reduce_kernel(spec), {x.data()}, {&got});
  CHECK(got == static_cast<float>(want));
}

TEST_CASE("empty reductions give the neutral element") {
  ReduceSpec spec;
  spec.in = Shape{3, 0};
  spec.axes = {false, true};
  std::vector<float> got(3, -1);
  run_kernel(reduce_kernel(spec), {nullptr}, {got.data()});
  CHECK(got == std::vector<float>{0, 0, 0});
}

TEST_CASE("float16 and int8 are reduced in a wider type") {
  std::vector<Half> x(3000, Half(1.0f));
  ReduceSpec spec;
  spec.in = Shape{3000};
  spec.axes = {true};
  spec.dtype = DType::kFloat16;
  Half got;
  run_kernel(reduce_kernel(spec), {x.data()}, {&got});
  CHECK(float(got) == 3000.0f);  // accumulating in float16 would stop at 2048
  const std::vector<int8_t> y(200, 1);
  int8_t sum = 0;
  spec.in = Shape{200};
  spec.dtype = DType::kInt8;
  run_kernel(reduce_kernel(spec), {y.data()}, {&sum});
  CHECK(sum == static_cast<int8_t>(200));
}
