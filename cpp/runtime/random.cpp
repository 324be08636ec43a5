#include "runtime/random.h"

namespace symbind {

RandomState& global_random() {
  static RandomState state;
  return state;
}

}  // namespace symbind
