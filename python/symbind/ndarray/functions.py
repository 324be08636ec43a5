"""Functions of `mx.nd` that prepare arguments before they call an operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .ndarray import NDArray, array
from .op import function


def split_v2(
    ary: NDArray, indices_or_sections: int | Sequence[int], axis: int = 0, squeeze_axis: bool = False
) -> Any:
    """Cut an array into parts along an axis.

    indices_or_sections : int, the number of equal parts; or where each part but the first begins.
    squeeze_axis : remove the axis, along which every part must then have length 1.
    Returns a list of NDArrays (one NDArray when there is one part). ValueError if equal parts are impossible.
    """
    if isinstance(indices_or_sections, int):
        if ary.shape[axis] % indices_or_sections:
            raise ValueError(
                f"[split_v2] an array split must be an equal division: got {indices_or_sections} sections "
                f"for axis {axis} of shape {ary.shape}"
            )
        return function("_split_v2")(
            ary, indices=(), axis=axis, squeeze_axis=squeeze_axis, sections=indices_or_sections
        )
    indices = [0, *indices_or_sections]
    return function("_split_v2")(ary, indices=indices, axis=axis, squeeze_axis=squeeze_axis)


def histogram(a: NDArray, bins: Any = 10, range: tuple[float, float] | None = None) -> Any:
    """Count the values of an array in bins.

    bins : int, the number of bins of equal width; or an NDArray with their edges. range : the outer edges for
    equal bins, by default the smallest and the largest value. Returns the counts and the edges.
    """
    if isinstance(bins, NDArray):
        return function("_histogram")(a, bins)
    if not isinstance(bins, (int, np.integer)):
        raise ValueError(f"[histogram] bins: got {type(bins).__name__}, expected an int or an NDArray")
    if range is None:
        counts, edges = np.histogram(a.asnumpy(), bins=bins)
        return array(counts), array(edges)
    return function("_histogram")(a, bin_cnt=int(bins), range=tuple(range))


def boolean_mask(data: NDArray, index: NDArray, axis: int = 0, out: NDArray | None = None) -> NDArray:
    """Return the rows of `data` where `index`, one number a row, is not 0."""
    if axis != 0:
        raise ValueError(f"[boolean_mask] axis: got {axis}, expected 0")
    rows = np.flatnonzero(index.asnumpy())
    if len(index.shape) != 1 or index.shape[0] != data.shape[0]:
        raise ValueError(f"[boolean_mask] index: got shape {index.shape}, expected {data.shape[:1]}")
    return function("take")(data, array(rows, dtype=np.int64), out=out)


def slice_assign(self: NDArray, rhs: NDArray, begin: Any, end: Any, step: Any = ()) -> NDArray:
    """Write `rhs` into the part [begin:end:step] of this array, by axis, and return it."""
    return function("_slice_assign")(self, rhs, begin=begin, end=end, step=step or (), out=self)


def slice_assign_scalar(self: NDArray, value: float, begin: Any, end: Any, step: Any = ()) -> NDArray:
    """Fill the part [begin:end:step] of this array, by axis, with a number, and return it."""
    return function("_slice_assign_scalar")(
        self, scalar=value, begin=begin, end=end, step=step or (), out=self
    )


NDArray.split_v2 = split_v2  # type: ignore[attr-defined]
NDArray.slice_assign = slice_assign  # type: ignore[attr-defined]
NDArray.slice_assign_scalar = slice_assign_scalar  # type: ignore[attr-defined]
