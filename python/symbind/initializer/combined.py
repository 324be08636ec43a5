"""Initializers that choose among others, or among given values, by the name of the parameter."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..ndarray import NDArray, load
from .base import create

__all__ = ["Load", "Mixed"]


class Load:
    """Take values from given parameters, others from another initializer.

    Parameters
    ----------
    param : str or dict of str to NDArray
        A parameter file, or parameters by name. Prefixes ``arg:`` and ``aux:`` of names are dropped.
    default_init : Initializer or None
        For names that are not there. None (default): such a name is an error.
    verbose : bool
        Log where each parameter comes from. Default False.
    """

    def __init__(
        self,
        param: str | Mapping[str, NDArray],
        default_init: Callable[[str, NDArray], None] | None = None,
        verbose: bool = False,
    ) -> None:
        given: Any = load(param) if isinstance(param, str) else param
        if not isinstance(given, Mapping):
            raise TypeError(
                f"[Load] parameters must have names: got {type(given).__name__}, expected a dict of NDArray "
                "or a file of named arrays"
            )
        self.param = {
            name[4:] if name.startswith(("arg:", "aux:")) else name: value for name, value in given.items()
        }
        self.default_init = default_init
        self.verbose = verbose

    def __call__(self, name: str, arr: NDArray) -> None:
        if name in self.param:
            value = self.param[name]
            if tuple(arr.shape) != tuple(value.shape):
                raise ValueError(
                    f"[Load] Parameter {name} cannot be initialized from loading. Shape mismatch, "
                    f"target {arr.shape} vs loaded {value.shape}"
                )
            arr[:] = value
            source = "loading"
        elif self.default_init is not None:
            self.default_init(name, arr)
            source = "default"
        else:
            raise ValueError(
                f"[Load] Cannot Initialize {name}. Not found in loaded param and no default Initializer is "
                "provided."
            )
        if self.verbose:
            logging.info("Initialized %s by %s", name, source)


class Mixed:
    """Choose the initializer by the parameter's name.

    Parameters
    ----------
    patterns : list of str
        Regular expressions. The first that matches a name from its start decides.
    initializers : list of Initializer or str
        One for each pattern.
    """

    def __init__(self, patterns: Sequence[str], initializers: Sequence[Any]) -> None:
        if len(patterns) != len(initializers):
            raise ValueError(
                f"[Mixed] every pattern needs one initializer: got {len(patterns)} patterns and "
                f"{len(initializers)} initializers"
            )
        self.map = [
            (re.compile(pattern), create(init) if isinstance(init, str) else init)
            for pattern, init in zip(patterns, initializers)
        ]

    def __call__(self, name: str, arr: NDArray) -> None:
        for pattern, init in self.map:
            if pattern.match(name):
                init(name, arr)
                return
        raise ValueError(
            f'[Mixed] Parameter name {name} did not match any pattern. Consider adding a ".*" pattern at the '
            "end with a default Initializer."
        )
