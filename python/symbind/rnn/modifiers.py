"""Cells that change what other cells do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from ..ndarray import NDArray
from ..symbol import Symbol
from .base import BaseRNNCell, RNNParams, StateInfo
from .combined import BidirectionalCell, SequentialRNNCell
from .sequence import normalize_sequence, ops

__all__ = ["DropoutCell", "ModifierCell", "ResidualCell", "ZoneoutCell"]


class DropoutCell(BaseRNNCell):
    """Dropout of what it reads. It has no states.

    Parameters
    ----------
    dropout : float
        Probability of dropping a value; 0 does nothing.
    prefix : str
        Default ``'dropout_'``.
    params : RNNParams or None
    """

    def __init__(self, dropout: float, prefix: str = "dropout_", params: RNNParams | None = None) -> None:
        super().__init__(prefix, params)
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)):
            raise AssertionError(f"dropout probability must be a number: got {dropout!r}")
        self.dropout = dropout

    @property
    def state_info(self) -> StateInfo:
        return []

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        if self.dropout > 0:
            inputs = ops.Dropout(data=inputs, p=self.dropout)
        return inputs, states

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """As `BaseRNNCell.unroll`; a sequence that is one symbol gets one mask."""
        self.reset()
        sequence, _ = normalize_sequence(length, inputs, layout, merge_outputs)
        if isinstance(sequence, Symbol):
            return self(sequence, [])
        return super().unroll(length, sequence, begin_state, layout, merge_outputs)


class ModifierCell(BaseRNNCell):
    """Base class of cells that change one other cell, which must not be used by itself from then on.

    Parameters
    ----------
    base_cell : BaseRNNCell
    """

    def __init__(self, base_cell: BaseRNNCell) -> None:
        base_cell._modified = True
        super().__init__()
        self.base_cell = base_cell

    @property
    def params(self) -> RNNParams:
        self._own_params = False
        return self.base_cell.params

    @property
    def state_info(self) -> StateInfo:
        return self.base_cell.state_info

    def begin_state(  # type: ignore[override]
        self, init_sym: Callable[..., Symbol] = ops.zeros, **kwargs: Any
    ) -> list[Symbol]:
        """Return the states of the base cell before the first step, made by `init_sym`."""
        self._check_not_modified()
        self.base_cell._modified = False
        try:
            return self.base_cell.begin_state(func=init_sym, **kwargs)
        finally:
            self.base_cell._modified = True

    def unpack_weights(self, args: dict[str, NDArray]) -> dict[str, NDArray]:
        return self.base_cell.unpack_weights(args)

    def pack_weights(self, args: dict[str, NDArray]) -> dict[str, NDArray]:
        return self.base_cell.pack_weights(args)


class ZoneoutCell(ModifierCell):
    """In training, keeps random parts of outputs and states as they were (Krueger et al., 2016).

    Parameters
    ----------
    base_cell : BaseRNNCell
        One that can be stepped.
    zoneout_outputs, zoneout_states : float
        Probabilities of keeping a value, default 0.
    """

    def __init__(
        self, base_cell: BaseRNNCell, zoneout_outputs: float = 0.0, zoneout_states: float = 0.0
    ) -> None:
        if not hasattr(base_cell, "unfuse"):
            stack = base_cell._cells if isinstance(base_cell, SequentialRNNCell) else [base_cell]
            if any(isinstance(cell, BidirectionalCell) for cell in stack):
                raise AssertionError(
                    "BidirectionalCell doesn't support zoneout since it doesn't support step. Please add "
                    "ZoneoutCell to the cells underneath instead."
                )
        else:
            raise AssertionError("FusedRNNCell doesn't support zoneout. Please unfuse first.")
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states
        self.prev_output: Symbol | None = None

    def reset(self) -> None:
        super().reset()
        self.prev_output = None

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        next_output, next_states = self.base_cell(inputs, states)

        def mix(p: float, new: Symbol, old: Symbol) -> Symbol:
            return ops.where(ops.Dropout(ops.ones_like(new), p=p), new, old)

        output = next_output
        if self.zoneout_outputs != 0.0:
            previous = ops.zeros((0, 0)) if self.prev_output is None else self.prev_output
            output = mix(self.zoneout_outputs, next_output, previous)
        if self.zoneout_states != 0.0:
            next_states = [mix(self.zoneout_states, new, old) for new, old in zip(next_states, states)]
        self.prev_output = output
        return output, next_states


class ResidualCell(ModifierCell):
    """Adds what the cell reads to its output (Wu et al., 2016).

    Parameters
    ----------
    base_cell : BaseRNNCell
        Its output must have the shape of its input.
    """

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        output, states = self.base_cell(inputs, states)
        return _add_residual(output, inputs), states

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """As `BaseRNNCell.unroll`. None for `merge_outputs`: what the base cell gives."""
        self.reset()
        self.base_cell._modified = False
        try:
            outputs, states = self.base_cell.unroll(
                length, inputs=inputs, begin_state=begin_state, layout=layout, merge_outputs=merge_outputs
            )
        finally:
            self.base_cell._modified = True
        merge = isinstance(outputs, Symbol) if merge_outputs is None else merge_outputs
        sequence, _ = normalize_sequence(length, inputs, layout, merge)
        if merge:
            return _add_residual(outputs, sequence), states
        return [_add_residual(output, step) for output, step in zip(outputs, sequence)], states


def _add_residual(output: Symbol, inputs: Any) -> Symbol:
    return ops.elemwise_add(output, inputs, name=f"{output.name}_plus_residual")
