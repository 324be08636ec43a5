"""What iterators over files share: which samples make up a batch, and the steps from batch to batch."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ..ndarray import NDArray
from .iterator import DataBatch, DataIter

__all__ = ["MXDataIter", "SampleOrder", "check_part"]


def check_part(name: str, num_parts: int, part_index: int) -> None:
    """Raise ValueError unless `part_index` is one of `num_parts` parts."""
    if not 0 <= part_index < num_parts:
        raise ValueError(
            f"[{name}] wrong part_index: got {part_index}, expected 0 to num_parts - 1 = {num_parts - 1}"
        )


class SampleOrder:
    """Deals out the numbers of samples, a batch at a time.

    A last batch that is not full is filled up: with `round_batch` by the first samples of the next epoch,
    which then goes on behind them; without it by the samples at these places of the batch before.

    Parameters
    ----------
    size : int
        Number of samples, at least 1.
    batch_size : int
    round_batch : bool
    draw : callable, optional
        Called for every pass through the samples with `size`; returns their order. Default: 0, 1, 2, ...
    """

    def __init__(
        self, size: int, batch_size: int, round_batch: bool, draw: Callable[[int], np.ndarray] | None = None
    ) -> None:
        self._size, self._batch_size, self._round_batch = size, batch_size, round_batch
        self._draw = draw or np.arange
        self._last: np.ndarray | None = None
        self.restart()

    def restart(self) -> None:
        """Begin a new pass through the samples."""
        self._order = self._draw(self._size)
        self._at = 0
        self._over = False  # whether samples of the next epoch were dealt out already

    def reset(self) -> None:
        """Begin the next epoch: behind the samples that filled up this one, otherwise from the start."""
        if self._over and self._at < self._size:
            self._over = False
        else:
            self.restart()

    def next(self) -> tuple[np.ndarray, int] | None:
        """Return the sample numbers of the next batch and how many fill it up, None after the last batch."""
        if self._over or self._at == self._size:
            return None
        batch = self._take(self._batch_size)
        pad = self._batch_size - len(batch)
        if pad and self._round_batch:
            while len(batch) < self._batch_size:
                self.restart()
                batch = np.concatenate([batch, self._take(self._batch_size - len(batch))])
            self._over = True
        elif pad:
            filler = np.resize(batch, self._batch_size) if self._last is None else self._last
            batch = np.concatenate([batch, filler[len(batch) :]])
        self._last = batch
        return batch, pad

    def _take(self, count: int) -> np.ndarray:
        part = self._order[self._at : self._at + count]
        self._at += len(part)
        return part


class MXDataIter(DataIter):
    """Base class of the iterators over files. A batch has one data array and one label.

    A subclass has `provide_data` and `provide_label`, and implements `_read` and `_rewind`.
    """

    def __init__(self, batch_size: int) -> None:
        super().__init__(batch_size)
        self.first_batch: DataBatch | None = None
        self._current: DataBatch | None = None
        self._same_batch = False

    def _read(self) -> DataBatch | None:
        """Return the next batch, None at the end of the epoch."""
        raise NotImplementedError(f"{type(self).__name__} has to implement _read")

    def _rewind(self) -> None:
        """Begin the next epoch."""
        raise NotImplementedError(f"{type(self).__name__} has to implement _rewind")

    def reset(self) -> None:
        """Begin the next epoch."""
        self._current = None
        self._rewind()

    def iter_next(self) -> bool:
        """Move to the next batch; return whether there is one."""
        if self._same_batch and self.first_batch is not None:
            self._current = self.first_batch
            return True
        self._current = self._read()
        if self.first_batch is None and self._same_batch:
            self.first_batch = self._current
        return self._current is not None

    def next(self) -> DataBatch:
        """Return the next batch. Raises StopIteration at the end of the epoch."""
        if not self.iter_next():
            raise StopIteration
        return self._batch()

    def debug_skip_load(self) -> None:
        """Yield one batch for ever from now on, to measure a program without the time to read data."""
        self._same_batch = True

    def _batch(self) -> DataBatch:
        if self._current is None:
            raise RuntimeError(
                f"[{type(self).__name__}] there is no current batch: call next() or iter_next() first, "
                "or reset() at the end"
            )
        return self._current

    def getdata(self) -> NDArray:
        """Return the data of the current batch."""
        return self._batch().data[0]

    def getlabel(self) -> NDArray:
        """Return the labels of the current batch."""
        return self._batch().label[0]

    def getindex(self) -> Any:
        """Return the numbers of the current batch's samples, uint64."""
        return self._batch().index

    def getpad(self) -> Any:
        """Return how many samples at the end of the current batch only fill it up."""
        return self._batch().pad
