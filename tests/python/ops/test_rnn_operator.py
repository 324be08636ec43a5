"""RNN against NumPy: what MXNet 1.9.1 on CPU leaves out (lengths, projections, bounds), gradients, shapes."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import bind, check_gradient, gradients_of, refuses, symbol_of, uniform

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def layouts(inputs, hidden, layers, directions, gates, projection):
    """Shapes of the parameters in their order, as (layer, direction, kind, shape)."""
    out = projection or hidden
    for layer in range(layers):
        width = inputs if layer == 0 else directions * out
        for direction in range(directions):
            yield layer, direction, "wx", (gates, hidden, width)
            yield layer, direction, "wh", (gates, hidden, out)
            if projection:
                yield layer, direction, "wr", (projection, hidden)
    for layer in range(layers):
        for direction in range(directions):
            yield layer, direction, "bx", (gates, hidden)
            yield layer, direction, "bh", (gates, hidden)


def step(mode, w, x, h, c, clip):
    """One step of one layer: the new state and cell."""
    a = np.einsum("gui,ni->gnu", w["wx"], x) + w["bx"][:, None]
    b = np.einsum("gui,ni->gnu", w["wh"], h) + w["bh"][:, None]
    if mode == "rnn_relu":
        return np.maximum(a[0] + b[0], 0), c
    if mode == "rnn_tanh":
        return np.tanh(a[0] + b[0]), c
    if mode == "gru":
        r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
        n = np.tanh(a[2] + r * b[2])
        return (1 - z) * n + z * h, c
    i, f, g, o = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1]), np.tanh(a[2] + b[2]), sigmoid(a[3] + b[3])
    c = f * c + i * g
    if clip is not None:
        c = np.clip(c, *clip)
    h = o * np.tanh(c)
    return (h @ w["wr"].T if "wr" in w else h), c


def reference(arrays, mode, hidden, layers, bidirectional, projection=None, clip=None):
    """Output, last states and last cells by the formulas, in float64."""
    data, directions = arrays["data"], 2 if bidirectional else 1
    steps, batch, inputs = data.shape
    lengths = arrays.get("sequence_length", np.full(batch, steps))
    weights, offset = {}, 0
    for layer, direction, kind, shape in layouts(inputs, hidden, layers, directions, GATES[mode], projection):
        size = int(np.prod(shape))
        part = arrays["parameters"][offset : offset + size].reshape(shape)
        weights.setdefault((layer, direction), {})[kind] = part
        offset += size
    assert offset == arrays["parameters"].size
    states, cells = [], []
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            number = layer * directions + direction
            h = arrays["state"][number]
            c = arrays["state_cell"][number] if mode == "lstm" else np.zeros((batch, hidden))
            result = np.zeros((steps, batch, h.shape[1]))
            for t in range(steps) if direction == 0 else reversed(range(steps)):
                new_h, new_c = step(mode, weights[layer, direction], data[t], h, c, clip)
                running = (t < lengths)[:, None]
                h, c = np.where(running, new_h, h), np.where(running, new_c, c)
                result[t] = np.where(running, h, 0)
            outputs.append(result)
            states.append(h)
            cells.append(c)
        data = np.concatenate(outputs, axis=2)
    return [data, np.stack(states), np.stack(cells)][: 3 if mode == "lstm" else 2]


def make(
    mode, steps=4, batch=3, inputs=4, hidden=3, layers=1, bidirectional=False, projection=None, lengths=None
):
    """Seeded arrays of an RNN, and its attributes."""
    directions = 2 if bidirectional else 1
    size = sum(
        int(np.prod(s[-1])) for s in layouts(inputs, hidden, layers, directions, GATES[mode], projection)
    )
    arrays = {
        "data": uniform(steps, batch, inputs, seed=1),
        "parameters": uniform(size, low=-0.7, high=0.7, seed=2),
        "state": uniform(layers * directions, batch, projection or hidden, seed=3),
    }
    if mode == "lstm":
        arrays["state_cell"] = uniform(layers * directions, batch, hidden, seed=4)
    attrs = {"mode": mode, "state_size": hidden, "num_layers": layers, "state_outputs": True}
    attrs["bidirectional"] = bidirectional
    if projection:
        attrs["projection_size"] = projection
    if lengths is not None:
        arrays["sequence_length"] = np.array(lengths, dtype="float64")
        attrs["use_sequence_length"] = True
    return arrays, attrs


def check_outputs(arrays, attrs, train, clip=None):
    expected = reference(
        arrays, attrs["mode"], attrs["state_size"], attrs["num_layers"], attrs["bidirectional"],
        attrs.get("projection_size"), clip,
    )  # fmt: skip
    symbol = symbol_of("RNN", arrays, **attrs)
    for dtype in ("float32", "float64"):
        executor = bind(symbol, arrays, dtype, wrt=["parameters"] if train else [])
        outputs = executor.forward(is_train=train)
        assert len(outputs) == len(expected)
        for output, wanted in zip(outputs, expected):
            assert_close(output, wanted.astype(dtype), 1e-4 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mode", GATES)
def test_forward(mode, bidirectional, train):
    check_outputs(*make(mode, layers=3, bidirectional=bidirectional), train)
    check_outputs(*make(mode, steps=3, batch=33, inputs=21, hidden=18, layers=2), train)
    check_outputs(*make(mode, steps=2, batch=57, inputs=5, hidden=2, bidirectional=bidirectional), train)


@ours_only
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mode", GATES)
def test_past_its_length_a_sequence_stands_still(mode, bidirectional, train):
    for layers in (1, 2):
        arrays, attrs = make(
            mode, batch=5, layers=layers, bidirectional=bidirectional, lengths=[4, 1, 0, 3, 9]
        )
        check_outputs(arrays, attrs, train)


@ours_only
@pytest.mark.parametrize("bidirectional", [False, True])
def test_projection(bidirectional):
    for layers, projection in ((1, 2), (2, 3), (2, 5)):
        arrays, attrs = make("lstm", layers=layers, bidirectional=bidirectional, projection=projection)
        check_outputs(arrays, attrs, train=True)
        check_outputs(arrays, attrs, train=False)
        arrays, attrs = make("lstm", layers=layers, projection=projection, lengths=[2, 4, 1])
        check_outputs(arrays, attrs, train=True)


@ours_only
def test_bounds_of_the_cells():
    arrays, attrs = make("lstm", layers=2)
    attrs.update(lstm_state_clip_min=-0.2, lstm_state_clip_max=0.15)
    check_outputs(arrays, attrs, train=True, clip=(-0.2, 0.15))
    check_outputs(arrays, attrs, train=False, clip=(-0.2, 0.15))


@ours_only
@pytest.mark.parametrize("stop", [False, True])
def test_nan_in_the_cells(stop):
    arrays, attrs = make("lstm", steps=1, batch=2)
    attrs.update(lstm_state_clip_min=-0.2, lstm_state_clip_max=0.15, lstm_state_clip_nan=stop)
    arrays["state_cell"][0, 1, 0] = np.nan
    cells = bind(symbol_of("RNN", arrays, **attrs), arrays).forward(is_train=False)[2].asnumpy()
    assert np.isfinite(cells[0, 0]).all()
    assert cells[0, 1, 0] == np.float32(-0.2) if stop else np.isnan(cells[0, 1, 0])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mode", GATES)
def test_gradient(mode, bidirectional):
    arrays, attrs = make(mode, steps=3, batch=2, inputs=3, hidden=2, layers=2, bidirectional=bidirectional)
    check_gradient("RNN", arrays, **attrs)
    attrs["state_outputs"] = False
    check_gradient("RNN", arrays, **attrs)


@ours_only
@pytest.mark.parametrize("mode", GATES)
def test_gradient_with_lengths(mode):
    for bidirectional in (False, True):
        arrays, attrs = make(
            mode,
            steps=3,
            batch=3,
            inputs=2,
            hidden=2,
            layers=2,
            bidirectional=bidirectional,
            lengths=[1, 3, 0],
        )
        check_gradient("RNN", arrays, wrt=[n for n in arrays if n != "sequence_length"], **attrs)


@ours_only
@pytest.mark.parametrize("lengths", [None, [1, 3]])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradient_with_a_projection(bidirectional, lengths):
    arrays, attrs = make(
        "lstm", steps=3, batch=2, inputs=2, hidden=3, layers=2, bidirectional=bidirectional, projection=2,
        lengths=lengths,
    )  # fmt: skip
    check_gradient("RNN", arrays, wrt=[n for n in arrays if n != "sequence_length"], **attrs)


@ours_only
def test_gradient_with_bounds():
    arrays, attrs = make("lstm", steps=3, batch=2, inputs=2, hidden=3)
    check_gradient("RNN", arrays, lstm_state_clip_min=-0.2, lstm_state_clip_max=0.15, **attrs)


@pytest.mark.parametrize("mode", GATES)
def test_larger_sizes_agree_across_dtypes(mode):
    arrays, attrs = make(mode, steps=5, batch=37, inputs=50, hidden=35, layers=2, bidirectional=True)
    arrays["parameters"] *= 0.3
    symbol = symbol_of("RNN", arrays, **attrs)
    single, double = (gradients_of(symbol, arrays, list(arrays), t) for t in ("float32", "float64"))
    for name, exact in double.items():
        assert_close(single[name], exact.astype("float32"), 1e-3, 2e-5 * np.abs(exact).max(), name)


def run_dropout(p, train, seed=5, layers=2, hidden=40):
    arrays, attrs = make("rnn_relu", steps=6, batch=8, hidden=hidden, layers=layers)
    arrays["parameters"][:] = 0.01
    symbol = symbol_of("RNN", arrays, p=p, **attrs)
    mx.random.seed(seed)
    executor = bind(symbol, arrays, wrt=["data"])
    out = executor.forward(is_train=train)[0].asnumpy()
    if train:
        output, *states = executor.outputs
        executor.backward([mx.nd.ones(output.shape), *(mx.nd.zeros(s.shape) for s in states)])
    return out, executor.grad_dict["data"].asnumpy()


@ours_only
def test_dropout_between_layers():
    plain, _ = run_dropout(0.0, True)
    assert (run_dropout(0.5, False)[0] == plain).all()
    first, gradient = run_dropout(0.5, True)
    again, gradient_again = run_dropout(0.5, True)
    assert (first == again).all()
    assert (gradient == gradient_again).all()
    other, _ = run_dropout(0.5, True, seed=6)
    assert (first != other).any()
    assert 0.5 < first.mean() / plain.mean() < 1.5
    assert (run_dropout(0.5, True, layers=1)[0] == run_dropout(0.0, True, layers=1)[0]).all()


@ours_only
def test_everything_dropped():
    out, gradient = run_dropout(1.0, True)
    assert np.isfinite(out).all()
    assert (gradient == 0).all()


@ours_only
def test_gradient_through_dropout():
    """A layer of relu in its linear range is linear, so the gradient tells which values were dropped."""
    hidden = 4
    arrays, attrs = make("rnn_relu", steps=1, batch=2, inputs=1, hidden=hidden, layers=2)
    arrays = {name: np.zeros_like(a) for name, a in arrays.items()}
    arrays["data"][:] = 1
    parameters = arrays["parameters"]
    parameters[:hidden] = np.arange(1, hidden + 1)  # first layer: h = (1, 2, 3, 4) * x
    second = hidden + hidden * hidden
    parameters[second : second + hidden * hidden] = np.eye(hidden).ravel()
    symbol = symbol_of("RNN", arrays, p=0.5, **attrs)
    mx.random.seed(3)
    executor = bind(symbol, arrays, wrt=["data"])
    out = executor.forward(is_train=True)[0].asnumpy()
    executor.backward([mx.nd.ones(out.shape), mx.nd.zeros((2, 2, hidden))])
    assert set((out[0] / np.arange(1, hidden + 1)).ravel()) == {0.0, 2.0}
    assert_close(executor.grad_dict["data"], out.sum(axis=2, keepdims=True))


def test_shapes():
    data = mx.sym.Variable("data")
    lstm = mx.sym.RNN(data, state_size=3, num_layers=2, mode="lstm", state_outputs=True, name="r")
    assert lstm.list_arguments() == ["data", "r_parameters", "r_state", "r_state_cell"]
    assert lstm.list_outputs() == ["r_output", "r_state_output", "r_statecell_output"]
    assert lstm.infer_shape(data=(5, 4, 6)) == (
        [(5, 4, 6), (228,), (2, 4, 3), (2, 4, 3)], [(5, 4, 3), (2, 4, 3), (2, 4, 3)], [],
    )  # fmt: skip
    gru = mx.sym.RNN(data, state_size=3, num_layers=2, mode="gru", bidirectional=True, name="r")
    assert gru.list_arguments() == ["data", "r_parameters", "r_state"]
    assert gru.list_outputs() == ["r_output"]
    assert gru.infer_shape(data=(5, 4, 6))[1] == [(5, 4, 6)]
    projected = mx.sym.RNN(
        data, state_size=3, num_layers=2, mode="lstm", bidirectional=True, projection_size=2,
        state_outputs=True, name="r",
    )  # fmt: skip
    assert projected.infer_shape(data=(5, 4, 6)) == (
        [(5, 4, 6), (456,), (4, 4, 2), (4, 4, 3)], [(5, 4, 4), (4, 4, 2), (4, 4, 3)], [],
    )  # fmt: skip
    with_lengths = mx.sym.RNN(
        data, state_size=3, num_layers=1, mode="gru", use_sequence_length=True, name="r"
    )
    assert with_lengths.list_arguments() == ["data", "r_parameters", "r_state", "r_sequence_length"]
    assert with_lengths.infer_shape(data=(5, 4, 6))[0][3] == (4,)
    assert with_lengths.infer_type(data="float32", r_sequence_length="int32")[0][3] == np.int32


def test_unknown_batch_of_a_state():
    state = mx.sym.zeros((2, 0, 3))
    net = mx.sym.RNN(mx.sym.Variable("data"), state=state, state_size=3, num_layers=2, mode="gru", name="r")
    assert net.infer_shape(data=(5, 4, 6)) == ([(5, 4, 6), (171,)], [(5, 4, 3)], [])
    arrays, _ = make("gru", layers=2)
    executor = net.bind(
        mx.cpu(), {"data": mx.nd.array(arrays["data"]), "r_parameters": mx.nd.array(arrays["parameters"])}
    )
    arrays["state"] = np.zeros((2, 3, 3))
    expected = reference(arrays, "gru", 3, 2, False)[0]
    assert_close(executor.forward()[0], expected.astype("float32"), 1e-4)


@ours_only
def test_shapes_in_the_other_direction():
    net = mx.sym.RNN(mx.sym.Variable("x"), state_size=3, num_layers=2, mode="lstm", name="r")
    args, outs, _ = net.infer_shape_partial(r_parameters=(228,), r_state=(2, 4, 3))
    assert args == [(0, 4, 6), (228,), (2, 4, 3), (2, 4, 3)]
    assert outs == [(0, 4, 3)]


@ours_only
def test_lengths_may_be_integers():
    arrays, attrs = make("gru", lengths=[2, 4, 1])
    expected = reference(arrays, "gru", 3, 1, False)[0]
    for dtype in ("int32", "int64", "uint8", "float64"):
        arrays["sequence_length"] = arrays["sequence_length"].astype(dtype)
        made = mx.nd.RNN(
            **{
                n: mx.nd.array(a, dtype=dtype if n == "sequence_length" else "float32")
                for n, a in arrays.items()
            },
            **attrs,
        )
        assert_close(made[0], expected.astype("float32"), 1e-4)


@ours_only
def test_errors():
    x = mx.sym.Variable("x")
    good = {"state_size": 3, "num_layers": 1, "mode": "gru"}

    def rnn(**changes):
        return mx.sym.RNN(x, name="n", **{k: v for k, v in {**good, **changes}.items() if v is not None})

    refuses(lambda: rnn(mode=None), "Error in operator n", "mode", "missing")
    refuses(lambda: rnn(mode="elman"), "Error in operator n", "elman", "rnn_tanh")
    refuses(lambda: rnn(state_size=0), "state_size", "0")
    refuses(lambda: rnn(num_layers=-1), "num_layers", "-1")
    refuses(lambda: rnn(p=1.5), "'p'", "1.5")
    refuses(lambda: rnn(projection_size=2), "projection_size", "lstm")
    refuses(lambda: rnn(mode="lstm", lstm_state_clip_min=0), "lstm_state_clip_max", "both")
    refuses(lambda: rnn().infer_shape(x=(2, 3)), "Error in operator n", "(2,3)", "sequence length")
    refuses(lambda: rnn().infer_shape(x=(2, 3, 4), n_state=(2, 3, 3)), "Error in operator n", "state")
    refuses(
        lambda: rnn().infer_shape(x=(2, 3, 4), n_parameters=(7,)), "Error in operator n", "parameters", "7"
    )
    refuses(lambda: rnn().infer_shape_partial(n_parameters=(7,)), "Error in operator n", "parameters", "7")
    refuses(lambda: rnn().infer_type(x="int32"), "Error in operator n", "int32", "float32")
