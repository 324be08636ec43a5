"""The shortest test of a build: a small network is bound, run, trained and used. Seconds, for pre-commit."""

import numpy as np
import symbind as mx


def mlp():
    net = mx.sym.Variable("data")
    net = mx.sym.FullyConnected(net, num_hidden=16, name="fc1")
    net = mx.sym.Activation(net, act_type="relu", name="relu1")
    net = mx.sym.FullyConnected(net, num_hidden=2, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def test_executor_runs_forward_and_backward():
    rng = np.random.default_rng(0)
    executor = mlp().simple_bind(mx.cpu(), data=(4, 8))
    for array in executor.arg_dict.values():
        array[:] = rng.normal(size=array.shape)
    label = np.array([0, 1, 1, 0], np.float32)
    executor.arg_dict["softmax_label"][:] = label
    probabilities = executor.forward(is_train=True)[0].asnumpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)

    executor.backward()
    error = probabilities - np.eye(2, dtype=np.float32)[label.astype(int)]
    np.testing.assert_allclose(
        executor.grad_dict["fc2_bias"].asnumpy(), error.sum(axis=0), rtol=1e-4, atol=1e-6
    )


def test_module_learns_a_line():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(400, 8)).astype(np.float32)
    labels = (points.sum(axis=1) > 0).astype(np.float32)
    train = mx.io.NDArrayIter(points[:300], labels[:300], batch_size=20, shuffle=True)
    valid = mx.io.NDArrayIter(points[300:], labels[300:], batch_size=20)
    mx.random.seed(2)
    module = mx.mod.Module(mlp())
    module.fit(
        train,
        num_epoch=8,
        optimizer_params={"learning_rate": 0.2, "momentum": 0.9},
        initializer=mx.init.Xavier(),
    )
    assert dict(module.score(valid, "acc"))["accuracy"] > 0.9
    assert module.predict(valid).shape == (100, 2)
