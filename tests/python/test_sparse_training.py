"""Sparse gradients, lazy updates, key-value stores and modules with row_sparse parameters."""

import numpy as np
import pytest
from common import mx


def rows(values):
    return mx.nd.array(values).tostype("row_sparse")


def changed_rows(before, after):
    return np.flatnonzero((before != after.asnumpy()).any(1)).tolist()


def bind_embedding(dim, stype="default", **attrs):
    weight = mx.sym.Variable("weight", stype=stype)
    net = mx.sym.Embedding(mx.sym.Variable("data"), weight, input_dim=dim, output_dim=2, **attrs)
    return net.simple_bind(mx.cpu(), data=(4,), grad_req={"weight": "write"})


def test_the_gradient_of_an_embedding_stores_the_chosen_rows():
    executor = bind_embedding(10, sparse_grad=True)
    grad = executor.grad_dict["weight"]
    assert grad.stype == "row_sparse"
    executor.forward(is_train=True, data=mx.nd.array([7, 2, 7, 99]))
    executor.backward(mx.nd.array(np.arange(8).reshape(4, 2)))
    assert grad.indices.asnumpy().tolist() == [2, 7, 9]
    assert grad.data.asnumpy().tolist() == [[2, 3], [4, 6], [6, 7]]
    executor.forward(is_train=True, data=mx.nd.zeros((4,)))  # fewer rows in the next step
    executor.backward(mx.nd.ones((4, 2)))
    assert executor.grad_dict["weight"] is not None
    assert grad.indices.asnumpy().tolist() == [0]
    assert grad.data.asnumpy().tolist() == [[4, 4]]


def test_added_sparse_gradients_join_their_rows():
    weight = mx.sym.Variable("weight")
    net = mx.sym.Embedding(mx.sym.Variable("data"), weight, input_dim=6, output_dim=1, sparse_grad=True)
    executor = net.simple_bind(mx.cpu(), data=(2,), grad_req={"weight": "add"})
    for data in ([1, 4], [4, 5]):
        executor.forward(is_train=True, data=mx.nd.array(data))
        executor.backward(mx.nd.ones((2, 1)))
    grad = executor.grad_dict["weight"]
    assert grad.indices.asnumpy().tolist() == [1, 4, 5]
    assert grad.data.asnumpy().ravel().tolist() == [1, 2, 1]


def test_a_dense_gradient_array_gets_a_sparse_gradient():
    net = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=5, output_dim=2, sparse_grad=True, name="e")
    grads = {"e_weight": mx.nd.ones((5, 2))}
    args = {"data": mx.nd.array([3, 3]), "e_weight": mx.nd.ones((5, 2))}
    executor = net.bind(mx.cpu(), args, grads)
    executor.forward(is_train=True)
    executor.backward(mx.nd.ones((2, 2)))
    assert grads["e_weight"].asnumpy().sum(1).tolist() == [0, 0, 0, 4, 0]


def test_an_embedding_reads_the_rows_that_are_there():
    executor = bind_embedding(5, "row_sparse")
    executor.arg_dict["weight"][:] = rows([[0, 0], [1, 2], [0, 0], [3, 4], [0, 0]])
    out = executor.forward(data=mx.nd.array([3, 0, 1, 3]))[0]
    assert out.asnumpy().tolist() == [[3, 4], [0, 0], [1, 2], [3, 4]]


@pytest.mark.parametrize("transposed", [False, True])
def test_products_with_csr_data_and_their_gradients(transposed):
    rng = np.random.RandomState(0)
    x = rng.rand(6, 9).astype(np.float32) * (rng.rand(6, 9) < 0.3)
    w = rng.rand(6 if transposed else 9, 2).astype(np.float32)
    left = x.T if transposed else x
    net = mx.sym.dot(mx.sym.Variable("x", stype="csr"), mx.sym.Variable("w"), transpose_a=transposed)
    executor = net.simple_bind(mx.cpu(), x=x.shape, w=w.shape, grad_req={"w": "write"})
    executor.arg_dict["x"][:] = mx.nd.sparse.csr_matrix(x)
    executor.arg_dict["w"][:] = w
    out = executor.forward(is_train=True)[0]
    assert out.stype == ("row_sparse" if transposed else "default")
    np.testing.assert_allclose(out.asnumpy(), left @ w, rtol=1e-5)
    head = rng.rand(*out.shape).astype(np.float32)
    executor.backward(mx.nd.array(head))
    grad = executor.grad_dict["w"]
    assert grad.stype == ("default" if transposed else "row_sparse")
    if transposed:
        head = head * (x.any(0)[:, None])  # what the output does not store has no gradient
    np.testing.assert_allclose(grad.asnumpy(), left.T @ head, rtol=1e-5)


def test_functions_of_sparse_arguments_and_their_gradients():
    w = mx.sym.Variable("w", stype="row_sparse")
    net = mx.sym.sum(mx.sym.cast_storage(mx.sym.square(w) + w, stype="default"))
    executor = net.simple_bind(mx.cpu(), w=(4, 2))
    value = np.array([[0, 0], [1, 2], [0, 0], [3, -1]], np.float32)
    executor.arg_dict["w"][:] = rows(value)
    assert executor.forward(is_train=True)[0].asnumpy() == (value**2 + value).sum()
    executor.backward(mx.nd.ones((1,)))
    np.testing.assert_allclose(executor.grad_dict["w"].asnumpy(), 2 * value + 1)


@pytest.mark.parametrize("off", ["SIMPLIFY", "FUSE", "LAYOUT", "PLAN_MEMORY", "PREPARE", "RECOMPUTE"])
def test_passes_do_not_change_sparse_results(monkeypatch, off):
    monkeypatch.setenv(f"SYMBIND_{off}", "0")
    test_functions_of_sparse_arguments_and_their_gradients()
    test_products_with_csr_data_and_their_gradients(False)


def test_a_monitor_sees_sparse_values_as_dense_ones():
    net = mx.sym.sum(mx.sym.square(mx.sym.Variable("w", stype="row_sparse"), name="sq"), name="total")
    executor = net.simple_bind(mx.cpu(), w=(3, 2))
    executor.arg_dict["w"][:] = rows([[0, 0], [1, 2], [0, 0]])
    seen = {}
    executor.set_monitor_callback(lambda name, value: seen.update({name: value.asnumpy()}), True)
    executor.forward()
    assert seen["sq_output"].tolist() == [[0, 0], [1, 4], [0, 0]]
    assert seen["w"].tolist() == [[0, 0], [1, 2], [0, 0]]


def test_predictions_follow_sparse_weights():
    net = mx.sym.FullyConnected(
        mx.sym.Variable("x", stype="csr"),
        mx.sym.Variable("w", stype="row_sparse"),
        num_hidden=2,
        no_bias=True,
    )
    executor = net.simple_bind(mx.cpu(), x=(1, 2), grad_req="null")
    executor.arg_dict["x"][:] = mx.nd.sparse.csr_matrix([[1, 0]])
    for scale in (1, 2):
        executor.arg_dict["w"][:] = rows([[scale, 0], [3 * scale, 0]])
        assert executor.forward()[0].asnumpy().tolist() == [[scale, 3 * scale]]


@pytest.mark.parametrize("name", ["sgd", "adam", "adagrad", "ftrl"])
@pytest.mark.parametrize("stype", ["default", "row_sparse"])
def test_lazy_updates_touch_the_rows_of_the_gradient(name, stype):
    rng = np.random.RandomState(0)
    value = rng.rand(6, 3).astype(np.float32) + 1
    weight = mx.nd.array(value).tostype(stype)
    grad = mx.nd.sparse.row_sparse_array((rng.rand(2, 3).astype(np.float32), [1, 4]), shape=(6, 3))
    options = {"wd": 0.1} if name != "adagrad" else {}
    if name == "sgd":
        options["momentum"] = 0.9
    update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1, **options))
    update(0, grad, weight)
    everything = name == "ftrl" and stype == "default"  # as in MXNet
    assert changed_rows(value, weight) == (list(range(6)) if everything else [1, 4])
    assert weight.stype == stype
    before = weight.asnumpy()
    update(0, grad, weight)  # states are those of the first step
    assert set(changed_rows(before, weight)) >= {1, 4}


def test_without_lazy_update_all_rows_decay():
    value = np.ones((4, 2), np.float32)
    weight = mx.nd.array(value)
    optimizer = mx.optimizer.SGD(learning_rate=0.1, wd=0.1, lazy_update=False)
    grad = mx.nd.sparse.row_sparse_array(([[1, 1]], [2]), shape=(4, 2))
    mx.optimizer.get_updater(optimizer)(0, grad, weight)
    assert changed_rows(value, weight) == [0, 1, 2, 3]


def test_rows_that_a_weight_does_not_store_are_updated_as_zeros():
    weight = mx.nd.sparse.zeros("row_sparse", (4, 2))
    grad = mx.nd.sparse.row_sparse_array(([[1, 2]], [2]), shape=(4, 2))
    mx.nd.sparse.sgd_update(weight, grad, out=weight, lr=1)
    assert weight.asnumpy().tolist() == [[0, 0], [0, 0], [-1, -2], [0, 0]]


def test_states_of_sparse_weights_are_saved():
    weight = rows(np.ones((3, 2), np.float32))
    grad = mx.nd.sparse.row_sparse_array(([[1, 1]], [1]), shape=(3, 2))
    first = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9))
    first(0, grad, weight)
    second = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9))
    second.set_states(first.get_states())
    assert second.states[0].stype == "row_sparse"
    np.testing.assert_array_equal(second.states[0].asnumpy(), first.states[0].asnumpy())
    other = weight.copy()
    first(0, grad, weight)
    second(0, grad, other)
    np.testing.assert_array_equal(weight.asnumpy(), other.asnumpy())


def test_row_sparse_pull():
    value = np.arange(10, dtype=np.float32).reshape(5, 2) + 1
    store = mx.kv.create("local")
    store.init("w", rows(value))
    out = mx.nd.sparse.zeros("row_sparse", (5, 2))
    store.row_sparse_pull("w", out=out, row_ids=mx.nd.array([3, 1, 1]))
    assert out.indices.asnumpy().tolist() == [1, 3]
    assert out.data.asnumpy().tolist() == value[[1, 3]].tolist()
    outs = [mx.nd.sparse.zeros("row_sparse", (5, 2)) for _ in range(2)]
    store.row_sparse_pull("w", out=outs, row_ids=[mx.nd.array([0]), mx.nd.array([2, 4])])
    assert [o.indices.asnumpy().tolist() for o in outs] == [[0], [2, 4]]
    store.pull("w", out=out)
    assert out.indices.asnumpy().tolist() == [1, 3]  # row_sparse arrays are left alone
    store.pull("w", out=out, ignore_sparse=False)
    assert out.asnumpy().tolist() == value.tolist()
    dense = mx.nd.zeros((5, 2))
    store.pull("w", out=dense)
    assert dense.asnumpy().tolist() == value.tolist()
    store.push("w", [rows(value), rows(value)])
    store.row_sparse_pull("w", out=out, row_ids=mx.nd.array([4]))
    assert out.data.asnumpy().tolist() == [[18, 20]]


def test_row_sparse_pull_refuses():
    store = mx.kv.create("local")
    store.init("w", rows(np.ones((5, 2))))
    store.init("d", mx.nd.ones((5, 2)))
    out = mx.nd.sparse.zeros("row_sparse", (5, 2))
    ids = mx.nd.array([1])
    with pytest.raises(ValueError, match="expected 'row_sparse'"):
        store.row_sparse_pull("d", out=out, row_ids=ids)
    with pytest.raises(ValueError, match="out is 'default'"):
        store.row_sparse_pull("w", out=mx.nd.zeros((5, 2)), row_ids=ids)
    with pytest.raises(mx.MXNetError, match="row number: got 9"):
        store.row_sparse_pull("w", out=out, row_ids=mx.nd.array([9]))
    with pytest.raises(ValueError, match="both needed"):
        store.row_sparse_pull("w", out=out)


def linear(columns, stype="row_sparse"):
    weight = mx.sym.Variable("weight", shape=(columns, 2), stype=stype)
    score = mx.sym.sparse.dot(mx.sym.Variable("data", stype="csr"), weight)
    return mx.sym.SoftmaxOutput(score, name="softmax")


def classified(count=60, columns=12):
    rng = np.random.RandomState(0)
    x = rng.rand(count, columns).astype(np.float32) * (rng.rand(count, columns) < 0.3)
    return x, (x[:, :6].sum(1) > x[:, 6:].sum(1)).astype(np.float32)


def wanted_rows(batch):
    return {"weight": batch.data[0].indices}


@pytest.mark.parametrize("contexts", [1, 2])
@pytest.mark.parametrize("store", [None, "local"])
def test_modules_learn_with_csr_batches(contexts, store):
    x, y = classified()
    data = mx.io.NDArrayIter(mx.nd.sparse.csr_matrix(x), y, 10)
    module = mx.mod.Module(linear(12), context=[mx.cpu(i) for i in range(contexts)])
    module.fit(
        data,
        kvstore=store and mx.kv.create(store),
        optimizer_params={"learning_rate": 1.0},
        num_epoch=12,
        initializer=mx.init.Zero(),
        sparse_row_id_fn=wanted_rows if store else None,
    )
    assert module.get_params()[0]["weight"].stype == "row_sparse"
    score = module.score(data, "acc", sparse_row_id_fn=wanted_rows if store else None)
    assert dict(score)["accuracy"] > 0.9


def test_a_module_holds_the_rows_of_its_batch_and_the_store_all(tmp_path):
    x, y = classified()
    batch = mx.io.DataBatch([mx.nd.sparse.csr_matrix(x[:5])], [mx.nd.array(y[:5])])
    module = mx.mod.Module(linear(12))
    module.bind([("data", (5, 12))], [("softmax_label", (5,))])
    module.init_params(mx.init.One())
    module.init_optimizer(mx.kv.create("local"), "sgd", {"learning_rate": 0.5})
    module.prepare(batch, wanted_rows)
    touched = np.unique(np.nonzero(x[:5])[1]).tolist()
    held = module._exec_group.execs[0].arg_dict["weight"]
    assert held.indices.asnumpy().tolist() == touched
    assert module.get_params()[0]["weight"].asnumpy().sum() == 24
    module.forward_backward(batch)
    module.update()
    after = module.get_params()[0]["weight"]
    assert changed_rows(np.ones((12, 2), np.float32), after) == touched
    module.save_checkpoint(str(tmp_path / "m"), 1, save_optimizer_states=True)
    loaded = mx.mod.Module.load(str(tmp_path / "m"), 1)
    loaded.bind([("data", (5, 12))], for_training=False)
    np.testing.assert_array_equal(loaded.get_params()[0]["weight"].asnumpy(), after.asnumpy())
    assert loaded.get_params()[0]["weight"].stype == "row_sparse"


def test_buckets_and_chains_pull_rows_too():
    x, y = classified()
    batch = mx.io.DataBatch([mx.nd.sparse.csr_matrix(x[:5])], [mx.nd.array(y[:5])], bucket_key=12)
    described = [mx.io.DataDesc("data", (5, 12))], [mx.io.DataDesc("softmax_label", (5,))]
    batch.provide_data, batch.provide_label = described
    buckets = mx.mod.BucketingModule(lambda key: (linear(key), ("data",), ("softmax_label",)), 12)
    chain = mx.mod.SequentialModule().add(mx.mod.Module(linear(12)), take_labels=True)
    touched = np.unique(np.nonzero(x[:5])[1]).tolist()
    for module in (buckets, chain):
        module.bind(*described)
        module.init_params(mx.init.One())
        module.init_optimizer(mx.kv.create("local"))
        module.prepare(batch, wanted_rows)
        module.forward_backward(batch)
        module.update()
        inner = buckets._curr_module if module is buckets else chain._modules[0]
        held = inner._exec_group.execs[0].arg_dict["weight"]
        assert held.indices.asnumpy().tolist() == touched


def test_a_step_of_an_embedding_costs_what_it_touches():
    """A table of 4 GB of which a step reads and writes a few rows: anything that passed over all of it would
    take seconds, and the memory."""
    rows_in_table = 2 * 10**8
    weight = mx.nd.sparse.zeros("row_sparse", (rows_in_table, 5))
    net = mx.sym.Embedding(
        mx.sym.Variable("data"),
        mx.sym.Variable("weight", stype="row_sparse"),
        input_dim=rows_in_table,
        output_dim=5,
        sparse_grad=True,
    )
    grad = mx.nd.sparse.zeros("row_sparse", weight.shape)
    data = mx.nd.array([1, rows_in_table - 1, 1], dtype="int64")
    executor = net.bind(mx.cpu(), {"data": data, "weight": weight}, {"weight": grad})
    executor.forward(is_train=True)
    executor.backward(mx.nd.ones((3, 5)))
    assert grad.indices.asnumpy().tolist() == [1, rows_in_table - 1]
    assert grad.data.asnumpy().tolist() == [[2] * 5, [1] * 5]
