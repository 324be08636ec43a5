"""Loops and branches inside of graphs, against the same loops in NumPy and against MXNet's behaviour."""

import json

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only

contrib = mx.sym.contrib


def var(name):
    return mx.sym.Variable(name)


def bound(symbol, arrays, wrt=None, dtype="float64", aux=None):
    """An executor with zero gradients for `wrt` (all by default)."""
    wrt = list(arrays) if wrt is None else wrt
    arguments = {n: mx.nd.array(a, dtype=dtype) for n, a in arrays.items()}
    gradients = {n: mx.nd.zeros(arrays[n].shape, dtype=dtype) for n in wrt}
    reqs = {n: "write" if n in wrt else "null" for n in arrays}
    states = {n: mx.nd.array(a, dtype=dtype) for n, a in (aux or {}).items()}
    return symbol.bind(mx.cpu(), arguments, args_grad=gradients, grad_req=reqs, aux_states=states)


def differences(symbol, arrays, heads, wrt):
    """Gradients of sum(head * output) by central differences."""
    executor = bound(symbol, arrays, wrt=[])

    def value(name, array):
        executor.arg_dict[name][:] = mx.nd.array(array, dtype="float64")
        outputs = executor.forward(is_train=True)
        return sum((h * o.asnumpy()).sum() for h, o in zip(heads, outputs))

    result = {}
    for name in wrt:
        base, grad = arrays[name].astype("float64"), np.zeros(arrays[name].shape)
        for index in np.ndindex(*base.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = base.copy()
                moved[index] += step
                ends.append(value(name, moved))
            grad[index] = (ends[0] - ends[1]) / 2e-5
        value(name, base)
        result[name] = grad
    return result


def check_gradients(symbol, arrays, wrt=None, seed=0):
    wrt = list(arrays) if wrt is None else wrt
    executor = bound(symbol, arrays, wrt)
    outputs = executor.forward(is_train=True)
    rng = np.random.default_rng(seed)
    heads = [rng.normal(size=o.shape) for o in outputs]
    executor.backward([mx.nd.array(h, dtype="float64") for h in heads])
    for name, wanted in differences(symbol, arrays, heads, wrt).items():
        assert_close(executor.grad_dict[name], wanted, rtol=1e-5, atol=1e-6, what=name)


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


# --- foreach ------------------------------------------------------------------------------------------------
def cell(x, states):
    h = mx.sym.tanh(mx.sym.dot(x, var("w")) + states[0] * var("u"))
    return [h, x * 2], [h, states[1] + h]


def recurrent():
    outputs, states = contrib.foreach(cell, var("data"), [var("h"), var("total")])
    return mx.sym.Group([*outputs, *states])


ARRAYS = {
    "data": normal(5, 2, 3),
    "w": normal(3, 4),
    "h": normal(2, 4),
    "u": normal(2, 4, seed=1),
    "total": normal(2, 4, seed=2),
}


def test_foreach_is_the_loop():
    a = ARRAYS
    executor = bound(recurrent(), {n: a[n] for n in recurrent().list_arguments()})
    outputs = [o.asnumpy() for o in executor.forward(is_train=False)]
    h, total, hs = a["h"], a["total"], []
    for x in a["data"]:
        h = np.tanh(x @ a["w"] + h * a["u"])
        total = total + h
        hs.append(h)
    for output, wanted in zip(outputs, (np.stack(hs), a["data"] * 2, h, total)):
        assert_close(output, wanted)


def test_foreach_gradient():
    symbol = recurrent()
    check_gradients(symbol, {n: ARRAYS[n] for n in symbol.list_arguments()})
    check_gradients(symbol, {n: ARRAYS[n] for n in symbol.list_arguments()}, wrt=["w"])


def test_foreach_shapes():
    symbol = recurrent()
    arguments, outputs, _ = symbol.infer_shape(data=(5, 2, 3), h=(2, 4), w=(3, 4), total=(2, 4), u=(2, 4))
    assert outputs == [(5, 2, 4), (5, 2, 3), (2, 4), (2, 4)]
    layer = contrib.foreach(
        lambda x, s: (mx.sym.FullyConnected(x, num_hidden=6, name="fc") + s, s + 1), var("data"), var("s")
    )
    arguments, outputs, _ = mx.sym.Group(list(layer)).infer_shape(data=(7, 2, 3))
    assert outputs == [(7, 2, 6), (2, 6)]
    assert (6, 3) in arguments and (2, 6) in arguments


def test_foreach_in_float32_and_its_file():
    symbol = mx.sym.load_json(recurrent().tojson())
    assert symbol.tojson() == recurrent_json_names(symbol)
    arrays = {n: ARRAYS[n] for n in symbol.list_arguments()}
    exact = bound(symbol, arrays).forward(is_train=True)
    single = bound(symbol, arrays, dtype="float32").forward(is_train=True)
    for a, b in zip(single, exact):
        assert_close(a, b.asnumpy().astype("float32"), rtol=1e-5)


def recurrent_json_names(symbol):
    """The text of the symbol after another round."""
    return mx.sym.load_json(symbol.tojson()).tojson()


@ours_only
def test_a_file_has_what_mxnet_writes():
    output, state = contrib.foreach(
        lambda x, s: (x * var("w") + s[0], [s[0] + x]), var("d"), [var("s0")], name="loop"
    )
    file = json.loads(mx.sym.Group([output, *state]).tojson())
    node = file["nodes"][-1]
    assert node["op"] == "_foreach"
    attrs = {k: v for k, v in node["attrs"].items() if not k.startswith("__")}
    assert attrs == {
        "in_data_locs": "[0]",
        "in_state_locs": "[2]",
        "num_args": "4",
        "num_out_data": "1",
        "num_outputs": "2",
        "remain_locs": "[1]",
    }
    inside = [n["name"] for n in node["subgraphs"][0]["nodes"] if n["op"] == "null"]
    assert inside == ["d-0", "w", "s0-0"]


def test_foreach_through_dropout_draws_once_for_both_ways():
    output, _ = contrib.foreach(lambda x, s: (mx.sym.Dropout(x, p=0.5) + s * 0, s * 1), var("data"), var("s"))
    executor = bound(output, {"data": np.ones((6, 50)), "s": np.zeros(50)}, wrt=["data"])
    mask = executor.forward(is_train=True)[0].asnumpy()
    executor.backward([mx.nd.ones((6, 50), dtype="float64")])
    assert set(np.unique(mask)) == {0.0, 2.0}
    assert (mask[0] != mask[1]).any()
    np.testing.assert_array_equal(executor.grad_dict["data"].asnumpy(), mask)


def test_foreach_reads_what_was_made_outside():
    scale = mx.sym.exp(var("k"), name="scale")
    output, _ = contrib.foreach(lambda x, s: (x * scale, s + x), var("data"), var("s"))
    arrays = {"data": normal(3, 2), "k": normal(2), "s": normal(2, seed=5)}
    symbol = mx.sym.broadcast_mul(output, mx.sym.reshape(scale, shape=(1, 2)))
    check_gradients(symbol, {n: arrays[n] for n in symbol.list_arguments()}, wrt=["data", "k"])


def test_foreach_nested():
    w = var("w")

    def row(x, s):
        inner, _ = contrib.foreach(lambda y, t: (y * w + t, t + y), x, s)
        return inner, s * w

    output, state = contrib.foreach(row, var("data"), var("s"))
    symbol = mx.sym.Group([output, state])
    arrays = {"data": normal(2, 3, 2), "s": normal(2), "w": normal(2, seed=3)}
    check_gradients(symbol, {n: arrays[n] for n in symbol.list_arguments()})


# --- while_loop ---------------------------------------------------------------------------------------------
def counting(limit=5):
    outputs, states = contrib.while_loop(
        lambda i, x: i < var("n"),
        lambda i, x: ([mx.sym.broadcast_mul(x, i)], [i + 1, x * var("w")]),
        [var("i"), var("x")],
        max_iterations=limit,
    )
    return mx.sym.Group([*outputs, *states])


@pytest.mark.parametrize("n", [1.0, 3.0, 9.0])
def test_while_loop_is_the_loop(n):
    arrays = {"i": np.zeros(1), "n": np.array([n]), "x": normal(3), "w": normal(3, seed=1)}
    symbol = counting()
    executor = bound(symbol, {k: arrays[k] for k in symbol.list_arguments()}, wrt=[])
    stacked, i, x = (o.asnumpy() for o in executor.forward(is_train=True))
    steps = int(min(n, 5))
    wanted = [arrays["x"] * arrays["w"] ** t * t for t in range(steps)]
    assert stacked.shape == (5, 3)
    assert_close(stacked[:steps], np.stack(wanted))
    assert (stacked[steps:] == 0).all()
    assert_close(i, np.array([float(steps)]))
    assert_close(x, arrays["x"] * arrays["w"] ** steps)


@pytest.mark.parametrize("n", [1.0, 3.0, 9.0])
def test_while_loop_gradient(n):
    arrays = {"i": np.zeros(1), "n": np.array([n]), "x": normal(3), "w": normal(3, seed=1)}
    symbol = counting()
    check_gradients(symbol, {k: arrays[k] for k in symbol.list_arguments()}, wrt=["x", "w"])


@ours_only  # MXNet 1.9.1 leaves outputs without a shape then
def test_while_loop_without_steps():
    arrays = {"i": np.ones(1) * 7, "n": np.ones(1), "x": normal(3), "w": normal(3)}
    symbol = counting()
    executor = bound(symbol, {k: arrays[k] for k in symbol.list_arguments()}, wrt=["x", "w"])
    stacked, i, x = executor.forward(is_train=True)
    assert (stacked.asnumpy() == 0).all() and i.asscalar() == 7
    assert_close(x, arrays["x"])
    heads = [np.ones((5, 3)), np.ones(1), np.arange(3.0)]
    executor.backward([mx.nd.array(h, dtype="float64") for h in heads])
    assert_close(executor.grad_dict["x"], heads[2])
    assert (executor.grad_dict["w"].asnumpy() == 0).all()


def test_running_again_with_other_numbers_of_steps():
    symbol = counting()
    arrays = {"i": np.zeros(1), "n": np.array([4.0]), "x": np.ones(2), "w": np.ones(2) * 2}
    executor = bound(symbol, {k: arrays[k] for k in symbol.list_arguments()}, wrt=["x"])
    for n in (4, 1, 5, 2):
        executor.arg_dict["n"][:] = n
        outputs = executor.forward(is_train=True)
        assert outputs[1].asscalar() == n
        executor.backward([mx.nd.zeros(o.shape, dtype="float64") if k < 2 else mx.nd.ones(2, dtype="float64")
                           for k, o in enumerate(outputs)])  # fmt: skip
        assert_close(executor.grad_dict["x"], np.full(2, 2.0**n))


# --- cond ---------------------------------------------------------------------------------------------------
def branches():
    x, y, w = var("x"), var("y"), var("w")
    return contrib.cond(
        mx.sym.sum(x) < mx.sym.sum(y), lambda: [x * w, x + 1], lambda: [mx.sym.square(y), y * w]
    )


@pytest.mark.parametrize("x", [-5.0, 5.0])
def test_cond_takes_one_branch(x):
    symbol = mx.sym.Group(branches())
    arrays = {"x": np.full(3, x), "y": normal(3), "w": normal(3, seed=1)}
    executor = bound(symbol, {k: arrays[k] for k in symbol.list_arguments()})
    first, second = (o.asnumpy() for o in executor.forward(is_train=False))
    y, w = arrays["y"], arrays["w"]
    assert_close(first, arrays["x"] * w if x < 0 else y**2)
    assert_close(second, arrays["x"] + 1 if x < 0 else y * w)
    check_gradients(symbol, {k: arrays[k] for k in symbol.list_arguments()})


def test_cond_changes_its_mind():
    symbol = mx.sym.Group(branches())
    arrays = {"x": np.zeros(2), "y": np.ones(2), "w": np.ones(2) * 3}
    executor = bound(symbol, {k: arrays[k] for k in symbol.list_arguments()})
    heads = [mx.nd.ones(2, dtype="float64")] * 2
    for x in (-1.0, 4.0, -2.0):
        executor.arg_dict["x"][:] = x
        executor.forward(is_train=True)
        executor.backward(heads)
        assert_close(executor.grad_dict["y"], np.zeros(2) if x < 0 else np.full(2, 5.0))
        assert_close(executor.grad_dict["x"], np.full(2, 4.0) if x < 0 else np.zeros(2))


# --- arrays at once -----------------------------------------------------------------------------------------
def test_imperative():
    data = mx.nd.array(np.arange(6).reshape(3, 2))
    outputs, state = mx.nd.contrib.foreach(lambda x, s: (x + s, s + x), data, mx.nd.zeros(2))
    assert_close(outputs, np.array([[0, 1], [2, 4], [6, 9]], "float32"))
    assert_close(state, np.array([6, 9], "float32"))
    outputs, (i,) = mx.nd.contrib.while_loop(
        lambda i: i < 3, lambda i: ([i * 2], [i + 1]), [mx.nd.array([0])], max_iterations=4
    )
    assert outputs[0].shape == (4, 1) and i.asscalar() == 3
    assert_close(outputs[0][:3], np.array([[0], [2], [4]], "float32"))
    outputs, _ = mx.nd.contrib.while_loop(
        lambda i: i < -3, lambda i: ([i * 2], [i + 1]), [mx.nd.array([0])], max_iterations=4
    )
    assert outputs == []
    for flag in (0, 1):
        chosen = mx.nd.contrib.cond(mx.nd.array([flag]), lambda: mx.nd.ones(2), lambda: mx.nd.zeros(2))
        assert (chosen.asnumpy() == flag).all()


# --- misuse -------------------------------------------------------------------------------------------------
@ours_only
def test_errors():
    x, s = var("x"), var("s")
    with pytest.raises(TypeError, match=r"\[foreach\] data: got int, expected a symbol"):
        contrib.foreach(lambda x, s: (x, s), 3, s)
    with pytest.raises(ValueError, match=r"body returned 2 states, expected 1"):
        contrib.foreach(lambda x, s: (x, [s, s]), x, s)
    with pytest.raises(ValueError, match=r"body does not use 's'"):
        contrib.foreach(lambda x, s: (x, x), x, s)
    with pytest.raises(ValueError, match=r"max_iterations should be specified"):
        contrib.while_loop(lambda x: x < 3, lambda x: (x, x + 1), x)
    with pytest.raises(ValueError, match=r"same number of symbols: got 1 and 2"):
        contrib.cond(x, lambda: [x + 1], lambda: [x, x])
    with pytest.raises(mx.MXNetError, match=r"\[_foreach\] got 0 subgraphs, expected 1"):
        mx.sym._internal._foreach(
            x, num_args=2, num_outputs=1, num_out_data=1, in_state_locs=(), in_data_locs=(0,), remain_locs=()
        )
    output, state = contrib.foreach(lambda x, s: (x + s, mx.sym.concat(s, s, dim=0)), x, s)
    with pytest.raises(mx.MXNetError, match=r"foreach"):
        mx.sym.Group([output, state]).simple_bind(mx.cpu(), x=(2, 4), s=(4,))


assert IS_MXNET or mx.sym.contrib.foreach.__doc__
