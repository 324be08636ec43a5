"""Two modules that train against each other; gradients of inputs flow from one to the other."""

from __future__ import print_function

import mxnet as mx
import numpy as np


def make_nets():
    rand = mx.sym.Variable("rand")
    g = mx.sym.FullyConnected(rand, name="g1", num_hidden=16)
    g = mx.sym.Activation(g, name="gact1", act_type="relu")
    gout = mx.sym.FullyConnected(g, name="g2", num_hidden=2)
    data = mx.sym.Variable("data")
    label = mx.sym.Variable("label")
    d = mx.sym.FullyConnected(data, name="d1", num_hidden=16)
    d = mx.sym.LeakyReLU(d, name="dact1", act_type="leaky", slope=0.2)
    d = mx.sym.FullyConnected(d, name="d2", num_hidden=1)
    dloss = mx.sym.LogisticRegressionOutput(data=d, label=label, name="dloss")
    return gout, dloss


class RandIter(mx.io.DataIter):
    def __init__(self, batch_size, ndim):
        self.batch_size = batch_size
        self.ndim = ndim
        self.provide_data = [("rand", (batch_size, ndim))]
        self.provide_label = []

    def iter_next(self):
        return True

    def getdata(self):
        return [mx.random.normal(0, 1.0, shape=(self.batch_size, self.ndim))]


mx.random.seed(1)
np.random.seed(1)
ctx = mx.gpu(0)
batch_size = 32
symG, symD = make_nets()
X = np.random.multivariate_normal([2, -1], [[0.3, 0], [0, 0.1]], 640).astype(np.float32)
train_iter = mx.io.NDArrayIter(X, batch_size=batch_size)
rand_iter = RandIter(batch_size, 4)
label = mx.nd.zeros((batch_size, 1), ctx=ctx)

modG = mx.mod.Module(symbol=symG, data_names=("rand",), label_names=None, context=ctx)
modG.bind(data_shapes=rand_iter.provide_data)
modG.init_params(initializer=mx.init.Normal(0.1))
modG.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.01, "wd": 0.0, "beta1": 0.5})
modD = mx.mod.Module(symbol=symD, data_names=("data",), label_names=("label",), context=ctx)
modD.bind(
    data_shapes=train_iter.provide_data, label_shapes=[("label", (batch_size, 1))], inputs_need_grad=True
)
modD.init_params(initializer=mx.init.Normal(0.1))
modD.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.01, "wd": 0.0, "beta1": 0.5})


def facc(label, pred):
    pred = pred.ravel()
    label = label.ravel()
    return ((pred > 0.5) == label).mean()


mG = mx.metric.CustomMetric(facc)
mD = mx.metric.CustomMetric(facc)
for epoch in range(15):
    train_iter.reset()
    for t, batch in enumerate(train_iter):
        rbatch = rand_iter.next()
        modG.forward(rbatch, is_train=True)
        outG = modG.get_outputs()
        # the discriminator on made-up data
        label[:] = 0
        modD.forward(mx.io.DataBatch(outG, [label]), is_train=True)
        modD.backward()
        gradD = [[grad.copyto(grad.context) for grad in grads] for grads in modD._exec_group.grad_arrays]
        modD.update_metric(mD, [label])
        # and on real data
        label[:] = 1
        batch.label = [label]
        modD.forward(batch, is_train=True)
        modD.backward()
        for gradsr, gradsf in zip(modD._exec_group.grad_arrays, gradD):
            for gradr, gradf in zip(gradsr, gradsf):
                gradr += gradf
        modD.update()
        # the generator
        label[:] = 1
        modD.forward(mx.io.DataBatch(outG, [label]), is_train=True)
        modD.backward()
        diffD = modD.get_input_grads()
        modG.backward(diffD)
        modG.update()
        modD.update_metric(mG, [label])
samples = np.concatenate(
    [
        modG.get_outputs()[0].asnumpy()
        for _ in range(10)
        if modG.forward(rand_iter.next(), is_train=False) is None
    ]
)
print("mean of the samples", samples.mean(axis=0), mD.get(), mG.get())
