"""Cells made of cells: one on top of the other, and one in each direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ndarray import NDArray
from ..symbol import Symbol
from .base import BaseRNNCell, RNNParams, StateInfo
from .sequence import normalize_sequence, ops

__all__ = ["BidirectionalCell", "SequentialRNNCell"]


class _CombinedCell(BaseRNNCell):
    """States and weights of several cells, one after another."""

    def __init__(self, prefix: str, params: RNNParams | None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._override_cell_params = params is not None
        self._cells: list[BaseRNNCell] = []

    def _share_params(self, cell: BaseRNNCell) -> None:
        if self._override_cell_params:
            if not cell._own_params:
                raise AssertionError(
                    f"Either specify params for {type(self).__name__} or child cells, not both."
                )
            cell.params._params.update(self.params._params)
        self.params._params.update(cell.params._params)

    @property
    def state_info(self) -> StateInfo:
        return [info for cell in self._cells for info in cell.state_info]

    def begin_state(self, **kwargs: Any) -> list[Symbol]:  # type: ignore[override]
        """Return the states of all cells before the first step."""
        self._check_not_modified()
        return [state for cell in self._cells for state in cell.begin_state(**kwargs)]

    def unpack_weights(self, args: dict[str, NDArray]) -> dict[str, NDArray]:
        for cell in self._cells:
            args = cell.unpack_weights(args)
        return args

    def pack_weights(self, args: dict[str, NDArray]) -> dict[str, NDArray]:
        for cell in self._cells:
            args = cell.pack_weights(args)
        return args


class SequentialRNNCell(_CombinedCell):
    """Layers: each cell reads what the one before it gives.

    Parameters
    ----------
    params : RNNParams or None
    """

    def __init__(self, params: RNNParams | None = None) -> None:
        super().__init__(prefix="", params=params)

    def add(self, cell: BaseRNNCell) -> None:
        """Put a cell on top."""
        self._cells.append(cell)
        self._share_params(cell)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        self._counter += 1
        next_states: list[Symbol] = []
        first = 0
        for cell in self._cells:
            if isinstance(cell, BidirectionalCell):
                raise AssertionError("[SequentialRNNCell] a BidirectionalCell cannot be stepped; use unroll")
            count = len(cell.state_info)
            inputs, after = cell(inputs, states[first : first + count])
            next_states += after
            first += count
        return inputs, next_states

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Return the outputs of the last cell, and the states of all after the last step.

        As `BaseRNNCell.unroll`. Each cell is unrolled before the next.
        """
        self.reset()
        begin = self.begin_state() if begin_state is None else begin_state
        outputs: Any = inputs
        next_states: list[Any] = []
        first = 0
        for index, cell in enumerate(self._cells):
            count = len(cell.state_info)
            outputs, after = cell.unroll(
                length,
                inputs=outputs,
                begin_state=begin[first : first + count],
                layout=layout,
                merge_outputs=merge_outputs if index == len(self._cells) - 1 else None,
            )
            next_states += after
            first += count
        return outputs, next_states


class BidirectionalCell(_CombinedCell):
    """One cell that reads the sequence forward and one that reads it backward; outputs are joined.

    Parameters
    ----------
    l_cell, r_cell : BaseRNNCell
        For the two directions.
    params : RNNParams or None
    output_prefix : str
        Of the names of outputs, default ``'bi_'``.
    """

    def __init__(
        self,
        l_cell: BaseRNNCell,
        r_cell: BaseRNNCell,
        params: RNNParams | None = None,
        output_prefix: str = "bi_",
    ) -> None:
        super().__init__("", params)
        self._output_prefix = output_prefix
        for cell in (l_cell, r_cell):
            self._share_params(cell)
        self._cells = [l_cell, r_cell]

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Return the joined outputs, and a list of the last states for each direction.

        As `BaseRNNCell.unroll`. None for `merge_outputs`: one symbol if both cells give one.
        """
        self.reset()
        steps, axis = normalize_sequence(length, inputs, layout, False)
        begin = self.begin_state() if begin_state is None else begin_state
        l_cell, r_cell = self._cells
        count = len(l_cell.state_info)
        l_outputs, l_states = l_cell.unroll(
            length, inputs=steps, begin_state=begin[:count], layout=layout, merge_outputs=merge_outputs
        )
        r_outputs, r_states = r_cell.unroll(
            length,
            inputs=list(reversed(list(steps))),
            begin_state=begin[count:],
            layout=layout,
            merge_outputs=merge_outputs,
        )
        merged = [isinstance(outputs, Symbol) for outputs in (l_outputs, r_outputs)]
        if merge_outputs is None:
            merge_outputs = all(merged)
        if merge_outputs:
            r_outputs = ops.reverse(r_outputs, axis=axis)
            joined = ops.Concat(l_outputs, r_outputs, dim=2, name=f"{self._output_prefix}out")
            return joined, [l_states, r_states]
        l_outputs, r_outputs = (
            list(ops.SliceChannel(outputs, axis=axis, num_outputs=length, squeeze_axis=1)) if one else outputs
            for outputs, one in zip((l_outputs, r_outputs), merged)
        )
        joined = [
            ops.Concat(left, right, dim=1, name=f"{self._output_prefix}t{time}")
            for time, (left, right) in enumerate(zip(l_outputs, reversed(r_outputs)))
        ]
        return joined, [l_states, r_states]
