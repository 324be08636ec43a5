"""Functions of `mx.sym` that prepare arguments before they make a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .op import function
from .symbol import Symbol


def split_v2(
    ary: Symbol,
    indices_or_sections: int | Sequence[int],
    axis: int = 0,
    squeeze_axis: bool = False,
    name: str | None = None,
) -> Symbol:
    """Cut an array into parts along an axis.

    indices_or_sections : int, the number of equal parts; or where each part but the first begins.
    squeeze_axis : remove the axis, along which every part must then have length 1.
    """
    equal = isinstance(indices_or_sections, int)
    return function("_split_v2")(
        ary,
        indices=() if equal else [0, *indices_or_sections],  # type: ignore[misc]
        axis=axis,
        squeeze_axis=squeeze_axis,
        sections=indices_or_sections if equal else 0,
        name=name,
    )


def histogram(a: Symbol, bins: Any = 10, range: tuple[float, float] | None = None, **kwargs: Any) -> Symbol:
    """Count the values of an array in bins: outputs counts (int64) and edges.

    bins : int, the number of bins of equal width, with `range` for the outer edges; or a Symbol of the edges.
    """
    if isinstance(bins, Symbol):
        return function("_histogram")(a, bins, **kwargs)
    if not isinstance(bins, int) or range is None:
        raise ValueError("[histogram] bins: expected a Symbol of edges, or an int together with a range")
    return function("_histogram")(a, bin_cnt=bins, range=tuple(range), **kwargs)


Symbol.split_v2 = split_v2  # type: ignore[attr-defined]
