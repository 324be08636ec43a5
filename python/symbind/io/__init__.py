"""Data iterators: `mx.io`."""

from .adapters import PrefetchingIter, ResizeIter
from .csv_iter import CSVIter
from .file_iter import MXDataIter
from .iterator import DataBatch, DataDesc, DataIter
from .mnist import MNISTIter
from .ndarray_iter import NDArrayIter
from .utils import _init_data

__all__ = [
    "CSVIter",
    "DataBatch",
    "DataDesc",
    "DataIter",
    "MNISTIter",
    "MXDataIter",
    "NDArrayIter",
    "PrefetchingIter",
    "ResizeIter",
    "_init_data",
]
