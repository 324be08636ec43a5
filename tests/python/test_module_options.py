"""Module: placement in groups, several threads, and other options that have no values to compare.

What options compute is compared with MXNet in parity/test_modules.py.
"""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest
from common import mx, ours_only
from module_helpers import Batch, batch_of, bound, data_iter, mlp, same, values
from parity.module_cases import language_model, words


def grouped():
    with mx.AttrScope(ctx_group="a"):
        net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")
    with mx.AttrScope(ctx_group="b"):
        return mx.sym.SoftmaxOutput(net, name="softmax")


def placed(group2ctxs, contexts=2):
    module = mx.mod.Module(grouped(), context=[mx.cpu(i) for i in range(contexts)], group2ctxs=group2ctxs)
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    module.init_params()
    module.forward_backward(batch_of())
    return module


FORMS = [
    (lambda c: None, [(0, 0), (1, 1)]),
    (lambda c: {"a": c(2), "b": c(3)}, [(2, 3), (2, 3)]),
    (lambda c: {"a": [c(2)], "b": c(3)}, [(2, 3), (2, 3)]),
    (lambda c: {"a": [c(2), c(4)], "b": [c(3), c(5)]}, [(2, 3), (4, 5)]),
    (lambda c: [{"a": c(2), "b": c(3)}, {"a": c(4), "b": c(5)}], [(2, 3), (4, 5)]),
]


@pytest.mark.parametrize("form,expected", FORMS)
def test_groups_are_placed(form, expected):
    module = placed(form(mx.cpu))
    for executor, (a, b) in zip(module._exec_group.execs, expected):
        on = {name: array.context for name, array in executor.arg_dict.items()}
        assert on == {
            "data": mx.cpu(a),
            "fc_weight": mx.cpu(a),
            "fc_bias": mx.cpu(a),
            "softmax_label": mx.cpu(b),
        }
        assert executor.grad_dict["fc_weight"].context == mx.cpu(a)
    assert [out.context for out in module.get_outputs(False)[0]] == [mx.cpu(b) for _, b in expected]


@ours_only
def test_placement_is_recorded():
    executor = placed({"a": mx.cpu(2), "b": mx.cpu(3)}, contexts=1)._exec_group.execs[0]
    assert executor.placement["fc"] == mx.cpu(2)
    assert executor.placement["softmax"] == mx.cpu(3)
    simple = grouped().simple_bind(
        mx.cpu(), group2ctx={"a": mx.cpu(2), "b": mx.cpu(3)}, data=(4, 6), softmax_label=(4,)
    )
    assert simple.arg_dict["fc_weight"].context == mx.cpu(2)
    assert simple.outputs[0].context == mx.cpu(3)


@pytest.mark.parametrize(
    "form,message",
    [
        (lambda c: {"a": c(2)}, "no context for ctx_group 'b' of node"),
        (lambda c: {"z": c(2)}, "no context for ctx_group 'a' of node"),
        (
            lambda c: {"a": [c(2), c(3), c(4)], "b": c(1)},
            "got 3 contexts, expected one, or one for each of 2",
        ),
        (lambda c: [{"a": c(1), "b": c(1)}], "expected a dict for each of 2 contexts"),
        (lambda c: {"a": 3, "b": c(1)}, "got int, expected a Context"),
        (lambda c: 3, "expected a dict or a list of dicts"),
        (lambda c: {"a": mx.gpu(0), "b": c(1)}, "gpu"),
    ],
)
def test_wrong_groups(form, message):
    with pytest.raises(Exception) as error:
        placed(form(mx.cpu))
    assert mx.__name__ == "mxnet" or message in str(error.value)


@ours_only
def test_modules_in_threads_do_not_disturb_each_other():
    def train(seed, results):
        module = mx.mod.Module(mlp())
        module.fit(data_iter(24), num_epoch=4, initializer=mx.init.Constant(0.01 * seed))
        bucketing = mx.mod.BucketingModule(language_model(mx), default_bucket_key=10)
        bucketing.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
        bucketing.init_params(mx.init.Constant(0.02 * seed))
        bucketing.init_optimizer()
        for step in range(12):
            bucketing.forward_backward(words(mx, (10, 7, 5)[step % 3], seed * 100 + step))
            bucketing.update()
        results[seed] = {**values(module.get_params()[0]), **values(bucketing.get_params()[0])}

    expected, actual = {}, {}
    for seed in range(4):
        train(seed, expected)
    threads = [threading.Thread(target=train, args=(seed, actual)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(actual) == sorted(expected)
    for seed in range(4):
        same(actual[seed], expected[seed])


@ours_only
def test_modules_that_share_memory_predict_in_several_threads():
    base = bound(batch=16, for_training=False)
    modules = []
    for size in (16, 5, 24, 2):  # of which one needs more memory than there is
        module = mx.mod.Module(mlp())
        module.bind([("data", (size, 6))], for_training=False, shared_module=base)
        modules.append(module)
    rng = np.random.RandomState(0)
    data = [rng.randn(m.data_shapes[0].shape[0], 6).astype("float32") for m in modules]
    expected = [m.predict(values_of).asnumpy() for m, values_of in zip(modules, data)]
    wrong = []

    def predict(i):
        for _ in range(150):
            if not np.array_equal(modules[i].predict(data[i]).asnumpy(), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=predict, args=(i,)) for i in range(len(modules))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@ours_only
def test_a_monitor_in_one_thread_and_predictions_in_another():
    """A monitor's callback needs Python while its module holds the memory that both share."""
    watched = bound(for_training=False)
    other = mx.mod.Module(mlp())
    other.bind([("data", (4, 6))], for_training=False, shared_module=watched)
    monitor = mx.mon.Monitor(1, stat_func=lambda array: array.sum(), pattern=".*")
    watched.install_monitor(monitor)
    data = np.ones((4, 6), "float32")
    expected = other.predict(data).asnumpy()
    seen = []

    def watch():
        for _ in range(50):
            monitor.tic()
            watched.forward(Batch([mx.nd.array(data)]), is_train=False)
            seen.append(len(monitor.toc()))

    thread = threading.Thread(target=watch)
    thread.start()
    while thread.is_alive():
        np.testing.assert_array_equal(other.predict(data).asnumpy(), expected)
        other._exec_group.execs[0].memory_report()
    thread.join()
    assert len(seen) == 50 and min(seen) > 3


def test_locals_of_callbacks_have_the_names_of_mxnet():
    names = set(
        re.findall(
            r"\w+",
            "self train_data eval_data eval_metric epoch_end_callback batch_end_callback kvstore optimizer "
            "optimizer_params eval_end_callback eval_batch_end_callback initializer arg_params aux_params "
            "allow_missing force_rebind force_init begin_epoch num_epoch validation_metric monitor "
            "sparse_row_id_fn epoch tic nbatch data_iter end_of_batch next_data_batch data_batch",
        )
    )
    seen = []
    bound().fit(data_iter(), num_epoch=1, batch_end_callback=seen.append)
    for number, param in enumerate(seen):
        assert names <= set(param.locals)
        assert (param.epoch, param.nbatch) == (0, number)
        assert param.eval_metric is param.locals["eval_metric"]
    assert "eval_name_vals" in seen[-1].locals
    of_score = []
    bound().score(data_iter(), "acc", batch_end_callback=of_score.append, score_end_callback=of_score.append)
    of_batch = "self eval_data eval_metric num_batch batch_end_callback score_end_callback reset epoch nbatch"
    for param in of_score[:-1]:
        assert {*of_batch.split(), "eval_batch", "actual_num_batch"} <= set(param.locals)
    assert of_score[-1].nbatch == 3


@ours_only
def test_a_sharing_module_with_fewer_parameters_loses_no_update():
    """The dict of parameters is complete, whichever of two modules brings it up to date."""
    first = bound()
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc1")
    second = mx.mod.Module(net, label_names=None)
    second.bind([("data", (4, 6))], shared_module=first)
    first.init_optimizer(optimizer_params={"learning_rate": 0.5})
    before = values(first.get_params()[0])
    first.forward_backward(batch_of())
    first.update()
    second.get_params()
    after = values(first.get_params()[0])
    assert not np.array_equal(before["fc2_bias"], after["fc2_bias"])


@pytest.mark.parametrize("removed", [True, False])
def test_checkpoints_without_casts(tmp_path, removed):
    """remove_amp_cast: True by default for a Module, False for buckets."""

    def sym_gen(length):
        net = mx.sym.amp_cast(mx.sym.sum(mx.sym.Variable("data"), axis=1, keepdims=True), dtype="float32")
        net = mx.sym.FullyConnected(net, num_hidden=3, name="fc")
        return mx.sym.SoftmaxOutput(net, name="softmax"), ["data"], ["softmax_label"]

    prefix = str(tmp_path / "model")
    shapes = [("data", (4, 6))], [("softmax_label", (4,))]
    module = mx.mod.Module(sym_gen(6)[0])
    bucketing = mx.mod.BucketingModule(sym_gen, default_bucket_key=6)
    for m in (module, bucketing):
        m.bind(*shapes)
        m.init_params()
    module.save_checkpoint(prefix, 1, remove_amp_cast=removed)
    text = (tmp_path / "model-symbol.json").read_text()
    assert ("amp_cast" in text) is not removed
    bucketing.save_checkpoint(prefix, 2, removed)
    for file in tmp_path.glob("model-*symbol.json"):
        assert ("amp_cast" in file.read_text()) is not removed
    module.save_checkpoint(prefix, 3)
    assert "amp_cast" not in (tmp_path / "model-symbol.json").read_text()
    bucketing.save_checkpoint(prefix, 4)
    assert any("amp_cast" in file.read_text() for file in tmp_path.glob("model-*symbol.json"))
    loaded = mx.mod.Module.load(prefix, 3)
    loaded.bind(*shapes)
    data = np.random.RandomState(0).randn(4, 6).astype("float32")
    np.testing.assert_allclose(loaded.predict(data).asnumpy(), module.predict(data).asnumpy(), rtol=1e-6)
