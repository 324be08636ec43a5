"""The life of every kind of module: which calls work in which state, what they set, and what failures leave.

Ours only, where MXNet's modules leave the page: a SequentialModule there never says that it is bound for
training, PythonModules set no state at all, and buckets that were bound again cannot make a step.
"""

from __future__ import annotations

import numpy as np
import pytest
from common import mx, ours_only
from parity.module_cases import batch, first_half, language_model, mlp, second_half, words

pytestmark = [ours_only, pytest.mark.filterwarnings("ignore")]
STATES = ("binded", "for_training", "inputs_need_grad", "params_initialized", "optimizer_initialized")


def softmax_grad(scores, labels):
    """Of the mean cross entropy by scores, in NumPy."""
    grad = np.exp(scores.asnumpy() - scores.asnumpy().max(axis=1, keepdims=True))
    grad /= grad.sum(axis=1, keepdims=True)
    grad[np.arange(len(grad)), labels.asnumpy().astype(int)] -= 1
    return grad / len(grad)


def loss():
    return mx.mod.PythonLossModule(grad_func=softmax_grad)


def chain_with(last):
    module = mx.mod.SequentialModule()
    module.add(mx.mod.Module(first_half(mx), label_names=None))
    return module.add(last, take_labels=True, auto_wiring=True)


class Kind:
    """How to make a module, its shapes and its batches."""

    def __init__(self, make, data=("data", (4, 6)), label=("softmax_label", (4,)), batch_of=None):
        self.make, self.data, self.label = make, [data], [label]
        self.batch = batch_of or (lambda seed: batch(mx, 4, seed))


KINDS = {
    "module": Kind(lambda: mx.mod.Module(mlp(mx))),
    "two contexts": Kind(lambda: mx.mod.Module(mlp(mx), context=[mx.cpu(0), mx.cpu(1)])),
    "buckets": Kind(
        lambda: mx.mod.BucketingModule(language_model(mx), default_bucket_key=10),
        ("data", (4, 10)),
        ("softmax_label", (4, 10)),
        lambda seed: words(mx, (10, 7)[seed % 2], seed),
    ),
    "chain": Kind(lambda: chain_with(mx.mod.Module(second_half(mx)))),
    "chain ending in Python": Kind(lambda: chain_with(loss())),
    "loss in Python": Kind(loss),
}


def states(module):
    return "".join(str(int(getattr(module, name))) for name in STATES)


@pytest.mark.parametrize("kind", KINDS)
def test_the_states_of_a_life(kind):
    known = KINDS[kind]
    module, step = known.make(), known.batch(0)
    python = kind == "loss in Python"  # has no parameters and no optimizer: their steps always succeed

    def fails(call, why):
        before = states(module)
        with pytest.raises(RuntimeError, match=why):
            call()
        assert states(module) == before

    assert states(module) == "00000"
    for call in (module.init_params, module.init_optimizer, lambda: module.forward(step)):
        fails(call, "is not bound")
    module.bind(known.data, known.label)
    assert states(module) == "11000"
    if not python:
        for call in (module.init_optimizer, module.get_params, lambda: module.forward(step)):
            fails(call, "parameters are not initialized")
    module.init_params(mx.init.Uniform(0.3))
    assert states(module) == "11010"
    if not python:
        fails(module.update, "optimizer is not initialized")
        module.forward(step)
        fails(module.get_input_grads, "inputs_need_grad")
    module.init_optimizer()
    assert states(module) == "11011"
    module.forward_backward(step)
    module.update()
    module.bind(known.data, known.label, for_training=False)
    assert states(module) == "11011", "bound already"
    module.bind(known.data, known.label, for_training=False, force_rebind=True)
    assert states(module) == "10011"
    module.forward(step)
    fails(module.backward, "for_training=True")
    module.bind(known.data, known.label, inputs_need_grad=True, force_rebind=True)
    assert states(module) == "11111"
    for seed in range(2):
        module.forward_backward(known.batch(seed))
        assert module.get_input_grads()[0].shape == known.batch(seed).data[0].shape
        module.update()


@pytest.mark.parametrize("kind", KINDS)
def test_force_init_and_what_it_protects(kind):
    known = KINDS[kind]
    module = known.make()
    module.bind(known.data, known.label)
    module.init_params(mx.init.Uniform(0.3))
    values = {name: value.asnumpy() for name, value in module.get_params()[0].items()}
    zeros = {name: mx.nd.zeros(value.shape) for name, value in values.items()}
    module.init_params(mx.init.Zero())
    module.set_params(zeros, {}, force_init=False)
    for name, value in module.get_params()[0].items():
        np.testing.assert_array_equal(value.asnumpy(), values[name])
    module.set_params(zeros, {})
    assert not any(value.asnumpy().any() for value in module.get_params()[0].values())
    module.init_params(mx.init.One(), force_init=True)
    for name, value in module.get_params()[0].items():
        assert value.asnumpy().all() == name.endswith("weight"), "biases are 0 with every initializer"


# -------------------------------------------------------------------------- failed calls on modules in Python


def array(*shape):
    return mx.nd.ones(shape)


FAILING = {
    "bind names": lambda m: m.bind([("other", (4, 6))], force_rebind=True),
    "bind more": lambda m: m.bind([("data", (4, 6)), ("more", (4,))], force_rebind=True),
    "bind labels": lambda m: m.bind([("data", (4, 6))], [("other", (4,))], force_rebind=True),
    "bind description": lambda m: m.bind(["data"], force_rebind=True),
    "bind grad_req": lambda m: m.bind([("data", (4, 6))], grad_req="sometimes", force_rebind=True),
    "forward none": lambda m: m.forward(None),
    "forward without label": lambda m: m.forward(mx.io.DataBatch([array(4, 6)], None), is_train=True),
    "backward": lambda m: m.backward([array(4, 6)]),
    "get_outputs": lambda m: m.get_outputs(merge_multi_context=False),
    "get_input_grads": lambda m: m.get_input_grads(merge_multi_context=False),
    "update_metric": lambda m: m.update_metric(mx.metric.Accuracy(), [array(3, 9, 9)]),
    "update_metric sliced": lambda m: m.update_metric(mx.metric.Accuracy(), [[array(4)]], pre_sliced=True),
    "load_params": lambda m: m.load_params("none such"),
    "score": lambda m: m.score(3, "acc"),
    "predict": lambda m: m.predict(3),
    "fit": lambda m: m.fit(None),
}


def bound_loss(grad_func=softmax_grad):
    module = mx.mod.PythonLossModule(grad_func=grad_func)
    module.bind([("data", (4, 6))], [("softmax_label", (4,))], inputs_need_grad=True)
    module.init_params()
    module.init_optimizer()
    module.forward(batch(mx, 4, 1), is_train=True)
    module.backward()
    return module


def seen(module):
    return [
        states(module),
        repr((module.data_shapes, module.label_shapes, module.output_shapes)),
        *(a.asnumpy().tolist() for a in [*module.get_outputs(), *module.get_input_grads()]),
    ]


@pytest.mark.parametrize("call", FAILING)
def test_a_failed_call_leaves_a_loss_in_python_as_it_was(call):
    module = bound_loss()
    before = seen(module)
    with pytest.raises(Exception) as error:
        FAILING[call](module)
    assert str(error.value)
    assert seen(module) == before
    module.forward_backward(batch(mx, 4, 2))
    module.update()
    assert seen(module) != before


@pytest.mark.parametrize("returned", ["text", None, np.zeros((3, 3)), mx.nd.zeros((4,))])
def test_a_gradient_function_that_fails_leaves_the_chain_as_it_was(returned):
    answers = [None]

    def grad_func(scores, labels):
        return softmax_grad(scores, labels) if answers[0] is None else answers[0][0]

    modules = []
    for _ in range(2):
        module = chain_with(mx.mod.PythonLossModule(grad_func=grad_func))
        module.bind([("data", (4, 6))], [("softmax_label", (4,))])
        mx.random.seed(2)
        module.init_params(mx.init.Uniform(0.3))
        module.init_optimizer(optimizer_params={"learning_rate": 0.3, "momentum": 0.9})
        module.forward_backward(batch(mx, 4, 0))
        module.update()
        modules.append(module)
    module, untouched = modules
    module.forward(batch(mx, 4, 1))
    answers[0] = [returned]
    with pytest.raises((TypeError, ValueError), match="grad_func returned"):
        module.backward()
    answers[0] = None
    for m in modules:
        m.forward_backward(batch(mx, 4, 1))
        m.update()
    for name, value in untouched.get_params()[0].items():
        np.testing.assert_array_equal(module.get_params()[0][name].asnumpy(), value.asnumpy())
