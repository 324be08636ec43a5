"""Checkpoints: the files that MXNet saves a symbol and its parameters in."""

from __future__ import annotations

import logging
import warnings

from .. import ndarray as nd
from .. import symbol as sym
from ..ndarray import NDArray

__all__ = ["load_checkpoint", "load_params", "load_symbol", "save_checkpoint"]


def save_checkpoint(prefix, epoch, symbol, arg_params, aux_params, remove_amp_cast=True):
    """Saves a symbol and its parameters as MXNet does.

    Writes ``prefix-symbol.json`` (if `symbol` is not None) and ``prefix-%04d.params`` with keys ``arg:name``
    and ``aux:name``.

    Parameters
    ----------
    prefix : str
    epoch : int
    symbol : Symbol or None
    arg_params, aux_params : dict of str to NDArray
    remove_amp_cast : bool
        Default True: leave amp_cast and amp_multicast operators out of the saved symbol.
    """
    if symbol is not None:
        symbol.save(f"{prefix}-symbol.json", remove_amp_cast=remove_amp_cast)
    file_name = f"{prefix}-{epoch:04d}.params"
    nd.save(file_name, pack_params(arg_params, aux_params))
    logging.info('Saved checkpoint to "%s"', file_name)


def load_symbol(prefix):
    """Loads the symbol of a checkpoint, ``prefix-symbol.json``."""
    return sym.load(f"{prefix}-symbol.json")


def load_params(prefix, epoch):
    """Loads the parameters of a checkpoint.

    Returns
    -------
    (arg_params, aux_params)
        Dicts of str to NDArray.

    Raises
    ------
    ValueError
        If the names have no ``arg:`` or ``aux:`` prefix.
    """
    file_name = f"{prefix}-{epoch:04d}.params"
    loaded = nd.load(file_name)
    if not loaded:
        logging.warning("Params file '%s' is empty", file_name)
        return {}, {}
    return unpack_params(loaded, file_name)


def load_checkpoint(prefix, epoch):
    """Loads a checkpoint.

    Returns
    -------
    (symbol, arg_params, aux_params)
    """
    symbol = load_symbol(prefix)
    arg_params, aux_params = load_params(prefix, epoch)
    return symbol, arg_params, aux_params


def pack_params(arg_params: dict[str, NDArray], aux_params: dict[str, NDArray]) -> dict[str, NDArray]:
    """Parameters under the names that ``.params`` files use."""
    packed = {f"arg:{name}": value for name, value in (arg_params or {}).items()}
    packed.update({f"aux:{name}": value for name, value in (aux_params or {}).items()})
    return packed


def unpack_params(loaded, file_name: str) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """Splits what was loaded from a ``.params`` file into (arg_params, aux_params).

    Names with another prefix are left out with a warning; ValueError where no name has one.
    """
    if not isinstance(loaded, dict):
        raise ValueError(
            f"[load_params] {file_name}: a list of arrays without names, expected names 'arg:...', 'aux:...'"
        )
    params: dict[str, dict[str, NDArray]] = {"arg": {}, "aux": {}}
    ignored = []
    for key, value in loaded.items():
        kind, colon, name = key.partition(":")
        if colon and kind in params:
            params[kind][name] = value
        else:
            ignored.append(key)
    if ignored and not params["arg"] and not params["aux"]:
        raise ValueError(
            f"[load_params] {file_name}: no name starts with 'arg:' or 'aux:', the first is {ignored[0]!r}. "
            "It looks like a Gluon file: load it with nd.load() and pass the arrays to set_params()"
        )
    if ignored:
        warnings.warn(
            f"[load_params] {file_name}: names without 'arg:' or 'aux:' are left out: {', '.join(ignored)}",
            stacklevel=3,
        )
    return params["arg"], params["aux"]
