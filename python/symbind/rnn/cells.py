"""Cells made of fully connected layers: plain, LSTM and GRU."""

from __future__ import annotations

from .. import initializer
from .._rnn_layout import GATES
from ..symbol import Symbol
from .base import Activation, BaseRNNCell, RNNParams, StateInfo
from .sequence import ops

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class RNNCell(BaseRNNCell):
    """h' = activation(W x + b + U h + c).

    Parameters
    ----------
    num_hidden : int
        Units.
    activation : str or callable
        Name of an `Activation`, default ``'tanh'``, or a function of a symbol and ``name=``.
    prefix : str
        Default ``'rnn_'``.
    params : RNNParams or None
    """

    def __init__(
        self,
        num_hidden: int,
        activation: Activation = "tanh",
        prefix: str = "rnn_",
        params: RNNParams | None = None,
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        self._activation = activation
        self._iW = self.params.get("i2h_weight")
        self._iB = self.params.get("i2h_bias")
        self._hW = self.params.get("h2h_weight")
        self._hB = self.params.get("h2h_bias")

    @property
    def state_info(self) -> StateInfo:
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"}]

    @property
    def _gate_names(self) -> tuple[str, ...]:
        return ("",)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        self._counter += 1
        name = f"{self._prefix}t{self._counter}_"
        i2h = ops.FullyConnected(
            data=inputs, weight=self._iW, bias=self._iB, num_hidden=self._num_hidden, name=f"{name}i2h"
        )
        h2h = ops.FullyConnected(
            data=states[0], weight=self._hW, bias=self._hB, num_hidden=self._num_hidden, name=f"{name}h2h"
        )
        output = self._get_activation(i2h + h2h, self._activation, name=f"{name}out")
        return output, [output]


class LSTMCell(BaseRNNCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), with gates input, forget, candidate, output.

    Parameters
    ----------
    num_hidden : int
        Units.
    prefix : str
        Default ``'lstm_'``.
    params : RNNParams or None
    forget_bias : float
        Initial bias of the forget gate, default 1 (Jozefowicz et al., 2015).
    """

    def __init__(
        self,
        num_hidden: int,
        prefix: str = "lstm_",
        params: RNNParams | None = None,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        self._iW = self.params.get("i2h_weight")
        self._hW = self.params.get("h2h_weight")
        self._iB = self.params.get("i2h_bias", init=initializer.LSTMBias(forget_bias=forget_bias))
        self._hB = self.params.get("h2h_bias")

    @property
    def state_info(self) -> StateInfo:
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"} for _ in range(2)]

    @property
    def _gate_names(self) -> list[str]:
        return list(GATES["lstm"])

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        self._counter += 1
        name = f"{self._prefix}t{self._counter}_"
        i2h = ops.FullyConnected(
            data=inputs, weight=self._iW, bias=self._iB, num_hidden=self._num_hidden * 4, name=f"{name}i2h"
        )
        h2h = ops.FullyConnected(
            data=states[0], weight=self._hW, bias=self._hB, num_hidden=self._num_hidden * 4, name=f"{name}h2h"
        )
        return lstm_step(ops.SliceChannel(i2h + h2h, num_outputs=4, name=f"{name}slice"), states[1], name)


def lstm_step(gates: Symbol, cell: Symbol, name: str, activation=None) -> tuple[Symbol, list[Symbol]]:
    """Return output and states of an LSTM from the sums of its four gates.

    activation : makes the activation of the candidate and of the cell, default tanh.
    """
    squash = activation or (lambda data, **kwargs: ops.Activation(data, act_type="tanh", **kwargs))
    in_gate = ops.Activation(gates[0], act_type="sigmoid", name=f"{name}i")
    forget_gate = ops.Activation(gates[1], act_type="sigmoid", name=f"{name}f")
    candidate = squash(gates[2], name=f"{name}c")
    out_gate = ops.Activation(gates[3], act_type="sigmoid", name=f"{name}o")
    next_cell = ops._internal._plus(forget_gate * cell, in_gate * candidate, name=f"{name}state")
    output = ops._internal._mul(out_gate, squash(next_cell), name=f"{name}out")
    return output, [output, next_cell]


class GRUCell(BaseRNNCell):
    """Gated recurrent unit (Cho et al., 2014) as in cuDNN: the reset gate acts after the recurrent product.

    Parameters
    ----------
    num_hidden : int
        Units.
    prefix : str
        Default ``'gru_'``.
    params : RNNParams or None
    """

    def __init__(self, num_hidden: int, prefix: str = "gru_", params: RNNParams | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        self._iW = self.params.get("i2h_weight")
        self._iB = self.params.get("i2h_bias")
        self._hW = self.params.get("h2h_weight")
        self._hB = self.params.get("h2h_bias")

    @property
    def state_info(self) -> StateInfo:
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"}]

    @property
    def _gate_names(self) -> list[str]:
        return list(GATES["gru"])

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        self._counter += 1
        name = f"{self._prefix}t{self._counter}_"
        i2h = ops.FullyConnected(
            data=inputs, weight=self._iW, bias=self._iB, num_hidden=self._num_hidden * 3, name=f"{name}_i2h"
        )
        h2h = ops.FullyConnected(
            data=states[0],
            weight=self._hW,
            bias=self._hB,
            num_hidden=self._num_hidden * 3,
            name=f"{name}_h2h",
        )
        return gru_step(i2h, h2h, states[0], name)


def gru_step(
    i2h: Symbol, h2h: Symbol, state: Symbol, name: str, activation=None
) -> tuple[Symbol, list[Symbol]]:
    """Return output and states of a GRU from the input's and the state's parts of its three gates.

    activation : makes the activation of the candidate, default tanh.
    """
    squash = activation or (lambda data, **kwargs: ops.Activation(data, act_type="tanh", **kwargs))
    i2h_r, i2h_z, i2h_n = ops.SliceChannel(i2h, num_outputs=3, name=f"{name}_i2h_slice")
    h2h_r, h2h_z, h2h_n = ops.SliceChannel(h2h, num_outputs=3, name=f"{name}_h2h_slice")
    reset_gate = ops.Activation(i2h_r + h2h_r, act_type="sigmoid", name=f"{name}_r_act")
    update_gate = ops.Activation(i2h_z + h2h_z, act_type="sigmoid", name=f"{name}_z_act")
    candidate = squash(i2h_n + reset_gate * h2h_n, name=f"{name}_h_act")
    output = ops._internal._plus((1.0 - update_gate) * candidate, update_gate * state, name=f"{name}out")
    return output, [output]
