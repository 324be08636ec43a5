"""A call that fails leaves a module as it was: every public method, on every kind of module."""

from __future__ import annotations

import numpy as np
import pytest
from common import mx, ours_only
from module_helpers import mlp, same, values
from parity.module_cases import first_half, language_model, second_half, words

pytestmark = ours_only
ANY_ERROR = (Exception,)


def with_state():
    """Two states, so that one can be right and the other one wrong."""
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")
    net = net + mx.sym.Variable("a", shape=(0, 3)) + mx.sym.Variable("b", shape=(0, 3))
    return mx.sym.SoftmaxOutput(net, name="softmax")


def plain(contexts=1):
    module = mx.mod.Module(with_state(), context=[mx.cpu(i) for i in range(contexts)], state_names=["a", "b"])
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    return module


def buckets():
    module = mx.mod.BucketingModule(language_model(mx), default_bucket_key=10)
    module.bind([("data", (4, 10))], [("softmax_label", (4, 10))])
    return module


def chain():
    module = mx.mod.SequentialModule()
    module.add(mx.mod.Module(first_half(mx), label_names=None))
    module.add(mx.mod.Module(second_half(mx)), take_labels=True, auto_wiring=True)
    module.bind([("data", (4, 6))], [("softmax_label", (4,))])
    return module


KINDS = {"module": plain, "two contexts": lambda: plain(2), "buckets": buckets, "chain": chain}


def batch_for(kind, seed=0):
    if kind == "buckets":
        return words(mx, (10, 7)[seed % 2], seed)
    rng = np.random.RandomState(seed)
    return mx.io.DataBatch([mx.nd.array(rng.randn(4, 6))], [mx.nd.array([0, 1, 2, 0])], pad=0)


def ready(kind):
    """A module that has made a step and run forward once more."""
    module = KINDS[kind]()
    mx.random.seed(3)
    module.init_params(mx.init.Uniform(0.3))
    module.init_optimizer(optimizer_params={"learning_rate": 0.3, "momentum": 0.9})
    module.forward_backward(batch_for(kind))
    module.update()
    module.forward(batch_for(kind, 1), is_train=True)
    return module


def arrays(*shapes):
    return [mx.nd.ones(shape) for shape in shapes]


class Failing(mx.init.Initializer):
    def _init_weight(self, name, array):
        raise OSError("out of numbers")

    _init_bias = _init_weight


class Monitorless:
    """What is no monitor."""


def params_and(module, **others):
    args, aux = module.get_params()
    return {**{n: a * 2 for n, a in args.items()}, **others}, aux


def first_name(module):
    return sorted(module.get_params()[0])[0]


#: Calls that fail on every kind of module.
COMMON = {
    "bind names": lambda m, d: m.bind([("other", (4, 6))], force_rebind=True),
    "bind shapes": lambda m, d: m.bind([("data", (4, 6))], [("softmax_label", (4, 2, 7))], force_rebind=True),
    "bind description": lambda m, d: m.bind(["data"], force_rebind=True),
    "bind grads of inputs": lambda m, d: m.bind(
        [("data", (4, 6))], for_training=False, inputs_need_grad=True, force_rebind=True
    ),
    "bind grad_req": lambda m, d: m.bind(
        [("data", (4, 6))], [("softmax_label", (4,))], grad_req="sometimes", force_rebind=True
    ),
    "bind shared": lambda m, d: m.bind(
        [("data", (4, 6))], [("softmax_label", (4,))], shared_module=mx.mod.Module(mlp()), force_rebind=True
    ),
    "init_params missing": lambda m, d: m.init_params(arg_params={}, force_init=True),
    "init_params shape": lambda m, d: m.init_params(
        arg_params=params_and(m, **{first_name(m): mx.nd.ones((9, 9))})[0], aux_params={}, force_init=True
    ),
    "init_params initializer": lambda m, d: m.init_params(Failing(), force_init=True),
    "set_params shape": lambda m, d: m.set_params(*params_and(m, **{first_name(m): mx.nd.ones((9, 9))})),
    "set_params missing": lambda m, d: m.set_params({}, {}),
    "load_params no file": lambda m, d: m.load_params(str(d / "none")),
    "load_params damaged": lambda m, d: m.load_params(damaged(d)),
    "load_params of another": lambda m, d: m.load_params(other_params(d)),
    "save_params": lambda m, d: m.save_params(str(d / "no" / "folder")),
    "init_optimizer name": lambda m, d: m.init_optimizer(optimizer="none such", force_init=True),
    "init_optimizer type": lambda m, d: m.init_optimizer(optimizer=3, force_init=True),
    "init_optimizer argument": lambda m, d: m.init_optimizer(optimizer_params={"rate": 1}, force_init=True),
    "init_optimizer store": lambda m, d: m.init_optimizer(kvstore="none such", force_init=True),
    "forward none": lambda m, d: m.forward(None),
    "forward too many": lambda m, d: m.forward(mx.io.DataBatch(arrays((4, 6), (4, 6)), arrays((4,)))),
    "forward rank": lambda m, d: m.forward(mx.io.DataBatch(arrays((4, 6, 2, 2)), arrays((3, 2, 7)))),
    "forward labels": lambda m, d: m.forward(mx.io.DataBatch(arrays((2, 6)), arrays((3, 9)))),
    "backward": lambda m, d: m.backward(arrays((9, 9), (1,), (1,))),
    "get_input_grads": lambda m, d: m.get_input_grads(),
    "update_metric": lambda m, d: m.update_metric(mx.metric.Accuracy(), arrays((3, 9, 9))),
    "install_monitor": lambda m, d: m.install_monitor(Monitorless()),
    "score": lambda m, d: m.score(3, "acc"),
    "score metric": lambda m, d: m.score(one_batch(), "none such"),
    "predict": lambda m, d: m.predict(3),
    "predict shape": lambda m, d: m.predict(mx.nd.ones((4, 6, 5, 5, 5))) and 1 / 0,
    "fit epochs": lambda m, d: m.fit(one_batch()),
    "fit metric": lambda m, d: m.fit(one_batch(), eval_metric="none such", num_epoch=1),
}
MODULE = {
    "set_params unknown": lambda m, d: m.set_params({"none": mx.nd.ones(1)}, {}, allow_missing=True),
    "set_params second": lambda m, d: m.set_params(
        {"fc_bias": mx.nd.ones(3), "fc_weight": mx.nd.ones((9, 9))}, {}, allow_missing=True
    ),
    "reshape": lambda m, d: m.reshape([("data", (4, 9))]),
    "reshape names": lambda m, d: m.reshape([("other", (4, 6))]),
    "forward described wrongly": lambda m, d: m.forward(
        mx.io.DataBatch(
            arrays((2, 6)),
            arrays((2,)),
            provide_data=[("data", (3, 6))],
            provide_label=[("softmax_label", (3,))],
        )
    ),
    "forward lists": lambda m, d: m.forward([batch_for("module")] * 3),
    "set_states both": lambda m, d: m.set_states(states=[[mx.nd.ones((4, 3))]] * 2, value=1),
    "set_states none": lambda m, d: m.set_states(),
    "set_states count": lambda m, d: m.set_states(states=[[mx.nd.ones((4, 3))]]),
    "set_states second": lambda m, d: m.set_states(states=[mx.nd.ones((4, 3)), mx.nd.ones((5, 9))]),
    "set_states value": lambda m, d: m.set_states(value="x"),
    "borrow_optimizer": lambda m, d: m.borrow_optimizer(plain()),
    "save_checkpoint": lambda m, d: m.save_checkpoint(str(d / "no" / "folder"), 1),
    "save_optimizer_states": lambda m, d: m.save_optimizer_states(str(d / "no" / "folder")),
    "load_optimizer_states": lambda m, d: m.load_optimizer_states(str(d / "none")),
    "load_optimizer_states damaged": lambda m, d: m.load_optimizer_states(damaged(d)),
    "prepare": lambda m, d: sparse_prepare(m, lambda batch: ["fc_weight"]),
    "prepare unknown": lambda m, d: sparse_prepare(m, lambda batch: {"none": mx.nd.ones(1)}),
}
BUCKETS = {
    "switch_bucket": lambda m, d: m.switch_bucket(5, [("other", (4, 5))]),
    "forward new bucket": lambda m, d: m.forward(
        mx.io.DataBatch(arrays((4, 5)), arrays((2, 2)), bucket_key=5)
    ),
    "prepare": lambda m, d: m.prepare(mx.io.DataBatch(arrays((4, 5), (4, 5)), arrays((4, 5)), bucket_key=5)),
    "save_checkpoint": lambda m, d: m.save_checkpoint(str(d / "no" / "folder"), 1),
    "load_optimizer_states": lambda m, d: m.load_optimizer_states(damaged(d)),
}
CHAIN = {
    "add meta": lambda m, d: m.add(mx.mod.Module(mlp()), take_label=True),
    "add": lambda m, d: m.add(mlp()),
    "prepare": lambda m, d: m.prepare(batch_for("chain"), lambda batch: {"none": mx.nd.ones(1)}),
}
CALLS = {
    "module": {**COMMON, **MODULE},
    "two contexts": {**COMMON, **MODULE},
    "buckets": {**COMMON, **BUCKETS},
    "chain": {**COMMON, **CHAIN},
}


def sparse_prepare(module, rows):
    if module._kvstore is None:
        raise ValueError("one context has no store")
    module.prepare(batch_for("module"), rows)


def damaged(folder):
    path = folder / "damaged"
    path.write_bytes(b"\x12\x01\x00nonsense" * 3)
    return str(path)


def other_params(folder):
    path = str(folder / "other.params")
    mx.nd.save(path, {"arg:unknown_weight": mx.nd.ones((2, 2))})
    return path


def one_batch():
    return mx.io.NDArrayIter(np.zeros((4, 6), "float32"), np.zeros(4, "float32"), batch_size=4)


def snapshot(module, outputs=True):
    """What a user can see of a module."""
    args, aux = module.get_params()
    seen = {**values(args), **values(aux)}
    seen["shapes"] = np.array(repr((module.data_shapes, module.label_shapes, module.output_shapes)))
    flags = ("binded", "for_training", "inputs_need_grad", "params_initialized", "optimizer_initialized")
    seen["flags"] = np.array([getattr(module, flag) for flag in flags])
    if outputs:
        seen["outputs"] = np.concatenate([out.asnumpy().ravel() for out in module.get_outputs()])
    for i, state in enumerate(module.get_states(merge_multi_context=True)):
        seen[f"state_{i}"] = state.asnumpy()
    return seen


#: These run forward before they can fail, or belong to another shape, so outputs may be new.
COMPUTING = ("score", "predict", "fit", "forward")


@pytest.mark.parametrize("kind,call", [(kind, call) for kind, calls in CALLS.items() for call in calls])
@pytest.mark.filterwarnings("ignore")
def test_failed_call(kind, call, tmp_path):
    module, untouched = ready(kind), ready(kind)
    same(snapshot(module), snapshot(untouched))
    with pytest.raises(ANY_ERROR) as error:
        CALLS[kind][call](module, tmp_path)
    assert str(error.value)
    outputs = not call.startswith(COMPUTING)
    if call != "predict shape":
        same(snapshot(module, outputs), snapshot(untouched, outputs))
    # And it goes on as if nothing had been.
    for seed in range(2):
        for m in (module, untouched):
            m.forward_backward(batch_for(kind, seed))
            m.update()
    same(snapshot(module), snapshot(untouched))


@pytest.mark.parametrize("kind", KINDS)
def test_backward_still_works_after_failed_calls(kind):
    """What forward left for backward is there until the next forward."""
    module, untouched = ready(kind), ready(kind)
    for call in ("bind names", "set_params missing", "init_optimizer name", "backward"):
        with pytest.raises(ANY_ERROR):
            CALLS[kind][call](module, None)
    for m in (module, untouched):
        m.backward()
        m.update()
    same(snapshot(module), snapshot(untouched))
