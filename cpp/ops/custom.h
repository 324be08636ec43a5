// What a host language provides for the operator Custom. The engine knows these interfaces alone; the
// bindings implement them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/kernel.h"
#include "base/params.h"
#include "base/shape.h"
#include "base/span.h"

namespace symbind {

// One operator bound to shapes and dtypes. Whatever the host reports as failed comes as an Error.
class CustomOperator {
 public:
  virtual ~CustomOperator() = default;
  // in: arguments, then states, which may be written; out: outputs, null where nobody reads one.
  virtual void forward(bool is_train, void* const* in, void* const* out) = 0;
  // Follows a forward call and may use what that had. out_grads is null when the operator does not need them;
  // in_grads has null where nobody wants one.
  virtual void backward(void* const* out_grads, void* const* states, void* const* in_grads) = 0;
};

// One registered kind of operator, with the attributes of one node.
class CustomProp {
 public:
  virtual ~CustomProp() = default;
  std::vector<std::string> arguments, outputs, states;
  bool needs_out_grads = true;

  // Fill in what is unknown. in: arguments, then states.
  virtual void infer_shape(Span<Shape> in, Span<Shape> out) = 0;
  virtual void infer_type(Span<DType> in, Span<DType> out) = 0;
  virtual std::shared_ptr<CustomOperator> create(Span<const TensorDesc> in, Span<const TensorDesc> out) = 0;
};

using CustomHandler =
    std::function<std::shared_ptr<CustomProp>(const std::string& op_type, const AttrMap& attrs)>;
// Makes the operators of this process; set once, by the host.
void set_custom_handler(CustomHandler handler);

}  // namespace symbind
