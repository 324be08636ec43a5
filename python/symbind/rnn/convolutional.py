"""Cells made of convolutions (Shi et al., 2015)."""

from __future__ import annotations

import functools
from typing import Any

from .._rnn_layout import GATES
from ..symbol import Symbol
from .base import Activation, BaseRNNCell, RNNParams, StateInfo
from .cells import gru_step, lstm_step
from .sequence import ops

__all__ = ["BaseConvRNNCell", "ConvGRUCell", "ConvLSTMCell", "ConvRNNCell"]

Pair = tuple[int, int]
_LEAKY = functools.partial(ops.LeakyReLU, act_type="leaky", slope=0.2)


class BaseConvRNNCell(BaseRNNCell):
    """Base class of cells whose products are convolutions. The state has the size of the convolved input.

    Parameters
    ----------
    input_shape : tuple of int
        Of one step's input, with the batch: (N, C, H, W) or what `conv_layout` says.
    num_hidden : int
        Channels of the state.
    h2h_kernel, h2h_dilate : pair of int
        Of the convolution of the state; kernels are odd, so that padding can keep the size.
    i2h_kernel, i2h_stride, i2h_pad, i2h_dilate : pair of int
        Of the convolution of the input.
    i2h_weight_initializer, h2h_weight_initializer : Initializer, str or None
    i2h_bias_initializer, h2h_bias_initializer : Initializer or str
    activation : str or callable
        Name of an `Activation`, or a function of a symbol.
    prefix : str
    params : RNNParams or None
    conv_layout : str
        ``'NCHW'`` or ``'NHWC'``.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_hidden: int,
        h2h_kernel: Pair,
        h2h_dilate: Pair,
        i2h_kernel: Pair,
        i2h_stride: Pair,
        i2h_pad: Pair,
        i2h_dilate: Pair,
        i2h_weight_initializer: Any,
        h2h_weight_initializer: Any,
        i2h_bias_initializer: Any,
        h2h_bias_initializer: Any,
        activation: Activation,
        prefix: str = "",
        params: RNNParams | None = None,
        conv_layout: str = "NCHW",
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        if any(size % 2 == 0 for size in h2h_kernel):
            raise AssertionError(f"Only support odd number, get h2h_kernel= {h2h_kernel}")
        self._num_hidden = num_hidden
        self._activation = activation
        self._h2h = {
            "kernel": h2h_kernel,
            "dilate": h2h_dilate,
            "stride": (1, 1),
            "pad": tuple(d * (k - 1) // 2 for k, d in zip(h2h_kernel, h2h_dilate)),
            "layout": conv_layout,
        }
        self._i2h = {
            "kernel": i2h_kernel,
            "dilate": i2h_dilate,
            "stride": i2h_stride,
            "pad": i2h_pad,
            "layout": conv_layout,
        }
        self._iW = self.params.get("i2h_weight", init=i2h_weight_initializer)
        self._hW = self.params.get("h2h_weight", init=h2h_weight_initializer)
        self._iB = self.params.get("i2h_bias", init=i2h_bias_initializer)
        self._hB = self.params.get("h2h_bias", init=h2h_bias_initializer)
        convolved = ops.Convolution(ops.Variable("data"), num_filter=num_hidden, **self._i2h)
        self._state_shape = (0, *convolved.infer_shape(data=input_shape)[1][0][1:])
        self._conv_layout = conv_layout

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    @property
    def state_info(self) -> StateInfo:
        return [{"shape": self._state_shape, "__layout__": self._conv_layout}]

    def _conv_forward(self, inputs: Symbol, states: list[Symbol], name: str) -> tuple[Any, Any]:
        channels = self._num_hidden * self._num_gates
        i2h = ops.Convolution(
            data=inputs, weight=self._iW, bias=self._iB, num_filter=channels, name=f"{name}i2h", **self._i2h
        )
        h2h = ops.Convolution(
            data=states[0],
            weight=self._hW,
            bias=self._hB,
            num_filter=channels,
            name=f"{name}h2h",
            **self._h2h,
        )
        return i2h, h2h

    def _next_name(self) -> str:
        self._counter += 1
        return f"{self._prefix}t{self._counter}_"

    def _squash(self, inputs: Symbol, **kwargs: Any) -> Symbol:
        return self._get_activation(inputs, self._activation, **kwargs)


class _ConvCell(BaseConvRNNCell):
    """The defaults of the three cells; see `BaseConvRNNCell` for the parameters."""

    _default_prefix = ""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_hidden: int,
        h2h_kernel: Pair = (3, 3),
        h2h_dilate: Pair = (1, 1),
        i2h_kernel: Pair = (3, 3),
        i2h_stride: Pair = (1, 1),
        i2h_pad: Pair = (1, 1),
        i2h_dilate: Pair = (1, 1),
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        activation: Activation = _LEAKY,
        prefix: str | None = None,
        params: RNNParams | None = None,
        conv_layout: str = "NCHW",
    ) -> None:
        super().__init__(
            input_shape,
            num_hidden,
            h2h_kernel,
            h2h_dilate,
            i2h_kernel,
            i2h_stride,
            i2h_pad,
            i2h_dilate,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            activation,
            self._default_prefix if prefix is None else prefix,
            params,
            conv_layout,
        )


class ConvRNNCell(_ConvCell):
    """A plain cell of convolutions; prefix ``'ConvRNN_'`` unless given."""

    _default_prefix = "ConvRNN_"

    @property
    def _gate_names(self) -> tuple[str, ...]:
        return ("",)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._next_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        output = self._squash(i2h + h2h, name=f"{name}out")
        return output, [output]


class ConvLSTMCell(_ConvCell):
    """An LSTM of convolutions; prefix ``'ConvLSTM_'`` unless given."""

    _default_prefix = "ConvLSTM_"

    @property
    def _gate_names(self) -> list[str]:
        return list(GATES["lstm"])

    @property
    def state_info(self) -> StateInfo:
        return super().state_info * 2

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._next_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        axis = self._conv_layout.find("C")
        gates = ops.SliceChannel(i2h + h2h, num_outputs=4, axis=axis, name=f"{name}slice")
        return lstm_step(gates, states[1], name, self._squash)


class ConvGRUCell(_ConvCell):
    """A GRU of convolutions; prefix ``'ConvGRU_'`` unless given."""

    _default_prefix = "ConvGRU_"

    @property
    def _gate_names(self) -> list[str]:
        return list(GATES["gru"])

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._next_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        return gru_step(i2h, h2h, states[0], name, self._squash)
