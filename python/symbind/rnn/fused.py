"""All steps and layers in one operator."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import initializer, ndarray
from .._rnn_layout import GATES, fused_blocks, fused_input_size
from ..ndarray import NDArray
from ..symbol import Symbol
from .base import BaseRNNCell, RNNParams, StateInfo
from .cells import GRUCell, LSTMCell, RNNCell
from .combined import BidirectionalCell, SequentialRNNCell
from .modifiers import DropoutCell
from .sequence import normalize_sequence, ops

__all__ = ["FusedRNNCell"]


class FusedRNNCell(BaseRNNCell):
    """Stacked recurrent layers as one `RNN` operator with one parameter vector.

    Parameters
    ----------
    num_hidden : int
        Units of each layer and direction.
    num_layers : int
        Default 1.
    mode : str
        ``'rnn_relu'``, ``'rnn_tanh'``, ``'lstm'`` (the default) or ``'gru'``.
    bidirectional : bool
        Default False.
    dropout : float
        Of what one layer hands to the next, default 0.
    get_next_state : bool
        Whether `unroll` also returns the last states; otherwise it returns none. Default False.
    forget_bias : float
        Initial bias of an LSTM's forget gates, default 1.
    prefix : str or None
        None: the mode and an underscore.
    params : RNNParams or None
    """

    def __init__(
        self,
        num_hidden: int,
        num_layers: int = 1,
        mode: str = "lstm",
        bidirectional: bool = False,
        dropout: float = 0.0,
        get_next_state: bool = False,
        forget_bias: float = 1.0,
        prefix: str | None = None,
        params: RNNParams | None = None,
    ) -> None:
        super().__init__(prefix=f"{mode}_" if prefix is None else prefix, params=params)
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._dropout = dropout
        self._get_next_state = get_next_state
        self._directions = ["l", "r"] if bidirectional else ["l"]
        init = initializer.FusedRNN(None, num_hidden, num_layers, mode, bidirectional, forget_bias)
        self._parameter = self.params.get("parameters", init=init)
        self._parameter_name: str = self.params._prefix + "parameters"

    @property
    def state_info(self) -> StateInfo:
        layers = len(self._directions) * self._num_layers
        count = 2 if self._mode == "lstm" else 1
        return [{"shape": (layers, 0, self._num_hidden), "__layout__": "LNC"} for _ in range(count)]

    @property
    def _gate_names(self) -> list[str]:
        return list(GATES[self._mode])

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    def _blocks(self, input_size: int) -> Any:
        return fused_blocks(input_size, self._num_hidden, self._num_layers, self._mode, self._bidirectional)

    def unpack_weights(self, args: dict[str, NDArray]) -> dict[str, NDArray]:
        """Return a copy of `args` with the parameter vector cut into the matrices and biases of the gates."""
        args = dict(args)
        values = args.pop(self._parameter_name)
        input_size = fused_input_size(
            values.size, self._num_hidden, self._num_layers, self._mode, self._bidirectional
        )
        for name, shape, offset in self._blocks(input_size):
            part = values[offset : offset + math.prod(shape)]
            args[self._prefix + name] = part.reshape(shape).copy()
        return args

    def pack_weights(self, args: dict[str, NDArray]) -> dict[str, NDArray]:
        """Undo `unpack_weights`."""
        args = dict(args)
        first = args[f"{self._prefix}l0_i2h{self._gate_names[0]}_weight"]
        parts = [args.pop(self._prefix + block.name) for block in self._blocks(first.shape[1])]
        values = np.concatenate([part.asnumpy().ravel() for part in parts])
        args[self._parameter_name] = ndarray.array(values, ctx=first.context, dtype=first.dtype)
        return args

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        raise NotImplementedError("FusedRNNCell cannot be stepped. Please use unroll")

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Return the outputs of `length` steps, and the last states if `get_next_state`.

        As `BaseRNNCell.unroll`. None for `merge_outputs` is True here.
        """
        self.reset()
        data, axis = normalize_sequence(length, inputs, layout, True)
        if axis == 1:
            warnings.warn(
                "NTC layout detected. Consider using TNC for FusedRNNCell for faster speed", stacklevel=2
            )
            data = ops.swapaxes(data, dim1=0, dim2=1)
        elif axis != 0:
            raise ValueError(f"[FusedRNNCell] layout: got {layout!r}, expected 'NTC' or 'TNC'")
        states = self.begin_state() if begin_state is None else begin_state
        rnn = ops.RNN(
            data=data,
            parameters=self._parameter,
            state_size=self._num_hidden,
            num_layers=self._num_layers,
            bidirectional=self._bidirectional,
            p=self._dropout,
            state_outputs=self._get_next_state,
            mode=self._mode,
            name=f"{self._prefix}rnn",
            **dict(zip(("state", "state_cell"), states)),
        )
        last: list[Symbol] = []
        outputs = rnn
        if self._get_next_state:
            outputs, *last = rnn
            for state in last:
                state._set_attr(__layout__="LNC")
        if axis == 1:
            outputs = ops.swapaxes(outputs, dim1=0, dim2=1)
        return normalize_sequence(length, outputs, layout, merge_outputs)[0], last

    def unfuse(self) -> SequentialRNNCell:
        """Return the network as a stack of cells, which can be stepped. Weights are packed differently."""
        cells = {
            "rnn_relu": lambda prefix: RNNCell(self._num_hidden, activation="relu", prefix=prefix),
            "rnn_tanh": lambda prefix: RNNCell(self._num_hidden, activation="tanh", prefix=prefix),
            "lstm": lambda prefix: LSTMCell(self._num_hidden, prefix=prefix),
            "gru": lambda prefix: GRUCell(self._num_hidden, prefix=prefix),
        }
        make = cells[self._mode]
        stack = SequentialRNNCell()
        for layer in range(self._num_layers):
            forward = make(f"{self._prefix}l{layer}_")
            if self._bidirectional:
                backward = make(f"{self._prefix}r{layer}_")
                stack.add(BidirectionalCell(forward, backward, output_prefix=f"{self._prefix}bi_l{layer}_"))
            else:
                stack.add(forward)
            if self._dropout > 0 and layer != self._num_layers - 1:
                stack.add(DropoutCell(self._dropout, prefix=f"{self._prefix}_dropout{layer}_"))
        return stack
