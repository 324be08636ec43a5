"""Whole graphs: what fusing, in-place work and sharing of memory must not change.

Random graphs are run bound (fused, planned), node by node, and against central differences; and the patterns
that optimising passes look for are each built once by hand.
"""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only

nd = mx.nd


def var(name):
    return mx.sym.Variable(name)


# --- random graphs -------------------------------------------------------------------------------

SHAPE = (3, 4)

#: name: (number of inputs, attributes); smooth everywhere, and tame enough for thirty of them in a row.
NODES = {
    "elemwise_add": (2, {}),
    "elemwise_sub": (2, {}),
    "elemwise_mul": (2, {}),
    "tanh": (1, {}),
    "sigmoid": (1, {}),
    "_mul_scalar": (1, {"scalar": 0.5}),
    "_plus_scalar": (1, {"scalar": 0.25}),
    "_rminus_scalar": (1, {"scalar": 1.0}),
    "sin": (1, {}),
    "softmax": (1, {}),
    "identity": (1, {}),
    "Activation": (1, {"act_type": "softrelu"}),
    "transpose": (1, {"axes": (1, 0)}),
    "broadcast_add": (2, {}),
    "FullyConnected": (1, {"num_hidden": 4, "no_bias": True}),
}


def operator(namespace, name):
    return getattr(namespace, name) if hasattr(namespace, name) else getattr(namespace._internal, name)


def random_graph(seed, size):
    """A list of (operator, inputs as positions, attributes); positions 0..2 are variables, 3 is a weight."""
    rs = np.random.RandomState(seed)
    graph, usable = [], [0, 1, 2]
    for _ in range(size):
        name = list(NODES)[rs.randint(len(NODES))]
        count, attrs = NODES[name]
        recent = usable[-5:]
        inputs = [recent[rs.randint(len(recent))] for _ in range(count)]
        at = len(graph) + 4
        if name == "FullyConnected":
            inputs.append(3)
        graph.append((name, inputs, attrs))
        if name == "transpose":  # back to the common shape at once
            graph.append((name, [at], attrs))
            at += 1
        usable.append(at)
    heads = sorted({usable[-1], usable[rs.randint(3, len(usable))], usable[rs.randint(len(usable))]})
    return graph, heads


def run_graph(namespace, graph, heads, leaves):
    """The heads of the graph over Symbols or NDArrays."""
    values = list(leaves)
    for name, inputs, attrs in graph:
        values.append(operator(namespace, name)(*[values[i] for i in inputs], **attrs))
    return [values[i] for i in heads]


def leaf_values():
    rs = np.random.RandomState(3)
    return {n: rs.uniform(-1, 1, SHAPE if n != "w" else (4, 4)) for n in "abcw"}


@pytest.mark.parametrize("seed", range(40))
def test_random_graph(seed):
    graph, heads = random_graph(seed, 5 + seed)
    net = mx.sym.Group(run_graph(mx.sym, graph, heads, [var(n) for n in "abcw"]))
    values = {n: a for n, a in leaf_values().items() if n in net.list_arguments()}
    rs = np.random.RandomState(seed)
    weights = [rs.uniform(-1, 1, SHAPE) for _ in heads]
    gradients = {}
    for dtype in ("float32", "float64"):
        arrays = {n: nd.array(a, dtype=dtype) for n, a in values.items()}
        stepwise = run_graph(nd, graph, heads, [nd.array(a, dtype=dtype) for a in leaf_values().values()])
        grads = {n: nd.zeros(a.shape, dtype=dtype) for n, a in values.items()}
        executor = net.bind(mx.cpu(), arrays, args_grad=grads)
        for is_train in (False, True):
            for output, expected in zip(executor.forward(is_train=is_train), stepwise):
                assert_close(output, expected.asnumpy(), 1e-5 if dtype == "float32" else 1e-10)
        executor.backward([nd.array(w, dtype=dtype) for w in weights])
        gradients[dtype] = {n: g.asnumpy() for n, g in grads.items()}
        for n, a in values.items():
            np.testing.assert_array_equal(
                arrays[n].asnumpy(), a.astype(dtype), err_msg="an argument was overwritten"
            )
    for n in values:
        scale = np.abs(gradients["float64"][n]).max() + 1e-6
        assert_close(gradients["float32"][n], gradients["float64"][n].astype("f"), 1e-4, 2e-5 * scale, n)
    check_directional(executor, values, weights, gradients["float64"], rs)


def check_directional(executor, values, weights, gradients, rs):
    """The derivative along a random direction, by central differences in float64."""
    direction = {n: rs.uniform(-1, 1, a.shape) for n, a in values.items()}

    def objective(step):
        outputs = executor.forward(is_train=True, **{n: a + step * direction[n] for n, a in values.items()})
        return sum((o.asnumpy() * w).sum() for o, w in zip(outputs, weights))

    numeric = (objective(1e-5) - objective(-1e-5)) / 2e-5
    exact = sum((gradients[n] * direction[n]).sum() for n in values)
    assert abs(numeric - exact) <= 1e-6 * max(1.0, abs(exact))


# --- patterns that passes rewrite ----------------------------------------------------------------


def conv(data, name, **attrs):
    return mx.sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=4, name=name, **attrs)


def conv_relu():
    return mx.sym.Activation(conv(var("data"), "c"), act_type="relu")


def conv_sum_relu():
    first = conv(var("data"), "c1")
    return mx.sym.Activation(conv(first, "c2") + first, act_type="relu")


def two_users():
    """The convolution's output is an output too, so relu must not overwrite it."""
    made = conv(var("data"), "c")
    return mx.sym.Group([mx.sym.Activation(made, act_type="relu"), made * 2, made])


def relu_twice():
    made = mx.sym.Activation(conv(var("data"), "c"), act_type="relu")
    return mx.sym.Activation(made, act_type="tanh") + made


def conv_bn_relu():
    made = mx.sym.BatchNorm(conv(var("data"), "c", no_bias=True), fix_gamma=False, name="bn")
    return mx.sym.Activation(made, act_type="relu")


def conv_bn_fixed():
    return mx.sym.BatchNorm(conv(var("data"), "c"), fix_gamma=True, eps=1e-2, name="bn")


def bn_conv_shared():
    """One convolution feeds two BatchNorms: folding either would change the other."""
    made = conv(var("data"), "c")
    return mx.sym.BatchNorm(made, name="bn1") * mx.sym.BatchNorm(made, name="bn2", fix_gamma=False)


def residual():
    first = conv(var("data"), "c1")
    second = mx.sym.Activation(mx.sym.BatchNorm(first, name="bn1"), act_type="relu")
    third = mx.sym.BatchNorm(conv(second, "c2", no_bias=True), name="bn2", fix_gamma=False)
    return mx.sym.Pooling(
        mx.sym.Activation(third + first, act_type="relu"), kernel=(2, 2), stride=(2, 2), pool_type="avg"
    )


def grouped():
    made = mx.sym.Activation(conv(conv(var("data"), "c1"), "c2", num_group=4), act_type="sigmoid")
    return mx.sym.Concat(made, conv(made, "c3", num_group=2), dim=1)


def dense_chain():
    made = mx.sym.FullyConnected(mx.sym.Flatten(conv(var("data"), "c")), num_hidden=5, name="f1")
    made = mx.sym.Activation(made, act_type="tanh")
    return mx.sym.softmax(mx.sym.FullyConnected(made, num_hidden=3, no_bias=True, name="f2") + 1)


def pools():
    made = mx.sym.Pooling(conv(var("data"), "c"), kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max")
    return mx.sym.Pooling(made, global_pool=True, pool_type="avg", kernel=(1, 1))


def inception():
    data = conv(var("data"), "c0")
    branches = [mx.sym.Activation(conv(data, f"c{i}"), act_type="relu") for i in (1, 2)]
    branches.append(mx.sym.Pooling(data, kernel=(3, 3), pad=(1, 1), pool_type="avg"))
    return mx.sym.Concat(*branches, data, dim=1)


def scalar_chain():
    made = conv(var("data"), "c")
    for step in range(6):
        made = (made * 1.5 - 0.25) / (step + 1) + made
    return mx.sym.Activation(made, act_type="relu") * made


def dropout_of_nothing():
    return mx.sym.Dropout(mx.sym.Activation(conv(var("data"), "c"), act_type="relu"), p=0.0)


PATTERNS = [
    conv_relu,
    conv_sum_relu,
    two_users,
    relu_twice,
    conv_bn_relu,
    conv_bn_fixed,
    bn_conv_shared,
    residual,
    grouped,
    dense_chain,
    pools,
    inception,
    scalar_chain,
    dropout_of_nothing,
]
DATA = (2, 4, 6, 5)


def inputs_of(net, dtype):
    rs = np.random.RandomState(1)
    shapes, _, aux_shapes = net.infer_shape(data=DATA)
    arrays = {n: nd.array(rs.uniform(-1, 1, s), dtype=dtype) for n, s in zip(net.list_arguments(), shapes)}
    aux = {
        n: nd.array(rs.uniform(0.5, 1.5, s), dtype=dtype)
        for n, s in zip(net.list_auxiliary_states(), aux_shapes)
    }
    return arrays, aux


def run_pattern(net, dtype, monitored=False):
    """Outputs of prediction and training, gradients and states of one step."""
    arrays, aux = inputs_of(net, dtype)
    grads = {n: nd.zeros(a.shape, dtype=dtype) for n, a in arrays.items()}
    executor = net.bind(mx.cpu(), arrays, args_grad=grads, aux_states=aux)
    if monitored:
        executor.set_monitor_callback(lambda name, array: None)
    result = {f"predict{i}": o.asnumpy() for i, o in enumerate(executor.forward(is_train=False))}
    outputs = executor.forward(is_train=True)
    result.update({f"train{i}": o.asnumpy() for i, o in enumerate(outputs)})
    rs = np.random.RandomState(8)
    executor.backward([nd.array(rs.uniform(-1, 1, o.shape), dtype=dtype) for o in outputs])
    result.update({n: g.asnumpy() for n, g in grads.items()})
    result.update({n: a.asnumpy() for n, a in executor.aux_dict.items()})
    result.update({f"again{i}": o.asnumpy() for i, o in enumerate(executor.forward(is_train=False))})
    return result


@pytest.mark.parametrize("make", PATTERNS, ids=lambda f: f.__name__)
def test_fused_and_unfused_agree(make):
    if IS_MXNET and make is bn_conv_shared:
        pytest.skip("MXNet may update moving averages in either order")
    net = make()
    plain, watched, exact = (
        run_pattern(net, "float32"),
        run_pattern(net, "float32", monitored=True),
        run_pattern(net, "float64"),
    )
    for name, array in exact.items():
        scale = np.abs(array).max() + 0.1  # a bias before BatchNorm has no gradient but noise
        for found in (plain, watched):
            assert_close(found[name], array.astype("f"), 1e-3, 2e-5 * scale, f"{make.__name__} {name}")


@pytest.mark.parametrize(
    "make", [m for m in PATTERNS if m is not dropout_of_nothing], ids=lambda f: f.__name__
)
def test_prediction_equals_the_nodes_one_by_one(make):
    net = make()
    arrays, aux = inputs_of(net, "float64")
    internals = net.get_internals()
    whole = internals.bind(mx.cpu(), arrays, aux_states=aux).forward(is_train=False)
    by_name = dict(zip(internals.list_outputs(), whole))
    alone = net.bind(mx.cpu(), arrays, aux_states=aux).forward(is_train=False)
    for name, output in zip(net.list_outputs(), alone):
        assert_close(output, by_name[name].asnumpy(), 1e-10)


def test_parameters_changed_after_binding_count():
    """A folded or reordered copy of a weight must not outlive a write to the weight."""
    net = conv_bn_relu()
    arrays, aux = inputs_of(net, "float32")
    executor = net.bind(mx.cpu(), arrays, aux_states=aux)
    before = executor.forward(is_train=False)[0].asnumpy()
    arrays["c_weight"][:] = arrays["c_weight"] * 2
    aux["bn_moving_var"][:] = aux["bn_moving_var"] * 3
    after = executor.forward(is_train=False)[0].asnumpy()
    fresh = net.bind(mx.cpu(), arrays, aux_states=aux).forward(is_train=False)[0].asnumpy()
    assert not np.allclose(before, after)
    assert_close(after, fresh)


def test_prediction_after_training_sees_the_new_averages():
    net = mx.sym.BatchNorm(var("data"), momentum=0.0, name="bn")
    executor = net.simple_bind(mx.cpu(), data=(8, 3))
    data = np.random.RandomState(0).uniform(1, 2, (8, 3)).astype("f")
    executor.forward(is_train=True, data=data)
    executor.backward(nd.ones((8, 3)))
    predicted = executor.forward(is_train=False, data=data)[0].asnumpy()
    assert_close(predicted, (data - data.mean(0)) / np.sqrt(data.var(0) + 1e-3), 1e-4, 1e-5)


# --- outputs that are no operator's --------------------------------------------------------------


def test_an_argument_may_be_an_output():
    a = var("a")
    array = nd.array([1, 2])
    executor = mx.sym.Group([a, a + 1, mx.sym.identity(a), mx.sym.BlockGrad(a)]).bind(mx.cpu(), {"a": array})
    first = [o.asnumpy().tolist() for o in executor.forward()]
    assert first == [[1, 2], [2, 3], [1, 2], [1, 2]]
    array[:] = 5
    assert [o.asnumpy().tolist() for o in executor.forward()] == [[5, 5], [6, 6], [5, 5], [5, 5]]


@ours_only  # MXNet loses the gradient of the first
def test_one_output_twice():
    a = var("a")
    both = a * a
    executor = mx.sym.Group([both, both]).bind(
        mx.cpu(), {"a": nd.array([3.0])}, args_grad={"a": nd.zeros((1,))}
    )
    assert [o.asscalar() for o in executor.forward(is_train=True)] == [9, 9]
    executor.backward([nd.array([1.0]), nd.array([10.0])])
    assert executor.grad_dict["a"].asscalar() == 66


def test_an_inner_node_may_be_an_output_too():
    a = var("a")
    inner = mx.sym.relu(a)
    net = mx.sym.Group([mx.sym.relu(inner * -1 + 1), inner])
    executor = net.bind(mx.cpu(), {"a": nd.array([-1.0, 0.5])}, args_grad={"a": nd.zeros((2,))})
    outputs = executor.forward(is_train=True)
    assert [o.asnumpy().tolist() for o in outputs] == [[1, 0.5], [0, 0.5]]
    executor.backward([nd.array([1.0, 1.0]), nd.array([10.0, 10.0])])
    assert executor.grad_dict["a"].asnumpy().tolist() == [0, 9]


def test_common_subexpressions_keep_their_gradients():
    a = var("a")
    net = mx.sym.tanh(a) * mx.sym.tanh(a)
    executor = net.bind(
        mx.cpu(), {"a": nd.array([0.5], dtype="float64")}, args_grad={"a": nd.zeros((1,), dtype="float64")}
    )
    executor.forward(is_train=True)
    executor.backward(nd.ones((1,), dtype="float64"))
    assert_close(executor.grad_dict["a"], np.array([2 * np.tanh(0.5) * (1 - np.tanh(0.5) ** 2)]))


def test_random_nodes_are_no_common_subexpression():
    draws = (
        mx.sym.Group([mx.sym.random_uniform(shape=(5,)), mx.sym.random_uniform(shape=(5,))])
        .bind(mx.cpu(), {})
        .forward()
    )
    assert not np.array_equal(draws[0].asnumpy(), draws[1].asnumpy())


def test_two_dropouts_of_one_input_differ():
    a = var("a")
    net = mx.sym.Group([mx.sym.Dropout(a, p=0.5), mx.sym.Dropout(a, p=0.5)])
    outputs = net.bind(mx.cpu(), {"a": nd.ones((100,))}).forward(is_train=True)
    assert not np.array_equal(outputs[0].asnumpy(), outputs[1].asnumpy())


def test_dead_branches_do_not_run_or_count():
    split = mx.sym.SliceChannel(var("a"), num_outputs=2)
    gradient = nd.array(np.full((2, 4), 7.0))
    executor = (split[1] * 3).bind(
        mx.cpu(), {"a": nd.array(np.arange(8).reshape(2, 4))}, args_grad={"a": gradient}
    )
    executor.forward(is_train=True)
    executor.backward(nd.ones((2, 2)))
    assert gradient.asnumpy().tolist() == [[0, 0, 3, 3], [0, 0, 3, 3]]


def test_results_repeat_exactly():
    net = residual()
    first, second = run_pattern(net, "float32"), run_pattern(net, "float32")
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array, err_msg=name)


# --- switches ------------------------------------------------------------------------------------

SWITCHES = [
    "SYMBIND_SIMPLIFY",
    "SYMBIND_FUSE",
    "SYMBIND_LAYOUT",
    "SYMBIND_PLAN_MEMORY",
    "SYMBIND_ONEDNN_RUNTIME",
]


@ours_only
@pytest.mark.parametrize("switch", [*SWITCHES, "all of them"])
@pytest.mark.parametrize("make", PATTERNS, ids=lambda f: f.__name__)
def test_switching_a_pass_off_changes_no_result(make, switch, monkeypatch):
    expected = run_pattern(make(), "float32")
    for name in SWITCHES if switch == "all of them" else [switch]:
        monkeypatch.setenv(name, "0")
    actual = run_pattern(make(), "float32")
    for name, array in expected.items():
        assert_close(actual[name], array, 1e-3, 2e-5 * (np.abs(array).max() + 0.1), name)


@ours_only
@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set_computes_the_same(isa, tmp_path):
    script = (
        "import sys, numpy as np; sys.path.insert(0, sys.argv[1]); import test_graph_execution as t; "
        "np.savez(sys.argv[2], **t.run_pattern(t.residual(), 'float32'))"
    )
    here, path = str(pathlib.Path(__file__).parent), str(tmp_path / "found.npz")
    subprocess.run(
        [sys.executable, "-c", script, here, path], check=True, env={**os.environ, "SYMBIND_ISA": isa}
    )
    with np.load(path) as found:
        for name, array in run_pattern(residual(), "float32").items():
            assert_close(found[name], array, 1e-3, 2e-5 * (np.abs(array).max() + 0.1), name)
