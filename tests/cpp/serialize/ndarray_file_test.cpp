// Every version of the array format, what comes back from it, and what is refused.
#include "serialize/ndarray_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "serialize/byte_source.h"
#include "serialize/record_builder.h"

using namespace symbind;

namespace {

NDArray first(const Bytes& record) { return load_ndarray_buffer(array_list({record}), "test").arrays.at(0); }

struct TemporaryFolder {
  std::string path;
  TemporaryFolder() {
    char name[] = "/tmp/symbind_test_XXXXXX";
    path = mkdtemp(name);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return path + "/" + name; }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("dense records of every version load") {
  const std::vector<float> data = {1, 2, 3, 4, 5, 6};
  Bytes legacy;
  legacy.put<uint32_t>(2).put<uint32_t>(2).put<uint32_t>(3).cpu().put<int32_t>(kF32).all(data);
  for (const Bytes& record : {legacy, dense(kV1, {2, 3}, kF32).all(data), dense(kV2, {2, 3}, kF32).all(data),
                              dense(kV3, {2, 3}, kF32).all(data)}) {
    const NDArray a = first(record);
    CHECK(a.shape == Shape{2, 3});
    CHECK(a.dtype == DType::kFloat32);
    CHECK(values<float>(a) == data);
  }
}

TEST_CASE("names come back in order") {
  const NamedArrays loaded = load_ndarray_buffer(
      array_list({dense(kV2, {1}, kF32).put(1.f), dense(kV2, {1}, kF32).put(2.f)}, {"arg:b", "arg:\xc3\xa9"}),
      "test");
  CHECK(loaded.names == std::vector<std::string>{"arg:b", "arg:\xc3\xa9"});
  CHECK(values<float>(loaded.arrays[1])[0] == 2);
}

TEST_CASE("a file of nothing is a list of no arrays") {
  CHECK(load_ndarray_buffer(array_list({}), "test").arrays.empty());
}

TEST_CASE("empty arrays, scalars, and records without an array") {
  CHECK(first(dense(kV2, {0, 3}, kF32)).shape == Shape{0, 3});
  const NDArray scalar = first(dense(kV3, {}, kF32).put(5.f));
  CHECK(scalar.shape.ndim() == 0);
  CHECK(values<float>(scalar) == std::vector<float>{5});

  // Each of these ends after its shape, so that the array behind it is found.
  const Bytes next = dense(kV2, {1}, kF32).put(7.f);
  const Bytes legacy = Bytes().put<uint32_t>(0), v1 = Bytes().put(kV1).put<int32_t>(0);
  const Bytes v2 = Bytes().put(kV2).put<int32_t>(0).put<int32_t>(0);
  const Bytes v3 = Bytes().put(kV3).put<int32_t>(0).put<int32_t>(-1);
  const Bytes v3_unknown = Bytes().put(kV3).put<int32_t>(0).shape({2, -1});
  for (const Bytes& none : {legacy, v1, v2, v3, v3_unknown}) {
    std::vector<std::string> warnings;
    const NamedArrays loaded = load_ndarray_buffer(array_list({none, next}), "test", {&warnings});
    CHECK(loaded.arrays.at(0).shape == Shape{0});
    CHECK(values<float>(loaded.arrays.at(1)) == std::vector<float>{7});
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0] ==
          "test, array 0 of 2: the record holds no array; loaded as an empty one of shape (0,)");
  }
}

TEST_CASE("any device is loaded to the CPU") {
  const Bytes gpu =
      Bytes().put(kV2).put<int32_t>(0).shape({1}).put<int32_t>(2).put<int32_t>(7).put<int32_t>(kF32);
  const NDArray a = first(Bytes(gpu).put(1.f));
  CHECK(a.context == Context{});
}

TEST_CASE("element types that arrays do not have are widened") {
  CHECK(values<int32_t>(first(dense(kV2, {2}, kI16).put<int16_t>(-5).put<int16_t>(7))) ==
        std::vector<int32_t>{-5, 7});
  CHECK(values<int32_t>(first(dense(kV2, {1}, kU16).put<uint16_t>(65535))) == std::vector<int32_t>{65535});
  CHECK(values<int64_t>(first(dense(kV2, {1}, kU32).put<uint32_t>(4000000000u))) ==
        std::vector<int64_t>{4000000000});
  CHECK(values<int64_t>(first(dense(kV2, {1}, kU64).put<uint64_t>(9))) == std::vector<int64_t>{9});
  CHECK(values<float>(first(dense(kV2, {2}, kBf16).put<uint16_t>(0x3f80).put<uint16_t>(0xc040))) ==
        std::vector<float>{1, -3});
  std::vector<std::string> warnings;
  load_ndarray_buffer(array_list({dense(kV2, {1}, kBf16).put<uint16_t>(0)}), "test", {&warnings});
  CHECK(warnings == std::vector<std::string>{"test, array 0 of 1: bfloat16 elements are loaded as float32"});
  CHECK(contains(load_error(array_list({dense(kV2, {1}, kU64).put<uint64_t>(1ull << 63)})),
                 "a uint64 element does not fit in int64: got 9223372036854775808"));
}

TEST_CASE("a bool is 0 or 1 whatever its byte") {
  const NDArray a = first(dense(kV2, {3}, kBool).put<uint8_t>(0).put<uint8_t>(1).put<uint8_t>(200));
  CHECK(values<uint8_t>(a) == std::vector<uint8_t>{0, 1, 1});
}

TEST_CASE("sparse arrays stay sparse") {
  CHECK(storage_of(first(row_sparse(4, {0, 2}))) == StorageType::kRowSparse);
  CHECK(storage_of(first(csr(2, 2, {0, 0, 0}, {}))) == StorageType::kCsr);
  CHECK(ndarray_to_bytes(first(row_sparse(4, {0, 2}))) == row_sparse(4, {0, 2}).text);
  CHECK(ndarray_to_bytes(first(csr(2, 3, {0, 2, 3}, {0, 2, 1}))) == csr(2, 3, {0, 2, 3}, {0, 2, 1}).text);
  CHECK(values<float>(first(row_sparse(4, {0, 2}))) == std::vector<float>{1, 2, 0, 0, 3, 4, 0, 0});
  CHECK(values<float>(first(row_sparse(3, {2, 0}))) == std::vector<float>{3, 4, 0, 0, 1, 2});
  CHECK(values<float>(first(row_sparse(2, {}))) == std::vector<float>(4, 0));
  CHECK(values<float>(first(csr(2, 3, {0, 2, 3}, {0, 2, 1}))) == std::vector<float>{1, 0, 2, 0, 3, 0});
  CHECK(values<float>(first(csr(2, 2, {0, 0, 0}, {}))) == std::vector<float>(4, 0));
}

TEST_CASE("sparse indices are checked") {
  const auto error = [](const Bytes& record) { return load_error(array_list({record})); };
  CHECK(contains(error(row_sparse(3, {0, 3})), "row number 1 out of range: got 3, expected 0 to 2"));
  CHECK(contains(error(row_sparse(3, {-1})), "row number 0 out of range: got -1, expected 0 to 2"));
  CHECK(contains(error(row_sparse(3, {2, 0, 2})), "row number 2 is stored twice"));
  CHECK(
      contains(error(csr(2, 3, {0, 1, 2}, {0, 3})), "column number 1 out of range: got 3, expected 0 to 2"));
  CHECK(contains(error(csr(2, 3, {0, 1, 2}, {0, -1})),
                 "column number 1 out of range: got -1, expected 0 to 2"));
  CHECK(contains(error(csr(2, 3, {0, 2, 1}, {0})), "row start 1 out of order: got 2, expected 0 to 1"));
  CHECK(contains(error(csr(2, 3, {1, 1, 1}, {0})), "row start 0 out of order: got 1, expected 0 to 0"));
  CHECK(contains(error(csr(2, 3, {0, 0, 0}, {0})), "the last row ends at value 0, expected 1"));
  CHECK(contains(error(csr(3, 3, {0, 0, 0}, {})), "shape of the row starts: got (3,), expected (4,)"));
}

TEST_CASE("a few stored values need no more memory than they take") {
  const NDArray huge = first(row_sparse(int64_t{1} << 40, {5}));
  CHECK(huge.shape == Shape{int64_t{1} << 40, 2});
  CHECK(sparse_of(huge)->values.shape == Shape{1, 2});
  const std::string error = load_error(array_list({row_sparse(INT64_MAX, {5})}));
  CHECK(contains(error, "the array"));
}

TEST_CASE("sizes are checked before anything is allocated") {
  const auto error = [](const std::vector<int64_t>& dims, uint32_t version = kV2) {
    return load_error(array_list({dense(version, dims, kF32).put(1.f)}));
  };
  CHECK(error({4194305, 4194305, 211106198978564}) ==
        "[load] test, array 0 of 1, byte 72: the size of the data overflows: got shape "
        "(4194305,4194305,211106198978564)");
  CHECK(contains(error({int64_t{1} << 32, int64_t{1} << 32}), "overflows"));
  CHECK(contains(error({0, int64_t{1} << 32, int64_t{1} << 32}), "overflows"));
  CHECK(error({1000}) ==
        "[load] test, array 0 of 1, byte 56: truncated: the data of shape (1000,) float32 needs 4000 bytes, "
        "the file "
        "has 12 left");
  CHECK(contains(error({-2}), "byte 36: negative dimension: got -2 for axis 0"));
  CHECK(contains(error({2, -1}), "negative dimension: got -1 for axis 1"));
  CHECK(contains(error(std::vector<int64_t>(11, 1)), "too many dimensions: got 11, expected at most 10"));
  const auto rank = [](int32_t n) {
    return load_error(array_list({Bytes().put(kV2).put<int32_t>(0).put(n)}));
  };
  CHECK(contains(rank(INT32_MAX), "truncated: the shape needs 17179869176 bytes, the file has 8 left"));
  CHECK(contains(rank(-1), "negative number of dimensions: got -1"));
}

TEST_CASE("counts are checked before anything is allocated") {
  Bytes file;
  file.put<uint64_t>(0x112).put<uint64_t>(0).put<uint64_t>(1000000000).put<uint64_t>(0);
  CHECK(load_error(file.text) ==
        "[load] test, byte 16: truncated: the number of arrays is 1000000000, which needs at least 4 bytes "
        "each, the "
        "file has 8 left");
  const std::string record = dense(kV2, {1}, kF32).put(1.f).text;
  const auto names = [&](uint64_t count, uint64_t length) {
    Bytes b;
    b.put<uint64_t>(0x112).put<uint64_t>(0).put<uint64_t>(1).raw(record).put(count).put(length).raw("a");
    return load_error(b.text);
  };
  CHECK(names(1, 1) == "");
  CHECK(contains(names(1, 1ull << 60),
                 "name 0 of 1, byte 68: truncated: the length of a name is 1152921504606846976"));
  CHECK(contains(names(1ull << 61, 1), "truncated: the number of names is 2305843009213693952"));
}

TEST_CASE("what is not a file of arrays is refused") {
  CHECK(load_error("") == "[load] test, byte 0: empty file");
  CHECK(load_error("short") ==
        "[load] test, byte 0: truncated: the file's first word needs 8 bytes, the file has 5 left");
  CHECK(contains(load_error("\x89PNG\r\n\x1a\n........"),
                 "byte 0: not a file of arrays: got first word 0xa1a0a0d474e5089"));
  CHECK(contains(load_error("PK\3\4............"), "this is a zip archive"));
  CHECK(contains(load_error(array_list({Bytes().put<uint32_t>(0xF993FACB)})),
                 "array 0 of 1, byte 24: not an array: got first word 0xf993facb"));
  CHECK(contains(load_error(array_list({Bytes().put(kV2).put<int32_t>(3)})),
                 "byte 28: unknown storage type: got 3, expected 0 (dense), 1 (row_sparse) or 2 (csr)"));
  CHECK(contains(load_error(array_list({Bytes().put(kV3).put<int32_t>(1)})),
                 "unknown storage type: got 1, expected 0"));
  CHECK(contains(load_error(array_list({dense(kV2, {1}, 13).put(1.f)})),
                 "byte 52: unknown dtype: got number 13"));
}

TEST_CASE("names are checked") {
  const Bytes a = dense(kV2, {1}, kF32).put(1.f);
  CHECK(contains(load_error(array_list({a, a}, {"x", "x"})),
                 "name 1 of 2, byte 113: the name 'x' is given twice"));
  CHECK(contains(load_error(array_list({a}, {std::string("a\0b", 3)})), "the name 'a\\0...' has a NUL byte"));
  CHECK(contains(load_error(array_list({a}, {"x\xff"})), "name 0 of 1, byte 77: the name is not UTF-8"));
  CHECK(contains(load_error(array_list({a}, {"x", "y"})), "wrong number of names: got 2 for 1 arrays"));
}

TEST_CASE("bytes after the end are a warning, or an error on request") {
  const std::string file = array_list({dense(kV2, {1}, kF32).put(1.f)}) + "tail";
  std::vector<std::string> warnings;
  CHECK(load_error(file, {&warnings}) == "");
  CHECK(warnings == std::vector<std::string>{"test: 4 bytes after the end are ignored"});
  CHECK(load_error(file, {nullptr, true}) == "[load] test, byte 68: 4 bytes after the end");
}

TEST_CASE("a damaged file cannot ask for endless warnings") {
  const std::vector<Bytes> none(1000, Bytes().put<uint32_t>(0));
  std::vector<std::string> warnings;
  load_ndarray_buffer(array_list(none), "test", {&warnings});
  CHECK(warnings.size() == 100);
}

TEST_CASE("what is saved is what MXNet writes, and loads again") {
  const TemporaryFolder folder;
  NDArray a = make_ndarray(Shape{2}, DType::kFloat32);
  a.data_as<float>()[0] = 1;
  a.data_as<float>()[1] = 2;
  save_ndarray_file(folder.file("a.params"), std::vector<NDArray>{a}, std::vector<std::string>{"arg:a"});
  const std::string expected = array_list({dense(kV2, {2}, kF32).put(1.f).put(2.f)}, {"arg:a"});
  CHECK(read_file(folder.file("a.params")) == expected);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);

  const NamedArrays loaded = load_ndarray_file(folder.file("a.params"));
  CHECK(loaded.names == std::vector<std::string>{"arg:a"});
  CHECK(values<float>(loaded.arrays[0]) == std::vector<float>{1, 2});
}

TEST_CASE("one array as bytes") {
  const NDArray scalar = make_zeros(Shape::filled(0, 0), DType::kInt64);
  const std::string bytes = ndarray_to_bytes(scalar);
  CHECK(bytes == dense(kV3, {}, kI64).put<int64_t>(0).text);
  CHECK(ndarray_from_bytes(bytes, "bytes").dtype == DType::kInt64);
  CHECK_THROWS_WITH(ndarray_from_bytes(bytes.substr(0, 20), "bytes"),
                    "[load] bytes, byte 20: truncated: the dtype needs 4 bytes, the file has 0 left");
}

TEST_CASE("files larger than the buffer load and save") {
  const TemporaryFolder folder;
  std::vector<NDArray> arrays;
  for (int64_t n : {100, 20000, 65536, 300000, 7}) {
    NDArray a = make_ndarray(Shape{n}, DType::kInt32);
    for (int64_t i = 0; i < n; ++i) a.data_as<int32_t>()[i] = static_cast<int32_t>(i * 7 + n);
    arrays.push_back(a);
  }
  save_ndarray_file(folder.file("a"), arrays, {});
  const NamedArrays loaded = load_ndarray_file(folder.file("a"));
  REQUIRE(loaded.arrays.size() == arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i)
    CHECK(values<int32_t>(loaded.arrays[i]) == values<int32_t>(arrays[i]));
}

TEST_CASE("a save that fails leaves the old file and nothing else") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.params");
  const std::vector<NDArray> one{make_zeros(Shape{1}, DType::kFloat32)};
  save_ndarray_file(path, one, {});
  const std::string before = read_file(path);
  const std::vector<NDArray> broken{make_zeros(Shape{100000}, DType::kFloat32), NDArray()};
  CHECK_THROWS_WITH(save_ndarray_file(path, broken, {}), "[save] an array has no data: got shape ?");
  const std::vector<std::string> twice{"a", "a"};
  CHECK_THROWS_WITH(save_ndarray_file(path, std::vector<NDArray>{one[0], one[0]}, twice),
                    "[save] the name 'a' is given twice");
  CHECK(read_file(path) == before);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("a full disk is noticed, however little is written") {
  for (int64_t n : {1, 100000}) {
    const std::vector<NDArray> a{make_zeros(Shape{n}, DType::kFloat32)};
    CHECK_THROWS_WITH(save_ndarray_file("/dev/full", a, {}),
                      "[save] cannot write '/dev/full': write failed: No space left on device");
  }
}

TEST_CASE("saving follows links and keeps permissions") {
  const TemporaryFolder folder;
  const std::vector<NDArray> a{make_zeros(Shape{1}, DType::kFloat32)};
  save_ndarray_file(folder.file("real"), a, {});
  std::filesystem::permissions(folder.file("real"), std::filesystem::perms(0640));
  std::filesystem::create_symlink("real", folder.file("link"));
  save_ndarray_file(folder.file("link"), {}, {});
  CHECK(std::filesystem::is_symlink(folder.file("link")));
  CHECK(std::filesystem::status(folder.file("real")).permissions() == std::filesystem::perms(0640));
  CHECK(load_ndarray_file(folder.file("real")).arrays.empty());
}

TEST_CASE("files that cannot be opened are named") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(load_ndarray_file("/nowhere/a"),
                    "[load] cannot open '/nowhere/a': No such file or directory");
  CHECK_THROWS_WITH(load_ndarray_file(folder.path),
                    ("[load] cannot read '" + folder.path + "': it is a directory").c_str());
  CHECK_THROWS_WITH(
      load_ndarray_file("/dev/zero"),
      "[load] cannot read '/dev/zero': not a regular file; read it yourself and load from its bytes");
  CHECK_THROWS_WITH(
      save_ndarray_file("/nowhere/a", {}, {}),
      "[save] cannot write '/nowhere/a': cannot create a file beside it: No such file or directory");
  CHECK_THROWS_WITH(load_ndarray_file(std::string("a\0b", 3)),
                    "[load] the file name has a NUL byte: 'a\\0...'");
  CHECK_THROWS_WITH(save_ndarray_file(std::string("a\0b", 3), {}, {}),
                    "[save] the file name has a NUL byte: 'a\\0...'");
}
