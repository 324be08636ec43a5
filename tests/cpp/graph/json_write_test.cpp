// Symbol files as MXNet 1.9.1 lays them out. The expected texts were recorded from it, with its operators'
// names replaced by the tests' own.
#include "graph/json_write.h"

#include <doctest/doctest.h>

#include "graph/json_read.h"
#include "graph/test_ops.h"

using namespace symbind;

namespace {

Symbol variable(const std::string& name, const AttrMap& attrs = {}) { return make_variable(name, attrs); }

Symbol op(const std::string& op, const std::string& name, const std::vector<Symbol>& inputs,
          const AttrMap& attrs = {}) {
  register_test_ops();
  return make_op(op, name, attrs, {inputs, {}});
}

Symbol output(const Symbol& symbol, size_t i) { return Symbol{{symbol.outputs.at(i)}}; }

std::string part(const std::string& text, const std::string& from, size_t length) {
  const size_t at = text.find(from);
  return at == std::string::npos ? "" : text.substr(at, length);
}

bool contains(const std::string& text, const std::string& piece) {
  return text.find(piece) != std::string::npos;
}

}  // namespace

TEST_CASE("the layout of a file") {
  const Symbol x = variable("x");
  const Symbol y = op("test_split", "s", {op("test_relu", "r", {x})}, {{"num_outputs", "2"}, {"__k__", "v"}});
  CHECK(symbol_to_json(group({output(y, 1), x})) == R"({
  "nodes": [
    {
      "op": "null", 
      "name": "x", 
      "inputs": []
    }, 
    {
      "op": "test_relu", 
      "name": "r", 
      "inputs": [[0, 0, 0]]
    }, 
    {
      "op": "test_split", 
      "name": "s", 
      "attrs": {
        "__k__": "v", 
        "num_outputs": "2"
      }, 
      "inputs": [[1, 0, 0]]
    }
  ], 
  "arg_nodes": [0], 
  "node_row_ptr": [0, 1, 2, 4], 
  "heads": [[2, 1, 0], [0, 0, 0]], 
  "attrs": {"mxnet_version": ["int", 10901]}
})");
}

TEST_CASE("one attribute stays on its line, a graph without variables has an empty list") {
  CHECK(contains(symbol_to_json(variable("x", {{"a", "b"}})),
                 "\"attrs\": {\"a\": \"b\"}, \n      \"inputs\": []"));
  CHECK(contains(symbol_to_json(op("test_concat", "c", {}, {{"num_args", "0"}})), "\"arg_nodes\": [], \n"));
}

TEST_CASE("more than ten numbers or entries get a line each") {
  std::vector<Symbol> inputs;
  for (int i = 0; i < 11; ++i) inputs.push_back(variable("v" + std::to_string(i)));
  const std::string eleven = symbol_to_json(op("test_concat", "c", inputs));
  CHECK(part(eleven, "[0, 0, 0], \n", 34) == "[0, 0, 0], \n        [1, 0, 0], \n  ");
  CHECK(contains(eleven, "\"inputs\": [\n        [0, 0, 0]"));
  CHECK(
      contains(eleven, "        [10, 0, 0]\n      ]\n    }\n  ], \n  \"arg_nodes\": [\n    0, \n    1, \n"));
  CHECK(contains(eleven, "    10\n  ], \n  \"node_row_ptr\": [\n    0, \n"));
  inputs.pop_back();
  const std::string ten = symbol_to_json(op("test_concat", "c", inputs));
  CHECK(contains(ten, "[9, 0, 0]]\n"));
  CHECK(contains(ten, "\"arg_nodes\": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], \n"));
}

TEST_CASE("the third number of an entry counts the updates of an auxiliary state") {
  const Symbol x = variable("x"), g = variable("g"), m = variable("m");
  const Symbol a = op("test_norm", "a", {x, g, m});
  const Symbol b = op("test_norm", "b", {a, g, m});
  const Symbol c = op("test_concat", "c", {b, m});
  const std::string text = symbol_to_json(group({op("test_norm", "d", {c, g, m}), m}));
  CHECK(contains(text, "\"inputs\": [[0, 0, 0], [1, 0, 0], [2, 0, 1]]"));
  CHECK(contains(text, "\"inputs\": [[3, 0, 0], [1, 0, 0], [2, 0, 2]]"));
  CHECK(contains(text, "\"inputs\": [[4, 0, 0], [2, 0, 2]]"));
  CHECK(contains(text, "\"inputs\": [[5, 0, 0], [1, 0, 0], [2, 0, 3]]"));
  CHECK(contains(text, "\"heads\": [[6, 0, 0], [2, 0, 0]]"));
}

TEST_CASE("strings are escaped as far as MXNet can read it, and no further") {
  const std::string name = "\"q\"\n\t\\/\r\x01\x7f\xc3\xa9";
  const std::string text = symbol_to_json(variable(name));
  CHECK(contains(text, "\"name\": \"\\\"q\\\"\\n\\t\\\\/\\r\x01\x7f\xc3\xa9\""));
  CHECK(symbol_from_json(text, "test").outputs[0].node->name == name);
}

TEST_CASE("an alias is written as the operator's own name") {
  const Symbol symbol = op("test_norm_v1", "n", {variable("x")});
  CHECK(contains(symbol_to_json(symbol), "\"op\": \"test_norm\""));
}

TEST_CASE("subgraphs are written inside their node") {
  Symbol outer = op("test_relu", "r", {variable("x")});
  outer.outputs[0].node->subgraphs = {variable("y")};
  const std::string text = symbol_to_json(outer);
  CHECK(contains(text, R"(      "inputs": [[0, 0, 0]], 
      "subgraphs": [
        {
          "nodes": [
            {
              "op": "null", 
              "name": "y", 
              "inputs": []
            }
          ], 
          "arg_nodes": [0], 
          "node_row_ptr": [0, 1], 
          "heads": [[0, 0, 0]]
        }
      ]
    }
  ], )"));
  CHECK(symbol_to_json(symbol_from_json(text, "test")) == text);
}

TEST_CASE("amp casts can be left out, except where they are outputs") {
  const Symbol x = variable("x");
  const Symbol cast =
      op("amp_cast", "c", {op("amp_cast", "c0", {x}, {{"dtype", "float32"}})}, {{"dtype", "float16"}});
  const Symbol both = op("amp_multicast", "m", {op("test_relu", "r", {cast}), x}, {{"num_outputs", "2"}});
  const Symbol sum = op("test_concat", "s", {output(both, 1), output(both, 0)});
  const Symbol kept = symbol_from_json(symbol_to_json(group({sum, cast})), "test");
  CHECK(topological_order(kept).size() == 6);
  const Symbol plain = symbol_from_json(symbol_to_json(group({sum, cast}), true), "test");
  CHECK(list_outputs(plain) == std::vector<std::string>{"s_output", "c_output"});
  const Node& s = *plain.outputs[0].node;
  CHECK(s.inputs[0].node->name == "x");
  CHECK(s.inputs[1].node->name == "r");
  CHECK(s.inputs[1].node->inputs[0].node->name == "x");
  CHECK(plain.outputs[1].node->inputs[0].node->name == "x");
  CHECK(topological_order(sum).size() == 6);  // the symbol itself is as it was
}

TEST_CASE("a long chain is written in linear time, and read back") {
  Symbol chain = variable("x");
  for (int i = 0; i < 100000; ++i) chain = op("test_relu", "n", {chain});
  const std::string text = symbol_to_json(chain, true);
  CHECK(symbol_to_json(symbol_from_json(text, "test")) == text);
}
