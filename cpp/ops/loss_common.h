// What loss operators share: their gradient ignores the gradient of the output.
#pragma once

#include "graph/graph.h"
#include "graph/registry.h"

namespace symbind {

// Adds `_backward_<op>` with inputs (output, label) and output the gradient of data, and wires the gradient:
// data gets it, the label gets none.
inline OpDef& register_loss_backward(OpDef& op, const ParamsSpec& params) {
  const std::string name = "_backward_" + op.name;
  op.traits.is_loss = true;
  op.gradient = [name](GradContext& c) -> std::vector<EntryId> {
    return {{c.backward(name.c_str(), {c.output(0), c.input(1)}, {0}), 0}, EntryId{}};
  };
  OpDef& back = register_op(name);
  back.visible = false;
  back.params = params;
  back.inputs = {"output", "label"};
  back.infer_shape = [](ShapeContext&) {};  // set by the gradient pass
  back.infer_type = [](TypeContext&) {};
  return back;
}

}  // namespace symbind
