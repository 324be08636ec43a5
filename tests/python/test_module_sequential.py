"""SequentialModule: wiring, states and errors, use in fit. What chains compute: parity/test_modules.py."""

from __future__ import annotations

import numpy as np
import pytest
from common import mx, ours_only
from module_helpers import Batch, batch_of, data_iter, same, values
from parity.module_cases import chained_params, first_half, second_half, softmax_gradient

ERRORS = (RuntimeError, ValueError, AssertionError)


def chain(contexts=1, auto=True):
    ctx = [mx.cpu(i) for i in range(contexts)]
    made = mx.mod.SequentialModule()
    made.add(mx.mod.Module(first_half(mx), label_names=None, context=ctx))
    if auto:
        made.add(mx.mod.Module(second_half(mx), context=ctx), take_labels=True, auto_wiring=True)
    else:
        module = mx.mod.Module(second_half(mx, "act1_output"), data_names=["act1_output"], context=ctx)
        made.add(module, take_labels=True)
    return made


def bound(init=True, bind=None, **kwargs):
    made = chain(**kwargs)
    made.bind([("data", (4, 6))], [("softmax_label", (4,))], **(bind or {}))
    if init:
        made.init_params(arg_params=chained_params(mx), aux_params={})
    return made


def whole():
    """The same network as one symbol."""
    net = second_half(mx, "data")
    net = mx.sym.FullyConnected(first_half(mx), num_hidden=3, name="fc2")
    module = mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax"))
    module.bind([("data", (4, 6))], [("softmax_label", (4,))], inputs_need_grad=True)
    module.init_params(arg_params=chained_params(mx), aux_params={})
    return module


# ----------------------------------------------------------------------------------------------------- chains


def test_names_and_add():
    empty = mx.mod.SequentialModule()
    assert (empty.data_names, empty.output_names) == ([], [])
    made = mx.mod.SequentialModule()
    assert made.add(mx.mod.Module(first_half(mx), label_names=None)) is made
    assert chain().data_names == ["data"]
    assert chain().output_names == ["softmax_output"]


@pytest.mark.parametrize("auto", [True, False])
@pytest.mark.parametrize("contexts", [1, 2])
def test_shapes(auto, contexts):
    made = bound(auto=auto, contexts=contexts)
    assert [tuple(d) for d in made.data_shapes] == [("data", (4, 6))]
    assert [tuple(d) for d in made.label_shapes] == [("softmax_label", (4,))]
    assert made.output_shapes == [("softmax_output", (4, 3))]
    assert made.binded


@ours_only
@pytest.mark.parametrize("contexts", [1, 2])
def test_a_chain_trains_as_one_symbol(contexts):
    made, module = bound(contexts=contexts, bind={"inputs_need_grad": True}), whole()
    assert made.for_training
    assert made.inputs_need_grad
    for m in (made, module):
        m.init_optimizer(optimizer_params={"learning_rate": 0.3, "momentum": 0.9})
        for seed in range(3):
            m.forward_backward(batch_of(seed=seed))
            m.update()
    for ours, theirs in (
        (made.get_outputs()[0], module.get_outputs()[0]),
        (made.get_input_grads()[0], module.get_input_grads()[0]),
    ):
        np.testing.assert_allclose(ours.asnumpy(), theirs.asnumpy(), rtol=1e-5, atol=1e-6)
    expected = values(module.get_params()[0])
    for name, value in values(made.get_params()[0]).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert len(made.get_outputs(merge_multi_context=False)[0]) == contexts
    assert len(made.get_input_grads(merge_multi_context=False)[0]) == contexts


def test_several_modules_take_labels():
    made = mx.mod.SequentialModule()
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc1")
    made.add(mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax")), take_labels=True)
    made.add(mx.mod.Module(second_half(mx)), take_labels=True, auto_wiring=True)
    made.bind([("data", (4, 6))], [("softmax_label", (4,))])
    made.init_params(mx.init.Constant(0.1))
    made.forward_backward(batch_of())
    metric = mx.metric.Accuracy()
    made.update_metric(metric, batch_of().label)
    assert metric.num_inst == 8


def test_no_module_takes_labels():
    made = mx.mod.SequentialModule()
    made.add(mx.mod.Module(first_half(mx), label_names=None))
    made.add(mx.mod.Module(second_half(mx)), auto_wiring=True, take_labels=False)
    made.bind([("data", (4, 6))], [("softmax_label", (4,))])
    assert made.label_shapes is None


@ours_only
def test_other_batch_sizes_and_dtypes():
    made = bound()
    made.forward(batch_of(2))
    assert made.get_outputs()[0].shape == (2, 3)
    assert made.output_shapes == [("softmax_output", (2, 3))]
    made.forward(Batch([mx.nd.ones((4, 6))]), is_train=False)
    assert made.get_outputs()[0].shape == (4, 3)
    exact = mx.mod.SequentialModule()
    exact.add(mx.mod.Module(first_half(mx), label_names=None))
    exact.add(mx.mod.Module(second_half(mx)), take_labels=True, auto_wiring=True)
    exact.bind(
        [mx.io.DataDesc("data", (4, 6), "float64")], [mx.io.DataDesc("softmax_label", (4,), "float64")]
    )
    exact.init_params()
    assert exact.get_params()[0]["fc2_weight"].dtype == np.float64


def test_fit_score_predict():
    made = chain()
    seen = []
    made.fit(
        data_iter(),
        eval_data=data_iter(),
        num_epoch=8,
        arg_params=chained_params(mx),
        aux_params={},
        optimizer_params={"learning_rate": 0.5, "momentum": 0.9},
        batch_end_callback=lambda p: seen.append(p.nbatch),
    )
    assert len(seen) == 24
    assert made.score(data_iter(), "acc")[0][1] == 1.0
    assert made.predict(data_iter()).shape == (10, 3)
    assert len(made.predict(data_iter(), merge_batches=False)) == 3
    assert made.predict(mx.nd.ones((4, 6))).shape == (4, 3)
    assert [outputs[0].shape[0] for outputs, _, _ in made.iter_predict(data_iter())] == [4, 4, 2]


def test_save_and_load_params(tmp_path):
    made = bound()
    made.save_params(str(tmp_path / "p"))
    other = bound(init=False)
    other.load_params(str(tmp_path / "p"))
    same(values(other.get_params()[0]), values(made.get_params()[0]))


def test_monitor():
    made = bound()
    monitor = mx.mon.Monitor(1, pattern=".*output")
    made.install_monitor(monitor)
    monitor.tic()
    made.forward(batch_of())
    names = [name for _, name, _ in monitor.toc()]
    assert "fc1_output" in names
    assert "softmax_output" in names


@ours_only
def test_chains_of_all_kinds():
    def sym_gen(key):
        return first_half(mx), ["data"], None

    inner = mx.mod.SequentialModule()
    inner.add(mx.mod.BucketingModule(sym_gen, default_bucket_key=6))
    scores = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc2")
    made = mx.mod.SequentialModule()
    made.add(inner)
    made.add(mx.mod.Module(scores, label_names=None), auto_wiring=True)
    made.add(mx.mod.PythonLossModule(grad_func=softmax_gradient(mx)), take_labels=True, auto_wiring=True)
    made.fit(
        data_iter(),
        num_epoch=8,
        arg_params=chained_params(mx),
        aux_params={},
        optimizer_params={"learning_rate": 0.5, "momentum": 0.9},
    )
    assert made.score(data_iter(), "acc")[0][1] == 1.0
    assert made.output_names == ["pyloss_output"]


# ----------------------------------------------------------------------------------------------------- states


def test_adding_starts_over():
    made = bound()
    made.init_optimizer()
    made.add(mx.mod.Module(mx.sym.Variable("data") * 2, label_names=None), auto_wiring=True)
    assert not (made.binded or made.params_initialized or made.optimizer_initialized)


def test_a_module_that_comes_with_parameters_keeps_them():
    trained = mx.mod.Module(first_half(mx), label_names=None)
    trained.bind([("data", (4, 6))])
    trained.init_params(mx.init.Constant(0.25))
    made = mx.mod.SequentialModule()
    made.add(trained)
    made.add(mx.mod.Module(second_half(mx)), take_labels=True, auto_wiring=True)
    made.bind([("data", (4, 6))], [("softmax_label", (4,))])
    made.init_params(mx.init.Zero())
    np.testing.assert_array_equal(made.get_params()[0]["fc1_weight"].asnumpy(), np.full((5, 6), 0.25))
    np.testing.assert_array_equal(made.get_params()[0]["fc2_weight"].asnumpy(), np.zeros((3, 5)))
    made.init_params(mx.init.Zero(), force_init=True)
    np.testing.assert_array_equal(made.get_params()[0]["fc1_weight"].asnumpy(), np.zeros((5, 6)))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.data_shapes,
        lambda m: m.label_shapes,
        lambda m: m.output_shapes,
        lambda m: m.get_params(),
        lambda m: m.init_params(),
        lambda m: m.set_params({}, {}),
        lambda m: m.init_optimizer(),
        lambda m: m.forward(batch_of()),
        lambda m: m.backward(),
        lambda m: m.update(),
        lambda m: m.get_outputs(),
        lambda m: m.get_input_grads(),
        lambda m: m.get_states(),
        lambda m: m.update_metric(mx.metric.Accuracy(), []),
        lambda m: m.install_monitor(mx.mon.Monitor(1)),
    ],
)
def test_nothing_works_before_bind(call):
    made = chain()
    with pytest.raises(ERRORS):
        call(made)
    assert not made.binded


@ours_only
def test_errors_say_what_to_do():
    with pytest.raises(RuntimeError, match="the chain is empty"):
        mx.mod.SequentialModule().bind([("data", (4, 6))])
    with pytest.raises(ValueError, match='Unknown meta "take_label"'):
        chain().add(mx.mod.Module(first_half(mx)), take_label=True)
    with pytest.raises(TypeError, match="got Symbol, expected a module"):
        chain().add(first_half(mx))
    with pytest.raises(ValueError, match="shared_module is not supported"):
        bound(bind={"shared_module": bound()})
    with pytest.raises(ValueError, match="needs for_training=True"):
        bound(bind={"for_training": False, "inputs_need_grad": True})
    with pytest.raises(RuntimeError, match="no gradients of inputs"):
        bound().get_input_grads()
    with pytest.raises(RuntimeError, match="fc1_weight is not presented"):
        bound().set_params({}, {})
    made = bound()
    with pytest.warns(UserWarning, match="'unknown': ignored"):
        made.set_params({**made.get_params()[0], "unknown": mx.nd.ones(1)}, {})


@ours_only
def test_failed_bind_leaves_every_module_as_it_was():
    made = bound()
    made.init_optimizer()
    kept = values(made.get_params()[0])
    groups = [module._exec_group for module in made._modules]
    with pytest.raises(mx.MXNetError):
        made.bind([("data", (4, 6))], [("softmax_label", (4, 7))], force_rebind=True)
    assert [module._exec_group for module in made._modules] == groups
    assert made.for_training
    made.forward_backward(batch_of())
    same(values(made.get_params()[0]), kept)
    wrong = mx.mod.SequentialModule()
    wrong.add(mx.mod.Module(first_half(mx), label_names=None))
    wrong.add(mx.mod.Module(second_half(mx)), take_labels=True)  # its data is not named act1_output
    with pytest.raises(ValueError, match="act1_output"):
        wrong.bind([("data", (4, 6))], [("softmax_label", (4,))])
    assert not any(module.binded for module in (wrong, *wrong._modules))
    two = mx.sym.Group([first_half(mx), mx.sym.Variable("other")])
    wrong = mx.mod.SequentialModule()
    wrong.add(mx.mod.Module(two, data_names=["data", "other"], label_names=None))
    wrong.add(mx.mod.Module(second_half(mx)), take_labels=True, auto_wiring=True)
    with pytest.raises(ValueError, match="got 2 inputs"):
        wrong.bind([("data", (4, 6)), ("other", (4, 1))], [("softmax_label", (4,))])


@ours_only
def test_failed_init_params_changes_nothing():
    made = bound()
    kept = values(made.get_params()[0])
    params = {**chained_params(mx), "fc2_bias": mx.nd.zeros((7,))}
    params["fc1_weight"][:] = 9
    with pytest.raises(ValueError, match="fc2_bias"):
        made.set_params(params, {})
    same(values(made.get_params()[0]), kept)
    made.forward(batch_of())

    doubled = mx.mod.SequentialModule()
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=6, name="fc1")
    doubled.add(mx.mod.Module(net, label_names=None))
    doubled.add(mx.mod.Module(net, label_names=None), auto_wiring=True)
    doubled.bind([("data", (4, 6))])
    with pytest.raises(ValueError, match='Duplicated parameter names: name "fc1_weight" in layer 1'):
        doubled.init_params()
    assert not any(module.params_initialized for module in (doubled, *doubled._modules))


@ours_only
def test_failed_init_optimizer_changes_nothing():
    made = bound()
    with pytest.raises(ValueError, match="optimizer"):
        made.init_optimizer(optimizer="none such")
    assert not any(module.optimizer_initialized for module in (made, *made._modules))
    made.init_optimizer()
    assert all(module.optimizer_initialized for module in made._modules)
