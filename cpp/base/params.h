// Operator parameters. A params struct lists its fields once:
//
//   struct Params {
//     int64_t num_hidden; bool no_bias;
//     template <class V> void visit(V& v) {
//       v("num_hidden", num_hidden, required, "Number of outputs.");
//       v("no_bias", no_bias, false, "Leave out the bias.");
//     }
//   };
//
// A params struct may have `void finish(const char* op)`: called after parsing, it checks fields against each
// other and fills in defaults that depend on other fields. The same visit parses attribute strings and
// describes the fields for docs, signatures and stubs. Field types: bool, int64_t, double, std::string,
// Tuple, OptTuple, FloatTuple, DType, Choice, std::optional of the scalars.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/dtype.h"
#include "base/shape.h"

namespace symbind {

using AttrMap = std::map<std::string, std::string>;
using Tuple = std::vector<int64_t>;
using OptTuple = std::vector<std::optional<int64_t>>;
using FloatTuple = std::vector<double>;

struct Required {};
inline constexpr Required required{};

// One of a fixed list of words; compares with an enum of the same order: `p.mode == Mode::kMax`.
struct Choice {
  int value = 0;
  template <class E, class = std::enable_if_t<std::is_enum_v<E>>>
  bool operator==(E e) const {
    return value == static_cast<int>(e);
  }
  template <class E, class = std::enable_if_t<std::is_enum_v<E>>>
  bool operator!=(E e) const {
    return value != static_cast<int>(e);
  }
};

struct FieldInfo {
  std::string name;
  std::string type;           // "int", "tuple of int", "{'max', 'avg'}", ...
  std::string default_value;  // as written in an attribute; meaningless when required
  bool is_required = false;
  std::string doc;
};

// Parsing of one attribute value; fails with `[op] attribute name: got ..., expected ...`.
struct FieldContext {
  const char* op;
  const char* name;
};
void parse_field(const FieldContext& c, const std::string& text, bool& out);
void parse_field(const FieldContext& c, const std::string& text, int64_t& out);
void parse_field(const FieldContext& c, const std::string& text, double& out);
void parse_field(const FieldContext& c, const std::string& text, std::string& out);
void parse_field(const FieldContext& c, const std::string& text, Tuple& out);
void parse_field(const FieldContext& c, const std::string& text, OptTuple& out);
void parse_field(const FieldContext& c, const std::string& text, FloatTuple& out);
void parse_field(const FieldContext& c, const std::string& text, DType& out);
int parse_choice(const FieldContext& c, const std::string& text, const std::vector<const char*>& words);
bool is_none(const std::string& text);
template <class T>
void parse_field(const FieldContext& c, const std::string& text, std::optional<T>& out) {
  if (is_none(text)) {
    out.reset();
  } else {
    T value{};
    parse_field(c, text, value);
    out = value;
  }
}

inline const char* type_word(const bool*) { return "bool"; }
inline const char* type_word(const int64_t*) { return "int"; }
inline const char* type_word(const double*) { return "float"; }
inline const char* type_word(const std::string*) { return "str"; }
inline const char* type_word(const Tuple*) { return "tuple of int"; }
inline const char* type_word(const OptTuple*) { return "tuple of int or None"; }
inline const char* type_word(const FloatTuple*) { return "tuple of float"; }
inline const char* type_word(const DType*) { return "dtype"; }
template <class T>
std::string type_word(const std::optional<T>*) {
  return std::string(type_word(static_cast<const T*>(nullptr))) + " or None";
}

std::string format_value(bool v);
std::string format_value(int64_t v);
std::string format_value(double v);
std::string format_value(const std::string& v);
std::string format_value(const Tuple& v);
std::string format_value(const OptTuple& v);
std::string format_value(const FloatTuple& v);
std::string format_value(DType v);
template <class T>
std::string format_value(const std::optional<T>& v) {
  return v ? format_value(*v) : "None";
}

// Reads fields from attributes; finish() fails on attributes that no field took.
class ParamsParser {
 public:
  ParamsParser(const char* op, const AttrMap& attrs) : op_(op), attrs_(attrs) {}

  template <class T>
  void operator()(const char* name, T& field, Required, const char*) {
    const auto it = attrs_.find(name);
    check(it != attrs_.end(), "[", op_, "] required attribute '", name, "' is missing");
    ++used_;
    parse_field({op_, name}, it->second, field);
  }
  template <class T, class D>
  void operator()(const char* name, T& field, const D& fallback, const char*) {
    field = T(fallback);
    const auto it = attrs_.find(name);
    if (it == attrs_.end()) return;
    ++used_;
    parse_field({op_, name}, it->second, field);
  }
  void choice(const char* name, Choice& field, const std::vector<const char*>& words, int fallback,
              const char*) {
    field.value = fallback;
    const auto it = attrs_.find(name);
    check(it != attrs_.end() || fallback >= 0, "[", op_, "] required attribute '", name, "' is missing");
    if (it == attrs_.end()) return;
    ++used_;
    field.value = parse_choice({op_, name}, it->second, words);
  }
  // An attribute that old files carry and that changes nothing here.
  void ignored(const char* name, const char*, const char*) { used_ += attrs_.count(name); }
  size_t used() const { return used_; }

 private:
  const char* op_;
  const AttrMap& attrs_;
  size_t used_ = 0;
};

class ParamsDescriber {
 public:
  template <class T>
  void operator()(const char* name, T& field, Required, const char* doc) {
    fields.push_back({name, type_word(&field), "", true, doc});
  }
  template <class T, class D>
  void operator()(const char* name, T& field, const D& fallback, const char* doc) {
    fields.push_back({name, type_word(&field), format_value(T(fallback)), false, doc});
  }
  void choice(const char* name, Choice&, const std::vector<const char*>& words, int fallback,
              const char* doc);
  void ignored(const char* name, const char* default_value, const char* doc) {
    fields.push_back({name, "ignored", default_value, false, doc});
  }
  std::vector<FieldInfo> fields;
};

using ParamsPtr = std::shared_ptr<const void>;

// The type-erased operations on one params struct.
struct ParamsSpec {
  ParamsPtr (*parse)(const char* op, const AttrMap& attrs) = nullptr;
  std::vector<FieldInfo> (*describe)() = nullptr;
};

[[noreturn]] void fail_unknown_attribute(const char* op, const AttrMap& attrs,
                                         const std::vector<FieldInfo>& fields);

template <class P, class = void>
struct HasFinish : std::false_type {};
template <class P>
struct HasFinish<P, std::void_t<decltype(std::declval<P&>().finish(""))>> : std::true_type {};

template <class P>
ParamsSpec params_spec() {
  ParamsSpec spec;
  spec.describe = [] {
    P params{};
    ParamsDescriber describer;
    params.visit(describer);
    return describer.fields;
  };
  spec.parse = [](const char* op, const AttrMap& attrs) -> ParamsPtr {
    auto params = std::make_shared<P>();
    ParamsParser parser(op, attrs);
    params->visit(parser);
    if (parser.used() != attrs.size()) {
      P blank{};
      ParamsDescriber describer;
      blank.visit(describer);
      fail_unknown_attribute(op, attrs, describer.fields);
    }
    if constexpr (HasFinish<P>::value) params->finish(op);
    return params;
  };
  return spec;
}

// Attributes that are not operator parameters: __shape__, __lr_mult__, ...
inline bool is_hidden_key(const std::string& key) {
  return key.size() > 4 && key.compare(0, 2, "__") == 0 && key.compare(key.size() - 2, 2, "__") == 0;
}

}  // namespace symbind
