"""Symbol: a graph of operators, composed in Python and compiled when it is bound."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from numbers import Number
from typing import Any, Callable

import numpy as np

from .. import _core
from .._ops import add_fluent_methods
from ..base import (
    _STORAGE_TYPE_ID_TO_STR,
    MXNetError,
    NotImplementedForSymbol,
    dtype_flag,
    dtype_from_flag,
)
from ..context import Context, current_context, place_groups


def _op(name: str) -> Callable:
    from .op import function

    return function(name)


class Symbol:
    """One or more outputs of a graph. Operators and arithmetic on symbols make new symbols."""

    __slots__ = ("__weakref__", "handle")
    __array_priority__ = 1000.0

    handle: _core.Symbol

    def __init__(self, handle: _core.Symbol) -> None:
        self.handle = handle

    def __repr__(self) -> str:
        name = self.name
        if name is None:
            return f"<{type(self).__name__} group [{', '.join(str(i.name) for i in self)}]>"
        return f"<{type(self).__name__} {name}>"

    # -- outputs ---------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.handle)

    def __iter__(self) -> Iterator[Symbol]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Symbol:
        """Choose outputs: by number, by name (``'fc1_output'``), or a slice."""
        if isinstance(index, str):
            names = self.list_outputs()
            hits = [i for i, n in enumerate(names) if n == index]
            if not hits:
                raise ValueError(
                    f"[Symbol] Cannot find output that matches name '{index}'; there is {names[:20]}"
                )
            if len(hits) > 1:
                raise ValueError(f"[Symbol] There are multiple outputs with name '{index}'")
            index = hits[0]
        if isinstance(index, slice):
            from .creation import Group

            return Group([self[i] for i in range(*index.indices(len(self)))])
        if not isinstance(index, (int, np.integer)):
            raise TypeError(f"[Symbol] an index must be int, str or slice: got {type(index).__name__}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"[Symbol] output {index} is out of range: the symbol has {len(self)}")
        return Symbol(self.handle.output(int(index) % len(self)))

    @property
    def name(self) -> str | None:
        """Name of the node; None for a group."""
        return self.handle.name()

    def list_arguments(self) -> list[str]:
        """Return the names of inputs and parameters, in the order of the graph."""
        return self.handle.list_arguments()

    def list_outputs(self) -> list[str]:
        """Return the names of the outputs."""
        return self.handle.list_outputs()

    def list_auxiliary_states(self) -> list[str]:
        """Return the names of the states that training updates without gradients, such as moving means."""
        return self.handle.list_auxiliary_states()

    def list_inputs(self) -> list[str]:
        """Return arguments and auxiliary states in the order of the graph."""
        return self.handle.list_inputs()

    @property
    def num_outputs(self) -> int:
        """Number of outputs."""
        return len(self)

    def get_internals(self) -> Symbol:
        """Return a group of every output of every node: choose one by name to cut the graph there."""
        return Symbol(self.handle.get_internals())

    def get_children(self) -> Symbol | None:
        """Return a group of the inputs of this symbol's node, None for a variable."""
        children = Symbol(self.handle.get_children())
        return children if len(children) else None

    # -- composition -----------------------------------------------------------------------------------------
    def __call__(self, *args: Symbol, name: str | None = None, **kwargs: Symbol) -> Symbol:
        """Return a copy in which variables are replaced, by position or by name."""
        if args and kwargs:
            raise TypeError(
                "compose only accept input Symbols either as positional or keyword arguments, not both"
            )
        for value in (*args, *kwargs.values()):
            if not isinstance(value, Symbol):
                raise TypeError(f"Compose expect `Symbol` as arguments, got {type(value).__name__}")
        return Symbol(
            self.handle.compose(
                name or "", [a.handle for a in args], {k: v.handle for k, v in kwargs.items()}
            )
        )

    def __copy__(self) -> Symbol:
        return Symbol(self.handle.copy())

    def __deepcopy__(self, memo: dict) -> Symbol:
        return Symbol(self.handle.copy())

    def __getstate__(self) -> dict[str, Any]:
        return {"handle": self.tojson(remove_amp_cast=False)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.handle = _core.symbol_from_json(state["handle"], "<pickle>")[0]

    # -- attributes ------------------------------------------------------------------------------------------
    def attr(self, key: str) -> str | None:
        """Return one attribute of the node, None when it is not set.

        ``name`` is the node's name; ``lr_mult`` finds ``__lr_mult__`` too.
        """
        if key == "name":
            return self.name
        value = self.handle.attr(key)
        return self.handle.attr(f"__{key}__") if value is None else value

    def list_attr(self, recursive: bool = False) -> dict[str, str]:
        """Return the attributes of the node."""
        if recursive:
            raise DeprecationWarning(
                "Symbol.list_attr with recursive=True has been deprecated. Please use attr_dict instead."
            )
        return _public_attrs(self.handle.list_attr())

    def attr_dict(self) -> dict[str, dict[str, str]]:
        """Return the attributes of every node by its name; variables included."""
        result: dict[str, dict[str, str]] = {}
        for name, attrs in self.handle.attr_dict():
            result.setdefault(name, {}).update(_public_attrs(attrs))
        return result

    def _set_attr(self, **kwargs: str) -> None:
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ValueError("Set Attr only accepts string values")
            self.handle.set_attr(key, value)

    # -- inference -------------------------------------------------------------------------------------------
    def _shape_hints(self, args: tuple, kwargs: dict[str, Any], what: str) -> dict[str, Any]:
        if args and kwargs:
            raise ValueError(f"Can only specify known argument {what}s either by positional or kwargs way.")
        hints = dict(zip(self.list_arguments(), args)) if args else kwargs
        return {k: v for k, v in hints.items() if v is not None}

    def infer_shape(self, *args: Any, **kwargs: Any) -> tuple:
        """Infer shapes from known argument shapes (0 = unknown dimension), by position or name.

        Returns (arg_shapes, out_shapes, aux_shapes), or (None, None, None) with a warning when something
        stays unknown. Raises MXNetError, naming the node, when the shapes contradict each other.
        """
        complete, arg_shapes, out_shapes, aux_shapes = self._infer_shape(args, kwargs, False)
        if not complete:
            unknown = [f"{n}: {s}" for n, s in zip(self.list_arguments(), arg_shapes) if not s or 0 in s]
            warnings.warn(
                "Cannot decide shape for the following arguments (0s in shape means unknown dimensions). "
                "Consider providing them as input:\n\t" + "\n\t".join(unknown[:10]),
                stacklevel=2,
            )
            return (None, None, None)
        return arg_shapes, out_shapes, aux_shapes

    def infer_shape_partial(self, *args: Any, **kwargs: Any) -> tuple:
        """Infer what can be inferred: as `infer_shape`, with 0 or () for what stays unknown."""
        return self._infer_shape(args, kwargs, True)[1:]

    def _infer_shape(self, args: tuple, kwargs: dict[str, Any], partial: bool) -> tuple:
        hints = self._shape_hints(args, kwargs, "shape")
        for name, shape in hints.items():
            if not isinstance(shape, (tuple, list)):
                raise TypeError(
                    f"Arguments need to be shapes (tuple), but '{name}' is {type(shape).__name__}."
                )
        complete, *groups = self.handle.infer_shape(hints, partial, 0)
        return (complete, *([() if s is None else s for s in group] for group in groups))

    def infer_type(self, *args: Any, **kwargs: Any) -> tuple:
        """Infer dtypes from known ones.

        Returns (arg_types, out_types, aux_types) of NumPy scalar types, or (None, None, None) with a warning
        when something stays unknown.
        """
        complete, groups = self._infer_type(args, kwargs)
        if not complete:
            unknown = [n for n, t in zip(self.list_arguments(), groups[0]) if t is None]
            warnings.warn(
                "Cannot decide type for the following arguments. Consider providing them as input:\n\t"
                + "\n\t".join(unknown[:10]),
                stacklevel=2,
            )
            return (None, None, None)
        return groups

    def infer_type_partial(self, *args: Any, **kwargs: Any) -> tuple:
        """Infer what can be inferred: as `infer_type`, with None for what stays unknown."""
        return self._infer_type(args, kwargs)[1]

    def _infer_type(self, args: tuple, kwargs: dict[str, Any]) -> tuple[bool, tuple]:
        hints = {k: dtype_flag(v) for k, v in self._shape_hints(args, kwargs, "type").items()}
        complete, *groups = self.handle.infer_type(hints)
        return complete, tuple([None if t < 0 else dtype_from_flag(t) for t in group] for group in groups)

    def _infer_for_bind(self, shapes: dict[str, tuple], dtypes: dict[str, Any], unknown: int = 0) -> tuple:
        """Return (arg_shapes, arg_types, aux_shapes, aux_types); `dtypes` maps names to arrays or dtypes."""
        # A scalar type such as numpy.float32 has an attribute dtype too, but it is no dtype.
        flags = {
            k: dtype_flag(v if isinstance(v, type) else getattr(v, "dtype", v)) for k, v in dtypes.items()
        }
        arg_shapes, arg_types, aux_shapes, aux_types = self.handle.infer_for_bind(shapes, flags, unknown)
        return (
            arg_shapes,
            [dtype_from_flag(t) for t in arg_types],
            aux_shapes,
            [dtype_from_flag(t) for t in aux_types],
        )

    def _storage_types(
        self,
        shapes: dict[str, tuple],
        dtypes: dict[str, Any],
        wanted: list[str],
        stype_dict: dict[str, str] | None = None,
        unknown: int = 0,
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the storage types of arguments, and of the gradients of `wanted`, by name.

        Both are empty where everything is dense. stype_dict : storage types that win over the variables' own.
        """
        stypes = {
            name: _STORAGE_TYPE_ID_TO_STR[int(number)]
            for name, number in self.handle.variable_storage().items()
            if int(number) > 0
        }
        stypes.update(stype_dict or {})
        if not any(stype != "default" for stype in stypes.values()) and not self.handle.may_be_sparse():
            return {}, {}
        flags = {
            k: dtype_flag(v if isinstance(v, type) else getattr(v, "dtype", v)) for k, v in dtypes.items()
        }
        grads, _ = self.handle.infer_storage(shapes, flags, stypes, wanted, unknown)
        return stypes, dict(zip(wanted, grads))

    # -- other forms -----------------------------------------------------------------------------------------
    def as_nd_ndarray(self) -> Symbol:
        """Return the symbol: there is one kind of symbols here."""
        return self

    def get_backend_symbol(self, backend: str) -> Symbol:
        """Return a copy of this network: operators are fused when it is bound, not by rewriting the symbol.

        Raises MXNetError unless `backend` is ``'MKLDNN'``, ``'MKLDNN_QUANTIZE'`` or ``'default'``.
        """
        if backend not in ("MKLDNN", "MKLDNN_QUANTIZE", "default"):
            raise MXNetError(
                f"[get_backend_symbol] unknown backend: got {backend!r}, expected 'MKLDNN', "
                "'MKLDNN_QUANTIZE' or 'default'"
            )
        return self.__copy__()

    def optimize_for(self, backend: str, args: Any = None, aux: Any = None, ctx: Any = None, **kwargs: Any):
        """Return a copy of this network, which is optimized when it is bound, for any name of a backend."""
        return self.__copy__()

    # -- files -----------------------------------------------------------------------------------------------
    def tojson(self, remove_amp_cast: bool = True) -> str:
        """Return the graph as text in MXNet's symbol format."""
        return _core.symbol_to_json(self.handle, remove_amp_cast)

    def save(self, fname: str | os.PathLike, remove_amp_cast: bool = True) -> None:
        """Save the graph in a file that MXNet 1.9.1 reads. The file appears whole or not at all."""
        from .._files import atomic_write

        with atomic_write(os.fspath(fname), "w") as f:
            f.write(self.tojson(remove_amp_cast))

    def debug_str(self) -> str:
        """Return a readable listing of the graph."""
        nodes = self.handle.nodes()
        lines = ["Symbol Outputs:"]
        lines += [f"\toutput[{i}]={nodes[n][1]}({k})" for i, (n, k) in enumerate(self.handle.heads())]
        for op, name, attrs, inputs in nodes:
            if op == "null":
                lines.append(f"Variable:{name}")
                continue
            lines.append(f"--------------------\nOp:{op}, Name={name}\nInputs:")
            lines += [f"\targ[{i}]={nodes[n][1]}({k})" for i, (n, k) in enumerate(inputs)]
            if attrs:
                lines.append("Attrs:")
                lines += [f"\t{k}={v}" for k, v in sorted(attrs.items())]
        return "\n".join(lines) + "\n"

    # -- binding ---------------------------------------------------------------------------------------------
    def simple_bind(
        self,
        ctx: Context | None = None,
        grad_req: Any = "write",
        type_dict: dict[str, Any] | None = None,
        stype_dict: dict[str, str] | None = None,
        group2ctx: dict[str, Context] | None = None,
        shared_arg_names: Sequence[str] | None = None,
        shared_exec: Any = None,
        shared_buffer: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Infer all shapes from those of the inputs, allocate every array, and bind.

        ctx : Context, default the current one. grad_req : 'write', 'add', 'null', or a list or dict by
        argument. type_dict : dtypes by argument name. stype_dict : storage types by argument name, in place
        of those of the variables. shared_exec : an executor to share parameters (those of
        the same name and shape in `shared_arg_names`) and scratch memory with. group2ctx : context of each
        ctx_group. kwargs : shapes of the inputs.
        Returns an Executor. Raises MXNetError, naming the node, when a shape stays unknown or does not fit.
        """
        ctx = current_context() if ctx is None else ctx
        shapes = {k: tuple(v) for k, v in kwargs.items()}
        names = self.list_arguments()
        unknown = [k for k in shapes if k not in names and k not in self.list_auxiliary_states()]
        if unknown:
            warnings.warn(f"[simple_bind] no argument is named {unknown}: got shapes for them", stacklevel=2)
        shapes = {k: v for k, v in shapes.items() if k not in unknown}
        arg_shapes, arg_types, aux_shapes, aux_types = self._infer_for_bind(shapes, type_dict or {})
        reqs = _grad_reqs(grad_req, names, "simple_bind")
        shared = shared_exec.arg_dict if shared_exec is not None else {}
        shared_grads = shared_exec.grad_dict if shared_exec is not None else {}
        buffer = shared_buffer if shared_buffer is not None else {}
        placed = place_groups(self.attr_dict(), group2ctx) if group2ctx else {}
        args: list[Any] = []
        grads: list[Any] = []
        wanted = [name for name, req in zip(names, reqs) if req != "null"]
        stypes, grad_stypes = self._storage_types(shapes, type_dict or {}, wanted, stype_dict)
        for name, shape, dtype, req in zip(names, arg_shapes, arg_types, reqs):
            on = placed.get(name, ctx)
            may_share = shared_arg_names is None or name in shared_arg_names
            stype = stypes.get(name, "default")
            args.append(_shared_or_new(shared if may_share else {}, buffer, name, shape, dtype, on, stype))
            if req == "null":
                grads.append(None)
                continue
            stype = grad_stypes.get(name, "default")
            known = shared_grads if may_share else {}
            grads.append(_shared_or_new(known, {}, name, shape, dtype, on, stype))
        shared_aux = shared_exec.aux_dict if shared_exec is not None else {}
        aux = [
            _shared_or_new(shared_aux, {}, n, s, t, placed.get(n, ctx))
            for n, s, t in zip(self.list_auxiliary_states(), aux_shapes, aux_types)
        ]
        return self._make_executor(ctx, args, grads, reqs, aux, shared_exec, group2ctx)

    def bind(
        self,
        ctx: Context,
        args: Any,
        args_grad: Any = None,
        grad_req: Any = "write",
        aux_states: Any = None,
        group2ctx: dict[str, Context] | None = None,
        shared_exec: Any = None,
    ) -> Any:
        """Bind to given arrays.

        args : list (in the order of `list_arguments`) or dict of NDArray. args_grad : the same for gradients,
        which may leave names out; None computes no gradient. grad_req : 'write', 'add', 'null', or a list or
        dict. aux_states : list or dict for `list_auxiliary_states`. Returns an Executor.
        """
        if not isinstance(ctx, Context):
            raise TypeError(f"Context type error: got {type(ctx).__name__}")
        names, aux_names = self.list_arguments(), self.list_auxiliary_states()
        arrays = _by_name("args", args, names, False)
        grads = [None] * len(names) if args_grad is None else _by_name("args_grad", args_grad, names, True)
        aux = _by_name("aux_states", aux_states if aux_states is not None else [], aux_names, False)
        reqs = _grad_reqs(grad_req, names, "bind")
        reqs = [r if g is not None else "null" for r, g in zip(reqs, grads)]
        return self._make_executor(ctx, arrays, grads, reqs, aux, shared_exec, group2ctx)

    def _make_executor(
        self,
        ctx: Context,
        args: list,
        grads: list,
        reqs: list[str],
        aux: list,
        shared: Any,
        group2ctx: Any,
        output_memory: Sequence = (),
        compute_dtype: str = "float32",
    ) -> Any:
        from ..executor import Executor

        return Executor(self, ctx, args, grads, reqs, aux, shared, group2ctx, output_memory, compute_dtype)

    def eval(self, ctx: Context | None = None, **kwargs: Any) -> list:
        """Compute the outputs from arrays given by name."""
        return self.bind(current_context() if ctx is None else ctx, kwargs).forward()

    def gradient(self, wrt: list[str]) -> Symbol:
        """Raise: gradients come from `Executor.backward`; as in MXNet, no symbol is made for them."""
        raise MXNetError(
            "[Symbol.gradient] gradients are computed by Executor.backward: bind the symbol and call it"
        )

    # -- operators that need values --------------------------------------------------------------------------
    def __bool__(self) -> bool:
        raise NotImplementedForSymbol(self.__bool__, "bool")

    def wait_to_read(self) -> None:
        """Raise: a symbol has no value."""
        raise NotImplementedForSymbol(self.wait_to_read, None)

    def asnumpy(self) -> Any:
        """Raise: a symbol has no value."""
        raise NotImplementedForSymbol(self.asnumpy, None)

    def asscalar(self) -> Any:
        """Raise: a symbol has no value."""
        raise NotImplementedForSymbol(self.asscalar, None)

    def copy(self) -> Any:
        """Raise: a symbol has no value."""
        raise NotImplementedForSymbol(self.copy, None)

    def as_in_context(self, *args: Any) -> Any:
        """Raise: a symbol has no value."""
        raise NotImplementedForSymbol(self.as_in_context, None)

    def detach(self) -> Any:
        """Raise: a symbol has no value."""
        raise NotImplementedForSymbol(self.detach, None)

    def backward(self) -> Any:
        """Raise: a symbol has no value."""
        raise NotImplementedForSymbol(self.backward, None)

    # -- methods ---------------------------------------------------------------------------------------------
    def reshape(self, *args: Any, **kwargs: Any) -> Symbol:
        """Return the symbol under another shape: `reshape(2, 3)` or `reshape((2, 3))`."""
        if args and not isinstance(args[0], (tuple, list)):
            args = (tuple(args),)
        return _op("reshape")(self, *args, **kwargs)

    def astype(self, dtype: Any) -> Symbol:
        """Return the symbol cast to another dtype."""
        return _op("Cast")(self, dtype=dtype)

    def __neg__(self) -> Symbol:
        return _binary(self, -1.0, "_Mul", "_MulScalar")

    def __abs__(self) -> Symbol:
        return _op("abs")(self)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return _binary(self, other, "_equal", "_equal_scalar")

    def __ne__(self, other: object) -> Any:
        return _binary(self, other, "_not_equal", "_not_equal_scalar")


def _public_attrs(attrs: dict[str, str]) -> dict[str, str]:
    """Add the plain spelling of the hidden keys that MXNet also shows plainly."""
    result = dict(attrs)
    for key in ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage"):
        if f"__{key}__" in attrs:
            result[key] = attrs[f"__{key}__"]
    return result


def _grad_reqs(grad_req: Any, names: list[str], caller: str) -> list[str]:
    if isinstance(grad_req, str):
        reqs = [grad_req] * len(names)
    elif isinstance(grad_req, (list, tuple)):
        if len(grad_req) != len(names):
            raise ValueError(f"[{caller}] grad_req: got {len(grad_req)} values, expected {len(names)}")
        reqs = list(grad_req)
    elif isinstance(grad_req, dict):
        reqs = [grad_req.get(n, "null") for n in names]
    else:
        raise TypeError(f"[{caller}] grad_req: got {type(grad_req).__name__}, expected str, list or dict")
    for req in reqs:
        if req not in ("write", "add", "null"):
            raise ValueError(f"[{caller}] grad_req: got {req!r}, expected 'write', 'add' or 'null'")
    return reqs


def _shared_or_new(
    shared: dict, buffer: dict, name: str, shape: tuple, dtype: Any, ctx: Context, stype: str = "default"
) -> Any:
    """Take the array of this name when shape and dtype fit, else make a new one of zeros."""
    from ..ndarray import zeros

    for pool in (shared, buffer):
        old = pool.get(name)
        if old is not None and (old.shape, old.dtype, old.stype) == (tuple(shape), dtype, stype):
            return old
    made = zeros(shape, ctx, dtype, stype)
    if buffer is not None and name in buffer:
        buffer[name] = made
    return made


def _by_name(what: str, given: Any, names: list[str], allow_missing: bool) -> list:
    from ..ndarray import NDArray

    if isinstance(given, dict):
        missing = [n for n in names if n not in given]
        if missing and not allow_missing:
            raise ValueError(f"[bind] {what}: key '{missing[0]}' is missing")
        arrays = [given.get(n) for n in names]
    elif isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"[bind] Length of {what} does not match the number of arguments: "
                f"got {len(given)}, expected {len(names)}"
            )
        arrays = list(given)
    else:
        raise TypeError(f"[bind] {what}: got {type(given).__name__}, expected a list or dict of NDArrays")
    for name, array in zip(names, arrays):
        if array is None and allow_missing:
            continue
        if not isinstance(array, NDArray):
            raise TypeError(f"[bind] {what} '{name}': only NDArrays are accepted, got {type(array).__name__}")
    return arrays


def _binary(lhs: Any, rhs: Any, op: str, scalar_op: str, reverse: bool = False) -> Any:
    if isinstance(rhs, Symbol):
        return _op(op)(lhs, rhs)
    if isinstance(rhs, (Number, np.generic)):
        return _op(scalar_op)(lhs, scalar=rhs.item() if isinstance(rhs, np.generic) else rhs)
    from ..ndarray import NDArray

    if isinstance(rhs, NDArray):
        raise NotImplementedForSymbol(_binary, None, lhs, rhs)
    raise TypeError(f"type {type(rhs)} not supported")


add_fluent_methods(Symbol, _op, "mx.sym")
