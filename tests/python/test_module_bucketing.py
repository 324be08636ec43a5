"""BucketingModule: buckets, sharing, errors, checkpoints, memory. Results: parity/test_modules.py."""

from __future__ import annotations

import numpy as np
import pytest
from common import mx, ours_only
from module_helpers import same, values
from parity.module_cases import VOCABULARY, language_model, values_for, words

ERRORS = (RuntimeError, ValueError, AssertionError)


def sym_gen(length):
    return language_model(mx)(length)


def bucketing(default=10, init=True, bind=None, **kwargs):
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=default, **kwargs)
    module.bind([("data", (4, default))], [("softmax_label", (4, default))], **(bind or {}))
    if init:
        params, aux = values_for(mx, sym_gen(default)[0], data=(4, default), softmax_label=(4, default))
        module.init_params(arg_params=params, aux_params=aux)
    return module


class Words(mx.io.DataIter):
    """Batches of three lengths in turn."""

    provide_data = (("data", (4, 10)),)
    provide_label = (("softmax_label", (4, 10)),)
    default_bucket_key = 10

    def __init__(self, count=6):
        super().__init__(4)
        self.at, self.count = 0, count

    def reset(self):
        self.at = 0

    def next(self):
        if self.at == self.count:
            raise StopIteration
        self.at += 1
        return words(mx, (10, 5, 7)[self.at % 3], self.at)


# ---------------------------------------------------------------------------------------------------- buckets


def test_names_before_binding_are_of_the_default_bucket():
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=10)
    assert list(module.data_names) == ["data"]
    assert module.output_names == ["softmax_output"]
    assert not (module.binded or module.params_initialized or module.optimizer_initialized)


def test_forward_switches_to_the_bucket_of_the_batch():
    module = bucketing()
    for length in (10, 7, 10, 5):
        module.forward(words(mx, length, 0))
        assert module._curr_bucket_key == length
        assert [tuple(shape) for _, shape in module.data_shapes] == [(4, length)]
        assert [tuple(shape) for _, shape in module.label_shapes] == [(4, length)]
        assert module.get_outputs()[0].shape == (4 * length, VOCABULARY)
    assert sorted(module._buckets) == [5, 7, 10]


def test_prepare_binds_and_does_not_switch():
    module = bucketing()
    module.prepare(words(mx, 7, 0))
    assert sorted(module._buckets) == [7, 10]
    assert module._curr_bucket_key == 10


def test_switch_bucket():
    module = bucketing()
    module.switch_bucket(6, [("data", (4, 6))], [("softmax_label", (4, 6))])
    assert module._curr_module is module._buckets[6]
    assert module.symbol is module._buckets[6].symbol
    module.switch_bucket(10, None)  # bound already: shapes are not needed
    assert module._curr_bucket_key == 10


def test_sym_gen_is_called_once_a_bucket_and_for_the_names():
    calls = []

    def counting(key):
        calls.append(key)
        return sym_gen(key)

    module = mx.mod.BucketingModule(counting, default_bucket_key=10)
    module.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    module.init_params()
    calls.clear()
    for length in (10, 7, 7, 5, 7, 10):
        module.forward(words(mx, length, 0))
    assert calls == [7, 5]


def test_batch_sizes_within_a_bucket():
    module = bucketing()
    module.forward(words(mx, 7, 0))
    module.forward(words(mx, 7, 0, size=2))
    assert module.get_outputs()[0].shape == (14, VOCABULARY)
    module.forward(words(mx, 7, 0))
    assert module.get_outputs()[0].shape == (28, VOCABULARY)


@ours_only
def test_batches_without_key_or_description():
    module = bucketing()
    plain = words(mx, 10, 0)
    module.forward(mx.io.DataBatch(plain.data, plain.label))
    assert module._curr_bucket_key == 10
    shorter = words(mx, 7, 0)
    module.forward(mx.io.DataBatch(shorter.data, shorter.label, bucket_key=7))
    assert module.label_shapes[0].shape == (4, 7)
    assert module.predict(plain.data[0]).shape == (40, VOCABULARY)
    with pytest.raises(ValueError, match="has 2 arrays, expected 1"):
        module.forward(mx.io.DataBatch(shorter.data * 2, shorter.label, bucket_key=6))


# ---------------------------------------------------------------------------------------------------- sharing


def test_an_update_in_one_bucket_is_seen_in_all():
    module = bucketing()
    module.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    before = values(module.get_params()[0])
    module.forward_backward(words(mx, 7, 0))
    module.update()
    after = values(module.get_params()[0])
    assert not np.array_equal(before["classifier_bias"], after["classifier_bias"])
    module.switch_bucket(10, None)
    same(values(module.get_params()[0]), after)
    assert module._buckets[7].optimizer_initialized
    assert module._buckets[7]._optimizer is module._buckets[10]._optimizer


@ours_only
def test_parameters_and_gradients_are_the_same_arrays():
    module = bucketing()
    module.forward(words(mx, 7, 0))
    first, second = (module._buckets[key]._exec_group for key in (10, 7))
    for ours, theirs in ((first.param_arrays, second.param_arrays), (first.grad_arrays, second.grad_arrays)):
        for a, b in zip(ours, theirs):
            assert a[0] is b[0]


def test_optimizer_installed_after_buckets_were_bound():
    module = bucketing()
    module.forward(words(mx, 7, 0))
    module.init_optimizer(optimizer_params={"learning_rate": 0.5})
    before = values(module.get_params()[0])
    module.forward_backward(words(mx, 7, 0))
    module.update()
    assert not np.array_equal(before["classifier_bias"], values(module.get_params()[0])["classifier_bias"])


@ours_only
def test_parameters_that_a_small_bucket_does_not_use_are_not_lost():
    def partial(key):
        symbol, data, label = sym_gen(key)
        if key == 10:
            words_of = symbol.get_internals()["data"]
            extra = mx.sym.FullyConnected(words_of, num_hidden=2, name="extra")
            symbol = mx.sym.Group([symbol, mx.sym.MakeLoss(mx.sym.sum(extra), name="loss")])
        return symbol, data, label

    module = mx.mod.BucketingModule(partial, default_bucket_key=10)
    module.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    module.init_params(mx.init.Zero())
    module.init_optimizer(optimizer_params={"learning_rate": 0.5})
    module.forward_backward(words(mx, 10, 0))
    module.update()
    module.forward_backward(words(mx, 7, 0))
    module.update()
    assert np.abs(module.get_params()[0]["extra_bias"].asnumpy()).max() > 0


@ours_only
def test_a_bucket_with_parameters_of_its_own_is_refused():
    def growing(key):
        symbol, data, label = sym_gen(key)
        if key == 7:
            symbol = mx.sym.Group([symbol, mx.sym.BlockGrad(mx.sym.Variable("own_weight", shape=(2,)))])
        return symbol, data, label

    module = mx.mod.BucketingModule(growing, default_bucket_key=10)
    module.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    module.init_params()
    with pytest.raises(ValueError, match="own_weight"):
        module.forward(words(mx, 7, 0))
    assert list(module._buckets) == [10]
    assert module._curr_bucket_key == 10
    module.forward(words(mx, 10, 0))


@ours_only
def test_memory_is_that_of_the_largest_bucket():
    def big(length):
        data = mx.sym.Variable("data")
        net = mx.sym.FullyConnected(mx.sym.Reshape(data, shape=(-1, 8)), num_hidden=64, name="fc1")
        for i in range(3):
            net = mx.sym.Activation(net, act_type="tanh", name=f"act{i}")
            net = mx.sym.FullyConnected(net, num_hidden=64, name=f"fc_{i}")
        label = mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
        return mx.sym.SoftmaxOutput(net, label, name="softmax"), ("data",), ("softmax_label",)

    def run(lengths):
        module = mx.mod.BucketingModule(big, default_bucket_key=lengths[0])
        for i, length in enumerate(lengths):
            shapes = [("data", (4, length, 8))], [("softmax_label", (4, length))]
            if i == 0:
                module.bind(*shapes)
                module.init_params()
            module.switch_bucket(length, *shapes)
            data_batch = mx.io.DataBatch(
                [mx.nd.ones((4, length, 8))], [mx.nd.zeros((4, length))], bucket_key=length
            )
            module.forward_backward(data_batch)
        return module

    largest = run([60]).memory_report()
    module = run([60, 50, 40, 30, 20, 10])
    report = module.memory_report()
    assert report["arena_bytes"] == largest["arena_bytes"] > 0
    assert report["input_output_bytes"] == largest["input_output_bytes"] > 0
    assert report["unshared_arena_bytes"] > 3 * report["arena_bytes"]
    assert report["unshared_output_bytes"] > 3 * largest["unshared_output_bytes"]
    grown = run([10, 60]).memory_report()  # a larger one may come later
    assert grown["arena_bytes"] == largest["arena_bytes"]
    assert grown["input_output_bytes"] == largest["input_output_bytes"]
    again = run([60])
    module.switch_bucket(60, None)
    data_batch = mx.io.DataBatch([mx.nd.ones((4, 60, 8))], [mx.nd.zeros((4, 60))], bucket_key=60)
    module.set_params(*again.get_params())
    for m in (module, again):
        m.forward_backward(data_batch)
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), again.get_outputs()[0].asnumpy())


@ours_only
def test_backward_belongs_to_the_last_forward():
    module = bucketing()
    module.forward(words(mx, 10, 0), is_train=True)
    module.forward(words(mx, 7, 0), is_train=False)
    module.switch_bucket(10, None)
    with pytest.raises(mx.MXNetError, match="another executor that shares"):
        module.backward()


def test_monitor_sees_buckets_that_come_later():
    module = bucketing()
    monitor = mx.mon.Monitor(1, pattern=".*output")
    module.install_monitor(monitor)
    for length in (10, 7):
        monitor.tic()
        module.forward(words(mx, length, 0))
        names = [name for _, name, _ in monitor.toc()]
        assert "classifier_output" in names
    assert len(monitor.exes) == 2


# --------------------------------------------------------------------------------------------------- training


def test_fit_score_predict():
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=10)
    params, _ = values_for(mx, sym_gen(10)[0], data=(4, 10), softmax_label=(4, 10))
    seen = []
    module.fit(
        Words(),
        eval_data=Words(),
        eval_metric=mx.metric.Perplexity(ignore_label=0),
        optimizer_params={"learning_rate": 0.2, "momentum": 0.9},
        arg_params=params,
        num_epoch=6,
        batch_end_callback=lambda p: seen.append((p.epoch, p.nbatch, p.eval_metric.get()[1])),
    )
    assert len(seen) == 36
    assert seen[-1][2] < 0.9 * seen[5][2]
    assert module.score(Words(), mx.metric.Perplexity(ignore_label=0))[0][1] < seen[5][2]
    parts = module.predict(Words(), merge_batches=False)
    assert [part[0].shape[0] for part in parts] == [20, 28, 40, 20, 28, 40]
    assert module.predict(Words(3)).shape == (88, VOCABULARY)


def test_binding_again():
    module = bucketing()
    module.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    module.forward_backward(words(mx, 7, 0))
    module.update()
    kept = values(module.get_params()[0])
    module.bind([("data", (4, 10))])
    assert 7 in module._buckets, "bound already: nothing happens"
    module.bind([("data", (2, 10))], [("softmax_label", (2, 10))], force_rebind=True)
    assert list(module._buckets) == [10]
    same(values(module.get_params()[0]), kept)
    assert module.optimizer_initialized
    module.forward_backward(words(mx, 5, 0, size=2))


@ours_only
def test_optimizer_goes_on_after_binding_again():
    module = bucketing()
    module.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    other = bucketing()
    other.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    for step, m in enumerate((module, other) * 2):
        m.forward_backward(words(mx, 7, step // 2))
        m.update()
        if m is module:
            m.bind([("data", (4, 10))], [("softmax_label", (4, 10))], force_rebind=True)
    same(values(module.get_params()[0]), values(other.get_params()[0]))


@ours_only
def test_bind_to_another_bucket_than_the_default_one():
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=10)
    module.bind([("data", (4, 7))], [("softmax_label", (4, 7))], bucket_key=7)
    module.init_params()
    assert module._curr_bucket_key == 7
    module.forward(words(mx, 10, 0))
    assert module.get_outputs()[0].shape == (40, VOCABULARY)


def test_parameters_can_be_set():
    module, other = bucketing(), bucketing()
    module.init_params(mx.init.Constant(2.0), force_init=True)
    module.forward(words(mx, 7, 0))
    other.forward(words(mx, 7, 0))
    other.set_params(*module.get_params())
    same(values(module.get_params()[0]), values(other.get_params()[0]))
    np.testing.assert_array_equal(
        other._buckets[7].get_params()[0]["embed_weight"].asnumpy(), np.full((VOCABULARY, 4), 2.0)
    )
    module.init_params(mx.init.Zero())  # initialized already
    same(values(module.get_params()[0]), values(other.get_params()[0]))


# ----------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.symbol,
        lambda m: m.data_shapes,
        lambda m: m.label_shapes,
        lambda m: m.output_shapes,
        lambda m: m.get_params(),
        lambda m: m.init_params(),
        lambda m: m.set_params({}, {}),
        lambda m: m.init_optimizer(),
        lambda m: m.prepare(words(mx, 10, 0)),
        lambda m: m.forward(words(mx, 10, 0)),
        lambda m: m.backward(),
        lambda m: m.update(),
        lambda m: m.get_outputs(),
        lambda m: m.get_input_grads(),
        lambda m: m.get_states(),
        lambda m: m.set_states(value=1),
        lambda m: m.update_metric(mx.metric.Accuracy(), []),
        lambda m: m.install_monitor(mx.mon.Monitor(1)),
        lambda m: m.switch_bucket(5, [("data", (4, 5))]),
        lambda m: m.save_checkpoint("unused", 1),
    ],
)
def test_nothing_works_before_bind(call):
    module = mx.mod.BucketingModule(sym_gen, default_bucket_key=10)
    with pytest.raises(ERRORS):
        call(module)
    assert not module.binded


def test_later_steps_out_of_order():
    module = bucketing(init=False)
    for call in (
        lambda: module.switch_bucket(5, [("data", (4, 5))], [("softmax_label", (4, 5))]),
        lambda: module.forward(words(mx, 10, 0)),
        lambda: module.prepare(words(mx, 5, 0)),
        lambda: module.get_params(),
        lambda: module.init_optimizer(),
    ):
        with pytest.raises(ERRORS):
            call()
    assert list(module._buckets) == [10]
    module.init_params()
    module.forward_backward(words(mx, 10, 0))
    with pytest.raises(ERRORS):
        module.update()


@ours_only
def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="default_bucket_key is missing"):
        mx.mod.BucketingModule(sym_gen)
    with pytest.raises(TypeError, match="expected a function of a key"):
        mx.mod.BucketingModule(3, default_bucket_key=1)
    with pytest.raises(ValueError, match="expected a triple"):
        mx.mod.BucketingModule(lambda key: sym_gen(key)[0], default_bucket_key=1)
    with pytest.raises(ValueError, match="state_names"):
        mx.mod.BucketingModule(sym_gen, default_bucket_key=1, state_names=["nothing"])
    with pytest.raises(ValueError, match="shared_module is not supported"):
        bucketing(bind={"shared_module": bucketing()})
    with pytest.raises(RuntimeError, match=r"switch_bucket\] the parameters are not initialized"):
        bucketing(init=False).switch_bucket(5, [("data", (4, 5))])


@ours_only
def test_failed_bind_changes_nothing():
    module = bucketing()
    kept = values(module.get_params()[0])
    with pytest.raises(mx.MXNetError):
        module.bind([("data", (4, 10, 3, 2))], [("softmax_label", (4, 3))], force_rebind=True)
    with pytest.raises(ValueError, match="don't match names"):
        module.bind([("other", (4, 10))], force_rebind=True)
    module.forward(words(mx, 10, 0))
    assert [d.shape for d in module.data_shapes] == [(4, 10)]
    same(values(module.get_params()[0]), kept)


# ------------------------------------------------------------------------------------------------ checkpoints


def trained():
    module = bucketing()
    module.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    for step, length in enumerate((10, 7, 10)):
        module.forward_backward(words(mx, length, step))
        module.update()
    return module


@pytest.mark.parametrize("current", [10, 7])
def test_checkpoint_round_trip(tmp_path, current):
    module = trained()
    module.switch_bucket(current, None)
    prefix = str(tmp_path / "m")
    module.save_checkpoint(prefix, 3)
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"m-0003.params", "m-10-symbol.json", "m-7-symbol.json", "m.buckets"}
    loaded = mx.mod.BucketingModule.load(prefix, 3, sym_gen=sym_gen, default_bucket_key=10)
    assert loaded.params_initialized
    assert not loaded.binded
    same(values(loaded.get_params()[0]), values(module.get_params()[0]))
    loaded.bind([("data", (4, 10))], [("softmax_label", (4, 10))], for_training=False)
    for length in (5, 7, 10):
        for m in (module, loaded):
            m.forward(words(mx, length, 9), is_train=False)
        np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), loaded.get_outputs()[0].asnumpy())


@ours_only
def test_default_bucket_is_a_checkpoint_of_a_module(tmp_path):
    module = trained()
    module.switch_bucket(7, None)
    module.save_checkpoint(str(tmp_path / "m"), 1)
    single = mx.mod.Module.load(str(tmp_path / "m"), 1)
    assert single.symbol.tojson() == module._buckets[10].symbol.tojson()
    single.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    same(values(single.get_params()[0]), values(module.get_params()[0]))


@ours_only
def test_training_goes_on_from_a_checkpoint(tmp_path):
    module = trained()
    prefix = str(tmp_path / "m")
    callback = mx.callback.module_checkpoint(module, prefix, save_optimizer_states=True)
    callback(0)
    resumed = mx.mod.BucketingModule.load(
        prefix, 1, sym_gen=sym_gen, default_bucket_key=10, load_optimizer_states=True
    )
    resumed.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    resumed.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    for m in (module, resumed):
        m.forward_backward(words(mx, 5, 4))
        m.update()
    same(values(module.get_params()[0]), values(resumed.get_params()[0]))


def test_load_dict():
    module = trained()
    args, aux = module.get_params()
    loaded = mx.mod.BucketingModule.load_dict(
        sym_dict={key: sym_gen(key)[0] for key in (5, 10)},
        sym_gen=sym_gen,
        default_bucket_key=10,
        arg_params=args,
        aux_params=aux,
    )
    assert sorted(loaded._buckets) == [5, 10]
    loaded.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    loaded.forward(words(mx, 5, 0))
    same(values(loaded.get_params()[0]), values(args))


@pytest.mark.parametrize("missing", ["sym_gen", "default_bucket_key", "sym_dict"])
def test_loading_needs_all_of_them(tmp_path, missing):
    module = trained()
    given = {"sym_gen": sym_gen, "default_bucket_key": 10}
    if missing == "sym_dict":
        with pytest.raises(ERRORS, match=missing):
            mx.mod.BucketingModule.load_dict(arg_params=module.get_params()[0], **given)
        return
    module.save_checkpoint(str(tmp_path / "m"), 1)
    del given[missing]
    with pytest.raises(ERRORS, match=missing):
        mx.mod.BucketingModule.load(str(tmp_path / "m"), 1, **given)


@ours_only
@pytest.mark.parametrize("keys", [("long", "short"), ((10, "a"), (7, "b/c")), (np.int64(10), 7)])
def test_keys_of_other_kinds(tmp_path, keys):
    lengths = dict(zip(keys, (10, 7)))
    module = mx.mod.BucketingModule(lambda key: sym_gen(lengths[key]), default_bucket_key=keys[0])
    module.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    module.init_params()
    module.switch_bucket(keys[1], [("data", (4, 7))], [("softmax_label", (4, 7))])
    module.save_checkpoint(str(tmp_path / "m"), 1)
    loaded = mx.mod.BucketingModule.load(
        str(tmp_path / "m"), 1, sym_gen=lambda key: sym_gen(lengths[key]), default_bucket_key=keys[0]
    )
    assert set(loaded._buckets) == set(keys)


@ours_only
def test_keys_that_no_file_can_hold(tmp_path):
    key = object()
    module = mx.mod.BucketingModule(lambda key: sym_gen(10), default_bucket_key=key)
    module.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    module.init_params()
    with pytest.raises(ValueError, match="expected numbers, strings"):
        module.save_checkpoint(str(tmp_path / "m"), 1)
    assert not list(tmp_path.iterdir())


@ours_only
def test_damaged_file_of_buckets(tmp_path):
    module = trained()
    module.save_checkpoint(str(tmp_path / "m"), 1)
    (tmp_path / "m.buckets").write_bytes(b"\x00nonsense")
    with pytest.raises(ValueError, match="not a list of bucket keys"):
        mx.mod.BucketingModule.load(str(tmp_path / "m"), 1, sym_gen=sym_gen, default_bucket_key=10)
