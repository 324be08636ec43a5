"""The older way to write operators: objects that are called to make symbols. `CustomOp` replaced it.

Each object is one operator, whatever attributes it has; nothing registers it, so its symbols cannot be loaded
from files.
"""

from __future__ import annotations

import uuid
import warnings
import weakref
from typing import Any

import numpy as np

from ..base import MXNetError
from ..ndarray import NDArray
from .custom import CustomOp, CustomOpProp

#: What the op_type of such an object begins with.
_PREFIX = "_python_op:"
# A symbol's node keeps its operator alive (through CustomOpProp); the table does not.
_objects: weakref.WeakValueDictionary[str, PythonOp] = weakref.WeakValueDictionary()


class PythonOp:
    """What `NumpyOp` and `NDArrayOp` have in common.

    need_top_grad : whether backward reads the gradients of the outputs; a loss does not.
    """

    _hint = "_pythonop"
    _op_type: str | None = None

    def __init__(self, need_top_grad: bool = True) -> None:
        warnings.warn(
            f"{type(self).__name__} is of a deprecated kind of operator: please use CustomOp", stacklevel=2
        )
        self.need_top_grad_ = need_top_grad

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return a symbol that applies the operator; see `get_symbol`."""
        return self.get_symbol(*args, **kwargs)

    def get_symbol(self, *args: Any, **kwargs: Any) -> Any:
        """Return a symbol that applies the operator to symbols, given in order or by name.

        Takes `name` and `attr` like every operator; inputs that are left out become variables.
        """
        if not isinstance(self, (NumpyOp, NDArrayOp)):
            raise TypeError("[PythonOp.get_symbol] derive from NumpyOp or NDArrayOp instead")
        from ..symbol.custom import compose_custom

        if self._op_type is None:  # a name that no other process has, lest a file finds another operator
            self._op_type = f"{_PREFIX}{type(self).__name__}:{uuid.uuid4().hex}"
            _objects[self._op_type] = self
        return compose_custom(self._hint, *args, op_type=self._op_type, **kwargs)

    def forward(self, in_data: list, out_data: list) -> None:
        """Compute the outputs in place; by default, output 0 is input 0."""
        out_data[0][:] = in_data[0]

    def backward(self, out_grad: list, in_data: list, out_data: list, in_grad: list) -> None:
        """Compute the gradients of the inputs in place; by default, that of input 0 is 1."""
        in_grad[0][:] = 1.0

    def infer_shape(self, in_shape: list) -> tuple:
        """Shapes (inputs, outputs) from those of the inputs; by default one output like the first input."""
        return in_shape, [in_shape[0]]

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return ["output"]

    def list_arguments(self) -> list[str]:
        """Names of the inputs."""
        return ["data"]

    def need_top_grad(self) -> bool:
        """Tell whether backward reads the gradients of the outputs."""
        return self.need_top_grad_


class NumpyOp(PythonOp):
    """An operator over NumPy arrays: override `forward` and `backward`, which change arrays in place."""

    _hint = "_native"


class NDArrayOp(PythonOp):
    """An operator over NDArrays: override `forward` and `backward`, which change arrays in place."""

    _hint = "_ndarray"

    def declare_backward_dependency(
        self, out_grad: list[int], in_data: list[int], out_data: list[int]
    ) -> list[int]:
        """Return which of the given numbers backward reads."""
        return [*(out_grad if self.need_top_grad() else ()), *in_data, *out_data]


class _Adapter(CustomOp):
    """Runs an older operator as a `CustomOp`."""

    def __init__(self, op: PythonOp) -> None:
        self.op = op

    def forward(self, is_train, req, in_data, out_data, aux):
        if isinstance(self.op, NDArrayOp):
            self.op.forward(in_data=in_data, out_data=out_data)
            return
        outputs = _numpy(out_data)
        self.op.forward(in_data=_numpy(in_data), out_data=outputs)
        _store(out_data, outputs)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        heads = out_grad if self.op.need_top_grad() else []
        if isinstance(self.op, NDArrayOp):
            self.op.backward(out_grad=heads, in_data=in_data, out_data=out_data, in_grad=in_grad)
            return
        gradients = _numpy(in_grad)
        self.op.backward(
            out_grad=_numpy(heads), in_data=_numpy(in_data), out_data=_numpy(out_data), in_grad=gradients
        )
        _store(in_grad, gradients)


class _AdapterProp(CustomOpProp):
    def __init__(self, op: PythonOp) -> None:
        super().__init__(op.need_top_grad())
        self.op = op

    def list_arguments(self) -> list[str]:
        return self.op.list_arguments()

    def list_outputs(self) -> list[str]:
        return self.op.list_outputs()

    def infer_shape(self, in_shape: list) -> tuple:
        return (*self.op.infer_shape(in_shape)[:2], ())

    def declare_backward_dependency(self, out_grad, in_data, out_data):
        if isinstance(self.op, NDArrayOp):
            return self.op.declare_backward_dependency(out_grad, in_data, out_data)
        return super().declare_backward_dependency(out_grad, in_data, out_data)

    def create_operator(self, ctx: Any, in_shapes: list, in_dtypes: list) -> CustomOp:
        return _Adapter(self.op)


def _numpy(arrays: list[NDArray]) -> list[np.ndarray]:
    return [a.asnumpy() for a in arrays]


def _store(arrays: list[NDArray], values: list[np.ndarray]) -> None:
    for array, value in zip(arrays, values):
        array[:] = value


def prop_of(op_type: str) -> CustomOpProp | None:
    """Return the prop of an object's op_type, None for a registered type."""
    if not op_type.startswith(_PREFIX):
        return None
    op = _objects.get(op_type)
    if op is None:
        raise MXNetError(
            f"[Custom] op_type '{op_type}' is an operator object of another process, or one that is gone: "
            "symbols of NumpyOp and NDArrayOp cannot be loaded; use CustomOp and mx.operator.register"
        )
    return _AdapterProp(op)
