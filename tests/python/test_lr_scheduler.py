"""Learning rate schedules: values as recorded from MXNet 1.9.1, messages, misuse."""

import logging

import pytest
from common import mx, ours_only
from parity import companion_cases, companion_golden

GOLDEN = companion_golden.section("lr_scheduler")


@pytest.fixture(scope="module")
def results():
    return companion_cases.schedule_results(mx)


@pytest.mark.parametrize("name", GOLDEN)
def test_same_as_mxnet(name, results):
    companion_golden.assert_same(results[name], GOLDEN[name], rtol=1e-12)


def test_every_recorded_case_is_replayed(results):
    assert sorted(results) == sorted(GOLDEN)


def test_warmup():
    schedule = mx.lr_scheduler.LRScheduler(base_lr=1.0, warmup_steps=4, warmup_begin_lr=0.2)
    assert [schedule.get_warmup_lr(n) for n in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    constant = mx.lr_scheduler.LRScheduler(1.0, 4, 0.2, "constant")
    assert constant.get_warmup_lr(3) == 0.2


def test_a_change_is_logged(caplog):
    with caplog.at_level(logging.INFO):
        schedule = mx.lr_scheduler.FactorScheduler(3, 0.5, base_lr=1.0)
        for n in range(5):
            schedule(n)
    assert [record.getMessage() for record in caplog.records] == [
        "Update[4]: Change learning rate to 5.00000e-01"
    ]


@ours_only
def test_a_jump_is_logged_once_and_the_end_is_told(caplog):
    with caplog.at_level(logging.INFO):
        mx.lr_scheduler.MultiFactorScheduler([2, 4, 6], 0.1, base_lr=1.0)(10)
        schedule = mx.lr_scheduler.FactorScheduler(1, 0.1, stop_factor_lr=0.5, base_lr=1.0)
        for n in range(5):
            schedule(n)
    assert [record.getMessage() for record in caplog.records] == [
        "Update[10]: Change learning rate to 1.00000e-03",
        "Update[2]: Change learning rate to 5.00000e-01, will not change in the future",
    ]


@ours_only
@pytest.mark.parametrize("name", ["PolyScheduler", "CosineScheduler"])
def test_beyond_the_last_update_the_rate_is_the_final_one(name):
    schedule = getattr(mx.lr_scheduler, name)(10, base_lr=1.0, final_lr=0.25)
    assert schedule(1000) == 0.25
    only_warmup = getattr(mx.lr_scheduler, name)(5, base_lr=1.0, final_lr=0.25, warmup_steps=5)
    assert only_warmup(4) == pytest.approx(0.8)
    assert only_warmup(5) == 0.25


@ours_only
def test_misuse():
    module = mx.lr_scheduler
    for error, text, make in [
        (ValueError, "Base lr has to be higher", lambda: module.LRScheduler(1.0, 5, 2.0)),
        (ValueError, "Warmup steps has to be positive or 0", lambda: module.LRScheduler(warmup_steps=-1)),
        (ValueError, "only linear and constant", lambda: module.LRScheduler(warmup_mode="quadratic")),
        (TypeError, "warmup_steps must be an integer", lambda: module.LRScheduler(warmup_steps=1.5)),
        (ValueError, "warm-up is over", lambda: module.LRScheduler(warmup_steps=4).get_warmup_lr(4)),
        (ValueError, "greater or equal than 1", lambda: module.FactorScheduler(0)),
        (ValueError, "no more than 1", lambda: module.FactorScheduler(1, 1.5)),
        (ValueError, "must not be empty", lambda: module.MultiFactorScheduler([])),
        (TypeError, "must be a list", lambda: module.MultiFactorScheduler(5)),
        (ValueError, "increasing integer list", lambda: module.MultiFactorScheduler([3, 3])),
        (ValueError, "greater or equal than 1", lambda: module.MultiFactorScheduler([0, 2])),
        (ValueError, "no more than 1", lambda: module.MultiFactorScheduler([1, 2], 1.5)),
        (ValueError, "strictly positive", lambda: module.PolyScheduler(0)),
        (
            TypeError,
            r"\[CosineScheduler\] max_update must be an integer",
            lambda: module.CosineScheduler(1.5),
        ),
        (NotImplementedError, "must define __call__", lambda: module.LRScheduler()(1)),
    ]:
        with pytest.raises(error, match=text):
            make()
