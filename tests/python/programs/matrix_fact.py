"""A recommender: embeddings of users and items, their product, and a metric of our own."""

import logging
import math

import mxnet as mx
import numpy

numpy.random.seed(10)
mx.random.seed(10)
MAX_USER, MAX_ITEM, K = 60, 40, 8


def plain_net(k):
    user = mx.symbol.Variable("user")
    item = mx.symbol.Variable("item")
    score = mx.symbol.Variable("score")
    user = mx.symbol.Embedding(data=user, input_dim=MAX_USER, output_dim=k)
    item = mx.symbol.Embedding(data=item, input_dim=MAX_ITEM, output_dim=k)
    pred = user * item
    pred = mx.symbol.sum_axis(data=pred, axis=1)
    pred = mx.symbol.Flatten(data=pred)
    return mx.symbol.LinearRegressionOutput(data=pred, label=score)


def dot_net(k):
    """The same by batch_dot."""
    user = mx.symbol.expand_dims(
        mx.symbol.Embedding(mx.symbol.Variable("user"), input_dim=MAX_USER, output_dim=k, name="u"), axis=1
    )
    item = mx.symbol.expand_dims(
        mx.symbol.Embedding(mx.symbol.Variable("item"), input_dim=MAX_ITEM, output_dim=k, name="i"), axis=2
    )
    pred = mx.symbol.Flatten(mx.symbol.batch_dot(user, item))
    return mx.symbol.LinearRegressionOutput(data=pred, label=mx.symbol.Variable("score"))


class Batch(object):
    def __init__(self, data_names, data, label_names, label):
        self.data = data
        self.label = label
        self.data_names = data_names
        self.label_names = label_names
        self.pad = 0
        self.index = None

    @property
    def provide_data(self):
        return [(n, x.shape) for n, x in zip(self.data_names, self.data)]

    @property
    def provide_label(self):
        return [(n, x.shape) for n, x in zip(self.label_names, self.label)]


class DataIter(mx.io.DataIter):
    def __init__(self, ratings, batch_size):
        super(DataIter, self).__init__()
        self.batch_size = batch_size
        self.data = ratings
        self.provide_data = [("user", (batch_size,)), ("item", (batch_size,))]
        self.provide_label = [("score", (batch_size,))]

    def __iter__(self):
        for k in range(len(self.data) // self.batch_size):
            rows = self.data[k * self.batch_size : (k + 1) * self.batch_size]
            users, items, scores = zip(*rows)
            yield Batch(
                ["user", "item"], [mx.nd.array(users), mx.nd.array(items)], ["score"], [mx.nd.array(scores)]
            )

    def reset(self):
        numpy.random.shuffle(self.data)


def RMSE(label, pred):
    ret = 0.0
    n = 0.0
    pred = pred.flatten()
    for i in range(len(label)):
        ret += (label[i] - pred[i]) * (label[i] - pred[i])
        n += 1.0
    return math.sqrt(ret / n)


true_u, true_i = numpy.random.randn(MAX_USER, 3), numpy.random.randn(MAX_ITEM, 3)
pairs = numpy.random.randint(0, [MAX_USER, MAX_ITEM], (1600, 2))
ratings = [(u, i, float(true_u[u].dot(true_i[i]))) for u, i in pairs]
train, test = DataIter(ratings[:1500], 50), DataIter(ratings[1500:], 50)
logging.basicConfig(level=logging.DEBUG)

model = mx.model.FeedForward(
    ctx=[mx.gpu(0)],
    symbol=plain_net(K),
    num_epoch=8,
    optimizer="adam",
    learning_rate=0.05,
    wd=0.0001,
    initializer=mx.init.Normal(0.1),
)
model.fit(X=train, eval_data=test, eval_metric=RMSE, batch_end_callback=mx.callback.Speedometer(50, 500))
first = model.score(test, eval_metric=mx.metric.CustomMetric(RMSE))

module = mx.mod.Module(dot_net(K), context=mx.gpu(0), data_names=["user", "item"], label_names=["score"])
module.fit(
    train,
    eval_data=test,
    eval_metric=mx.metric.np(RMSE),
    num_epoch=8,
    optimizer="adam",
    optimizer_params={"learning_rate": 0.05, "wd": 0.0001},
    initializer=mx.init.Normal(0.1),
)
second = module.score(test, mx.metric.create(RMSE))[0][1]
print("RMSE", first, second)
