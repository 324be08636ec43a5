"""Parts of arrays, elements in other places, and elements several times over, against NumPy."""

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only
from ops.checks import check_forward, check_gradient, refuses, symbol_of, uniform

ALL = slice(None)


def diagonal(x, k=0, axis1=0, axis2=1):
    return np.diag(x, k) if x.ndim == 1 else np.diagonal(x, k, axis1, axis2)


def blocks_to_depth(x, b):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, -1, h // b, w // b)


def blocks_to_space(x, b):
    n, c, h, w = x.shape
    return x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, -1, h * b, w * b)


def padded(x, mode, widths):
    return np.pad(x, [(widths[i], widths[i + 1]) for i in range(0, len(widths), 2)], mode=mode)


# (operator, attributes, shape of data, the same in NumPy)
UNARY = (
    ("slice", {"begin": (1, None), "end": (None, 2)}, (3, 4, 2), lambda x: x[1:, :2]),
    ("slice", {"begin": (None, 3), "end": (None, None), "step": (-1, -2)}, (3, 4), lambda x: x[::-1, 3::-2]),
    ("slice", {"begin": (-9,), "end": (9,)}, (3,), lambda x: x[-9:9]),
    ("slice_axis", {"axis": -1, "begin": 1, "end": None}, (2, 4), lambda x: x[:, 1:]),
    ("slice_axis", {"axis": 0, "begin": -2, "end": -1}, (4, 1), lambda x: x[-2:-1]),
    ("reverse", {"axis": (0, 2)}, (2, 3, 4), lambda x: x[::-1, :, ::-1]),
    ("flip", {"axis": 0}, (1, 3), lambda x: x[::-1]),
    ("tile", {"reps": (2, 1, 3)}, (2, 3), lambda x: np.tile(x, (2, 1, 3))),
    ("tile", {"reps": (2,)}, (2, 1, 3), lambda x: np.tile(x, 2)),
    ("tile", {"reps": (1, 1)}, (2, 3), lambda x: x),
    ("repeat", {"repeats": 3}, (2, 2), lambda x: np.repeat(x, 3)),
    ("repeat", {"repeats": 2, "axis": 1}, (2, 3, 2), lambda x: np.repeat(x, 2, 1)),
    ("space_to_depth", {"block_size": 2}, (1, 3, 4, 2), lambda x: blocks_to_depth(x, 2)),
    ("depth_to_space", {"block_size": 2}, (2, 8, 1, 3), lambda x: blocks_to_space(x, 2)),
    ("diag", {"k": -1}, (3,), lambda x: diagonal(x, -1)),
    ("diag", {"k": 2}, (3, 4), lambda x: diagonal(x, 2)),
    ("diag", {"axis1": 2, "axis2": 0}, (2, 3, 4), lambda x: diagonal(x, 0, 2, 0)),
    ("Crop", {"h_w": (2, 1), "offset": (1, 2), "num_args": 1}, (1, 2, 3, 4), lambda x: x[:, :, 1:3, 2:3]),
)
WIDTHS = (0, 0, 0, 0, 2, 1, 0, 2)


@pytest.mark.parametrize(
    "op, attrs, shape, reference", UNARY, ids=[f"{u[0]}-{i}" for i, u in enumerate(UNARY)]
)
def test_one_input(op, attrs, shape, reference):
    x = uniform(*shape)
    inputs = [x] if op == "Crop" else {"data": x}
    check_forward(op, inputs, reference(x), ("float16", "float32", "float64", "int32", "uint8"), **attrs)
    check_gradient(op, inputs, **attrs)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_pad(mode):
    x = uniform(2, 1, 3, 4)
    check_forward("Pad", {"data": x}, padded(x, mode, WIDTHS), mode=mode, pad_width=WIDTHS)
    check_gradient("Pad", {"data": x}, mode=mode, pad_width=WIDTHS)
    deep, widths = uniform(1, 2, 2, 3, 3), (0, 0, 0, 0, 1, 0, 2, 2, 1, 1)
    check_forward("pad", {"data": deep}, padded(deep, mode, widths), mode=mode, pad_width=widths)
    check_gradient("pad", {"data": deep}, mode=mode, pad_width=widths)


def test_two_inputs():
    x, like = uniform(3, 4, 5), uniform(2, 3, 4)
    check_forward("slice_like", {"data": x, "shape_like": like}, x[:2, :3, :4])
    check_gradient("slice_like", {"data": x, "shape_like": like}, axes=(0, -1))
    image, size = uniform(2, 2, 5, 4), uniform(1, 1, 3, 3)
    check_forward("Crop", [image, size], image[:, :, 1:4, 1:4], num_args=2, offset=(1, 1))
    check_gradient("Crop", [image, size], num_args=2, center_crop=True)


@pytest.mark.parametrize("rows", [True, False])
def test_where(rows):
    x, y = uniform(3, 4, seed=1), uniform(3, 4, seed=2)
    condition = np.array([1.0, 0, 2]) if rows else (uniform(3, 4, seed=3) > 0).astype("f")
    chosen = (condition != 0).reshape(3, -1)
    inputs = {"condition": condition, "x": x, "y": y}
    check_forward("where", inputs, np.where(chosen, x, y), ("float32", "int32"))
    check_gradient("where", inputs, wrt=("x", "y"))


def test_assignment():
    x, part = uniform(3, 4), uniform(2, 2, seed=2)
    expected = x.copy()
    expected[1:3, ::2] = part
    attrs = {"begin": (1, None), "end": (3, None), "step": (1, 2)}
    check_forward("_slice_assign", {"lhs": x, "rhs": part}, expected, **attrs)
    if not IS_MXNET:  # where it has no gradient
        check_gradient("_slice_assign", {"lhs": x, "rhs": part}, **attrs)
    expected[1:3, ::2] = 7
    check_forward("_slice_assign_scalar", {"data": x}, expected, scalar=7, **attrs)
    if not IS_MXNET:
        check_gradient("_slice_assign_scalar", {"data": x}, scalar=7, **attrs)
    array = mx.nd.array(x)
    array.slice_assign(mx.nd.array(part), (1, None), (3, None), (1, 2))
    assert_close(array[1:3].asnumpy()[:, ::2], part.astype("f"))
    array.slice_assign_scalar(5, (0,), (1,), ())
    assert (array.asnumpy()[0] == 5).all()


def test_upsampling():
    x, small = uniform(1, 2, 4, 4), uniform(1, 1, 2, 2, seed=2)

    def enlarged(a, n):
        return a.repeat(n, 2).repeat(n, 3)

    nearest = {"sample_type": "nearest", "scale": 2}
    check_forward("UpSampling", [x], enlarged(x, 2), num_args=1, **nearest)
    joined = np.concatenate([enlarged(x, 2), enlarged(small, 4)], 1)
    check_forward("UpSampling", [x, small], joined, num_args=2, **nearest)
    check_gradient("UpSampling", [x, small], num_args=2, **nearest)
    same = uniform(1, 2, 8, 8, seed=3)
    check_gradient("UpSampling", [x, same], num_args=2, multi_input_mode="sum", **nearest)
    inputs = {"data": uniform(2, 2, 2, 3), "weight": uniform(2, 1, 4, 4)}
    check_gradient("UpSampling", inputs, sample_type="bilinear", scale=2, num_filter=2, num_args=2)


def test_upsampling_by_a_bilinear_filter_makes_its_weight():
    symbol = mx.sym.UpSampling(
        mx.sym.Variable("x"), scale=3, sample_type="bilinear", num_filter=2, num_args=2, name="u"
    )
    assert symbol.list_arguments() == ["x", "u_weight"]
    assert symbol.attr_dict()["u_weight"]["__init__"] == '["bilinear", {}]'
    args, outs, _ = symbol.infer_shape(x=(1, 2, 4, 4))
    assert args[1] == (2, 1, 5, 5) and outs == [(1, 2, 12, 12)]


def test_split_v2():
    x = mx.nd.array(np.arange(12).reshape(2, 6))
    parts = mx.nd.split_v2(x, (2, 5), axis=1)
    assert [p.shape for p in parts] == [(2, 2), (2, 3), (2, 1)]
    assert_close(parts[1], x.asnumpy()[:, 2:5])
    assert [p.shape for p in x.split_v2(3, axis=1)] == [(2, 2)] * 3
    with pytest.raises(ValueError, match="equal division"):
        mx.nd.split_v2(x, 5, axis=1)
    symbol = mx.sym.split_v2(mx.sym.Variable("x"), (1,), axis=0)
    assert symbol.infer_shape(x=(3, 2))[1] == [(1, 2), (2, 2)]
    check_gradient("_split_v2", {"data": uniform(2, 6)}, indices=(0, 1, 4), axis=1)
    check_gradient("_split_v2", {"data": uniform(2, 3)}, indices=(), sections=3, axis=1, squeeze_axis=True)


@ours_only
def test_shapes_from_outputs_and_other_inputs():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    for symbol, known, expected in (
        (mx.sym.slice(a, begin=(0,), end=(2,)) + b, (2, 4), (0, 4)),
        (mx.sym.tile(a, reps=(2, 3)) + b, (4, 9), (2, 3)),
        (mx.sym.repeat(a, repeats=2, axis=0) + b, (4, 9), (2, 9)),
        (mx.sym.reverse(a, axis=0) + b, (4, 9), (4, 9)),
        (mx.sym.space_to_depth(a, block_size=2) + b, (1, 8, 2, 3), (1, 2, 4, 6)),
        (mx.sym.Pad(a, mode="edge", pad_width=WIDTHS) + b, (1, 2, 6, 6), (1, 2, 3, 4)),
        (mx.sym.where(b > 1, a, b), (2, 3), (2, 3)),
    ):
        rank = {"a": (0,) * len(expected), "b": known}
        assert symbol.infer_shape_partial(**rank)[0][symbol.list_arguments().index("a")] == expected


@ours_only
@pytest.mark.parametrize("op, attrs, shape", [
    ("slice", {"begin": (3,), "end": (1,)}, (4, 2)),
    ("reverse", {"axis": 0}, (0, 3)),
    ("tile", {"reps": (2, 2)}, (0, 3)),
    ("repeat", {"repeats": 0, "axis": 0}, (2, 3)),
    ("diag", {"k": -2}, (2, 3)),
])  # fmt: skip
def test_empty(op, attrs, shape):
    out = getattr(mx.nd, op)(mx.nd.ones(shape), **attrs)
    assert out.size == 0 and out.asnumpy().size == 0


@ours_only
def test_errors():
    a = mx.sym.Variable("a")

    def check(make, shape, *words):
        refuses(lambda: make().infer_shape(a=shape), "Error in operator n", *words)

    check(lambda: mx.sym.slice(a, begin=(0, 0), end=(1,), name="n"), (2, 3), "begin", "end")
    check(lambda: mx.sym.slice(a, begin=(0,), end=(1,), step=(0,), name="n"), (2,), "step")
    check(lambda: mx.sym.slice(a, begin=(0, 0), end=(1, 1), name="n"), (2,), "at most 1")
    check(lambda: mx.sym.slice_axis(a, axis=0, begin=0, end=9, name="n"), (2,), "[slice_axis]", "9")
    check(lambda: mx.sym.slice_like(a, mx.sym.ones((3,)), name="n"), (2,), "longer", "(3,)")
    check(lambda: mx.sym.tile(a, reps=(0,), name="n"), (2,), "[tile] reps")
    check(lambda: mx.sym.reverse(a, axis=2, name="n"), (2, 3), "axis")
    check(lambda: mx.sym.Pad(a, mode="edge", pad_width=(0, 0, 1, 1), name="n"), (2, 3), "pad_width")
    check(lambda: mx.sym.Pad(a, mode="reflect", pad_width=WIDTHS, name="n"), (1, 1, 2, 2), "too short")
    check(lambda: mx.sym.Crop(a, h_w=(5, 1), name="n"), (1, 1, 2, 2), "larger")
    check(lambda: mx.sym.Crop(a, name="n"), (1, 1, 2, 2), "h_w")
    check(lambda: mx.sym.space_to_depth(a, block_size=2, name="n"), (1, 1, 3, 2), "multiple of 2")
    check(lambda: mx.sym.diag(a, axis1=1, axis2=-1, name="n"), (2, 3), "same axis")
    check(lambda: mx.sym.split_v2(a, 4, name="n"), (6,), "does not divide")
    refuses(
        lambda: mx.nd.where(mx.nd.ones((3,)), mx.nd.ones((2, 2)), mx.nd.ones((2, 2))), "[where] condition"
    )
    refuses(lambda: symbol_of("UpSampling", [1], scale=0, sample_type="nearest", num_args=1), "scale")
