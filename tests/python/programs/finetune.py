"""A trained network with a new head: checkpoints, internals, fixed parameters, features."""

import logging
import os
import sys
from collections import namedtuple

import mxnet as mx
import numpy as np

logging.basicConfig(level=logging.INFO)
prefix = os.path.join(sys.argv[1], "base")
np.random.seed(2)
mx.random.seed(2)
X = np.random.uniform(-1, 1, (200, 3, 8, 8)).astype(np.float32)
Y = (X.mean(axis=(1, 2, 3)) > 0).astype(np.float32)

data = mx.sym.Variable("data")
with mx.AttrScope(__stage__="1"), mx.name.Prefix("base_"):
    body = mx.sym.Convolution(data, kernel=(3, 3), num_filter=8, name="conv0")
    body = mx.sym.BatchNorm(body, fix_gamma=False, name="bn0")
    body = mx.sym.Activation(body, act_type="relu", name="relu0")
    body = mx.sym.Pooling(body, global_pool=True, kernel=(1, 1), pool_type="avg", name="pool0")
    body = mx.sym.Flatten(body, name="flatten0")
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(body, num_hidden=2, name="fc1"), name="softmax")
mod = mx.mod.Module(net, context=[mx.gpu(0), mx.gpu(1)])
mod.fit(
    mx.io.NDArrayIter(X, Y, 20),
    num_epoch=2,
    optimizer_params={"learning_rate": 0.1},
    initializer=mx.init.Xavier(),
    epoch_end_callback=mx.callback.do_checkpoint(prefix),
)

sym, arg_params, aux_params = mx.model.load_checkpoint(prefix, 2)


def get_fine_tune_model(symbol, arg_params, num_classes, layer_name="base_flatten0"):
    all_layers = symbol.get_internals()
    net = all_layers[layer_name + "_output"]
    net = mx.symbol.FullyConnected(data=net, num_hidden=num_classes, name="fc_new")
    net = mx.symbol.SoftmaxOutput(data=net, name="softmax")
    new_args = dict({k: arg_params[k] for k in arg_params if "fc1" not in k})
    return (net, new_args)


new_sym, new_args = get_fine_tune_model(sym, arg_params, 4)
fixed = [name for name in new_sym.list_arguments() if name.startswith("base_")]
mod = mx.mod.Module(symbol=new_sym, context=mx.gpu(0), fixed_param_names=fixed)
Y4 = np.random.randint(0, 4, 200).astype(np.float32)
mod.fit(
    mx.io.NDArrayIter(X, Y4, 20),
    num_epoch=1,
    arg_params=new_args,
    aux_params=aux_params,
    allow_missing=True,
    optimizer="sgd",
    optimizer_params=(("learning_rate", 0.1), ("momentum", 0.9)),
    initializer=mx.init.Xavier(rnd_type="gaussian", factor_type="in", magnitude=2),
    eval_metric="acc",
    batch_end_callback=[mx.callback.Speedometer(20, 5), mx.callback.log_train_metric(5)],
)
trained, _ = mod.get_params()
unchanged = all((trained[n].asnumpy() == new_args[n].asnumpy()).all() for n in fixed)
mod.save_checkpoint(prefix + "_new", 1)

# features of single images
Batch = namedtuple("Batch", ["data"])
fe_sym = sym.get_internals()["base_flatten0_output"]
fe_mod = mx.mod.Module(symbol=fe_sym, context=mx.cpu(), label_names=None)
fe_mod.bind(for_training=False, data_shapes=[("data", (1, 3, 8, 8))])
fe_mod.set_params(arg_params, aux_params, allow_extra=True)
fe_mod.forward(Batch([mx.nd.array(X[:1])]))
features = fe_mod.get_outputs()[0].asnumpy()
arg_shapes, out_shapes, aux_shapes = fe_sym.infer_shape(data=(1, 3, 8, 8))
print("features", features.shape, dict(zip(fe_sym.list_arguments(), arg_shapes)), out_shapes)
save_dict = {("arg:%s" % k): v.as_in_context(mx.cpu()) for k, v in arg_params.items()}
save_dict.update({("aux:%s" % k): v for k, v in aux_params.items()})
mx.nd.save(prefix + "-0003.params", save_dict)
again = mx.mod.Module.load(prefix, 3, context=mx.gpu(0))
again.bind(
    data_shapes=[mx.io.DataDesc("data", (20, 3, 8, 8), layout="NCHW")],
    for_training=False,
    label_shapes=[("softmax_label", (20,))],
)
prob = again.predict(mx.io.NDArrayIter(X, Y, 20)).asnumpy()
mx.viz.print_summary(sym, shape={"data": (1, 3, 8, 8)})
