"""Data iterators: `mx.io`."""

from .adapters import PrefetchingIter, ResizeIter
from .iterator import DataBatch, DataDesc, DataIter
from .mnist import MNISTIter
from .ndarray_iter import NDArrayIter
from .utils import _init_data

__all__ = [
    "DataBatch",
    "DataDesc",
    "DataIter",
    "MNISTIter",
    "NDArrayIter",
    "PrefetchingIter",
    "ResizeIter",
    "_init_data",
]
