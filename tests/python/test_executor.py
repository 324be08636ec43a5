"""Executor: binding, running, gradients, reshaping, monitoring."""

import numpy as np
import pytest
from common import IS_MXNET, assert_close, mx, ours_only

nd = mx.nd
MXNetError = mx.base.MXNetError


def var(name):
    return mx.sym.Variable(name)


def product():
    return mx.sym.elemwise_mul(var("a"), var("b"), name="product")


def classifier():
    fc = mx.sym.FullyConnected(var("data"), num_hidden=2, name="fc")
    return mx.sym.SoftmaxOutput(fc, name="softmax")


def values(array):
    return array.asnumpy().tolist()


# --- simple_bind ---------------------------------------------------------------------------------


def test_simple_bind_makes_every_array():
    executor = classifier().simple_bind(mx.cpu(), data=(3, 4))
    names = ["data", "fc_weight", "fc_bias", "softmax_label"]
    assert list(executor.arg_dict) == names
    assert list(executor.grad_dict) == names
    assert [a.shape for a in executor.arg_arrays] == [(3, 4), (2, 4), (2,), (3,)]
    assert [g.shape for g in executor.grad_arrays] == [(3, 4), (2, 4), (2,), (3,)]
    assert executor.aux_dict == {}
    assert list(executor.output_dict) == ["softmax_output"]
    assert executor.outputs[0].shape == (3, 2)
    assert values(executor.arg_dict["fc_weight"]) == np.zeros((2, 4)).tolist()


@pytest.mark.parametrize(
    "grad_req, with_gradient",
    [
        ("null", []),
        ("write", ["data", "fc_weight", "fc_bias", "softmax_label"]),
        ({"fc_weight": "add"}, ["fc_weight"]),
        (["null", "write", "add", "null"], ["fc_weight", "fc_bias"]),
    ],
)
def test_only_requested_gradients_exist(grad_req, with_gradient):
    executor = classifier().simple_bind(mx.cpu(), grad_req=grad_req, data=(3, 4))
    assert [name for name, gradient in executor.grad_dict.items() if gradient is not None] == with_gradient


def test_simple_bind_types():
    executor = classifier().simple_bind(mx.cpu(), data=(3, 4), type_dict={"data": "float64"})
    assert {a.dtype for a in executor.arg_arrays} == {np.float64}
    assert executor.outputs[0].dtype == np.float64


def test_simple_bind_auxiliary_states():
    executor = mx.sym.BatchNorm(var("x"), name="bn").simple_bind(mx.cpu(), x=(4, 2))
    assert list(executor.aux_dict) == ["bn_moving_mean", "bn_moving_var"]
    assert [a.shape for a in executor.aux_arrays] == [(2,), (2,)]


def test_simple_bind_needs_shapes():
    with pytest.raises((RuntimeError, MXNetError), match="data"):
        classifier().simple_bind(mx.cpu())
    with pytest.raises((RuntimeError, MXNetError), match=r"(?s)softmax_label|fc_weight"):
        classifier().simple_bind(mx.cpu(), fc_bias=(2,))
    with pytest.raises((RuntimeError, MXNetError), match="Error in operator fc"):
        classifier().simple_bind(mx.cpu(), data=(3, 4), fc_weight=(5, 5))
    with pytest.raises((ValueError, RuntimeError, MXNetError), match="maybe"):
        classifier().simple_bind(mx.cpu(), grad_req="maybe", data=(3, 4))


# --- bind ----------------------------------------------------------------------------------------


def test_bind_uses_the_given_arrays():
    a, b = nd.array([1, 2]), nd.array([3, 4])
    by_list = product().bind(mx.cpu(), [a, b])
    by_dict = product().bind(mx.cpu(), {"b": b, "a": a})
    assert values(by_list.forward()[0]) == [3, 8]
    assert values(by_dict.forward()[0]) == [3, 8]
    a[:] = 10
    assert values(by_list.forward()[0]) == [30, 40]
    by_dict.arg_dict["b"][:] = 1
    assert values(b) == [1, 1]


def test_bind_writes_into_the_given_gradients():
    a, b = nd.array([1, 2]), nd.array([3, 4])
    gradient = nd.zeros((2,))
    executor = product().bind(mx.cpu(), {"a": a, "b": b}, args_grad={"a": gradient})
    executor.forward(is_train=True)
    executor.backward(nd.ones((2,)))
    assert values(gradient) == [3, 4]
    assert executor.grad_dict["b"] is None


def test_bind_refuses_what_does_not_fit():
    a, _b = nd.array([1, 2]), nd.array([3, 4])
    with pytest.raises(ValueError):
        product().bind(mx.cpu(), [a])
    with pytest.raises(ValueError, match="b"):
        product().bind(mx.cpu(), {"a": a})
    with pytest.raises(TypeError):
        product().bind(mx.cpu(), 5)
    with pytest.raises(TypeError):
        product().bind(mx.cpu(), {"a": a, "b": 3})
    with pytest.raises(MXNetError, match="Error in operator product"):
        product().bind(mx.cpu(), {"a": a, "b": nd.ones((3,))})
    with pytest.raises(MXNetError, match="Error in operator product"):
        product().bind(mx.cpu(), {"a": a, "b": nd.ones((2,), dtype="float64")})
    with pytest.raises(ValueError, match="aux"):
        bn = mx.sym.BatchNorm(var("a"), name="bn")
        bn.bind(mx.cpu(), {"a": nd.ones((4, 2)), "bn_gamma": nd.ones((2,)), "bn_beta": nd.ones((2,))})


@ours_only
def test_bind_refuses_one_name_for_two_variables():
    with pytest.raises((MXNetError, ValueError), match="x"):
        (var("x") + mx.sym.Variable("x")).bind(mx.cpu(), {"x": nd.ones((2,))})


# --- forward -------------------------------------------------------------------------------------


def test_forward_takes_new_inputs():
    a = nd.array([1, 2])
    executor = product().bind(mx.cpu(), {"a": a, "b": nd.array([3, 4])})
    assert values(executor.forward(a=nd.array([7, 7]))[0]) == [21, 28]
    assert values(a) == [7, 7], "inputs given to forward are copied into the bound arrays"
    assert values(executor.forward(a=np.array([5, 5]))[0]) == [15, 20]
    with pytest.raises(ValueError, match="a"):
        executor.forward(a=nd.ones((3,)))
    with pytest.raises(TypeError, match="zzz"):
        executor.forward(zzz=a)
    with pytest.raises((TypeError, ValueError)):
        executor.forward(a=3)


def test_outputs_are_those_of_the_last_forward():
    executor = product().bind(mx.cpu(), {"a": nd.array([1, 2]), "b": nd.array([3, 4])})
    returned = executor.forward()
    assert values(executor.outputs[0]) == values(returned[0]) == [3, 8]
    assert values(executor.output_dict["product_output"]) == [3, 8]


def test_training_mode_reaches_the_operators():
    mx.random.seed(5)
    executor = mx.sym.Dropout(var("a"), p=0.5).bind(mx.cpu(), {"a": nd.ones((1000,))})
    assert (executor.forward()[0].asnumpy() == 1).all()
    dropped = executor.forward(is_train=True)[0].asnumpy()
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert abs(dropped.mean() - 1) < 0.2
    again = executor.forward(is_train=True)[0].asnumpy()
    assert not np.array_equal(dropped, again)
    assert (executor.forward(is_train=False)[0].asnumpy() == 1).all()


def test_dropout_gradient_uses_the_same_mask():
    gradient = nd.zeros((1000,))
    executor = mx.sym.Dropout(var("a"), p=0.3).bind(
        mx.cpu(), {"a": nd.ones((1000,))}, args_grad={"a": gradient}
    )
    out = executor.forward(is_train=True)[0].asnumpy()
    executor.backward(nd.ones((1000,)))
    np.testing.assert_array_equal(gradient.asnumpy(), out)


def test_dropout_over_axes_and_always():
    x = nd.ones((20, 30))
    mask = (
        mx.sym.Dropout(var("a"), p=0.5, axes=(1,))
        .bind(mx.cpu(), {"a": x})
        .forward(is_train=True)[0]
        .asnumpy()
    )
    assert (mask == mask[:, :1]).all()
    assert 0 < mask[:, 0].mean() < 2
    always = mx.sym.Dropout(var("a"), p=0.5, mode="always").bind(mx.cpu(), {"a": x})
    assert set(np.unique(always.forward(is_train=False)[0].asnumpy())) == {0.0, 2.0}


def test_moving_averages_change_in_training_only():
    executor = mx.sym.BatchNorm(var("x"), name="bn", momentum=0.5).simple_bind(mx.cpu(), x=(4, 2))
    executor.arg_dict["x"][:] = np.arange(8).reshape(4, 2)
    executor.aux_dict["bn_moving_var"][:] = 1
    executor.forward(is_train=False)
    assert values(executor.aux_dict["bn_moving_mean"]) == [0, 0]
    executor.forward(is_train=True)
    executor.backward(nd.ones((4, 2)))
    assert_close(executor.aux_dict["bn_moving_mean"], np.array([1.5, 2.0], "f"))
    assert_close(executor.aux_dict["bn_moving_var"], np.array([0.5 + 2.5, 0.5 + 2.5], "f"))


# --- backward ------------------------------------------------------------------------------------


def test_head_gradients():
    executor = product().simple_bind(mx.cpu(), a=(2,), b=(2,))
    executor.forward(is_train=True, a=nd.array([1, 2]), b=nd.array([3, 4]))
    for head in (nd.array([1, 10]), [nd.array([1, 10])], {"product_output": nd.array([1, 10])}):
        executor.backward(head)
        assert values(executor.grad_dict["a"]) == [3, 40]
        assert values(executor.grad_dict["b"]) == [1, 20]
    with pytest.raises((MXNetError, ValueError)):
        executor.backward()
    with pytest.raises((MXNetError, ValueError)):
        executor.backward(nd.ones((3,)))
    with pytest.raises(TypeError):
        executor.backward(3)


def test_losses_need_no_head_gradient():
    a = var("a")
    net = mx.sym.Group([mx.sym.MakeLoss(a * a), mx.sym.SoftmaxOutput(var("b"), name="q")])
    executor = net.simple_bind(mx.cpu(), a=(2,), b=(2, 3))
    executor.forward(is_train=True, a=nd.array([3, 3]))
    executor.backward()
    assert values(executor.grad_dict["a"]) == [6, 6]
    third = 1 / 3
    assert_close(executor.grad_dict["b"], np.array([[third - 1, third, third]] * 2, "f"))


@pytest.mark.parametrize("req, expected", [("write", 7), ("add", 107), ("null", 100)])
def test_gradient_requests(req, expected):
    a = var("a")
    gradient = nd.array([100.0])
    executor = (a * a + a).bind(mx.cpu(), {"a": nd.array([3.0])}, args_grad={"a": gradient}, grad_req=req)
    executor.forward(is_train=True)
    if req != "null":
        executor.backward(nd.ones((1,)))
    assert values(gradient) == [expected]


def test_repeated_backward_adds_up():
    gradient = nd.zeros((1,))
    a = var("a")
    executor = (a * a).bind(mx.cpu(), {"a": nd.array([3.0])}, args_grad={"a": gradient}, grad_req="add")
    for _ in range(3):
        executor.forward(is_train=True)
        executor.backward(nd.ones((1,)))
    assert values(gradient) == [18]


def test_gradients_of_several_outputs_and_uses_add_up():
    a = var("a")
    executor = mx.sym.Group([a, a * 2, a * a]).bind(
        mx.cpu(), {"a": nd.array([3.0])}, args_grad={"a": nd.zeros((1,))}
    )
    executor.forward(is_train=True)
    executor.backward([nd.array([1.0]), nd.array([10.0]), nd.array([100.0])])
    assert values(executor.grad_dict["a"]) == [1 + 20 + 600]


def test_a_variable_with_many_uses():
    a = var("a")
    net = a
    for _ in range(20):
        net = net + a
    executor = net.bind(mx.cpu(), {"a": nd.array([2.0])}, args_grad={"a": nd.zeros((1,))})
    assert values(executor.forward(is_train=True)[0]) == [42]
    executor.backward(nd.ones((1,)))
    assert values(executor.grad_dict["a"]) == [21]


def test_block_grad_stops_the_gradient():
    a, b = var("a"), var("b")
    executor = mx.sym.Group([a * b, mx.sym.BlockGrad(a + b)]).simple_bind(mx.cpu(), a=(2,), b=(2,))
    executor.forward(is_train=True, a=nd.array([1, 2]), b=nd.array([3, 4]))
    executor.backward([nd.ones((2,)), nd.ones((2,))])
    assert values(executor.grad_dict["a"]) == [3, 4]


def test_an_argument_that_the_output_ignores_has_zero_gradient():
    net = mx.sym.BlockGrad(var("a")) * var("b")
    executor = net.bind(
        mx.cpu(),
        {"a": nd.ones((2,)), "b": nd.ones((2,))},
        args_grad={"a": nd.array([5, 5]), "b": nd.zeros((2,))},
    )
    executor.forward(is_train=True)
    executor.backward(nd.ones((2,)))
    assert values(executor.grad_dict["a"]) == [0, 0]
    assert values(executor.grad_dict["b"]) == [1, 1]


@ours_only
def test_backward_needs_a_training_forward():
    executor = product().simple_bind(mx.cpu(), a=(2,), b=(2,))
    with pytest.raises((MXNetError, RuntimeError, AssertionError), match="forward"):
        executor.backward(nd.ones((2,)))


# --- parameters and reshape ----------------------------------------------------------------------


def test_copy_params_from():
    executor = classifier().simple_bind(mx.cpu(), data=(3, 4))
    executor.copy_params_from({"fc_weight": nd.ones((2, 4)), "fc_bias": nd.ones((2,), dtype="float64")})
    assert values(executor.arg_dict["fc_bias"]) == [1, 1]
    assert executor.arg_dict["fc_bias"].dtype == np.float32
    with pytest.raises(ValueError, match="extra"):
        executor.copy_params_from({"extra": nd.ones((1,))})
    executor.copy_params_from({"extra": nd.ones((1,))}, allow_extra_params=True)
    with pytest.raises(ValueError, match="moving"):
        executor.copy_params_from({}, {"moving": nd.ones((1,))})
    with pytest.raises((MXNetError, ValueError)):
        executor.copy_params_from({"fc_weight": nd.ones((3, 4))})


def test_reshape_shares_parameters():
    executor = classifier().simple_bind(mx.cpu(), data=(5, 4))
    executor.arg_dict["fc_weight"][:] = np.arange(8).reshape(2, 4)
    small = executor.reshape(data=(2, 4), softmax_label=(2,))
    assert small.outputs[0].shape == (2, 2)
    assert small.arg_dict["data"].shape == (2, 4)
    assert small.grad_dict["data"].shape == (2, 4)
    small.arg_dict["fc_weight"][:] = 9
    assert (executor.arg_dict["fc_weight"].asnumpy() == 9).all()
    small.forward(is_train=True, data=nd.ones((2, 4)), softmax_label=nd.array([0, 1]))
    small.backward()
    assert_close(small.outputs[0], np.full((2, 2), 0.5, "f"))
    assert np.array_equal(small.grad_dict["fc_weight"].asnumpy(), executor.grad_dict["fc_weight"].asnumpy())


def test_reshape_to_larger_needs_consent():
    executor = classifier().simple_bind(mx.cpu(), data=(2, 4))
    with pytest.raises((MXNetError, AssertionError, ValueError), match="allow_up_sizing"):
        executor.reshape(data=(5, 4), softmax_label=(5,))
    large = executor.reshape(allow_up_sizing=True, data=(5, 4), softmax_label=(5,))
    assert large.outputs[0].shape == (5, 2)
    large.arg_dict["fc_weight"][:] = 3
    assert (executor.arg_dict["fc_weight"].asnumpy() == 3).all()


def test_reshape_of_an_unmentioned_argument_needs_consent():
    executor = classifier().simple_bind(mx.cpu(), data=(4, 4))
    with pytest.raises((MXNetError, AssertionError, ValueError), match="partial_shaping"):
        executor.reshape(data=(2, 4))
    assert executor.reshape(partial_shaping=True, data=(2, 4)).arg_dict["softmax_label"].shape == (2,)


# --- monitor -------------------------------------------------------------------------------------


def watch(executor, **options):
    """The names a monitor callback sees, in order."""
    seen = []

    def callback(name, array):
        seen.append(name.decode() if isinstance(name, bytes) else name)
        if not IS_MXNET:  # there the callback gets a bare handle
            assert isinstance(array, nd.NDArray)

    executor.set_monitor_callback(callback, **options)
    return seen


def test_monitor_sees_every_operator_output():
    executor = classifier().simple_bind(mx.cpu(), data=(3, 4))
    seen = watch(executor)
    executor.forward()
    assert seen == ["fc_output", "softmax_output"]


def test_monitor_sees_the_inputs_when_asked():
    executor = classifier().simple_bind(mx.cpu(), data=(3, 4))
    seen = watch(executor, monitor_all=True)
    executor.forward()
    for name in ("fc_output", "softmax_output", "fc_weight", "fc_bias", "data", "softmax_label"):
        assert name in seen


def test_results_are_the_same_under_a_monitor():
    rs = np.random.RandomState(3)
    arrays = {
        "data": rs.rand(3, 4),
        "fc_weight": rs.rand(2, 4),
        "fc_bias": rs.rand(2),
        "softmax_label": [0, 1, 1],
    }
    results = []
    for monitored in (False, True):
        executor = classifier().simple_bind(mx.cpu(), data=(3, 4))
        if monitored:
            watch(executor)
        executor.forward(is_train=True, **{n: nd.array(a) for n, a in arrays.items()})
        executor.backward()
        results.append([executor.outputs[0], executor.grad_dict["fc_weight"], executor.grad_dict["data"]])
    for plain, watched in zip(*results):
        assert_close(watched, plain.asnumpy())


def test_debug_str_lists_the_nodes():
    text = classifier().simple_bind(mx.cpu(), data=(3, 4)).debug_str()
    for part in ("fc", "softmax", "FullyConnected", "data"):
        assert part in text


# --- scale ---------------------------------------------------------------------------------------


def test_a_long_chain_binds_runs_and_is_freed():
    net = var("x")
    for _ in range(3000):
        net = mx.sym.tanh(net)
    executor = net.bind(mx.cpu(), {"x": nd.array([0.5])}, args_grad={"x": nd.zeros((1,))})
    assert 0 < executor.forward(is_train=True)[0].asscalar() < 0.05
    executor.backward(nd.ones((1,)))
    assert 0 < executor.grad_dict["x"].asscalar() < 1
    del executor, net


def test_two_executors_share_arrays_but_not_state():
    a, b = nd.array([1, 2]), nd.array([3, 4])
    first, second = (product().bind(mx.cpu(), {"a": a, "b": b}) for _ in range(2))
    first.forward()
    kept = first.outputs[0].asnumpy()
    a[:] = 0
    second.forward()
    assert values(second.outputs[0]) == [0, 0]
    assert kept.tolist() == [3, 8]
