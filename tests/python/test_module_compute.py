"""Module: forward and backward, changing shapes, states, several contexts, sharing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from common import IS_MXNET, mx, ours_only
from module_helpers import Batch, batch_of, bound, data_iter, mlp, same, values

# ------------------------------------------------------------------------------------------------ computation


def test_page_example_of_changing_shapes():
    module = mx.mod.Module(symbol=mx.sym.Variable("data") * 2, label_names=None)
    module.bind(data_shapes=[("data", (1, 10))])
    module.init_params()
    module.forward(Batch([mx.nd.ones((1, 10))]))
    np.testing.assert_allclose(module.get_outputs()[0].asnumpy(), np.full((1, 10), 2))
    module.forward(Batch([mx.nd.ones((3, 5))]))
    np.testing.assert_allclose(module.get_outputs()[0].asnumpy(), np.full((3, 5), 2))
    assert module.data_shapes[0].shape == (3, 5)


@ours_only
def test_going_back_to_a_shape_reuses_its_executor():
    module = bound()
    first = module._exec_group.execs[0]
    module.forward(batch_of(2))
    assert module._exec_group.execs[0] is not first
    module.forward(batch_of(4))
    assert module._exec_group.execs[0] is first
    for size in (5, 6, 7, 8):
        module.forward(batch_of(size))
    assert len(module._exec_group._kept) == 4


def test_parameters_stay_when_shapes_change():
    module = bound()
    module.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    reference = bound()
    reference.set_params(*module.get_params())
    reference.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9, "rescale_grad": 0.25})
    for size in (4, 2, 4, 7):
        batch = batch_of(size, seed=size)
        module.forward_backward(batch)
        module.update()
        reference.reshape([("data", (size, 6))], [("softmax_label", (size,))])
        reference.forward_backward(batch)
        reference.update()
        assert module.label_shapes[0].shape == (size,)
    same(values(module.get_params()[0]), values(reference.get_params()[0]))


@ours_only
def test_labels_may_be_absent_at_prediction():
    module = bound()
    batch = batch_of(4)
    module.forward(batch, is_train=False)
    expected = module.get_outputs()[0].asnumpy()
    module.forward(Batch(batch.data), is_train=False)
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), expected)
    module.forward(Batch([mx.nd.ones((7, 6))]), is_train=False)
    assert module.get_outputs()[0].shape == (7, 3)
    assert module.label_shapes[0].shape == (7,)
    # and training goes on with labels
    module.forward_backward(batch_of(7))
    label = module._exec_group.execs[0].arg_dict["softmax_label"].asnumpy()
    np.testing.assert_array_equal(label, batch_of(7).label[0].asnumpy())


@ours_only
@pytest.mark.parametrize("contexts", [1, 2])
def test_a_module_without_label_names(contexts):
    """The label of the loss is not a parameter then: nothing has to be given for it."""
    trained = bound()
    module = mx.mod.Module(mlp(), label_names=None, context=[mx.cpu(i) for i in range(contexts)])
    module.bind([("data", (4, 6))], for_training=False)
    module.set_params(*trained.get_params())
    assert sorted(module.get_params()[0]) == sorted(trained.get_params()[0])
    data = np.random.RandomState(2).randn(8, 6).astype("float32")
    expected = trained.predict(mx.io.NDArrayIter(data, batch_size=4)).asnumpy()
    actual = module.predict(mx.io.NDArrayIter(data, batch_size=4)).asnumpy()
    np.testing.assert_allclose(actual, expected, rtol=1e-6)
    one = mx.mod.Module(mlp(), label_names=None)
    one.bind([("data", (1, 6))], for_training=False, shared_module=trained)
    np.testing.assert_allclose(one.predict(data[:1]).asnumpy(), expected[:1], rtol=1e-6)
    labelled = mx.mod.Module(mlp(), label_names=None)  # an iterator brings labels all the same
    labelled.fit(data_iter(), num_epoch=1)
    assert dict(labelled.score(data_iter(), "acc"))["accuracy"] > 0


def test_a_parameter_that_is_called_label():
    net = mx.sym.Variable("data") + mx.sym.Variable("my_label", shape=(1, 3), init=mx.init.One())
    module = mx.mod.Module(net * mx.sym.Variable("w", shape=(1, 3)), label_names=None)
    module.bind([("data", (1, 3))])
    module.init_params(arg_params={"w": mx.nd.ones((1, 3))}, allow_missing=True)
    assert module.get_params()[0]["my_label"].asnumpy().tolist() == [[1, 1, 1]]


@ours_only
def test_binding_without_labels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = bound(for_training=False, label_shapes=None)
    assert module.label_shapes is None
    module.forward(batch_of())
    assert module.get_outputs()[0].shape == (4, 3)
    assert module.predict(data_iter()).shape == (10, 3)


@ours_only
def test_wrong_batches():
    module = bound()
    with pytest.raises(ValueError, match=r"the batch has 2 data arrays, expected 1: \['data'\]"):
        module.forward(Batch([mx.nd.ones((4, 6))] * 2))
    with pytest.raises(ValueError, match="the batch has 0 data arrays"):
        module.forward(Batch([]))
    batch = batch_of()
    lying = mx.io.DataBatch(
        batch.data, batch.label, provide_data=[("data", (9, 6))], provide_label=[("softmax_label", (9,))]
    )
    module.forward(lying)  # the arrays are what is bound: nothing to do
    other = mx.io.DataBatch(
        [mx.nd.ones((5, 6))],
        [mx.nd.ones((5,))],
        provide_data=[("data", (9, 6))],
        provide_label=[("softmax_label", (9,))],
    )
    with pytest.raises(ValueError, match="do not have the shapes it describes"):
        module.forward(other)


def test_dtypes_are_converted():
    module = bound()
    batch = batch_of()
    module.forward(batch, is_train=False)
    expected = module.get_outputs()[0].asnumpy()
    module.forward(
        mx.io.DataBatch([batch.data[0].astype("float64")], [batch.label[0].astype("int32")]), is_train=False
    )
    np.testing.assert_allclose(module.get_outputs()[0].asnumpy(), expected, rtol=1e-6)


@ours_only
def test_numpy_batches():
    module = bound()
    batch = batch_of()
    module.forward(batch)
    expected = module.get_outputs()[0].asnumpy()
    module.forward(mx.io.DataBatch([batch.data[0].asnumpy()], [batch.label[0].asnumpy()]))
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), expected)


def test_several_inputs_follow_their_descriptions():
    net = mx.sym.FullyConnected(mx.sym.Variable("a"), num_hidden=2, name="fa", no_bias=True)
    net = mx.sym.Group([net, mx.sym.Variable("b") * 3])
    module = mx.mod.Module(net, data_names=["a", "b"], label_names=None)
    module.bind([("b", (4, 2)), ("a", (4, 6))])
    module.init_params(mx.init.One())
    module.forward(Batch([mx.nd.ones((4, 2)), mx.nd.ones((4, 6))]))
    outputs = module.get_outputs()
    np.testing.assert_allclose(outputs[0].asnumpy(), 6)
    np.testing.assert_allclose(outputs[1].asnumpy(), 3)


@pytest.mark.parametrize("contexts", [1, 2])
def test_input_grads_and_out_grads(contexts):
    net = mx.sym.Variable("data") * 3
    module = mx.mod.Module(net, label_names=None, context=[mx.cpu(i) for i in range(contexts)])
    module.bind([("data", (4, 2))], inputs_need_grad=True)
    module.init_params()
    head = mx.nd.array(np.arange(8).reshape(4, 2))
    for out_grads in ([head],) if IS_MXNET else (head, [head]):  # MXNet wants a list, its page does not
        module.forward(Batch([mx.nd.ones((4, 2))]), is_train=True)
        module.backward(out_grads)
        np.testing.assert_allclose(module.get_input_grads()[0].asnumpy(), 3 * head.asnumpy())
    parts = module.get_input_grads(merge_multi_context=False)
    assert [len(p) for p in parts] == [contexts]
    assert [o.shape for o in module.get_outputs(merge_multi_context=False)[0]] == [
        (4 // contexts, 2)
    ] * contexts


GRAD_REQ = [
    ("write", {"data": "write", "fc1_weight": "write", "fc1_bias": "null", "softmax_label": "null"}),
    ("add", {"data": "add", "fc1_weight": "add", "fc1_bias": "null", "softmax_label": "null"}),
    ("null", {"data": "null", "fc1_weight": "null", "fc1_bias": "null", "softmax_label": "null"}),
    (
        {"fc1_weight": "add"},
        {"data": "write", "fc1_weight": "add", "fc1_bias": "null", "softmax_label": "null"},
    ),
    (
        {"fc1_bias": "add", "data": "null"},
        {"data": "null", "fc1_weight": "write", "fc1_bias": "add", "softmax_label": "null"},
    ),
    (
        ["null", "add", "write", "null"],
        {"data": "null", "fc1_weight": "add", "fc1_bias": "write", "softmax_label": "null"},
    ),
]


@pytest.mark.parametrize("grad_req,expected", GRAD_REQ)
def test_grad_req(grad_req, expected):
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc1")
    module = mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax"), fixed_param_names=["fc1_bias"])
    module.bind([("data", (4, 6))], [("softmax_label", (4,))], inputs_need_grad=True, grad_req=grad_req)
    assert module._exec_group.grad_req == expected


def test_grad_req_add_accumulates():
    module = bound(grad_req="add")
    grads = []
    for _ in range(2):
        module.forward_backward(batch_of())
        grads.append(module._exec_group.grad_arrays[0][0].asnumpy())
    np.testing.assert_allclose(grads[1], 2 * grads[0], rtol=1e-6)


@ours_only
def test_grad_req_errors():
    for grad_req, match in (
        ("nosuch", "got 'nosuch', expected 'write', 'add' or 'null'"),
        (["write"], "got a list of 1, expected one for each of the 6 arguments"),
        (3, "expected one of str, list, tuple, or dict"),
    ):
        with pytest.raises(ValueError, match=match):
            bound(grad_req=grad_req)
    with pytest.warns(UserWarning, match=r"no argument \['nosuch'\]"):
        bound(grad_req={"nosuch": "add"})


def test_states():
    net = mx.sym.Group([mx.sym.Variable("data") * 2, mx.sym.Variable("h") * 3])
    module = mx.mod.Module(net, label_names=None, state_names=["h"], context=[mx.cpu(0), mx.cpu(1)])
    shapes = [mx.io.DataDesc("data", (4, 2)), mx.io.DataDesc("h", (2, 5))]
    assert module._param_names == []
    # The shape of a state comes from its variable.
    net = mx.sym.Group(
        [mx.sym.Variable("data") * 2, mx.sym.Variable("h", shape=shapes[1].shape, dtype="float32") * 3]
    )
    module = mx.mod.Module(net, label_names=None, state_names=["h"], context=[mx.cpu(0), mx.cpu(1)])
    module.bind(shapes[:1], for_training=False)
    module.init_params()
    states = module.get_states(merge_multi_context=False)
    assert [[s.shape for s in by_ctx] for by_ctx in states] == [[(2, 5), (2, 5)]]
    np.testing.assert_allclose(states[0][0].asnumpy(), 0)
    module.set_states(value=4)
    module.forward(Batch([mx.nd.ones((4, 2))]))
    outputs = module.get_outputs(merge_multi_context=False)
    np.testing.assert_allclose(outputs[1][0].asnumpy(), 12)
    module.set_states(states=[[mx.nd.ones((2, 5)), mx.nd.ones((2, 5)) * 2]])
    module.forward(Batch([mx.nd.ones((4, 2))]))
    np.testing.assert_allclose(module.get_outputs(merge_multi_context=False)[1][1].asnumpy(), 6)


@ours_only
def test_states_merged_and_errors():
    net = mx.sym.Group([mx.sym.Variable("data") * 2, mx.sym.Variable("h", shape=(2, 5)) * 3])
    module = mx.mod.Module(net, label_names=None, state_names=["h"], context=[mx.cpu(0), mx.cpu(1)])
    module.bind([("data", (4, 2))], for_training=False)
    module.init_params()
    whole = np.arange(20).reshape(4, 5)
    module.set_states([mx.nd.array(whole)])
    np.testing.assert_array_equal(module.get_states()[0].asnumpy(), whole)
    with pytest.raises(ValueError, match="at least one of states and value"):
        module.set_states()
    with pytest.raises(ValueError, match="only one of states and value"):
        module.set_states(states=[], value=1)
    with pytest.raises(ValueError, match=r"got 2 states, expected 1: \['h'\]"):
        module.set_states([mx.nd.ones((4, 5))] * 2)
    with pytest.raises(ValueError, match="got arrays for 1 contexts, expected 2"):
        module.set_states([[mx.nd.ones((2, 5))]])


@pytest.mark.parametrize("contexts", [1, 2, 3])
def test_contexts_compute_the_same(contexts):
    one, several = bound(batch=6), bound(contexts=contexts, batch=6)
    several.set_params(*one.get_params())
    params = {"learning_rate": 0.5, "momentum": 0.9, "wd": 0.01}
    for module, kvstore in ((one, None), (several, "device")):
        module.init_optimizer(optimizer_params=params, kvstore=kvstore)
        metric = mx.metric.Accuracy()
        for seed in range(4):
            module.forward_backward(batch_of(6, seed))
            module.update()
            module.update_metric(metric, batch_of(6, seed).label)
        module.accuracy = metric.get()[1]
    assert one.accuracy == several.accuracy
    expected, actual = values(one.get_params()[0]), values(several.get_params()[0])
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_update_on_kvstore_both_ways(optimizer, monkeypatch):
    results = []
    for on_store in ("1", "0"):
        monkeypatch.setenv("MXNET_UPDATE_ON_KVSTORE", on_store)
        module = bound(contexts=2)
        module.set_params({n: mx.nd.ones(v.shape) * 0.1 for n, v in module.get_params()[0].items()}, {})
        module.init_optimizer(optimizer=optimizer, optimizer_params={"learning_rate": 0.1, "wd": 0.1})
        assert module._update_on_kvstore is (on_store == "1")
        for seed in range(3):
            module.forward_backward(batch_of(seed=seed))
            module.update()
        results.append(values(module.get_params()[0]))
    for name, value in results[0].items():
        np.testing.assert_allclose(results[1][name], value, rtol=1e-6, atol=1e-7)


@ours_only
def test_presliced_batches():
    module = bound(contexts=2)
    whole = batch_of(4)
    parts = [mx.io.DataBatch([whole.data[0][s]], [whole.label[0][s]]) for s in (slice(0, 2), slice(2, 4))]
    module.forward(whole)
    expected = module.get_outputs()[0].asnumpy()
    module.forward(parts)
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), expected)
    one, both = mx.metric.Accuracy(), mx.metric.Accuracy()
    module.update_metric(one, whole.label)
    module.update_metric(both, [p.label for p in parts], pre_sliced=True)
    assert one.get() == both.get()
    bigger = [batch_of(3, 1), batch_of(3, 2)]
    module.forward(bigger)
    assert module.get_outputs()[0].shape == (6, 3)
    with pytest.raises(ValueError, match="got 1 batches, expected one for each of 2 contexts"):
        module.forward(parts[:1])
    with pytest.raises(ValueError, match="takes its share"):
        module.forward([batch_of(1), batch_of(5)])


def test_layout_without_batch_first():
    net = mx.sym.Variable("data", attr={"__layout__": "TNC"}) * 2
    module = mx.mod.Module(net, label_names=None, context=[mx.cpu(0), mx.cpu(1)])
    module.bind([mx.io.DataDesc("data", (5, 4, 2), layout="TNC")], inputs_need_grad=True)
    module.init_params()
    data = np.arange(40).reshape(5, 4, 2)
    module.forward(Batch([mx.nd.array(data)]))
    parts = module.get_outputs(merge_multi_context=False)[0]
    assert [p.shape for p in parts] == [(5, 2, 2), (5, 2, 2)]
    np.testing.assert_array_equal(parts[1].asnumpy(), 2 * data[:, 2:])


@ours_only
def test_update_without_python_loops_over_parameters():
    # One engine call for all parameters: the plan has one group.
    module = bound()
    module.init_optimizer(optimizer="adam")
    module.forward_backward(batch_of())
    module.update()
    (plan,) = module._plans
    (group,) = plan._groups
    assert group.kind == "adam"
    assert len(group.weights) == 4


# ----------------------------------------------------------------------------------------- sharing parameters


def test_shared_module_uses_the_same_parameters():
    first = bound()
    first.init_optimizer(optimizer_params={"learning_rate": 0.5})
    second = mx.mod.Module(mlp())
    second.bind([("data", (2, 6))], [("softmax_label", (2,))], shared_module=first)
    assert second.params_initialized
    assert second.optimizer_initialized
    second.forward_backward(batch_of(2))
    second.update()
    trained = second._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy()
    np.testing.assert_array_equal(first._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy(), trained)
    assert second._optimizer is first._optimizer
    first.forward(batch_of(4))
    assert first.get_outputs()[0].shape == (4, 3)


@ours_only
def test_shared_module_with_parameters_in_another_order():
    # Keys of the borrowed updater follow parameter names, whatever their order in the other symbol.
    def net(order):
        data = mx.sym.Variable("data")
        parts = [mx.sym.FullyConnected(data, num_hidden=n, name=f"fc{n}") for n in order]
        return mx.sym.Group(parts)

    first = mx.mod.Module(net([2, 3]), label_names=None)
    first.bind([("data", (4, 6))])
    first.init_params(mx.init.One())
    first.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    second = mx.mod.Module(net([3, 2]), label_names=None)
    second.bind([("data", (4, 6))], shared_module=first)
    for module, heads in ((first, [2, 3]), (second, [3, 2])):
        module.forward(Batch([mx.nd.ones((4, 6))]), is_train=True)
        module.backward([mx.nd.ones((4, n)) for n in heads])
        module.update()
    assert {k: s.shape for k, s in first._updater.states.items()} == {0: (2, 6), 1: (2,), 2: (3, 6), 3: (3,)}


@ours_only
def test_shared_module_errors():
    module = mx.mod.Module(mlp())
    with pytest.raises(TypeError, match="shared_module: got int, expected a Module"):
        module.bind([("data", (4, 6))], shared_module=3)
    with pytest.raises(RuntimeError, match="shared_module is not ready"):
        module.bind([("data", (4, 6))], shared_module=mx.mod.Module(mlp()))
    with pytest.raises(ValueError, match="shared_module has 1 contexts, expected at least 2"):
        mx.mod.Module(mlp(), context=[mx.cpu(0), mx.cpu(1)]).bind([("data", (4, 6))], shared_module=bound())
    with pytest.raises(mx.MXNetError, match=r"'fc2_weight' has shape \(3, 5\)"):
        mx.mod.Module(mlp(4)).bind([("data", (4, 6))], shared_module=bound())
    other = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="other")
    with pytest.raises(
        ValueError, match=r"shared_module does not have the parameters \['other_weight', 'other_bias'\]"
    ):
        mx.mod.Module(other, label_names=None).bind([("data", (4, 6))], shared_module=bound())
    assert not module.binded


@ours_only
def test_updates_through_a_sharing_module_are_seen():
    first = bound()
    second = mx.mod.Module(mlp())
    second.bind([("data", (2, 6))], [("softmax_label", (2,))], shared_module=first)
    second.init_optimizer(optimizer_params={"learning_rate": 0.5})
    before = values(first.get_params()[0])
    second.forward_backward(batch_of(2))
    second.update()
    after = values(first.get_params()[0])
    assert not np.array_equal(before["fc1_weight"], after["fc1_weight"])
    same(after, values(second.get_params()[0]))


@ours_only
def test_absent_labels_follow_the_batch_size():
    fc = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=1, name="fc")
    net = mx.sym.LinearRegressionOutput(fc, mx.sym.Variable("y"), name="out")
    module = mx.mod.Module(net, label_names=["y"])
    module.bind([("data", (4, 6))], [("y", (4, 1))])
    module.init_params()
    module.forward(Batch([mx.nd.ones((3, 6))]), is_train=False)
    assert module.get_outputs()[0].shape == (3, 1)
    assert module.label_shapes[0].shape == (3, 1)
