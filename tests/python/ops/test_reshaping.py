"""Reshape, transpose, expand_dims, Concat and SliceChannel against NumPy."""

import numpy as np
import pytest
from common import mx, ours_only
from ops.checks import check_forward, check_gradient, refuses, uniform

ALL = ("float32", "float64", "float16", "int32", "uint8")


def whole(*shape):
    return np.arange(np.prod(shape)).reshape(shape) % 100.0


@pytest.mark.parametrize(
    "shape, target, reverse, result",
    [
        ((2, 3, 4), (4, 6), False, (4, 6)),
        ((2, 3, 4), (-1,), False, (24,)),
        ((2, 3, 4), (0, -1), False, (2, 12)),
        ((2, 3, 4), (-2, 1), False, (2, 3, 4, 1)),
        ((2, 3, 4), (-3, 0), False, (6, 4)),
        ((2, 3, 4), (-4, 1, 2, -2), False, (1, 2, 3, 4)),
        ((2, 8, 3), (0, -4, 2, -1, -2), False, (2, 2, 4, 3)),
        ((10, 5, 4), (-1, 0), True, (50, 4)),
        ((10, 5, 4), (-1, 0), False, (40, 5)),
        ((1, 1), (1,), False, (1,)),
        ((5,), (1, -1, 1), False, (1, 5, 1)),
    ],
    ids=str,
)
def test_reshape(shape, target, reverse, result):
    x = whole(*shape)
    check_forward("Reshape", {"data": x}, x.reshape(result), dtypes=ALL, shape=target, reverse=reverse)
    check_gradient("Reshape", {"data": uniform(*shape)}, shape=target, reverse=reverse)


def test_reshape_infers_its_input():
    net = mx.sym.Reshape(mx.sym.Variable("x"), shape=(2, -1)) + mx.sym.Variable("y")
    assert net.infer_shape_partial(y=(2, 6))[1] == [(2, 6)]


@pytest.mark.parametrize(
    "shape, axes",
    [
        ((2, 3), None),
        ((2, 3), (1, 0)),
        ((2, 3, 4), (2, 0, 1)),
        ((2, 3, 4), None),
        ((2, 3, 4), (0, 2, 1)),
        ((2, 1, 3, 1), (3, 2, 1, 0)),
        ((4,), None),
        ((2, 2, 2, 2, 2), (4, 0, 3, 1, 2)),
        ((33, 65), (1, 0)),
        ((2, 3, 2, 1, 2, 2), (5, 1, 3, 0, 2, 4)),
    ],
    ids=str,
)
def test_transpose(shape, axes):
    x = whole(*shape)
    attrs = {} if axes is None else {"axes": axes}
    check_forward("transpose", {"data": x}, x.transpose(axes), dtypes=ALL, **attrs)
    if x.size < 100:
        check_gradient("transpose", {"data": uniform(*shape)}, **attrs)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_expand_dims(axis):
    x = whole(2, 3)
    check_forward("expand_dims", {"data": x}, np.expand_dims(x, axis), dtypes=ALL, axis=axis)
    check_gradient("expand_dims", {"data": uniform(2, 3)}, axis=axis)


@pytest.mark.parametrize(
    "dim, shapes",
    [
        (1, [(2, 3), (2, 1)]),
        (0, [(1, 3), (2, 3), (3, 3)]),
        (-1, [(2, 2, 1), (2, 2, 3)]),
        (2, [(1, 2, 2, 2), (1, 2, 1, 2)]),
        (0, [(3,), (1,)]),
        (1, [(2, 3)]),
        (1, [(2, 1)] * 9),
    ],
    ids=str,
)
def test_concat(dim, shapes):
    arrays = [whole(*s) + 10 * i for i, s in enumerate(shapes)]
    check_forward("Concat", arrays, np.concatenate(arrays, dim), dtypes=ALL, dim=dim)
    check_gradient("Concat", [uniform(*s, seed=i) for i, s in enumerate(shapes)], dim=dim)


@pytest.mark.parametrize(
    "shape, parts, axis, squeeze",
    [
        ((2, 4), 2, 1, False),
        ((4, 3), 4, 0, False),
        ((2, 3, 4), 4, -1, True),
        ((2, 3), 3, 1, True),
        ((2, 6, 2), 3, 1, False),
        ((3, 2), 1, 1, False),
    ],
    ids=str,
)
def test_slice_channel(shape, parts, axis, squeeze):
    x = whole(*shape)
    pieces = np.split(x, parts, axis)
    expected = [p.squeeze(axis) for p in pieces] if squeeze else pieces
    check_forward(
        "SliceChannel", {"data": x}, expected, dtypes=ALL, num_outputs=parts, axis=axis, squeeze_axis=squeeze
    )
    check_gradient(
        "SliceChannel", {"data": uniform(*shape)}, num_outputs=parts, axis=axis, squeeze_axis=squeeze
    )


def test_shapes_both_ways():
    a, b, y = (mx.sym.Variable(n) for n in "aby")
    assert mx.sym.Concat(a, b, dim=1).infer_shape(a=(2, 3), b=(2, 4))[1] == [(2, 7)]
    assert mx.sym.Concat(a, b, dim=1).infer_shape_partial(a=(2, 3), b=(0, 4))[0] == [(2, 3), (2, 4)]
    assert (mx.sym.transpose(a, axes=(1, 0)) + y).infer_shape(y=(2, 3))[0] == [(3, 2), (2, 3)]
    assert (mx.sym.expand_dims(a, axis=1) + y).infer_shape(y=(2, 1, 3))[0][0] == (2, 3)


@ours_only
def test_errors():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")

    def bad_reshape(shape, data=(2, 3, 4), **attrs):
        refuses(
            lambda: mx.sym.Reshape(a, shape=shape, name="n", **attrs).infer_shape(a=data),
            "Error in operator n",
        )

    for shape in ((5, -1), (-1, -1), (0, 0, 0, 0), (-3,), (-4, 3, -1, -2), (-4, 2), (-5,), (7, 7)):
        if shape != (-3,):
            bad_reshape(shape)
    bad_reshape((-3, -3))
    refuses(
        lambda: mx.sym.transpose(a, axes=(0, 0), name="n").infer_shape(a=(2, 3)),
        "Error in operator n",
        "axes",
    )
    refuses(
        lambda: mx.sym.transpose(a, axes=(0, 1, 2), name="n").infer_shape(a=(2, 3)),
        "Error in operator n",
        "axes",
    )
    refuses(
        lambda: mx.sym.expand_dims(a, axis=4, name="n").infer_shape(a=(2, 3)),
        "Error in operator n",
        "axis",
        "4",
    )
    refuses(
        lambda: mx.sym.Concat(a, b, dim=1, name="n").infer_shape(a=(2, 3), b=(3, 3)), "Error in operator n"
    )
    refuses(
        lambda: mx.sym.Concat(a, b, dim=2, name="n").infer_shape(a=(2, 3), b=(2, 3)),
        "Error in operator n",
        "dim",
    )
    refuses(
        lambda: mx.sym.SliceChannel(a, num_outputs=3, name="n").infer_shape(a=(2, 4)),
        "Error in operator n",
        "3",
        "4",
    )
    refuses(
        lambda: mx.sym.SliceChannel(a, num_outputs=2, squeeze_axis=True, name="n").infer_shape(a=(2, 4)),
        "Error in operator n",
        "squeeze_axis",
    )
    refuses(lambda: mx.sym.SliceChannel(a, name="n"), "Error in operator n", "num_outputs", "required")
