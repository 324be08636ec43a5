// The C++ interface: files in, probabilities out.
#include "symbind/predictor.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>

#include "graph/json_write.h"
#include "serialize/ndarray_file.h"
#include "test_graphs.h"

using namespace symbind;

namespace {

struct Checkpoint {
  std::string symbol = "predictor_test-symbol.json", params = "predictor_test-0000.params";
  Checkpoint() {
    std::ofstream(symbol) << symbol_to_json(classifier());
    std::vector<NDArray> arrays;
    const std::vector<std::string> names{"arg:fc1_weight", "arg:fc1_bias", "arg:fc2_weight", "arg:fc2_bias"};
    for (const Shape& s : {Shape{8, 5}, Shape{8}, Shape{3, 8}, Shape{3}})
      arrays.push_back(make_zeros(s, DType::kFloat32));
    save_ndarray_file(params, arrays, names);
  }
  ~Checkpoint() {
    std::remove(symbol.c_str());
    std::remove(params.c_str());
  }
};

}  // namespace

TEST_CASE("a checkpoint predicts without Python") {
  const Checkpoint files;
  Predictor predictor(files.symbol, files.params, {{"data", {2, 5}}});
  const std::vector<float> pixels(10, 1.0f);
  predictor.set_input("data", pixels.data(), pixels.size());
  predictor.forward();
  REQUIRE(predictor.num_outputs() == 1);
  CHECK(predictor.output_shape(0) == std::vector<int64_t>{2, 3});
  CHECK(predictor.output(0)[4] == doctest::Approx(1.0 / 3));
}

TEST_CASE("what does not fit is named") {
  const Checkpoint files;
  CHECK_THROWS_WITH_AS(Predictor(files.symbol, files.params, {{"dta", {2, 5}}}), doctest::Contains("dta"),
                       Error);
  CHECK_THROWS_WITH_AS(Predictor("absent.json", files.params, {{"data", {2, 5}}}),
                       doctest::Contains("absent.json"), Error);
  CHECK_THROWS_AS(Predictor(files.symbol, files.params, {{"data", {2, 6}}}), Error);
  Predictor predictor(files.symbol, files.params, {{"data", {2, 5}}});
  const float value = 0;
  CHECK_THROWS_WITH_AS(predictor.set_input("data", &value, 1), doctest::Contains("expected 10"), Error);
  CHECK_THROWS_AS(predictor.output(1), Error);
}
