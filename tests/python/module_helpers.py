"""Small networks, batches and modules that the tests of Module share."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from common import mx

Batch = namedtuple("Batch", ["data"])


def mlp(classes=3):
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc1")
    net = mx.sym.Activation(net, act_type="tanh", name="act")
    net = mx.sym.FullyConnected(net, num_hidden=classes, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def bound(contexts=1, batch=4, init=True, net=None, **kwargs):
    module = mx.mod.Module(mlp() if net is None else net, context=[mx.cpu(i) for i in range(contexts)])
    kwargs.setdefault("label_shapes", [("softmax_label", (batch,))])
    module.bind([("data", (batch, 6))], **kwargs)
    if init:
        module.init_params(mx.init.Uniform(0.5))
    return module


def batch_of(size=4, seed=0):
    rng = np.random.RandomState(seed)
    return mx.io.DataBatch(
        [mx.nd.array(rng.randn(size, 6))], [mx.nd.array(rng.randint(0, 3, size).astype("float32"))]
    )


def data_iter(count=10, batch=4, **kwargs):
    rng = np.random.RandomState(1)
    data = rng.randn(count, 6).astype("float32")
    return mx.io.NDArrayIter(data, (data[:, 0] > 0).astype("float32"), batch_size=batch, **kwargs)


def values(params):
    return {name: value.asnumpy() for name, value in params.items()}


def same(a, b):
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
