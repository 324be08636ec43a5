"""Symbol.infer_shape and infer_type, forwards, backwards and partially."""

import numpy as np
import pytest
from common import mx, ours_only

MXNetError = mx.base.MXNetError


def var(name="a", **kwargs):
    return mx.sym.Variable(name, **kwargs)


def classifier():
    fc = mx.sym.FullyConnected(var("data"), num_hidden=4, name="fc")
    return mx.sym.SoftmaxOutput(fc, name="softmax")


def test_shapes_of_everything_from_the_data():
    arguments, outputs, auxiliary = classifier().infer_shape(data=(3, 5))
    assert arguments == [(3, 5), (4, 5), (4,), (3,)]
    assert outputs == [(3, 4)]
    assert auxiliary == []


def test_auxiliary_shapes():
    bn = mx.sym.BatchNorm(var("x"), name="bn")
    assert bn.infer_shape(x=(2, 3, 4, 4)) == ([(2, 3, 4, 4), (3,), (3,)], [(2, 3, 4, 4)], [(3,), (3,)])
    assert mx.sym.BatchNorm(var("x"), axis=3).infer_shape(x=(2, 3, 4, 5))[2] == [(5,), (5,)]


def test_incomplete_information_gives_none():
    assert classifier().infer_shape(fc_weight=(4, 5)) == (None, None, None)
    assert classifier().infer_shape() == (None, None, None)


def test_partial_inference_fills_in_what_follows():
    arguments, outputs, _ = classifier().infer_shape_partial(data=(0, 5))
    assert arguments == [(0, 5), (4, 5), (4,), (0,)]
    assert outputs == [(0, 4)]
    arguments, outputs, _ = classifier().infer_shape_partial()
    assert arguments[0] == ()
    assert outputs == [()]


@pytest.mark.parametrize(
    "given", [{"a": (2, 3)}, {"b": (2, 3)}, {"a": (2, 0), "b": (0, 3)}, {"a": (0, 0), "b": (2, 3)}]
)
def test_elementwise_shapes_flow_both_ways(given):
    assert (var("a") + var("b")).infer_shape(**given) == ([(2, 3), (2, 3)], [(2, 3)], [])


def test_variable_shapes_take_part():
    v = var("v", shape=(2, 3))
    assert (v + var("b")).infer_shape() == ([(2, 3), (2, 3)], [(2, 3)], [])
    assert (v + var("b")).infer_shape(v=(4, 5))[0] == [(4, 5), (4, 5)], (
        "a given shape wins over the variable's"
    )
    partial = var("v", shape=(0, 3)) + var("b")
    assert partial.infer_shape() == (None, None, None)
    assert partial.infer_shape(b=(2, 3)) == ([(2, 3), (2, 3)], [(2, 3)], [])


def test_zeros_with_unknown_dimensions_is_completed_by_its_user():
    state = mx.sym.zeros((0, 3))
    assert (state + var("x")).infer_shape(x=(5, 3)) == ([(5, 3)], [(5, 3)], [])
    assert mx.sym.elemwise_mul(var("x"), mx.sym.ones((0, 0))).infer_shape(x=(2, 3))[1] == [(2, 3)]


def test_data_shape_is_found_from_the_other_side():
    net = mx.sym.FullyConnected(var("x"), num_hidden=4, name="fc") + var("y")
    _arguments, outputs, _ = net.infer_shape_partial(y=(7, 4), fc_weight=(4, 3))
    assert outputs == [(7, 4)]


@pytest.mark.parametrize(
    "make, given, node",
    [
        (lambda: classifier(), {"data": (3, 5), "fc_weight": (4, 6)}, "fc"),
        (lambda: classifier(), {"data": (3, 5), "fc_weight": (7, 5)}, "fc"),
        (lambda: mx.sym.elemwise_add(var("a"), var("b"), name="total"), {"a": (2, 3), "b": (3, 2)}, "total"),
        (lambda: mx.sym.broadcast_add(var("a"), var("b"), name="total"), {"a": (2, 3), "b": (3, 2)}, "total"),
        (
            lambda: mx.sym.Convolution(var("a"), kernel=(3, 3), num_filter=2, name="conv"),
            {"a": (1, 1, 2, 2)},
            "conv",
        ),
        (
            lambda: mx.sym.Convolution(var("a"), kernel=(3, 3), num_filter=2, name="conv"),
            {"a": (1, 1, 5)},
            "conv",
        ),
        (
            lambda: mx.sym.Convolution(var("a"), kernel=(3, 3), num_filter=2, num_group=2, name="conv"),
            {"a": (1, 3, 5, 5)},
            "conv",
        ),
        (lambda: mx.sym.dot(var("a"), var("b"), name="product"), {"a": (2, 3), "b": (4, 2)}, "product"),
        (
            lambda: mx.sym.Concat(var("a"), var("b"), dim=1, name="joined"),
            {"a": (2, 3), "b": (3, 3)},
            "joined",
        ),
        (lambda: mx.sym.SliceChannel(var("a"), num_outputs=3, name="cut"), {"a": (2, 4)}, "cut"),
        (lambda: mx.sym.transpose(var("a"), axes=(0, 2), name="turned"), {"a": (2, 3)}, "turned"),
    ],
)
def test_contradictions_name_the_node(make, given, node):
    with pytest.raises(MXNetError, match=f"Error in operator {node}"):
        make().infer_shape(**given)


@ours_only
@pytest.mark.parametrize("shape", [(7, -1), (4, 4), (5,)])
def test_a_reshape_that_does_not_fit_is_an_error(shape):
    # MXNet notices only when it runs.
    with pytest.raises(MXNetError, match="Error in operator shaped"):
        mx.sym.Reshape(var("a"), shape=shape, name="shaped").infer_shape(a=(2, 3))


def test_an_unknown_argument_is_named():
    with pytest.raises(MXNetError, match=r"(?s)nowhere.*data"):
        classifier().infer_shape(nowhere=(1,))
    with pytest.raises(TypeError, match="data"):
        classifier().infer_shape(data="x")


@ours_only
def test_positional_shapes_follow_the_order_of_arguments():
    # MXNet 1.9.1 fails with an internal error here; the documentation promises this.
    assert classifier().infer_shape((3, 5))[1] == [(3, 4)]
    with pytest.raises(ValueError):
        classifier().infer_shape((3, 5), data=(3, 5))


def test_types():
    f16, f64 = np.float16, np.float64
    assert classifier().infer_type(data="float16") == ([f16] * 4, [f16], [])
    assert classifier().infer_type(data=np.float64) == ([f64] * 4, [f64], [])
    cast = mx.sym.Cast(var("a"), dtype="int32")
    assert cast.infer_type(a="float32") == ([np.float32], [np.int32], [])
    assert cast.infer_type_partial() == ([None], [np.int32], [])
    assert (var("v", dtype="float64") + var("b")).infer_type() == ([f64, f64], [f64], [])
    with pytest.raises(MXNetError, match="Error in operator"):
        (var("a") + var("b")).infer_type(a="float32", b="float64")


def test_batch_norm_keeps_its_statistics_wide():
    bn = mx.sym.BatchNorm(var("x"), name="bn")
    arguments, outputs, auxiliary = bn.infer_type(x="float16")
    assert (arguments, outputs, auxiliary) == (
        [np.float16] + [np.float32] * 2,
        [np.float16],
        [np.float32] * 2,
    )
