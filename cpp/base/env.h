// Environment variables: docs/environment.md lists them all.
#pragma once

#include <string>

namespace symbind {

// The integer value of `name`, or `fallback` when it is unset; fails on text that is not a number.
int env_int(const char* name, int fallback);
// True unless the variable is "0", "false" or "off"; `fallback` when it is unset.
bool env_flag(const char* name, bool fallback);

}  // namespace symbind
