// Optimizer steps: all tensors at once must equal one tensor at a time, on any number of threads.
#include "backend/cpu/multi_update.h"

#include "test_kernels.h"

using namespace symbind;

namespace {

NDArray array_of(int64_t n, unsigned seed, double low, double high, DType type = DType::kFloat32) {
  const NDArray a = make_ndarray(Shape{n}, DType::kFloat32);
  const std::vector<float> values = random_values<float>(n, seed, low, high);
  std::copy(values.begin(), values.end(), a.data_as<float>());
  if (type == DType::kFloat32) return a;
  const NDArray b = make_ndarray(Shape{n}, type);
  copy_ndarray(a, b);
  return b;
}

std::vector<float> values_of(const NDArray& a) {
  const NDArray f = make_ndarray(a.shape, DType::kFloat32);
  copy_ndarray(a, f);
  return {f.data_as<float>(), f.data_as<float>() + f.size()};
}

struct KindCase {
  const char* kind;
  std::vector<double> hyper;
};
const KindCase kCases[] = {{"sgd", {0.5, -1}},
                           {"sgd_mom", {0.5, 0.3, 0.9}},
                           {"nag", {0.5, 0.3, 0.9}},
                           {"adam", {0.5, 0.3, 0.9, 0.999, 1e-8}},
                           {"rmsprop", {0.5, -1, 0.9, 1e-8, 0.8}},
                           {"rmspropalex", {0.5, -1, 0.9, 0.8, 1e-2, -1}},
                           {"adagrad", {0.5, 0.3, 1e-7}}};
const int64_t kLengths[] = {1, 17, 40000, 0, 3, 70001};

struct Model {
  std::vector<NDArray> weights, grads;
  std::vector<std::vector<NDArray>> states;
  std::vector<float> lrs, wds;
};

Model make_model(Update kind, DType type) {
  Model m;
  unsigned seed = 1;
  for (int64_t n : kLengths) {
    m.weights.push_back(array_of(n, seed++, -1, 1, type));
    m.grads.push_back(array_of(n, seed++, -1, 1, type));
    m.states.emplace_back();
    // Mean squares must not be below the square of the mean.
    const bool alex = kind == Update::kRmsPropAlex;
    for (int k = 0; k < num_update_states(kind); ++k) {
      m.states.back().push_back(array_of(n, seed++, alex && k == 0 ? 1 : 0, alex && k == 0 ? 2 : 0.5, type));
    }
    m.lrs.push_back(0.01f * static_cast<float>(seed));
    m.wds.push_back(0.1f);
  }
  return m;
}

}  // namespace

TEST_CASE("multi_update equals single steps, whatever the split") {
  for (const KindCase& c : kCases) {
    const Update kind = update_kind(c.kind);
    const Model together = make_model(kind, DType::kFloat32), alone = make_model(kind, DType::kFloat32);
    multi_update(c.kind, together.weights, together.grads, together.states, together.lrs, together.wds,
                 c.hyper);
    for (size_t i = 0; i < alone.weights.size(); ++i) {
      multi_update(c.kind, {&alone.weights[i], 1}, {&alone.grads[i], 1}, {alone.states[i]},
                   {&alone.lrs[i], 1}, {&alone.wds[i], 1}, c.hyper);
      INFO(std::string(c.kind) << " tensor " << i);
      // Vector bodies and tails may contract multiply-adds differently.
      check_close(values_of(together.weights[i]), values_of(alone.weights[i]), 1e-6);
      for (size_t k = 0; k < alone.states[i].size(); ++k) {
        check_close(values_of(together.states[i][k]), values_of(alone.states[i][k]), 1e-6);
      }
    }
  }
}

TEST_CASE("float16 follows float32 within its rounding, and mixed precision exactly") {
  for (const KindCase& c : kCases) {
    const Update kind = update_kind(c.kind);
    Model half = make_model(kind, DType::kFloat16), single = make_model(kind, DType::kFloat32);
    Model mixed = make_model(kind, DType::kFloat16);
    const Model copies = make_model(kind, DType::kFloat32);
    for (size_t i = 0; i < mixed.weights.size(); ++i) {
      copy_ndarray(half.grads[i], single.grads[i]);
      mixed.states[i] = copies.states[i];
      mixed.states[i].push_back(copies.weights[i]);
    }
    multi_update(c.kind, half.weights, half.grads, half.states, half.lrs, half.wds, c.hyper);
    multi_update(c.kind, single.weights, single.grads, single.states, single.lrs, single.wds, c.hyper);
    multi_update(concat("mp_", c.kind), mixed.weights, mixed.grads, mixed.states, mixed.lrs, mixed.wds,
                 c.hyper);
    for (size_t i = 0; i < half.weights.size(); ++i) {
      INFO(std::string(c.kind) << " tensor " << i);
      check_close(values_of(half.weights[i]), values_of(single.weights[i]), 5e-3);
      check_close(values_of(mixed.states[i].back()), values_of(single.weights[i]), 1e-6);
    }
  }
}

TEST_CASE("multi_update refuses what does not fit before it writes anything") {
  const NDArray w = array_of(4, 1, -1, 1), g = array_of(4, 2, -1, 1), small = array_of(3, 3, -1, 1);
  const std::vector<float> before = values_of(w), one{0.1f};
  const std::vector<NDArray> weights{w}, grads{g}, wrong{small};
  const std::vector<double> hyper{1, -1}, momentum{1, -1, 0.9};
  CHECK_THROWS_WITH(multi_update("sgdd", weights, grads, {{}}, one, one, hyper),
                    "[multi_update] kind: got 'sgdd', expected one of sgd, sgd_mom, nag, adam, rmsprop, "
                    "rmspropalex, adagrad");
  CHECK_THROWS_WITH(multi_update("sgd", weights, wrong, {{}}, one, one, hyper),
                    "[multi_update] gradient of parameter 0: got shape (3,), expected (4,)");
  CHECK_THROWS_WITH(multi_update("sgd_mom", weights, grads, {{}}, one, one, momentum),
                    "[multi_update] parameter 0: got 0 states, expected 1");
  CHECK_THROWS_WITH(multi_update("sgd", weights, grads, {{}}, one, one, momentum),
                    "[multi_update] hyper: got 3 numbers, expected 2 for sgd");
  CHECK_THROWS(multi_update("mp_sgd", weights, grads, {{w}}, one, one, hyper));
  check_close(values_of(w), before, 0);
}
