// Symbol files of every release, and what is refused.
#include "graph/json_read.h"

#include <doctest/doctest.h>

#include "graph/json_graph.h"
#include "graph/test_ops.h"

using namespace symbind;

namespace {

using Strings = std::vector<std::string>;

Symbol load(const std::string& json, Strings* warnings = nullptr) {
  register_test_ops();
  return symbol_from_json(json, "test", warnings);
}

std::string load_error(const std::string& json) {
  try {
    load(json);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A graph whose last node is the only head; `version` 0: the file does not say.
std::string graph(const Strings& nodes, int version = 10901) {
  std::string text = "{\"nodes\": [";
  for (const std::string& n : nodes) text += (text.back() == '[' ? "" : ", ") + n;
  text += concat("], \"arg_nodes\": [], \"heads\": [[", nodes.size() - 1, ", 0]]");
  if (version > 0) text += concat(", \"attrs\": {\"mxnet_version\": [\"int\", ", version, "]}");
  return text + "}";
}

std::string variable(const std::string& name, const std::string& attrs = "") {
  return "{\"op\": \"null\", \"name\": \"" + name + "\", \"inputs\": []" +
         (attrs.empty() ? "" : ", " + attrs) + "}";
}

std::string node(const std::string& op, const std::string& name, const std::string& inputs,
                 const std::string& attrs = "") {
  return "{\"op\": \"" + op + "\", \"name\": \"" + name + "\"" + (attrs.empty() ? "" : ", " + attrs) +
         ", \"inputs\": " + inputs + "}";
}

std::string dense(const std::string& attrs) {
  return node("test_dense", "fc", "[[0, 0], [1, 0], [2, 0]]", attrs);
}
const Strings kDenseInputs = {variable("x"), variable("w"), variable("b")};

Strings with_inputs(const std::string& last) {
  Strings nodes = kDenseInputs;
  nodes.push_back(last);
  return nodes;
}

const Node& head(const Symbol& symbol) { return *symbol.outputs.at(0).node; }
const Node& input(const Symbol& symbol, size_t i) { return *head(symbol).inputs.at(i).node; }

}  // namespace

TEST_CASE("attributes are those of param, attr and attrs together") {
  CHECK(head(load(graph(with_inputs(dense(R"("param": {"num_hidden": "3"}, "attr": {"__a__": "b"})")))))
            .attrs == AttrMap{{"num_hidden", "3"}, {"__a__", "b"}});
  // attr wins over attrs, and both over param, wherever they stand
  const std::string all = R"("attrs": {"num_hidden": "3", "__k__": "attrs"}, "attr": {"num_hidden": "2"},)"
                          R"("param": {"num_hidden": "1", "no_bias": "False", "__k__": "param"})";
  CHECK(head(load(graph(with_inputs(dense(all))))).attrs ==
        AttrMap{{"num_hidden", "2"}, {"no_bias", "False"}, {"__k__", "attrs"}});
}

TEST_CASE("what files leave out or add") {
  const Symbol symbol = load(R"( {"heads": [[1, 0, 0]],
    "nodes": [{"op": "null", "name": "x"},
              {"op": "test_relu", "backward_source_id": -1, "name": "r", "inputs": [[0, 0, 7]]}]} )");
  CHECK(head(symbol).name == "r");
  CHECK(input(symbol, 0).name == "x");
  CHECK(list_inputs(symbol, InputKind::kAll) == Strings{"x"});
}

TEST_CASE("forward references, unreachable nodes and duplicate names load") {
  const Symbol symbol =
      load(graph({node("test_relu", "a", "[[1, 0]]"), node("test_relu", "a", "[[2, 0]]"), variable("x"),
                  variable("unused"), node("test_relu", "out", "[[0, 0]]")}));
  CHECK(topological_order(symbol).size() == 4);
  CHECK(input(symbol, 0).name == "a");
  CHECK(input(symbol, 0).inputs[0].node->name == "a");
}

TEST_CASE("the last of two equal keys counts") {
  CHECK(head(load(R"({"nodes": [], "nodes": [{"op": "null", "name": "x", "name": "y"}], "heads": [[0, 0]]})"))
            .name == "y");
  CHECK(head(load(graph({variable("x", R"("attrs": {"__k__": "1", "__k__": "2"})")}))).attrs.at("__k__") ==
        "2");
}

TEST_CASE("strings keep their characters") {
  CHECK(head(load(graph({variable("\xc3\xa9\x01/")}))).name == "\xc3\xa9\x01/");
  CHECK(head(load(graph({variable(R"(\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t)")}))).name ==
        "\xc3\xa9\xf0\x9f\x98\x80\"\\/\b\f\n\r\t");
}

TEST_CASE("bare hidden keys of older files become hidden, or those of an input") {
  const std::string attrs =
      R"("attr": {"num_hidden": "1", "lr_mult": "2", "weight_lr_mult": "3", "ctx_group": "g",)"
      R"("bias_mirror_stage": "4", "__wd_mult__": "5", "wd_mult": "6"})";
  for (int version : {0, 904, 10000, 10900}) {
    CAPTURE(version);
    const Symbol symbol = load(graph(with_inputs(dense(attrs)), version));
    CHECK(head(symbol).attrs ==
          AttrMap{{"num_hidden", "1"}, {"__lr_mult__", "2"}, {"__ctx_group__", "g"}, {"__wd_mult__", "6"}});
    CHECK(input(symbol, 0).attrs.empty());
    CHECK(input(symbol, 1).attrs == AttrMap{{"__lr_mult__", "3"}});
    CHECK(input(symbol, 2).attrs == AttrMap{{"__mirror_stage__", "4"}});
  }
  CHECK(contains(load_error(graph(with_inputs(dense(attrs)))), "unknown attribute"));
}

TEST_CASE("keys for an input that is none, or not a variable, are unknown attributes") {
  for (const char* key : {"foo_lr_mult", "xlr_mult", "_lr_mult", "fc_weight_lr_mult"}) {
    CAPTURE(key);
    const std::string attrs = concat("\"attr\": {\"num_hidden\": \"1\", \"", key, "\": \"2\"}");
    CHECK(
        contains(load_error(graph(with_inputs(dense(attrs)), 904)), concat("unknown attribute '", key, "'")));
  }
  Strings nodes = with_inputs(node("test_relu", "r", "[[0, 0]]"));
  nodes.push_back(node("test_dense", "fc", "[[3, 0], [1, 0], [2, 0]]",
                       R"("attr": {"num_hidden": "1", "data_lr_mult": "2"})"));
  CHECK(contains(load_error(graph(nodes, 904)), "unknown attribute 'data_lr_mult'"));
}

TEST_CASE("variables keep any attribute; their bare hidden keys are renamed too") {
  const std::string attrs =
      R"json("attr": {"kernel": "(3, 3)", "nonsense": "x", "lr_mult": "2", "weight_lr_mult": "3"})json";
  CHECK(head(load(graph({variable("w", attrs)}, 904))).attrs ==
        AttrMap{{"kernel", "(3, 3)"}, {"nonsense", "x"}, {"__lr_mult__", "2"}, {"weight_lr_mult", "3"}});
  CHECK(head(load(graph({variable("w", attrs)}))).attrs.count("lr_mult") == 1);
}

TEST_CASE("files before 0.9 get the inputs they leave out") {
  const Strings nodes = {variable("x"), variable("g"),
                         node("test_norm", "bn", "[[0, 0], [1, 0]]",
                              R"("param": {"eps": "0.1"}, "attr": {"lr_mult": "2", "mean_lr_mult": "7"})")};
  for (int version : {0, 800}) {
    const Symbol symbol = load(graph(nodes, version));
    CHECK(list_inputs(symbol, InputKind::kAuxiliary) == Strings{"bn_mean"});
    CHECK(input(symbol, 2).attrs ==
          AttrMap{{"eps", "0.1"}, {"__lr_mult__", "7"}, {"__init__", "[\"zero\", {}]"}});
    CHECK(input(symbol, 1).attrs.empty());
  }
  CHECK(load_error(graph(nodes, 900)) ==
        "[symbol_from_json] test, node 2 'bn': operator 'test_norm' of node 'bn' has 2 inputs, expected 3");
  // no inputs at all: they are all made
  CHECK(
      list_inputs(
          load(graph({node("test_dense", "fc", "[]", R"("param": {"num_hidden": "1", "no_bias": "1"})")}, 0)),
          InputKind::kAll) == Strings{"fc_data", "fc_weight"});
}

TEST_CASE("files before 0.9.4 get the attributes that operators want on their variables") {
  const auto nodes = [](const std::string& attrs) {
    return Strings{variable("x"), variable("g"), variable("m", attrs),
                   node("test_norm", "bn", "[[0, 0], [1, 0], [2, 0]]")};
  };
  CHECK(input(load(graph(nodes(""), 903)), 2).attrs == AttrMap{{"__init__", "[\"zero\", {}]"}});
  CHECK(input(load(graph(nodes(R"("attr": {"__init__": "mine"})"), 903)), 2).attrs ==
        AttrMap{{"__init__", "mine"}});
  CHECK(input(load(graph(nodes(""), 904)), 2).attrs.empty());
}

TEST_CASE("files before 0.9.5 mean no axis by argmax axis -1") {
  OpDef argmax;
  argmax.name = "argmax";
  for (const auto& [version, axis, kept] : {std::tuple(800, "-1", false), std::tuple(904, "-1", false),
                                            std::tuple(904, "1", true), std::tuple(905, "-1", true)}) {
    Node n;
    n.op = &argmax;
    n.attrs = {{"axis", axis}};
    upgrade_attrs(n, version);
    CHECK(n.attrs.count("axis") == kept);
  }
}

TEST_CASE("subgraphs of a node are kept") {
  const std::string inner = graph({variable("y"), node("test_relu", "inner", "[[0, 0]]")}, 0);
  const Symbol symbol =
      load(graph({variable("x"), node("test_relu", "r", "[[0, 0]]", "\"subgraphs\": [" + inner + "]")}));
  REQUIRE(head(symbol).subgraphs.size() == 1);
  CHECK(list_outputs(head(symbol).subgraphs[0]) == Strings{"inner_output"});
  CHECK(list_inputs(symbol, InputKind::kAll) == Strings{"x"});
  std::string deep = inner;
  for (int i = 0; i < 8; ++i) deep = graph({variable("y", "\"subgraphs\": [" + deep + "]")});
  CHECK(contains(load_error(deep), "subgraphs inside subgraphs: expected at most 8 levels"));
}

TEST_CASE("warnings") {
  Strings warnings;
  load(graph({variable("x")}, 20000) + " tail", &warnings);
  CHECK(warnings ==
        Strings{"test: written by MXNet 2.0.0, newer than the 1.9.1 whose rules are used; it may mean "
                "something else there",
                "test: 4 bytes after the end of the graph are ignored"});
  warnings.clear();
  load(R"({"nodes": [{"op": "null", "name": "x", "control_deps": [0]}], "heads": [[0, 0]],
           "attrs": {"mxnet_version": ["int", 10901], "is_np_shape": ["int", 1], "other": ["str", "x"]}})",
       &warnings);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0] == "test: node 0 'x': its control_deps are ignored");
  CHECK(contains(warnings[1], "NumPy shape semantics"));
}

TEST_CASE("what is no graph is refused with its byte") {
  CHECK(load_error("") == "[symbol_from_json] test: empty file, expected a symbol graph in JSON");
  CHECK(load_error(" \n ") == "[symbol_from_json] test: empty file, expected a symbol graph in JSON");
  CHECK(load_error("[]") == "[symbol_from_json] test, byte 0: got '[', expected '{' (an object)");
  CHECK(load_error("  \x05") ==
        "[symbol_from_json] test, byte 2: got byte value 5, expected '{' (an object)");
  CHECK(load_error("{\"nodes\": [}") ==
        "[symbol_from_json] test, byte 11: got '}', expected '{' (an object)");
  CHECK(contains(load_error("{\"nodes\" []}"), "byte 9: got '[', expected ':'"));
  CHECK(contains(load_error("{\"nodes\": [{\"op\": 1"), "byte 18: got '1', expected '\"' (a string)"));
  CHECK(contains(load_error("{\"nodes\": ["), "byte 11: the text ends inside the graph (truncated file?)"));
  CHECK(contains(load_error("{\"nod"), "byte 1: the text ends inside this string"));
  CHECK(contains(load_error("{\"a\nb\""), "byte 3: a line break inside a string"));
  CHECK(contains(load_error("{\"a\\q\""), "byte 3: an unknown escape"));
  CHECK(contains(load_error("{\"a\\u00g0\""), "byte 7: \\u needs four hexadecimal digits"));
  CHECK(contains(load_error("{\"\\ud800x\""), "byte 2: half of a surrogate pair"));
  CHECK(contains(load_error("{\"\\u0000\""), "a NUL byte inside a string"));
  for (const char* bytes :
       {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\x80"}) {
    CHECK(contains(load_error(concat("{\"", bytes, "\"")), "byte 2: not UTF-8"));
  }
  CHECK(contains(load_error(R"({"nodes": [], "heads": []})"), "'heads' is empty: the graph has no output"));
  CHECK(contains(load_error("{}"), "byte 0: the graph has no 'nodes'"));
  CHECK(contains(load_error(R"({"nodes": []})"), "the graph has no 'heads'"));
  CHECK(contains(load_error(R"({"nodes": [], "zzz": 1})"), "the graph has the unknown key 'zzz'"));
  CHECK(contains(load_error(R"({"attrs": {"mxnet_version": ["str", "x"]}})"),
                 "byte 36: got '\"', expected an integer"));
  CHECK(contains(load_error(R"({"attrs": {"mxnet_version": ["str"]}})"), "wrong value for 'mxnet_version'"));
}

TEST_CASE("nesting is bounded") {
  const auto nested = [](size_t n, const std::string& open) {
    std::string text = "{\"attrs\": {\"other\": ";
    for (size_t i = 0; i < n; ++i) text += open;
    return text;
  };
  CHECK(contains(load_error(nested(1000000, "[")), "byte 82: nested too deeply: expected at most 64 levels"));
  CHECK(contains(load_error(nested(1000000, "{\"k\": ")), "nested too deeply"));
  CHECK(contains(load_error(nested(62, "[") + std::string(62, ']') + "}}"), "the graph has no 'nodes'"));
}

TEST_CASE("nodes are checked") {
  const auto error = [](const std::string& last) { return load_error(graph(with_inputs(last))); };
  CHECK(error(node("nope", "r", "[[0, 0]]")) ==
        "[symbol_from_json] test, node 3 'r': operator 'nope' of node 'r' is not registered");
  CHECK(contains(error(dense(R"("attrs": {"num_hidden": "2", "zz": "1"})")),
                 "node 3 'fc': Error in operator fc: [test_dense] unknown attribute 'zz' (value '1')"));
  CHECK(contains(error(dense("")), "required attribute 'num_hidden' is missing"));
  CHECK(contains(error(dense(R"("attrs": {"num_hidden": 2})")), "expected '\"' (a string)"));
  CHECK(contains(error(node("test_relu", "r", "[[0, 0], [1, 0]]")),
                 "operator 'test_relu' of node 'r' has 2 inputs, expected 1"));
  CHECK(contains(error(node("test_relu", "r", "[]")), "has 0 inputs, expected 1"));
  CHECK(contains(error(node("test_relu", "r", "[[9, 0]]")),
                 "node 3 'r': input node out of range: got 9 of 4 nodes"));
  CHECK(contains(error(node("test_relu", "r", "[[-1, 0]]")), "input node out of range: got -1"));
  CHECK(contains(error(node("test_relu", "r", "[[0, 1]]")), "an input is output 1 of node 'x', which has 1"));
  CHECK(contains(error(node("test_relu", "r", "[[0, -1]]")), "input output number out of range: got -1"));
  CHECK(contains(error(node("test_relu", "r", "[[0, 99999999999]]")), "out of range: got 99999999999"));
  CHECK(contains(error(node("test_relu", "r", "[[0]]")), "an entry has 1 numbers"));
  CHECK(contains(error(node("test_relu", "r", "[[0, 0, 0, 0]]")), "an entry has more than 3 numbers"));
  CHECK(contains(error(node("test_relu", "r", "[[0.5, 0]]")), "expected an integer"));
  CHECK(contains(error(node("test_relu", "r", "[[99999999999999999999, 0]]")), "does not fit in 64 bits"));
  CHECK(contains(error(node("null", "v", "[[0, 0]]")), "a variable has 1 inputs, expected none"));
  CHECK(contains(error("{\"op\": \"null\"}"), "node 3 has no 'name'"));
  CHECK(contains(error("{\"name\": \"v\"}"), "node 3 'v' has no 'op'"));
  CHECK(contains(error("{\"name\": \"v\", \"colour\": 1}"), "node 3 'v' has the unknown key 'colour'"));
}

TEST_CASE("heads and arg_nodes are checked") {
  const auto error = [](const std::string& rest) {
    return load_error("{\"nodes\": [" + variable("x") + ", " +
                      node("test_norm", "n", "[[0, 0], [0, 0], [0, 0]]") + "], " + rest + "}");
  };
  CHECK(error("\"heads\": [[1, 1]]") == "");  // a hidden output
  CHECK(contains(error("\"heads\": [[1, 2]]"), "head 0 is output 2 of node 'n', which has 2"));
  CHECK(contains(error("\"heads\": [[0, 0], [2, 0]]"),
                 "head 1 is out of range: got [2, 0], the graph has 2 nodes"));
  CHECK(contains(error("\"heads\": [[-1, 0]]"), "head 0 is out of range"));
  CHECK(contains(error("\"heads\": [[0, 0]], \"arg_nodes\": [5]"), "'arg_nodes' is out of range: got 5"));
  CHECK(contains(error("\"heads\": [[0, 0]], \"arg_nodes\": [1]"),
                 "'arg_nodes' lists node 1 'n', which is not a "));
}

TEST_CASE("cycles are named") {
  CHECK(load_error(
            graph({node("test_relu", "a", "[[1, 0]]"), node("test_relu", "b", "[[0, 0]]"), variable("x")})) ==
        "[symbol_from_json] test: the graph has a cycle, a node needs its own output: 'a' -> 'b' -> 'a'");
  CHECK(contains(load_error(graph({node("test_relu", "self", "[[0, 0]]")})), "'self' -> 'self'"));
  Strings ring;
  for (int i = 0; i < 1000; ++i)
    ring.push_back(node("test_relu", "n" + std::to_string(i), concat("[[", (i + 1) % 1000, ", 0]]")));
  CHECK(contains(load_error(graph(ring)), "'n7' -> ... 992 more ... -> 'n0'"));
}

TEST_CASE("an attribute cannot ask for any number of inputs") {
  const std::string many = node("test_concat", "c", "[[0, 0]]",
                                R"("param": {"num_args": "2000000000"}, "attr": {"arg7_lr_mult": "1"})");
  CHECK(contains(load_error(graph({variable("x"), many}, 0)), "has 1 input, expected 2000000000"));
}

TEST_CASE("an attribute cannot ask for any number of outputs") {
  for (const char* count : {"2000000000", "-3"}) {
    const std::string split =
        node("test_split", "s", "[[0, 0]]", concat("\"attrs\": {\"num_outputs\": \"", count, "\"}"));
    CHECK(contains(load_error(graph({variable("x"), split})),
                   concat("node 's' has ", count, " outputs, expected at most 1000")));
  }
}

TEST_CASE("a long chain loads, in any order, and is freed") {
  constexpr int kNodes = 200000;
  for (bool backwards : {false, true}) {
    std::string text = "{\"nodes\": [";
    for (int i = 0; i < kNodes; ++i) {
      const int position = backwards ? kNodes - 1 - i : i;  // of the chain
      const int before = backwards ? i + 1 : i - 1;
      if (i > 0) text += ", ";
      text += position == 0 ? variable("x") : node("test_relu", "n", concat("[[", before, ", 0, 0]]"));
    }
    text += concat("], \"heads\": [[", backwards ? 0 : kNodes - 1, ", 0]]}");
    CHECK(topological_order(load(text)).size() == kNodes);
  }
}
