"""The steps of a training loop that modules and hand-written loops share."""

from __future__ import annotations

import os
from collections import namedtuple

from .. import kvstore as kvs
from .. import optimizer as opt

__all__ = ["BatchEndParam"]

#: What batch-end callbacks receive: epoch, batch number, metric, and the loop's local variables.
BatchEndParam = namedtuple("BatchEndParam", ["epoch", "nbatch", "eval_metric", "locals"])

# Above this many elements in one parameter a 'local' store leaves updating to the devices.
_BIG_ARRAY = 16 * 1024 * 1024


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
            kvstore.pull(kept, grads, ignore_sparse=False)
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


def _multiple_callbacks(callbacks, *args, **kwargs):
    """Calls one callback, or each of a list; None is no callback."""
    if callbacks is None:
        return
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]:
        callback(*args, **kwargs)
