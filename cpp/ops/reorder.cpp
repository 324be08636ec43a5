// _reorder: a tensor moves from one memory layout to another. Inserted by the layout pass, never by users.
#include "backend/cpu/layout.h"
#include "graph/registry.h"

namespace symbind {

void register_reorder_ops() {
  OpDef& op = register_op("_reorder");
  op.doc = "Copies a tensor into another memory layout.";
  op.visible = false;
  op.infer_shape = infer_same_shape;
  op.kernel = [](const KernelRequest& r) { return make_reorder_kernel(r.in[0], r.out[0]); };
}

}  // namespace symbind
