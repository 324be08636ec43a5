"""Two losses on one body, an iterator around another, a metric with two values."""

import logging

import mxnet as mx
import numpy as np

logging.basicConfig(level=logging.DEBUG)
np.random.seed(5)
mx.random.seed(5)


def build_network():
    data = mx.symbol.Variable("data")
    fc1 = mx.symbol.FullyConnected(data=data, name="fc1", num_hidden=32)
    act1 = mx.symbol.Activation(data=fc1, name="relu1", act_type="relu")
    fc2 = mx.symbol.FullyConnected(data=act1, name="fc2", num_hidden=4)
    sm1 = mx.symbol.SoftmaxOutput(data=fc2, name="softmax1")
    fc3 = mx.symbol.FullyConnected(data=act1, name="fc3", num_hidden=2)
    sm2 = mx.symbol.SoftmaxOutput(data=fc3, name="softmax2")
    return mx.symbol.Group([sm1, sm2])


class Multi_iterator(mx.io.DataIter):
    def __init__(self, data_iter):
        super(Multi_iterator, self).__init__()
        self.data_iter = data_iter
        self.batch_size = self.data_iter.batch_size

    @property
    def provide_data(self):
        return self.data_iter.provide_data

    @property
    def provide_label(self):
        provide_label = self.data_iter.provide_label[0]
        return [("softmax1_label", provide_label[1]), ("softmax2_label", provide_label[1])]

    def hard_reset(self):
        self.data_iter.hard_reset()

    def reset(self):
        self.data_iter.reset()

    def next(self):
        batch = self.data_iter.next()
        label = batch.label[0]
        return mx.io.DataBatch(data=batch.data, label=[label, label % 2], pad=batch.pad, index=batch.index)


class Multi_Accuracy(mx.metric.EvalMetric):
    def __init__(self, num=None, output_names=None):
        self.num = num
        super(Multi_Accuracy, self).__init__("multi-accuracy")

    def reset(self):
        self.num_inst = 0 if self.num is None else [0] * self.num
        self.sum_metric = 0.0 if self.num is None else [0.0] * self.num

    def update(self, labels, preds):
        mx.metric.check_label_shapes(labels, preds)
        for i in range(len(labels)):
            pred_label = mx.nd.argmax_channel(preds[i]).asnumpy().astype("int32")
            label = labels[i].asnumpy().astype("int32")
            mx.metric.check_label_shapes(label, pred_label)
            self.sum_metric[i] += (pred_label.flat == label.flat).sum()
            self.num_inst[i] += len(pred_label.flat)

    def get(self):
        return zip(
            *(
                (
                    "%s-task%d" % (self.name, i),
                    float("nan") if self.num_inst[i] == 0 else self.sum_metric[i] / self.num_inst[i],
                )
                for i in range(self.num)
            )
        )

    def get_name_value(self):
        name, value = self.get()
        return list(zip(name, value))


X = np.random.randn(640, 16)
Y = X[:, :4].argmax(axis=1)
train = Multi_iterator(mx.io.NDArrayIter(X, Y, 64, shuffle=True))
test = Multi_iterator(mx.io.NDArrayIter(X[:128], Y[:128], 64))
model = mx.mod.Module(
    context=[mx.gpu(0), mx.gpu(1)], symbol=build_network(), label_names=("softmax1_label", "softmax2_label")
)
model.fit(
    train_data=train,
    eval_data=test,
    eval_metric=Multi_Accuracy(num=2),
    num_epoch=12,
    optimizer_params=(("learning_rate", 0.3), ("momentum", 0.9), ("wd", 0.00001)),
    initializer=mx.init.Xavier(factor_type="in", magnitude=2.34),
    kvstore="local_allreduce_device",
    batch_end_callback=mx.callback.Speedometer(64, 5, auto_reset=False),
)
scores = dict(model.score(test, Multi_Accuracy(num=2)))
print(scores)
