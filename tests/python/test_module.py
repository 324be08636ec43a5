"""Module: names and shapes, states and errors, parameters. Signatures: test_module_page.py."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from common import mx, ours_only
from module_helpers import Batch, batch_of, bound, data_iter, mlp, same, values

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


# ------------------------------------------------------------------------------------------ auxiliary states


def batch_norm_net():
    fc = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc")
    return mx.sym.SoftmaxOutput(mx.sym.BatchNorm(fc, name="bn"), name="softmax")


@pytest.mark.parametrize("contexts", [1, 2])
def test_auxiliary_states(contexts):
    module = bound(contexts, net=batch_norm_net())
    args, aux = module.get_params()
    assert sorted(args) == ["bn_beta", "bn_gamma", "fc_bias", "fc_weight"]
    assert sorted(aux) == ["bn_moving_mean", "bn_moving_var"]
    np.testing.assert_allclose(aux["bn_moving_var"].asnumpy(), 1)
    module.init_optimizer()
    module.forward_backward(batch_of())
    module.update()
    means = [arrays["bn_moving_mean"].asnumpy() for arrays in (e.aux_dict for e in module._exec_group.execs)]
    aux = module.get_params()[1]
    assert np.abs(means[0]).max() > 0
    np.testing.assert_allclose(aux["bn_moving_mean"].asnumpy(), np.mean(means, axis=0), rtol=1e-5)
    module.set_params(*module.get_params())
    for executor in module._exec_group.execs:
        np.testing.assert_allclose(
            executor.aux_dict["bn_moving_mean"].asnumpy(), np.mean(means, axis=0), rtol=1e-5
        )


def test_missing_auxiliary_state_is_named(tmp_path):
    module = bound(net=batch_norm_net())
    args, aux = module.get_params()
    with pytest.raises(RuntimeError, match="bn_moving_var is not presented"):
        module.set_params(args, {"bn_moving_mean": aux["bn_moving_mean"]})
    module.save_checkpoint(str(tmp_path / "m"), 1)
    loaded = mx.mod.Module.load(str(tmp_path / "m"), 1)
    loaded.bind([("data", (4, 6))], [("softmax_label", (4,))])
    same(values(aux), values(loaded.get_params()[1]))
