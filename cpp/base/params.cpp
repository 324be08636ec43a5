#include "base/params.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace symbind {
namespace {

[[noreturn]] void bad_value(const FieldContext& c, const std::string& text, const std::string& expected) {
  fail("[", c.op, "] attribute '", c.name, "': got '", text, "', expected ", expected);
}

std::string strip(const std::string& s) {
  const size_t first = s.find_first_not_of(" \t\n");
  if (first == std::string::npos) return "";
  return s.substr(first, s.find_last_not_of(" \t\n") - first + 1);
}

// The items of "(1, 2)", "[1,2]", "1" or "()"; fails on unbalanced text.
std::vector<std::string> split_tuple(const FieldContext& c, const std::string& raw) {
  std::string text = strip(raw);
  if (!text.empty() && (text.front() == '(' || text.front() == '[')) {
    const char close = text.front() == '(' ? ')' : ']';
    if (text.size() < 2 || text.back() != close) bad_value(c, raw, "a tuple such as (1, 2)");
    text = text.substr(1, text.size() - 2);
  }
  std::vector<std::string> items;
  size_t begin = 0;
  while (begin <= text.size()) {
    size_t end = text.find(',', begin);
    if (end == std::string::npos) end = text.size();
    const std::string item = strip(text.substr(begin, end - begin));
    const bool last = end == text.size();
    if (!item.empty()) {
      items.push_back(item);
    } else if (!last) {
      bad_value(c, raw, "a tuple such as (1, 2)");
    }
    begin = end + 1;
  }
  return items;
}

bool try_int(std::string text, int64_t& out) {
  if (!text.empty() && (text.back() == 'L' || text.back() == 'l')) text.pop_back();  // Python 2 long
  if (text.empty()) return false;
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (*end == '\0' && errno == 0) {
    out = value;
    return true;
  }
  // Whole numbers written as floats ("2.0", "1e3") are what Python arithmetic leaves behind.
  errno = 0;
  const double real = std::strtod(text.c_str(), &end);
  if (*end != '\0' || errno != 0 || real != std::floor(real) || std::fabs(real) > 9e15) return false;
  out = static_cast<int64_t>(real);
  return true;
}

bool try_double(const std::string& text, double& out) {
  if (text.empty()) return false;
  char* end = nullptr;
  out = std::strtod(text.c_str(), &end);
  return *end == '\0';
}

}  // namespace

bool is_none(const std::string& text) { return strip(text) == "None"; }

void parse_field(const FieldContext& c, const std::string& raw, bool& out) {
  const std::string text = strip(raw);
  if (text == "True" || text == "true" || text == "1") {
    out = true;
  } else if (text == "False" || text == "false" || text == "0") {
    out = false;
  } else {
    bad_value(c, raw, "True or False");
  }
}

void parse_field(const FieldContext& c, const std::string& text, int64_t& out) {
  if (strip(text) == "True") {
    out = 1;
  } else if (strip(text) == "False") {
    out = 0;
  } else if (!try_int(strip(text), out)) {
    bad_value(c, text, "an integer");
  }
}

void parse_field(const FieldContext& c, const std::string& text, double& out) {
  if (!try_double(strip(text), out)) bad_value(c, text, "a number");
}

void parse_field(const FieldContext&, const std::string& text, std::string& out) { out = text; }

void parse_field(const FieldContext& c, const std::string& text, Tuple& out) {
  out.clear();
  if (is_none(text)) return;
  for (const std::string& item : split_tuple(c, text)) {
    int64_t value;
    if (!try_int(item, value)) bad_value(c, text, "a tuple of integers such as (1, 2)");
    out.push_back(value);
  }
}

void parse_field(const FieldContext& c, const std::string& text, OptTuple& out) {
  out.clear();
  if (is_none(text)) return;
  for (const std::string& item : split_tuple(c, text)) {
    int64_t value;
    if (item == "None") {
      out.emplace_back();
    } else if (try_int(item, value)) {
      out.emplace_back(value);
    } else {
      bad_value(c, text, "a tuple of integers or None such as (1, None)");
    }
  }
}

void parse_field(const FieldContext& c, const std::string& text, FloatTuple& out) {
  out.clear();
  if (is_none(text)) return;
  for (const std::string& item : split_tuple(c, text)) {
    double value;
    if (!try_double(item, value)) bad_value(c, text, "a tuple of numbers such as (0.5, 1)");
    out.push_back(value);
  }
}

void parse_field(const FieldContext& c, const std::string& text, DType& out) {
  int64_t flag;
  if (try_int(text, flag) && dtype_from_flag(flag) != DType::kUnknown) {
    out = dtype_from_flag(flag);
    return;
  }
  try {
    out = dtype_parse(strip(text));
  } catch (const Error& e) {
    bad_value(c, text, e.what());
  }
}

int parse_choice(const FieldContext& c, const std::string& text, const std::vector<const char*>& words) {
  const std::string word = strip(text);
  for (size_t i = 0; i < words.size(); ++i) {
    if (word == words[i]) return static_cast<int>(i);
  }
  std::string expected = "one of";
  for (const char* w : words) expected += concat(w == words.front() ? " '" : ", '", w, "'");
  bad_value(c, text, expected);
}

std::string format_value(bool v) { return v ? "True" : "False"; }
std::string format_value(int64_t v) { return std::to_string(v); }
// The shortest text that reads back as the same number: gradients hand numbers on as attributes.
std::string format_value(double v) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, v).ptr};
}
std::string format_value(const std::string& v) { return v; }
std::string format_value(DType v) { return dtype_name(v); }

namespace {
template <class T, class F>
std::string format_list(const T& items, F&& item_text) {
  std::string s = "(";
  for (size_t i = 0; i < items.size(); ++i) s += (i > 0 ? ", " : "") + item_text(items[i]);
  return s + (items.size() == 1 ? ",)" : ")");
}
}  // namespace

std::string format_value(const Tuple& v) {
  return format_list(v, [](int64_t x) { return std::to_string(x); });
}
std::string format_value(const OptTuple& v) {
  return format_list(v, [](const std::optional<int64_t>& x) { return format_value(x); });
}
std::string format_value(const FloatTuple& v) {
  return format_list(v, [](double x) { return concat(x); });
}

void ParamsDescriber::choice(const char* name, Choice&, const std::vector<const char*>& words, int fallback,
                             const char* doc) {
  std::string type = "{";
  for (const char* w : words) type += concat(w == words.front() ? "'" : ", '", w, "'");
  fields.push_back({name, type + "}", fallback < 0 ? "" : words[fallback], fallback < 0, doc});
}

void fail_unknown_attribute(const char* op, const AttrMap& attrs, const std::vector<FieldInfo>& fields) {
  std::string known;
  for (const FieldInfo& f : fields) known += concat(known.empty() ? "" : ", ", f.name);
  for (const auto& [key, value] : attrs) {
    bool found = false;
    for (const FieldInfo& f : fields) found = found || f.name == key;
    check(found, "[", op, "] unknown attribute '", key, "' (value '", value, "'), expected ",
          known.empty() ? "none" : known);
  }
  fail("[", op, "] an attribute was given twice");
}

}  // namespace symbind
