"""What users write custom operators with: `CustomOp`, `CustomOpProp` and `register`."""

from __future__ import annotations

from typing import Any, Callable

from ..ndarray import NDArray


class CustomOp:
    """What a custom operator computes; one object per bound node, whose attributes live between calls."""

    def forward(
        self,
        is_train: bool,
        req: list[str],
        in_data: list[NDArray],
        out_data: list[NDArray],
        aux: list[NDArray],
    ) -> None:
        """Compute `out_data` from `in_data`, through `assign`.

        req : what to do with each output: ``'write'``, ``'add'``, ``'inplace'`` or ``'null'``.
        aux : auxiliary states, which may be changed.
        """

    def backward(
        self,
        req: list[str],
        out_grad: list[NDArray],
        in_data: list[NDArray],
        out_data: list[NDArray],
        in_grad: list[NDArray],
        aux: list[NDArray],
    ) -> None:
        """Compute `in_grad` from `out_grad` and what forward had; what is not assigned stays 0."""

    def assign(self, dst: NDArray, req: str, src: Any) -> None:
        """Store `src` in `dst` as `req` says: not at all, over the old value, or added to it."""
        if req == "null":
            return
        if req in ("write", "inplace"):
            dst[:] = src
        elif req == "add":
            dst[:] += src
        else:
            raise ValueError(
                f"[CustomOp.assign] req: got {req!r}, expected 'null', 'write', 'inplace' or 'add'"
            )


class CustomOpProp:
    """What the engine must know about a custom operator: names, shapes, dtypes; it makes the `CustomOp`.

    need_top_grad : whether backward reads the gradients of the outputs; a loss does not.
    Subclasses get the attributes of ``mx.sym.Custom`` as keyword arguments, all of them text.
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        self.need_top_grad_ = need_top_grad

    def infer_shape(self, in_shape: list) -> tuple:
        """Shapes (inputs, outputs, states) from those of the inputs; ``[]`` stands for an unknown shape.

        By default every output is like the first input, and there are no states.
        """
        return in_shape, (in_shape[0],) * len(self.list_outputs()), ()

    def infer_type(self, in_type: list) -> tuple:
        """Dtypes (inputs, outputs, states) from those of the inputs; by default all are like the first."""
        return (
            in_type,
            [in_type[0]] * len(self.list_outputs()),
            [in_type[0]] * len(self.list_auxiliary_states()),
        )

    def infer_storage_type(self, in_stype: list) -> tuple:
        """Storage types (inputs, outputs, states); everything is dense here."""
        return (
            in_stype,
            ["default"] * len(self.list_outputs()),
            ["default"] * len(self.list_auxiliary_states()),
        )

    def infer_storage_type_backward(
        self,
        ograd_stype: list,
        in_stype: list,
        out_stype: list,
        igrad_stype: list,
        aux_stype: list,
    ) -> tuple:
        """Storage types of everything that backward sees; everything is dense here."""
        groups = (ograd_stype, in_stype, out_stype, igrad_stype, aux_stype)
        return tuple(["default"] * len(group) for group in groups)

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return ["output"]

    def list_arguments(self) -> list[str]:
        """Names of the inputs that are no states."""
        return ["data"]

    def list_auxiliary_states(self) -> list[str]:
        """Names of the states."""
        return []

    def declare_backward_dependency(
        self, out_grad: list[int], in_data: list[int], out_data: list[int]
    ) -> list[int]:
        """Return which of the given numbers backward reads; without `out_grad` the operator is a loss."""
        return [*(out_grad if self.need_top_grad_ else ()), *in_data, *out_data]

    def create_operator(self, ctx: Any, in_shapes: list, in_dtypes: list) -> CustomOp:
        """Make the operator for inputs and states of these shapes and dtype numbers."""
        return CustomOp()


_registered: dict[str, type[CustomOpProp]] = {}


def register(reg_name: str) -> Callable[[type[CustomOpProp]], type[CustomOpProp]]:
    """Class decorator: make a `CustomOpProp` known as ``op_type=reg_name``; a later one takes its place."""

    def do_register(prop_cls: type[CustomOpProp]) -> type[CustomOpProp]:
        if not (isinstance(prop_cls, type) and issubclass(prop_cls, CustomOpProp)):
            raise TypeError(f"[register] {reg_name}: got {prop_cls!r}, expected a subclass of CustomOpProp")
        _registered[reg_name] = prop_cls
        return prop_cls

    return do_register
