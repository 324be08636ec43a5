"""Checkpoints, and the steps of a training loop that Module and hand-written loops share."""

from __future__ import annotations

import logging
import os
import warnings
from collections import namedtuple

from . import kvstore as kvs
from . import ndarray as nd
from . import optimizer as opt
from . import symbol as sym
from .ndarray import NDArray

__all__ = ["BatchEndParam", "load_checkpoint", "load_params", "save_checkpoint"]

#: What batch-end callbacks receive: epoch, batch number, metric, and the loop's local variables.
BatchEndParam = namedtuple("BatchEndParam", ["epoch", "nbatch", "eval_metric", "locals"])

# Above this many elements in one parameter a 'local' store leaves updating to the devices.
_BIG_ARRAY = 16 * 1024 * 1024


# ------------------------------------------------------------------------------------------------ checkpoints


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


# ------------------------------------------------------------------------------- stores and updates in a loop


def _create_kvstore(kvstore, num_device, arg_params):
    """The store for training, and whether it updates the parameters.

    Parameters
    ----------
    kvstore : KVStore, str or None
    num_device : int
        With one, a name gives no store: there is nothing to sum.
    arg_params : dict of str to NDArray

    Returns
    -------
    (KVStore or None, bool)
    """
    update_on_kvstore = os.environ.get("MXNET_UPDATE_ON_KVSTORE", "1").lower() not in ("0", "false")
    if kvstore is None:
        return None, False
    if isinstance(kvstore, kvs.KVStore):
        return kvstore, update_on_kvstore
    if not isinstance(kvstore, str):
        raise TypeError(
            f"[init_optimizer] kvstore: got {type(kvstore).__name__}, expected KVStore, str or None"
        )
    store = kvs.create(kvstore)
    if num_device == 1:
        return None, False
    if kvstore == "local" and max((p.size for p in arg_params.values()), default=0) > _BIG_ARRAY:
        update_on_kvstore = False
    return store, update_on_kvstore


def _initialize_kvstore(kvstore, param_arrays, arg_params, param_names, update_on_kvstore):
    """Puts the parameters into the store and, where it updates them, its copies onto the devices."""
    for name, on_devices in zip(param_names, param_arrays):
        kvstore.init(name, arg_params[name])
        if update_on_kvstore:
            kvstore.pull(name, on_devices)


def _with_grad(param_arrays, grad_arrays, names) -> tuple[list, list, list]:
    """Names, parameters and gradients of the parameters that have a gradient."""
    kept = [(n, p, g) for n, p, g in zip(names, param_arrays, grad_arrays) if g and g[0] is not None]
    return [k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept]


def _update_params_on_kvstore(param_arrays, grad_arrays, kvstore, param_names):
    """One step in the store: pushes gradients, pulls parameters. Lists are by parameter, then by device."""
    names, params, grads = _with_grad(param_arrays, grad_arrays, param_names)
    if names:
        kvstore.push(names, grads)
        kvstore.pull(names, params)


def _update_params(param_arrays, grad_arrays, updater, num_device, kvstore=None, param_names=None):
    """One step on the devices: sums gradients in the store if there is one, then updates by device.

    The updater's keys are ``parameter index * num_device + device``.
    """
    names = list(range(len(param_arrays))) if param_names is None else param_names
    if kvstore is not None:
        kept, _, grads = _with_grad(param_arrays, grad_arrays, names)
        if kept:
            kvstore.push(kept, grads)
            kvstore.pull(kept, grads)
    positions, params, grads = _with_grad(param_arrays, grad_arrays, range(len(param_arrays)))
    if not positions:
        return
    for device in range(num_device):
        keys = [position * num_device + device for position in positions]
        if isinstance(updater, opt.Updater):
            updater(keys, [grad[device] for grad in grads], [param[device] for param in params])
            continue
        for key, param, grad in zip(keys, params, grads):
            updater(key, grad[device], param[device])
