"""Comparing arrays, with messages that say where and by how much they differ."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from ..ndarray import NDArray
from .tolerance import Tolerance, get_etol, get_tols


def _host(array: Any) -> np.ndarray:
    return array.asnumpy() if isinstance(array, NDArray) else np.asarray(array)


def same(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and values. NaN is the same as nothing."""
    return np.array_equal(_host(a), _host(b))


def same_array(array1: NDArray, array2: NDArray) -> bool:
    """Whether two NDArrays of one shape are the same memory."""
    return array1.shape == array2.shape and array1.handle.same_memory(array2.handle)


def _excess(a: np.ndarray, b: np.ndarray, rtol: float, atol: float, equal_nan: bool) -> np.ndarray:
    """Return |a - b| in units of atol + rtol |b|: above 1 is too much. Equal infinities are equal."""
    wide = np.promote_types(np.promote_types(a.dtype, b.dtype), np.float64)
    a, b = a.astype(wide), b.astype(wide)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        equal = a == b
        if equal_nan:
            equal = equal | (np.isnan(a) & np.isnan(b))
        excess = np.abs(a - b) / (atol + rtol * np.abs(b))
    # One infinite or NaN value gives inf / inf or NaN: as wrong as can be.
    return np.where(equal, 0.0, np.where(np.isnan(excess), np.inf, excess))


def find_max_violation(
    a: Any, b: Any, rtol: Tolerance = None, atol: Tolerance = None
) -> tuple[tuple[int, ...] | None, float]:
    """Return where `a` differs most from `b`, and by how many times ``atol + rtol * |b|``."""
    a, b = _host(a), _host(b)
    excess = _excess(a, b, *get_tols(a, b, rtol, atol), equal_nan=False)
    if excess.size == 0:
        return None, 0.0
    index = np.unravel_index(np.argmax(excess), excess.shape)
    return tuple(int(i) for i in index), float(excess[index])


def almost_equal(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    equal_nan: bool = False,
    use_broadcast: bool = True,
) -> bool:
    """Whether ``|a - b| <= atol + rtol * |b|`` everywhere. Arguments are those of `assert_almost_equal`."""
    a, b = _host(a), _host(b)
    if not use_broadcast:
        _check_shapes(a, b, ("a", "b"))
    return bool((_excess(a, b, *get_tols(a, b, rtol, atol), equal_nan) <= 1).all())


def _check_shapes(a: np.ndarray, b: np.ndarray, names: tuple[str, str]) -> None:
    if a.shape != b.shape:
        raise AssertionError(f"shapes differ: {names[0]} has {a.shape}, {names[1]} has {b.shape}")


def assert_almost_equal(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    names: tuple[str, str] = ("a", "b"),
    equal_nan: bool = False,
    use_broadcast: bool = True,
    mismatches: tuple[int, int] = (10, 10),
) -> None:
    """Raise AssertionError unless ``|a - b| <= atol + rtol * |b|`` everywhere.

    Parameters
    ----------
    a, b : NDArray or array-like
        The actual and the expected values.
    rtol, atol : float or dict of dtype to float, optional
        Default: from `default_rtols` and `default_atols` for the less exact of the two dtypes.
    names : pair of str
        What the message calls them.
    equal_nan : bool, default False
        Whether NaN equals NaN.
    use_broadcast : bool, default True
        Whether shapes may differ as long as they broadcast.
    mismatches : pair of int, default (10, 10)
        How many differences the message lists; the second number is accepted for MXNet's sake.
    """
    assert_almost_equal_with_err(a, b, rtol, atol, 0, names, equal_nan, mismatches, use_broadcast)


def assert_almost_equal_with_err(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    etol: float | None = None,
    names: tuple[str, str] = ("a", "b"),
    equal_nan: bool = False,
    mismatches: tuple[int, int] = (10, 10),
    use_broadcast: bool = True,
) -> None:
    """Like `assert_almost_equal`, but a share `etol` (default 0) of the elements may differ."""
    a, b = _host(a), _host(b)
    try:
        np.broadcast_shapes(a.shape, b.shape)
        broadcasts = True
    except ValueError:
        broadcasts = False
    if not use_broadcast or not broadcasts:
        _check_shapes(a, b, names)
    rtol, atol = get_tols(a, b, rtol, atol)
    excess = _excess(a, b, rtol, atol, equal_nan)
    wrong = int(np.count_nonzero(excess > 1))
    if wrong <= get_etol(etol) * excess.size:
        return
    raise AssertionError(_describe(a, b, excess, wrong, rtol, atol, names, mismatches[0]))


def _describe(a, b, excess, wrong, rtol, atol, names, count) -> str:
    a, b = np.broadcast_to(a, excess.shape), np.broadcast_to(b, excess.shape)
    order = np.argsort(-excess, axis=None, kind="stable")[: max(1, min(count, wrong))]
    lines = [
        f"Items are not equal: {wrong} of {excess.size} elements ({100.0 * wrong / excess.size:.3g} %) "
        f"differ by more than rtol={rtol:g}, atol={atol:g}, the worst {excess.flat[order[0]]:.4g} times that:"
    ]
    for flat in order:
        index = tuple(int(i) for i in np.unravel_index(flat, excess.shape))
        lines.append(f"  at {index}: {names[0]}={a[index]:.8g}, {names[1]}={b[index]:.8g}")
    with np.printoptions(threshold=100, edgeitems=3):
        lines += [f" ACTUAL: {a!r}", f" DESIRED: {b!r}"]
    return "\n".join(lines)


def compare_ndarray_tuple(t1: Any, t2: Any, rtol: Tolerance = None, atol: Tolerance = None) -> None:
    """`assert_almost_equal` for arrays, None and nested tuples of them; None on one side says nothing."""
    if t1 is None or t2 is None:
        return
    if isinstance(t1, tuple):
        for one, other in zip(t1, t2):
            compare_ndarray_tuple(one, other, rtol, atol)
    else:
        assert_almost_equal(t1, t2, rtol, atol)


def collapse_sum_like(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return `a` summed down to a shape that broadcasts to its own: what broadcasting's gradient does."""
    if len(shape) > a.ndim:
        raise ValueError(f"[collapse_sum_like] got shape {shape}, expected at most {a.ndim} axes")
    lead = a.ndim - len(shape)
    axes = list(range(lead)) + [
        lead + i for i, length in enumerate(shape) if length == 1 and a.shape[lead + i] != 1
    ]
    return a.sum(axis=tuple(axes), keepdims=True).reshape(shape)


def checkShapes(a: Any, b: Any) -> None:
    """Raise AssertionError unless two arrays have the same shape."""
    _check_shapes(_host(a), _host(b), ("a", "b"))


def locationError(
    a: Any, b: Any, index: tuple[int, ...], names: tuple[str, str], maxError: bool = False
) -> str:
    """Say what two arrays have at a place."""
    a, b = _host(a), _host(b)
    what = "maximum error" if maxError else "error"
    return f"Location of {what}: {index}, {names[0]}={a[index]:.8f}, {names[1]}={b[index]:.8f}"


def assert_almost_equal_ignore_nan(
    a: Any,
    b: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    names: tuple[str, str] = ("a", "b"),
) -> None:
    """Like `assert_almost_equal`, without the places where either array has a NaN."""
    a, b = (np.array(_host(array)) for array in (a, b))
    ignored = np.isnan(a) | np.isnan(b)
    a[ignored] = b[ignored] = 0
    assert_almost_equal(a, b, rtol, atol, names)


def assert_allclose(a: Any, b: Any, rtol: float = 1e-07, atol: float = 0, equal_nan: bool = True) -> None:
    """`numpy.testing.assert_allclose` for NDArrays too."""
    np.testing.assert_allclose(_host(a), _host(b), rtol=rtol, atol=atol, equal_nan=equal_nan)


def assert_exception(f: Callable, exception_type: type[BaseException], *args: Any, **kwargs: Any) -> None:
    """Raise AssertionError unless ``f(*args, **kwargs)`` raises an exception of the given type."""
    try:
        f(*args, **kwargs)
    except exception_type:
        return
    raise AssertionError(f"{getattr(f, '__name__', f)} did not raise {exception_type.__name__}")


def mean_check(generator: Callable[[int], Any], mu: float, sigma: float, nsamples: int = 1000000) -> bool:
    """Whether the mean of ``generator(nsamples)`` is within three standard errors of `mu`."""
    values = _host(generator(nsamples)).astype(np.float64)
    return bool(abs(values.mean() - mu) < 3 * sigma / np.sqrt(nsamples))


def var_check(generator: Callable[[int], Any], sigma: float, nsamples: int = 1000000) -> bool:
    """Whether the variance of normally distributed ``generator(nsamples)`` is within three standard errors.

    The standard error of a sample variance is sigma^2 sqrt(2 / (n - 1)).
    """
    values = _host(generator(nsamples)).astype(np.float64)
    error = 3 * sigma**2 * np.sqrt(2.0 / (nsamples - 1))
    return bool(abs(values.var(ddof=1) - sigma**2) < error)
