"""`MNISTIter`: batches of the MNIST database of handwritten digits, or of files in its format."""

from __future__ import annotations

import logging
import math
import operator
import os
import warnings
from typing import Any

import numpy as np

from ..base import mx_real_t
from ..ndarray import NDArray, from_numpy
from .file_iter import MXDataIter, check_part
from .idx import read_idx
from .iterator import DataBatch, DataDesc

__all__ = ["MNISTIter"]

# Bytes become 0 to 255/256.
_SCALE = mx_real_t(1.0 / 256)
# Arguments that say how MXNet's reader works inside, which makes no difference here.
_WITHOUT_EFFECT = {"prefetch_buffer", "ctx", "device_id", "round_batch", "input_shape"}


class MNISTIter(MXDataIter):
    """Iterates over the images and labels in a pair of idx files, plain or compressed with gzip.

    Samples that do not fill a batch at the end are left out.

    Parameters
    ----------
    image, label : str or path-like
        The files. Defaults: the training files under their original names, in the working directory.
    batch_size : int, default 128
    shuffle : bool, default True
        Whether to shuffle the samples, once: all epochs have the same order.
    flat : bool, default False
        Whether a batch is (batch_size, height * width) instead of (batch_size, 1, height, width).
    seed : int, default 0
        Determines the order.
    silent : bool, default False
        Whether to log nothing about what was loaded.
    num_parts, part_index : int
        Iterate over part number `part_index` of `num_parts` equal parts of the files. Defaults 1 and 0.
    dtype : optional
        Of the data. Default None: float32; pixels are scaled to [0, 1) before conversion. Labels are float32.
    data_name, label_name : str
        Defaults 'data' and 'softmax_label'.

    Raises
    ------
    OSError, ValueError
        As `read_idx`; also if the files differ in their number of samples, or a part has no full batch.
    """

    def __init__(
        self,
        image: str | os.PathLike = "./train-images-idx3-ubyte",
        label: str | os.PathLike = "./train-labels-idx1-ubyte",
        batch_size: int = 128,
        shuffle: bool = True,
        flat: bool = False,
        seed: int = 0,
        silent: bool = False,
        num_parts: int = 1,
        part_index: int = 0,
        dtype: Any = None,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **kwargs: Any,
    ) -> None:
        super().__init__(operator.index(batch_size))
        unknown = sorted(set(kwargs) - _WITHOUT_EFFECT)
        if unknown:
            warnings.warn(f"[MNISTIter] unknown arguments are ignored: {', '.join(unknown)}", stacklevel=2)
        check_part("MNISTIter", num_parts, part_index)
        images, labels = read_idx(image, 3), read_idx(label, 1)
        if len(images) != len(labels):
            raise ValueError(
                f"[MNISTIter] the files do not belong together: got {len(images)} images in "
                f"{os.fspath(image)!r} and {len(labels)} labels in {os.fspath(label)!r}"
            )
        # Products of Python integers: parts border on each other whatever their number.
        self._index = np.arange(
            part_index * len(images) // num_parts,
            (part_index + 1) * len(images) // num_parts,
            dtype=np.uint64,
        )
        if not 1 <= self.batch_size <= len(self._index):
            raise ValueError(
                f"[MNISTIter] wrong batch_size: got {batch_size}, "
                f"expected 1 to the number of samples, {len(self._index)}"
            )
        if shuffle:
            self._index = np.random.default_rng(seed).permutation(self._index)
        self._images, self._labels = images[self._index], labels[self._index]
        if flat:
            self._images = self._images.reshape(len(self._index), math.prod(images.shape[1:]))
        else:
            self._images = self._images[:, np.newaxis]
        self._dtype = np.dtype(mx_real_t if dtype is None else dtype)
        self._data_name, self._label_name = data_name, label_name
        self._cursor = -self.batch_size
        if not silent:
            logging.getLogger("symbind").info(
                "MNISTIter: loaded %d images, shuffle=%s, batch shape %s",
                len(self._index),
                bool(shuffle),
                self.provide_data[0].shape,
            )

    @property
    def provide_data(self) -> list[DataDesc]:
        """Name, batch shape and dtype of the data."""
        return [DataDesc(self._data_name, (self.batch_size, *self._images.shape[1:]), self._dtype.type)]

    @property
    def provide_label(self) -> list[DataDesc]:
        """Name and batch shape of the label."""
        return [DataDesc(self._label_name, (self.batch_size,))]

    def reset(self) -> None:
        """Go back to the first batch; the order stays."""
        self._cursor = -self.batch_size

    def iter_next(self) -> bool:
        """Move to the next full batch; return whether there is one."""
        self._cursor += self.batch_size
        return self._cursor + self.batch_size <= len(self._index)

    def next(self) -> DataBatch:
        """Return the next batch. Raises StopIteration after the last full one."""
        if not self.iter_next():
            raise StopIteration
        return DataBatch([self.getdata()], [self.getlabel()], pad=0, index=self.getindex())

    def _rows(self) -> slice:
        if not 0 <= self._cursor <= len(self._index) - self.batch_size:
            raise RuntimeError("[MNISTIter] there is no current batch: call next(), or reset() at the end")
        return slice(self._cursor, self._cursor + self.batch_size)

    def getdata(self) -> NDArray:
        """Return the images of the current batch."""
        pixels = np.multiply(self._images[self._rows()], _SCALE, dtype=mx_real_t)
        return from_numpy(pixels.astype(self._dtype, copy=False), zero_copy=True)

    def getlabel(self) -> NDArray:
        """Return the labels of the current batch."""
        return from_numpy(self._labels[self._rows()].astype(mx_real_t), zero_copy=True)

    def getpad(self) -> int:
        """Return 0: batches are full."""
        return 0

    def getindex(self) -> np.ndarray | None:
        """Return where in the files the samples of the current batch are, as uint64."""
        return self._index[self._rows()]
