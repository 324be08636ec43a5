// Damaged symbol files: whatever the bytes, loading ends in a symbol that can be used or in an Error with a
// place.
#include <doctest/doctest.h>

#include <random>

#include "graph/json_read.h"
#include "graph/json_write.h"
#include "graph/test_ops.h"

using namespace symbind;

namespace {

const char kSample[] = R"json({
"nodes": [
{"op": "null", "name": "data\u00e9", "inputs": []},
{"op": "null", "name": "w", "attr": {"num_hidden": "3", "__shape__": "(3, 0)"}, "inputs": []},
{"op": "test_dense", "param": {"num_hidden": "3", "no_bias": "True", "weight_lr_mult": "2"}, "name": "fc",
 "inputs": [[0, 0], [1, 0, 0]], "backward_source_id": -1},
{"op": "test_norm", "name": "bn", "attrs": {"eps": "1e-3"}, "inputs": [[2, 0, 0], [4, 0, 0]]},
{"op": "null", "name": "g", "inputs": []},
{"op": "test_split", "name": "s", "attrs": {"num_outputs": "2"}, "inputs": [[3, 0, 0]],
 "subgraphs": [{"nodes": [{"op": "null", "name": "y"}], "heads": [[0, 0]]}]},
{"op": "test_concat", "name": "c", "attrs": {"num_args": "2"}, "inputs": [[5, 1, 0], [5, 0, 0]]}],
"arg_nodes": [0, 1, 4], "node_row_ptr": [0, 1, 2, 3, 5, 6, 8, 9], "heads": [[6, 0, 0], [3, 1, 0]],
"attrs": {"mxnet_version": ["int", 803], "other": ["list_int", [1, 2.5e3, {"a": null}]]}})json";

// Loads and, where that works, uses the symbol and writes it; what is written must load to the same. Returns
// whether it loaded.
bool try_load(const std::string& text) {
  std::vector<std::string> warnings;
  Symbol symbol;
  try {
    symbol = symbol_from_json(text, "fuzz", &warnings);
  } catch (const Error& e) {
    const std::string message = e.what();
    CHECK_MESSAGE(message.compare(0, 23, "[symbol_from_json] fuzz") == 0, message);
    return false;
  }
  CHECK(topological_order(symbol).size() >= list_inputs(symbol, InputKind::kAll).size());
  const std::string written = symbol_to_json(symbol);
  CHECK(symbol_to_json(symbol_from_json(written, "fuzz")) == written);
  return true;
}

}  // namespace

TEST_CASE("a symbol file that ends at any byte is refused") {
  register_test_ops();
  const std::string text = kSample;
  REQUIRE(try_load(text));
  for (size_t n = 0; n < text.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(try_load(text.substr(0, n)));
  }
}

TEST_CASE("any single bit may flip in a symbol file") {
  register_test_ops();
  const std::string text = kSample;
  for (size_t i = 0; i < text.size() * 8; ++i) {
    CAPTURE(i);
    std::string damaged = text;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    try_load(damaged);
  }
}

TEST_CASE("symbol files with random cuts, copies, bytes and numbers") {
  register_test_ops();
  const std::string text = kSample;
  const char* pieces[] = {"-1", "9", "2147483648", "99999999999999999999", "\"", "\\", "[", "]", "{",
                          "}",  ",", "null"};
  std::mt19937 random(4321);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (int round = 0; round < 20000; ++round) {
    CAPTURE(round);
    std::string damaged = text;
    for (size_t edits = 1 + below(3); edits > 0 && damaged.size() > 16; --edits) {
      const size_t at = below(damaged.size());
      switch (below(4)) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, below(24));
          break;
        case 2:
          damaged.replace(at, 1, pieces[below(std::size(pieces))]);
          break;
        default:
          damaged.insert(at, text.substr(below(text.size()), below(80)));
      }
    }
    try_load(damaged);
  }
}
