#include "base/env.h"

#include <cstdlib>

#include "base/error.h"

namespace symbind {

int env_int(const char* name, int fallback) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return fallback;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  check(*end == '\0', "environment variable ", name, " must be an integer, got '", text, "'");
  return static_cast<int>(value);
}

bool env_flag(const char* name, bool fallback) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return fallback;
  const std::string value = text;
  return value != "0" && value != "false" && value != "off";
}

}  // namespace symbind
