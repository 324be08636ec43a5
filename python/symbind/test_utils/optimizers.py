"""Comparing two optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ndarray import array
from .compare import assert_almost_equal, compare_ndarray_tuple


def compare_optimizer(
    opt1: Any,
    opt2: Any,
    shape: Any,
    dtype: Any,
    w_stype: str = "default",
    g_stype: str = "default",
    rtol: float = 1e-4,
    atol: float = 1e-5,
    compare_states: bool = True,
    ntensors: int = 1,
) -> None:
    """Raise AssertionError unless two optimizers make the same of a step with random weights and gradients.

    Parameters
    ----------
    opt1, opt2 : Optimizer
    shape : tuple of int, or with `ntensors` > 1 a list of them
    dtype : of the weights
    w_stype, g_stype : str, default 'default'
        Storage types of weights and gradients.
    rtol, atol : float
    compare_states : bool, default True
    ntensors : int, default 1
        Weights that are updated in one call.
    """
    shapes = list(shape) if ntensors > 1 else [shape]
    weights = [np.random.uniform(-1, 1, s) for s in shapes]
    grads = [np.random.uniform(-1, 1, s) for s in shapes]
    results = []
    for optimizer in (opt1, opt2):
        own = [array(w, dtype=dtype).tostype(w_stype) for w in weights]
        given = [array(g, dtype=dtype).tostype(g_stype) for g in grads]
        states = [optimizer.create_state_multi_precision(i, w) for i, w in enumerate(own)]
        if ntensors == 1:
            optimizer.update_multi_precision(0, own[0], given[0], states[0])
        else:
            optimizer.update_multi_precision(list(range(len(own))), own, given, states)
        results.append((own, states))
    (own1, states1), (own2, states2) = results
    for one, other in zip(own1, own2):
        assert_almost_equal(one.tostype("default"), other.tostype("default"), rtol, atol)
    if compare_states:
        for one, other in zip(states1, states2):
            compare_ndarray_tuple(one, other, rtol, atol)
