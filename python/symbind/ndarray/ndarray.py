"""NDArray: a dense array on a device, with NumPy's indexing and arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Callable

import numpy as np

from .. import _core
from .._ops import add_fluent_methods
from ..base import dtype_flag, dtype_from_flag, mx_real_t
from ..context import Context, current_context
from . import indexing

_EVERYTHING = slice(None)


def _wrap(handle: _core.NDArray) -> NDArray:
    array = NDArray.__new__(NDArray)
    array.handle = handle
    array.writable = True
    return array


class NDArray:
    """A dense array. Arrays are made by `array`, `zeros`, ... and by operators.

    Indexing with integers and slices gives views of the same memory where the elements lie side by side,
    copies otherwise. Comparisons give arrays of 0 and 1 of the same dtype.
    """

    __slots__ = ("__weakref__", "handle", "writable")
    __array_priority__ = 1000.0

    handle: _core.NDArray
    writable: bool
    _is_sparse = False

    def __init__(self, handle: _core.NDArray, writable: bool = True) -> None:
        self.handle = handle
        self.writable = writable

    # -- facts -----------------------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis."""
        return self.handle.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.handle.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.handle.size

    @property
    def dtype(self) -> Any:
        """NumPy scalar type of the elements, such as `numpy.float32`."""
        return dtype_from_flag(self.handle.dtype)

    @property
    def context(self) -> Context:
        """The device the array is on."""
        kind, number = self.handle.context
        return Context(Context.devtype2str[kind], number)

    ctx = context

    @property
    def stype(self) -> str:
        """Storage type: ``'default'``, dense."""
        return "default"

    @property
    def T(self) -> NDArray:
        """The array with its axes reversed."""
        return self if self.ndim < 2 else _op("transpose")(self)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        dims = "x".join(str(d) for d in self.shape)
        return f"\n{self.asnumpy()!s}\n<{type(self).__name__} {dims} @{self.context}>"

    # -- exchange with NumPy ---------------------------------------------------------------------------------
    def asnumpy(self) -> np.ndarray:
        """Return the values as a NumPy array of their own."""
        return self.handle.to_numpy()

    def asscalar(self) -> Any:
        """Return the only element as a Python scalar of NumPy's type. Raises ValueError unless size is 1."""
        if self.size != 1:
            raise ValueError(
                f"[asscalar] The current array is not a scalar: got shape {self.shape}, expected size 1"
            )
        return self.asnumpy().reshape(-1)[0]

    item = asscalar

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        view = self.handle.view_numpy()
        if dtype is not None and np.dtype(dtype) != view.dtype:
            if copy is False:
                raise ValueError("[NDArray] a change of dtype needs a copy")
            return view.astype(dtype)
        return view.copy() if copy else view

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.handle.view_numpy().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def to_dlpack_for_read(self) -> Any:
        """Return a DLPack capsule over this memory."""
        return self.__dlpack__()

    def to_dlpack_for_write(self) -> Any:
        """Return a DLPack capsule over this memory, which its receiver may write to."""
        return self.__dlpack__()

    def __getattr__(self, name: str) -> Any:
        if name in ("attach_grad", "backward", "grad"):
            raise AttributeError(
                f"[NDArray.{name}] symbind has no autograd: bind a symbol and call executor.backward(), or "
                "use mx.mod.Module"
            )
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __bool__(self) -> bool:
        if self.size == 0:
            return False
        if self.size == 1:
            return bool(self.asscalar())
        raise ValueError("The truth value of an NDArray with multiple elements is ambiguous.")

    __nonzero__ = __bool__

    def __float__(self) -> float:
        return float(self._only_element("float"))

    def __int__(self) -> int:
        return int(self._only_element("int"))

    def __index__(self) -> int:
        if not np.issubdtype(self.dtype, np.integer):
            raise TypeError("only integer scalar arrays can be converted to an index")
        return int(self._only_element("index"))

    def _only_element(self, what: str) -> Any:
        if self.size != 1:
            raise TypeError(f"[{what}] only arrays of one element can be converted, got shape {self.shape}")
        return self.asscalar()

    def __getstate__(self) -> dict[str, Any]:
        return {"handle": bytearray(_core.ndarray_to_bytes(self.handle))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.handle = _core.ndarray_from_bytes(bytes(state["handle"]))
        self.writable = True

    def __reduce__(self) -> tuple:
        return (_unpickle, (bytes(_core.ndarray_to_bytes(self.handle)),))

    def __copy__(self) -> NDArray:
        return self.copy()

    def __deepcopy__(self, memo: dict) -> NDArray:
        return self.copy()

    # -- copies and moves ------------------------------------------------------------------------------------
    def copy(self) -> NDArray:
        """Return a copy on the same device."""
        return self.copyto(self.context)

    def copyto(self, other: NDArray | Context) -> NDArray:
        """Copy to another array of the same shape (its dtype stays), or to a new array on a device."""
        if isinstance(other, NDArray):
            if other.handle is self.handle:
                return other
            if not other.writable:
                raise ValueError("[copyto] the target array is read-only")
            other.handle.copy_from(self.handle)
            return other
        if isinstance(other, Context):
            return _wrap(self.handle.with_context(other.device_typeid, other.device_id))
        raise TypeError(f"[copyto] got {type(other).__name__}, expected an NDArray or a Context")

    def as_in_context(self, context: Context) -> NDArray:
        """Return this array if it is on `context`, a copy there otherwise."""
        return self if self.context == context else self.copyto(context)

    as_in_ctx = as_in_context

    def as_np_ndarray(self) -> np.ndarray:
        """Return the values as a NumPy array."""
        return self.asnumpy()

    def as_nd_ndarray(self) -> NDArray:
        """Return this array."""
        return self

    def astype(self, dtype: Any, copy: bool = True) -> NDArray:
        """Return the array with another dtype; this array itself when `copy` is False and nothing changes."""
        if not copy and np.dtype(dtype) == np.dtype(self.dtype):
            return self
        result = empty(self.shape, self.context, dtype)
        result.handle.copy_from(self.handle)
        return result

    def tostype(self, stype: str) -> NDArray:
        """Return the array in another storage type: ``'csr'`` and ``'row_sparse'`` leave zeros out.

        Raises ValueError where an array that is no matrix should become csr.
        """
        if stype == "default":
            return self
        if stype == "csr" and self.ndim != 2:
            raise ValueError(
                f"To convert to a CSR, the NDArray should be 2 Dimensional. Current shape is {self.shape}"
            )
        from .sparse_array import wrap_any

        return wrap_any(_core.sparse_from_dense(stype, self.handle))

    def detach(self) -> NDArray:
        """Return an array of the same memory."""
        return _wrap(self.handle)

    def wait_to_read(self) -> None:
        """Return at once: execution is synchronous."""

    def wait_to_write(self) -> None:
        """Return at once: execution is synchronous."""

    # -- indexing --------------------------------------------------------------------------------------------
    def __getitem__(self, key: Any) -> NDArray:
        return indexing.get(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self.writable:
            raise ValueError("[NDArray] trying to write to a readonly NDArray")
        if type(value) is np.ndarray and type(key) is slice and key == _EVERYTHING:
            handle = self.handle
            if value.shape == handle.shape:  # a batch of data, most often: the short way
                handle.copy_from_numpy(value)
                return
        indexing.put(self, key, value)

    def __iter__(self) -> Iterator[NDArray]:
        return (self[i] for i in range(len(self)))

    def _at(self, idx: int) -> NDArray:
        return self[idx]

    def _slice(self, start: int | None, stop: int | None) -> NDArray:
        return self[start:stop]

    def _sync_copyfrom(self, source_array: Any) -> None:
        self.handle.copy_from_numpy(np.ascontiguousarray(source_array))

    def reshape(self, *shape: Any, **kwargs: Any) -> NDArray:
        """Return the same memory under another shape; the special values of the Reshape operator work."""
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            shape = tuple(shape[0])
        elif not shape:
            if "shape" not in kwargs:
                raise TypeError("[reshape] the shape is missing")
            shape = tuple(kwargs.pop("shape"))
        reverse = kwargs.pop("reverse", False)
        if kwargs:
            raise TypeError(f"[reshape] unknown arguments: {', '.join(kwargs)}")
        return _wrap(self.handle.reshape(indexing.reshaped(self.shape, shape, reverse)))

    def reshape_like(self, other: NDArray) -> NDArray:
        """Return the same memory under the shape of `other`."""
        return _wrap(self.handle.reshape(other.shape))

    def broadcast_to(self, shape: Sequence[int]) -> NDArray:
        """Return the array repeated along axes of length 1 until it has this shape."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        source = (1,) * (len(shape) - self.ndim) + self.shape
        if len(source) != len(shape) or any(s not in (1, t) for s, t in zip(source, shape)):
            raise ValueError(
                f"operands could not be broadcast together with remapped shapes: {self.shape} {shape}"
            )
        return _op("broadcast_to")(self.reshape(source), shape=shape)

    def broadcast_like(self, other: NDArray) -> NDArray:
        """Return the array repeated along axes of length 1 until it has the shape of `other`."""
        return self.broadcast_to(other.shape)

    # -- arithmetic ------------------------------------------------------------------------------------------
    def __neg__(self) -> NDArray:
        return _arith("multiply")(self, -1.0)

    def __abs__(self) -> NDArray:
        return _op("abs")(self)

    def __round__(self, ndigits: int = 0) -> NDArray:
        return _op("round")(self)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return False if other is None else _arith("equal")(self, other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else _arith("not_equal")(self, other)


def _unpickle(record: bytes) -> NDArray:
    return _wrap(_core.ndarray_from_bytes(record))


def _op(name: str) -> Callable:
    from .op import function

    return function(name)


def _sparse(name: str) -> Callable:
    from . import sparse

    return getattr(sparse, name)


def _arith(name: str) -> Callable:
    from . import arithmetic

    return getattr(arithmetic, name)


def _add_operators() -> None:
    """Give NDArray Python's arithmetic: plain, reflected and in-place."""

    def forward(name: str) -> Callable:
        return lambda self, other: _arith(name)(self, other)

    def reflected(name: str) -> Callable:
        return lambda self, other: _arith(name)(other, self)

    def in_place(name: str) -> Callable:
        def method(self: NDArray, other: Any) -> NDArray:
            if not self.writable:
                raise ValueError("[NDArray] trying to write to a readonly NDArray")
            return _arith(name)(self, other, out=self)

        return method

    for dunder, name in (
        ("add", "add"),
        ("sub", "subtract"),
        ("mul", "multiply"),
        ("truediv", "divide"),
        ("div", "divide"),
        ("mod", "modulo"),
        ("pow", "power"),
    ):
        setattr(NDArray, f"__{dunder}__", forward(name))
        setattr(NDArray, f"__r{dunder}__", reflected(name))
        if dunder != "pow":
            setattr(NDArray, f"__i{dunder}__", in_place(name))
    for dunder, name in (
        ("gt", "greater"),
        ("ge", "greater_equal"),
        ("lt", "lesser"),
        ("le", "lesser_equal"),
    ):
        setattr(NDArray, f"__{dunder}__", forward(name))


_add_operators()


# -- creation ------------------------------------------------------------------------------------------------
def _shape_of(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(d) for d in shape)


def _make(shape: Any, ctx: Context | None, dtype: Any, zero: bool) -> NDArray:
    ctx = current_context() if ctx is None else Context(ctx) if isinstance(ctx, str) else ctx
    flag = dtype_flag(mx_real_t if dtype is None else dtype)
    return _wrap(_core.NDArray(_shape_of(shape), flag, ctx.device_typeid, ctx.device_id, zero))


def empty(shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None) -> NDArray:
    """Return an array whose values are not set. shape : int or tuple. dtype : default float32.

    stype : ``'csr'`` or ``'row_sparse'`` for a sparse array of zeros.
    """
    if stype not in (None, "default"):
        return _sparse("zeros")(stype, shape, ctx, dtype)
    return _make(shape, ctx, dtype, False)


def zeros(
    shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None, **kwargs: Any
) -> NDArray:
    """Return an array of zeros. shape : int or tuple. dtype : default float32.

    stype : ``'csr'`` or ``'row_sparse'`` for a sparse array.
    """
    if stype not in (None, "default"):
        return _sparse("zeros")(stype, shape, ctx, dtype)
    return _make(shape, ctx, dtype, True)


def ones(shape: Any, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """Return an array of ones. shape : int or tuple. dtype : default float32."""
    return full(shape, 1, ctx, dtype)


def full(
    shape: Any, val: float, ctx: Context | None = None, dtype: Any = mx_real_t, out: NDArray | None = None
) -> NDArray:
    """Return an array filled with `val`. shape : int or tuple. dtype : default float32."""
    result = _make(shape, ctx, dtype, False) if out is None else out
    result.handle.fill(float(val))
    return result


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """Make an array from an NDArray, a NumPy array or nested sequences.

    dtype : default is the dtype of an NDArray, float32 for everything else. Sparse arrays, those of SciPy
    included, stay sparse.
    """
    if isinstance(source_array, NDArray) or type(source_array).__module__.startswith("scipy.sparse"):
        if getattr(source_array, "_is_sparse", True):
            return _sparse("array")(source_array, ctx, dtype)
        result = empty(source_array.shape, ctx, source_array.dtype if dtype is None else dtype)
        result.handle.copy_from(source_array.handle)
        return result
    dtype = mx_real_t if dtype is None else dtype
    if not isinstance(source_array, np.ndarray):
        try:
            source_array = np.array(source_array, dtype=dtype)
        except (TypeError, ValueError) as err:
            raise TypeError(f"source_array must be array like object: {err}") from None
    if source_array.ndim == 0:
        source_array = source_array.reshape(1)
    result = empty(source_array.shape, ctx, dtype)
    result.handle.copy_from_numpy(source_array)
    return result


def from_numpy(ndarray: np.ndarray, zero_copy: bool = True) -> NDArray:
    """Make an array over the memory of a C-contiguous NumPy array, or a copy with `zero_copy=False`."""
    if not zero_copy:
        return array(ndarray, dtype=ndarray.dtype)
    if not ndarray.flags.c_contiguous:
        raise ValueError("Only c-contiguous arrays are supported for zero-copy")
    return _wrap(_core.NDArray.from_numpy(ndarray))


class _Capsule:
    """A DLPack capsule in the form that NumPy takes: an object that hands it out."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class _Writable:
    """Memory of a NumPy array that NumPy holds for read-only, as it does all memory of old capsules."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        pointer = array.__array_interface__["data"][0]
        self.__array_interface__ = {**array.__array_interface__, "data": (pointer, False)}


def from_dlpack(dlpack: Any) -> NDArray:
    """Make an array over the memory of a DLPack capsule, or of anything that speaks DLPack, on the CPU.

    What does not lie side by side in memory is copied.
    """
    source = dlpack if hasattr(dlpack, "__dlpack__") else _Capsule(dlpack)
    values = np.from_dlpack(source)
    if not values.flags.writeable and values.size and values.flags.c_contiguous:
        values = np.asarray(_Writable(values))
    return from_numpy(np.ascontiguousarray(values))


def to_dlpack_for_read(data: NDArray) -> Any:
    """Return a DLPack capsule over the memory of `data`."""
    return data.__dlpack__()


def to_dlpack_for_write(data: NDArray) -> Any:
    """Return a DLPack capsule over the memory of `data`, which its receiver may write to."""
    return data.__dlpack__()


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool | None = None,
    ctx: Context | None = None,
    dtype: Any = mx_real_t,
) -> NDArray:
    """Return evenly spaced values from [start, stop), each `repeat` times; `arange(n)` starts at 0."""
    if stop is None:
        start, stop = 0, start
    values = np.arange(start, stop, step)
    return array(np.repeat(values, repeat) if repeat != 1 else values, ctx, dtype)


def linspace(
    start: float,
    stop: float,
    num: int,
    endpoint: bool = True,
    ctx: Context | None = None,
    dtype: Any = mx_real_t,
) -> NDArray:
    """Return `num` evenly spaced values from `start` to `stop`."""
    return array(np.linspace(start, stop, num, endpoint), ctx, dtype)


def eye(
    N: int, M: int = 0, k: int = 0, ctx: Context | None = None, dtype: Any = mx_real_t, **kwargs: Any
) -> NDArray:
    """Return an (N, M or N) array with ones on diagonal `k`."""
    return array(np.eye(int(N), int(M) or int(N), int(k)), ctx, dtype)


def concatenate(arrays: Sequence[NDArray], axis: int = 0, always_copy: bool = True) -> NDArray:
    """Join arrays along an existing axis; a single array comes back as it is unless `always_copy`."""
    if not arrays:
        raise ValueError("[concatenate] got no arrays")
    if len(arrays) == 1 and not always_copy:
        return arrays[0]
    return _op("Concat")(*arrays, dim=axis)


def moveaxis(tensor: NDArray, source: Any, destination: Any) -> NDArray:
    """Move axes to new positions; the others keep their order."""
    order = np.moveaxis(np.empty((0,) * tensor.ndim), source, destination)  # validates the arguments
    del order
    axes = list(range(tensor.ndim))
    sources = [s % tensor.ndim for s in np.atleast_1d(source)]
    rest = [a for a in axes if a not in sources]
    for to, source_axis in sorted(zip([d % tensor.ndim for d in np.atleast_1d(destination)], sources)):
        rest.insert(to, source_axis)
    return _op("transpose")(tensor, axes=tuple(rest))


def onehot_encode(indices: NDArray, out: NDArray) -> NDArray:
    """Write one-hot rows for `indices` (N,) into `out` (N, classes)."""
    view = out.handle.edit_numpy()
    view[...] = 0
    view[np.arange(len(view)), indices.asnumpy().astype(np.int64)] = 1
    return out


def waitall() -> None:
    """Return at once: execution is synchronous."""


def _transpose(self: NDArray, *axes: Any, **kwargs: Any) -> NDArray:
    """Permute the axes; without arguments reverse them."""
    if "axes" in kwargs:
        axes = (kwargs["axes"],)
    if len(axes) == 1 and isinstance(axes[0], (tuple, list)):
        axes = tuple(axes[0])
    return _op("transpose")(self, axes=tuple(axes) if axes and axes[0] is not None else ())


NDArray.transpose = _transpose  # type: ignore[attr-defined]
add_fluent_methods(NDArray, _op, "mx.nd")
