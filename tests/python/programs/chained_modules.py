"""SequentialModule with a loss in Python, SVMOutput, a monitor, the profiler and switches of the engine."""

import logging
import sys

import mxnet as mx
import numpy as np
from mxnet import metric, sym
from mxnet.base import numeric_types, string_types
from mxnet.io import DataBatch
from mxnet.module.base_module import _as_list

logging.basicConfig(level=logging.INFO)
assert isinstance("x", string_types) and isinstance(1.0, numeric_types) and _as_list(3) == [3]
assert int(mx.__version__.split(".")[0]) >= 1 and mx.__version__ >= "1.0.0"
mx.engine.set_bulk_size(10)
np.random.seed(0)
mx.random.seed(0)
X = np.random.randn(400, 6).astype(np.float)
Y = (X.sum(axis=1) > 0).astype(np.int)
train = mx.io.NDArrayIter({"data": X}, {"softmax_label": Y}, batch_size=40, shuffle=True)

net1 = sym.Activation(sym.FullyConnected(sym.Variable("data"), name="fc1", num_hidden=16), act_type="tanh")
net2 = sym.SoftmaxOutput(sym.FullyConnected(sym.Variable("data"), name="fc2", num_hidden=2), name="softmax")
mod_seq = mx.mod.SequentialModule()
mod_seq.add(mx.mod.Module(net1, label_names=[], context=mx.gpu()))
mod_seq.add(mx.mod.Module(net2, context=mx.gpu()), take_labels=True, auto_wiring=True)
with mx.engine.bulk(5):
    mod_seq.fit(
        train,
        optimizer_params={"learning_rate": 0.5, "momentum": 0.9},
        num_epoch=6,
        eval_metric=metric.create(["acc", "ce"]),
    )
accuracy = dict(mod_seq.score(train, ["acc"]))["accuracy"]

svm = sym.SVMOutput(
    sym.FullyConnected(sym.Variable("data"), num_hidden=2, name="fc"),
    name="svm",
    use_linear=True,
    regularization_coefficient=0.1,
)
svm_mod = mx.mod.Module(svm, label_names=["svm_label"], context=mx.gpu())
svm_iter = mx.io.NDArrayIter(X, Y, 40, label_name="svm_label")
mon = mx.mon.Monitor(5, stat_func=lambda d: mx.nd.norm(d) / np.sqrt(d.size), pattern="fc.*")
mx.profiler.set_config(profile_all=True, filename=sys.argv[1])
mx.profiler.set_state("run")
svm_mod.fit(
    svm_iter,
    num_epoch=4,
    optimizer="nag",
    optimizer_params={"learning_rate": 0.1, "momentum": 0.9},
    monitor=mon,
)
mx.profiler.set_state("stop")
mx.profiler.dump()
svm_accuracy = svm_mod.score(svm_iter, mx.metric.Accuracy())[0][1]

# a module that computes its loss and gradient in Python
body = mx.mod.Module(sym.FullyConnected(sym.Variable("data"), num_hidden=2, name="fc"), label_names=None)
loss = mx.mod.PythonLossModule(
    grad_func=lambda scores, labels: mx.nd.softmax(scores) - mx.nd.one_hot(labels, 2)
)
both = mx.mod.SequentialModule().add(body).add(loss, take_labels=True, auto_wiring=True)
train.reset()
both.fit(
    train,
    eval_metric=mx.metric.np(lambda l, p: (p.argmax(1) == l).mean(), name="right"),
    num_epoch=4,
    optimizer_params={"learning_rate": 0.5},
)
batch = DataBatch([mx.nd.array(X[:40])], [mx.nd.array(Y[:40])])
both.forward(batch, is_train=False)
python_accuracy = (both.get_outputs()[0].asnumpy().argmax(axis=1) == Y[:40]).mean()
print(accuracy, svm_accuracy, python_accuracy)
