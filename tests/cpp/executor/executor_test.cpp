// From Symbol to results: programs, gradients, sharing, and graphs of any length.
#include "executor/executor.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "executor/invoke.h"
#include "graph/registry.h"
#include "test_graphs.h"

using namespace symbind;

namespace {

NDArray filled(const Shape& shape, std::vector<float> values) {
  NDArray a = make_ndarray(shape, DType::kFloat32);
  for (int64_t i = 0; i < a.size(); ++i)
    a.data_as<float>()[i] = values[static_cast<size_t>(i) % values.size()];
  return a;
}

BindRequest bind_classifier(bool with_gradients) {
  BindRequest request;
  request.symbol = classifier();
  const Shape shapes[] = {{4, 5}, {8, 5}, {8}, {3, 8}, {3}, {4}};
  for (const Shape& s : shapes) {
    request.args.push_back(filled(s, {0.1f, -0.2f, 0.3f, 0.05f, -0.4f, 0.7f, 0.2f}));
    request.grads.push_back(with_gradients ? make_zeros(s, DType::kFloat32) : NDArray{});
    request.grad_reqs.push_back(with_gradients ? GradReq::kWrite : GradReq::kNull);
  }
  request.args.back() = filled({4}, {0, 1, 2, 1});
  return request;
}

double sum_abs(const NDArray& a) {
  double sum = 0;
  for (int64_t i = 0; i < a.size(); ++i) sum += std::fabs(a.data_as<float>()[i]);
  return sum;
}

}  // namespace

TEST_CASE("predictions are probabilities, in training and in prediction") {
  Executor executor(bind_classifier(true));
  for (bool train : {false, true}) {
    executor.forward(train);
    const float* p = executor.outputs()[0].data_as<float>();
    for (int row = 0; row < 4; ++row)
      CHECK(p[row * 3] + p[row * 3 + 1] + p[row * 3 + 2] == doctest::Approx(1));
  }
}

TEST_CASE("grad_req write replaces and add accumulates") {
  BindRequest request = bind_classifier(true);
  const NDArray weight_grad = request.grads[1];
  Executor writes(request);
  writes.forward(true);
  writes.backward({});
  const double once = sum_abs(weight_grad);
  REQUIRE(once > 0);
  writes.backward({});
  CHECK(sum_abs(weight_grad) == doctest::Approx(once));
  request.grad_reqs[1] = GradReq::kAdd;
  Executor adds(request);
  adds.forward(true);
  adds.backward({});
  CHECK(sum_abs(weight_grad) == doctest::Approx(2 * once));
}

TEST_CASE("backward asks for a training forward pass of its own") {
  Executor executor(bind_classifier(true));
  CHECK_THROWS_AS(executor.backward({}), Error);
  executor.forward(false);
  CHECK_THROWS_AS(executor.backward({}), Error);
  BindRequest sharing = bind_classifier(true);
  sharing.arena = executor.arena();
  Executor other(sharing);
  executor.forward(true);
  other.forward(true);
  CHECK_THROWS_WITH_AS(executor.backward({}), doctest::Contains("shares"), Error);
  other.backward({});
}

TEST_CASE("a monitor sees every operator output, by its name") {
  Executor executor(bind_classifier(true));
  std::vector<std::string> names;
  executor.set_monitor([&](const std::string& name, const NDArray&) { names.push_back(name); }, false);
  executor.forward(true);
  CHECK(names == std::vector<std::string>{"fc1_output", "relu1_output", "fc2_output", "softmax_output"});
}

TEST_CASE("each optional pass can be switched off without changing results") {
  BindRequest request = bind_classifier(true);
  Executor reference(request);
  reference.forward(true);
  reference.backward({});
  const double expected = sum_abs(request.grads[1]);
  for (const char* pass : {"SYMBIND_SIMPLIFY", "SYMBIND_FUSE", "SYMBIND_LAYOUT", "SYMBIND_PLAN_MEMORY"}) {
    CAPTURE(pass);
    setenv(pass, "0", 1);
    Executor plain(request);
    plain.forward(true);
    plain.backward({});
    unsetenv(pass);
    CHECK(sum_abs(request.grads[1]) == doctest::Approx(expected).epsilon(1e-6));
  }
}

TEST_CASE("wrong arrays are refused before anything is compiled") {
  BindRequest request = bind_classifier(false);
  request.args[1] = make_zeros({8, 6}, DType::kFloat32);
  CHECK_THROWS_WITH_AS(Executor{request}, doctest::Contains("fc1"), Error);
  request.args.pop_back();
  CHECK_THROWS_AS(Executor{request}, Error);
}

TEST_CASE("a chain of a million nodes binds, runs and is freed") {
  register_all_ops();
  Symbol x = variable("data");
  for (int i = 0; i < 1000000; ++i) x = make_op("tanh", "t", {}, {{x}, {}});
  BindRequest request;
  request.symbol = std::move(x);
  request.args = {filled({1}, {0.5f})};
  request.grads = {make_zeros({1}, DType::kFloat32)};
  request.grad_reqs = {GradReq::kWrite};
  const NDArray gradient = request.grads[0];
  Executor executor(std::move(request));
  executor.forward(true);
  executor.backward({filled({1}, {1.0f})});
  CHECK(executor.outputs()[0].data_as<float>()[0] > 0);
  CHECK(gradient.data_as<float>()[0] >= 0);
}

TEST_CASE("invoke runs one operator, into given arrays too") {
  register_all_ops();
  const NDArray a = filled({2, 2}, {1, 2, 3, 4});
  const NDArray sum = invoke(find_op("elemwise_add"), {a, a}, {}, {}, false)[0];
  CHECK(sum.data_as<float>()[3] == 8);
  const NDArray out = make_zeros({2, 2}, DType::kFloat32);
  invoke(find_op("transpose"), {a}, {}, {out}, false);
  CHECK(out.data_as<float>()[1] == 3);
  invoke(find_op("transpose"), {a}, {}, {a}, false);  // the output is the input
  CHECK(a.data_as<float>()[1] == 3);
  CHECK_THROWS_AS(invoke(find_op("elemwise_add"), {a}, {}, {}, false), Error);
}
