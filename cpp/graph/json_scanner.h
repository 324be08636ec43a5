// Reads JSON text piece by piece: no tree is built, nothing is recursive, and every error carries its byte.
// It reads what MXNet writes and more (all escapes, a byte order mark); MXNet writes control characters raw.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace symbind {

// Usage: scanner.begin_object(); while (scanner.next_key(key)) { ...read or skip one value... }
//        scanner.begin_array(); while (scanner.next_item()) { ...read or skip one value... }
class JsonScanner {
 public:
  static constexpr size_t kMaxDepth = 64;

  // `label` names the text in errors. Fails if the text is empty. Both must outlive the scanner.
  JsonScanner(std::string_view text, const std::string& label);

  void begin_object();
  bool next_key(std::string& key);
  void begin_array();
  bool next_item();
  std::string read_string();
  int64_t read_int();
  // Any value; containers of any kind down to kMaxDepth.
  void skip_value();
  // The bytes that are left after the value, white space not counted.
  size_t trailing_bytes();

  // The next byte that is not white space.
  size_t offset();
  [[noreturn]] void fail_at(size_t offset, const std::string& message) const;

 private:
  struct Level {
    char close;
    bool has_item = false;
  };

  char peek();
  void expect(char c, const char* what);
  void begin(char open, char close, const char* what);
  bool next(const char* what);
  void skip_literal();
  void append_escape(std::string& out);
  uint32_t read_hex4();
  void check_utf8(size_t begin, size_t end) const;
  std::string describe() const;

  std::string_view text_;
  const std::string& label_;
  size_t at_ = 0;
  std::vector<Level> levels_;
};

}  // namespace symbind
