// The one exception type of the engine; MXNetError in Python.
#pragma once

#include <stdexcept>
#include <string>

namespace symbind {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace symbind
