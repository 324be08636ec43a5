// Times oneDNN primitives alone. Reads lines from standard input and answers each with the milliseconds of
// the lower quartile:
//   conv DIRECTION N C H W O KH KW SH SW PH PW     DIRECTION: forward, data or weight
//   matmul M N K TRANS_A TRANS_B
//   bandwidth                                       GB/s of reading two arrays and writing one
// Convolutions are tried in blocks of 16 channels, channels last, and as the primitive likes best: the best
// counts.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <dnnl.hpp>
#include <iostream>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;
constexpr auto kFloat = memory::data_type::f32;

dnnl::engine& engine() {
  static dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}

template <class F>
double lower_quartile_ms(F&& run) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 2; ++i) run();
  std::vector<double> times;
  double total = 0;
  while ((total < 100 || times.size() < 5) && times.size() < 300) {
    const auto start = Clock::now();
    run();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 4];
}

struct Run {
  dnnl::primitive primitive;
  Arguments arguments;
  std::vector<std::vector<float>> buffers;

  void give(int id, const memory::desc& desc) {
    buffers.emplace_back(desc.get_size() / sizeof(float) + 16, 0.01f);
    arguments[id] = memory(desc, engine(), buffers.back().data());
  }
  double time() {
    dnnl::stream stream(engine());
    return lower_quartile_ms([&] {
      primitive.execute(stream, arguments);
      stream.wait();
    });
  }
};

dnnl::primitive_attr scratch_given() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

double time_conv(const std::string& direction, const std::vector<int64_t>& v, Tag tag) {
  const int64_t oh = (v[2] + 2 * v[9] - v[5]) / v[7] + 1, ow = (v[3] + 2 * v[10] - v[6]) / v[8] + 1;
  const memory::dims data{v[0], v[1], v[2], v[3]}, weight{v[4], v[1], v[5], v[6]}, out{v[0], v[4], oh, ow};
  const memory::dims stride{v[7], v[8]}, pad{v[9], v[10]};
  const Tag data_tag = v[1] < 16 && tag == Tag::nChw16c ? Tag::nchw : tag;
  const memory::desc x(data, kFloat, data_tag), w(weight, kFloat, Tag::any), y(out, kFloat, tag);
  const auto direct = dnnl::algorithm::convolution_direct;
  const dnnl::convolution_forward::primitive_desc forward(engine(), dnnl::prop_kind::forward_training, direct,
                                                          x, w, y, stride, pad, pad, scratch_given());
  Run run;
  if (direction == "forward") {
    run.primitive = dnnl::convolution_forward(forward);
    run.give(DNNL_ARG_SRC, forward.src_desc());
    run.give(DNNL_ARG_WEIGHTS, forward.weights_desc());
    run.give(DNNL_ARG_DST, forward.dst_desc());
    run.give(DNNL_ARG_SCRATCHPAD, forward.scratchpad_desc());
  } else if (direction == "data") {
    const dnnl::convolution_backward_data::primitive_desc back(engine(), direct, x, w, y, stride, pad, pad,
                                                               forward, scratch_given());
    run.primitive = dnnl::convolution_backward_data(back);
    run.give(DNNL_ARG_DIFF_SRC, back.diff_src_desc());
    run.give(DNNL_ARG_WEIGHTS, back.weights_desc());
    run.give(DNNL_ARG_DIFF_DST, back.diff_dst_desc());
    run.give(DNNL_ARG_SCRATCHPAD, back.scratchpad_desc());
  } else {
    const dnnl::convolution_backward_weights::primitive_desc back(engine(), direct, x, w, y, stride, pad, pad,
                                                                  forward, scratch_given());
    run.primitive = dnnl::convolution_backward_weights(back);
    run.give(DNNL_ARG_SRC, back.src_desc());
    run.give(DNNL_ARG_DIFF_WEIGHTS, back.diff_weights_desc());
    run.give(DNNL_ARG_DIFF_DST, back.diff_dst_desc());
    run.give(DNNL_ARG_SCRATCHPAD, back.scratchpad_desc());
  }
  return run.time();
}

double time_matmul(const std::vector<int64_t>& v) {
  const int64_t m = v[0], n = v[1], k = v[2];
  const memory::desc a({m, k}, kFloat, v[3] ? Tag::ba : Tag::ab), b({k, n}, kFloat, v[4] ? Tag::ba : Tag::ab),
      c({m, n}, kFloat, Tag::ab);
  const dnnl::matmul::primitive_desc desc(engine(), a, b, c, scratch_given());
  Run run;
  run.primitive = dnnl::matmul(desc);
  run.give(DNNL_ARG_SRC, a);
  run.give(DNNL_ARG_WEIGHTS, b);
  run.give(DNNL_ARG_DST, c);
  run.give(DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc());
  return run.time();
}

double gigabytes_per_second() {
  const int64_t n = int64_t{1} << 25;
  std::vector<float> a(n, 1.f), b(n, 2.f), c(n, 0.f);
  const double ms = lower_quartile_ms([&] {
#pragma omp parallel for
    for (int64_t i = 0; i < n; ++i) c[i] = a[i] + 3.f * b[i];
  });
  return 12e-6 * static_cast<double>(n) / ms;
}

double answer(const std::string& line) {
  std::istringstream in(line);
  std::string what, direction;
  in >> what;
  if (what == "conv") in >> direction;
  std::vector<int64_t> numbers;
  for (int64_t v; in >> v;) numbers.push_back(v);
  if (what == "bandwidth") return gigabytes_per_second();
  if (what == "matmul" && numbers.size() == 5) return time_matmul(numbers);
  if (what != "conv" || numbers.size() != 11) throw std::invalid_argument("cannot read: " + line);
  double best = 1e30;
  for (const Tag tag : {Tag::any, Tag::nChw16c, Tag::nhwc})
    best = std::min(best, time_conv(direction, numbers, tag));
  return best;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
}
