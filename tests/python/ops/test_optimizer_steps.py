"""Optimizer steps as operators: weights and states change in place."""

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only
from ops.checks import operator, refuses, uniform


def clipped(g, limit):
    return g if limit < 0 else np.clip(g, -limit, limit)


def signsgd(w, g, a):
    return ((1 - a["lr"] * a["wd"]) * w - a["lr"] * np.sign(g),)


def signum(w, g, a, mom):
    mom = a["momentum"] * mom - (1 - a["momentum"]) * (
        a["wd"] * w + clipped(g * a["rescale_grad"], a["clip_gradient"])
    )
    return (1 - a["lr"] * a["wd_lh"]) * w + a["lr"] * np.sign(mom), mom


def ftrl(w, g, a, z, n):
    g = clipped(g * a["rescale_grad"], a["clip_gradient"])
    z = z + g - (np.sqrt(n + g**2) - np.sqrt(n)) / a["lr"] * w
    n = n + g**2
    new = (np.sign(z) * a["lamda1"] - z) / ((a["beta"] + np.sqrt(n)) / a["lr"] + a["wd"])
    return np.where(np.abs(z) > a["lamda1"], new, 0), z, n


def ftml(w, g, a, d, v, z):
    g = clipped(g * a["rescale_grad"] + a["wd"] * w, a["clip_grad"])
    v = a["beta2"] * v + (1 - a["beta2"]) * g**2
    new = (1 - a["beta1"] ** a["t"]) / a["lr"] * (np.sqrt(v / (1 - a["beta2"] ** a["t"])) + a["epsilon"])
    z = a["beta1"] * z + (1 - a["beta1"]) * g - (new - a["beta1"] * d) * w
    return -z / new, new, v, z


def adagrad(w, g, a, history):
    g = clipped(g * a["rescale_grad"], a["clip_gradient"])
    history = history + g**2
    return w - a["lr"] * (g / np.sqrt(history + a["epsilon"]) + a["wd"] * w), history


def lamb(w, g, a, mean, var):
    g = clipped(g * a["rescale_grad"], a["clip_gradient"])
    mean = a["beta1"] * mean + (1 - a["beta1"]) * g
    var = a["beta2"] * var + (1 - a["beta2"]) * g**2
    if not a.get("bias_correction", True):
        return mean / (np.sqrt(var) + a["epsilon"]) + a["wd"] * w, mean, var
    m, v = mean / (1 - a["beta1"] ** a["t"]), var / (1 - a["beta2"] ** a["t"])
    return m / (np.sqrt(v) + a["epsilon"]) + a["wd"] * w, mean, var


COMMON = {"lr": 0.1, "wd": 0.03, "rescale_grad": 0.5, "clip_gradient": 0.3}
FTML = {
    "lr": 0.1,
    "wd": 0.03,
    "rescale_grad": 0.5,
    "clip_grad": 0.3,
    "beta1": 0.6,
    "beta2": 0.99,
    "epsilon": 1e-6,
    "t": 3,
}
LAMB = {
    "wd": 0.03,
    "rescale_grad": 0.5,
    "clip_gradient": 0.3,
    "beta1": 0.9,
    "beta2": 0.99,
    "epsilon": 1e-4,
    "t": 2,
}
STEPS = (
    ("signsgd_update", signsgd, 0, COMMON),
    ("signum_update", signum, 1, {**COMMON, "momentum": 0.9, "wd_lh": 0.01}),
    ("ftrl_update", ftrl, 2, {**COMMON, "lamda1": 0.1, "beta": 0.7}),
    ("ftrl_update", ftrl, 2, {**COMMON, "lamda1": 0.001, "beta": 1, "clip_gradient": -1}),
    ("ftml_update", ftml, 3, FTML),
    ("ftml_update", ftml, 3, {**FTML, "clip_grad": -1, "t": 1}),
    ("_sparse_adagrad_update", adagrad, 1, {**COMMON, "epsilon": 1e-6}),
    ("lamb_update_phase1", lamb, 2, LAMB),
    ("lamb_update_phase1", lamb, 2, {**LAMB, "bias_correction": False}),
)


@pytest.mark.parametrize(
    "name, reference, states, attrs", STEPS, ids=[f"{s[0]}-{i}" for i, s in enumerate(STEPS)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps(name, reference, states, attrs, dtype):
    if IS_MXNET and name.startswith("_sparse"):
        pytest.skip("MXNet 1.9.1 takes sparse gradients only here")
    arrays = [uniform(3, 4, seed=1), uniform(3, 4, seed=2)]
    arrays += [uniform(3, 4, low=0.1, seed=3 + i) for i in range(states)]
    inputs = [mx.nd.array(a, dtype=dtype) for a in arrays]
    given = [a.astype(dtype).astype("float64") for a in arrays]
    in_place = not name.startswith("lamb")
    out = operator(mx.nd, name)(*inputs, out=inputs[0] if in_place else None, **attrs)
    expected = reference(*given[:2], attrs, *given[2:])
    for got, wanted in zip([out, *inputs[2:]], expected):
        assert_close(got, wanted.astype(dtype), 1e-4, 1e-5)
    if in_place:
        assert out is inputs[0]


def test_lamb_step():
    w, g = uniform(5), uniform(5, seed=2)
    r1, r2 = np.linalg.norm(w), np.linalg.norm(g)
    for bounds, norm in (({}, r1), ({"lower_bound": 10}, 10), ({"upper_bound": 0.1}, 0.1)):
        weight = mx.nd.array(w)
        mx.nd.lamb_update_phase2(
            weight, mx.nd.array(g), mx.nd.array([r1]), mx.nd.array([r2]), lr=0.1, out=weight, **bounds
        )
        assert_close(weight, (w - 0.1 * norm / r2 * g).astype("f"), 1e-5)
    weight, copy = mx.nd.array(w, dtype="float16"), mx.nd.array(w)
    direction = [mx.nd.array(g), mx.nd.array([r1]), mx.nd.array([r2])]
    mx.nd.mp_lamb_update_phase2(weight, *direction, copy, lr=0.1, out=weight)
    expected = (w - 0.1 * r1 / r2 * g).astype("f")
    assert_close(weight, expected.astype("float16"))
    if IS_MXNET:  # which leaves the copy as it was, so that the next step starts from it again
        return
    assert_close(copy, expected, 1e-5)
    states = [mx.nd.zeros((5,)), mx.nd.zeros((5,))]
    half = mx.nd.array(g, dtype="float16")
    out = mx.nd.mp_lamb_update_phase1(weight, half, *states, copy, **LAMB)
    assert out.dtype == np.float32
    assert_close(out, lamb(copy.asnumpy(), half.asnumpy().astype("d"), LAMB, 0, 0)[0].astype("f"), 1e-4, 1e-5)


def test_lars():
    lrs, w, g, wds = ([0.1, 0.2, 0.3], [4, 9, 0], [1, 0, 2], [0.1, 0.2, 0.3])
    out = mx.nd.multi_lars(*map(mx.nd.array, (lrs, w, g, wds)), eta=0.5, eps=1e-3, rescale_grad=2)
    assert_close(out, np.array([0.1 * 0.5 * 2 / (2 + 0.1 * 2 + 1e-3), 0.2, 0.3], "f"), 1e-5)


@pytest.mark.parametrize("preloaded", [False, True])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("momentum", [False, True])
def test_many_weights(momentum, mixed, preloaded):
    """Like one step for each weight by itself."""
    kind = ("mp_" if mixed else "") + ("sgd_mom_update" if momentum else "sgd_update")
    lrs, wds = [0.1, 0.4], [0.02, 0.0]
    attrs = {"rescale_grad": 0.5, "clip_gradient": 0.4, **({"momentum": 0.9} if momentum else {})}

    def arrays():
        made = []
        for i, shape in enumerate(((3, 2), (4,))):
            weight = uniform(*shape, seed=i).astype("float16" if mixed else "float32")
            own = [mx.nd.array(a, dtype=weight.dtype) for a in (weight, uniform(*shape, seed=5 + i))]
            if momentum:
                own.append(mx.nd.array(uniform(*shape, seed=9 + i)))
            if mixed:
                own.append(mx.nd.array(weight.astype("f")))
            made.append(own)
        return made

    expected, got = arrays(), arrays()
    for own, lr, wd in zip(expected, lrs, wds):
        getattr(mx.nd, kind)(*own, lr=lr, wd=wd, out=own[0], **attrs)
    inputs, outs = [a for own in got for a in own], [own[0] for own in got]
    if preloaded:
        rates = [mx.nd.array(lrs), mx.nd.array(wds)]
        getattr(mx.nd, "preloaded_multi_" + kind)(*inputs, *rates, num_weights=2, out=outs, **attrs)
    else:
        getattr(mx.nd, "multi_" + kind)(*inputs, lrs=lrs, wds=wds, num_weights=2, out=outs, **attrs)
    for ours, theirs in zip(got, expected):
        for a, b in zip(ours, theirs):
            assert_close(a, b)


@ours_only
def test_errors():
    x = mx.nd.ones((2,))
    refuses(lambda: mx.nd.ftml_update(x, x, x, x, x, lr=1, t=0), "[ftml_update] t", "0")
    refuses(lambda: mx.nd.signum_update(x, mx.nd.ones((3,)), x, lr=1), "[signum_update]", "grad")
    refuses(
        lambda: mx.nd.multi_sgd_update(x, x, lrs=(1, 2), wds=(0,), num_weights=1),
        "[multi_sgd_update] lrs and wds",
    )
    refuses(
        lambda: mx.nd.multi_sgd_update(x, x, x, lrs=(1,), wds=(0,), num_weights=1), "3 inputs, expected 2"
    )
    refuses(lambda: mx.nd.multi_mp_sgd_update(x, x, x, lrs=(1,), wds=(0,), num_weights=1), "float16")
