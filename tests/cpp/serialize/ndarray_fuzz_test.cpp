// Damaged files of arrays: whatever the bytes, loading ends in arrays that can be read or in an Error with a
// place.
#include <doctest/doctest.h>

#include <random>

#include "serialize/record_builder.h"

using namespace symbind;

namespace {

// Every kind of record, with names.
std::string sample_file() {
  const std::vector<float> data = {1, 2, 3, 4};
  std::vector<Bytes> records;
  records.push_back(
      Bytes().put<uint32_t>(2).put<uint32_t>(2).put<uint32_t>(2).cpu().put<int32_t>(kF32).all(data));
  records.push_back(dense(kV1, {4}, kF32).all(data));
  records.push_back(dense(kV2, {2, 2}, kF32).all(data));
  records.push_back(dense(kV3, {}, kI64).put<int64_t>(3));
  records.push_back(Bytes().put(kV2).put<int32_t>(0).put<int32_t>(0));
  records.push_back(dense(kV2, {3}, kBool).raw(std::string_view("\0\1\1", 3)));
  records.push_back(dense(kV2, {2}, kBf16).put<uint16_t>(1).put<uint16_t>(2));
  records.push_back(dense(kV2, {1}, kU64).put<uint64_t>(1));
  records.push_back(row_sparse(4, {0, 2}));
  records.push_back(csr(2, 3, {0, 2, 3}, {0, 2, 1}));
  std::vector<std::string> names;
  for (size_t i = 0; i < records.size(); ++i) names.push_back("arg:weight" + std::to_string(i));
  return array_list(records, names);
}

// Loads and, where that works, reads every byte of every array, so that a sanitizer sees wrong sizes.
// Returns whether it loaded.
bool try_load(const std::string& file) {
  std::vector<std::string> warnings;
  try {
    const NamedArrays loaded = load_ndarray_buffer(file, "fuzz", {&warnings});
    size_t sum = 0;
    for (const NDArray& array : loaded.arrays) {
      const SparsePtr sparse = sparse_of(array);
      if (sparse) check_format(*sparse, false);
      const NDArray& a = sparse ? sparse->values : array;
      for (size_t i = 0; i < a.bytes(); ++i) sum += a.data_as<uint8_t>()[i];
    }
    CHECK(sum < SIZE_MAX);
    CHECK((loaded.names.empty() || loaded.names.size() == loaded.arrays.size()));
    return true;
  } catch (const Error& e) {
    const std::string text = e.what();
    CHECK_MESSAGE(text.compare(0, 7, "[load] ") == 0, text);
    CHECK_MESSAGE(text.find(" byte ") != std::string::npos, text);
    CHECK_MESSAGE(text.find("out of memory") == std::string::npos, text);
    return false;
  }
}

}  // namespace

TEST_CASE("a file of arrays that ends at any byte is refused") {
  const std::string file = sample_file();
  REQUIRE(try_load(file));
  for (size_t n = 0; n < file.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(try_load(file.substr(0, n)));
  }
}

TEST_CASE("any single bit may flip in a file of arrays") {
  const std::string file = sample_file();
  for (size_t i = 0; i < file.size() * 8; ++i) {
    CAPTURE(i);
    std::string damaged = file;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    try_load(damaged);
  }
}

TEST_CASE("any word of a file of arrays may be an extreme one") {
  const std::string file = sample_file();
  const int64_t extremes[] = {
      -1, 0, 1, 255, INT32_MAX, INT32_MIN, int64_t{1} << 32, int64_t{1} << 60, INT64_MAX, INT64_MIN};
  for (size_t at = 0; at + 8 <= file.size(); ++at) {
    for (int64_t value : extremes) {
      for (size_t width : {size_t{4}, size_t{8}}) {
        CAPTURE(at);
        CAPTURE(value);
        std::string damaged = file;
        std::memcpy(&damaged[at], &value, width);
        try_load(damaged);
      }
    }
  }
}

TEST_CASE("files of arrays with random cuts, copies and bytes") {
  const std::string file = sample_file();
  std::mt19937 random(1234);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (int round = 0; round < 20000; ++round) {
    CAPTURE(round);
    std::string damaged = file;
    for (size_t edits = 1 + below(3); edits > 0 && damaged.size() > 16; --edits) {
      const size_t at = below(damaged.size());
      const size_t length = below(16);
      switch (below(3)) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, length);
          break;
        default:
          damaged.insert(at, file.substr(below(file.size()), length));
      }
    }
    try_load(damaged);
  }
}
