"""Slicing batches between contexts, and putting results together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..ndarray import NDArray


def _split_input_slice(batch_size: int, work_load_list: Sequence[float]) -> list[slice]:
    """Consecutive slices of a batch in proportion to the work loads; the last takes what rounding leaves.

    Raises ValueError where a context would get nothing.
    """
    total = sum(work_load_list)
    counts = [round(load * batch_size / total) for load in work_load_list]
    counts[-1] += batch_size - sum(counts)
    slices, begin = [], 0
    for count in counts:
        end = min(begin + count, batch_size)
        if begin >= end:
            raise ValueError(
                f"[Module.bind] too many slices: a batch of {batch_size} cannot be split between "
                f"{len(work_load_list)} contexts with work loads {list(work_load_list)}; some would be empty"
            )
        slices.append(slice(begin, end))
        begin = end
    return slices


def _prepare_group2ctxs(group2ctxs, count: int) -> list[dict[str, Any] | None]:
    """One dict of group to context for each of `count` contexts, from all the forms that Module accepts."""
    if group2ctxs is None:
        return [None] * count
    if isinstance(group2ctxs, list):
        if len(group2ctxs) != count or not all(isinstance(g, dict) for g in group2ctxs):
            raise ValueError(
                f"[Module] group2ctxs: got a list of {len(group2ctxs)}, expected a dict for each of {count} "
                "contexts"
            )
        return list(group2ctxs)
    if not isinstance(group2ctxs, dict):
        raise TypeError(
            f"[Module] group2ctxs: got {type(group2ctxs).__name__}, expected a dict or a list of dicts"
        )
    result: list[dict[str, Any]] = [{} for _ in range(count)]
    for group, ctxs in group2ctxs.items():
        per_context = list(ctxs) if isinstance(ctxs, (list, tuple)) else [ctxs]
        if len(per_context) == 1:
            per_context *= count
        if len(per_context) != count:
            raise ValueError(
                f"[Module] group2ctxs[{group!r}]: got {len(per_context)} contexts, expected one, or one for "
                f"each of {count}"
            )
        for i, ctx in enumerate(per_context):
            result[i][group] = ctx
    return list(result)


def _load(target: NDArray, source) -> None:
    """Copies values of the same shape, converting the dtype."""
    if isinstance(source, NDArray):
        target.handle.copy_from(source.handle)
    else:
        target.handle.copy_from_numpy(np.asarray(source))


def _load_slice(target: NDArray, source, part: slice, axis: int) -> None:
    """Copies the part of `source` that belongs to one context; all of it where it has no batch axis."""
    if axis < 0:
        _load(target, source)
    elif isinstance(source, NDArray) and source._is_sparse:
        if source.stype != "csr" or axis != 0:
            raise ValueError(
                f"[Module.forward] a {source.stype} array cannot be split between contexts along axis "
                f"{axis}: expected 'csr' and axis 0"
            )
        target.handle.copy_from(source.handle.slice(part.start, part.stop))
    elif axis == 0 and isinstance(source, NDArray):
        target.handle.copy_from(source.handle.slice(part.start, part.stop))
    else:
        values = source.handle.peek_numpy() if isinstance(source, NDArray) else np.asarray(source)
        target.handle.copy_from_numpy(values[(slice(None),) * axis + (part,)])


def _merge(parts: Sequence[NDArray], axis: int) -> NDArray:
    """One array from those of all contexts. Without a batch axis all are the same, and the first is taken."""
    if len(parts) == 1 or axis < 0:
        return parts[0]
    return nd.concatenate(list(parts), axis=axis)


def _sliced_label(label, axis: int, part: slice):
    if axis < 0:
        return label
    if axis == 0:
        return label[part.start : part.stop]
    return nd.array(label.asnumpy()[(slice(None),) * axis + (part,)], ctx=label.context, dtype=label.dtype)


def joined(parts: Sequence[NDArray]) -> NDArray:
    """Arrays one after the other along the first axis, in one of their own unless there is only one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    rest = first.shape[1:]
    if not first.shape or any(p.shape[1:] != rest or p.dtype != first.dtype for p in parts):
        return nd.concatenate(list(parts))  # which says what is wrong
    result = nd.empty((sum(part.shape[0] for part in parts), *rest), first.context, first.dtype)
    begin = 0
    for part in parts:
        end = begin + part.shape[0]
        result.handle.slice(begin, end).copy_from(part.handle)
        begin = end
    return result


def state_parts(name: str, arrays: Sequence[NDArray], source) -> list[tuple[NDArray, Any]]:
    """(array, values) for every context, from a list by context or from one array of the whole batch.

    Raises ValueError where the values do not have the shape of the array.
    """
    if isinstance(source, (list, tuple)):
        if len(source) != len(arrays):
            raise ValueError(
                f"[Module.set_states] got arrays for {len(source)} contexts, expected {len(arrays)}"
            )
        parts = list(source)
    else:
        ends = np.cumsum([array.shape[0] for array in arrays])
        whole = (int(ends[-1]), *arrays[0].shape[1:])
        if tuple(source.shape) != whole:
            raise ValueError(
                f"[Module.set_states] state {name!r}: got shape {tuple(source.shape)}, expected {whole}"
            )
        parts = [source[int(end) - array.shape[0] : int(end)] for array, end in zip(arrays, ends)]
    for array, part in zip(arrays, parts):
        if tuple(part.shape) != array.shape:
            raise ValueError(
                f"[Module.set_states] state {name!r}: got shape {tuple(part.shape)}, expected {array.shape}"
            )
    return list(zip(arrays, parts))
