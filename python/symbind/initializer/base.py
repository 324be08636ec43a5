"""The base of initializers: names, the rules that go by them, and the registry."""

from __future__ import annotations

import json
import logging
import math
import warnings
from typing import Any, Callable

import numpy as np

from .. import random, registry
from ..ndarray import NDArray

__all__ = ["InitDesc", "Initializer", "alias", "bilinear_kernel", "create", "register"]


class InitDesc(str):
    """Name of a parameter, with its attributes and the initializer of the whole network.

    Parameters
    ----------
    name : str
    attrs : dict of str to str or None
        The variable's attributes. ``attrs['__init__']`` names an initializer of its own. Default none.
    global_init : Initializer or None
        For initializers that initialize parts of a parameter. Default: the one that is called first.
    """

    attrs: dict[str, str]
    global_init: Initializer | None

    def __new__(
        cls, name: str, attrs: dict[str, str] | None = None, global_init: Initializer | None = None
    ) -> InitDesc:
        desc = super().__new__(cls, name)
        desc.attrs = attrs or {}
        desc.global_init = global_init
        return desc


def _root_mean_square(arr: NDArray) -> str:
    values = arr.asnumpy()
    return str(np.linalg.norm(values.ravel()) / math.sqrt(max(values.size, 1)))


# Which method fills a parameter, by the end of its name. The moving statistics of BatchNorm carry an
# `__init__` of their own when the operator makes the variables, so the last entries are for variables that a
# user made.
_BY_SUFFIX = (
    ("weight", "_init_weight"),
    ("bias", "_init_bias"),
    ("gamma", "_init_gamma"),
    ("beta", "_init_beta"),
    ("min", "_init_zero"),
    ("max", "_init_one"),
    ("weight_quantize", "_init_quantized_weight"),
    ("bias_quantize", "_init_quantized_bias"),
    ("moving_mean", "_init_zero"),
    ("moving_inv_var", "_init_zero"),
    ("moving_avg", "_init_zero"),
    ("moving_var", "_init_one"),
    ("running_mean", "_init_zero"),
    ("running_var", "_init_one"),
)

# Where a plain str differs: names of sampling and localization layers start with what they are.
_BY_PREFIX_OF_STR = (
    ("upsampling", "", "_init_bilinear"),
    ("stn_loc", "weight", "_init_zero"),
    ("stn_loc", "bias", "_init_loc_bias"),
)


class Initializer:
    """Base of initializers.

    A subclass defines `_init_weight(name, arr)`, and any other `_init_*` method whose rule it changes, and
    registers itself with `register`. The keyword arguments given here are what `dumps` writes.
    """

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = {name: _plain(value) for name, value in kwargs.items()}
        self._verbose = False
        self._print_func: Callable[[NDArray], str] = _root_mean_square

    def set_verbosity(
        self, verbose: bool = False, print_func: Callable[[NDArray], str] | None = None
    ) -> Initializer:
        """Log every parameter that is initialized, with a statistic of its values.

        Parameters
        ----------
        verbose : bool
            Default False.
        print_func : function or None
            Makes the statistic's text from the array. None: the root mean square.

        Returns
        -------
        Initializer
            This one.
        """
        self._verbose = verbose
        self._print_func = _root_mean_square if print_func is None else print_func
        return self

    def _verbose_print(self, desc: str, init: str, arr: NDArray) -> None:
        if self._verbose:
            logging.info("Initialized %s as %s: %s", desc, init, self._print_func(arr))

    def dumps(self) -> str:
        """Return the JSON form ``["name", {arguments}]``, as kept in a variable's attribute ``__init__``."""
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._kwargs == other._kwargs

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, desc: str, arr: NDArray) -> None:
        """Fill `arr`.

        Parameters
        ----------
        desc : InitDesc or str
            Name of the parameter; a plain str is deprecated.
        arr : NDArray

        Raises
        ------
        ValueError
            If the name fits no rule, or the initializer can't be used for the array's shape.
        """
        if not isinstance(desc, InitDesc):
            self._legacy_init(desc, arr)
            return
        if desc.global_init is None:
            desc.global_init = self
        own = desc.attrs.get("__init__", "")
        if own:
            create(own)._init_weight(desc, arr)
            self._verbose_print(desc, own, arr)
            return
        for suffix, method in _BY_SUFFIX:
            if desc.endswith(suffix):
                getattr(self, method)(desc, arr)
                self._verbose_print(desc, suffix, arr)
                return
        self._init_default(desc, arr)

    def _legacy_init(self, name: str, arr: NDArray) -> None:
        warnings.warn(
            "Calling initializer with init(str, NDArray) has been deprecated. "
            "Please use init(mx.init.InitDesc(...), NDArray) instead.",
            DeprecationWarning,
            stacklevel=3,
        )
        if not isinstance(name, str):
            raise TypeError(f"[Initializer] name must be string: got {type(name).__name__}")
        if not isinstance(arr, NDArray):
            raise TypeError(f"[Initializer] arr must be NDArray: got {type(arr).__name__}")
        for prefix, suffix, method in _BY_PREFIX_OF_STR:
            if name.startswith(prefix) and name.endswith(suffix):
                getattr(self, method)(name, arr)
                return
        for suffix, method in _BY_SUFFIX:
            if name.endswith(suffix):
                getattr(self, method)(name, arr)
                return
        self._init_default(name, arr)

    def _init_bilinear(self, name: str, arr: NDArray) -> None:
        arr[:] = bilinear_kernel(name, arr.shape)

    def _init_loc_bias(self, name: str, arr: NDArray) -> None:
        if arr.shape != (6,):
            raise ValueError(f"[Initializer] wrong shape of {name}: got {arr.shape}, expected (6,)")
        arr[:] = np.array([1.0, 0, 0, 0, 1.0, 0])  # the identity as an affine transformation

    def _init_zero(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_one(self, _: str, arr: NDArray) -> None:
        arr[:] = 1.0

    def _init_bias(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_quantized_bias(self, _: str, arr: NDArray) -> None:
        arr[:] = 0

    def _init_gamma(self, _: str, arr: NDArray) -> None:
        arr[:] = 1.0

    def _init_beta(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_quantized_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = random.numpy_generator().integers(-127, 127, size=arr.shape).astype(np.int8)

    def _init_weight(self, name: str, arr: NDArray) -> None:
        raise NotImplementedError(f"[{type(self).__name__}] Must override _init_weight to fill {name}")

    def _init_default(self, name: str, _: NDArray) -> None:
        raise ValueError(
            f"[{type(self).__name__}] Unknown initialization pattern for {name}. Default initialization is "
            'now limited to "weight", "bias", "gamma" (1.0), and "beta" (0.0). Please use '
            "mx.sym.Variable(init=mx.init.*) to set initialization pattern"
        )


_register = registry.get_register_func(Initializer, "initializer")
alias = registry.get_alias_func(Initializer, "initializer")
create = registry.get_create_func(Initializer, "initializer")


def register(klass: type) -> type:
    """Register a subclass of `Initializer` under its name in lower case; a decorator."""
    return _register(klass)


def _plain(value: Any) -> Any:
    """Return arrays and NumPy scalars as the lists and numbers that JSON can hold."""
    if isinstance(value, NDArray):
        value = value.asnumpy()
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def bilinear_kernel(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return kernels of a triangle in each direction, the same for all channels, for a shape (N, C, H, W)."""
    if len(shape) != 4:
        raise ValueError(f"[Bilinear] wrong shape of {name}: got {shape}, expected four dimensions")
    height, width = shape[2:]
    half = math.ceil(width / 2.0)
    center = (2 * half - 1 - half % 2) / (2.0 * half)
    across = 1 - np.abs(np.arange(width) / half - center)
    down = 1 - np.abs(np.arange(height) / half - center)
    return np.broadcast_to(np.outer(down, across), shape).astype(np.float32)
