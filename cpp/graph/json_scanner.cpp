#include "graph/json_scanner.h"

#include "base/utf8.h"

namespace symbind {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

JsonScanner::JsonScanner(std::string_view text, const std::string& label) : text_(text), label_(label) {
  if (text_.substr(0, 3) == "\xef\xbb\xbf") at_ = 3;
  check(offset() < text_.size(), "[symbol_from_json] ", label_,
        ": empty file, expected a symbol graph in JSON");
}

void JsonScanner::fail_at(size_t offset, const std::string& message) const {
  fail("[symbol_from_json] ", label_, ", byte ", offset, ": ", message);
}

size_t JsonScanner::offset() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  return at_;
}

char JsonScanner::peek() {
  offset();
  if (at_ >= text_.size()) fail_at(text_.size(), "the text ends inside the graph (truncated file?)");
  return text_[at_];
}

std::string JsonScanner::describe() const {
  const unsigned char c = static_cast<unsigned char>(text_[at_]);
  if (c < 0x20 || c >= 0x7f) return concat("byte value ", static_cast<int>(c));
  return concat("'", text_[at_], "'");
}

void JsonScanner::expect(char c, const char* what) {
  if (peek() != c) fail_at(at_, concat("got ", describe(), ", expected ", what));
  ++at_;
}

void JsonScanner::begin(char open, char close, const char* what) {
  expect(open, what);
  if (levels_.size() >= kMaxDepth) {
    fail_at(at_ - 1, concat("nested too deeply: expected at most ", kMaxDepth, " levels"));
  }
  levels_.push_back({close});
}

void JsonScanner::begin_object() { begin('{', '}', "'{' (an object)"); }
void JsonScanner::begin_array() { begin('[', ']', "'[' (a list)"); }

bool JsonScanner::next(const char* what) {
  Level& level = levels_.back();
  if (peek() == level.close) {
    ++at_;
    levels_.pop_back();
    return false;
  }
  if (level.has_item) expect(',', what);
  level.has_item = true;
  return true;
}

bool JsonScanner::next_item() { return next("',' or ']'"); }

bool JsonScanner::next_key(std::string& key) {
  if (!next("',' or '}'")) return false;
  key = read_string();
  expect(':', "':'");
  return true;
}

std::string JsonScanner::read_string() {
  expect('"', "'\"' (a string)");
  const size_t begin = at_ - 1;
  std::string out;
  size_t run = at_;
  for (;;) {
    if (at_ >= text_.size()) fail_at(begin, "the text ends inside this string (truncated file?)");
    const unsigned char c = static_cast<unsigned char>(text_[at_]);
    if (c != '"' && c != '\\' && c != '\n' && c != '\0') {
      ++at_;
      continue;
    }
    check_utf8(run, at_);
    out.append(text_, run, at_ - run);
    if (c == '"') {
      ++at_;
      return out;
    }
    if (c != '\\') fail_at(at_, c == '\n' ? "a line break inside a string" : "a NUL byte inside a string");
    ++at_;
    append_escape(out);
    run = at_;
  }
}

void JsonScanner::append_escape(std::string& out) {
  const size_t begin = at_ - 1;
  if (at_ >= text_.size()) fail_at(begin, "the text ends inside an escape (truncated file?)");
  const char c = text_[at_++];
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out += c;
      return;
    case 'b':
      out += '\b';
      return;
    case 'f':
      out += '\f';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 't':
      out += '\t';
      return;
    case 'u':
      break;
    default:
      fail_at(begin, "an unknown escape in a string, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
  }
  uint32_t code = read_hex4();
  if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    const uint32_t low = read_hex4();
    if (low < 0xdc00 || low > 0xdfff) fail_at(begin, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xd800 && code < 0xe000) {
    fail_at(begin, "half of a surrogate pair");
  }
  if (code == 0) fail_at(begin, "a NUL byte inside a string");
  append_utf8(out, code);
}

uint32_t JsonScanner::read_hex4() {
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i) {
    if (at_ >= text_.size()) fail_at(at_, "the text ends inside an escape (truncated file?)");
    const char c = text_[at_];
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit(c) && (lower < 'a' || lower > 'f')) fail_at(at_, "\\u needs four hexadecimal digits");
    code = code * 16 + static_cast<uint32_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
    ++at_;
  }
  return code;
}

void JsonScanner::check_utf8(size_t begin, size_t end) const {
  const size_t bad = find_invalid_utf8(text_.substr(begin, end - begin));
  if (bad != std::string_view::npos) fail_at(begin + bad, "not UTF-8");
}

int64_t JsonScanner::read_int() {
  const char first = peek();
  const size_t begin = at_;
  const bool negative = first == '-';
  if (negative) ++at_;
  int64_t value = 0;
  size_t digits = 0;
  for (; at_ < text_.size() && is_digit(text_[at_]); ++at_, ++digits) {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, text_[at_] - '0', &value)) {
      fail_at(begin, "a number that does not fit in 64 bits");
    }
  }
  if (digits == 0) {
    at_ = begin;
    fail_at(begin, concat("got ", describe(), ", expected an integer"));
  }
  if (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E')) {
    fail_at(begin, "got a number with a fraction or exponent, expected an integer");
  }
  return negative ? -value : value;
}

// A number, true, false or null.
void JsonScanner::skip_literal() {
  const size_t begin = at_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    const char lower = static_cast<char>(c | 0x20);
    if (!is_digit(c) && c != '+' && c != '-' && c != '.' && (lower < 'a' || lower > 'z')) break;
    ++at_;
  }
  const std::string_view word = text_.substr(begin, at_ - begin);
  if (word == "true" || word == "false" || word == "null") return;
  const bool number = word.find_first_not_of("0123456789+-.eE") == word.npos;
  if (number && !word.empty() && (is_digit(word[0]) || (word.size() > 1 && word[0] == '-'))) return;
  at_ = begin;
  fail_at(begin, concat("got ", describe(), ", expected a value"));
}

void JsonScanner::skip_value() {
  const size_t outer = levels_.size();
  std::string key;
  do {
    const char c = peek();
    if (c == '{') {
      begin_object();
    } else if (c == '[') {
      begin_array();
    } else if (c == '"') {
      read_string();
    } else {
      skip_literal();
    }
    // Move to the next value, leaving every container that ends here.
    while (levels_.size() > outer && !(levels_.back().close == '}' ? next_key(key) : next_item())) {
    }
  } while (levels_.size() > outer);
}

size_t JsonScanner::trailing_bytes() {
  const size_t begin = offset();
  return text_.size() - begin;
}

}  // namespace symbind
