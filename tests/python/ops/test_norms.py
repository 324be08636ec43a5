"""Normalisation by a sample's own statistics, statistics, and small functions, against NumPy."""

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only
from ops.checks import (
    check_add,
    check_forward,
    check_gradient,
    gradients_of,
    operator,
    refuses,
    symbol_of,
    uniform,
)


def normalized(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def along(vector, ndim, axis):
    shape = [1] * ndim
    shape[axis] = -1
    return vector.reshape(shape)


@pytest.mark.parametrize(
    "shape, axis", [((3, 5), -1), ((2, 3, 4), 1), ((4, 2, 3), 0), ((2, 3, 70), -1), ((2, 5, 70), 1)]
)
def test_layer_norm(shape, axis):
    x, n = uniform(*shape), shape[axis]
    inputs = {"data": x, "gamma": uniform(n, seed=2), "beta": uniform(n, seed=3)}
    expected = normalized(x, axis, 1e-3) * along(inputs["gamma"], x.ndim, axis) + along(
        inputs["beta"], x.ndim, axis
    )
    check_forward("LayerNorm", inputs, expected, axis=axis, eps=1e-3)
    check_gradient("LayerNorm", inputs, axis=axis, eps=1e-3)


def test_layer_norm_statistics():
    x = uniform(3, 5)
    out = mx.nd.LayerNorm(mx.nd.array(x), mx.nd.ones((5,)), mx.nd.zeros((5,)), eps=1e-3, output_mean_var=True)
    assert_close(out[1], x.mean(1, keepdims=True).astype("f"))
    assert_close(out[2], np.sqrt(x.var(1, keepdims=True) + 1e-3).astype("f"))


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 2, 5)])
def test_instance_norm(shape):
    x = uniform(*shape)
    inputs = {"data": x, "gamma": uniform(3, seed=2), "beta": uniform(3, seed=3)}
    scale, shift = (along(inputs[n], x.ndim, 1) for n in ("gamma", "beta"))
    expected = normalized(x, tuple(range(2, x.ndim)), 1e-3) * scale + shift
    check_forward("InstanceNorm", inputs, expected)
    check_gradient("InstanceNorm", inputs)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(groups):
    x = uniform(3, 4, 3)
    inputs = {"data": x, "gamma": uniform(groups, seed=2), "beta": uniform(groups, seed=3)}
    rows = normalized(x.reshape(3, groups, -1), 2, 1e-3)
    expected = rows * inputs["gamma"].reshape(1, -1, 1) + inputs["beta"].reshape(1, -1, 1)
    check_forward("GroupNorm", inputs, expected.reshape(x.shape), num_groups=groups, eps=1e-3)
    check_gradient("GroupNorm", inputs, num_groups=groups, eps=1e-3)


@pytest.mark.parametrize("mode, axes", [("instance", (1, 2)), ("channel", 1), ("spatial", 2)])
def test_l2_normalization(mode, axes):
    x = uniform(2, 3, 80)
    expected = x / np.sqrt((x**2).sum(axes, keepdims=True) + 1e-2)
    check_forward("L2Normalization", {"data": x}, expected, mode=mode, eps=1e-2)
    check_gradient("L2Normalization", {"data": x}, mode=mode, eps=1e-2)


@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_lrn(beta):
    x = uniform(2, 6, 3, 30)
    sums = np.stack([(x[:, max(c - 1, 0) : c + 2] ** 2).sum(1) for c in range(6)], 1)
    expected = x * (1.5 + 0.6 / 3 * sums) ** -beta
    attrs = {"nsize": 3, "alpha": 0.6, "beta": beta, "knorm": 1.5}
    check_forward("LRN", {"data": x}, expected, ("float32",), **attrs)
    check_gradient("LRN", {"data": x[:1, :, :2, :2]}, **attrs)


@pytest.mark.parametrize("axes", [(0,), (1, -1), (0, 1, 2)])
def test_moments(axes):
    x = uniform(2, 3, 4)
    outputs = mx.nd.moments(mx.nd.array(x), axes=axes)
    for out, expected in zip(outputs, (x.mean(axes), x.var(axes))):
        assert_close(out, np.atleast_1d(expected).astype("f"), 1e-5, 1e-6)
    inputs = {"data": x}
    if not IS_MXNET:
        check_gradient("moments", inputs, axes=axes)
        check_gradient("moments", inputs, axes=axes, keepdims=True)


@ours_only
def test_square_sum():
    x = uniform(2, 3, 4)
    check_forward("_square_sum", {"data": x}, (x**2).sum(1), axis=(1,))
    check_forward(
        "_square_sum", {"data": x}, (x**2).sum((0, 2), keepdims=True), axis=(1,), exclude=True, keepdims=True
    )
    check_gradient("_square_sum", {"data": x}, axis=(0, 2))


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_cumsum(axis):
    x = uniform(2, 3, 4)
    check_forward("cumsum", {"a": x}, np.cumsum(x, axis), axis=axis)
    check_gradient("cumsum", {"a": x}, axis=axis)
    whole = mx.nd.cumsum(mx.nd.array(x * 10, dtype="int32"), axis=axis, dtype="int64")
    assert_close(whole, np.cumsum((x * 10).astype("int32"), axis, dtype="int64"))


def test_small_functions():
    x = uniform(2, 3)
    check_forward("_contrib_quadratic", {"data": x}, 2 * x**2 - x + 0.5, a=2, b=-1, c=0.5)
    check_gradient("_contrib_quadratic", {"data": x}, a=1 / 3, b=-1, c=0.5)
    check_forward("_contrib_div_sqrt_dim", {"data": x}, x / np.sqrt(3))
    check_gradient("_contrib_div_sqrt_dim", {"data": x})
    symbol = symbol_of("_contrib_gradientmultiplier", {"data": x}, scalar=-3)
    heads = gradients_of(symbol_of("_copy", {"data": x}), {"data": x}, ["data"], "float64")["data"]
    assert_close(gradients_of(symbol, {"data": x}, ["data"], "float64")["data"], -3 * heads)


def test_khatri_rao():
    a, b, c = uniform(2, 3), uniform(4, 3, seed=2), uniform(3, 3, seed=3)
    expected = np.stack([np.kron(np.kron(a[:, k], b[:, k]), c[:, k]) for k in range(3)], 1)
    check_forward("khatri_rao", [a, b, c], expected)


def test_amp_multicast():
    a, b, c = mx.nd.ones((2,), dtype="float16"), mx.nd.ones((3,)), mx.nd.ones((4,), dtype="int32")
    types = [o.dtype for o in mx.nd.amp_multicast(a, b, c, num_outputs=3)]
    assert types == [np.float32, np.float32, np.int32]
    types = [o.dtype for o in mx.nd.amp_multicast(a, b, c, num_outputs=3, cast_narrow=True)]
    assert types == [np.float16, np.float16, np.int32]


def test_facts_about_arrays():
    good, bad = mx.nd.ones((3, 2)), mx.nd.array([1, np.nan])
    assert mx.nd.all_finite(good).asnumpy() == [1] and mx.nd.all_finite(bad).asnumpy() == [0]
    assert mx.nd.multi_all_finite(good, bad, num_arrays=2).asnumpy() == [0]
    out = mx.nd.zeros((1,))
    mx.nd.all_finite(good, init_output=False, out=out)
    assert out.asnumpy() == [0]
    assert mx.nd.multi_sum_sq(good, mx.nd.array([3]), num_arrays=2).asnumpy().tolist() == [6, 9]
    refuses(lambda: mx.nd.multi_sum_sq(mx.nd.ones(2, dtype="uint8"), num_arrays=1), "got uint8 data")
    mx.nd.reset_arrays(good, bad, num_arrays=2)
    assert not good.asnumpy().any() and not bad.asnumpy().any()


@pytest.mark.parametrize("linear", [True, False])
def test_svm_output(linear):
    x, label = uniform(4, 3), np.array([0, 2, 1, 1])
    sign = np.where(np.arange(3) == label[:, None], -1, 1)
    missing = 0.4 + sign * x
    expected = np.where(missing > 0, sign * 2 * (1 if linear else 2 * missing), 0)
    attrs = {"margin": 0.4, "regularization_coefficient": 2, "use_linear": linear}
    inputs = {"data": x, "label": label.astype("f")}
    check_forward("SVMOutput", inputs, x, **attrs)
    symbol = symbol_of("SVMOutput", inputs, **attrs)
    for dtype in ("float32", "float64"):
        gradient = gradients_of(symbol, inputs, ["data"], dtype, heads=False)["data"]
        assert_close(gradient, expected.astype(dtype), 1e-5, 1e-6)
    check_add(symbol, inputs, ["data"], heads=False)


def test_softmax_cross_entropy():
    x, label = uniform(4, 3), np.array([0.0, 2, 1, 1])
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    expected = -np.log(p[np.arange(4), label.astype(int)]).sum(keepdims=True)
    check_forward("softmax_cross_entropy", {"data": x, "label": label}, expected)
    check_gradient("softmax_cross_entropy", {"data": x, "label": label}, wrt=("data",))


def test_sparse_regularisation_moves_its_mean():
    symbol = mx.sym.IdentityAttachKLSparseReg(mx.sym.Variable("x"), penalty=0.5, momentum=0.5, name="k")
    assert symbol.list_auxiliary_states() == ["k_moving_avg"]
    x = uniform(4, 3, low=0.1, high=0.9)
    gradient = mx.nd.zeros((4, 3))
    executor = symbol.bind(mx.cpu(), [mx.nd.array(x)], [gradient], aux_states=[mx.nd.full((3,), 0.2)])
    assert_close(executor.forward(True)[0], x.astype("f"))
    executor.backward([mx.nd.ones((4, 3))])
    mean = 0.1 + 0.5 * x.mean(0)
    assert_close(executor.aux_dict["k_moving_avg"], mean.astype("f"))
    slope = 0.5 * (-0.1 / mean + 0.9 / (1 - mean))
    assert_close(gradient, np.broadcast_to(1 + slope, (4, 3)).astype("f"), 1e-5)


def test_old_names():
    x = mx.nd.array(uniform(1, 1, 5, 5))
    kernel = {"kernel": (2, 2), "stride": (2, 2), "pooling_convention": "full"}
    assert_close(operator(mx.nd, "Pooling_v1")(x, **kernel), mx.nd.Pooling(x, **kernel))
    corner = operator(mx.nd, "Pooling_v1")(x, pool_type="avg", **kernel).asnumpy()[0, 0, 2, 2]
    assert_close(corner, x.asnumpy()[0, 0, 4, 4] / 4)
    a = mx.sym.Variable("a")
    symbol = mx.sym.Convolution_v1(a, kernel=(3, 3), num_filter=2, name="c")
    assert symbol.list_arguments() == ["a", "c_weight", "c_bias"]
    assert '"op": "Convolution_v1"' in symbol.tojson()
    symbol = mx.sym.BatchNorm_v1(a, output_mean_var=True, name="b")
    assert symbol.list_outputs() == ["b_output", "b_mean", "b_var"]
    assert symbol.list_auxiliary_states() == ["b_moving_mean", "b_moving_var"]
    args, outs, aux = symbol.infer_shape(a=(2, 3, 4, 4))
    assert args[1:] == [(3,)] * 2 and outs == [(2, 3, 4, 4), (3,), (3,)] and aux == [(3,)] * 2


@ours_only
def test_errors():
    a = mx.sym.Variable("a")

    def check(make, shape, *words):
        refuses(lambda: make().infer_shape(a=shape), "Error in operator n", *words)

    check(lambda: mx.sym.LayerNorm(a, axis=2, name="n"), (2, 3), "axis")
    check(lambda: mx.sym.GroupNorm(a, num_groups=2, name="n"), (2, 3, 4), "not divisible", "2")
    check(lambda: mx.sym.InstanceNorm(a, name="n"), (2, 3), "at least 3 dimensions")
    check(lambda: mx.sym.L2Normalization(a, mode="channel", name="n"), (2, 3), "at least 3")
    check(lambda: mx.sym.LRN(a, nsize=2, name="n"), (1, 2, 3, 3), "[LRN] nsize", "odd")
    check(lambda: mx.sym.moments(a, name="n"), (2, 3), "[moments] axes")
    check(lambda: mx.sym.cumsum(a, axis=4, name="n"), (2, 3), "axis")
    check(lambda: mx.sym.softmax_cross_entropy(a, name="n"), (2, 3, 4), "2 dimensions")
    check(
        lambda: mx.sym.IdentityAttachKLSparseReg(a, sparseness_target=2, name="n"),
        (2, 3),
        "sparseness_target",
    )
    check(
        lambda: mx.sym.Pooling_v1(a, kernel=(2, 2), pool_type="lp", name="n"), (1, 1, 3, 3), "pool_type", "lp"
    )
