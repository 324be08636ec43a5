"""What all cells share: parameters, states, packing of weights, and unrolling step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Union

from .. import ndarray
from ..ndarray import NDArray
from ..symbol import Symbol
from .sequence import normalize_sequence, ops

__all__ = ["BaseRNNCell", "RNNParams"]

#: A named function that makes an activation of a symbol, or the name of an `Activation`.
Activation = Union[str, Callable[..., Symbol]]
StateInfo = list[dict[str, Any]]


class RNNParams:
    """Variables that cells share: each name is made once.

    Parameters
    ----------
    prefix : str
        Of the names of all variables.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._params: dict[str, Symbol] = {}

    def get(self, name: str, **kwargs: Any) -> Symbol:
        """Return the variable ``prefix + name``; `kwargs` are for `Variable` when it is new."""
        name = self._prefix + name
        if name not in self._params:
            self._params[name] = ops.Variable(name, **kwargs)
        return self._params[name]


class BaseRNNCell:
    """Base class of cells.

    A subclass defines `state_info`, `_gate_names` if its weights are packed gate by gate, and ``__call__``.

    Parameters
    ----------
    prefix : str
        Of the names of outputs and of the cell's own parameters.
    params : RNNParams or None
        Parameters to share with other cells. None: the cell's own.
    """

    _num_hidden = 0

    def __init__(self, prefix: str = "", params: RNNParams | None = None) -> None:
        self._own_params = params is None
        self._params = RNNParams(prefix) if params is None else params
        self._prefix = prefix
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Start over with the numbers of steps and states in names, before another graph is made."""
        self._init_counter = -1
        self._counter = -1
        for cell in getattr(self, "_cells", ()):
            cell.reset()

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """Return the output of one step and the states after it.

        inputs : (batch, features). states : from `begin_state` or the step before.
        """
        raise NotImplementedError(f"[{type(self).__name__}] has no step of its own")

    @property
    def params(self) -> RNNParams:
        """The parameters of this cell."""
        self._own_params = False
        return self._params

    @property
    def state_info(self) -> StateInfo:
        """Shapes (0: the batch) and layouts of the states."""
        raise NotImplementedError(f"[{type(self).__name__}] does not say which states it has")

    @property
    def state_shape(self) -> list[tuple[int, ...]]:
        """Shapes of the states."""
        return [info["shape"] for info in self.state_info]

    @property
    def _gate_names(self) -> Sequence[str]:
        return ()

    def _check_not_modified(self) -> None:
        if self._modified:
            raise AssertionError(
                "After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. "
                "Call the modifier cell instead."
            )

    def begin_state(self, func: Callable[..., Symbol] = ops.zeros, **kwargs: Any) -> list[Symbol]:
        """Return the states before the first step.

        func : makes a state from ``name=``, ``shape=`` and `kwargs`: `zeros` (the default), `Variable` and
            the like.
        """
        self._check_not_modified()
        states = []
        for info in self.state_info:
            self._init_counter += 1
            name = f"{self._prefix}begin_state_{self._init_counter}"
            states.append(func(name=name, **{**kwargs, **info}))
        return states

    def _gate_blocks(self) -> list[tuple[str, list[str]]]:
        """Names of packed parameters without their kind, and those of their gates."""
        return [
            (f"{self._prefix}{group}", [f"{self._prefix}{group}{gate}" for gate in self._gate_names])
            for group in ("i2h", "h2h")
        ]

    def unpack_weights(self, args: dict[str, NDArray]) -> dict[str, NDArray]:
        """Return a copy of `args` with this cell's matrices and biases cut into those of the gates."""
        args = dict(args)
        size = self._num_hidden
        if self._gate_names:
            for whole, gates in self._gate_blocks():
                values = {kind: args.pop(f"{whole}_{kind}") for kind in ("weight", "bias")}
                for index, gate in enumerate(gates):
                    for kind, array in values.items():
                        args[f"{gate}_{kind}"] = array[index * size : (index + 1) * size].copy()
        return args

    def pack_weights(self, args: dict[str, NDArray]) -> dict[str, NDArray]:
        """Undo `unpack_weights`."""
        args = dict(args)
        if self._gate_names:
            for whole, gates in self._gate_blocks():
                for kind in ("weight", "bias"):
                    parts = [args.pop(f"{gate}_{kind}") for gate in gates]
                    args[f"{whole}_{kind}"] = ndarray.concatenate(parts)
        return args

    def unroll(
        self,
        length: int,
        inputs: Symbol | Sequence[Symbol],
        begin_state: list[Symbol] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Return the outputs of `length` steps, and the states after the last.

        Parameters
        ----------
        length : int
        inputs : Symbol or list of Symbol
            One symbol in `layout`, or one of shape (batch, features) for each step.
        begin_state : list of Symbol or None
            None: `begin_state()`.
        layout : str
            Of inputs and outputs that are one symbol: ``'NTC'`` or ``'TNC'``.
        merge_outputs : bool or None
            True: the outputs are one symbol; False: a list of them; None: what is cheaper.
        """
        self.reset()
        steps, _ = normalize_sequence(length, inputs, layout, False)
        states = self.begin_state() if begin_state is None else begin_state
        outputs = []
        for step in steps:
            output, states = self(step, states)
            outputs.append(output)
        return normalize_sequence(length, outputs, layout, merge_outputs)[0], states

    def _get_activation(self, inputs: Symbol, activation: Activation, **kwargs: Any) -> Symbol:
        if isinstance(activation, str):
            return ops.Activation(inputs, act_type=activation, **kwargs)
        return activation(inputs, **kwargs)
