"""Module: optimizer, checkpoints, fit, score and predict; training as MXNet computes it."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from common import mx, ours_only
from module_helpers import Batch, batch_of, bound, data_iter, mlp, same, values
from parity import training_cases as cases

GOLDENS = pathlib.Path(__file__).resolve().parent / "parity" / "goldens"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDENS / "module_training.npz") as file:
        return dict(file)


@pytest.mark.parametrize("label", cases.MODULE_CASES)
def test_training_as_mxnet(golden, label):
    expected = {k.split("/")[1]: v for k, v in golden.items() if k.startswith(f"{label}/")}
    actual = cases.run_module_case(mx, label)
    assert set(actual) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(
            actual[key], value, rtol=1e-5, atol=1e-5 * np.abs(value).max(), err_msg=key
        )


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
@pytest.mark.parametrize(
    "before,after,kvstore",
    [(1, 1, None), (1, 1, "local"), (2, 2, "local"), (1, 2, "local"), (2, 1, "device")],
)
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


@ours_only
def test_random_numbers_continue_after_resume(tmp_path):
    def make(source=None):
        net = mx.sym.Dropout(mlp().get_internals()["act_output"], p=0.5)
        net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, num_hidden=3, name="fc2"), name="softmax")
        module = mx.mod.Module.load(source, 1, True) if source else mx.mod.Module(net)
        module.bind([("data", (4, 6))], [("softmax_label", (4,))])
        if not source:
            module.init_params(mx.init.Constant(0.1))
        module.init_optimizer(optimizer_params={"learning_rate": 0.1})
        return module

    def train(module):
        for seed in range(3):
            module.forward_backward(batch_of(seed=seed))
            module.update()
        return values(module.get_params()[0])

    mx.random.seed(11)
    straight = make()
    train(straight)
    straight.save_checkpoint(str(tmp_path / "m"), 1, save_optimizer_states=True)
    expected = train(straight)
    mx.random.seed(99)
    same(expected, train(make(str(tmp_path / "m"))))


def test_own_index_names_do_not_change_the_keys():
    names = {0: "fc2_bias", 1: "fc2_weight", 2: "fc1_bias", 3: "fc1_weight"}
    module = bound(contexts=2)
    optimizer = mx.optimizer.SGD(momentum=0.9, param_idx2name=names, rescale_grad=0.25)
    module.init_optimizer(kvstore=None, optimizer=optimizer)
    module.forward_backward(batch_of())
    module.update()
    assert {k: s.shape for k, s in module._updater.states.items()} == {
        **dict.fromkeys((0, 1), (5, 6)),
        **dict.fromkeys((2, 3), (5,)),
        **dict.fromkeys((4, 5), (3, 5)),
        **dict.fromkeys((6, 7), (3,)),
    }


@ours_only
def test_optimizer_is_not_installed_when_its_states_cannot_be_loaded(tmp_path):
    prefix = str(tmp_path / "m")
    bound().save_checkpoint(prefix, 1)
    module = mx.mod.Module.load(prefix, 1, load_optimizer_states=True)
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    with pytest.raises(FileNotFoundError, match=r"m-0001\.states"):
        module.init_optimizer()
    assert not module.optimizer_initialized


@ours_only
def test_partial_init_params_after_updates_keeps_them():
    module = bound()
    module.init_optimizer(optimizer_params={"learning_rate": 0.5})
    module.forward_backward(batch_of())
    module.update()
    trained = module._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy()
    module.init_params(None, arg_params={}, aux_params={}, allow_missing=True, force_init=True)
    np.testing.assert_array_equal(module._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy(), trained)
