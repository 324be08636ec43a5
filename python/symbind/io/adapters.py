"""Iterators around iterators: another epoch length, and reading ahead in background threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Optional

from .iterator import DataBatch, DataDesc, DataIter

__all__ = ["PrefetchingIter", "ResizeIter"]


class ResizeIter(DataIter):
    """Gives another iterator an epoch of `size` batches; it starts over as often as that takes.

    Parameters
    ----------
    data_iter : DataIter
    size : int
        Batches in an epoch.
    reset_internal : bool, default True
        Whether `reset` resets `data_iter` too. If not, an epoch goes on where the last one stopped.
    """

    def __init__(self, data_iter: DataIter, size: int, reset_internal: bool = True) -> None:
        super().__init__(data_iter.batch_size)
        self.data_iter = data_iter
        self.size = size
        self.reset_internal = reset_internal
        self.cur = 0
        self.current_batch: DataBatch | None = None
        self.provide_data = data_iter.provide_data
        self.provide_label = data_iter.provide_label
        if hasattr(data_iter, "default_bucket_key"):
            self.default_bucket_key = data_iter.default_bucket_key

    def reset(self) -> None:
        """Start a new epoch of `size` batches."""
        self.cur = 0
        if self.reset_internal:
            self.data_iter.reset()

    def iter_next(self) -> bool:
        """Move to the next batch; return whether there is one. Without any in `data_iter` there is none."""
        if self.cur == self.size:
            return False
        try:
            self.current_batch = self.data_iter.next()
        except StopIteration:
            self.data_iter.reset()
            try:
                self.current_batch = self.data_iter.next()
            except StopIteration:
                return False
        self.cur += 1
        return True

    def next(self) -> DataBatch:
        """Return the next batch of the other iterator. Raises StopIteration after `size` batches."""
        if self.iter_next():
            return self._batch()
        raise StopIteration

    def _batch(self) -> DataBatch:
        if self.current_batch is None:
            raise RuntimeError(
                f"[{type(self).__name__}] there is no current batch: call next() or iter_next() first"
            )
        return self.current_batch

    def getdata(self):
        """Return the data of the current batch."""
        return self._batch().data

    def getlabel(self):
        """Return the labels of the current batch."""
        return self._batch().label

    def getindex(self):
        """Return the sample numbers of the current batch."""
        return self._batch().index

    def getpad(self):
        """Return the padding of the current batch."""
        return self._batch().pad


Renames = Optional[Sequence[Mapping[str, str]]]


class PrefetchingIter(DataIter):
    """Reads one batch ahead, each of its iterators in a thread of its own, and joins their inputs into one
    batch.

    An error in an iterator is raised by `next`, and again until `reset`.

    Parameters
    ----------
    iters : DataIter or list of DataIter
        They have to yield the same number of batches, with the same padding.
    rename_data, rename_label : list of dict, optional
        For every iterator a dict from its names to names in the joined batch.

    Raises
    ------
    ValueError
        If there is no iterator, or a list of renames has another length or misses a name.
    """

    def __init__(self, iters, rename_data: Renames = None, rename_label: Renames = None) -> None:
        if not isinstance(iters, (list, tuple)):
            iters = [iters]
        if not iters:
            raise ValueError("[PrefetchingIter] no iterators given: expected at least one")
        self.iters: list[DataIter] = list(iters)
        self.n_iter = len(self.iters)
        for what, renames in (("rename_data", rename_data), ("rename_label", rename_label)):
            if renames is not None and len(renames) != self.n_iter:
                raise ValueError(
                    f"[PrefetchingIter] wrong length of {what}: got {len(renames)}, "
                    f"expected one dict for each of {self.n_iter} iterators"
                )
        self.rename_data, self.rename_label = rename_data, rename_label
        super().__init__(self.provide_data[0][1][0])
        self.current_batch: DataBatch | None = None
        self._failure: BaseException | None = None
        self._threads = ThreadPoolExecutor(self.n_iter, thread_name_prefix="PrefetchingIter")
        self._ahead: list[Future] = []
        self._fetch()

    @staticmethod
    def _join(descs_of_iters, renames: Renames) -> list[DataDesc]:
        joined = []
        for i, descs in enumerate(descs_of_iters):
            for desc in descs:
                desc = desc if isinstance(desc, DataDesc) else DataDesc(*desc)
                name = desc.name
                if renames is not None:
                    if name not in renames[i]:
                        raise ValueError(
                            f"[PrefetchingIter] no new name for {name!r} of iterator {i}: got {renames[i]}"
                        )
                    name = renames[i][name]
                joined.append(DataDesc(name, desc.shape, desc.dtype, desc.layout))
        return joined

    @property
    def provide_data(self) -> list[DataDesc]:
        """Data of all iterators, renamed."""
        return self._join([it.provide_data for it in self.iters], self.rename_data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """Labels of all iterators, renamed."""
        return self._join([it.provide_label for it in self.iters], self.rename_label)

    def _fetch(self) -> None:
        # A StopIteration cannot leave a Future's thread as itself, hence the None.
        self._ahead = [self._threads.submit(_next_or_none, it) for it in self.iters]

    def reset(self) -> None:
        """Reset all iterators, as soon as the batch that is being read is there."""
        for future in self._ahead:
            future.exception()
        for it in self.iters:
            it.reset()
        self._failure = None
        self._fetch()

    def iter_next(self) -> bool:
        """Move to the next batch; return whether there is one. Raises what the iterators raised."""
        if self._failure is not None:
            raise self._failure
        try:
            batches = [future.result() for future in self._ahead]
            if any(batch is None for batch in batches):
                self._check_same([batch is None for batch in batches], "some iterators ended before others")
                return False
            self._check_same(
                [batch.pad for batch in batches], "the iterators' batches have different padding"
            )
        except Exception as err:
            self._failure = err
            raise
        self._fetch()
        self.current_batch = DataBatch(
            data=[array for batch in batches for array in batch.data],
            label=[array for batch in batches for array in batch.label or []],
            pad=batches[0].pad,
            index=batches[0].index,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )
        self.current_batch.padding = getattr(batches[0], "padding", None)
        return True

    @staticmethod
    def _check_same(values: list, problem: str) -> None:
        if any(value != values[0] for value in values):
            raise ValueError(f"[PrefetchingIter] {problem}: got {values}")

    def next(self) -> DataBatch:
        """Return the next joined batch. Raises StopIteration at the end of the iterators."""
        if self.iter_next():
            return self._batch()
        raise StopIteration

    def _batch(self) -> DataBatch:
        if self.current_batch is None:
            raise RuntimeError(
                "[PrefetchingIter] there is no current batch: call next() or iter_next() first"
            )
        return self.current_batch

    def getdata(self):
        """Return the data of the current batch."""
        return self._batch().data

    def getlabel(self):
        """Return the labels of the current batch."""
        return self._batch().label

    def getindex(self):
        """Return the sample numbers of the current batch."""
        return self._batch().index

    def getpad(self):
        """Return the padding of the current batch."""
        return self._batch().pad


def _next_or_none(data_iter: DataIter) -> DataBatch | None:
    try:
        return data_iter.next()
    except StopIteration:
        return None
