"""Memory that the executors of several buckets take turns in."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..ndarray import NDArray
from ..ndarray.ndarray import _wrap


class ArrayPool:
    """The largest array so far for every input and output, by context; smaller ones are views of it.

    For executors of which one runs at a time: each overwrites the inputs and outputs of the others.
    """

    def __init__(self) -> None:
        self._inputs: dict[Any, NDArray] = {}
        self._outputs: dict[int, list[NDArray]] = {}

    def input(self, context: int, name: str, shape, ctx, dtype) -> NDArray:
        """An array for an input on the context of that number."""
        key = (context, name, np.dtype(dtype).str)
        count = prod(shape)
        largest = self._inputs.get(key)
        if largest is None or largest.size < count:
            largest = self._inputs[key] = nd.zeros((count,), ctx, dtype=dtype)
        return _wrap(largest.handle.slice(0, count).reshape(tuple(shape)))

    def outputs(self, context: int) -> list[NDArray]:
        """Memory for the outputs of an executor on that context."""
        return self._outputs.get(context, [])

    def keep_outputs(self, context: int, outputs: list[NDArray]) -> None:
        """Remembers where outputs are that did not fit into the memory known so far."""
        known = self._outputs.setdefault(context, [])
        for i, output in enumerate(outputs):
            if output.stype != "default":
                output = nd.zeros((0,))  # keeps the place: sparse outputs have memory of their own
            if i == len(known):
                known.append(output)
            elif _bytes(output) > _bytes(known[i]):
                known[i] = output

    def bytes(self) -> int:
        """What the inputs and outputs of all executors take together."""
        outputs = [array for arrays in self._outputs.values() for array in arrays]
        return sum(map(_bytes, [*self._inputs.values(), *outputs]))


def _bytes(array: NDArray) -> int:
    return array.size * np.dtype(array.dtype).itemsize
