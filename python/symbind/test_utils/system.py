"""The surroundings of a test: default context and dtype, environment variables, standard error, retries."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Callable

import numpy as np

from ..base import mx_real_t
from ..context import Context, current_context, num_gpus


def default_context() -> Context:
    """Return the context that tests run on: the current one."""
    return current_context()


def set_default_context(ctx: Context) -> None:
    """Make `ctx` the current context of this thread."""
    Context.default_ctx = ctx


def default_dtype() -> type[np.floating]:
    """Return float32."""
    return mx_real_t


def list_gpus() -> range:
    """Return the numbers of the GPUs that can be used."""
    return range(num_gpus())


@contextlib.contextmanager
def environment(*args: Any) -> Iterator[None]:
    """Set environment variables within a `with` block: ``environment(name, value)`` or ``environment({name:
    value})``.

    A value of None removes the variable. What was there before comes back at the end.
    """
    if len(args) == 1 and isinstance(args[0], Mapping):
        wanted = dict(args[0])
    elif len(args) == 2:
        wanted = {args[0]: args[1]}
    else:
        raise TypeError(f"[environment] expected a name and a value, or a dict: got {len(args)} arguments")
    before = {name: os.environ.get(name) for name in wanted}
    try:
        _set_all(wanted)
        yield
    finally:
        _set_all(before)


def _set_all(variables: Mapping[str, Any | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = str(value)


def set_env_var(key: str, val: str, default_val: str = "") -> str:
    """Set an environment variable; return its old value, or `default_val` if it had none."""
    before = os.environ.get(key, default_val)
    os.environ[key] = val
    return before


@contextlib.contextmanager
def discard_stderr() -> Iterator[None]:
    """Throw away what is written to standard error within a `with` block, by C and C++ code too."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)


def retry(n: int) -> Callable[[Callable], Callable]:
    """Return a decorator that calls a randomised test up to `n` times, until it raises no AssertionError."""
    if n < 1:
        raise ValueError(f"[retry] wrong number of tries: got {n}, expected at least 1")

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def tried(*args: Any, **kwargs: Any) -> Any:
            for _ in range(n - 1):
                with contextlib.suppress(AssertionError):
                    return test(*args, **kwargs)
            return test(*args, **kwargs)

        return tried

    return decorate
