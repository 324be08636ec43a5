"""Binding a symbol on several contexts: requirements of gradients, arrays, executors."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from .. import ndarray as nd
from ..base import MXNetError
from ..context import place_groups
from ..io import DataDesc
from ..ndarray import NDArray
from .slicing import _split_input_slice


class Target(NamedTuple):
    """Where one input of a batch goes: its shape over all contexts, an array for each, its batch axis."""

    shape: tuple[int, ...]
    arrays: list[NDArray]
    axis: int

    def fast(self):
        """What loading into a single context needs: shape, copy from a handle, copy from a NumPy array."""
        handle = self.arrays[0].handle
        return self.shape, handle.copy_from, handle.copy_from_numpy


class Bound:
    """The executors for one set of input shapes."""

    __slots__ = ("batch_size", "data", "data_shapes", "execs", "label_shapes", "labels", "outputs", "slices")

    execs: list[Any]
    slices: list[slice]
    batch_size: int
    data_shapes: list[DataDesc]
    label_shapes: list[DataDesc] | None
    data: list[Target]
    labels: list[Target]
    outputs: list[list[NDArray]]


def resolve_grad_req(grad_req, arg_names, trained, wanted) -> dict[str, str]:
    """Gradient requirement of every argument.

    Parameters
    ----------
    grad_req : str, list of str, dict of str to str
        For all arguments in `wanted`; for each argument, by order; or by name, 'write' for the others in
        `wanted`.
    arg_names : list of str
    trained : bool
        False: there are no gradients.
    wanted : set of str
        Arguments that have a gradient unless `grad_req` says otherwise.
    """
    requirements = dict.fromkeys(arg_names, "null")
    if not trained:
        return requirements
    if not isinstance(grad_req, (str, list, tuple, dict)):
        raise ValueError(
            f"[Module.bind] grad_req: got {type(grad_req).__name__}, expected one of str, list, tuple, "
            "or dict"
        )
    requirements.update(
        dict.fromkeys(
            (n for n in arg_names if n in wanted), grad_req if isinstance(grad_req, str) else "write"
        )
    )
    if isinstance(grad_req, (list, tuple)):
        if len(grad_req) != len(arg_names):
            raise ValueError(
                f"[Module.bind] grad_req: got a list of {len(grad_req)}, expected one for each of the "
                f"{len(arg_names)} arguments {arg_names}"
            )
        requirements = dict(zip(arg_names, grad_req))
    elif isinstance(grad_req, dict):
        unknown = [name for name in grad_req if name not in requirements]
        if unknown:
            warnings.warn(
                f"[Module.bind] grad_req: the symbol has no argument {unknown}: ignored", stacklevel=4
            )
        requirements.update({name: value for name, value in grad_req.items() if name in requirements})
    for name, requirement in requirements.items():
        if requirement not in ("write", "add", "null"):
            raise ValueError(
                f"[Module.bind] grad_req of {name!r}: got {requirement!r}, expected 'write', 'add' or 'null'"
            )
    return requirements


def batch_axes(descs, batch_size=None) -> tuple[list[int], int | None]:
    """Batch axis of each description, -1 for none, and the batch size, which all must share."""
    axes = [DataDesc.get_batch_axis(d.layout) if len(d.shape) else -1 for d in descs]
    for desc, axis in zip(descs, axes):
        if axis < 0:
            continue
        if axis >= len(desc.shape):
            raise ValueError(
                f"[Module.bind] {desc.name!r} has shape {tuple(desc.shape)}, which lacks the batch axis "
                f"{axis} of its layout {desc.layout!r}"
            )
        if batch_size is not None and desc.shape[axis] != batch_size:
            raise ValueError(
                f"[Module.bind] all data must have the same batch size: got {desc.shape[axis]} for "
                f"{desc.name!r} of shape {tuple(desc.shape)}, expected {batch_size}"
            )
        batch_size = desc.shape[axis]
    return axes, batch_size


class Binder:
    """Makes the executors of a symbol on several contexts.

    Parameters
    ----------
    symbol : Symbol
    contexts : list of Context
    workload : list of number
    param_names, label_names, state_names : list of str
    grad_req : dict of str to str
        Of every argument.
    group2ctxs : list of dict
        By context.
    pool : ArrayPool, optional
        Where inputs and outputs are, shared with other binders; default new arrays.
    compute_dtype : str
        'float32' or 'bfloat16', as for `Module`.
    """

    def __init__(
        self,
        symbol,
        contexts,
        workload,
        param_names,
        label_names,
        state_names,
        grad_req,
        group2ctxs,
        pool=None,
        compute_dtype="float32",
    ):
        self.symbol = symbol
        self.contexts = contexts
        self.workload = workload
        self.param_names = param_names
        self.label_names = label_names
        self.state_names = state_names
        self.grad_req = grad_req
        self.group2ctxs = group2ctxs
        attributes = symbol.attr_dict() if any(group2ctxs) else {}
        self.placements = [place_groups(attributes, of_context) for of_context in group2ctxs]
        self.pool = pool
        self.compute_dtype = compute_dtype
        self.arg_names = symbol.list_arguments()
        self.aux_names = symbol.list_auxiliary_states()

    def bind(self, data_shapes, label_shapes, bases) -> Bound:
        """Executors for the shapes; parameters are the arrays of `bases`, executors by context or None."""
        bound = Bound()
        bound.data_shapes, bound.label_shapes = data_shapes, label_shapes
        data_axes, batch_size = batch_axes(data_shapes)
        label_axes, batch_size = batch_axes(label_shapes or [], batch_size)
        if len(self.contexts) == 1:
            bound.slices = [slice(0, batch_size or 0)]
        elif batch_size is not None:
            bound.slices = _split_input_slice(batch_size, self.workload)
        else:
            raise ValueError(
                "[Module.bind] no input has a batch axis, so nothing can be split between contexts"
            )
        bound.batch_size = batch_size or 0
        described = list(zip(data_shapes + (label_shapes or []), data_axes + label_axes))
        bound.execs = [
            self._bind_one(i, described, bound.slices[i], None if bases is None else bases[i])
            for i in range(len(self.contexts))
        ]
        arg_dicts = [e.arg_dict for e in bound.execs]
        bound.data = [self._target(d, axis, arg_dicts) for d, axis in zip(data_shapes, data_axes)]
        if label_shapes:
            bound.labels = [self._target(d, axis, arg_dicts) for d, axis in zip(label_shapes, label_axes)]
        else:
            bound.labels = self._inferred_labels(bound, arg_dicts)
        bound.outputs = [list(e.outputs) for e in bound.execs]
        return bound

    @staticmethod
    def _target(desc, axis, arg_dicts) -> Target:
        return Target(tuple(desc.shape), [args[desc.name] for args in arg_dicts], axis)

    def _inferred_labels(self, bound, arg_dicts) -> list[Target]:
        """Labels that were not described; batches that have them in the inferred shape are loaded."""
        targets = []
        for name in self.label_names:
            arrays = [args[name] for args in arg_dicts]
            shape = arrays[0].shape
            if len(arrays) > 1:
                shape = (sum(a.shape[0] for a in arrays), *shape[1:])
                if shape[0] != bound.batch_size:
                    return []
            targets.append(Target(shape, arrays, 0))
        return targets

    def _bind_one(self, i: int, described, part: slice, base):
        """Binds the symbol on one context, over the parameter arrays of `base` where there is one."""
        shapes, dtypes = self._of_context(described, part)
        arg_shapes, arg_types, aux_shapes, aux_types = self.symbol._infer_for_bind(shapes, dtypes)
        wanted = [name for name in self.arg_names if self.grad_req[name] != "null"]
        stypes, grad_stypes = self.symbol._storage_types(shapes, dtypes, wanted)
        ctx = self.contexts[i]
        placed = self.placements[i]
        args, grads, aux = {}, {}, {}
        base_args, base_grads, base_aux = (
            (base.arg_dict, base.grad_dict, base.aux_dict) if base is not None else ({}, {}, {})
        )
        reusable = {*self.param_names, *self.state_names}
        for name, shape, dtype in zip(self.arg_names, map(tuple, arg_shapes), arg_types):
            old = base_args.get(name) if name in reusable else None
            if name in self.state_names and old is not None and tuple(old.shape) != shape:
                old = None  # states follow the batch size
            if old is not None:
                check_shared("parameter", name, old, shape, dtype)
            on = placed.get(name, ctx)
            stype = stypes.get(name, "default")
            if old is not None:
                args[name] = old
            elif self.pool is not None and name not in reusable and stype == "default":
                args[name] = self.pool.input(i, name, shape, on, dtype)
            else:
                args[name] = nd.zeros(shape, on, dtype, stype)
            if self.grad_req[name] != "null":
                stype = grad_stypes.get(name, "default")
                old = base_grads.get(name) if name in self.param_names else None
                fits = old is not None and (tuple(old.shape), old.dtype, old.stype) == (shape, dtype, stype)
                grads[name] = old if fits else nd.zeros(shape, on, dtype, stype)
        for name, shape, dtype in zip(self.aux_names, map(tuple, aux_shapes), aux_types):
            old = base_aux.get(name)
            if old is not None:
                check_shared("auxiliary state", name, old, shape, dtype)
            aux[name] = nd.zeros(shape, placed.get(name, ctx), dtype=dtype) if old is None else old
        executor = self.symbol._make_executor(
            ctx,
            [args[name] for name in self.arg_names],
            [grads.get(name) for name in self.arg_names],
            [self.grad_req[name] for name in self.arg_names],
            [aux[name] for name in self.aux_names],
            base,
            self.group2ctxs[i],
            self.pool.outputs(i) if self.pool is not None else (),
            self.compute_dtype,
        )
        if self.pool is not None:
            self.pool.keep_outputs(i, executor.outputs)
        return executor

    def _of_context(self, described, part: slice):
        """Shapes and dtypes of the described inputs for one part of the batch."""
        shapes, dtypes = {}, {}
        for desc, axis in described:
            shape = tuple(desc.shape)
            if len(self.contexts) > 1 and axis >= 0:
                shape = (*shape[:axis], part.stop - part.start, *shape[axis + 1 :])
            if desc.name not in self.arg_names:
                raise ValueError(
                    f"[Module.bind] {desc.name!r} is not an argument of the symbol: {self.arg_names}"
                )
            shapes[desc.name] = shape
            dtypes[desc.name] = desc.dtype
        return shapes, dtypes


def check_shared(what, name, array, shape, dtype):
    """Raises MXNetError where an array that stays does not have the shape and dtype that are needed."""
    if tuple(array.shape) != shape:
        raise MXNetError(
            f"[Module.bind] {what} {name!r} has shape {tuple(array.shape)}, but with these input shapes "
            f"it would need {shape}: rebinding cannot change parameters; check the input shapes, or use "
            "a new Module"
        )
    if np.dtype(array.dtype) != np.dtype(dtype):
        raise MXNetError(
            f"[Module.bind] {what} {name!r} has dtype {np.dtype(array.dtype)}, but here it would need "
            f"{np.dtype(dtype)}: rebinding cannot change parameters"
        )
