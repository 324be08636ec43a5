// Text that comes from files must be UTF-8 before it becomes a Python str.
#pragma once

#include <cstdint>
#include <string_view>

namespace symbind {

// The position of the first byte that is not part of a well-formed character; npos if there is none.
inline size_t find_invalid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const unsigned char lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if (lead < 0xc2 || lead > 0xf4) return i;
    const size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    uint32_t code = lead & (0x3fu >> more);
    for (size_t k = 1; k <= more; ++k) {
      const unsigned char c = i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0;
      if ((c & 0xc0) != 0x80) return i;
      code = (code << 6) | (c & 0x3f);
    }
    const uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return i;
    i += more + 1;
  }
  return std::string_view::npos;
}

}  // namespace symbind
