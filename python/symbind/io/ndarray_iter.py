"""`NDArrayIter`: batches of arrays in memory."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..ndarray import NDArray
from ..random import numpy_generator
from .iterator import DataBatch, DataDesc, DataIter
from .utils import Selection, Source, open_sources

__all__ = ["NDArrayIter"]

_LAST_BATCH_HANDLES = ("pad", "discard", "roll_over")


class NDArrayIter(DataIter):
    """Iterates over arrays in batches.

    Every batch has memory of its own: writing to it changes neither the data set nor other batches.

    Parameters
    ----------
    data : array, list, tuple or dict of arrays
        Arrays are NumPy arrays or nested lists (they become float32), NDArrays (they keep their dtype and are
        not copied; batches of a CSRNDArray or a SciPy matrix are CSRNDArrays), or arrays on disk with NumPy's
        way of slicing, such as h5py.Dataset and numpy.memmap (read batch by batch, to float32). All have the
        same length along the batch axis. Names are the keys of a dict, `data_name` for one array,
        ``_0_data``, ``_1_data`` for a list of several.
    label : the same, default None
    batch_size : int, default 1
    shuffle : bool, default False
        Whether to draw a new order of the whole data set at the beginning and at every reset, from the
        generator that `mx.random.seed` seeds.
    last_batch_handle : {'pad', 'discard', 'roll_over'}, default 'pad'
        What happens to the samples at the end that do not fill a batch: they are filled up from the beginning
        and `getpad` tells by how many; they are left out; or they open the first batch after the next reset.
    data_name, label_name : str
        Defaults 'data' and 'softmax_label'.
    layout : str, default 'NCHW'
        Its 'N' says which axis of all arrays is the batch axis.

    Raises
    ------
    TypeError
        If an array is of a wrong type, or the batch size no integer.
    ValueError
        If there is no data, lengths differ, the batch size is below 1, the layout has no 'N', or
        `last_batch_handle` is another word.
    """

    def __init__(
        self,
        data: Any,
        label: Any = None,
        batch_size: int = 1,
        shuffle: bool = False,
        last_batch_handle: str = "pad",
        data_name: str = "data",
        label_name: str = "softmax_label",
        layout: str = "NCHW",
    ) -> None:
        try:
            super().__init__(operator.index(batch_size))
        except TypeError:
            raise TypeError(
                f"[NDArrayIter] wrong batch_size: got {batch_size!r}, expected an integer"
            ) from None
        if self.batch_size < 1:
            raise ValueError(f"[NDArrayIter] wrong batch_size: got {batch_size}, expected at least 1")
        if last_batch_handle not in _LAST_BATCH_HANDLES:
            raise ValueError(
                f"[NDArrayIter] wrong last_batch_handle: got {last_batch_handle!r}, "
                f"expected one of {', '.join(_LAST_BATCH_HANDLES)}"
            )
        self._axis = DataDesc.get_batch_axis(layout)
        if self._axis < 0:
            raise ValueError(f"[NDArrayIter] layout without a batch axis 'N': got {layout!r}")
        self.layout = layout
        self.shuffle = bool(shuffle)
        self.last_batch_handle = last_batch_handle
        self._data = open_sources(data, False, data_name, self._axis)
        self._label = open_sources(label, True, label_name, self._axis)
        self.num_source = len(self._data) + len(self._label)
        self.num_data = self._common_length()
        self.idx = np.arange(self.num_data)
        self._rolled = self.idx[:0]
        self._in_order: dict[str, list[tuple[str, Any]]] = {}
        self.hard_reset()

    def _common_length(self) -> int:
        lengths = {source.name: source.shape[self._axis] for source in self._data + self._label}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"[NDArrayIter] arrays of different lengths along axis {self._axis}: got {lengths}"
            )
        return next(iter(lengths.values()))

    # What the iterator serves

    def _describe(self, sources: list[Source]) -> list[DataDesc]:
        axis = self._axis
        return [
            DataDesc(s.name, s.shape[:axis] + (self.batch_size,) + s.shape[axis + 1 :], s.dtype, self.layout)
            for s in sources
        ]

    @property
    def provide_data(self) -> list[DataDesc]:
        """Name, batch shape and dtype of every data array."""
        return self._describe(self._data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """Name, batch shape and dtype of every label."""
        return self._describe(self._label)

    def _arrays(self, what: str, sources: list[Source]) -> list[tuple[str, Any]]:
        if not self.shuffle:
            return [(source.name, source.array) for source in sources]
        if what not in self._in_order:
            self._in_order[what] = [(source.name, source.select(self.idx)) for source in sources]
        return self._in_order[what]

    @property
    def data(self) -> list[tuple[str, Any]]:
        """Names and arrays of the whole data set, in the order of the current epoch."""
        return self._arrays("data", self._data)

    @property
    def label(self) -> list[tuple[str, Any]]:
        """Names and arrays of all labels, in the order of the current epoch."""
        return self._arrays("label", self._label)

    @property
    def data_list(self) -> list[Any]:
        """The arrays of `data` and `label`."""
        return [array for _, array in self.data + self.label]

    # Moving through it

    def _draw_order(self) -> None:
        self._in_order = {}
        if self.shuffle:
            self.idx = numpy_generator().permutation(self.num_data)

    def hard_reset(self) -> None:
        """Start over, without samples that 'roll_over' kept from the last epoch."""
        self._rolled = self.idx[:0]
        self._draw_order()
        self.cursor = -self.batch_size

    def reset(self) -> None:
        """Start the next epoch. With 'roll_over', samples left at the end of this one come first."""
        left_over = self.cursor >= 0 and self.num_data - self.batch_size < self.cursor < self.num_data
        if self.last_batch_handle != "roll_over" or not left_over:
            self.hard_reset()
            return
        self._rolled = self.idx[self.cursor :]
        self._draw_order()
        self.cursor = -self.batch_size - len(self._rolled)

    def iter_next(self) -> bool:
        """Move to the next batch, a last one that is not full included; return whether there is one."""
        self.cursor += self.batch_size
        return self.cursor < self.num_data

    def next(self) -> DataBatch:
        """Return the next batch. Raises StopIteration at the end of the epoch."""
        if not self.iter_next():
            raise StopIteration
        short = self.cursor >= 0 and self.cursor + self.batch_size > self.num_data
        if short and self.last_batch_handle != "pad":
            raise StopIteration
        batch = DataBatch(data=self.getdata(), label=self.getlabel(), pad=self.getpad(), index=None)
        if self.last_batch_handle == "roll_over":
            batch.padding = 0  # `pad` is what came from the last epoch, which fills nothing up
        return batch

    def _selection(self) -> Selection:
        """Return which samples make up the current batch."""
        begin, end = self.cursor, self.cursor + self.batch_size
        if begin >= self.num_data:
            raise RuntimeError("[NDArrayIter] the epoch is over: call reset() to start the next one")
        if end <= 0:
            raise RuntimeError("[NDArrayIter] there is no current batch: call next() or iter_next() first")
        if begin < 0:
            return np.concatenate([self._rolled, np.resize(self.idx, end)])
        if self.last_batch_handle != "pad":
            end = min(end, self.num_data)
        if end > self.num_data:
            return np.take(self.idx, np.arange(begin, end), mode="wrap")
        return self.idx[begin:end] if self.shuffle else slice(begin, end)

    def getdata(self) -> list[NDArray]:
        """Return the data of the current batch."""
        selection = self._selection()
        return [source.select(selection) for source in self._data]

    def getlabel(self) -> list[NDArray]:
        """Return the labels of the current batch."""
        selection = self._selection()
        return [source.select(selection) for source in self._label]

    def getpad(self) -> int:
        """Return how many samples of the current batch are there twice.

        With 'pad' these are the ones at its end that were taken from the beginning of the data; with
        'roll_over' the ones at its beginning that were kept from the last epoch.
        """
        end = self.cursor + self.batch_size
        if self.last_batch_handle == "pad" and end > self.num_data:
            return end - self.num_data
        if self.last_batch_handle == "roll_over" and self.cursor < 0 < end:
            return -self.cursor
        return 0

    def getindex(self) -> np.ndarray | None:
        """Return None: sample numbers are not part of the batches. The order of the epoch is in `idx`."""
        return None
