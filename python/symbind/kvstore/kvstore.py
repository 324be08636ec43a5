"""Key-value stores that sum gradients of several contexts and hold the parameters."""

from __future__ import annotations

from typing import Callable, Union

import numpy as np

from .. import optimizer as opt
from .._files import atomic_write
from ..base import MXNetError
from ..ndarray import NDArray, array
from ..ndarray.op import function
from .compression import TwoBitCompression, create_compression

__all__ = ["KVStore", "create"]

Key = Union[int, str]

_TYPES = (
    "local",
    "device",
    "local_update_cpu",
    "local_allreduce_cpu",
    "local_update_device",
    "local_allreduce_device",
)


class KVStore:
    """A store of arrays by key inside this process. Make one with ``mx.kv.create``.

    Values pushed from several contexts are summed. Without an updater the sum replaces the stored value; with
    one (`set_optimizer`) the updater applies the sum to it. Keys are all int or all str.

    Parameters
    ----------
    kind : str
        The type, such as ``'local'``.
    """

    def __init__(self, kind: str = "local"):
        self._type = kind
        self._stored: dict[Key, NDArray] = {}
        self._merged: dict[Key, NDArray] = {}
        self._key_type: type | None = None
        self._updater: Callable | None = None
        self._compression: TwoBitCompression | None = None

    # ---- what it is

    @property
    def type(self):
        """The type it was created with."""
        return self._type

    @property
    def rank(self):
        """Rank of this worker: 0."""
        return 0

    @property
    def num_workers(self):
        """Number of workers: 1."""
        return 1

    def is_capable(self, capability):
        """Whether the store can do something; ``'optimizer'`` means updating parameters inside it."""
        if not isinstance(capability, str):
            raise TypeError(f"[KVStore.is_capable] got {type(capability).__name__}, expected str")
        if capability.lower() != "optimizer":
            raise ValueError(
                f"[KVStore.is_capable] unknown capability: got {capability!r}, expected 'optimizer'"
            )
        return True

    # ---- values

    def init(self, key, value):
        """Stores a copy of a first value. Each key once.

        Parameters
        ----------
        key : int, str or list
        value : NDArray, or list of NDArray for a list of keys
        """
        keys, values = self._pairs("init", key, value)
        for k in keys:
            if k in self._stored:
                raise MXNetError(f"[KVStore.init] key {k!r} is initialized already")
        if len(set(keys)) != len(keys):
            raise MXNetError(f"[KVStore.init] duplicate keys: {keys}")
        self._key_type = type(keys[0]) if keys else self._key_type
        for k, v in zip(keys, values):
            self._stored[k] = v[0].copy()

    def push(self, key, value, priority=0):
        """Sums the values of each key and stores the sum, or applies it through the updater.

        Parameters
        ----------
        key : int, str or list
        value : NDArray, list of NDArray (one a context), or list of those for a list of keys
        priority : int
            Accepted for compatibility; everything runs at once and in order.
        """
        self._push("push", *self._pairs("push", key, value))

    def pull(self, key, out=None, priority=0, ignore_sparse=True):
        """Copies the stored value of each key to one or more arrays.

        Parameters
        ----------
        key : int, str or list
        out : NDArray, list of NDArray, or list of those for a list of keys
        priority : int
            As in `push`.
        ignore_sparse : bool
            Default True: row_sparse arrays in `out` are left as they are; see `row_sparse_pull`.
        """
        if out is None:
            raise ValueError("[KVStore.pull] out is missing: pass the arrays to write to")
        self._pull("pull", *self._pairs("pull", key, out), ignore_sparse)

    def pushpull(self, key, value, out=None, priority=0):
        """`push`, then `pull` into `out`, or into the pushed arrays where `out` is None."""
        keys, values = self._pairs("pushpull", key, value)
        outs = values if out is None else self._pairs("pushpull", key, out)[1]
        self._push("pushpull", keys, values)
        self._pull("pushpull", keys, outs)

    def broadcast(self, key, value, out, priority=0):
        """`init`, then `pull` into `out`."""
        self.init(key, value)
        self.pull(key, out=out, priority=priority)

    def row_sparse_pull(self, key, out=None, priority=0, row_ids=None):
        """Copies chosen rows of row_sparse values: `out` then stores these rows and no others.

        Parameters
        ----------
        key : int, str or list
        out : RowSparseNDArray, list of them, or list of those for a list of keys
        priority : int
            As in `push`.
        row_ids : NDArray or list of NDArray
            Numbers of the rows, in any order; one for all arrays of a key, or one for each.

        Raises
        ------
        ValueError
            If the stored value or `out` is dense.
        MXNetError
            If a row number is out of range.
        """
        if out is None or row_ids is None:
            raise ValueError("[KVStore.row_sparse_pull] out and row_ids are both needed")
        keys, outs = self._pairs("row_sparse_pull", key, out)
        for k, targets, ids in zip(keys, outs, self._row_ids(row_ids, outs, isinstance(key, (list, tuple)))):
            value = self._value("row_sparse_pull", k)
            for what, checked in [("stored value", value), *(("out", t) for t in targets)]:
                if checked.stype != "row_sparse":
                    raise ValueError(
                        f"[KVStore.row_sparse_pull] key {k!r}: {what} is '{checked.stype}', expected "
                        "'row_sparse'; use pull"
                    )
                if checked.shape != value.shape:
                    raise MXNetError(
                        f"[KVStore.row_sparse_pull] key {k!r}: got shape {checked.shape}, "
                        f"expected {value.shape}"
                    )
            for target, rows in zip(targets, ids):
                function("_sparse_retain")(value, rows, out=target)

    @staticmethod
    def _row_ids(row_ids, outs: list[list[NDArray]], several_keys: bool) -> list[list[NDArray]]:
        """For each key, and for each of its outputs, the numbers of the wanted rows: ascending, each once."""
        by_key = row_ids if several_keys and isinstance(row_ids, (list, tuple)) else [row_ids] * len(outs)
        if len(by_key) != len(outs):
            raise ValueError(
                f"[KVStore.row_sparse_pull] got row_ids for {len(by_key)} keys, expected {len(outs)}"
            )
        result = []
        for ids, targets in zip(by_key, outs):
            ids = list(ids) if isinstance(ids, (list, tuple)) else [ids]
            if len(ids) not in (1, len(targets)):
                raise ValueError(
                    f"[KVStore.row_sparse_pull] got {len(ids)} row_ids, expected one or one for each of "
                    f"{len(targets)} arrays"
                )
            unique = [array(np.unique(i.asnumpy().astype(np.int64)), dtype=np.int64) for i in ids]
            result.append(unique * len(targets) if len(unique) == 1 else unique)
        return result

    # ---- optimizer

    def set_optimizer(self, optimizer):
        """Updates stored values with `optimizer` on every push from now on."""
        if not isinstance(optimizer, opt.Optimizer):
            raise TypeError(f"[KVStore.set_optimizer] got {type(optimizer).__name__}, expected an Optimizer")
        self._set_updater(opt.get_updater(optimizer))

    def _set_updater(self, updater):
        """Sets a function ``updater(key, merged, stored)`` that changes `stored` in place on every push."""
        if updater is not None and not callable(updater):
            raise TypeError(f"[KVStore.set_updater] got {type(updater).__name__}, expected a function")
        self._updater = updater

    set_updater = _set_updater

    def set_gradient_compression(self, compression_params):
        """Compresses pushed gradients. For stores of a device type only.

        Parameters
        ----------
        compression_params : dict
            ``{'type': '2bit', 'threshold': 0.5}``; see `TwoBitCompression`.
        """
        compression = create_compression(compression_params)
        if "device" not in self._type:
            raise ValueError(
                f"[KVStore.set_gradient_compression] not supported by a store of type '{self._type}': use "
                "'device'"
            )
        self._compression = compression

    def save_optimizer_states(self, fname, dump_optimizer=False):
        """Saves the updater's states to a file that MXNet 1.x reads too."""
        updater = self._own_updater("save_optimizer_states")
        content = updater.get_states(dump_optimizer)
        with atomic_write(fname, "wb") as file:
            file.write(content)

    def load_optimizer_states(self, fname):
        """Loads the updater's states from a file of this package or of MXNet 1.x."""
        updater = self._own_updater("load_optimizer_states")
        with open(fname, "rb") as file:
            content = file.read()
        updater.set_states(content, source=str(fname), by_name=self._key_type is str)

    def _own_updater(self, method: str) -> opt.Updater:
        if not isinstance(self._updater, opt.Updater):
            raise RuntimeError(f"[KVStore.{method}] the store has no optimizer: call set_optimizer() first")
        return self._updater

    def _barrier(self):
        """Waits for the other workers; there are none."""

    # ---- inside

    def _pairs(self, method: str, key, value) -> tuple[list[Key], list[list[NDArray]]]:
        """Keys as a list and, for each, its values as a list."""
        if isinstance(key, (list, tuple)):
            if not isinstance(value, (list, tuple)) or len(value) != len(key):
                got = len(value) if isinstance(value, (list, tuple)) else type(value).__name__
                raise ValueError(f"[KVStore.{method}] {len(key)} keys need as many values: got {got}")
            keys, values = list(key), [list(v) if isinstance(v, (list, tuple)) else [v] for v in value]
        else:
            keys, values = [key], [list(value) if isinstance(value, (list, tuple)) else [value]]
        for k, vs in zip(keys, values):
            self._check_key(method, k)
            if not vs:
                raise ValueError(f"[KVStore.{method}] key {k!r} has no value")
            for v in vs:
                if not isinstance(v, NDArray):
                    raise TypeError(f"[KVStore.{method}] key {k!r}: got {type(v).__name__}, expected NDArray")
        return keys, values

    def _check_key(self, method: str, key) -> None:
        if isinstance(key, bool) or not isinstance(key, (int, str)):
            raise TypeError(f"[KVStore.{method}] key {key!r}: got {type(key).__name__}, expected int or str")
        if self._key_type is not None and type(key) is not self._key_type:
            raise MXNetError(
                f"[KVStore.{method}] key {key!r}: got {type(key).__name__}, but this store's keys are "
                f"{self._key_type.__name__}; they cannot be mixed"
            )

    def _value(self, method: str, key) -> NDArray:
        value = self._stored.get(key)
        if value is None:
            raise MXNetError(f"[KVStore.{method}] key {key!r} does not exist: call init() first")
        return value

    def _push(self, method: str, keys: list[Key], values: list[list[NDArray]]) -> None:
        stored = [self._value(method, k) for k in keys]
        for k, vs, s in zip(keys, values, stored):
            for v in vs:
                if v.shape != s.shape:
                    raise MXNetError(f"[KVStore.{method}] key {k!r}: got shape {v.shape}, expected {s.shape}")
        updater = self._updater
        # One key at a time where an optimizer could tell the difference: a store never makes groups of keys.
        different = len(set(keys)) == len(keys)
        if isinstance(updater, opt.Updater) and different and not updater.optimizer.aggregate_num:
            updater(keys, [self._merge(k, vs) for k, vs in zip(keys, values)], stored)
            return
        for k, vs, s in zip(keys, values, stored):
            merged = self._merge(k, vs)
            if updater is None:
                s.handle.copy_from(merged.handle)
            else:
                updater(k, merged, s)

    def _merge(self, key: Key, values: list[NDArray]) -> NDArray:
        """The sum over contexts, in a buffer kept for the key where there is anything to sum."""
        if self._compression is not None:
            values = [self._compression(key, i, v) for i, v in enumerate(values)]
        if len(values) == 1:
            return values[0]
        if any(v._is_sparse for v in values):
            return function("add_n")(*values)
        first = values[0]
        merged = self._merged.get(key)
        if merged is None or merged.shape != first.shape or merged.dtype != first.dtype:
            merged = self._merged[key] = first.copy()
        else:
            merged.handle.copy_from(first.handle)
        for other in values[1:]:
            merged += other.as_in_context(merged.context)  # type: ignore[operator]
        return merged

    def _pull(
        self, method: str, keys: list[Key], outs: list[list[NDArray]], ignore_sparse: bool = False
    ) -> None:
        for key, targets in zip(keys, outs):
            value = self._value(method, key)
            for target in targets:
                if ignore_sparse and target._is_sparse:
                    continue
                if target.shape != value.shape:
                    raise MXNetError(
                        f"[KVStore.{method}] key {key!r}: got shape {target.shape}, expected {value.shape}"
                    )
                target.handle.copy_from(value.handle)


def create(name="local"):
    """Creates a key-value store.

    Parameters
    ----------
    name : str
        ``'local'`` (default) or ``'device'``; MXNet's longer names of the two are accepted. Both sum on the
        CPU.

    Raises
    ------
    ValueError
        For other names, those of distributed stores included.
    """
    if not isinstance(name, str):
        raise TypeError(f"[kvstore.create] name: got {type(name).__name__}, expected str")
    kind = name.lower()
    if kind in _TYPES:
        return KVStore(kind)
    reason = (
        "distributed stores are not part of this build"
        if "dist" in kind or kind == "nccl"
        else "unknown type"
    )
    raise ValueError(f"[kvstore.create] {name!r}: {reason}; expected one of: {', '.join(_TYPES)}")
