"""What all data iterators share: the description of an input, a batch, and the base class."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from ..base import mx_real_t

__all__ = ["DataBatch", "DataDesc", "DataIter"]


class DataDesc(namedtuple("DataDesc", ["name", "shape"])):
    """Name, shape, dtype and layout of one input of a module.

    It unpacks, compares and hashes as the tuple ``(name, shape)``, which is accepted in its place everywhere.

    Parameters
    ----------
    name : str
    shape : tuple of int
        With the batch size in it.
    dtype : default float32
    layout : str, default 'NCHW'
        One letter per axis; ``'N'`` is the batch axis.
    """

    dtype: Any
    layout: str

    def __new__(cls, name, shape, dtype=mx_real_t, layout="NCHW"):
        desc = super().__new__(cls, name, shape)
        desc.dtype = dtype
        desc.layout = layout
        return desc

    def __repr__(self) -> str:
        return f"DataDesc[{self.name},{self.shape},{self.dtype},{self.layout}]"

    def _replace(self, **fields):
        kept = {"name": self.name, "shape": self.shape, "dtype": self.dtype, "layout": self.layout}
        return type(self)(**{**kept, **fields})

    @staticmethod
    def get_batch_axis(layout: str | None) -> int:
        """Return the position of the batch axis 'N' in a layout: 0 for None, -1 if there is none."""
        return 0 if layout is None else layout.find("N")

    @staticmethod
    def get_list(shapes, types) -> list[DataDesc]:
        """Return descriptions made from pairs (name, shape) and, unless `types` is None, pairs (name, dtype).

        Raises ValueError if `types` is given and has no entry for a name.
        """
        if types is None:
            return [DataDesc(name, shape) for name, shape in shapes]
        dtypes = dict(types)
        missing = [name for name, _ in shapes if name not in dtypes]
        if missing:
            raise ValueError(f"[DataDesc.get_list] no dtype for {missing}: got dtypes for {sorted(dtypes)}")
        return [DataDesc(name, shape, dtypes[name]) for name, shape in shapes]


class DataBatch:
    """One batch of data, as iterators yield it and `Module.forward` takes it.

    Parameters
    ----------
    data : list of NDArray or None
        One array for each data input.
    label : list of NDArray or None
        One array for each label.
    pad : int or None
        How many samples at the end of the batch only fill it up; predictions for them are dropped.
    index : numpy.ndarray or None
        Numbers of the samples in the data set.
    bucket_key :
        The bucket of a `BucketingModule` that this batch is for.
    provide_data, provide_label : list of DataDesc or None
        Names and shapes, where they differ from batch to batch.

    Raises
    ------
    TypeError
        If `data` or `label` is not a list.
    """

    def __init__(
        self,
        data,
        label=None,
        pad: int | None = None,
        index=None,
        bucket_key=None,
        provide_data=None,
        provide_label=None,
    ) -> None:
        for what, arrays in (("data", data), ("label", label)):
            if arrays is not None and not isinstance(arrays, (list, tuple)):
                raise TypeError(
                    f"[DataBatch] {what} must be a list of NDArray: got {type(arrays).__name__}; "
                    f"put a single array into a list"
                )
        self.data = data
        self.label = label
        self.pad = pad
        #: Samples at the end that only fill up, where that is not what `pad` says; see `NDArrayIter`.
        self.padding: int | None = None
        self.index = index
        self.bucket_key = bucket_key
        self.provide_data = provide_data
        self.provide_label = provide_label

    def __str__(self) -> str:
        data, label = (
            None if arrays is None else [array.shape for array in arrays]
            for arrays in (self.data, self.label)
        )
        return f"{type(self).__name__}: data shapes: {data} label shapes: {label}"


class DataIter:
    """Base class of data iterators.

    A subclass has the attributes or properties `provide_data` and `provide_label` (lists of DataDesc) and
    either overrides `next`, or `iter_next` with `getdata`, `getlabel`, `getpad` and `getindex`.

    Parameters
    ----------
    batch_size : int, default 0
    """

    provide_data: Any
    provide_label: Any

    def __init__(self, batch_size: int = 0) -> None:
        self.batch_size = batch_size

    def __iter__(self):
        return self

    def __next__(self) -> DataBatch:
        return self.next()

    def reset(self) -> None:
        """Go back to the beginning of the data."""

    def next(self) -> DataBatch:
        """Return the next batch. Raises StopIteration at the end of the data."""
        if self.iter_next():
            return DataBatch(
                data=self.getdata(), label=self.getlabel(), pad=self.getpad(), index=self.getindex()
            )
        raise StopIteration

    def iter_next(self):
        """Move to the next batch; return whether there is one."""

    def getdata(self):
        """Return the data of the current batch, a list of NDArray."""

    def getlabel(self):
        """Return the labels of the current batch, a list of NDArray."""

    def getindex(self):
        """Return the numbers of the current batch's samples, or None where they are not known."""
        return None

    def getpad(self):
        """Return how many samples at the end of the current batch only fill it up."""
