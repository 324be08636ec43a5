// Fills the operator registry; call once before anything else.
#pragma once

namespace symbind {

void register_all_ops();

}  // namespace symbind
