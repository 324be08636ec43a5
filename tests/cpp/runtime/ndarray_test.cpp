// Arrays, views, conversions, random streams.
#include "runtime/ndarray.h"

#include <doctest/doctest.h>

#include <cmath>

#include "runtime/random.h"

using namespace symbind;

TEST_CASE("views share memory and check their bounds") {
  const NDArray a = make_zeros({4, 3}, DType::kFloat32);
  const NDArray row = slice_view(a, 1, 2);
  row.data_as<float>()[2] = 7;
  CHECK(a.data_as<float>()[5] == 7);
  CHECK(reshape_view(a, {12}).data_as<float>()[5] == 7);
  CHECK_THROWS_AS(reshape_view(a, {5}), Error);
  CHECK_THROWS_AS(slice_view(a, 3, 5), Error);
}

TEST_CASE("conversion follows NumPy for values in range and is defined elsewhere") {
  const float from[] = {-1.5f, 0.0f, 3.9f, NAN, 1e30f};
  int32_t ints[5];
  convert_elements(from, DType::kFloat32, ints, DType::kInt32, 5);
  CHECK(ints[0] == -1);
  CHECK(ints[2] == 3);
  bool bools[5];
  convert_elements(from, DType::kFloat32, bools, DType::kBool, 5);
  CHECK(bools[0]);
  CHECK_FALSE(bools[1]);
}

TEST_CASE("a GPU is refused with the remedy") {
  CHECK_THROWS_WITH_AS(make_ndarray({1}, DType::kFloat32, {DeviceType::kGPU, 0}),
                       doctest::Contains("mx.cpu()"), Error);
}

TEST_CASE("Philox gives the published numbers") {
  // Known answers of the reference implementation for zero counter and key, and for all ones.
  const Philox4x32 zero = philox(0, 0, 0);
  CHECK(zero.v[0] == 0x6627e8d5u);
  CHECK(zero.v[1] == 0xe169c58du);
  CHECK(zero.v[2] == 0xbc57ac4cu);
  CHECK(zero.v[3] == 0x9b00dbd8u);
  const Philox4x32 ones = philox(~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0});
  CHECK(ones.v[0] == 0x408f276du);
  CHECK(ones.v[1] == 0x41c83b0eu);
  CHECK(ones.v[2] == 0xa20bc7c6u);
  CHECK(ones.v[3] == 0x6d5451fdu);
}
