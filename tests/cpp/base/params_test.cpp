// Attribute parsing: the spellings that real files contain.
#include "base/params.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/half.h"

using namespace symbind;

namespace {

struct Sample {
  int64_t count;
  bool flag;
  double rate;
  Tuple kernel;
  OptTuple range;
  std::optional<int64_t> axis;
  Choice mode;
  template <class V>
  void visit(V& v) {
    v("count", count, required, "");
    v("flag", flag, false, "");
    v("rate", rate, 0.5, "");
    v("kernel", kernel, Tuple{}, "");
    v("range", range, OptTuple{}, "");
    v("axis", axis, std::optional<int64_t>(), "");
    v.choice("mode", mode, {"max", "avg"}, 0, "");
  }
};

Sample parse(const AttrMap& attrs) {
  return *static_cast<const Sample*>(params_spec<Sample>().parse("op", attrs).get());
}

}  // namespace

TEST_CASE("values are read in every spelling of MXNet's files") {
  const Sample s = parse({{"count", "3L"},
                          {"flag", "1"},
                          {"rate", "-1e+18"},
                          {"kernel", "[1L, 2]"},
                          {"range", "(None, 160)"},
                          {"axis", "None"},
                          {"mode", "avg"}});
  CHECK(s.count == 3);
  CHECK(s.flag);
  CHECK(s.rate == -1e18);
  CHECK(s.kernel == Tuple{1, 2});
  CHECK_FALSE(s.range[0].has_value());
  CHECK(*s.range[1] == 160);
  CHECK_FALSE(s.axis.has_value());
  CHECK(s.mode.value == 1);
  CHECK(parse({{"count", "2"}, {"kernel", "7"}}).kernel == Tuple{7});
  CHECK(parse({{"count", "2"}, {"kernel", "()"}}).kernel.empty());
}

TEST_CASE("errors name the operator, the attribute, what was got and what was expected") {
  CHECK_THROWS_WITH_AS(parse({}), doctest::Contains("'count' is missing"), Error);
  CHECK_THROWS_WITH_AS(parse({{"count", "x"}}), doctest::Contains("got 'x', expected an integer"), Error);
  CHECK_THROWS_WITH_AS(parse({{"count", "1"}, {"mode", "min"}}), doctest::Contains("'max', 'avg'"), Error);
  CHECK_THROWS_WITH_AS(parse({{"count", "1"}, {"knt", "1"}}), doctest::Contains("unknown attribute 'knt'"),
                       Error);
  CHECK_THROWS_AS(parse({{"count", "1"}, {"kernel", "(1, 2"}}), Error);
  CHECK_THROWS_AS(parse({{"count", "1"}, {"kernel", "(1,,2)"}}), Error);
}

TEST_CASE("half precision rounds to nearest even and keeps infinities and NaN") {
  CHECK(half_to_float(half_from_float(1.0f)) == 1.0f);
  CHECK(half_to_float(half_from_float(65504.0f)) == 65504.0f);
  CHECK(std::isinf(half_to_float(half_from_float(65520.0f))));
  CHECK(half_to_float(half_from_float(6e-8f)) == doctest::Approx(5.9604645e-8f));
  CHECK(std::isnan(half_to_float(half_from_float(NAN))));
  CHECK(half_from_float(2049.0f) == half_from_float(2048.0f));
  for (uint32_t bits = 0; bits < 0x7c00u; ++bits) {
    REQUIRE(half_from_float(half_to_float(static_cast<uint16_t>(bits))) == bits);
  }
}

TEST_CASE("sizes that overflow are refused") {
  CHECK_THROWS_AS(checked_bytes({int64_t{1} << 40, int64_t{1} << 40}, 4), Error);
  CHECK(checked_bytes({0, int64_t{1} << 60}, 4) == 0);
}
