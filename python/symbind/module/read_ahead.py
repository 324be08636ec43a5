"""Reading the next batch in a thread while the engine computes, where that cannot change what is computed."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .. import _core
from ..context import current_context
from ..ndarray import NDArray

# Reading that takes less than this is done at once: handing it to a thread costs about a third of it.
_WORTHWHILE_SECONDS = 1e-4
# Batches that are read and watched before a thread may read.
_WATCHED = 3
# What an iterator that depends on the module would call.
_MODULE_METHODS = (
    "forward",
    "get_outputs",
    "get_params",
    "predict",
    "score",
    "iter_predict",
    "get_input_grads",
)

_END = object()


class BatchReader:
    """Batches of an iterator, the next one read in a thread between `start` and `next`.

    Batches are read at once as long as that takes no time to speak of. Else some more are read at once and
    watched, and a thread reads those after them only if nobody could tell the difference: reading drew no
    number from a global random stream, did not use the module, and did not put a batch into the memory of the
    one before. The order of batches is that of the iterator, and an error in it is raised by `next`.

    Off with ``SYMBIND_READ_AHEAD=0``, or for one module with ``module.read_ahead = False``.

    Parameters
    ----------
    module : BaseModule
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        allowed = os.environ.get("SYMBIND_READ_AHEAD", "1").lower() not in ("0", "false")
        self._watching = _WATCHED if allowed and getattr(module, "read_ahead", True) else 0
        self._safe = self._watching > 0
        self._previous: list[np.ndarray] = []
        self._seconds = 0.0
        self._iterator: Any = None
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: Future | None = None

    def __enter__(self) -> BatchReader:
        return self

    def __exit__(self, *error: Any) -> None:
        """Waits for a batch that is being read."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = self._ahead = None

    def begin(self, iterator: Any) -> None:
        """Reads from this iterator from now on."""
        self._iterator = iterator
        self._previous = []

    def start(self) -> None:
        """Begins to read the next batch in a thread, where that is worthwhile and safe."""
        if not self._safe or self._watching or self._seconds < _WORTHWHILE_SECONDS:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="symbind-read-ahead")
        self._ahead = self._thread.submit(self._read_in_thread, current_context())

    def next(self) -> Any:
        """The next batch. Raises StopIteration at the end, and what the iterator raises."""
        if self._ahead is not None:
            future, self._ahead = self._ahead, None
            batch = future.result()
            if batch is _END:
                raise StopIteration
            return batch
        if not self._safe:
            return next(self._iterator)
        if self._watching and self._seconds >= _WORTHWHILE_SECONDS:
            return self._read_watching()
        return self._read()

    def _read(self) -> Any:
        began = time.perf_counter()
        batch = next(self._iterator)
        seconds = time.perf_counter() - began
        self._seconds += (seconds - self._seconds) * 0.25
        return batch

    def _read_in_thread(self, context: Any) -> Any:
        with context:
            try:
                return self._read()
            except StopIteration:  # cannot leave a Future as itself
                return _END

    def _read_watching(self) -> Any:
        before = _random_positions()
        with _Spy(self._module) as spy:
            batch = self._read()
        arrays = _arrays_of(batch)
        shared = arrays is None or any(np.may_share_memory(a, b) for a in arrays for b in self._previous)
        if shared or spy.seen or not _same_positions(before, _random_positions()):
            self._safe = False
        self._previous = arrays or []
        self._watching -= 1
        if not self._watching or not self._safe:
            self._previous = []
        return batch


class _Spy:
    """Notices calls of a module's methods by this thread, while it stands in for them."""

    def __init__(self, module: Any) -> None:
        self._module, self.seen = module, False
        self._reader = threading.get_ident()
        self._covered: list[str] = []

    def __enter__(self) -> _Spy:
        for name in _MODULE_METHODS:
            if name not in vars(self._module):
                setattr(self._module, name, self._standing_in_for(getattr(self._module, name)))
                self._covered.append(name)
        return self

    def _standing_in_for(self, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.seen = True
            return method(*args, **kwargs)

        return call

    def __exit__(self, *error: Any) -> None:
        for name in self._covered:
            vars(self._module).pop(name, None)


def _random_positions() -> tuple[Any, ...]:
    """Where the random streams are that everybody draws from: the engine's, NumPy's and Python's."""
    return (tuple(_core.random_state()), np.random.get_state(), random.getstate())


def _same_positions(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    numpy_a, numpy_b = a[1], b[1]
    return (
        a[0] == b[0] and a[2] == b[2] and numpy_a[2] == numpy_b[2] and np.array_equal(numpy_a[1], numpy_b[1])
    )


def _arrays_of(batch: Any) -> list[np.ndarray] | None:
    """The memory of a batch's arrays; None where it cannot be told."""
    arrays = []
    for part in batch if isinstance(batch, list) else [batch]:
        for array in [*(getattr(part, "data", None) or ()), *(getattr(part, "label", None) or ())]:
            if isinstance(array, NDArray) and array.stype == "default":
                arrays.append(array.handle.peek_numpy())
            elif isinstance(array, np.ndarray):
                arrays.append(array)
            else:
                return None
    return arrays
