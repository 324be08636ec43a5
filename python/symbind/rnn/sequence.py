"""Sequences of symbols: one symbol with a time axis, or a list with one symbol for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import symbol
from ..symbol import Symbol

#: Operators come from the engine's registry, which type checkers do not see.
ops: Any = symbol


def time_axis(layout: str) -> int:
    """Return where time is in a layout such as ``'NTC'``."""
    axis = layout.find("T")
    if axis < 0:
        raise ValueError(f"[unroll] layout: got {layout!r}, expected one with a time axis, 'NTC' or 'TNC'")
    return axis


def split_time(inputs: Symbol, length: int, axis: int) -> list[Symbol]:
    """Return the steps of a merged sequence, without the time axis."""
    if len(inputs.list_outputs()) != 1:
        raise AssertionError(
            "unroll doesn't allow grouped symbol as input. Please convert to list with list(inputs) first or "
            "let unroll handle splitting."
        )
    return list(ops.split(inputs, axis=axis, num_outputs=length, squeeze_axis=1))


def merge_time(inputs: Sequence[Symbol], axis: int) -> Symbol:
    """Return one symbol of all steps, with time at `axis`."""
    steps = [ops.expand_dims(step, axis=axis) for step in inputs]
    return ops.Concat(*steps, dim=axis)


def normalize_sequence(
    length: int | None,
    inputs: Symbol | Sequence[Symbol],
    layout: str,
    merge: bool | None,
    in_layout: str | None = None,
) -> tuple[Any, int]:
    """Return the sequence as wanted, and its time axis.

    merge : True for one symbol, False for a list, None for what it is.
    layout : of the result if it is one symbol; `in_layout`, default the same: of one that is given.
    Raises AssertionError if a list has not `length` elements.
    """
    axis = time_axis(layout)
    in_axis = axis if in_layout is None else time_axis(in_layout)
    if isinstance(inputs, Symbol):
        if merge is False:
            return split_time(inputs, length or 1, in_axis), axis
    else:
        if length is not None and len(inputs) != length:
            raise AssertionError(
                f"[unroll] inputs: got {len(inputs)} symbols, expected one for each of {length} steps"
            )
        if not merge:
            return list(inputs), axis
        inputs, in_axis = merge_time(inputs, axis), axis
    if axis != in_axis:
        inputs = ops.swapaxes(inputs, dim1=axis, dim2=in_axis)
    return inputs, axis
