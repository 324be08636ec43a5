"""Data sets of MXNet's examples: looked for on this machine first, downloaded where there is a network."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from .._files import atomic_write
from ..base import data_dir
from ..io import MNISTIter
from ..io.idx import read_idx

_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_CIFAR10_URL = "http://data.mxnet.io/mxnet/data/cifar10.zip"
_MNIST = {
    "train_data": "train-images-idx3-ubyte",
    "train_label": "train-labels-idx1-ubyte",
    "test_data": "t10k-images-idx3-ubyte",
    "test_label": "t10k-labels-idx1-ubyte",
}
_TIMEOUT = 30  # seconds without an answer


def download(
    url: str,
    fname: str | None = None,
    dirname: str | None = None,
    overwrite: bool = False,
    retries: int = 5,
) -> str:
    """Download a file and return its path. A file that is there already stays.

    Parameters
    ----------
    url : str
    fname : str, optional
        Default: the last part of the address.
    dirname : str, optional
        Folder to put it in; made if it is missing. Default: the current one, or that of `fname`.
    overwrite : bool, default False
    retries : int, default 5
        How many times to try.

    Raises
    ------
    OSError
        If it cannot be had, with the place to put the file by other means.
    """
    import urllib.error  # here and below: modules that are slow to import and rarely needed
    import urllib.request

    target = Path(fname if fname is not None else url.split("/")[-1])
    if dirname is not None:
        target = Path(dirname) / target
    if target.exists() and not overwrite:
        logging.info("%s exists, skipping download", target)
        return str(target)
    if str(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(max(1, retries)):
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as source, atomic_write(target) as file:
                shutil.copyfileobj(source, file)
            logging.info("downloaded %s into %s", url, target)
            return str(target)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as err:
            reason = err
            gone = isinstance(err, urllib.error.HTTPError) and err.code < 500
            if gone or attempt + 1 >= retries:
                break
            time.sleep(min(2**attempt, 8))
    raise OSError(
        f"[download] {url} could not be read: {reason}. Without a network, put the file there yourself: "
        f"{target.absolute()}"
    )


def _folders(name: str) -> list[Path]:
    """Where files of a data set may be: below the current folder and the folder for cached data."""
    cache = Path(data_dir()).expanduser()
    return [Path("data"), Path("data") / name, Path(), cache / "datasets" / name, cache / name, cache]


def _find(name: str, file: str) -> Path | None:
    """A file of a data set, plain or compressed."""
    for folder in _folders(name):
        for path in (folder / file, folder / f"{file}.gz"):
            if path.is_file():
                return path
    return None


def _mnist_file(file: str) -> Path:
    """A file of MNIST, downloaded if it is nowhere."""
    found = _find("mnist", file)
    if found is not None:
        return found
    folder = Path(data_dir()).expanduser() / "datasets" / "mnist"
    return Path(download(f"{_MNIST_URL}{file}.gz", dirname=str(folder)))


def get_mnist() -> dict[str, np.ndarray]:
    """Return MNIST as arrays 'train_data', 'train_label', 'test_data' and 'test_label'.

    Data are (N, 1, 28, 28), float32 between 0 and 1; labels are (N,), int8. The files, plain or with ``.gz``,
    are looked for in the current folder, in ``data`` and in ``$MXNET_HOME/datasets/mnist``, and else
    downloaded to the latter. Raises OSError where there is neither a file nor a network.
    """
    result = {}
    for key, file in _MNIST.items():
        if key.endswith("data"):
            images = read_idx(_mnist_file(file), 3)
            result[key] = images.reshape(len(images), 1, *images.shape[1:]).astype(np.float32) / 255
        else:
            result[key] = read_idx(_mnist_file(file), 1).astype(np.int8)
    return result


def get_mnist_ubyte() -> None:
    """Put the four files of MNIST into the folder ``data``, uncompressed. Sources as for `get_mnist`."""
    for key, file in _MNIST.items():
        target = Path("data") / file
        if target.exists():
            continue
        values = read_idx(_mnist_file(file), 3 if key.endswith("data") else 1)
        header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
        target.parent.mkdir(exist_ok=True)
        with atomic_write(target) as stream:
            stream.write(header + values.tobytes())


def get_mnist_iterator(
    batch_size: int, input_shape: tuple[int, ...], num_parts: int = 1, part_index: int = 0
) -> tuple[Any, Any]:
    """Return iterators over the training and the test images of MNIST.

    Parameters
    ----------
    batch_size : int
    input_shape : tuple of int
        With one entry, images come flat.
    num_parts, part_index : int
        Iterate over one of so many equal parts.
    """
    get_mnist_ubyte()
    flat = len(input_shape) == 1

    def iterator(which: str, shuffle: bool) -> MNISTIter:
        return MNISTIter(
            image=os.path.join("data", _MNIST[f"{which}_data"]),
            label=os.path.join("data", _MNIST[f"{which}_label"]),
            batch_size=batch_size,
            shuffle=shuffle,
            flat=flat,
            num_parts=num_parts,
            part_index=part_index,
        )

    return iterator("train", True), iterator("test", False)


def get_mnist_pkl() -> None:
    """Put ``mnist.pkl.gz``, which Theano's tutorials use, into the folder ``data``. OSError as `download`."""
    if _find("mnist", "mnist.pkl.gz") is None or not Path("data/mnist.pkl.gz").exists():
        found = _find("mnist", "mnist.pkl.gz")
        if found is not None:
            Path("data").mkdir(exist_ok=True)
            shutil.copyfile(found, "data/mnist.pkl.gz")
        else:
            download("http://deeplearning.net/data/mnist/mnist.pkl.gz", dirname="data")


def get_cifar10() -> None:
    """Put the record files of CIFAR-10, ``train.rec`` and ``test.rec``, into the folder ``data/cifar``.

    They are looked for in ``$MXNET_HOME/datasets/cifar10``, too. OSError as `download`.
    """
    target = Path("data") / "cifar"
    files = ("train.rec", "test.rec")
    if all((target / file).exists() for file in files):
        return
    found = [_find("cifar10", file) for file in files]
    if all(found):
        target.mkdir(parents=True, exist_ok=True)
        for path in found:
            if path is not None:
                shutil.copyfile(path, target / path.name)
        return
    get_zip_data("data", _CIFAR10_URL, "cifar10.zip")


def get_zip_data(data_dir: str, url: str, data_origin_name: str) -> None:
    """Download a zip file into a folder, unless it is there, and unpack it there. OSError as `download`."""
    import zipfile

    path = download(url, data_origin_name, data_dir)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(data_dir)  # which keeps to the folder, whatever names the archive has


def get_bz2_data(data_dir: str, data_name: str, url: str, data_origin_name: str) -> None:
    """Download a bz2 file into a folder and unpack it as `data_name`, unless that is there."""
    import bz2

    target = Path(data_dir) / data_name
    if target.exists():
        return
    path = download(url, data_origin_name, data_dir)
    with bz2.open(path) as source, atomic_write(target) as file:
        shutil.copyfileobj(source, file)
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
