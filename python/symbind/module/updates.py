"""The optimizer of a module: making it, loading its states, and the update of each context."""

from __future__ import annotations

import warnings

from .. import optimizer as opt
from ..model import _with_grad


def make_optimizer(optimizer, optimizer_params, symbol, idx2name, rescale_grad):
    """An optimizer from its name and arguments, or the one given, knowing the parameters' names.

    Raises TypeError for other things, and what the optimizer raises for its arguments.
    """
    if isinstance(optimizer, str):
        params = dict(optimizer_params)
        params.setdefault("rescale_grad", rescale_grad)
        return opt.create(optimizer, sym=symbol, param_idx2name=idx2name, **params)
    if not isinstance(optimizer, opt.Optimizer):
        raise TypeError(
            f"[Module.init_optimizer] optimizer: got {type(optimizer).__name__}, expected Optimizer or str"
        )
    if optimizer.rescale_grad != rescale_grad:
        warnings.warn(
            f"[Module.init_optimizer] the optimizer has rescale_grad={optimizer.rescale_grad}, which is not "
            f"1 / batch size = {rescale_grad}. Is this intended?",
            stacklevel=3,
        )
    if not optimizer.idx2name:
        optimizer.idx2name = dict(idx2name)
    return optimizer


def load_states(fname, store, updater):
    """Loads a states file into an updater, or into the store that updates where there is none."""
    if updater is None:
        store.load_optimizer_states(fname)
        return
    with open(fname, "rb") as file:
        content = file.read()
    updater.set_states(content, source=str(fname))


def make_plans(group, updater, first_keys):
    """The update of each context, with everything looked up: keys, arrays, states.

    Parameters
    ----------
    group : DataParallelExecutorGroup
    updater : Updater
    first_keys : dict of str to int
        Key of each parameter on the first context; the others follow. With a borrowed optimizer these are the
        keys of the module that owns it, and parameters it does not have are added.
    """
    contexts = len(group.contexts)
    names, params, grads = _with_grad(group.param_arrays, group.grad_arrays, group.param_names_in_order)
    for name in names:
        first_keys.setdefault(name, len(first_keys) * contexts)
    plans = []
    for k in range(contexts):
        keys = [first_keys[name] + k for name in names]
        plans.append(updater.plan(keys, [g[k] for g in grads], [p[k] for p in params]))
    return plans
