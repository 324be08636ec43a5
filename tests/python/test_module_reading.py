"""How fit, score and predict read batches: ahead of time where it is safe, without the padding in metrics."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from common import mx, ours_only
from module_helpers import bound, data_iter, mlp, same, values

pytestmark = ours_only


class Slow(mx.io.DataIter):
    """Batches that take a moment to read; remembers which thread read each."""

    provide_data = (("data", (4, 6)),)
    provide_label = (("softmax_label", (4,)),)

    def __init__(self, count=12, fail_at=None):
        super().__init__(4)
        self.at, self.count, self.fail_at = 0, count, fail_at
        self.threads: list[int] = []
        self.began = threading.Event()

    def reset(self):
        self.at = 0

    def arrays(self):
        rng = np.random.RandomState(self.at)
        data = rng.randn(4, 6).astype("float32")
        return [mx.nd.array(data)], [mx.nd.array((data[:, 0] > 0).astype("float32"))]

    def next(self):
        if self.at == self.count:
            raise StopIteration
        self.at += 1
        self.threads.append(threading.get_ident())
        self.began.set()
        time.sleep(0.002)
        if self.at == self.fail_at:
            raise OSError("the disk is gone")
        return mx.io.DataBatch(*self.arrays(), pad=0)

    def read_elsewhere(self):
        here = threading.get_ident()
        return sum(thread != here for thread in self.threads)


class Reusing(Slow):
    """Every batch in the same arrays."""

    def __init__(self):
        super().__init__()
        self.data, self.label = mx.nd.zeros((4, 6)), mx.nd.zeros((4,))

    def arrays(self):
        (data,), (label,) = super().arrays()
        self.data[:], self.label[:] = data, label
        return [self.data], [self.label]


class Drawing(Slow):
    """Batches from NumPy's global random stream."""

    def arrays(self):
        (data,), label = super().arrays()
        return [data + mx.nd.array(np.random.randn(4, 6).astype("float32"))], label


class DrawingFromEngine(Slow):
    def arrays(self):
        (data,), label = super().arrays()
        return [data + mx.nd.random.uniform(shape=(4, 6))], label


class AskingModule(Slow):
    """Batches that depend on the parameters."""

    module = None

    def arrays(self):
        (data,), label = super().arrays()
        weight = self.module.get_params()[0]["fc1_bias"].asnumpy().sum()
        return [data + float(weight)], label


def fitted(iterator, read_ahead=True, epochs=2, **kwargs):
    module = mx.mod.Module(mlp())
    module.read_ahead = read_ahead
    if isinstance(iterator, AskingModule):
        iterator.module = module
    mx.random.seed(1)
    np.random.seed(1)
    seen = []
    module.fit(
        iterator,
        num_epoch=epochs,
        initializer=mx.init.Constant(0.1),
        optimizer_params={"learning_rate": 0.2, "momentum": 0.9},
        batch_end_callback=lambda p: seen.append((p.epoch, p.nbatch, p.eval_metric.get()[1])),
        **kwargs,
    )
    return module, seen


def test_reading_ahead_changes_nothing():
    ahead, inline = Slow(), Slow()
    module, seen = fitted(ahead)
    other, expected = fitted(inline, read_ahead=False)
    assert ahead.read_elsewhere() > 15
    assert inline.read_elsewhere() == 0
    assert seen == expected
    assert len(seen) == 24
    same(values(module.get_params()[0]), values(other.get_params()[0]))


def test_the_next_batch_is_read_while_this_one_is_computed():
    iterator, overlapped = Slow(), []

    class Watching(mx.mod.Module):
        def forward_backward(self, data_batch):
            iterator.began.clear()
            if iterator.read_elsewhere() and iterator.at < iterator.count:
                overlapped.append(iterator.began.wait(timeout=5) or iterator.at)
            super().forward_backward(data_batch)

    # The thread may have begun before this step's event was cleared, so the position counts too.
    module = Watching(mlp())
    module.fit(iterator, num_epoch=1)
    assert len(overlapped) > 4
    assert all(overlapped)


@pytest.mark.parametrize("kind", [Reusing, Drawing, DrawingFromEngine, AskingModule])
def test_iterators_that_could_tell_are_not_read_ahead(kind):
    iterator = kind()
    module, seen = fitted(iterator)
    assert iterator.read_elsewhere() == 0
    other, expected = fitted(kind(), read_ahead=False)
    assert seen == expected
    same(values(module.get_params()[0]), values(other.get_params()[0]))
    assert "forward" not in vars(module)
    assert "get_params" not in vars(module)


def test_quick_iterators_are_not_handed_to_a_thread():
    before = threading.active_count()
    most = []
    for _ in range(4):  # where other programs hold the processor, a quick batch can look slow now and then
        running = []
        module = mx.mod.Module(mlp())
        module.fit(
            data_iter(40),
            num_epoch=2,
            batch_end_callback=lambda p: running.append(threading.active_count()),  # noqa: B023
        )
        most.append(max(running))
    assert min(most) == before


def test_switched_off_by_the_environment(monkeypatch):
    monkeypatch.setenv("SYMBIND_READ_AHEAD", "0")
    iterator = Slow()
    fitted(iterator)
    assert iterator.read_elsewhere() == 0


@pytest.mark.parametrize("fail_at", [2, 11])
def test_errors_of_the_iterator_are_raised(fail_at):
    before = threading.active_count()
    iterator, seen = Slow(fail_at=fail_at), []
    module = mx.mod.Module(mlp())
    with pytest.raises(OSError, match="the disk is gone"):
        module.fit(iterator, num_epoch=1, batch_end_callback=lambda p: seen.append(p.nbatch))
    assert len(seen) in (fail_at - 1, fail_at - 2)
    assert threading.active_count() == before
    iterator.fail_at = None
    iterator.reset()
    module.fit(iterator, num_epoch=1, begin_epoch=0, force_init=True)
    assert module.score(iterator, "acc")[0][1] > 0.4


def test_an_error_while_a_batch_is_read_leaves_no_thread():
    before = threading.active_count()

    def stop(param):
        if param.nbatch == 9:
            raise KeyboardInterrupt

    iterator = Slow()
    with pytest.raises(KeyboardInterrupt):
        mx.mod.Module(mlp()).fit(iterator, num_epoch=1, batch_end_callback=stop)
    assert iterator.read_elsewhere() > 0
    assert threading.active_count() == before


def test_score_and_predict_read_ahead_too():
    module = bound()
    inline = bound()
    inline.set_params(*module.get_params())
    inline.read_ahead = False
    for call in (lambda m, it: m.score(it, "acc"), lambda m, it: m.predict(it).asnumpy().tolist()):
        iterator = Slow()
        assert call(module, iterator) == call(inline, Slow())
        assert iterator.read_elsewhere() > 4
        iterator = Slow()
        module.score(iterator, "acc", num_batch=9)
        assert iterator.at == 10, "one more than asked for, as without reading ahead"
    iterator = Slow()
    for _, number, _ in module.iter_predict(iterator):
        if number == 8:
            break
    assert iterator.at == 9
    assert iterator.read_elsewhere() == 0


# ---------------------------------------------------------------------------------------------------- padding


@pytest.mark.parametrize("contexts", [1, 2])
@pytest.mark.parametrize("metric", ["acc", "ce", ["acc", "ce"]])
def test_metrics_leave_padding_out(contexts, metric):
    rng = np.random.RandomState(0)
    data, label = rng.randn(10, 6).astype("float32"), rng.randint(0, 3, 10).astype("float32")
    module = bound(contexts)
    result = module.score(mx.io.NDArrayIter(data, label, batch_size=4), metric)
    whole = bound(batch=10)
    whole.set_params(*module.get_params())
    expected = whole.score(mx.io.NDArrayIter(data, label, batch_size=10), metric)
    assert [name for name, _ in result] == [name for name, _ in expected]
    np.testing.assert_allclose([v for _, v in result], [v for _, v in expected], rtol=1e-5)
    counted = module.score(mx.io.NDArrayIter(data, label, batch_size=4), metric, count_padding=True)
    repeated = np.concatenate([np.arange(10), np.arange(2)])
    all_of_it = bound(batch=12)
    all_of_it.set_params(*module.get_params())
    expected = all_of_it.score(mx.io.NDArrayIter(data[repeated], label[repeated], batch_size=12), metric)
    np.testing.assert_allclose([v for _, v in counted], [v for _, v in expected], rtol=1e-5)


def test_fit_leaves_padding_out():
    counts = []
    for kwargs in ({}, {"count_padding": True}):
        metric = mx.metric.Accuracy()
        mx.mod.Module(mlp()).fit(data_iter(10), eval_metric=metric, num_epoch=1, **kwargs)
        counts.append(metric.num_inst)
    assert counts == [10, 12]


def test_validation_in_fit_leaves_padding_out():
    counts = []
    mx.mod.Module(mlp()).fit(
        data_iter(8),
        eval_data=data_iter(10),
        num_epoch=1,
        eval_end_callback=lambda p: counts.append(p.eval_metric.num_inst),
    )
    assert counts == [10]


def test_padding_of_more_than_a_context():
    module = bound(contexts=2)
    metric = mx.metric.Accuracy()
    module.score(data_iter(5), metric)  # the last batch is one sample: nothing is left for the second context
    assert metric.num_inst == 5


def test_padding_of_a_chain():
    chain = mx.mod.SequentialModule()
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc0")
    chain.add(mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax")), take_labels=True)
    chain.add(mx.mod.Module(mlp()), take_labels=True, auto_wiring=True)
    metric = mx.metric.Accuracy()
    chain.fit(data_iter(10), eval_metric=metric, num_epoch=1)
    assert metric.num_inst == 20


def test_outputs_that_are_not_by_sample_are_counted_as_they_are():
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=12, name="fc")
    net = mx.sym.SoftmaxOutput(
        mx.sym.Reshape(net, shape=(-1, 3)),
        mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,)),
        name="softmax",
    )
    module = mx.mod.Module(net)
    iterator = mx.io.NDArrayIter(np.zeros((10, 6), "float32"), np.zeros((10, 4), "float32"), batch_size=4)
    module.bind(iterator.provide_data, iterator.provide_label)
    module.init_params()
    metric = mx.metric.Accuracy()
    module.score(iterator, metric)
    assert metric.num_inst == 48


@ours_only
def test_samples_that_rolled_over_count():
    """A batch that begins with samples of the last epoch has no padding: every sample is counted."""
    rng = np.random.RandomState(3)
    data, label = rng.randn(20, 6).astype("float32"), rng.randint(0, 3, 20).astype("float32")
    iterator = mx.io.NDArrayIter(data, label, batch_size=8, last_batch_handle="roll_over")
    counted = []
    module = mx.mod.Module(mlp())
    module.fit(
        iterator,
        num_epoch=3,
        eval_metric="acc",
        batch_end_callback=lambda param: counted.append((param.epoch, param.eval_metric.num_inst)),
    )
    assert counted == [(0, 8), (0, 16), (1, 8), (1, 16), (1, 24), (2, 8), (2, 16)]
    assert module.predict(iterator, reset=False).shape == (24, 3)
    iterator.reset()
    assert len(list(iterator)) == 2
    iterator.reset()
    assert module.predict(mx.io.PrefetchingIter(iterator), reset=False).shape == (24, 3)
