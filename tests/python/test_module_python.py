"""PythonModule and PythonLossModule. What chains with them compute: parity/test_modules.py."""

from __future__ import annotations

import numpy as np
import pytest
from common import mx, ours_only
from module_helpers import Batch

ERRORS = (RuntimeError, ValueError, AssertionError, NotImplementedError)


class Doubled(mx.mod.PythonModule):
    def __init__(self, label_names=()):
        super().__init__(["data"], list(label_names), ["doubled_output"])

    def _compute_output_shapes(self):
        return [("doubled_output", self._data_shapes[0][1])]

    def forward(self, data_batch, is_train=None):
        self.outputs = [data_batch.data[0] * 2]

    def get_outputs(self, merge_multi_context=True):
        return self.outputs

    def backward(self, out_grads=None):
        self.gradients = [out_grads[0] * 2]

    def get_input_grads(self, merge_multi_context=True):
        return self.gradients


def loss(bind=True, **kwargs):
    module = mx.mod.PythonLossModule(**kwargs)
    if bind:
        module.bind([("data", (2, 3))], [("softmax_label", (2,))])
    return module


def batch():
    return mx.io.DataBatch([mx.nd.array([[0, 1, 2], [3, 4, 5]])], [mx.nd.array([0, 2])])


# ----------------------------------------------------------------------------------------------- PythonModule


def test_description():
    module = Doubled()
    assert module.data_names == ["data"]
    assert module.output_names == ["doubled_output"]
    module.bind([("data", (2, 3))])
    assert [tuple(d) for d in module.data_shapes] == [("data", (2, 3))]
    assert module.output_shapes == [("doubled_output", (2, 3))]
    assert not module.label_shapes
    assert module.symbol is None


@ours_only
def test_states_follow_the_page():
    module = Doubled()
    for call in (
        lambda: module.data_shapes,
        lambda: module.label_shapes,
        lambda: module.output_shapes,
        module.init_params,
        module.init_optimizer,
    ):
        with pytest.raises(RuntimeError, match="the module is not bound"):
            call()
    module.bind([("data", (2, 3))], inputs_need_grad=True)
    assert module.binded
    assert module.for_training
    assert module.inputs_need_grad
    assert module.label_shapes == []
    assert not (module.params_initialized or module.optimizer_initialized)
    module.init_params()
    module.init_optimizer()
    assert module.params_initialized
    assert module.optimizer_initialized
    assert module.get_params() == ({}, {})
    module.update()
    module.install_monitor(mx.mon.Monitor(1))
    module.bind([("data", (9, 3))])
    assert module.data_shapes[0].shape == (2, 3), "bound already"
    module.bind([("data", (9, 3))], for_training=False, force_rebind=True)
    assert module.output_shapes == [("doubled_output", (9, 3))]
    assert not module.for_training


def test_it_predicts_by_itself():
    module = Doubled()
    module.bind([("data", (2, 3))], for_training=False)
    module.init_params()
    module.forward(Batch([mx.nd.ones((2, 3))]))
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), np.full((2, 3), 2))


@ours_only
def test_predict_and_score():
    module = Doubled(["softmax_label"])
    data = np.eye(3, dtype="float32")
    iterator = mx.io.NDArrayIter(data, np.arange(3, dtype="float32"), batch_size=1)
    module.bind(iterator.provide_data, iterator.provide_label, for_training=False)
    module.init_params()
    np.testing.assert_array_equal(module.predict(iterator).asnumpy(), data * 2)
    assert module.score(iterator, "acc") == [("accuracy", 1.0)]


@pytest.mark.parametrize(
    "args",
    [
        ([("other", (2, 3))],),
        ([("data", (2, 3)), ("more", (2,))],),
        ([("data", (2, 3))], [("label", (2,))]),
    ],
)
def test_descriptions_that_do_not_match(args):
    module = Doubled()
    with pytest.raises(ERRORS):
        module.bind(*args)
    assert not module.binded


@ours_only
def test_failed_bind_changes_nothing():
    class Picky(Doubled):
        def _compute_output_shapes(self):
            if self.data_shapes[0].shape[0] > 4:
                raise ValueError("too large")
            return super()._compute_output_shapes()

    module = Picky()
    module.bind([("data", (2, 3))])
    with pytest.raises(ValueError, match="too large"):
        module.bind([("data", (5, 3))], force_rebind=True)
    with pytest.raises(ValueError, match="grad_req: got 'add'"):
        module.bind([("data", (2, 3))], force_rebind=True, grad_req="add")
    assert [tuple(d) for d in module.data_shapes] == [("data", (2, 3))]
    assert module.output_shapes == [("doubled_output", (2, 3))]


def test_what_a_subclass_must_implement():
    module = mx.mod.PythonModule(["data"], None, ["out"])
    for call in (
        lambda: module.bind([("data", (2, 3))]),
        lambda: module.forward(batch()),
        lambda: module.backward(),
        lambda: module.get_outputs(),
        lambda: module.get_input_grads(),
    ):
        with pytest.raises(NotImplementedError):
            call()


# ------------------------------------------------------------------------------------------- PythonLossModule


def test_names_of_a_loss():
    module = mx.mod.PythonLossModule(name="mine", data_names=["scores"], label_names=["truth"])
    assert module.data_names == ["scores"]
    assert module.output_names == ["mine_output"]


def test_outputs_are_the_scores():
    module = loss()
    assert module.output_shapes == [("pyloss_output", (2, 3))]
    assert [tuple(d) for d in module.label_shapes] == [("softmax_label", (2,))]
    module.forward(batch())
    assert len(module.get_outputs()) == 1
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), [[0, 1, 2], [3, 4, 5]])
    metric = mx.metric.Accuracy()
    module.update_metric(metric, batch().label)
    assert metric.get()[1] == 0.5


@pytest.mark.parametrize("as_numpy", [True, False])
def test_gradient_function(as_numpy):
    def gradient(scores, labels):
        assert isinstance(scores, mx.nd.NDArray)
        assert isinstance(labels, mx.nd.NDArray)
        return scores.asnumpy() * 3 if as_numpy else scores * 3

    module = loss(grad_func=gradient)
    module.forward(batch())
    module.backward()
    (result,) = module.get_input_grads()
    assert isinstance(result, mx.nd.NDArray)
    np.testing.assert_array_equal(result.asnumpy(), [[0, 3, 6], [9, 12, 15]])


def test_gradient_of_a_subclass():
    class Mine(mx.mod.PythonLossModule):
        def _backward_impl(self):
            self._scores_grad = self._scores - 1

    module = Mine()
    module.bind([("data", (2, 3))], [("softmax_label", (2,))])
    module.forward(batch())
    module.backward()
    np.testing.assert_array_equal(module.get_input_grads()[0].asnumpy(), [[-1, 0, 1], [2, 3, 4]])


def test_labels_may_be_absent_at_prediction():
    module = loss()
    module.forward(mx.io.DataBatch(batch().data, None), is_train=False)
    assert module.get_outputs()[0].shape == (2, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.get_outputs(merge_multi_context=False),
        lambda m: m.get_input_grads(merge_multi_context=False),
        lambda m: m.backward([mx.nd.ones((2, 3))]),
        lambda m: m.backward(),
        lambda m: m.update_metric(mx.metric.Accuracy(), [batch().label], pre_sliced=True),
        lambda m: mx.mod.PythonLossModule(data_names=["a", "b"]),
        lambda m: mx.mod.PythonLossModule(label_names=["a", "b"]),
    ],
)
def test_what_a_loss_refuses(call):
    module = loss()
    module.forward(batch())
    with pytest.raises(ERRORS):
        call(module)


@ours_only
def test_errors_say_what_to_do():
    with pytest.raises(TypeError, match="grad_func: got int, expected a function"):
        mx.mod.PythonLossModule(grad_func=3)
    with pytest.raises(ValueError, match="label_names: got None"):
        mx.mod.PythonLossModule(label_names=None)
    with pytest.raises(RuntimeError, match=r"forward\] the module is not bound"):
        loss(bind=False).forward(batch())
    with pytest.raises(RuntimeError, match="call forward"):
        loss().get_outputs()
    with pytest.raises(RuntimeError, match="call backward"):
        loss().get_input_grads()
    with pytest.raises(ValueError, match="has no label"):
        loss().forward(Batch(batch().data))
    module = loss(grad_func=lambda scores, labels: "no array")
    module.forward(batch())
    with pytest.raises(TypeError, match="grad_func returned str"):
        module.backward()
    module = loss(grad_func=lambda scores, labels: np.zeros((3, 3)))
    module.forward(batch())
    with pytest.raises(ValueError, match=r"returned shape \(3, 3\), expected that of the scores \(2, 3\)"):
        module.backward()
    module = loss()
    module.bind([("data", (2, 3))], for_training=False, force_rebind=True)
    module.forward(batch())
    with pytest.raises(RuntimeError, match="re-bind with for_training=True"):
        module.backward()
