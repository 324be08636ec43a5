"""Elements at indices, points and masks, against NumPy."""

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, operator, refuses, uniform

INDEX_TYPES = ("float32", "int32", "int64", "uint8")


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("mode", ["clip", "wrap"])
def test_take(axis, mode):
    x, index = uniform(3, 4, 2), np.array([[0, -1, 5], [1, 1, 2]])
    expected = np.take(x, index, axis, mode=mode)
    for dtype in ("float64", "int32"):
        inputs = {"a": x, "indices": index.astype(dtype)}
        check_forward(
            "take", inputs, expected, ("float16", "float32", "int32"), ("indices",), axis=axis, mode=mode
        )
    check_gradient("take", {"a": x, "indices": index}, wrt=("a",), axis=axis, mode=mode)


def test_take_raise():
    a = mx.nd.array(uniform(3, 2))
    assert_close(mx.nd.take(a, mx.nd.array([2, 0]), mode="raise"), a.asnumpy()[[2, 0]])
    with pytest.raises(mx.base.MXNetError, match=r"out of (bound|range)"):
        mx.nd.take(a, mx.nd.array([0, 3]), mode="raise").asnumpy()


@pytest.mark.parametrize("axis, shape", [(0, (3, 4)), (1, (3,)), (-1, (3,)), (2, (2, 3)), (1, (2, 5))])
def test_pick(axis, shape):
    full = {(0, (3, 4)): (2, 3, 4), (2, (2, 3)): (2, 3, 4), (1, (2, 5)): (2, 3, 5)}.get((axis, shape), (3, 4))
    x = uniform(*full)
    index = np.random.RandomState(3).randint(0, full[axis], shape)
    expected = np.take_along_axis(x, np.expand_dims(index, axis), axis)
    check_forward("pick", {"data": x, "index": index}, expected.squeeze(axis), axis=axis)
    check_forward("pick", {"data": x, "index": index}, expected, axis=axis, keepdims=True)
    check_gradient("pick", {"data": x, "index": index}, wrt=("data",), axis=axis)
    outside = {"data": x, "index": index - 7.0}
    wrapped = np.take_along_axis(x, np.expand_dims((index - 7) % full[axis], axis), axis).squeeze(axis)
    check_forward("pick", outside, wrapped, axis=axis, mode="wrap")


def test_rows_of_a_matrix():
    x, index = uniform(4, 3), np.array([0, 2, 9, 1], dtype="int32")
    expected = x[np.arange(4), index.clip(0, 2)]
    check_forward("batch_take", {"a": x, "indices": index}, expected, keep=("indices",))
    if not IS_MXNET:
        check_gradient("batch_take", {"a": x, "indices": index.astype("d")}, wrt=("a",))
    filled = x.copy()
    filled[np.arange(4), index.clip(0, 2)] = [1, 2, 3, 4]
    arrays = [mx.nd.array(a) for a in (x, [1, 2, 3, 4], [0, 2, 2, 1])]
    assert_close(mx.nd.fill_element_0index(*arrays), filled.astype("f"))


@pytest.mark.parametrize("index_type", INDEX_TYPES)
@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int64", "float32"])
def test_one_hot(index_type, dtype):
    index = np.array([[0, 3], [1, 4]])
    out = mx.nd.one_hot(mx.nd.array(index, dtype=index_type), depth=4, on_value=2, off_value=1, dtype=dtype)
    assert out.dtype == np.dtype(dtype)
    assert_close(out, np.where(index[..., None] == np.arange(4), 2, 1).astype(dtype))


def test_points():
    x, points = uniform(3, 4, 2), np.array([[0, 2, 2], [1, 3, 1]])
    check_forward("gather_nd", {"data": x, "indices": points}, x[tuple(points)])
    check_forward("gather_nd", {"data": x, "indices": np.array([[-1, 0]])}, x[[-1, 0]])
    repeated = {"data": x, "indices": np.array([[0, 0, 2], [1, 1, 1]])}
    check_gradient("gather_nd", repeated, wrt=("data",))
    parts = uniform(3, 2)
    expected = np.zeros((3, 4, 2))
    expected[tuple(points)] = parts
    check_forward("scatter_nd", {"data": parts, "indices": points}, expected, shape=(3, 4, 2))
    check_gradient("scatter_nd", {"data": parts, "indices": points}, wrt=("data",), shape=(3, 4, 2))
    target = mx.nd.array(x)
    expected = x.copy()
    expected[tuple(points)] = parts
    arrays = [target, mx.nd.array(parts), mx.nd.array(points)]
    operator(mx.nd, "_scatter_set_nd")(*arrays, shape=(3, 4, 2), out=target)
    assert_close(target, expected.astype("f"))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_numbers_of_points(dtype):
    shape, numbers = (3, 4, 5), np.array([0, 59, 17, 22])
    points = np.stack(np.unravel_index(numbers, shape)).astype(dtype)
    assert_close(mx.nd.unravel_index(mx.nd.array(numbers, dtype=dtype), shape=shape), points)
    assert_close(
        mx.nd.ravel_multi_index(mx.nd.array(points, dtype=dtype), shape=(-1, 4, 5)), numbers.astype(dtype)
    )


def test_index_copy():
    old, new, index = uniform(4, 2), uniform(2, 2, seed=2), np.array([3.0, 1])
    expected = old.copy()
    expected[[3, 1]] = new
    inputs = {"old_tensor": old, "index_vector": index, "new_tensor": new}
    check_forward("_contrib_index_copy", inputs, expected)
    check_gradient("_contrib_index_copy", inputs, wrt=("old_tensor", "new_tensor"))


def test_boolean_mask():
    x, mask = uniform(4, 2), np.array([0, 1, 0, 2])
    out = mx.nd.contrib.boolean_mask(mx.nd.array(x), mx.nd.array(mask))
    assert_close(out, x[mask != 0].astype("f"))
    assert mx.nd.contrib.boolean_mask(mx.nd.array(x), mx.nd.zeros((4,))).shape == (0, 2)


@ours_only
def test_boolean_mask_in_a_symbol_of_known_shape():
    data, index, other = (mx.sym.Variable(n) for n in ("data", "index", "other"))
    symbol = mx.sym.contrib.boolean_mask(data, index) * other
    x, y, mask = uniform(4, 2), uniform(2, 2, seed=2), np.array([0, 1, 0, 1])
    executor = symbol.simple_bind(mx.cpu(), data=(4, 2), index=(4,), other=(2, 2))
    outputs = executor.forward(True, data=mx.nd.array(x), index=mx.nd.array(mask), other=mx.nd.array(y))
    assert_close(outputs[0], (x[mask > 0] * y).astype("f"))
    executor.backward([mx.nd.ones((2, 2))])
    expected = np.zeros((4, 2), "f")
    expected[mask > 0] = y
    assert_close(executor.grad_dict["data"], expected)
    with pytest.raises(mx.base.MXNetError, match="chooses 1 rows, expected 2"):
        executor.forward(index=mx.nd.array([0, 0, 0, 1]))


def test_arrays_of_indices():
    x = mx.nd.ones((2, 3))
    coordinates = np.moveaxis(np.indices((2, 3)), 0, -1)
    assert_close(mx.nd.contrib.index_array(x), coordinates)
    assert_close(mx.nd.contrib.index_array(x, axes=(1,)), coordinates[..., 1:])
    assert_close(mx.nd.contrib.arange_like(x, start=1, step=2), np.arange(1, 13, 2, dtype="f").reshape(2, 3))
    assert_close(mx.nd.contrib.arange_like(x, axis=-1, repeat=2), np.array([0, 0, 1], "f"))


def test_histogram():
    values = uniform(50) * 3
    counts, edges = mx.nd.histogram(mx.nd.array(values), bins=7, range=(-2, 2))
    expected = np.histogram(values.astype("f"), 7, (-2, 2))
    assert counts.dtype == np.int64
    assert_close(counts, expected[0])
    assert_close(edges, expected[1].astype("f"))
    counts, edges = mx.nd.histogram(mx.nd.array(values), bins=mx.nd.array([-1, 0, 3]))
    assert_close(counts, np.histogram(values, [-1, 0, 3])[0])
    assert mx.nd.histogram(mx.nd.array(values), bins=5)[0].asnumpy().sum() == 50
    symbol = mx.sym.histogram(mx.sym.Variable("a"), bins=5, range=(0, 1))
    assert symbol.infer_shape(a=(9,))[1] == [(5,), (6,)]


def test_allclose():
    a = mx.nd.array([1, 2, np.nan])
    b = mx.nd.array([1, 2.1, np.nan])
    for attrs, expected in (
        ({}, 0),
        ({"rtol": 1}, 1),
        ({"rtol": 1, "equal_nan": False}, 0),
        ({"atol": 0.2}, 1),
    ):
        out = mx.nd.contrib.allclose(a, b, **attrs)
        assert out.shape == () and out.asnumpy() == expected


@ours_only
def test_errors():
    a, i = mx.sym.Variable("a"), mx.sym.Variable("i")
    refuses(lambda: mx.sym.take(a, i, axis=3, name="n").infer_shape(a=(2, 3), i=(1,)), "operator n", "axis")
    refuses(lambda: mx.sym.pick(a, i, axis=None, name="n"), "[pick] axis", "None")
    refuses(lambda: mx.sym.pick(a, i, name="n").infer_shape(a=(2, 3), i=(3,)), "operator n", "index")
    refuses(lambda: mx.sym.one_hot(i, depth=0, name="n"), "[one_hot] depth", "0")
    refuses(lambda: mx.sym.gather_nd(a, i, name="n").infer_shape(a=(2,), i=(2, 3)), "[gather_nd] indices")
    refuses(
        lambda: mx.nd.gather_nd(mx.nd.ones((2,)), mx.nd.array([[2]])), "[gather_nd] index out of range: got 2"
    )
    refuses(lambda: mx.sym.unravel_index(i, name="n"), "shape")
    refuses(
        lambda: mx.sym.ravel_multi_index(i, shape=(2, 3), name="n").infer_shape(i=(3, 4)), "expected 2 rows"
    )
    refuses(
        lambda: mx.nd.contrib.index_copy(mx.nd.ones((2, 1)), mx.nd.array([2]), mx.nd.ones((1, 1))),
        "out of range",
    )
    refuses(lambda: mx.sym._internal._histogram(a, bin_cnt=3, name="n"), "range")
    refuses(lambda: mx.sym.contrib.boolean_mask(a, i, axis=1, name="n"), "axis", "1")
