"""The loss as an operator written in NumPy."""

import logging

import mxnet as mx
import numpy as np


class Softmax(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        x = in_data[0].asnumpy()
        y = np.exp(x - x.max(axis=1).reshape((x.shape[0], 1)))
        y /= y.sum(axis=1).reshape((x.shape[0], 1))
        self.assign(out_data[0], req[0], mx.nd.array(y))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        l = in_data[1].asnumpy().ravel().astype(np.int)
        y = out_data[0].asnumpy()
        y[np.arange(l.shape[0]), l] -= 1.0
        self.assign(in_grad[0], req[0], mx.nd.array(y))


@mx.operator.register("program_softmax")
class SoftmaxProp(mx.operator.CustomOpProp):
    def __init__(self):
        super(SoftmaxProp, self).__init__(need_top_grad=False)

    def list_arguments(self):
        return ["data", "label"]

    def list_outputs(self):
        return ["output"]

    def infer_shape(self, in_shape):
        data_shape = in_shape[0]
        label_shape = (in_shape[0][0],)
        output_shape = in_shape[0]
        return [data_shape, label_shape], [output_shape], []

    def create_operator(self, ctx, shapes, dtypes):
        return Softmax()


np.random.seed(0)
mx.random.seed(0)
X = np.random.randn(300, 10).astype("float32")
Y = (X[:, :3].argmax(axis=1)).astype("float32")
data = mx.symbol.Variable("data")
fc1 = mx.symbol.FullyConnected(data=data, name="fc1", num_hidden=32)
act1 = mx.symbol.Activation(data=fc1, name="relu1", act_type="relu")
fc2 = mx.symbol.FullyConnected(data=act1, name="fc2", num_hidden=3)
mlp = mx.symbol.Custom(data=fc2, name="softmax", op_type="program_softmax")

logging.basicConfig(level=logging.DEBUG)
train = mx.io.NDArrayIter(X, Y, 30)
context = mx.cpu()
mod = mx.mod.Module(mlp, context=context)
mod.fit(
    train_data=train,
    optimizer="sgd",
    num_epoch=10,
    optimizer_params={"learning_rate": 0.1, "momentum": 0.9, "wd": 0.00001},
    batch_end_callback=mx.callback.Speedometer(30, 5),
)
accuracy = mod.score(train, "acc")[0][1]
print("accuracy", accuracy)
