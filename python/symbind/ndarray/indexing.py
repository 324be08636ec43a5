"""NDArray indexing. Selection follows NumPy; what lies side by side in memory comes back as a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core

if TYPE_CHECKING:
    from .ndarray import NDArray


def _numpy_key(key: Any) -> Any:
    """Replace NDArrays in an index by integer NumPy arrays."""
    from .ndarray import NDArray

    if isinstance(key, tuple):
        return tuple(_numpy_key(k) for k in key)
    if isinstance(key, NDArray):
        values = key.asnumpy()
        return values if values.dtype == np.bool_ else values.astype(np.int64)
    if isinstance(key, list):
        return np.asarray([k.asscalar() if isinstance(k, NDArray) else k for k in key])
    if isinstance(key, np.ndarray) and key.dtype.kind == "f":
        return key.astype(np.int64)
    if isinstance(key, bool):
        return int(key)
    return key


def _is_basic(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    return all(isinstance(k, (int, np.integer, slice, type(None), type(Ellipsis))) for k in keys)


def get(array: NDArray, key: Any) -> NDArray:
    """Return array[key]."""
    from .ndarray import _wrap

    handle = array.handle
    if type(key) is int:
        length = handle.shape[0]
        if not -length <= key < length:
            raise IndexError(f"index {key} is out of bounds for axis 0 with size {length}")
        row = handle.at(key % length)
        return _wrap(row if row.ndim else row.reshape((1,)))
    if type(key) is slice and (key.step is None or key.step == 1):
        start, stop, _ = key.indices(handle.shape[0])
        return _wrap(handle.slice(start, max(start, stop)))
    key = _numpy_key(key)
    basic = _is_basic(key)
    # What shares memory may be written through: that is for anybody.
    result = (handle.view_numpy() if basic else handle.peek_numpy())[_with_ellipsis(key) if basic else key]
    result = np.asarray(result)
    if result.ndim == 0:
        result = result.reshape(1)
    if basic and result.flags.c_contiguous and result.size:
        return _wrap(_core.NDArray.from_numpy(result))
    return _wrap(_core.NDArray.from_numpy(np.array(result, order="C")))


def _with_ellipsis(key: Any) -> tuple:
    """A basic index under which NumPy returns views even of single elements."""
    keys = key if isinstance(key, tuple) else (key,)
    return keys if any(k is Ellipsis for k in keys) else (*keys, Ellipsis)


def put(array: NDArray, key: Any, value: Any) -> None:
    """Set array[key] = value, with broadcasting and conversion to the array's dtype."""
    from .ndarray import NDArray

    handle = array.handle
    if isinstance(value, NDArray) and value._is_sparse:
        value = value.tostype("default")
    if isinstance(key, slice) and key == slice(None):
        if isinstance(value, NDArray):
            if value.shape == array.shape:
                if value.handle is not handle:
                    handle.copy_from(value.handle)
                return
        elif isinstance(value, (int, float)):
            handle.fill(float(value))
            return
    view = handle.edit_numpy()
    source = value.handle.peek_numpy() if isinstance(value, NDArray) else np.asarray(value)
    target_shape = view[_numpy_key(key)].shape
    if source.ndim > len(target_shape):  # leading axes of length 1 may be left out
        source = (
            source.reshape(source.shape[source.ndim - len(target_shape) :])
            if source.size == np.prod(source.shape[source.ndim - len(target_shape) :], dtype=np.int64)
            else source
        )
    view[_numpy_key(key)] = source


def reshaped(shape: tuple[int, ...], codes: tuple, reverse: bool) -> tuple[int, ...]:
    """Return the shape that `codes` (the special values of Reshape) make of `shape`, or raise ValueError."""
    codes = tuple(int(c) for c in codes)
    if all(c > 0 for c in codes) or codes == (-1,):
        size = int(np.prod(shape, dtype=np.int64))
        return (size,) if codes == (-1,) else codes
    symbol = _core.make_op(
        "Reshape",
        "reshape",
        {"shape": str(codes), "reverse": str(bool(reverse))},
        [_core.variable("data", {})],
        {},
    )
    _, _, outs, _ = symbol.infer_shape({"data": shape}, True, -1)
    return tuple(outs[0])
