"""Initializers of the parameters of recurrent networks."""

from __future__ import annotations

import math

import numpy as np

from .._rnn_layout import GATES, fused_blocks, fused_input_size
from ..ndarray import NDArray, zeros
from .base import InitDesc, Initializer, create, register

__all__ = ["FusedRNN", "LSTMBias"]


@register
class LSTMBias(Initializer):
    """Fill the bias of an LSTM cell with 0, the part of the forget gate, the second quarter, with
    `forget_bias`.

    Use it as the initializer of the variable, ``Variable(init=LSTMBias())``: by name a bias is filled with 0.

    Parameters
    ----------
    forget_bias : float
        Default 1.
    """

    def __init__(self, forget_bias: float = 1.0) -> None:
        super().__init__(forget_bias=forget_bias)
        self.forget_bias = forget_bias

    def _init_weight(self, _: str, arr: NDArray) -> None:
        values = np.zeros(arr.shape, dtype=np.float32)
        quarter = arr.shape[0] // 4
        values[quarter : 2 * quarter] = self.forget_bias
        arr[:] = values


@register
class FusedRNN(Initializer):
    """Fill the parameter vector of a fused recurrent network, each gate's matrix by itself.

    Parameters
    ----------
    init : Initializer, str or None
        For the weights and biases of the gates, which have names such as ``l0_i2h_f_weight``. None: the
        initializer of the whole network.
    num_hidden, num_layers : int
    mode : str
        ``'rnn_relu'``, ``'rnn_tanh'``, ``'lstm'`` or ``'gru'``.
    bidirectional : bool
        Default False.
    forget_bias : float
        For the forget gates' biases of an LSTM. Default 1.
    """

    def __init__(
        self,
        init: Initializer | str | None,
        num_hidden: int,
        num_layers: int,
        mode: str,
        bidirectional: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        if mode not in GATES:
            raise ValueError(f"[FusedRNN] unknown mode: got {mode!r}, expected one of {', '.join(GATES)}")
        parts: Initializer | None = create(init) if isinstance(init, str) else init
        super().__init__(
            init=None if parts is None else parts.dumps(),
            num_hidden=num_hidden,
            num_layers=num_layers,
            mode=mode,
            bidirectional=bidirectional,
            forget_bias=forget_bias,
        )
        self._init = parts
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._forget_bias = forget_bias

    def _init_weight(self, desc: str, arr: NDArray) -> None:
        global_init = getattr(desc, "global_init", None)
        init = self._init if self._init is not None else global_init
        if init is None:
            raise ValueError(f"[FusedRNN] no initializer for the parts of {desc}: give init=")
        layout = (self._num_hidden, self._num_layers, self._mode, self._bidirectional)
        values = np.empty(arr.size, dtype=arr.dtype)
        for name, shape, offset in fused_blocks(fused_input_size(arr.size, *layout), *layout):
            block = values[offset : offset + math.prod(shape)]
            if self._mode == "lstm" and name.endswith("_f_bias"):
                block[:] = self._forget_bias
            else:
                part = zeros(shape, dtype=arr.dtype)
                init(InitDesc(name, global_init=global_init), part)
                block[:] = part.asnumpy().ravel()
        arr[:] = values.reshape(arr.shape)
