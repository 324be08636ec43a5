"""Callbacks, Monitor and the logger: behaviour as recorded from MXNet 1.9.1."""

import logging
import math

import numpy as np
import pytest
from common import mx, ours_only
from parity import companion_cases, companion_golden

GOLDEN = companion_golden.section("callback")


@pytest.fixture(scope="module")
def results():
    return companion_cases.callback_results(mx)


@pytest.mark.parametrize("name", GOLDEN)
def test_same_as_mxnet(name, results):
    companion_golden.assert_same(results[name], GOLDEN[name])


def test_every_recorded_case_is_replayed(results):
    assert sorted(results) == sorted(GOLDEN)


def test_do_checkpoint_saves_every_period(tmp_path):
    symbol = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")
    args = {"fc_weight": mx.nd.ones((2, 3)), "fc_bias": mx.nd.zeros((2,))}
    callback = mx.callback.do_checkpoint(str(tmp_path / "net"), period=2)
    for epoch in range(5):
        callback(epoch, symbol, args, {})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["net-0002.params", "net-0004.params", "net-symbol.json"]
    loaded = mx.nd.load(str(tmp_path / "net-0004.params"))
    assert sorted(loaded) == ["arg:fc_bias", "arg:fc_weight"]


# Monitor


class FakeExecutor:
    """Two outputs, one argument and one auxiliary state."""

    def __init__(self):
        self.arg_dict = {"weight": mx.nd.array([[3.0, 4.0]])}
        self.aux_dict = {"mean": mx.nd.array([2.0])}

    def set_monitor_callback(self, callback, monitor_all=False):
        self.callback, self.monitor_all = callback, monitor_all

    def forward(self):
        self.callback("z_output", mx.nd.array([1.0, 1.0]))
        self.callback("a_output", mx.nd.array([5.0]))


def watch(monitor, batches=1):
    executor = FakeExecutor()
    monitor.install(executor)
    results = []
    for _ in range(batches):
        monitor.tic()
        executor.forward()
        results.append(monitor.toc())
    return executor, results


@ours_only
def test_monitor_collects_outputs_then_parameters():
    executor, [result] = watch(mx.monitor.Monitor(1))
    assert [(step, name) for step, name, _ in result] == [
        (1, "z_output"),
        (1, "a_output"),
        (1, "weight"),
        (1, "mean"),
    ]
    assert [float(text) for _, _, text in result] == pytest.approx([1.0, 5.0, 5 / math.sqrt(2), 2.0])
    assert executor.monitor_all is False


@ours_only
def test_monitor_interval_pattern_sort_and_monitor_all():
    monitor = mx.monitor.Monitor(3, pattern=".*output|mean", sort=True, monitor_all=True)
    executor, results = watch(monitor, batches=4)
    assert [[name for _, name, _ in result] for result in results] == [
        ["a_output", "mean", "z_output"],
        [],
        [],
        ["a_output", "mean", "z_output"],
    ]
    assert [step for step, _, _ in results[3]] == [4] * 3
    assert executor.monitor_all is True


@ours_only
@pytest.mark.parametrize(
    ("stat", "text"),
    [
        (lambda value: value, "[5.]\t"),
        (lambda value: [value.asnumpy().max(), 2], "5.0\t2\t"),
        (lambda value: 1.5, "1.5\t"),
        (lambda value: mx.nd.array([1.0, 2.0]), "[1. 2.]\t"),
    ],
)
def test_monitor_statistics(stat, text):
    _, [result] = watch(mx.monitor.Monitor(1, stat, pattern="a_"))
    expected = text if "[5.]" not in text else "5.0\t"  # an array of one element is shown as a number
    assert result == [(1, "a_output", expected)]


@ours_only
def test_monitor_with_a_bad_statistic_goes_on_afterwards():
    monitor = mx.monitor.Monitor(1, lambda value: "text")
    executor = FakeExecutor()
    monitor.install(executor)
    for _ in range(2):
        monitor.tic()
        executor.forward()
        with pytest.raises(TypeError, match=r"\[Monitor\] stat_func must return .*: got str for 'z_output'"):
            monitor.toc()
        assert monitor.queue == [] and not monitor.activated


@ours_only
def test_monitor_toc_print(caplog):
    monitor = mx.monitor.Monitor(1, lambda value: 7, pattern="mean")
    executor = FakeExecutor()
    monitor.install(executor)
    with caplog.at_level(logging.INFO):
        monitor.tic()
        executor.forward()
        monitor.toc_print()
    assert caplog.records[-1].getMessage() == "Batch:       1 mean                           7\t"


def test_monitor_on_an_executor():
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")
    net = mx.sym.Activation(net, act_type="relu", name="relu")
    executor = net.simple_bind(mx.cpu(), data=(2, 4))
    for value in executor.arg_arrays:
        value[:] = 1
    monitor = mx.monitor.Monitor(1, pattern="fc.*|relu.*|data")
    monitor.install(executor)
    monitor.tic()
    executor.forward(is_train=False)
    result = monitor.toc()
    assert [name for _, name, _ in result] == ["fc_output", "relu_output", "data", "fc_weight", "fc_bias"]
    assert [float(text) for _, _, text in result] == pytest.approx([5.0, 5.0, 1.0, 1.0, 1.0])


# The logger


@ours_only
def test_logger_is_set_up_once(capsys):
    logger = mx.log.get_logger("symbind.test.once", level=mx.log.INFO)
    logger.info("hello %d", 3)
    assert mx.log.get_logger("symbind.test.once", level=mx.log.DEBUG) is logger
    assert logger.level == logging.INFO and len(logger.handlers) == 1
    head, _, message = capsys.readouterr().err.rpartition("] ")
    assert message == "hello 3\n"
    assert head.startswith("I") and "test_callback.py:test_logger_is_set_up_once:" in head


@ours_only
def test_logger_to_a_file(tmp_path):
    path = tmp_path / "log.txt"
    mx.log.get_logger("symbind.test.file", filename=str(path)).error("bad")
    assert path.read_text() == "bad\n"
    with pytest.warns(DeprecationWarning, match="get_logger"):
        assert mx.log.getLogger() is logging.getLogger()


@ours_only
def test_logger_shows_exceptions(capsys):
    logger = mx.log.get_logger("symbind.test.exception")
    try:
        np.zeros(1)[5]
    except IndexError:
        logger.exception("oh")
    text = capsys.readouterr().err
    assert "] oh\nTraceback" in text and "IndexError" in text
