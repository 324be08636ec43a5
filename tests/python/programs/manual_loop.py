"""Softmax regression with an executor and an updater by hand."""

from __future__ import print_function

import mxnet as mx
import numpy as np

ctx = mx.gpu(0)
batch_size = 50
np.random.seed(0)
mx.random.seed(0)
true_w = np.random.randn(3, 8)
X = np.random.randn(500, 8)
Y = X.dot(true_w.T).argmax(axis=1)

data = mx.sym.Variable("data")
fc = mx.sym.FullyConnected(data, num_hidden=3, name="fc")
net = mx.sym.SoftmaxOutput(fc, name="softmax")

arg_names = net.list_arguments()
executor = net.simple_bind(ctx=ctx, data=(batch_size, 8), grad_req="write")
args, grads = executor.arg_dict, executor.grad_dict
init = mx.init.Uniform(scale=0.07)
for name in arg_names:
    if name not in ("data", "softmax_label"):
        init(mx.init.InitDesc(name), args[name])

opt = mx.optimizer.SGD(
    learning_rate=0.5,
    momentum=0.9,
    rescale_grad=1.0 / batch_size,
    lr_scheduler=mx.lr_scheduler.FactorScheduler(step=100, factor=0.9),
)
updater = mx.optimizer.get_updater(opt)
train_iter = mx.io.NDArrayIter(X, Y, batch_size, shuffle=True, last_batch_handle="discard")
metric = mx.metric.Accuracy()

for epoch in range(20):
    train_iter.reset()
    metric.reset()
    for batch in train_iter:
        args["data"][:] = batch.data[0]
        args["softmax_label"][:] = batch.label[0]
        executor.forward(is_train=True)
        executor.backward()
        for i, name in enumerate(arg_names):
            if name in ("data", "softmax_label"):
                continue
            updater(i, grads[name], args[name])
        metric.update(batch.label, executor.outputs)
    print("epoch", epoch, metric.get())
accuracy = metric.get()[1]
w = args["fc_weight"].asnumpy()
print("norm of the weights: %.3f" % mx.nd.norm(args["fc_weight"]).asscalar())
mx.nd.waitall()

# and once more with arrays of our own, bound by position
w_nd, b_nd = mx.nd.array(w, ctx), args["fc_bias"].copyto(ctx)
grad = [mx.nd.empty((10, 8), ctx), None, None, None]
exe = net.bind(
    ctx,
    args=[mx.nd.array(X[:10], ctx), w_nd, b_nd, mx.nd.array(Y[:10], ctx)],
    args_grad=grad,
    grad_req={"data": "write"},
)
exe.forward(is_train=True)
exe.backward()
print(grad[0].asnumpy().sum(), exe.outputs[0].asnumpy().argmax(1)[:5])
