"""What every operator test does: compare with NumPy, differentiate numerically, add gradients."""

from __future__ import annotations

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx
from parity.replay import find_operator


def operator(namespace, name):
    """The function of an operator in ``mx.sym`` or ``mx.nd``, hidden ones included."""
    return find_operator(namespace, name)


def symbol_of(name, inputs, aux=(), **attrs):
    """The operator over variables named as its inputs; a list of inputs is a variadic operator."""
    if isinstance(inputs, (list, tuple)):
        return operator(mx.sym, name)(
            *[mx.sym.Variable(f"arg{i}") for i in range(len(inputs))], name="op", **attrs
        )
    variables = {n: mx.sym.Variable(n) for n in (*inputs, *aux)}
    return operator(mx.sym, name)(name="op", **variables, **attrs)


def named(inputs):
    """Inputs by the names of their variables."""
    return {f"arg{i}": a for i, a in enumerate(inputs)} if isinstance(inputs, (list, tuple)) else dict(inputs)


def bind(symbol, inputs, dtype="float32", wrt=(), req="write", gradients=None, aux=None, keep=()):
    """An executor over NumPy inputs in ``dtype``, except those in ``keep``, which keep their own."""
    arrays = {n: mx.nd.array(a, dtype=a.dtype if n in keep else dtype) for n, a in inputs.items()}
    if gradients is None:
        gradients = {n: mx.nd.zeros(inputs[n].shape, dtype=dtype) for n in wrt}
    states = {n: mx.nd.array(a, dtype=dtype) for n, a in (aux or {}).items()}
    reqs = {n: req if n in gradients else "null" for n in arrays}
    return symbol.bind(mx.cpu(), arrays, args_grad=gradients, grad_req=reqs, aux_states=states)


def check_forward(name, inputs, expected, dtypes=("float32", "float64"), keep=(), **attrs):
    """The operator gives ``expected`` (of NumPy in float64), imperatively and bound, in every dtype."""
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    for dtype in dtypes:
        arrays = {n: mx.nd.array(a, dtype=a.dtype if n in keep else dtype) for n, a in named(inputs).items()}
        function = operator(mx.nd, name)
        made = (
            function(*arrays.values(), **attrs)
            if isinstance(inputs, (list, tuple))
            else function(**arrays, **attrs)
        )
        executor = bind(symbol_of(name, inputs, **attrs), named(inputs), dtype, keep=keep)
        for outputs in (
            made if isinstance(made, (list, tuple)) else [made],
            executor.forward(is_train=False),
        ):
            assert len(outputs) == len(expected)
            for output, wanted in zip(outputs, expected):
                assert np.dtype(output.dtype) == np.dtype(dtype)
                assert_close(output, np.asarray(wanted).astype(dtype), what=f"{name} {attrs} {dtype}")


def check_gradient(name, inputs, wrt=None, aux=None, rtol=1e-5, **attrs):
    """Backward agrees with central differences in float64, and float32 with float64."""
    inputs = inputs if isinstance(inputs, (list, tuple)) else dict(inputs)
    symbol = symbol_of(name, inputs, tuple(aux or ()), **attrs)
    location = named(inputs)
    wrt = list(location) if wrt is None else list(wrt)
    if IS_MXNET and len(symbol) > 1:  # its check takes one output only
        return
    rtol, atol = (
        (5e-3, 2e-3) if IS_MXNET else (rtol, 1e-6)
    )  # MXNet computes some float64 functions in float32
    mx.test_utils.check_numeric_gradient(
        symbol, location, aux_states=aux, grad_nodes=wrt, rtol=rtol, atol=atol, dtype=np.float64
    )
    results = [gradients_of(symbol, location, wrt, dtype, aux=aux) for dtype in ("float32", "float64")]
    for key, exact in results[1].items():
        scale = max(1.0, np.abs(exact).max(initial=0))
        assert_close(
            results[0][key], exact.astype("float32"), 1e-4, 1e-5 * scale, f"{name} {attrs} {key} in float32"
        )
    check_add(symbol, location, wrt, aux)


def heads_for(outputs):
    """Seeded gradients of outputs."""
    rs = np.random.RandomState(9)
    return [mx.nd.array(rs.uniform(-1, 1, o.shape), dtype=o.dtype) for o in outputs]


def gradients_of(symbol, location, wrt, dtype, aux=None, req="write", gradients=None, keep=(), heads=True):
    """Gradients of one training step with seeded head gradients, as NumPy arrays."""
    executor = bind(symbol, location, dtype, wrt, req, gradients, aux, keep)
    outputs = executor.forward(is_train=True)
    executor.backward(heads_for(outputs) if heads else None)
    return {n: executor.grad_dict[n].asnumpy() for n in wrt}


def check_add(symbol, location, wrt, aux=None, dtype="float64", keep=(), heads=True):
    """grad_req='add' adds what 'write' writes, and gradients do not depend on which others are asked for."""
    if IS_MXNET:  # there many operators scale or overwrite what was there
        return
    written = gradients_of(symbol, location, wrt, dtype, aux, keep=keep, heads=heads)
    rs = np.random.RandomState(4)
    start = {n: rs.uniform(-1, 1, location[n].shape).astype(dtype) for n in wrt}
    arrays = {n: mx.nd.array(a, dtype=dtype) for n, a in start.items()}
    added = gradients_of(symbol, location, wrt, dtype, aux, "add", arrays, keep, heads)
    for n in wrt:
        assert_close(added[n], start[n] + written[n], what=f"added gradient of {n}")
    if len(wrt) > 1:
        one = gradients_of(symbol, location, wrt[:1], dtype, aux, keep=keep, heads=heads)
        assert_close(one[wrt[0]], written[wrt[0]], what=f"gradient of {wrt[0]} alone")


def refuses(make, *words):
    """``make`` raises MXNetError, and its text has all ``words``."""
    with pytest.raises(mx.base.MXNetError) as caught:
        make()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def uniform(*shape, low=-1.0, high=1.0, seed=1):
    """Seeded uniform values."""
    return np.random.RandomState(seed).uniform(low, high, shape)


def distinct(*shape, step=0.1, seed=2):
    """Seeded values without ties and without zero."""
    size = int(np.prod(shape))
    return (np.random.RandomState(seed).permutation(size) - size // 2 + 0.5).reshape(shape) * step
