"""A look at the values inside a network while it trains."""

from __future__ import annotations

import logging
import re
from typing import Any, Callable

import numpy as np

from .ndarray import NDArray, array

__all__ = ["Monitor"]


def _norm_over_root_size(x: NDArray) -> NDArray:
    """Return |x| / sqrt(x.size), the root mean square of x, as an array of shape (1,)."""
    values = x.asnumpy()
    return array([np.linalg.norm(values.ravel()) / np.sqrt(max(values.size, 1))])


class Monitor:
    """Collects a statistic of operator outputs, arguments and auxiliary states every `interval` batches.

    Parameters
    ----------
    interval : int
        Number of batches between two collections.
    stat_func : function or None
        Takes an NDArray and returns an NDArray, a number, or a list of these. None means |x| / sqrt(size(x)).
    pattern : str
        Regular expression; only names that it matches from their start are collected. Default all.
    sort : bool
        Sort the result by name. Default False: in the order of the computation.
    monitor_all : bool
        Also look at the inputs of operators. Default False.

    A batch is ``tic()``, then `forward` and `backward`, then ``toc()`` or ``toc_print()``; `Module.fit` does
    this for the monitor it is given.
    """

    def __init__(
        self,
        interval: int,
        stat_func: Callable[[NDArray], Any] | None = None,
        pattern: str = ".*",
        sort: bool = False,
        monitor_all: bool = False,
    ) -> None:
        self.interval = interval
        self.stat_func = _norm_over_root_size if stat_func is None else stat_func
        self.sort = sort
        self.monitor_all = monitor_all
        self.re_prog = re.compile(pattern)
        self.activated = False
        self.queue: list[tuple[int, str, Any]] = []
        self.step = 0
        self.exes: list[Any] = []

    def stat_helper(self, name: str, value: NDArray) -> None:
        """Collect the statistic of one array; executors call it for every operator output."""
        if self.activated and self.re_prog.match(name):
            self.queue.append((self.step, name, self.stat_func(value)))

    def install(self, exe: Any) -> None:
        """Watch an executor, in addition to those already watched."""
        exe.set_monitor_callback(self.stat_helper, self.monitor_all)
        self.exes.append(exe)

    def tic(self) -> None:
        """Begin a batch; it is collected if `interval` divides the number of batches before it."""
        if self.step % self.interval == 0:
            self.queue = []
            self.activated = True
        self.step += 1

    def toc(self) -> list[tuple[int, str, str]]:
        """End a batch.

        Returns
        -------
        list of (int, str, str)
            Number of the batch, name, statistic as text. Empty if the batch was not collected.
        """
        if not self.activated:
            return []
        for exe in self.exes:
            for arrays in (exe.arg_dict, exe.aux_dict):
                for name, value in arrays.items():
                    self.stat_helper(name, value)
        self.activated = False
        collected, self.queue = self.queue, []
        if self.sort:
            collected.sort(key=lambda entry: entry[1])
        return [(step, name, _to_text(name, value)) for step, name, value in collected]

    def toc_print(self) -> None:
        """End a batch and log what `toc` returns."""
        for step, name, text in self.toc():
            logging.info("Batch: %7d %-30s %s", step, name, text)


def _to_text(name: str, statistic: Any) -> str:
    values = statistic if isinstance(statistic, (list, tuple)) else [statistic]
    return "".join(_one_to_text(name, value) + "\t" for value in values)


def _one_to_text(name: str, value: Any) -> str:
    if isinstance(value, NDArray):
        return str(value.asscalar() if value.shape in ((), (1,)) else value.asnumpy())
    if isinstance(value, (int, float, np.generic, np.ndarray)):
        return str(value)
    raise TypeError(
        f"[Monitor] stat_func must return an NDArray, a number or a list of these: got "
        f"{type(value).__name__} for {name!r}"
    )
