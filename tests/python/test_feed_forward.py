"""mx.model.FeedForward: training, prediction, scores, files; and what it shares with Module."""

from __future__ import annotations

import logging
import pickle

import numpy as np
import pytest
from common import assert_close, mx, ours_only

pytestmark = pytest.mark.filterwarnings("ignore:.*FeedForward has been deprecated")

RNG = np.random.RandomState(0)
X = RNG.randn(50, 4).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)


def network():
    x = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=8, name="fc1")
    x = mx.sym.Activation(mx.sym.BatchNorm(x, name="bn"), act_type="relu")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=2, name="fc2"), name="softmax")


def parameters():
    rng = np.random.RandomState(1)
    shapes = {
        "fc1_weight": (8, 4),
        "fc1_bias": (8,),
        "bn_gamma": (8,),
        "bn_beta": (8,),
        "fc2_weight": (2, 8),
        "fc2_bias": (2,),
    }
    args = {name: mx.nd.array(rng.uniform(-0.5, 0.5, shape)) for name, shape in shapes.items()}
    return args, {"bn_moving_mean": mx.nd.zeros((8,)), "bn_moving_var": mx.nd.ones((8,))}


def batches(size=10):
    return mx.io.NDArrayIter(X, Y, size)


def model(**kwargs):
    args, aux = parameters()
    kwargs = {"num_epoch": 2, "learning_rate": 0.5, "numpy_batch_size": 10, **kwargs}
    return mx.model.FeedForward(network(), arg_params=args, aux_params=aux, **kwargs)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("contexts", [1, 2])
def test_trains_as_module_does(optimizer, contexts):
    ctx = [mx.cpu(i) for i in range(contexts)]
    ff = model(optimizer=optimizer, learning_rate=0.1, ctx=ctx)
    ff.fit(batches())
    module = mx.mod.Module(network(), context=ctx)
    args, aux = parameters()
    params = {"learning_rate": 0.1}
    module.fit(
        batches(), num_epoch=2, optimizer=optimizer, optimizer_params=params, arg_params=args, aux_params=aux
    )
    args, aux = module.get_params()
    for name, value in {**args, **aux}.items():
        assert_close({**ff.arg_params, **ff.aux_params}[name], value, rtol=1e-4, atol=1e-5, what=name)


def test_learns_from_arrays():
    mx.random.seed(0)
    np.random.seed(0)
    ff = mx.model.FeedForward.create(
        network(), X, Y.reshape(-1, 1), num_epoch=15, learning_rate=0.5, numpy_batch_size=10
    )
    assert ff.score(mx.io.NDArrayIter(X, Y, 10)) > 0.9
    assert ff.initializer._kwargs == {"scale": 0.01}


def test_predict():
    ff = model()
    out = ff.predict(X)
    assert isinstance(out, np.ndarray) and out.shape == (50, 2)
    assert_close(ff.predict(mx.nd.array(X)), out)
    assert_close(ff.predict(batches(16)), out, rtol=1e-5)  # the last batch is filled up
    assert_close(ff.predict(X[:3]), out[:3], rtol=1e-5)
    outputs, data, label = ff.predict(batches(), return_data=True, num_batch=3)
    assert_close(outputs, out[:30], rtol=1e-5)
    assert_close(data, X[:30])
    assert_close(label, Y[:30])
    started = batches(10)
    started.next()
    assert ff.predict(started, reset=False).shape == (40, 2)


def test_predict_several_outputs():
    net = network()
    args, aux = parameters()
    group = mx.sym.Group([net, mx.sym.BlockGrad(net.get_internals()["fc1_output"])])
    outputs = mx.model.FeedForward(group, arg_params=args, aux_params=aux).predict(X)
    assert [o.shape for o in outputs] == [(50, 2), (50, 8)]
    assert_close(outputs[1], X @ args["fc1_weight"].asnumpy().T + args["fc1_bias"].asnumpy(), rtol=1e-5)


def test_score():
    ff = model()
    expected = float(np.mean(ff.predict(X).argmax(1) == Y))
    seen = []
    value = ff.score(batches(), batch_end_callback=lambda p: seen.append((p.epoch, p.nbatch)))
    assert abs(value - expected) < 1e-6
    assert seen == [(0, i) for i in range(5)]
    assert len(ff.score(batches(), eval_metric=["acc", "ce"])) == 2
    expected = float(np.mean(ff.predict(X)[:10].argmax(1) == Y[:10]))
    assert abs(ff.score(batches(), num_batch=1) - expected) < 1e-6


def test_epoch_size_and_callbacks():
    seen = []
    ff = model(num_epoch=3, epoch_size=2)
    ff.fit(
        batches(),
        batch_end_callback=[lambda p: seen.append((p.epoch, p.nbatch)), mx.callback.Speedometer(10, 100)],
        epoch_end_callback=lambda epoch, symbol, arg, aux: seen.append(
            (epoch, symbol.name, len(arg), len(aux))
        ),
    )
    assert seen == [x for e in range(3) for x in ((e, 1), (e, 2), (e, "softmax", 6, 2))]
    seen.clear()
    model(num_epoch=1, epoch_size=8).fit(batches(), batch_end_callback=lambda p: seen.append(p.nbatch))
    assert seen == list(range(1, 9)), "an iterator that ends starts again"


def test_evaluation(caplog):
    caplog.set_level(logging.INFO)
    seen = []
    options = {
        "eval_batch_end_callback": lambda p: seen.append((p.epoch, p.nbatch)),
        "eval_end_callback": lambda p: seen.append((p.epoch, p.nbatch, p.eval_metric.name)),
    }
    model(num_epoch=1).fit(batches(), eval_data=batches(), **options)
    assert seen == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5, "accuracy")]
    model(num_epoch=1).fit(X, Y, eval_data=(X, Y))
    assert "Epoch[0] Validation-accuracy=" in caplog.text
    assert "Epoch[0] Resetting Data Iterator" in caplog.text and "Start training with" in caplog.text


def test_monitor(caplog):
    caplog.set_level(logging.INFO)
    model(num_epoch=1).fit(batches(), monitor=mx.mon.Monitor(1, pattern="fc1_output"))
    assert "fc1_output" in caplog.text


def test_files(tmp_path):
    ff = model()
    ff.fit(batches())
    prefix = str(tmp_path / "net")
    ff.save(prefix)
    ff.save(prefix, 7)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "net-0002.params",
        "net-0007.params",
        "net-symbol.json",
    ]
    again = mx.model.FeedForward.load(prefix, 7, num_epoch=8)
    assert (again.begin_epoch, again.num_epoch) == (7, 8)
    assert_close(again.predict(X), ff.predict(X))
    again.fit(batches())
    _, args, aux = mx.model.load_checkpoint(prefix, 2)
    assert set(args) == set(parameters()[0]) and set(aux) == set(parameters()[1])


def test_pickle():
    ff = model()
    out = ff.predict(X)
    assert_close(pickle.loads(pickle.dumps(ff)).predict(X), out)


def test_extra_parameters():
    args, aux = parameters()
    args["nosuch"] = mx.nd.ones((1,))
    ff = mx.model.FeedForward(network(), arg_params=args, aux_params=aux, allow_extra_params=True)
    assert set(ff.arg_params) == set(parameters()[0])


def test_nothing_to_do_still_makes_parameters():
    ff = mx.model.FeedForward(network(), num_epoch=1, begin_epoch=1)
    ff.fit(batches())
    assert set(ff.arg_params) == set(parameters()[0])


class Buckets(mx.io.DataIter):
    """Batches of sequences of two lengths."""

    def __init__(self):
        super().__init__(4)
        self.default_bucket_key = 6
        self.reset()

    @property
    def provide_data(self):
        return [("data", (4, self.default_bucket_key))]

    @property
    def provide_label(self):
        return [("softmax_label", (4,))]

    def reset(self):
        self.keys = iter([6, 3, 6])

    def next(self):
        key = next(self.keys)
        return mx.io.DataBatch(
            [mx.nd.ones((4, key))],
            [mx.nd.array([0, 1, 0, 1])],
            bucket_key=key,
            provide_data=[("data", (4, key))],
            provide_label=[("softmax_label", (4,))],
        )


@ours_only  # MXNet fails to share memory with the smaller bucket
def test_symbol_by_bucket():
    def generate(key):
        x = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=4, output_dim=3, name="embed")
        x = mx.sym.sum(x, axis=1)
        return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=2, name="fc"), name="softmax")

    ff = mx.model.FeedForward(generate, num_epoch=2, learning_rate=0.1)
    ff.fit(Buckets())
    assert set(ff.arg_params) == {"embed_weight", "fc_weight", "fc_bias"}
    assert ff.predict(np.ones((4, 6), np.float32)).shape == (4, 2)


@ours_only
def test_batches_of_another_size_are_evaluated():
    seen = []
    model(num_epoch=1).fit(
        batches(), eval_data=batches(25), eval_batch_end_callback=lambda p: seen.append(p.nbatch)
    )
    assert seen == [0, 1]


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda ff: ff.fit(X), ValueError),
        (lambda ff: ff.fit(X, Y[:3]), ValueError),
        (lambda ff: ff.fit(X, Y[:, None, None]), ValueError),
        (lambda ff: ff.fit([X], Y), TypeError),
        (lambda ff: ff.fit(X, Y, eval_data=X), TypeError),
        (lambda ff: ff.predict([X]), TypeError),
    ],
)
def test_wrong_data(call, error):
    with pytest.raises(error):
        call(model())


@ours_only
def test_errors_name_the_remedy():
    with pytest.raises(ValueError, match=r"num_epoch: got None, expected FeedForward\(..., num_epoch="):
        mx.model.FeedForward(network()).fit(X, Y)
    with pytest.raises(RuntimeError, match="call fit"):
        mx.model.FeedForward(network()).predict(X)
    with pytest.raises(TypeError, match="symbol: got int"):
        mx.model.FeedForward(3)
    with pytest.raises(ValueError, match="'fc1_bias': got shape"):
        mx.model.FeedForward(network(), num_epoch=1, arg_params={"fc1_bias": mx.nd.ones((3,))}).fit(X, Y)
    with pytest.raises(ValueError, match="'data' is there twice"):
        mx.model.FeedForward(mx.sym.Variable("data") + mx.sym.Variable("data"))
    with pytest.raises(ValueError, match="epoch: got None"):
        mx.model.FeedForward(network()).save("x")


# ---- what a hand-written loop takes from mx.model and mx.executor_manager


def test_executor_manager_trains_as_module_does():
    from importlib import import_module

    manager_class = import_module(mx.__name__ + ".executor_manager").DataParallelExecutorManager
    symbol = network()
    data = batches()
    names = [n for n in symbol.list_arguments() if n not in ("data", "softmax_label")]
    manager = manager_class(
        symbol, [mx.cpu(0), mx.cpu(1)], data, symbol.list_arguments(), names, symbol.list_auxiliary_states()
    )
    args, aux = parameters()
    manager.set_params(args, aux)
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.1, rescale_grad=0.1))
    metric = mx.metric.create("acc")
    for batch in data:
        manager.load_data_batch(batch)
        manager.forward(is_train=True)
        manager.backward()
        _sum_and_update(manager, updater)
        manager.update_metric(metric, batch.label)
    assert metric.num_inst == 50
    manager.copy_to(args, aux)
    module = mx.mod.Module(network(), context=[mx.cpu(0), mx.cpu(1)])
    start, start_aux = parameters()
    module.fit(
        batches(),
        num_epoch=1,
        optimizer_params={"learning_rate": 0.1},
        arg_params=start,
        aux_params=start_aux,
    )
    for name, value in module.get_params()[0].items():
        if name == "bn_gamma":
            continue  # fixed: MXNet's BatchNorm writes ones over it, but not over the store's copy
        assert_close(args[name], value, rtol=1e-4, atol=1e-5, what=name)


def _sum_and_update(manager, updater):
    """One step without a store: gradients summed by hand."""
    for grads in manager.grad_arrays:
        total = grads[0] + grads[1]
        for grad in grads:
            total.copyto(grad)
    mx.model._update_params(manager.param_arrays, manager.grad_arrays, updater, 2)


def test_split_input_slice():
    from importlib import import_module

    split = import_module(mx.__name__ + ".executor_manager")._split_input_slice
    assert split(10, [1, 1, 1]) == [slice(0, 3), slice(3, 6), slice(6, 10)]
    assert split(7, [0.5, 1]) == [slice(0, 2), slice(2, 7)]
    with pytest.raises(ValueError, match=r"(?i)too many slices"):
        split(2, [1, 1, 1])
