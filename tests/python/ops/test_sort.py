"""sort, argsort and topk against NumPy."""

import numpy as np
import pytest
from common import assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, distinct, refuses

DTYPES = ("float32", "float64", "int32")
AXES = (0, 1, -1, None)


def order(x, axis, ascend):
    return np.argsort(x if ascend else -x, axis, kind="stable")


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("ascend", [True, False])
def test_sort(axis, ascend):
    x = distinct(3, 4, 2, step=1)
    index = order(x, axis, ascend)
    data, along = (x.ravel(), 0) if axis is None else (x, axis)
    expected = np.take_along_axis(data, index, along)
    check_forward("sort", {"data": x}, expected, DTYPES, axis=axis, is_ascend=ascend)
    check_gradient("sort", {"data": x}, axis=axis, is_ascend=ascend)
    for dtype in ("float32", "int32", "float64"):
        out = mx.nd.argsort(mx.nd.array(x), axis=axis, is_ascend=ascend, dtype=dtype)
        assert out.dtype == np.dtype(dtype)
        assert_close(out, index.astype(dtype))


@pytest.mark.parametrize("k", [1, 3, 0])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("ascend", [True, False])
def test_topk(axis, ascend, k):
    x = distinct(4, 3, 5, step=1)
    data = x if axis is not None else x.ravel()
    along = 0 if axis is None else axis
    index = order(data, along, ascend)
    index = index.take(range(k or data.shape[along]), along)
    attrs = {"axis": axis, "k": k, "is_ascend": ascend}
    values = np.take_along_axis(data, index, along)
    check_forward("topk", {"data": x}, values, DTYPES, ret_typ="value", **attrs)
    check_gradient("topk", {"data": x}, ret_typ="value", **attrs)
    assert_close(mx.nd.topk(mx.nd.array(x), dtype="int32", **attrs), index.astype("int32"))
    mask = np.zeros_like(data, dtype="f")
    np.put_along_axis(mask, index, 1, along)
    assert_close(mx.nd.topk(mx.nd.array(x), ret_typ="mask", **attrs), mask.reshape(x.shape))
    both = mx.nd.topk(mx.nd.array(x), ret_typ="both", **attrs)
    assert_close(both[0], values.astype("f"))
    assert_close(both[1], index.astype("f"))


def test_equal_elements_keep_their_order():
    x = mx.nd.array([2, 1, 2, 1, 2])
    assert mx.nd.argsort(x).asnumpy().tolist() == [1, 3, 0, 2, 4]
    assert mx.nd.argsort(x, is_ascend=False).asnumpy().tolist() == [0, 2, 4, 1, 3]
    assert mx.nd.topk(x, k=2).asnumpy().tolist() == [0, 2]


@ours_only
def test_nan_comes_last_and_half_is_sorted():
    x = mx.nd.array([1, np.nan, 3, np.nan, 2])
    assert mx.nd.argsort(x).asnumpy().tolist() == [0, 4, 2, 1, 3]
    assert mx.nd.argsort(x, is_ascend=False).asnumpy().tolist() == [2, 4, 0, 1, 3]
    assert mx.nd.sort(x.astype("float16")).asnumpy()[:3].tolist() == [1, 2, 3]


def test_long_rows():
    x = np.random.RandomState(0).permutation(20000).astype("f").reshape(2, -1)
    assert_close(mx.nd.sort(mx.nd.array(x)), np.sort(x))
    for k in (3, 5000):
        expected = -np.sort(-x)[:, :k]
        assert_close(mx.nd.topk(mx.nd.array(x), k=k, ret_typ="value"), expected)


def test_outputs_and_gradient_of_both():
    symbol = mx.sym.topk(mx.sym.Variable("x"), k=2, ret_typ="both", name="t")
    assert symbol.list_outputs() == ["t_output0", "t_output1"]
    executor = symbol.bind(mx.cpu(), {"x": mx.nd.array([3, 1, 2])}, {"x": mx.nd.zeros((3,))})
    executor.forward(True)
    executor.backward([mx.nd.array([5, 7]), mx.nd.array([1, 1])])
    assert executor.grad_dict["x"].asnumpy().tolist() == [5, 0, 7]


@ours_only
def test_errors():
    a = mx.sym.Variable("a")
    refuses(
        lambda: mx.sym.topk(a, k=4, name="n").infer_shape(a=(2, 3)), "operator n", "k: got 4", "at most 3"
    )
    refuses(lambda: mx.sym.topk(a, dtype="int8", name="n"), "[topk] dtype", "int8")
    refuses(lambda: mx.sym.sort(a, axis=2, name="n").infer_shape(a=(2, 3)), "operator n", "axis")
    refuses(lambda: mx.sym.topk(a, ret_typ="all", name="n"), "ret_typ", "all")
