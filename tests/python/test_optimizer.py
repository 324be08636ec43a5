"""Optimizers against what MXNet computes, the updater, and optimizer-states files."""

from __future__ import annotations

import pathlib
import pickle
import struct
import sys
import types
import warnings

import numpy as np
import pytest
from common import mx, ours_only
from parity import training_cases as cases

GOLDENS = pathlib.Path(__file__).resolve().parent / "parity" / "goldens"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDENS / "optimizer.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def mxnet_files():
    with np.load(GOLDENS / "states_files.npz") as file:
        return dict(file)


@pytest.mark.parametrize("label", cases.OPTIMIZER_CASES)
def test_updates_as_mxnet(golden, label):
    expected = {k.split("/")[1]: v for k, v in golden.items() if k.startswith(f"{label}/")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        actual = cases.run_optimizer_case(mx, label)
    assert set(actual) == set(expected)
    # MXNet rounds 1 - beta2 to float32 in the steps of FTML and LAMB, which is a relative error of 1.3e-5.
    coarse = label.startswith(("ftml", "lamb"))
    rtol = 2e-3 if cases.OPTIMIZER_CASES[label][1] == "float16" else 4e-5 if coarse else 2e-6
    for key, value in expected.items():
        assert actual[key].dtype == value.dtype, key
        np.testing.assert_allclose(
            actual[key], value, rtol=rtol, atol=rtol * np.abs(value).max(), err_msg=key
        )


def test_dcasgd_with_momentum():
    rng = np.random.RandomState(0)
    weight = previous = rng.randn(3, 4)
    momentum = np.zeros_like(weight)
    optimizer = mx.optimizer.DCASGD(momentum=0.9, lamda=0.5, learning_rate=0.1, wd=0.01, rescale_grad=0.5)
    updater, array = mx.optimizer.get_updater(optimizer), mx.nd.array(weight)
    for _ in range(4):
        given = rng.randn(3, 4)
        updater(0, mx.nd.array(given), array)
        g = 0.5 * given
        momentum = 0.9 * momentum - 0.1 * (g + 0.01 * weight + 0.5 * g * g * (weight - previous))
        previous, weight = weight, weight + momentum
    np.testing.assert_allclose(array.asnumpy(), weight, rtol=1e-5)
    np.testing.assert_allclose(updater.states[0][1].asnumpy(), previous, rtol=1e-5)


def test_sgld_adds_noise_of_the_right_size():
    optimizer = mx.optimizer.SGLD(learning_rate=0.04, wd=0.5, rescale_grad=2.0, clip_gradient=0.3)
    weight = mx.nd.ones((100, 100))
    mx.random.seed(3)
    mx.optimizer.get_updater(optimizer)(0, mx.nd.ones((100, 100)), weight)
    moved = weight.asnumpy()
    assert abs(moved.mean() - (1 - 0.02 * (0.3 + 0.5))) < 0.01
    assert abs(moved.std() - 0.2) < 0.01


def test_group_adagrad():
    rng = np.random.RandomState(0)
    weight, history = rng.randn(3, 4), np.zeros((3, 1))
    optimizer = mx.optimizer.contrib.GroupAdaGrad(learning_rate=0.1, rescale_grad=0.5, clip_gradient=0.4)
    updater, array = mx.optimizer.get_updater(optimizer), mx.nd.array(weight)
    for _ in range(3):
        given = rng.randn(3, 4)
        updater(0, mx.nd.array(given), array)
        g = np.clip(0.5 * given, -0.4, 0.4)
        history = history + (g * g).mean(axis=1, keepdims=True)
        weight = weight - 0.1 * g / np.sqrt(history + 1e-5)
    np.testing.assert_allclose(array.asnumpy(), weight, rtol=1e-5)
    np.testing.assert_allclose(updater.states[0].asnumpy(), history, rtol=1e-5)


@ours_only
def test_group_adagrad_refuses_what_it_does_not_support():
    optimizer = mx.optimizer.create("groupadagrad", wd=0.1)
    with pytest.raises(ValueError, match="got shape \\(3,\\), expected a matrix"):
        optimizer.create_state(0, mx.nd.ones((3,)))
    with pytest.raises(ValueError, match="expected 0; weight decay is not supported"):
        mx.optimizer.get_updater(optimizer)(0, mx.nd.ones((2, 2)), mx.nd.ones((2, 2)))


@ours_only
@pytest.mark.parametrize(
    "name, kwargs",
    [
        ("adadelta", {}),
        ("adamax", {}),
        ("nadam", {}),
        ("ftrl", {}),
        ("ftml", {}),
        ("signum", {}),
        ("dcasgd", {"momentum": 0.9}),
        ("lars", {"momentum": 0.9}),
        ("lamb", {}),
        ("lbsgd", {"momentum": 0.9, "batch_scale": 2}),
    ],
)
def test_training_resumes_from_saved_states(name, kwargs):
    """After four steps, save and load, two more give what six in a row give."""
    whole = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.05, **kwargs))
    expected = run_steps(whole, 2, seed=1, weight=run_steps(whole, 4))
    first = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.05, **kwargs))
    weights = run_steps(first, 4)
    second = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.05, **kwargs))
    second.set_states(first.get_states())
    for got, wanted in zip(run_steps(second, 2, seed=1, weight=weights), expected):
        np.testing.assert_array_equal(got.asnumpy(), wanted.asnumpy())


@ours_only
def test_large_batch_keeps_the_gradients_it_saw():
    """The array of a gradient holds the next one by the next update, as in a bound executor."""
    weight, grad = mx.nd.zeros((2,)), mx.nd.zeros((2,))
    optimizer = mx.optimizer.LBSGD(learning_rate=1.0, batch_scale=2, warmup_epochs=0)
    updater = mx.optimizer.get_updater(optimizer)
    for value in (1.0, 3.0):
        grad[:] = value
        updater(0, grad, weight)
    np.testing.assert_allclose(weight.asnumpy(), -4.0)  # mean gradient 2, rate times batch_scale


# ------------------------------------------------------------------------------------------------- base class


def test_create_by_name():
    assert isinstance(mx.optimizer.create("SGD", momentum=0.5), mx.optimizer.SGD)
    assert isinstance(mx.optimizer.create("ADAM"), mx.optimizer.Adam)
    assert isinstance(mx.optimizer.create("ccsgd"), mx.optimizer.SGD)
    with pytest.raises(ValueError, match="nosuch"):
        mx.optimizer.create("nosuch")
    with pytest.raises(TypeError):
        mx.optimizer.create("sgd", no_such_argument=1)


@ours_only
def test_create_errors_name_the_choices():
    with pytest.raises(
        ValueError,
        match=r"\[optimizer.create\] unknown optimizer: got 'x', expected one "
        r"of: .*adam.*sgd",
    ):
        mx.optimizer.create("x")
    with pytest.raises(TypeError, match="got int, expected str"):
        mx.optimizer.create(3)
    with pytest.raises(TypeError, match="param_idx2name: got list, expected a dict"):
        mx.optimizer.SGD(param_idx2name=["w"])


def test_default_attributes():
    sgd, adam = mx.optimizer.SGD(), mx.optimizer.Adam()
    assert (sgd.lr, sgd.wd, sgd.rescale_grad, sgd.clip_gradient, sgd.momentum) == (0.01, 0.0, 1.0, None, 0.0)
    assert (adam.lr, adam.beta1, adam.beta2, adam.epsilon) == (0.001, 0.9, 0.999, 1e-8)
    rmsprop, adagrad = mx.optimizer.RMSProp(), mx.optimizer.AdaGrad()
    assert (rmsprop.gamma1, rmsprop.gamma2, rmsprop.centered, rmsprop.clip_weights) == (0.9, 0.9, False, None)
    assert adagrad.float_stable_eps == 1e-7


def test_register_own_optimizer():
    class HalfStep(mx.optimizer.Optimizer):
        def create_state(self, index, weight):
            return None

        def update(self, index, weight, grad, state):
            self._update_count(index)
            weight -= grad * (self._get_lr(index) / 2)

    assert mx.optimizer.register(HalfStep) is HalfStep
    optimizer = mx.optimizer.create("halfstep", learning_rate=1.0)
    weight = mx.nd.ones((2,))
    mx.optimizer.get_updater(optimizer)(0, mx.nd.ones((2,)), weight)
    np.testing.assert_allclose(weight.asnumpy(), 0.5)


def test_register_again_warns():
    class Twice(mx.optimizer.Optimizer):
        pass

    mx.optimizer.register(Twice)
    other = type("Twice", (mx.optimizer.Optimizer,), {})
    with pytest.warns(UserWarning, match="Twice"):
        mx.optimizer.register(other)


@ours_only
def test_subclass_update_is_called_for_every_parameter():
    seen = []

    class Watched(mx.optimizer.SGD):
        def update(self, index, weight, grad, state):
            seen.append(index)
            super().update(index, weight, grad, state)

    updater = mx.optimizer.get_updater(Watched(learning_rate=1.0))
    weights = [mx.nd.ones((2,)), mx.nd.ones((3,))]
    grads = [mx.nd.ones((2,)), mx.nd.ones((3,))]
    updater([4, 5], grads, weights)
    updater.plan([4, 5], grads, weights)()
    assert seen == [4, 5, 4, 5]
    np.testing.assert_allclose(weights[1].asnumpy(), -1)


def test_weight_decay_by_name_ending():
    names = {0: "fc_bias", 1: "bn_gamma", 2: "x_weight", 3: "bn_beta", 4: "emb"}
    optimizer = mx.optimizer.SGD(param_idx2name=names, wd=0.1)
    assert optimizer._get_wds([0, 1, 2, 3, 4]) == [0.0, 0.1, 0.1, 0.0, 0.0]
    assert optimizer._get_wd("unknown") == 0.1


def test_multipliers_from_symbol_attributes_and_calls():
    data = mx.sym.Variable("data")
    weight = mx.sym.Variable("w", lr_mult=0.5, wd_mult=3.0)
    bias = mx.sym.Variable("b_bias", wd_mult=2.0)
    net = mx.sym.FullyConnected(data, weight=weight, bias=bias, num_hidden=3, name="fc")
    optimizer = mx.optimizer.SGD(
        sym=net, param_idx2name={0: "w", 1: "b_bias", 2: "c_weight"}, wd=0.1, learning_rate=1.0
    )
    np.testing.assert_allclose(optimizer._get_lrs([0, 1, 2]), [0.5, 1.0, 1.0])
    np.testing.assert_allclose(optimizer._get_wds([0, 1, 2]), [0.3, 0.2, 0.1])
    optimizer.set_lr_mult({"b_bias": 7})
    optimizer.set_wd_mult({"c_weight": 5})
    np.testing.assert_allclose(optimizer._get_lrs([0, 1, 2]), [0.5, 7.0, 1.0])
    np.testing.assert_allclose(optimizer._get_wds([0, 1, 2]), [0.3, 0.2, 0.5])
    assert optimizer._get_lr("w") == 0.5


def test_param_dict_wins():
    param = types.SimpleNamespace(lr_mult=3.0, wd_mult=4.0)
    optimizer = mx.optimizer.SGD(param_dict={0: param}, wd=0.1, learning_rate=1.0, param_idx2name={0: "w"})
    np.testing.assert_allclose(optimizer._get_lrs([0, 1]), [3.0, 1.0])
    np.testing.assert_allclose(optimizer._get_wds([0, 1]), [0.4, 0.1])


def test_learning_rate_and_scheduler():
    optimizer = mx.optimizer.SGD()
    optimizer.set_learning_rate(0.3)
    assert optimizer.learning_rate == 0.3
    scheduler = mx.lr_scheduler.FactorScheduler(step=2, factor=0.5)
    optimizer = mx.optimizer.SGD(learning_rate=0.8, lr_scheduler=scheduler)
    assert scheduler.base_lr == 0.8
    with pytest.raises(UserWarning):
        optimizer.set_learning_rate(1.0)
    rates = []
    for _ in range(5):
        optimizer._update_count(0)
        rates.append(optimizer._get_lr(0))
    np.testing.assert_allclose(rates, [0.8, 0.8, 0.4, 0.4, 0.2])
    assert optimizer.learning_rate == rates[-1]
    default = mx.lr_scheduler.FactorScheduler(step=2, base_lr=0.3)
    assert mx.optimizer.SGD(lr_scheduler=default).learning_rate == 0.3
    with pytest.raises(DeprecationWarning):
        optimizer.set_lr_scale({})


def test_update_counts_by_device():
    optimizer = mx.optimizer.SGD(begin_num_update=7)
    optimizer._update_count(3)
    optimizer._update_count([3, 4])
    assert optimizer.num_update == 9
    assert optimizer._index_update_count == {3: 9, 4: 8}
    optimizer._set_current_context(1)
    optimizer._update_count(3)
    assert optimizer._index_update_count == {3: 8}
    assert optimizer.num_update == 9


def test_float16_states():
    weight = mx.nd.ones((2,), dtype="float16")
    momentum, master = mx.optimizer.SGD(momentum=0.9, multi_precision=True).create_state_multi_precision(
        0, weight
    )
    assert (momentum.dtype, master.dtype) == (np.float32, np.float32)
    master, (mean, _) = mx.optimizer.Adam(multi_precision=True).create_state_multi_precision(0, weight)
    assert (mean.dtype, master.dtype) == (np.float32, np.float32)
    with pytest.warns(UserWarning, match="float16"):
        assert mx.optimizer.SGD(momentum=0.9).create_state_multi_precision(0, weight).dtype == np.float16


def test_pickled_optimizer_keeps_its_numbers():
    optimizer = mx.optimizer.Adam(learning_rate=0.25, wd=0.5, param_idx2name={0: "w"})
    copy = pickle.loads(pickle.dumps(optimizer))
    assert (copy.lr, copy.wd, copy.idx2name, copy.param_dict) == (0.25, 0.5, {0: "w"}, {})


def test_mixed_dtypes_in_one_update():
    updater = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5))
    weights = [mx.nd.ones((3,), dtype=d) for d in ("float32", "float64", "float32")]
    grads = [mx.nd.ones((3,), dtype=w.dtype) * (i + 1) for i, w in enumerate(weights)]
    updater([0, 1, 2], grads, weights)
    for i, weight in enumerate(weights):
        np.testing.assert_allclose(weight.asnumpy(), 1 - 0.5 * (i + 1))


# --------------------------------------------------------------------------------------------------- updater


def run_steps(updater, steps, seed=0, weight=None):
    """Applies some fixed gradients to two parameters; returns their values."""
    rng = np.random.RandomState(seed)
    weights = weight or [mx.nd.array(rng.randn(3, 2)), mx.nd.array(rng.randn(4))]
    for _ in range(steps):
        updater([0, 1], [mx.nd.array(rng.randn(3, 2)), mx.nd.array(rng.randn(4))], weights)
    return weights


@ours_only
@pytest.mark.parametrize("name", ["sgd", "adam", "nag", "rmsprop", "adagrad"])
def test_plan_is_the_same_as_calling(name):
    rng = np.random.RandomState(0)
    shapes = [(3, 2), (4,), (5,)]
    start = [rng.randn(*s).astype("float32") for s in shapes]
    grads = [mx.nd.zeros(s) for s in shapes]
    kwargs = {"momentum": 0.9} if name in ("sgd", "nag") else {}
    results = []
    for planned in (False, True):
        optimizer = mx.optimizer.create(
            name, wd=0.1, param_idx2name={0: "a_weight", 1: "b_bias", 2: "c"}, **kwargs
        )
        updater = mx.optimizer.get_updater(optimizer)
        weights = [mx.nd.array(w) for w in start]
        plan = updater.plan([0, 1, 2], grads, weights)
        rng = np.random.RandomState(1)
        for _ in range(4):
            for grad in grads:
                grad[:] = rng.randn(*grad.shape)
            if planned:
                plan()
            else:
                updater([0, 1, 2], grads, weights)
        results.append([w.asnumpy() for w in weights])
    for called, by_plan in zip(*results):
        np.testing.assert_array_equal(called, by_plan)


@ours_only
def test_plan_notices_loaded_states():
    weight, grad = mx.nd.ones((2,)), mx.nd.ones((2,))
    updater = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9, learning_rate=1.0))
    plan = updater.plan([0], [grad], [weight])
    plan()
    saved = updater.get_states()
    plan()
    updater.set_states(saved)
    weight[:] = 0
    plan()
    np.testing.assert_allclose(weight.asnumpy(), -1.9, rtol=1e-6)  # momentum -1 decays to -0.9, minus 1


@ours_only
def test_updater_rejects_other_things():
    with pytest.raises(TypeError, match="expected an Optimizer"):
        mx.optimizer.get_updater("sgd")


# ------------------------------------------------------------------------------------------- states as bytes


@pytest.mark.parametrize(
    "name,kwargs", [("sgd", {"momentum": 0.9}), ("adam", {}), ("rmsprop", {"centered": True})]
)
def test_states_round_trip(name, kwargs):
    updater = mx.optimizer.get_updater(mx.optimizer.create(name, **kwargs))
    run_steps(updater, 2)
    restored = mx.optimizer.get_updater(mx.optimizer.create(name, **kwargs))
    restored.set_states(updater.get_states())
    assert set(restored.states) == {0, 1}
    for index in (0, 1):
        for a, b in zip(cases._flat(updater.states[index]), cases._flat(restored.states[index])):
            np.testing.assert_array_equal(a, b)


@ours_only
@pytest.mark.parametrize(
    "name,kwargs", [("sgd", {"momentum": 0.9}), ("adam", {}), ("adagrad", {}), ("sgd", {})]
)
@pytest.mark.parametrize("schedule", [False, True])
def test_resume_is_exact(name, kwargs, schedule):
    def make():
        extra = dict(kwargs, learning_rate=0.1)
        if schedule:
            extra["lr_scheduler"] = mx.lr_scheduler.FactorScheduler(step=2, factor=0.5)
        return mx.optimizer.get_updater(mx.optimizer.create(name, **extra))

    straight, first, second = make(), make(), make()
    expected = run_steps(straight, 6)
    weights = run_steps(first, 3)
    second.set_states(first.get_states())
    assert second.optimizer.num_update == 3
    rng = np.random.RandomState(0)
    rng.randn(3, 2), rng.randn(4)
    for step in range(6):
        grads = [mx.nd.array(rng.randn(3, 2)), mx.nd.array(rng.randn(4))]
        if step >= 3:
            second([0, 1], grads, weights)
    for a, b in zip(expected, weights):
        np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


@ours_only
def test_schedule_position_with_a_scheduler_that_was_used_before():
    # The scheduler object has moved on; the new optimizer sets its base rate again.
    scheduler = mx.lr_scheduler.FactorScheduler(step=1, factor=0.5)
    updater = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.8, lr_scheduler=scheduler))
    run_steps(updater, 3)
    saved, rate = updater.get_states(), updater.optimizer.learning_rate
    again = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.8, lr_scheduler=scheduler))
    again.set_states(saved)
    assert again.optimizer.learning_rate == rate == pytest.approx(0.2)


@ours_only
def test_another_schedule_is_kept():
    updater = mx.optimizer.get_updater(
        mx.optimizer.SGD(learning_rate=0.8, lr_scheduler=mx.lr_scheduler.FactorScheduler(step=1, factor=0.5))
    )
    run_steps(updater, 3)
    other = mx.lr_scheduler.FactorScheduler(step=1, factor=0.1)
    again = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.7, lr_scheduler=other))
    again.set_states(updater.get_states())
    assert again.optimizer.learning_rate == pytest.approx(0.007)


@ours_only
def test_dump_optimizer_restores_numbers():
    updater = mx.optimizer.get_updater(mx.optimizer.Adam(learning_rate=0.3, wd=0.2))
    run_steps(updater, 1)
    again = mx.optimizer.get_updater(mx.optimizer.Adam())
    again.set_states(updater.get_states(dump_optimizer=True))
    assert (again.optimizer.lr, again.optimizer.wd) == (0.3, 0.2)


@pytest.mark.parametrize(
    "label,key",
    [
        ("sgd_mom", 0),
        ("sgd_none", 0),
        ("adam_named", "fc_weight"),
        ("sgd_mp", 2),
        ("rmsprop", 5),
        ("ftml", 0),
        ("dcasgd", 1),
        ("signum", 0),
        ("lamb_mp", 0),
        ("lars_mp", 3),
    ],
)
def test_read_files_of_mxnet(mxnet_files, label, key):
    updater = mx.optimizer.get_updater(mx.optimizer.SGD())
    updater.set_states(mxnet_files[label].tobytes())
    assert list(updater.states) == [key]
    arrays = cases._flat(updater.states[key])
    for i, array in enumerate(arrays):
        np.testing.assert_array_equal(array, mxnet_files[f"{label}_{i}"])
    assert len(arrays) == sum(k.startswith(f"{label}_") for k in mxnet_files)


@ours_only
def test_python2_pickle():
    record = mx._core.ndarray_to_bytes(mx.nd.array([1.0, 2.0]).handle).decode("latin-1")
    text = record.encode("raw_unicode_escape").replace(b"\x00", b"\\u0000").replace(b"\n", b"\\u000a")
    data = (
        b"(dp0\nI0\ncmxnet.ndarray.ndarray\nNDArray\np1\n(Ntp2\nRp3\n(dp4\nS'handle'\np5\n"
        b"c__builtin__\nbytearray\np6\n(V" + text + b"\np7\nS'latin-1'\np8\ntp9\nRp10\nsbs."
    )
    updater = mx.optimizer.get_updater(mx.optimizer.SGD())
    updater.set_states(data)
    np.testing.assert_array_equal(updater.states[0].asnumpy(), [1, 2])


class _FakeNDArray:
    """Stands for MXNet's NDArray while `pickle` reads a file."""

    def __init__(self, handle):
        assert handle is None

    def __setstate__(self, state):
        assert list(state) == ["handle"]
        self.record = bytes(state["handle"])


@ours_only
def test_files_are_pickles_that_mxnet_reads(monkeypatch):
    for name in ("mxnet", "mxnet.ndarray", "mxnet.ndarray.ndarray"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules["mxnet.ndarray.ndarray"], "NDArray", _FakeNDArray, raising=False)
    updater = mx.optimizer.get_updater(mx.optimizer.Adam())
    run_steps(updater, 1)
    updater.states.update({"name": mx.nd.ones((2,)), 3: None, -1: (None, mx.nd.ones((1,))), 2**40: None})
    states = pickle.loads(updater.get_states())
    assert list(states) == [0, 1, "name", 3, -1, 2**40]
    assert isinstance(states[0], tuple)
    assert states[3] is None
    record = states["name"].record
    assert struct.unpack("<I", record[:4])[0] == 0xF993FAC9
    np.testing.assert_array_equal(np.frombuffer(record[-8:], "<f4"), [1, 1])
    np.testing.assert_array_equal(
        np.frombuffer(states[0][1].record, "<f4")[-6:], updater.states[0][1].asnumpy().ravel()
    )


# ---------------------------------------------------------------------------------------------- hostile files


def bad(data, match):
    updater = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9))
    run_steps(updater, 1)
    before = dict(updater.states)
    with pytest.raises(mx.MXNetError, match=match):
        updater.set_states(data, source="some.states")
    assert updater.states == before
    assert updater.optimizer.num_update == 1


class _Evil:
    def __reduce__(self):
        import os

        return (os.mkdir, ("symbind_was_here",))


@ours_only
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_code_in_a_file_never_runs(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    bad(pickle.dumps({0: _Evil()}, protocol=protocol), r"some.states: byte \d+: it names (posix|os|nt).mkdir")
    assert not (tmp_path / "symbind_was_here").exists()


@ours_only
def test_truncated_files_are_rejected():
    updater = mx.optimizer.get_updater(mx.optimizer.Adam())
    run_steps(updater, 1)
    data = updater.get_states()
    end = data.index(b"\n#symbind-resume")
    for cut in [*range(1, 200), end - 1, end + 22, end + 30, len(data) - 1]:
        bad(data[:cut], "some.states: byte")
    bad(b"", "the file is empty")
    assert mx.optimizer.get_updater(mx.optimizer.Adam()).set_states(data[:end]) is None  # MXNet's part alone


@ours_only
@pytest.mark.parametrize(
    "data,match",
    [
        (b"not a pickle at all", "not a states file"),
        (pickle.dumps([1, 2]), "holds a list, expected a dict"),
        (pickle.dumps({0: 1.5}), "state 0 holds a float"),
        (pickle.dumps({0: b"raw"}), "state 0 holds a bytes"),
        (pickle.dumps({(1, 2): None}), "dict key of type tuple"),
        (pickle.dumps({True: None}), "got bool, expected int or str"),
        (pickle.dumps({0: np.float32(1)}), "which a states file may not use"),
        (b"\x80\x04}(J\x00\x00\x00\x00cmxnet.ndarray.ndarray\nNDArray\nN\x85Ru.", "holds a _Blank"),
        (b"\x80\x04}(J\x00\x00\x00\x00cmxnet.optimizer.optimizer\nSGD\nN\x85Ru.", "pickled optimizer"),
        (b"\x80\x04}(J\x00\x00\x00\x00NJ\x00\x00\x00\x00Nu.", "duplicate key 0"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "byte"),  # bytes longer than any file
        (b"\x80\x04}(J\x00\x00\x00\x00cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85Ru.", "array bytes"),
        (b"\x80\x04(" + b"(" * 100000 + b"t" * 100000 + b"Nd.", "dict key of type tuple"),
        (b"\x80\x04}(J\x00\x00\x00\x00" + b"N" + b"\x85" * 100000 + b"u.", "holds a tuple|not part"),
        (b"\x80\x04h\x07.", "memo entry 7"),
        (b"\x80\x04t.", "lacks its mark"),
        (b"\x80\x04.", "lacks its operand"),
    ],
)
def test_hostile_files(data, match):
    if b"\x85" * 1000 in data:  # a deep tuple of None is harmless: it only has to load or fail cleanly
        updater = mx.optimizer.get_updater(mx.optimizer.SGD())
        updater.set_states(data)
        return
    bad(data, match)


@ours_only
def test_tuples_that_multiply_are_not_walked():
    # Each level is two references to the one below: 2**40 leaves from a few hundred bytes.
    level = b"N" + b"\x94" + b"".join(b"h" + bytes([i]) + b"\x86\x94" for i in range(40))
    bad(b"\x80\x04}(J\x00\x00\x00\x00" + level + b"u.", "state 0 holds a tuple")


@ours_only
@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"num_update": "x"}', b'{"num_update": 1, "params": [[1]]}', b"[" * 100000]
)
def test_damaged_resume_section(text):
    data = mx.optimizer.get_updater(mx.optimizer.SGD()).get_states()
    end = data.index(b"\n#symbind-resume")
    marker = data[end : end + 19]
    updater = mx.optimizer.get_updater(mx.optimizer.SGD())
    with pytest.raises((mx.MXNetError, ValueError), match="section with update counts"):
        updater.set_states(data[:end] + marker + struct.pack("<Q", len(text)) + text)


@ours_only
def test_states_of_another_shape_are_rejected():
    updater = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9))
    run_steps(updater, 1)
    again = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9, param_idx2name={0: "fc_weight"}))
    again.set_states(updater.get_states())
    with pytest.raises(ValueError, match=r"parameter 'fc_weight'.*got \(3, 2\), expected \(7,\)"):
        again(0, mx.nd.ones((7,)), mx.nd.ones((7,)))


@ours_only
def test_states_follow_names_between_numbers_of_contexts():
    names = {0: "a_weight", 1: "a_weight", 2: "b_bias", 3: "b_bias"}  # two contexts
    two = mx.optimizer.get_updater(mx.optimizer.Adam(param_idx2name=names))
    a, b = mx.nd.ones((3,)), mx.nd.ones((2,))
    for device in (0, 1):
        two.optimizer._set_current_context(device)
        two([0 + device, 2 + device], [mx.nd.ones((3,)), mx.nd.ones((2,))], [a.copy(), b.copy()])
    one = mx.optimizer.get_updater(mx.optimizer.Adam(param_idx2name={0: "a_weight", 1: "b_bias"}))
    one.set_states(two.get_states())
    assert {k: s[0].shape for k, s in one.states.items()} == {0: (3,), 1: (2,)}
    assert one.optimizer._index_update_count == {0: 1, 1: 1}
    back = mx.optimizer.get_updater(mx.optimizer.Adam(param_idx2name=names))
    back.set_states(one.get_states())
    assert {k: s[0].shape for k, s in back.states.items()} == {0: (3,), 1: (3,), 2: (2,), 3: (2,)}
    assert back.states[0][0] is not back.states[1][0]
    named = mx.optimizer.get_updater(mx.optimizer.Adam(param_idx2name={0: "a_weight", 1: "b_bias"}))
    named.set_states(one.get_states(), by_name=True)
    assert set(named.states) == {"a_weight", "b_bias"}


@ours_only
def test_mxnet_file_of_two_contexts_fits_one(mxnet_files):
    two = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9))
    for key, size in ((0, 3), (1, 3), (2, 2), (3, 2)):
        two(key, mx.nd.ones((size,)), mx.nd.ones((size,)))
    data = two.get_states()
    data = data[: data.index(b"\n#symbind-resume")]  # as MXNet writes it: without names
    one = mx.optimizer.get_updater(
        mx.optimizer.SGD(momentum=0.9, param_idx2name={0: "a_weight", 1: "b_bias"})
    )
    one.set_states(data)
    assert {k: s.shape for k, s in one.states.items()} == {0: (3,), 1: (2,)}
