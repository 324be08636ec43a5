"""A small language for operator test cases.

A case says: this operator, with these attributes and these seeded inputs, run in this mode. Nothing in
it depends on the engine, so one table is replayed on MXNet (to record) and on symbind (to compare).
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: Inputs with these names take part in no gradient unless a case says so.
NEVER_DIFFERENTIATED = ("label", "length", "moving_mean", "moving_var")


@dataclasses.dataclass(frozen=True)
class Input:
    """One seeded array: ``kind`` names a distribution, ``params`` its parameters."""

    kind: str
    shape: tuple
    params: tuple = ()
    dtype: str | None = None

    def of(self, dtype: str) -> Input:
        """The same array in ``dtype``, whatever the case's own dtype is."""
        return dataclasses.replace(self, dtype=dtype)

    def generate(self, rs: np.random.RandomState, default_dtype: str) -> np.ndarray:
        """Draw the array. Only sums and products of uniforms, so every platform draws the same bits."""
        dtype = np.dtype(self.dtype or default_dtype)
        return _draw(rs, self.kind, self.shape, self.params).astype(dtype)


def _draw(rs: np.random.RandomState, kind: str, shape: tuple, params: tuple) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64))
    if kind == "normal":  # four uniforms have the variance and nearly the shape of a normal
        scale = params[0] if params else 1.0
        return (rs.random_sample((4, size)).sum(0) - 2.0).reshape(shape) * (1.7320508 * scale)
    if kind == "uniform":
        low, high = params
        return low + (high - low) * rs.random_sample(size).reshape(shape)
    if kind == "integers":  # both ends included below, excluded above
        return rs.randint(params[0], params[1], size=size).reshape(shape)
    if kind == "distinct":  # no two equal and no zero, so max and relu have one answer
        values = rs.permutation(size) - size // 2 + 0.5
        return (values * (params[0] if params else 0.1)).reshape(shape)
    if kind == "values":
        return np.array(params, dtype=np.float64).reshape(shape)
    raise ValueError(f"[case_table] unknown kind of input {kind!r}")


def normal(*shape: int, scale: float = 1.0) -> Input:
    """Roughly normal values of standard deviation ``scale``."""
    return Input("normal", shape, (scale,))


def uniform(*shape: int, low: float = -1.0, high: float = 1.0) -> Input:
    """Uniform values in [low, high)."""
    return Input("uniform", shape, (low, high))


def positive(*shape: int) -> Input:
    """Uniform values in [0.5, 2)."""
    return Input("uniform", shape, (0.5, 2.0))


def integers(low: int, high: int, *shape: int) -> Input:
    """Whole numbers in [low, high); ties are likely, which is the point for reductions."""
    return Input("integers", shape, (low, high))


def distinct(*shape: int, step: float = 0.1) -> Input:
    """A shuffled arithmetic progression around zero that has no zero and no ties."""
    return Input("distinct", shape, (step,))


def values(data: Sequence, *shape: int) -> Input:
    """Given values; the shape defaults to one dimension."""
    return Input("values", shape or (len(data),), tuple(float(v) for v in data))


@dataclasses.dataclass(frozen=True)
class Case:
    """One operator call. ``wrt`` lists the inputs whose gradients are compared.

    ``head`` is ``"random"`` for a seeded gradient at every output, or ``None`` for loss operators that
    start the backward pass themselves.
    """

    family: str
    op: str
    number: int
    attrs: Mapping[str, Any]
    inputs: Mapping[str, Input]
    positional: bool
    aux: Mapping[str, Input]
    dtype: str
    train: bool
    req: str
    wrt: tuple
    head: str | None
    rtol: float | None
    atol: float | None
    unchecked: tuple

    @property
    def id(self) -> str:
        """Unique among all cases, and stable while its table only grows at the end."""
        return f"{self.family}-{self.op}-{self.number}"

    def spec(self) -> str:
        """Everything that decides the result, as text: a golden is valid for exactly one spec."""
        fields = {
            "attrs": {k: str(v) for k, v in self.attrs.items()},
            "inputs": {k: dataclasses.astuple(v) for k, v in self.inputs.items()},
            "aux": {k: dataclasses.astuple(v) for k, v in self.aux.items()},
            "run": [self.dtype, self.train, self.req, list(self.wrt), self.head],
        }
        return json.dumps(fields, sort_keys=True)

    def checksum(self) -> int:
        """A short form of ``spec`` for the golden file."""
        return zlib.crc32(self.spec().encode())

    def random_state(self, purpose: str = "inputs") -> np.random.RandomState:
        """A generator that depends on the case and the purpose only."""
        return np.random.RandomState(zlib.crc32(f"{purpose} {self.spec()}".encode()))

    def arrays(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The argument arrays and the auxiliary arrays, freshly drawn."""
        rs = self.random_state()
        arguments = {name: spec.generate(rs, self.dtype) for name, spec in self.inputs.items()}
        auxiliary = {name: spec.generate(rs, self.dtype) for name, spec in self.aux.items()}
        return arguments, auxiliary


class Table:
    """The cases of one family, in order."""

    def __init__(self, family: str):
        self.family = family
        self.cases: list[Case] = []
        self._numbers: dict[str, int] = {}

    def add(
        self,
        op: str,
        attrs: Mapping[str, Any] | None = None,
        *args: Input,
        dtype: str = "float32",
        train: bool = True,
        req: str = "write",
        grad: bool = True,
        wrt: Sequence[str] | None = None,
        head: str | None = "random",
        aux: Mapping[str, Input] | None = None,
        rtol: float | None = None,
        atol: float | None = None,
        unchecked: Sequence[str] = (),
        **inputs: Input,
    ) -> None:
        """Append a case. ``args`` are positional inputs (variadic operators), ``inputs`` named ones.

        ``wrt`` defaults to every floating-point input that is not a label; ``grad=False`` compares outputs
        only. ``unchecked`` names results that are not recorded because MXNet leaves them undefined.
        """
        if args and inputs:
            raise ValueError(f"[Table.add] {op}: positional and named inputs do not mix")
        named = {f"arg{i}": a for i, a in enumerate(args)} if args else dict(inputs)
        if wrt is None:
            wrt = [
                name
                for name, spec in named.items()
                if name not in NEVER_DIFFERENTIATED and (spec.dtype or dtype).startswith("float")
            ]
        number = self._numbers.get(op, 0)
        self._numbers[op] = number + 1
        self.cases.append(
            Case(
                self.family,
                op,
                number,
                dict(attrs or {}),
                named,
                bool(args),
                dict(aux or {}),
                dtype,
                train,
                req,
                tuple(wrt) if grad and train else (),
                head,
                rtol,
                atol,
                tuple(unchecked),
            )
        )
