"""Cells compute what their formulas say, fused and unfused alike; checkpoints, buckets, errors."""

import warnings

import numpy as np
import pytest
from common import assert_close, mx, ours_only

MODES = ["rnn_relu", "rnn_tanh", "lstm", "gru"]


def run(cell, inputs, args=None, layout="NTC", length=3, seed=1, train=False, merge=True):
    """Outputs of an unrolled cell, and the parameters it ran with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs, _ = cell.unroll(length, mx.sym.Variable("x"), layout=layout, merge_outputs=merge)
    if not merge:
        outputs = mx.sym.Group(outputs)
    shapes, _, _ = outputs.infer_shape(x=inputs.shape)
    rs = np.random.RandomState(seed)
    arrays = {"x": mx.nd.array(inputs)}
    for name, shape in zip(outputs.list_arguments(), shapes):
        if name != "x":
            arrays[name] = args[name] if args else mx.nd.array(rs.uniform(-0.5, 0.5, shape))
    executor = outputs.bind(mx.cpu(), arrays)
    results = [o.asnumpy() for o in executor.forward(is_train=train)]
    arrays.pop("x")
    return results[0] if merge else results, arrays


def data(*shape):
    return np.random.RandomState(7).uniform(-1, 1, shape).astype("float32")


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_fused_and_unfused_agree(mode, bidirectional):
    fused = mx.rnn.FusedRNNCell(5, num_layers=2, mode=mode, bidirectional=bidirectional, prefix="f_")
    x = data(2, 3, 4)
    expected, args = run(fused, x)
    stack = fused.unfuse()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unpacked = stack.pack_weights(fused.unpack_weights(args))
    actual, _ = run(stack, x, unpacked)
    assert_close(actual, expected, 1e-4, 1e-5)
    time_major, _ = run(stack, x.swapaxes(0, 1), unpacked, layout="TNC")
    assert_close(time_major, expected.swapaxes(0, 1), 1e-4, 1e-5)
    steps, _ = run(stack, x, unpacked, merge=False)
    assert_close(np.stack(steps, 1), expected, 1e-4, 1e-5)


def test_packing_is_undone():
    for cell in (
        mx.rnn.LSTMCell(4, prefix="c_"),
        mx.rnn.GRUCell(4, prefix="c_"),
        mx.rnn.RNNCell(4),
        mx.rnn.FusedRNNCell(4, 2, "gru", bidirectional=True, prefix="f_"),
        mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(4), 0.1),
    ):
        _, args = run(cell, data(2, 3, 5))
        packed = cell.pack_weights(cell.unpack_weights(args))
        assert sorted(packed) == sorted(args)
        for name, array in args.items():
            assert_close(packed[name], array.asnumpy(), 0, 0, name)


def test_residual():
    plain, args = run(mx.rnn.GRUCell(4, prefix="c_"), data(2, 3, 4))
    residual, _ = run(mx.rnn.ResidualCell(mx.rnn.GRUCell(4, prefix="c_")), data(2, 3, 4), args)
    assert_close(residual, plain + data(2, 3, 4), 1e-5)


def test_zoneout_keeps_outputs_in_training_alone():
    plain, args = run(mx.rnn.RNNCell(40, prefix="c_"), data(4, 3, 5))
    cell = mx.rnn.ZoneoutCell(mx.rnn.RNNCell(40, prefix="c_"), zoneout_outputs=0.5)
    assert_close(run(cell, data(4, 3, 5), args)[0], plain, 1e-5)
    mx.random.seed(2)
    kept = run(cell, data(4, 3, 5), args, train=True)[0]
    assert_close(kept[:, 0], np.where(kept[:, 0] == 0, 0, plain[:, 0]), 1e-5)
    assert 0.2 < (kept[:, 0] == 0).mean() < 0.8
    repeated = kept[:, 1] == kept[:, 0]
    assert 0.2 < repeated.mean() < 0.8


def test_a_bidirectional_cell_reads_both_ways():
    cell = mx.rnn.BidirectionalCell(mx.rnn.RNNCell(3, prefix="l_"), mx.rnn.RNNCell(3, prefix="r_"))
    x = data(2, 3, 4)
    both, args = run(cell, x)
    left, _ = run(mx.rnn.RNNCell(3, prefix="l_"), x, args)
    right, _ = run(mx.rnn.RNNCell(3, prefix="r_"), x[:, ::-1], args)
    assert_close(both, np.concatenate([left, right[:, ::-1]], 2), 1e-5)


def test_convolutional_cells_run():
    for make in (mx.rnn.ConvRNNCell, mx.rnn.ConvLSTMCell, mx.rnn.ConvGRUCell):
        cell = make((1, 3, 6, 5), 2)
        outputs, _ = cell.unroll(2, [mx.sym.Variable("a"), mx.sym.Variable("b")])
        net = mx.sym.Group(outputs)
        executor = net.simple_bind(mx.cpu(), a=(2, 3, 6, 5), b=(2, 3, 6, 5))
        assert [o.shape for o in executor.forward()] == [(2, 2, 6, 5)] * 2


@pytest.mark.parametrize("fused", [False, True])
def test_a_network_learns_to_add_up(fused):
    """The mean of a sequence: initializers, unknown batches of states, and Module, all at once."""
    x = data(64, 5, 1)
    y = x.mean(axis=1)
    mx.random.seed(1)
    np.random.seed(1)
    cell = mx.rnn.FusedRNNCell(8, mode="lstm", prefix="c_") if fused else mx.rnn.LSTMCell(8, prefix="c_")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs, _ = cell.unroll(5, mx.sym.Variable("data"), merge_outputs=True)
    last = mx.sym.Reshape(mx.sym.slice_axis(outputs, axis=1, begin=4, end=5), shape=(0, -1))
    net = mx.sym.LinearRegressionOutput(
        mx.sym.FullyConnected(last, num_hidden=1, name="fc"), mx.sym.Variable("label")
    )
    module = mx.mod.Module(net, data_names=["data"], label_names=["label"])
    batches = mx.io.NDArrayIter(x, y, 16, label_name="label")
    module.fit(
        batches,
        num_epoch=60,
        eval_metric="mse",
        initializer=mx.init.Xavier(),
        optimizer="adam",
        optimizer_params={"learning_rate": 0.02},
    )
    assert dict(module.score(batches, "mse"))["mse"] < 0.1 * y.var()


def test_checkpoints_hold_gates_one_by_one(tmp_path):
    cell = mx.rnn.FusedRNNCell(4, 2, "lstm", prefix="f_")
    _, args = run(cell, data(2, 3, 5))
    net, _ = cell.unroll(3, mx.sym.Variable("x"), layout="TNC", merge_outputs=True)
    prefix = str(tmp_path / "model")
    callback = mx.rnn.do_rnn_checkpoint(cell, prefix, period=2)
    callback(0, net, args, {})
    assert not list(tmp_path.iterdir())
    callback(1, net, args, {})
    saved = mx.nd.load(f"{prefix}-0002.params")
    assert "arg:f_l1_h2h_o_weight" in saved
    loaded, arg_params, aux_params = mx.rnn.load_rnn_checkpoint([cell], prefix, 2)
    assert loaded.tojson() == net.tojson()
    assert aux_params == {}
    assert_close(arg_params["f_parameters"], args["f_parameters"].asnumpy(), 0, 0)
    _, unfused, _ = mx.rnn.load_rnn_checkpoint(cell.unfuse(), prefix, 2)
    assert sorted(unfused)[0] == "f_l0_h2h_bias"


def test_initial_biases():
    cell = mx.rnn.LSTMCell(3, prefix="c_", forget_bias=2.5)
    net, _ = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    module = mx.mod.Module(net, data_names=["x"], label_names=None)
    module.bind([("x", (2, 2, 4))])
    module.init_params(mx.init.Uniform())
    bias = module.get_params()[0]["c_i2h_bias"].asnumpy()
    assert (bias[3:6] == 2.5).all()
    assert (np.delete(bias, [3, 4, 5]) == 0).all()


@ours_only
def test_rnn_unroll_makes_inputs():
    with pytest.warns(UserWarning, match="deprecated"):
        outputs, _ = mx.rnn.rnn_unroll(mx.rnn.RNNCell(2), 2, input_prefix="in_")
    assert [a for a in mx.sym.Group(outputs).list_arguments() if a.startswith("in_")] == [
        "in_t0_data",
        "in_t1_data",
    ]


def test_buckets_feed_a_bucketing_module():
    sentences = [list(np.random.RandomState(i).randint(1, 9, 3 + i % 3)) for i in range(40)]
    batches = mx.rnn.BucketSentenceIter(sentences, 4, buckets=[3, 5], invalid_label=0)

    def network(length):
        embedded = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=10, output_dim=4, name="embed")
        outputs, _ = mx.rnn.GRUCell(6, prefix="g_").unroll(length, embedded, merge_outputs=True)
        scores = mx.sym.FullyConnected(mx.sym.Reshape(outputs, shape=(-1, 6)), num_hidden=10, name="fc")
        labels = mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
        return mx.sym.SoftmaxOutput(scores, labels, name="softmax"), ("data",), ("softmax_label",)

    module = mx.mod.BucketingModule(network, default_bucket_key=batches.default_bucket_key)
    module.fit(
        batches, num_epoch=2, eval_metric=mx.metric.Perplexity(0), optimizer_params={"learning_rate": 0.1}
    )
    assert dict(module.score(batches, mx.metric.Perplexity(0)))["perplexity"] < 20


def test_misuse():
    x, rnn = mx.sym.Variable("x"), mx.rnn
    with pytest.raises(NotImplementedError, match="unroll"):
        rnn.FusedRNNCell(3)(x, [])
    with pytest.raises(NotImplementedError, match="unroll"):
        rnn.BidirectionalCell(rnn.RNNCell(2), rnn.RNNCell(2))(x, [])
    with pytest.raises(AssertionError, match="unfuse"):
        rnn.ZoneoutCell(rnn.FusedRNNCell(3))
    with pytest.raises(AssertionError, match="cells underneath"):
        rnn.ZoneoutCell(rnn.BidirectionalCell(rnn.RNNCell(2), rnn.RNNCell(2)))
    base = rnn.RNNCell(2)
    rnn.ResidualCell(base)
    with pytest.raises(AssertionError, match="modifier"):
        base.begin_state()
    with pytest.raises(AssertionError, match="number"):
        rnn.DropoutCell("0.5")
    with pytest.raises(AssertionError, match="not both"):
        rnn.SequentialRNNCell(params=rnn.RNNParams("p_")).add(rnn.RNNCell(3))
    with pytest.raises(AssertionError, match="grouped"):
        rnn.RNNCell(2).unroll(2, mx.sym.Group([x, mx.sym.Variable("y")]))
    with pytest.raises(AssertionError):
        rnn.RNNCell(2).unroll(3, [x])
    with pytest.raises(AssertionError, match="odd"):
        rnn.ConvLSTMCell((1, 3, 8, 8), 2, h2h_kernel=(2, 3))
    with pytest.raises(AssertionError, match="Unknown token c"):
        rnn.encode_sentences([["c"]], vocab={"a": 1})
    with pytest.raises(ValueError, match="layout"):
        rnn.BucketSentenceIter([[1, 2]], 1, layout="XX")


@ours_only
def test_misuse_that_mxnet_lets_pass():
    with pytest.raises(ValueError, match="mode: got 'elman'"):
        mx.rnn.FusedRNNCell(3, mode="elman")
    with pytest.raises(ValueError, match="layout: got 'NC'"):
        mx.rnn.RNNCell(2).unroll(2, mx.sym.Variable("x"), layout="NC")
    with pytest.raises(ValueError, match="buckets"):
        mx.rnn.BucketSentenceIter([[1, 2], [1]], 5)
    with pytest.raises(AssertionError, match="stepped"):
        stack = mx.rnn.SequentialRNNCell()
        stack.add(mx.rnn.BidirectionalCell(mx.rnn.RNNCell(2), mx.rnn.RNNCell(2)))
        stack(mx.sym.Variable("x"), stack.begin_state())
