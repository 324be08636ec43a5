"""Parameter values of a module: what is given, what an initializer makes, and the dicts of both."""

from __future__ import annotations

import warnings

from .. import ndarray as nd
from ..context import cpu
from ..initializer import InitDesc
from .slicing import _load


def warn_ignored(given, known):
    """Warns of given names that a symbol does not use."""
    ignored = sorted(name for name in given if name not in known)
    if ignored:
        warnings.warn(
            f"[Module.init_params] the symbol has no parameter {', '.join(map(repr, ignored))}: ignored. "
            "Pass allow_extra=True if this is expected",
            stacklevel=4,
        )


def check_given(arrays, given, initializer, allow_missing):
    """Given value, or None, of every parameter.

    Parameters
    ----------
    arrays : dict of str to NDArray
        The bound arrays by name.
    given : dict or None
        None: nothing is given and everything is left to the initializer.
    initializer : Initializer or None
    allow_missing : bool

    Raises
    ------
    RuntimeError
        Naming a parameter that is missing.
    ValueError
        Naming a parameter whose shape differs.
    """
    values = {}
    for name, array in arrays.items():
        value = None if given is None else given.get(name)
        if value is not None:
            if tuple(value.shape) != array.shape:
                raise ValueError(
                    f"[Module.init_params] parameter {name!r}: got shape {tuple(value.shape)}, expected "
                    f"{array.shape}"
                )
        elif given is None and initializer is None:
            raise TypeError(
                f"[Module.init_params] parameter {name!r}: got neither a value nor an initializer"
            )
        elif given is not None and not allow_missing:
            raise RuntimeError(
                f"[Module.init_params] {name} is not presented: got values for "
                f"{', '.join(sorted(given)) or 'nothing'}. Pass a value for it, or allow_missing=True"
            )
        values[name] = value
    return values


def run_initializer(arrays, values, initializer, attributes):
    """Values with those that are missing made by the initializer; without one they stay None.

    Parameters are visited in order of their names, which decides the random numbers that each gets.
    """
    if initializer is None:
        return values
    for name in sorted(values):
        if values[name] is None:
            made = nd.zeros(arrays[name].shape, cpu(), dtype=arrays[name].dtype)
            initializer(InitDesc(name, attributes.get(name)), made)
            values[name] = made if arrays[name].stype == "default" else _with_all_rows(made)
    return values


def _with_all_rows(values):
    """A row_sparse array that stores every row, those of zeros too: lazy updates find all rows in place."""
    rows = nd.arange(0, values.shape[0], dtype="int64")
    return nd.sparse.row_sparse_array((values, rows), values.shape, cpu(), values.dtype)


def assign_params(params, arrays, values, borrow):
    """The dict of parameters with new values. Arrays in it, which a user may hold, stay the same objects.

    A value of None keeps what the dict has, or else what is bound. With `borrow` a new dict has the bound
    arrays themselves in place of copies.
    """
    if borrow and params is None:
        for name, value in values.items():
            if value is not None:
                _load(arrays[name], value)
        return dict(arrays)
    params = {} if params is None else params
    for name in [n for n in params if n not in values]:
        del params[name]
    for name, value in values.items():
        array, kept = arrays[name], params.get(name)
        if kept is None or (kept.shape, kept.dtype, kept.stype) != (array.shape, array.dtype, array.stype):
            kept = params[name] = nd.zeros(array.shape, cpu(), array.dtype, array.stype)
            value = array if value is None else value
        if value is not None and value is not kept:
            _load(kept, value)
    return params


def host_copies(names, arrays):
    """A dict of new arrays with the values of the first context."""
    copies = {}
    for name, on_devices in zip(names, arrays):
        first = on_devices[0]
        copies[name] = nd.zeros(first.shape, cpu(), first.dtype, first.stype)
        _load(copies[name], first)
    return copies
