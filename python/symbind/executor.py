"""Executor: a Symbol bound to arrays, ready to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

import numpy as np

from . import _core
from .context import Context, place_groups
from .ndarray import NDArray, array, empty, zeros
from .ndarray.ndarray import _wrap
from .ndarray.sparse_array import wrap_any

__all__ = ["Executor"]


class Executor:
    """A Symbol with memory. Made by `Symbol.bind` and `Symbol.simple_bind`.

    `arg_arrays`, `grad_arrays` (None where there is no gradient) and `aux_arrays` follow the order of
    `list_arguments` and `list_auxiliary_states`; the `*_dict` properties give the same by name.
    """

    handle: _core.Executor

    def __init__(
        self,
        symbol: Any,
        ctx: Context,
        args: list[NDArray],
        grads: list[NDArray | None],
        grad_reqs: list[str],
        aux: list[NDArray],
        shared: Executor | None = None,
        group2ctx: dict[str, Context] | None = None,
        output_memory: Sequence[NDArray] = (),
        compute_dtype: str = "float32",
    ) -> None:
        self._symbol = symbol
        self._ctx = ctx
        self._grad_req = grad_reqs
        self._group2ctx = group2ctx
        self._compute_dtype = compute_dtype
        #: Context of every node in a ctx_group. All contexts are the same processor: it is the arrays' only.
        self.placement = place_groups(symbol.attr_dict(), group2ctx) if group2ctx else {}
        self.arg_arrays = args
        self.grad_arrays = [g if r != "null" else None for g, r in zip(grads, grad_reqs)]
        self.aux_arrays = aux
        self.handle = _core.Executor(
            symbol.handle,
            ctx.device_typeid,
            ctx.device_id,
            [a.handle for a in args],
            [None if g is None else g.handle for g in self.grad_arrays],
            grad_reqs,
            [a.handle for a in aux],
            None if shared is None else shared.handle,  # type: ignore[arg-type]  # None is meant
            [array.handle for array in output_memory],
            compute_dtype,
        )
        self.outputs = [self._output(i, handle) for i, handle in enumerate(self.handle.outputs())]
        self._arg_names = symbol.list_arguments()
        self._aux_names = symbol.list_auxiliary_states()
        self._output_names = symbol.list_outputs()
        self._monitor_callback: Callable | None = None
        self._monitor_all = False

    def _output(self, i: int, handle: _core.NDArray) -> NDArray:
        ctx = self._ctx
        if self.placement:
            ctx = self.placement.get(self._symbol[i].name, ctx)
        if ctx != Context("cpu", 0):
            handle = handle.placed_on(ctx.device_typeid, ctx.device_id)
        return wrap_any(handle)

    @property
    def arg_dict(self) -> dict[str, NDArray]:
        """Arguments by name."""
        return dict(zip(self._arg_names, self.arg_arrays))

    @property
    def grad_dict(self) -> dict[str, NDArray | None]:
        """Gradients by the name of the argument; None where grad_req is 'null'."""
        return dict(zip(self._arg_names, self.grad_arrays))

    @property
    def aux_dict(self) -> dict[str, NDArray]:
        """Auxiliary states by name."""
        return dict(zip(self._aux_names, self.aux_arrays))

    @property
    def output_dict(self) -> dict[str, NDArray]:
        """Outputs by name."""
        return dict(zip(self._output_names, self.outputs))

    def forward(self, is_train: bool = False, **kwargs: Any) -> list[NDArray]:
        """Compute the outputs. Keywords set arguments first: NDArrays or NumPy arrays of the bound shapes.

        is_train : keep what `backward` needs, and let operators behave as in training. Returns `outputs`.
        """
        for name, value in kwargs.items():
            if name not in self._arg_names:
                raise TypeError(
                    f"[Executor.forward] unknown argument '{name}': expected one of {self._arg_names}"
                )
            if not isinstance(value, (NDArray, np.ndarray)):
                raise TypeError(
                    f"[Executor.forward] '{name}': got {type(value).__name__}, "
                    "expected NDArray or numpy.ndarray"
                )
            target = self.arg_arrays[self._arg_names.index(name)]
            if tuple(value.shape) != target.shape:
                raise ValueError(
                    f"[Executor.forward] shape of '{name}' does not match: got {tuple(value.shape)}, "
                    f"expected {target.shape}"
                )
            if isinstance(value, NDArray):
                target.handle.copy_from(value.handle)
            else:
                target.handle.copy_from_numpy(np.asarray(value))
        self.handle.forward(bool(is_train))
        return self.outputs

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients of the last `forward(is_train=True)`.

        out_grads : NDArray, list or dict of NDArray by output name; the gradients of the outputs. None means
            ones; outputs of loss operators ignore it.
        """
        if out_grads is None:
            grads: Sequence[Any] = []
        elif isinstance(out_grads, NDArray):
            grads = [out_grads]
        elif isinstance(out_grads, dict):
            grads = [out_grads[name] for name in self._output_names]
        else:
            grads = list(out_grads)
        for g in grads:
            if not isinstance(g, NDArray):
                raise TypeError(f"[Executor.backward] inputs must be NDArray, got {type(g).__name__}")
        self.handle.backward([g.handle for g in grads])

    def set_monitor_callback(self, callback: Callable | None, monitor_all: bool = False) -> None:
        """Call `callback(name, array)` for every operator output (with `monitor_all` for inputs too).

        While a callback is set the program runs unfused. None removes it.
        """
        self._monitor_callback, self._monitor_all = callback, monitor_all
        if callback is None:
            self.handle.set_monitor(None, False)
        else:
            self.handle.set_monitor(lambda name, value: callback(name, _wrap(value)), monitor_all)

    def copy_params_from(
        self,
        arg_params: dict[str, NDArray],
        aux_params: dict[str, NDArray] | None = None,
        allow_extra_params: bool = False,
    ) -> None:
        """Copy parameters by name. Raises ValueError for unknown names unless `allow_extra_params`."""
        for given, known, what in (
            (arg_params, self.arg_dict, "argument"),
            (aux_params or {}, self.aux_dict, "auxiliary state"),
        ):
            for name, value in given.items():
                if name in known:
                    source = value if isinstance(value, NDArray) else array(value)
                    source.astype(known[name].dtype, copy=False).copyto(known[name])
                elif not allow_extra_params:
                    raise ValueError(f'[copy_params_from] Find name "{name}" that is not in the {what}s')

    def reshape(
        self, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Any
    ) -> Executor:
        """Return an executor for other input shapes that shares parameters and memory with this one.

        kwargs : new shapes by argument name. Arrays whose shape changes are new ones, unless the old one is
        large enough; arguments that are not named may only change with `partial_shaping`, and grow with
        `allow_up_sizing`.
        """
        arg_shapes, _, aux_shapes, _ = self._symbol._infer_for_bind(
            {k: tuple(v) for k, v in kwargs.items()}, dict(zip(self._arg_names, self.arg_arrays))
        )
        args: list[NDArray] = []
        grads: list[NDArray | None] = []
        for name, shape, old, grad in zip(self._arg_names, arg_shapes, self.arg_arrays, self.grad_arrays):
            if tuple(shape) == old.shape:
                args.append(old)
                grads.append(grad)
                continue
            if not partial_shaping and name not in kwargs:
                raise AssertionError(
                    f'[Executor.reshape] Shape of unspecified array arg:"{name}" changed from {old.shape} to '
                    f"{tuple(shape)}. This can cause the new executor to not share parameters with the "
                    "old one. Please check for error in the network. If this is intended, set "
                    "partial_shaping=True."
                )
            grows = int(np.prod(shape, dtype=np.int64)) > old.size
            if grows and not allow_up_sizing:
                raise AssertionError(
                    f'[Executor.reshape] New shape of arg:"{name}" is larger than the original: '
                    f"{tuple(shape)} and {old.shape}. Set allow_up_sizing=True to allocate new arrays."
                )
            args.append(self._resized(old, shape, grows))
            grads.append(None if grad is None else self._resized(grad, shape, grows))
        aux: list[NDArray] = []
        for name, shape, old in zip(self._aux_names, aux_shapes, self.aux_arrays):
            if tuple(shape) != old.shape and not partial_shaping:
                raise AssertionError(f'[Executor.reshape] Shape of unspecified array aux:"{name}" changed')
            aux.append(old if tuple(shape) == old.shape else zeros(shape, self._ctx, old.dtype))
        made = Executor(
            self._symbol,
            self._ctx,
            args,
            grads,
            self._grad_req,
            aux,
            self,
            self._group2ctx,
            compute_dtype=self._compute_dtype,
        )
        if self._monitor_callback is not None:
            made.set_monitor_callback(self._monitor_callback, self._monitor_all)
        return made

    def _resized(self, old: NDArray, shape: Sequence[int], grows: bool) -> NDArray:
        if grows or old.stype != "default":
            return empty(shape, self._ctx, old.dtype, old.stype)
        count = int(np.prod(shape, dtype=np.int64))
        return _wrap(old.handle.reshape((old.size,)).slice(0, count).reshape(tuple(shape)))

    def get_optimized_symbol(self) -> Any:
        """Return the symbol that was bound: what the engine makes of it is a program and no symbol.

        `debug_str` lists that program.
        """
        return self._symbol

    def debug_str(self) -> str:
        """Return one line per step of the compiled program, and the memory it uses."""
        outputs = "".join(f"\toutput[{i}]={name}\n" for i, name in enumerate(self._output_names))
        return f"Symbol Outputs:\n{outputs}{self.handle.debug_str()}"

    def memory_report(self) -> dict[str, int]:
        """Return bytes: arena_bytes (of the larger program), shared_arena_bytes (what is allocated now, for
        all executors that share it), unshared_bytes (without sharing), output_bytes, constant_bytes.
        """
        return self.handle.memory_report()
