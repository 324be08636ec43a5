// check() and fail(): every message is built only when it is thrown.
#pragma once

#include <sstream>

#include "symbind/error.h"

namespace symbind {

template <class... Args>
std::string concat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

template <class... Args>
[[noreturn]] void fail(const Args&... args) {
  throw Error(concat(args...));
}

template <class... Args>
void check(bool ok, const Args&... args) {
  if (__builtin_expect(!ok, 0)) fail(args...);
}

}  // namespace symbind
