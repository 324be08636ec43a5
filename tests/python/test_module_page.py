"""The reference page of the Module API: its signatures are ours, and its examples run."""

from __future__ import annotations

import inspect
import json
import logging
import re

import module_page
import numpy as np
import pytest
from common import IS_MXNET, mx, ours_only
from module_page import GOLDEN, PAGE

needs_page = pytest.mark.skipif(not PAGE.is_file(), reason="needs the page: set SYMBIND_MODULE_PAGE")
RECORDED = json.loads(GOLDEN.read_text(encoding="utf-8"))

#: What we accept beyond the page: arguments at the end, with a default.
MORE = {
    "save_checkpoint": ["remove_amp_cast"],
    "BucketingModule.bind": ["bucket_key"],
    "score": ["count_padding"],
    "fit": ["count_padding"],
    "Module.__init__": ["compute_dtype"],
    "BucketingModule.__init__": ["compute_dtype"],
}


# ------------------------------------------------------------------------------------------------- signatures


@needs_page
def test_recorded_signatures_are_those_of_the_page():
    assert module_page.signatures(module_page.page_text()) == RECORDED
    assert len(RECORDED) == 6
    assert sum(map(len, RECORDED.values())) > 100


@pytest.mark.parametrize(
    "klass,member", [(klass, member) for klass, members in RECORDED.items() for member in members]
)
def test_signature(klass, member):
    written = RECORDED[klass][member]
    ours = inspect.getattr_static(getattr(mx.mod, klass), member)
    if written is None:
        assert isinstance(ours, property)
        assert IS_MXNET or ours.__doc__
        return
    assert isinstance(ours, staticmethod) == written.startswith("static ")
    function = ours.__func__ if isinstance(ours, staticmethod) else ours
    assert IS_MXNET or function.__doc__ or member == "__init__"
    uniform = mx.init.Uniform
    expected = module_page.parameters(written, {"logging": logging, "Uniform": uniform, "cpu": mx.cpu})
    actual = list(inspect.signature(function).parameters.values())
    actual = actual[0 if isinstance(ours, staticmethod) else 1 :]
    marks = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    more = MORE.get(f"{klass}.{member}", MORE.get(member, []))
    beyond = [p for p in actual if p.name in more]
    assert all(p.default is not p.empty for p in beyond)
    assert actual[len(actual) - len(beyond) :] == beyond
    actual = actual[: len(actual) - len(beyond)]
    assert [(p.name, marks.get(p.kind, "")) for p in actual] == [(n, kind) for n, kind, _ in expected]
    for parameter, (name, _, default) in zip(actual, expected):
        if default is ...:
            assert parameter.default is parameter.empty, name
        elif default is uniform:
            assert isinstance(parameter.default, uniform), name
        else:
            assert parameter.default == default, name


def test_static_load_of_buckets_is_there_too():
    for klass, method in (("BucketingModule", "load"), ("BucketingModule", "load_dict")):
        assert isinstance(inspect.getattr_static(getattr(mx.mod, klass), method), staticmethod)


# --------------------------------------------------------------------------------------------------- examples


def network():
    """The network of the page's example of creating a module."""
    net = mx.sym.Variable("data")
    for i, width in enumerate((128, 64), 1):
        net = mx.sym.FullyConnected(net, name=f"fc{i}", num_hidden=width)
        net = mx.sym.Activation(net, name=f"relu{i}", act_type="relu")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, name="fc3", num_hidden=10), name="softmax")


def iterator(count=40):
    rng = np.random.RandomState(0)
    return mx.io.NDArrayIter(
        rng.randn(count, 100).astype("float32"), rng.randint(0, 10, count).astype("float32"), batch_size=20
    )


def names_for(place):
    """What an example assumes."""
    train = iterator()
    batch = next(iterator())
    module = mx.mod.Module(network())
    if place.startswith("BucketingModule"):
        module = mx.mod.BucketingModule(
            lambda key: (network(), ("data",), ("softmax_label",)), default_bucket_key=1
        )
    if "BaseModule.bind" not in place:
        module.bind(train.provide_data, train.provide_label, inputs_need_grad=True)
        if "init_params" not in place:
            module.init_params(mx.init.Xavier())
            if place.startswith("BucketingModule"):
                batch.bucket_key = 1
            module.forward(batch, is_train=True)
    if not any(word in place for word in ("bind", "init_params", "backward", "update", "forward")):
        module.backward()
    return {
        "mx": mx,
        "mod": module,
        "module": module,
        "metric": mx.metric.Accuracy(),
        "data_batch": batch,
        "nd_iter": train,
        "new_nd_iter": iterator(),
        "train_iter": train,
        "train_dataiter": train,
        "val_dataiter": iterator(),
        "eval_data": iterator(),
        "model_prefix": "model",
        "n_epoch_load": 3,
        "mod1": mx.mod.Module(network()),
        "mod2": mx.mod.Module(network()),
    }


def prepare_files():
    module = mx.mod.Module(network())
    module.bind(iterator().provide_data, iterator().provide_label)
    module.init_params()
    module.save_checkpoint("model", 3)
    module.save_params("myfile")


def examples():
    return module_page.examples(module_page.page_text()) if PAGE.is_file() else []


@needs_page
@pytest.mark.parametrize(
    "example", [e for e in examples() if not e.place.startswith("Overview")], ids=lambda e: e.place
)
def test_example_of_the_page(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    prepare_files()
    names = names_for(example.place)
    exec(compile(example.code, example.place, "exec"), names)
    printed = capsys.readouterr().out
    assert bool(printed) == ("print(" in example.code)
    if example.place == "BaseModule.forward/1":
        assert re.findall(r"[\d.]+", printed) == ["2."] * (10 + 15)
    elif example.place.startswith("SequentialModule"):
        assert names["seq_mod"]._modules == [names["mod1"], names["mod2"]]
    elif "set_params" in example.place or "load_params" in example.place:
        saved = mx.model.load_checkpoint("model", 3)[1]["fc3_weight"]
        actual = names["mod"].get_params()[0]["fc3_weight"]
        np.testing.assert_array_equal(actual.asnumpy(), saved.asnumpy())


@needs_page
def test_examples_of_the_overview_in_one_go():
    names = names_for("Overview")
    blocks = [e for e in examples() if e.place.startswith("Overview")]
    assert len(blocks) == 4
    for example in blocks:
        exec(compile(example.code, example.place, "exec"), names)
    assert names["mod"].optimizer_initialized
    assert names["mod"].get_outputs()[0].shape == (20, 10)


@needs_page
def test_no_example_is_left_out():
    assert len(examples()) == module_page.page_text().count("```python")


@ours_only
def test_the_life_of_a_module_as_the_page_tells_it(tmp_path):
    """What the examples do, for where there is no page."""
    train, held_out = iterator(), iterator(30)
    module = mx.mod.Module(network())
    module.bind(data_shapes=train.provide_data, label_shapes=train.provide_label, inputs_need_grad=True)
    module.init_params()
    module.fit(train, num_epoch=2)
    assert module.predict(held_out).shape == (30, 10)
    assert module.predict(eval_data=held_out, num_batch=1).shape == (20, 10)
    assert [name for name, _ in module.score(held_out, ["mse", "acc"])] == ["mse", "accuracy"]
    for outputs, number, batch in module.iter_predict(held_out):
        assert (len(outputs), batch.data[0].shape) == (1, (20, 100))
        assert number in (0, 1)
    batch = next(iterator())
    module.forward(batch)
    module.update_metric(mx.metric.Accuracy(), batch.label)
    module.backward()
    assert module.get_input_grads()[0].shape == (20, 100)
    module.update()
    prefix = str(tmp_path / "model")
    module.save_checkpoint(prefix, 3)
    _, arg_params, aux_params = mx.model.load_checkpoint(prefix, 3)
    other = mx.mod.Module(network())
    other.bind(data_shapes=[("data", (1, 10, 10))])
    other.bind(data_shapes=train.provide_data, label_shapes=train.provide_label)  # ignored
    assert other.data_shapes[0].shape == (1, 10, 10)
    other.set_params(arg_params=arg_params, aux_params=aux_params)
    other.init_optimizer(optimizer="sgd", optimizer_params=(("learning_rate", 0.005),))
    resumed = mx.mod.Module(network())
    resumed.fit(
        train_data=train,
        eval_data=held_out,
        optimizer="sgd",
        optimizer_params={"learning_rate": 0.01, "momentum": 0.9},
        arg_params=arg_params,
        aux_params=aux_params,
        eval_metric="acc",
        num_epoch=5,
        begin_epoch=3,
    )
    assert resumed.params_initialized
