"""Module: life cycle, parameters, computation, optimizer, checkpoints, several contexts."""

from __future__ import annotations

import inspect
import warnings
from collections import namedtuple

import numpy as np
import pytest
from common import IS_MXNET, mx, ours_only

Batch = namedtuple("Batch", ["data"])


def mlp(classes=3):
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc1")
    net = mx.sym.Activation(net, act_type="tanh", name="act")
    net = mx.sym.FullyConnected(net, num_hidden=classes, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def bound(contexts=1, batch=4, init=True, net=None, **kwargs):
    module = mx.mod.Module(net or mlp(), context=[mx.cpu(i) for i in range(contexts)])
    kwargs.setdefault("label_shapes", [("softmax_label", (batch,))])
    module.bind([("data", (batch, 6))], **kwargs)
    if init:
        module.init_params(mx.init.Uniform(0.5))
    return module


def batch_of(size=4, seed=0):
    rng = np.random.RandomState(seed)
    return mx.io.DataBatch(
        [mx.nd.array(rng.randn(size, 6))], [mx.nd.array(rng.randint(0, 3, size).astype("float32"))]
    )


def data_iter(count=10, batch=4, **kwargs):
    rng = np.random.RandomState(1)
    data = rng.randn(count, 6).astype("float32")
    return mx.io.NDArrayIter(data, (data[:, 0] > 0).astype("float32"), batch_size=batch, **kwargs)


def values(params):
    return {name: value.asnumpy() for name, value in params.items()}


def same(a, b):
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


# ---------------------------------------------------------------------------------------------- signatures

OPTIMIZER = "kvstore='local', optimizer='sgd', optimizer_params=(('learning_rate', 0.01),), force_init=False"
INIT = (
    "initializer, arg_params=None, aux_params=None, allow_missing=False, force_init=False, allow_extra=False"
)
BIND = (
    "data_shapes, label_shapes=None, for_training=True, inputs_need_grad=False, force_rebind=False, "
    "shared_module=None, grad_req='write'"
)
SIGNATURES = {
    "forward_backward": "data_batch",
    "score": "eval_data, eval_metric, num_batch=None, batch_end_callback=None, score_end_callback=None, "
    "reset=True, epoch=0, sparse_row_id_fn=None",
    "iter_predict": "eval_data, num_batch=None, reset=True, sparse_row_id_fn=None",
    "predict": "eval_data, num_batch=None, merge_batches=True, reset=True, always_output_list=False, "
    "sparse_row_id_fn=None",
    "fit": "train_data, eval_data=None, eval_metric='acc', epoch_end_callback=None, batch_end_callback=None, "
    "kvstore='local', optimizer='sgd', optimizer_params=(('learning_rate', 0.01),), eval_end_callback=None, "
    "eval_batch_end_callback=None, initializer, arg_params=None, aux_params=None, allow_missing=False, "
    "force_rebind=False, force_init=False, begin_epoch=0, num_epoch=None, validation_metric=None, "
    "monitor=None, sparse_row_id_fn=None",
    "get_params": "",
    "init_params": INIT,
    "set_params": "arg_params, aux_params, allow_missing=False, force_init=True, allow_extra=False",
    "save_params": "fname",
    "load_params": "fname",
    "get_states": "merge_multi_context=True",
    "set_states": "states=None, value=None",
    "install_monitor": "mon",
    "prepare": "data_batch, sparse_row_id_fn=None",
    "forward": "data_batch, is_train=None",
    "backward": "out_grads=None",
    "get_outputs": "merge_multi_context=True",
    "get_input_grads": "merge_multi_context=True",
    "update": "",
    "update_metric": "eval_metric, labels, pre_sliced=False",
    "bind": BIND,
    "init_optimizer": OPTIMIZER,
}
MODULE_ONLY = {
    "__init__": "symbol, data_names=('data',), label_names=('softmax_label',), logger, context=cpu(0), "
    "work_load_list=None, fixed_param_names=None, state_names=None, group2ctxs=None, compression_params=None",
    "save_checkpoint": "prefix, epoch, save_optimizer_states=False, remove_amp_cast=True",
    "reshape": "data_shapes, label_shapes=None",
    "borrow_optimizer": "shared_module",
    "save_optimizer_states": "fname",
    "load_optimizer_states": "fname",
}


def described(function):
    parts = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self":
            continue
        with_default = parameter.default is not parameter.empty and name not in ("initializer", "logger")
        parts.append(f"{name}={parameter.default!r}" if with_default else name)
    return ", ".join(parts)


@pytest.mark.parametrize("klass", ["BaseModule", "Module"])
def test_signatures(klass):
    expected = dict(SIGNATURES, **(MODULE_ONLY if klass == "Module" else {"__init__": "logger"}))
    for method, signature in expected.items():
        assert described(getattr(getattr(mx.mod, klass), method)) == signature, method
    assert isinstance(inspect.getattr_static(mx.mod.Module, "load"), staticmethod)


# ---------------------------------------------------------------------------------------------- description


def test_names_before_binding():
    module = mx.mod.Module(mlp())
    assert module.data_names == ["data"]
    assert module.label_names == ["softmax_label"]
    assert module.output_names == ["softmax_output"]
    assert module.symbol.list_outputs() == ["softmax_output"]
    assert not (module.binded or module.params_initialized or module.optimizer_initialized)


def test_shapes_after_binding():
    module = bound()
    assert [(d.name, d.shape) for d in module.data_shapes] == [("data", (4, 6))]
    assert [(d.name, d.shape) for d in module.label_shapes] == [("softmax_label", (4,))]
    assert module.output_shapes == [("softmax_output", (4, 3))]
    assert module.binded
    assert module.for_training
    assert not module.inputs_need_grad


def test_shapes_over_contexts():
    module = bound(contexts=2, batch=6)
    assert module.output_shapes == [("softmax_output", (6, 3))]
    assert module._exec_group.slices == [slice(0, 3), slice(3, 6)]
    assert module._exec_group.batch_size == 6


@pytest.mark.parametrize(
    "batch,loads,expected",
    [(3, [1, 1], [(0, 2), (2, 3)]), (7, [1, 2, 1], [(0, 2), (2, 6), (6, 7)]), (4, [3, 1], [(0, 3), (3, 4)])],
)
def test_slices_by_work_load(batch, loads, expected):
    module = mx.mod.Module(mlp(), context=[mx.cpu(i) for i in range(len(loads))], work_load_list=loads)
    module.bind([("data", (batch, 6))], [("softmax_label", (batch,))])
    assert [(s.start, s.stop) for s in module._exec_group.slices] == expected


def test_more_contexts_than_samples():
    with pytest.raises(ValueError, match=r"(?i)too many slices"):
        bound(contexts=2, batch=1)


# ------------------------------------------------------------------------------------------ names that differ


@pytest.mark.parametrize("argument", ["data_names", "state_names", "fixed_param_names"])
def test_unknown_names(argument):
    with pytest.raises(ValueError, match=r"\['nosuch'\].*\n.*data") as info:
        mx.mod.Module(mlp(), **{argument: ["nosuch"]})
    assert "softmax_label" in str(info.value)
    assert "fc1_weight" not in str(info.value)


def test_unknown_label_name_warns():
    with pytest.warns(UserWarning, match="nosuch"):
        mx.mod.Module(mlp(), label_names=["nosuch"])


def test_data_descriptions_that_do_not_match():
    module = mx.mod.Module(mlp())
    with pytest.raises(ValueError, match="data_shapes don't match names specified by data_names"):
        module.bind([("x", (4, 6))])
    assert not module.binded


@ours_only
def test_label_descriptions_that_do_not_match():
    module = mx.mod.Module(mlp())
    with pytest.raises(ValueError, match="'y' is not an argument of the symbol"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.bind([("data", (4, 6))], [("y", (4,))])
    assert not module.binded
    with pytest.raises(
        ValueError, match=r"same batch size: got 3 for 'softmax_label' of shape \(3,\), expected 4"
    ):
        module.bind([("data", (4, 6))], [("softmax_label", (3,))])
    with pytest.raises(TypeError, match="expected a DataDesc or a tuple"):
        module.bind(["data"])
    assert not module.binded


# ------------------------------------------------------------------------------------------ states and errors


@ours_only
@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.forward(batch_of()),
        lambda m: m.forward_backward(batch_of()),
        lambda m: m.backward(),
        lambda m: m.update(),
        lambda m: m.get_outputs(),
        lambda m: m.get_input_grads(),
        lambda m: m.get_params(),
        lambda m: m.init_params(),
        lambda m: m.set_params({}, {}),
        lambda m: m.set_params({}, {}, allow_missing=True),
        lambda m: m.init_optimizer(),
        lambda m: m.reshape([("data", (1, 6))]),
        lambda m: m.get_states(),
        lambda m: m.set_states(value=0),
        lambda m: m.update_metric(mx.metric.Accuracy(), []),
        lambda m: m.install_monitor(None),
        lambda m: m.save_checkpoint("unused", 0),
        lambda m: m.save_params("unused"),
        lambda m: m.predict(np.zeros((1, 6))),
        lambda m: m.score(data_iter(), "acc"),
        lambda m: next(m.iter_predict(data_iter())),
        lambda m: m.data_shapes,
        lambda m: m.label_shapes,
        lambda m: m.output_shapes,
    ],
)
def test_nothing_works_before_bind(call):
    module = mx.mod.Module(mlp())
    with pytest.raises(RuntimeError, match=r"\[Module\.\w+\] the module is not bound: call bind\(\) first"):
        call(module)
    assert not module.binded


@ours_only
def test_later_steps_out_of_order():
    module = bound(init=False)
    for call in (
        lambda: module.forward(batch_of()),
        module.get_params,
        module.init_optimizer,
        module.backward,
    ):
        with pytest.raises(RuntimeError, match=r"parameters are not initialized: call init_params\(\) first"):
            call()
    module.init_params()
    for call in (module.update, lambda: module.save_optimizer_states("unused")):
        with pytest.raises(
            RuntimeError, match=r"optimizer is not initialized: call init_optimizer\(\) first"
        ):
            call()
    with pytest.raises(RuntimeError, match="bind with inputs_need_grad=True"):
        module.get_input_grads()
    with pytest.raises(RuntimeError, match="optimizer of shared_module is not initialized"):
        module.borrow_optimizer(mx.mod.Module(mlp()))
    predictor = bound(for_training=False)
    predictor.forward(batch_of())
    with pytest.raises(RuntimeError, match="re-bind with for_training=True"):
        predictor.backward()


@ours_only
def test_base_module_methods_say_what_is_missing():
    base = mx.mod.BaseModule()
    for method, args in (("forward", [None]), ("update", []), ("bind", [[]]), ("get_params", [])):
        with pytest.raises(NotImplementedError, match=rf"\[BaseModule.{method}\] a subclass"):
            getattr(base, method)(*args)


@ours_only
def test_failed_bind_changes_nothing():
    module = bound()
    before = module.get_outputs()[0].shape, values(module.get_params()[0])
    with pytest.raises((mx.MXNetError, ValueError)):
        module.bind([("data", (4, 9))], [("softmax_label", (4, 2, 2))], force_rebind=True)
    with pytest.raises(ValueError, match="inputs_need_grad=True needs for_training=True"):
        module.bind([("data", (4, 6))], for_training=False, inputs_need_grad=True, force_rebind=True)
    with pytest.raises(mx.MXNetError, match="fc1_weight"):
        module.reshape([("data", (4, 9))])
    with pytest.raises(mx.MXNetError, match=r"'fc1_weight' has shape \(5, 6\).*would need \(5, 9\)"):
        module.forward(Batch([mx.nd.ones((4, 9))]))
    assert module.data_shapes[0].shape == (4, 6)
    assert module.label_shapes[0].shape == (4,)
    same(before[1], values(module.get_params()[0]))
    module.forward(batch_of())
    assert module.get_outputs()[0].shape == before[0]


@ours_only
def test_failed_init_optimizer_changes_nothing():
    module = bound()
    for kwargs, error in (
        ({"optimizer": "nosuch"}, ValueError),
        ({"optimizer": 3}, TypeError),
        ({"optimizer_params": {"nosuch": 1}}, TypeError),
        ({"kvstore": 3}, TypeError),
        ({"kvstore": "nosuch"}, ValueError),
    ):
        with pytest.raises(error):
            module.init_optimizer(**kwargs)
        assert not module.optimizer_initialized
    module.init_optimizer()
    optimizer = module._optimizer
    with pytest.raises(ValueError, match="nosuch"):
        module.init_optimizer(optimizer="nosuch", force_init=True)
    assert module._optimizer is optimizer


def test_bind_again_is_ignored(caplog):
    module = bound()
    module.bind([("data", (2, 6))], [("softmax_label", (2,))])
    assert "Already bound, ignoring bind()" in caplog.text
    assert module.data_shapes[0].shape == (4, 6)


def test_force_rebind_keeps_parameters():
    module = bound()
    before = values(module.get_params()[0])
    module.bind([("data", (2, 6))], [("softmax_label", (2,))], force_rebind=True)
    assert module.data_shapes[0].shape == (2, 6)
    assert module.params_initialized
    same(before, values(module.get_params()[0]))


@ours_only
def test_force_rebind_keeps_updates():
    module = bound()
    module.init_optimizer(optimizer_params={"learning_rate": 1.0})
    module.forward_backward(batch_of())
    module.update()
    trained = module._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy()
    module.bind([("data", (2, 6))], [("softmax_label", (2,))], force_rebind=True)
    np.testing.assert_array_equal(module.get_params()[0]["fc1_weight"].asnumpy(), trained)
    module.forward_backward(batch_of(2))
    module.update()
    assert not np.array_equal(module.get_params()[0]["fc1_weight"].asnumpy(), trained)


# ------------------------------------------------------------------------------------------------- parameters


def test_init_params_from_values_and_initializer():
    module = bound(init=False)
    given = {"fc1_weight": mx.nd.ones((5, 6)) * 3}
    module.init_params(mx.init.Constant(0.5), arg_params=given, aux_params={}, allow_missing=True)
    args, aux = module.get_params()
    assert sorted(args) == ["fc1_bias", "fc1_weight", "fc2_bias", "fc2_weight"]
    assert aux == {}
    np.testing.assert_allclose(args["fc1_weight"].asnumpy(), 3)
    np.testing.assert_allclose(args["fc2_weight"].asnumpy(), 0.5)


def test_missing_parameter_is_named():
    module = bound(init=False)
    with pytest.raises(RuntimeError, match="fc1_bias is not presented"):
        module.init_params(arg_params={"fc1_weight": mx.nd.ones((5, 6))}, aux_params={})
    assert not module.params_initialized
    with pytest.raises(RuntimeError, match="fc1_bias is not presented"):
        module.set_params({"fc1_weight": mx.nd.ones((5, 6))}, {})


def test_set_params_keeps_missing_ones():
    module = bound()
    before = values(module.get_params()[0])
    module.set_params({"fc1_bias": mx.nd.ones((5,)) * 9}, {}, allow_missing=True)
    after = values(module.get_params()[0])
    np.testing.assert_allclose(after.pop("fc1_bias"), 9)
    before.pop("fc1_bias")
    same(before, after)


def test_extra_parameters():
    module = bound()
    args = dict(module.get_params()[0], extra=mx.nd.ones((1,)))
    module.set_params(args, {}, allow_extra=True)
    with pytest.raises(ValueError, match='"extra" that is not in the arguments'):
        module.set_params(args, {}, allow_missing=True)
    module.set_params(args, {}, allow_missing=True, allow_extra=True)


@ours_only
def test_ignored_parameters_are_named_in_a_warning():
    module = bound()
    args = dict(module.get_params()[0], extra=mx.nd.ones((1,)))
    with pytest.warns(UserWarning, match="no parameter 'extra': ignored"):
        module.set_params(args, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.set_params(args, {}, allow_extra=True)


@ours_only
def test_wrong_shape_is_named_and_nothing_is_set():
    module = bound()
    before = values(module.get_params()[0])
    args = {name: mx.nd.zeros(value.shape) for name, value in before.items()}
    args["fc2_bias"] = mx.nd.zeros((7,))
    for allow_missing in (False, True):
        with pytest.raises(ValueError, match=r"'fc2_bias': got shape \(7,\), expected \(3,\)"):
            module.set_params(args, {}, allow_missing=allow_missing)
        same(before, values(module.get_params()[0]))


@ours_only
def test_failing_initializer_changes_nothing():
    class Fails(mx.init.Initializer):
        def _init_weight(self, name, arr):
            if name == "fc2_weight":
                raise ZeroDivisionError
            arr[:] = 7

    module = bound()
    before = values(module.get_params()[0])
    with pytest.raises(ZeroDivisionError):
        module.init_params(Fails(), force_init=True)
    same(before, values(module.get_params()[0]))
    with pytest.raises(TypeError, match="neither a value nor an initializer"):
        module.init_params(None, force_init=True)


def test_initialized_parameters_stay_without_force():
    module = bound()
    before = values(module.get_params()[0])
    with pytest.warns(UserWarning, match="already initialized"):
        module.init_params(mx.init.Constant(1))
    with pytest.warns(UserWarning, match="already initialized"):
        module.set_params({}, {}, force_init=False)
    with pytest.warns(UserWarning, match="already initialized"):
        module.set_params({}, {}, allow_missing=True, force_init=False)
    same(before, values(module.get_params()[0]))
    module.init_params(mx.init.Constant(1), force_init=True)
    np.testing.assert_allclose(module.get_params()[0]["fc1_weight"].asnumpy(), 1)


def test_initializer_sees_names_and_attributes():
    seen = []

    class Watch(mx.init.Initializer):
        def __call__(self, desc, arr):
            seen.append((str(desc), desc.attrs.get("__lr_mult__"), arr.shape))
            arr[:] = 0

    weight = mx.sym.Variable("w", lr_mult=2.0)
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), weight=weight, num_hidden=2, name="fc")
    module = mx.mod.Module(net, label_names=None)
    module.bind([("data", (4, 6))])
    module.init_params(Watch())
    assert seen == [("fc_bias", None, (2,)), ("w", "2.0", (2, 6))]


def test_params_given_to_init_are_copied():
    module = bound(init=False)
    args = {
        n: mx.nd.ones(s)
        for n, s in (("fc1_weight", (5, 6)), ("fc1_bias", (5,)), ("fc2_weight", (3, 5)), ("fc2_bias", (3,)))
    }
    module.init_params(arg_params=args, aux_params={})
    args["fc1_weight"][:] = 5
    np.testing.assert_allclose(module.get_params()[0]["fc1_weight"].asnumpy(), 1)


@ours_only
def test_numpy_parameters_are_accepted():
    module = bound()
    args = values(module.get_params()[0])
    args["fc1_bias"] = np.full(5, 3.0)
    module.set_params(args, {})
    np.testing.assert_allclose(module.get_params()[0]["fc1_bias"].asnumpy(), 3)


def test_fixed_parameters_do_not_change():
    module = mx.mod.Module(mlp(), fixed_param_names=["fc1_weight", "fc1_bias"])
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    module.init_params(mx.init.Uniform(0.5))
    module.init_optimizer(optimizer_params={"learning_rate": 1.0, "momentum": 0.9, "wd": 0.1})
    before = values(module.get_params()[0])
    for seed in range(2):
        module.forward_backward(batch_of(seed=seed))
        module.update()
    after = values(module.get_params()[0])
    np.testing.assert_array_equal(before["fc1_weight"], after["fc1_weight"])
    np.testing.assert_array_equal(before["fc1_bias"], after["fc1_bias"])
    assert not np.array_equal(before["fc2_weight"], after["fc2_weight"])
    assert [g[0] is None for g in module._exec_group.grad_arrays] == [True, True, False, False]


def test_save_and_load_params(tmp_path):
    module, other = bound(), bound()
    module.save_params(str(tmp_path / "p.params"))
    assert set(mx.nd.load(str(tmp_path / "p.params"))) == {
        "arg:fc1_weight",
        "arg:fc1_bias",
        "arg:fc2_weight",
        "arg:fc2_bias",
    }
    other.load_params(str(tmp_path / "p.params"))
    same(values(module.get_params()[0]), values(other.get_params()[0]))


# ------------------------------------------------------------------------------------------------ computation


def test_page_example_of_changing_shapes():
    module = mx.mod.Module(symbol=mx.sym.Variable("data") * 2, label_names=None)
    module.bind(data_shapes=[("data", (1, 10))])
    module.init_params()
    module.forward(Batch([mx.nd.ones((1, 10))]))
    np.testing.assert_allclose(module.get_outputs()[0].asnumpy(), np.full((1, 10), 2))
    module.forward(Batch([mx.nd.ones((3, 5))]))
    np.testing.assert_allclose(module.get_outputs()[0].asnumpy(), np.full((3, 5), 2))
    assert module.data_shapes[0].shape == (3, 5)


@ours_only
def test_going_back_to_a_shape_reuses_its_executor():
    module = bound()
    first = module._exec_group.execs[0]
    module.forward(batch_of(2))
    assert module._exec_group.execs[0] is not first
    module.forward(batch_of(4))
    assert module._exec_group.execs[0] is first
    for size in (5, 6, 7, 8):
        module.forward(batch_of(size))
    assert len(module._exec_group._kept) == 4


def test_parameters_stay_when_shapes_change():
    module = bound()
    module.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    reference = bound()
    reference.set_params(*module.get_params())
    reference.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9, "rescale_grad": 0.25})
    for size in (4, 2, 4, 7):
        batch = batch_of(size, seed=size)
        module.forward_backward(batch)
        module.update()
        reference.reshape([("data", (size, 6))], [("softmax_label", (size,))])
        reference.forward_backward(batch)
        reference.update()
        assert module.label_shapes[0].shape == (size,)
    same(values(module.get_params()[0]), values(reference.get_params()[0]))


@ours_only
def test_labels_may_be_absent_at_prediction():
    module = bound()
    batch = batch_of(4)
    module.forward(batch, is_train=False)
    expected = module.get_outputs()[0].asnumpy()
    module.forward(Batch(batch.data), is_train=False)
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), expected)
    module.forward(Batch([mx.nd.ones((7, 6))]), is_train=False)
    assert module.get_outputs()[0].shape == (7, 3)
    assert module.label_shapes[0].shape == (7,)
    # and training goes on with labels
    module.forward_backward(batch_of(7))
    label = module._exec_group.execs[0].arg_dict["softmax_label"].asnumpy()
    np.testing.assert_array_equal(label, batch_of(7).label[0].asnumpy())


@ours_only
def test_binding_without_labels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = bound(for_training=False, label_shapes=None)
    assert module.label_shapes is None
    module.forward(batch_of())
    assert module.get_outputs()[0].shape == (4, 3)
    assert module.predict(data_iter()).shape == (10, 3)


@ours_only
def test_wrong_batches():
    module = bound()
    with pytest.raises(ValueError, match=r"the batch has 2 data arrays, expected 1: \['data'\]"):
        module.forward(Batch([mx.nd.ones((4, 6))] * 2))
    with pytest.raises(ValueError, match="the batch has 0 data arrays"):
        module.forward(Batch([]))
    batch = batch_of()
    lying = mx.io.DataBatch(
        batch.data, batch.label, provide_data=[("data", (9, 6))], provide_label=[("softmax_label", (9,))]
    )
    module.forward(lying)  # the arrays are what is bound: nothing to do
    other = mx.io.DataBatch(
        [mx.nd.ones((5, 6))],
        [mx.nd.ones((5,))],
        provide_data=[("data", (9, 6))],
        provide_label=[("softmax_label", (9,))],
    )
    with pytest.raises(ValueError, match="do not have the shapes it describes"):
        module.forward(other)


def test_dtypes_are_converted():
    module = bound()
    batch = batch_of()
    module.forward(batch, is_train=False)
    expected = module.get_outputs()[0].asnumpy()
    module.forward(
        mx.io.DataBatch([batch.data[0].astype("float64")], [batch.label[0].astype("int32")]), is_train=False
    )
    np.testing.assert_allclose(module.get_outputs()[0].asnumpy(), expected, rtol=1e-6)


@ours_only
def test_numpy_batches():
    module = bound()
    batch = batch_of()
    module.forward(batch)
    expected = module.get_outputs()[0].asnumpy()
    module.forward(mx.io.DataBatch([batch.data[0].asnumpy()], [batch.label[0].asnumpy()]))
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), expected)


def test_several_inputs_follow_their_descriptions():
    net = mx.sym.FullyConnected(mx.sym.Variable("a"), num_hidden=2, name="fa", no_bias=True)
    net = mx.sym.Group([net, mx.sym.Variable("b") * 3])
    module = mx.mod.Module(net, data_names=["a", "b"], label_names=None)
    module.bind([("b", (4, 2)), ("a", (4, 6))])
    module.init_params(mx.init.One())
    module.forward(Batch([mx.nd.ones((4, 2)), mx.nd.ones((4, 6))]))
    outputs = module.get_outputs()
    np.testing.assert_allclose(outputs[0].asnumpy(), 6)
    np.testing.assert_allclose(outputs[1].asnumpy(), 3)


@pytest.mark.parametrize("contexts", [1, 2])
def test_input_grads_and_out_grads(contexts):
    net = mx.sym.Variable("data") * 3
    module = mx.mod.Module(net, label_names=None, context=[mx.cpu(i) for i in range(contexts)])
    module.bind([("data", (4, 2))], inputs_need_grad=True)
    module.init_params()
    head = mx.nd.array(np.arange(8).reshape(4, 2))
    for out_grads in ([head],) if IS_MXNET else (head, [head]):  # MXNet wants a list, its page does not
        module.forward(Batch([mx.nd.ones((4, 2))]), is_train=True)
        module.backward(out_grads)
        np.testing.assert_allclose(module.get_input_grads()[0].asnumpy(), 3 * head.asnumpy())
    parts = module.get_input_grads(merge_multi_context=False)
    assert [len(p) for p in parts] == [contexts]
    assert [o.shape for o in module.get_outputs(merge_multi_context=False)[0]] == [
        (4 // contexts, 2)
    ] * contexts


GRAD_REQ = [
    ("write", {"data": "write", "fc1_weight": "write", "fc1_bias": "null", "softmax_label": "null"}),
    ("add", {"data": "add", "fc1_weight": "add", "fc1_bias": "null", "softmax_label": "null"}),
    ("null", {"data": "null", "fc1_weight": "null", "fc1_bias": "null", "softmax_label": "null"}),
    (
        {"fc1_weight": "add"},
        {"data": "write", "fc1_weight": "add", "fc1_bias": "null", "softmax_label": "null"},
    ),
    (
        {"fc1_bias": "add", "data": "null"},
        {"data": "null", "fc1_weight": "write", "fc1_bias": "add", "softmax_label": "null"},
    ),
    (
        ["null", "add", "write", "null"],
        {"data": "null", "fc1_weight": "add", "fc1_bias": "write", "softmax_label": "null"},
    ),
]


@pytest.mark.parametrize("grad_req,expected", GRAD_REQ)
def test_grad_req(grad_req, expected):
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc1")
    module = mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax"), fixed_param_names=["fc1_bias"])
    module.bind([("data", (4, 6))], [("softmax_label", (4,))], inputs_need_grad=True, grad_req=grad_req)
    assert module._exec_group.grad_req == expected


def test_grad_req_add_accumulates():
    module = bound(grad_req="add")
    grads = []
    for _ in range(2):
        module.forward_backward(batch_of())
        grads.append(module._exec_group.grad_arrays[0][0].asnumpy())
    np.testing.assert_allclose(grads[1], 2 * grads[0], rtol=1e-6)


@ours_only
def test_grad_req_errors():
    for grad_req, match in (
        ("nosuch", "got 'nosuch', expected 'write', 'add' or 'null'"),
        (["write"], "got a list of 1, expected one for each of the 6 arguments"),
        (3, "expected one of str, list, tuple, or dict"),
    ):
        with pytest.raises(ValueError, match=match):
            bound(grad_req=grad_req)
    with pytest.warns(UserWarning, match=r"no argument \['nosuch'\]"):
        bound(grad_req={"nosuch": "add"})


def test_states():
    net = mx.sym.Group([mx.sym.Variable("data") * 2, mx.sym.Variable("h") * 3])
    module = mx.mod.Module(net, label_names=None, state_names=["h"], context=[mx.cpu(0), mx.cpu(1)])
    shapes = [mx.io.DataDesc("data", (4, 2)), mx.io.DataDesc("h", (2, 5))]
    assert module._param_names == []
    # The shape of a state comes from its variable.
    net = mx.sym.Group(
        [mx.sym.Variable("data") * 2, mx.sym.Variable("h", shape=shapes[1].shape, dtype="float32") * 3]
    )
    module = mx.mod.Module(net, label_names=None, state_names=["h"], context=[mx.cpu(0), mx.cpu(1)])
    module.bind(shapes[:1], for_training=False)
    module.init_params()
    states = module.get_states(merge_multi_context=False)
    assert [[s.shape for s in by_ctx] for by_ctx in states] == [[(2, 5), (2, 5)]]
    np.testing.assert_allclose(states[0][0].asnumpy(), 0)
    module.set_states(value=4)
    module.forward(Batch([mx.nd.ones((4, 2))]))
    outputs = module.get_outputs(merge_multi_context=False)
    np.testing.assert_allclose(outputs[1][0].asnumpy(), 12)
    module.set_states(states=[[mx.nd.ones((2, 5)), mx.nd.ones((2, 5)) * 2]])
    module.forward(Batch([mx.nd.ones((4, 2))]))
    np.testing.assert_allclose(module.get_outputs(merge_multi_context=False)[1][1].asnumpy(), 6)


@ours_only
def test_states_merged_and_errors():
    net = mx.sym.Group([mx.sym.Variable("data") * 2, mx.sym.Variable("h", shape=(2, 5)) * 3])
    module = mx.mod.Module(net, label_names=None, state_names=["h"], context=[mx.cpu(0), mx.cpu(1)])
    module.bind([("data", (4, 2))], for_training=False)
    module.init_params()
    whole = np.arange(20).reshape(4, 5)
    module.set_states([mx.nd.array(whole)])
    np.testing.assert_array_equal(module.get_states()[0].asnumpy(), whole)
    with pytest.raises(ValueError, match="at least one of states and value"):
        module.set_states()
    with pytest.raises(ValueError, match="only one of states and value"):
        module.set_states(states=[], value=1)
    with pytest.raises(ValueError, match=r"got 2 states, expected 1: \['h'\]"):
        module.set_states([mx.nd.ones((4, 5))] * 2)
    with pytest.raises(ValueError, match="got arrays for 1 contexts, expected 2"):
        module.set_states([[mx.nd.ones((2, 5))]])


@pytest.mark.parametrize("contexts", [1, 2, 3])
def test_contexts_compute_the_same(contexts):
    one, several = bound(batch=6), bound(contexts=contexts, batch=6)
    several.set_params(*one.get_params())
    params = {"learning_rate": 0.5, "momentum": 0.9, "wd": 0.01}
    for module, kvstore in ((one, None), (several, "device")):
        module.init_optimizer(optimizer_params=params, kvstore=kvstore)
        metric = mx.metric.Accuracy()
        for seed in range(4):
            module.forward_backward(batch_of(6, seed))
            module.update()
            module.update_metric(metric, batch_of(6, seed).label)
        module.accuracy = metric.get()[1]
    assert one.accuracy == several.accuracy
    expected, actual = values(one.get_params()[0]), values(several.get_params()[0])
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_update_on_kvstore_both_ways(optimizer, monkeypatch):
    results = []
    for on_store in ("1", "0"):
        monkeypatch.setenv("MXNET_UPDATE_ON_KVSTORE", on_store)
        module = bound(contexts=2)
        module.set_params({n: mx.nd.ones(v.shape) * 0.1 for n, v in module.get_params()[0].items()}, {})
        module.init_optimizer(optimizer=optimizer, optimizer_params={"learning_rate": 0.1, "wd": 0.1})
        assert module._update_on_kvstore is (on_store == "1")
        for seed in range(3):
            module.forward_backward(batch_of(seed=seed))
            module.update()
        results.append(values(module.get_params()[0]))
    for name, value in results[0].items():
        np.testing.assert_allclose(results[1][name], value, rtol=1e-6, atol=1e-7)


@ours_only
def test_presliced_batches():
    module = bound(contexts=2)
    whole = batch_of(4)
    parts = [mx.io.DataBatch([whole.data[0][s]], [whole.label[0][s]]) for s in (slice(0, 2), slice(2, 4))]
    module.forward(whole)
    expected = module.get_outputs()[0].asnumpy()
    module.forward(parts)
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), expected)
    one, both = mx.metric.Accuracy(), mx.metric.Accuracy()
    module.update_metric(one, whole.label)
    module.update_metric(both, [p.label for p in parts], pre_sliced=True)
    assert one.get() == both.get()
    bigger = [batch_of(3, 1), batch_of(3, 2)]
    module.forward(bigger)
    assert module.get_outputs()[0].shape == (6, 3)
    with pytest.raises(ValueError, match="got 1 batches, expected one for each of 2 contexts"):
        module.forward(parts[:1])
    with pytest.raises(ValueError, match="takes its share"):
        module.forward([batch_of(1), batch_of(5)])


def test_layout_without_batch_first():
    net = mx.sym.Variable("data", attr={"__layout__": "TNC"}) * 2
    module = mx.mod.Module(net, label_names=None, context=[mx.cpu(0), mx.cpu(1)])
    module.bind([mx.io.DataDesc("data", (5, 4, 2), layout="TNC")], inputs_need_grad=True)
    module.init_params()
    data = np.arange(40).reshape(5, 4, 2)
    module.forward(Batch([mx.nd.array(data)]))
    parts = module.get_outputs(merge_multi_context=False)[0]
    assert [p.shape for p in parts] == [(5, 2, 2), (5, 2, 2)]
    np.testing.assert_array_equal(parts[1].asnumpy(), 2 * data[:, 2:])


@ours_only
def test_update_without_python_loops_over_parameters():
    # One engine call for all parameters: the plan has one group.
    module = bound()
    module.init_optimizer(optimizer="adam")
    module.forward_backward(batch_of())
    module.update()
    (plan,) = module._plans
    (group,) = plan._groups
    assert group.kind == "adam"
    assert len(group.weights) == 4


# -------------------------------------------------------------------------------------------------- optimizer


def test_optimizer_defaults():
    module = bound()
    module.init_optimizer()
    assert module._optimizer.rescale_grad == 1 / 4
    assert module._optimizer.lr == 0.01
    assert module._optimizer.idx2name == dict(enumerate(["fc1_weight", "fc1_bias", "fc2_weight", "fc2_bias"]))
    assert module._kvstore is None
    several = bound(contexts=2)
    several.init_optimizer()
    assert several._kvstore.type == "local"
    assert several._optimizer.idx2name == module._optimizer.idx2name
    several.init_optimizer(kvstore=None, force_init=True)
    assert several._optimizer.idx2name[1] == "fc1_weight"
    assert several._optimizer.idx2name[2] == "fc1_bias"


def test_optimizer_objects(caplog):
    module = bound()
    optimizer = mx.optimizer.SGD(learning_rate=0.5)
    with pytest.warns(UserWarning, match="rescale_grad"):
        module.init_optimizer(optimizer=optimizer)
    assert module._optimizer is optimizer
    assert optimizer.idx2name[0] == "fc1_weight"
    module.init_optimizer()
    assert "optimizer already initialized, ignoring..." in caplog.text
    assert module._optimizer is optimizer


def test_kvstore_object_updates_in_the_store():
    store = mx.kv.create("local")
    module = bound()
    module.init_optimizer(kvstore=store, optimizer_params={"learning_rate": 1.0})
    assert module._kvstore is store
    before = values(module.get_params()[0])
    module.forward_backward(batch_of())
    module.update()
    out = mx.nd.zeros((5, 6))
    store.pull("fc1_weight", out=out)
    np.testing.assert_array_equal(out.asnumpy(), module.get_params()[0]["fc1_weight"].asnumpy())
    assert not np.array_equal(before["fc1_weight"], out.asnumpy())


def test_compression_through_module():
    module = mx.mod.Module(
        mlp(), context=[mx.cpu(0), mx.cpu(1)], compression_params={"type": "2bit", "threshold": 0.25}
    )
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    module.init_params(mx.init.Constant(0))
    module.init_optimizer(kvstore="device", optimizer_params={"learning_rate": 1.0, "rescale_grad": 1.0})
    module.forward_backward(batch_of())
    module.update()
    bias = module.get_params()[0]["fc2_bias"].asnumpy() / 0.25
    np.testing.assert_array_equal(bias, np.round(bias))
    assert np.abs(bias).max() > 0


# ----------------------------------------------------------------------------------------- sharing parameters


def test_shared_module_uses_the_same_parameters():
    first = bound()
    first.init_optimizer(optimizer_params={"learning_rate": 0.5})
    second = mx.mod.Module(mlp())
    second.bind([("data", (2, 6))], [("softmax_label", (2,))], shared_module=first)
    assert second.params_initialized
    assert second.optimizer_initialized
    second.forward_backward(batch_of(2))
    second.update()
    trained = second._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy()
    np.testing.assert_array_equal(first._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy(), trained)
    assert second._optimizer is first._optimizer
    first.forward(batch_of(4))
    assert first.get_outputs()[0].shape == (4, 3)


@ours_only
def test_shared_module_with_parameters_in_another_order():
    # Keys of the borrowed updater follow parameter names, whatever their order in the other symbol.
    def net(order):
        data = mx.sym.Variable("data")
        parts = [mx.sym.FullyConnected(data, num_hidden=n, name=f"fc{n}") for n in order]
        return mx.sym.Group(parts)

    first = mx.mod.Module(net([2, 3]), label_names=None)
    first.bind([("data", (4, 6))])
    first.init_params(mx.init.One())
    first.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    second = mx.mod.Module(net([3, 2]), label_names=None)
    second.bind([("data", (4, 6))], shared_module=first)
    for module, heads in ((first, [2, 3]), (second, [3, 2])):
        module.forward(Batch([mx.nd.ones((4, 6))]), is_train=True)
        module.backward([mx.nd.ones((4, n)) for n in heads])
        module.update()
    assert {k: s.shape for k, s in first._updater.states.items()} == {0: (2, 6), 1: (2,), 2: (3, 6), 3: (3,)}


@ours_only
def test_shared_module_errors():
    module = mx.mod.Module(mlp())
    with pytest.raises(TypeError, match="shared_module: got int, expected a Module"):
        module.bind([("data", (4, 6))], shared_module=3)
    with pytest.raises(RuntimeError, match="shared_module is not ready"):
        module.bind([("data", (4, 6))], shared_module=mx.mod.Module(mlp()))
    with pytest.raises(ValueError, match="shared_module has 1 contexts, expected at least 2"):
        mx.mod.Module(mlp(), context=[mx.cpu(0), mx.cpu(1)]).bind([("data", (4, 6))], shared_module=bound())
    with pytest.raises(mx.MXNetError, match=r"'fc2_weight' has shape \(3, 5\)"):
        mx.mod.Module(mlp(4)).bind([("data", (4, 6))], shared_module=bound())
    other = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="other")
    with pytest.raises(
        ValueError, match=r"shared_module does not have the parameters \['other_weight', 'other_bias'\]"
    ):
        mx.mod.Module(other, label_names=None).bind([("data", (4, 6))], shared_module=bound())
    assert not module.binded


# ------------------------------------------------------------------------------------------------ checkpoints


@pytest.mark.parametrize("contexts", [1, 2])
def test_checkpoint_files_and_load(tmp_path, contexts):
    prefix = str(tmp_path / "model")
    module = bound(contexts)
    module.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.9})
    module.forward_backward(batch_of())
    module.update()
    module.save_checkpoint(prefix, 3, save_optimizer_states=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "model-0003.params",
        "model-0003.states",
        "model-symbol.json",
    ]
    loaded = mx.mod.Module.load(prefix, 3, True, context=[mx.cpu(i) for i in range(contexts)])
    assert loaded.params_initialized
    loaded.bind([("data", (4, 6))], [("softmax_label", (4,))])
    loaded.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.9})
    same(values(module.get_params()[0]), values(loaded.get_params()[0]))
    for m in (module, loaded):
        m.forward_backward(batch_of(seed=2))
        m.update()
    same(values(module.get_params()[0]), values(loaded.get_params()[0]))


@ours_only
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("before,after", [(1, 1), (2, 2), (1, 2), (2, 1)])
@pytest.mark.parametrize("kvstore", ["local", None])
def test_resume_gives_the_weights_of_a_straight_run(tmp_path, optimizer, before, after, kvstore):
    def make(contexts, source=None):
        contexts = [mx.cpu(i) for i in range(contexts)]
        if source:
            module = mx.mod.Module.load(source, 1, True, context=contexts)
        else:
            module = mx.mod.Module(mlp(), context=contexts)
        module.bind([("data", (4, 6))], [("softmax_label", (4,))])
        if not source:
            module.init_params(mx.init.Constant(0.1))
        params = {"learning_rate": 0.1, "lr_scheduler": mx.lr_scheduler.FactorScheduler(step=2, factor=0.5)}
        if optimizer == "sgd":
            params["momentum"] = 0.9
        module.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=params)
        return module

    def train(module, seeds):
        for seed in seeds:
            module.forward_backward(batch_of(seed=seed))
            module.update()

    straight = make(before)
    train(straight, range(3))
    straight.save_checkpoint(str(tmp_path / "m"), 1, save_optimizer_states=True)
    train(straight, range(3, 6))
    resumed = make(after, str(tmp_path / "m"))
    train(resumed, range(3, 6))
    expected, actual = values(straight.get_params()[0]), values(resumed.get_params()[0])
    for name, value in expected.items():
        if before == after:
            np.testing.assert_array_equal(actual[name], value)
        else:  # gradients are summed in another order
            np.testing.assert_allclose(actual[name], value, rtol=1e-5, atol=1e-6)


def test_load_for_prediction(tmp_path):
    prefix = str(tmp_path / "model")
    module = bound()
    module.save_checkpoint(prefix, 1)
    loaded = mx.mod.Module.load(prefix, 1, label_names=None)
    loaded.bind([("data", (4, 6))], for_training=False)
    batch = batch_of()
    module.forward(batch, is_train=False)
    loaded.forward(Batch(batch.data))
    np.testing.assert_array_equal(loaded.get_outputs()[0].asnumpy(), module.get_outputs()[0].asnumpy())


@ours_only
def test_load_errors(tmp_path):
    prefix = str(tmp_path / "m")
    args = dict(bound().get_params()[0])
    mx.model.save_checkpoint(prefix, 1, mlp(), dict(args, extra=mx.nd.ones((1,))), {})
    del args["fc1_bias"]
    mx.model.save_checkpoint(prefix, 2, mlp(), args, {})
    module = mx.mod.Module.load(prefix, 1)
    with pytest.raises(ValueError, match='"extra" that is not in the arguments'):
        module.bind([("data", (4, 6))])
    assert not module.binded
    module = mx.mod.Module.load(prefix, 2)
    with pytest.raises(ValueError, match="the loaded parameters lack 'fc1_bias'"):
        module.bind([("data", (4, 6))])
    assert not module.binded


@ours_only
def test_states_file_of_another_model(tmp_path):
    module = bound()
    module.init_optimizer(optimizer_params={"momentum": 0.9})
    (tmp_path / "bad.states").write_bytes(b"rubbish")
    with pytest.raises(mx.MXNetError, match=r"bad\.states"):
        module.load_optimizer_states(str(tmp_path / "bad.states"))
    module.forward_backward(batch_of())
    module.update()


# --------------------------------------------------------------------------------------- fit, score, predict


def test_predict_strips_padding():
    module = bound()
    whole = module.predict(data_iter())
    assert whole.shape == (10, 3)
    assert module.predict(data_iter(), num_batch=2).shape == (8, 3)
    assert module.predict(data_iter(), num_batch=0) == []
    parts = module.predict(data_iter(), merge_batches=False)
    assert [[o.shape for o in batch] for batch in parts] == [[(4, 3)], [(4, 3)], [(2, 3)]]
    np.testing.assert_array_equal(np.concatenate([p[0].asnumpy() for p in parts]), whole.asnumpy())
    (as_list,) = module.predict(data_iter(), always_output_list=True)
    np.testing.assert_array_equal(as_list.asnumpy(), whole.asnumpy())


def test_predict_goes_on_without_reset():
    module, it = bound(), data_iter()
    next(it)
    assert module.predict(it, reset=False).shape == (6, 3)
    assert module.predict(it).shape == (10, 3)


def test_predict_several_outputs():
    net = mx.sym.Variable("data")
    module = mx.mod.Module(mx.sym.Group([net * 2, net * 3]), label_names=None)
    module.bind([("data", (4, 6))])
    module.init_params()
    two, three = module.predict(data_iter())
    np.testing.assert_allclose(two.asnumpy() * 1.5, three.asnumpy(), rtol=1e-6)


@pytest.mark.parametrize("kind", ["numpy", "nd"])
def test_predict_arrays(kind):
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")
    module = mx.mod.Module(net, label_names=None)
    module.bind([("data", (4, 6))], for_training=False)
    module.init_params(mx.init.Uniform(0.5))
    data = np.random.RandomState(0).randn(7, 6).astype("float32")
    result = module.predict(data if kind == "numpy" else mx.nd.array(data))
    assert result.shape == (7, 3)
    it = mx.io.NDArrayIter(data, batch_size=4)
    np.testing.assert_allclose(module.predict(it).asnumpy(), result.asnumpy(), rtol=1e-6)
    with pytest.raises(ValueError, match="eval_data"):
        module.predict("nothing")


@ours_only
def test_predict_arrays_is_inference():
    # MXNet 1.9.1 predicts arrays with dropout on if the module is bound for training.
    module = mx.mod.Module(mx.sym.Dropout(mx.sym.Variable("data"), p=0.5), label_names=None)
    module.bind([("data", (4, 6))])
    module.init_params()
    (result,) = module.predict(np.ones((4, 6), "float32"), always_output_list=True)
    np.testing.assert_array_equal(result.asnumpy(), 1)
    assert len(module.predict(np.ones((4, 6)), merge_batches=False)) == 1


def test_iter_predict():
    module = bound()
    seen = [(i, outputs[0].shape, batch.pad) for outputs, i, batch in module.iter_predict(data_iter())]
    assert seen == [(0, (4, 3), 0), (1, (4, 3), 0), (2, (2, 3), 2)]
    assert len(list(module.iter_predict(data_iter(), num_batch=1))) == 1


def test_score_and_callbacks():
    module = bound()
    batches, ends = [], []
    result = module.score(
        data_iter(count=8),
        "acc",
        batch_end_callback=[lambda p: batches.append((p.epoch, p.nbatch, p.locals["actual_num_batch"]))],
        score_end_callback=lambda p: ends.append((p.epoch, p.nbatch, p.eval_metric.get()[0])),
        epoch=5,
    )
    assert [name for name, _ in result] == ["accuracy"]
    assert batches == [(5, 0, 0), (5, 1, 1)]
    assert ends == [(5, 2, "accuracy")]
    probabilities = module.predict(data_iter(count=8)).asnumpy()
    labels = (data_iter(count=8).data[0][1].asnumpy()[:, 0] > 0).astype(int)
    assert result[0][1] == pytest.approx((probabilities.argmax(1) == labels).mean())
    names = [name for name, _ in module.score(data_iter(count=8), ["acc", "ce"], num_batch=1)]
    assert names == ["accuracy", "cross-entropy"]


def test_fit_calls_back(caplog):
    epochs, batches, evals, eval_batches = [], [], [], []
    module = mx.mod.Module(mlp())
    train, validation = data_iter(count=8), data_iter(count=8)
    with caplog.at_level("INFO"):
        module.fit(
            train,
            eval_data=validation,
            eval_metric="acc",
            num_epoch=4,
            begin_epoch=2,
            initializer=mx.init.Uniform(0.1),
            optimizer_params={"learning_rate": 0.1},
            epoch_end_callback=[
                lambda epoch, symbol, args, aux: epochs.append((epoch, sorted(args)[0], aux))
            ],
            batch_end_callback=lambda p: batches.append(
                (p.epoch, p.nbatch, p.locals["data_batch"] is not None)
            ),
            eval_end_callback=lambda p: evals.append((p.epoch, p.nbatch)),
            eval_batch_end_callback=lambda p: eval_batches.append((p.epoch, p.nbatch)),
        )
    assert epochs == [(2, "fc1_bias", {}), (3, "fc1_bias", {})]
    assert batches == [(2, 0, True), (2, 1, True), (3, 0, True), (3, 1, True)]
    assert evals == [(2, 2), (3, 2)]
    assert eval_batches == [(2, 0), (2, 1), (3, 0), (3, 1)]
    for text in ("Epoch[2] Train-accuracy=", "Epoch[2] Time cost=", "Epoch[3] Validation-accuracy="):
        assert text in caplog.text


@pytest.mark.parametrize("contexts", [1, 2])
def test_fit_learns(contexts):
    mx.random.seed(3)
    module = mx.mod.Module(mlp(2), context=[mx.cpu(i) for i in range(contexts)])
    it = data_iter(count=80, batch=8)
    module.fit(
        it,
        num_epoch=12,
        optimizer_params={"learning_rate": 0.5, "momentum": 0.9},
        initializer=mx.init.Xavier(),
    )
    assert module.score(it, "acc")[0][1] > 0.95


def test_fit_with_given_parameters():
    module = bound()
    args, aux = module.get_params()
    other = mx.mod.Module(mlp())
    other.fit(
        data_iter(), num_epoch=1, arg_params=args, aux_params=aux, optimizer_params={"learning_rate": 0.0}
    )
    same(values(args), values(other.get_params()[0]))


def test_validation_metric():
    results = []
    mx.mod.Module(mlp()).fit(
        data_iter(),
        eval_data=data_iter(),
        eval_metric="acc",
        validation_metric="ce",
        num_epoch=1,
        eval_end_callback=lambda p: results.append(p.eval_metric.get()[0]),
    )
    assert results == ["cross-entropy"]


@ours_only
def test_fit_errors_and_exhausted_iterators():
    with pytest.raises(ValueError, match="num_epoch is missing"):
        mx.mod.Module(mlp()).fit(data_iter())
    module, it = bound(), data_iter()
    module.predict(it)  # leaves the iterator at its end
    module.fit(it, num_epoch=1)

    class Empty(mx.io.DataIter):
        provide_data = [("data", (4, 6))]  # noqa: RUF012
        provide_label = [("softmax_label", (4,))]  # noqa: RUF012

        def next(self):
            raise StopIteration

    with pytest.raises(ValueError, match="train_data has no batch"):
        mx.mod.Module(mlp()).fit(Empty(), num_epoch=1)


def test_callbacks_of_the_package(tmp_path, caplog):
    prefix = str(tmp_path / "m")
    module = mx.mod.Module(mlp())
    with caplog.at_level("INFO"):
        module.fit(
            data_iter(),
            num_epoch=2,
            batch_end_callback=mx.callback.Speedometer(4, frequent=1),
            epoch_end_callback=[
                mx.callback.do_checkpoint(prefix),
                mx.callback.module_checkpoint(module, prefix + "mod", period=1, save_optimizer_states=True),
            ],
        )
    assert "samples/sec" in caplog.text
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == [
        "m-0001.params",
        "m-0002.params",
        "m-symbol.json",
        "mmod-0001.params",
        "mmod-0001.states",
        "mmod-0002.params",
        "mmod-0002.states",
        "mmod-symbol.json",
    ]


@pytest.mark.parametrize("contexts", [1, 2])
def test_monitor(contexts):
    module = bound(contexts)
    monitor = mx.mon.Monitor(1, stat_func=lambda x: x, pattern=".*fc1.*")
    module.install_monitor(monitor)
    monitor.tic()
    module.forward_backward(batch_of())
    names = [name for _, name, _ in monitor.toc()]
    assert names.count("fc1_output") == contexts
    assert names.count("fc1_weight") == contexts


@ours_only
def test_monitor_follows_changes_of_shape():
    module = bound()
    monitor = mx.mon.Monitor(1, stat_func=lambda x: x, pattern="fc1.*")
    module.install_monitor(monitor)
    for size in (4, 2, 4):
        monitor.tic()
        module.forward(batch_of(size), is_train=True)
        assert sorted(name for _, name, _ in monitor.toc()) == ["fc1_bias", "fc1_output", "fc1_weight"]


def test_prepare_without_sparse_parameters():
    module = bound()
    module.init_optimizer()
    module.prepare(batch_of())
    with pytest.warns(UserWarning):
        module.prepare(batch_of(), sparse_row_id_fn=lambda batch: {})


@ours_only
def test_user_modules_get_the_high_level_interface():
    class Constant(mx.mod.BaseModule):
        """Answers one half, whatever it is asked."""

        data_names, output_names, symbol = ["data"], ["out"], None
        data_shapes, label_shapes, output_shapes = [("data", (4, 6))], [], [("out", (4, 2))]

        def bind(self, data_shapes, **kwargs):
            self.binded = True

        def init_params(self, **kwargs):
            self.params_initialized = True

        def init_optimizer(self, **kwargs):
            self.optimizer_initialized = True

        def forward(self, data_batch, is_train=None):
            self.out = mx.nd.ones((data_batch.data[0].shape[0], 2)) * 0.5

        def backward(self, out_grads=None):
            self.steps = getattr(self, "steps", 0) + 1

        def update(self):
            pass

        def get_outputs(self, merge_multi_context=True):
            return [self.out]

        def update_metric(self, eval_metric, labels, pre_sliced=False):
            eval_metric.update(labels, self.get_outputs())

        def get_params(self):
            return {}, {}

        def set_params(self, arg_params, aux_params, **kwargs):
            pass

    module = Constant()
    module.fit(data_iter(), num_epoch=2)
    assert module.steps == 6
    assert module.predict(data_iter()).shape == (10, 2)
    assert module.get_states() == []
    with pytest.raises(ValueError, match="no states"):
        module.set_states(value=1)
    with pytest.warns(UserWarning, match="sparse_row_id_fn"):
        module.prepare(None, sparse_row_id_fn=len)
