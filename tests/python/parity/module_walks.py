"""Walks at random through the calls of a Module: the same calls under MXNet, to record, and under symbind.

A seed chooses network, contexts, optimizer and store, and then step after step what to call. What comes out
is kept as two numbers an array. Left out is what goes wrong in MXNet: training right after a prediction
without labels (its module forgets them), and gradients of inputs that add up over a change of shape.
"""

from __future__ import annotations

import os
import tempfile

import numpy as np

SEEDS = range(40)
STEPS = 14
OPTIMIZERS = [
    ("sgd", {"learning_rate": 0.1}),
    ("sgd", {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01}),
    ("adam", {"learning_rate": 0.02}),
    ("rmsprop", {"learning_rate": 0.02}),
    ("nag", {"learning_rate": 0.1, "momentum": 0.5}),
    ("adagrad", {"learning_rate": 0.1}),
    ("ftrl", {"learning_rate": 0.1}),
]


def dense(mx, x, width, name):
    return mx.sym.FullyConnected(x, num_hidden=width, name=name)


def perceptron(mx):
    x = mx.sym.Activation(dense(mx, mx.sym.Variable("data"), 7, "fc1"), act_type="tanh")
    return mx.sym.SoftmaxOutput(dense(mx, x, 3, "fc2"), name="softmax"), {"data": (6,)}, {"softmax_label": ()}


def convolution(mx):
    x = mx.sym.Variable("data")
    x = mx.sym.Convolution(x, num_filter=4, kernel=(3, 3), pad=(1, 1), no_bias=True, name="conv")
    x = mx.sym.BatchNorm(x, fix_gamma=False, momentum=0.7, eps=1e-3, name="bn")
    x = mx.sym.Pooling(mx.sym.Activation(x, act_type="relu"), kernel=(2, 2), stride=(2, 2), pool_type="max")
    x = dense(mx, mx.sym.Flatten(x), 3, "fc")
    return mx.sym.SoftmaxOutput(x, name="softmax"), {"data": (2, 6, 6)}, {"softmax_label": ()}


def two_inputs_two_outputs(mx):
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    x = dense(mx, mx.sym.Concat(a, b * 2, dim=1), 4, "fc")
    loss = mx.sym.LinearRegressionOutput(x, mx.sym.Variable("y_label"), name="loss")
    return mx.sym.Group([loss, mx.sym.BlockGrad(x)]), {"a": (3,), "b": (2,)}, {"y_label": (4,)}


def normalized(mx):
    data = mx.sym.Variable("data")
    x = mx.sym.LayerNorm(dense(mx, data, 6, "fc1"), mx.sym.Variable("ln_gamma"), mx.sym.Variable("ln_beta"))
    x = dense(mx, x + dense(mx, data, 6, "fc2"), 3, "fc3")
    net = mx.sym.SoftmaxOutput(x, mx.sym.Variable("softmax_label"), grad_scale=0.5, name="softmax")
    return net, {"data": (6,)}, {"softmax_label": ()}


def scaled(mx):
    scale = mx.sym.Variable("scale", shape=(1, 3), lr_mult=2.0, wd_mult=0.0)
    x = mx.sym.broadcast_mul(dense(mx, mx.sym.Variable("data"), 3, "fc"), scale)
    return mx.sym.SVMOutput(x, name="svm"), {"data": (6,)}, {"svm_label": ()}


NETWORKS = [perceptron, convolution, two_inputs_two_outputs, normalized, scaled]


class Walk:
    """One module on its way. `noted` holds the mean and the mean square of every array that came out."""

    def __init__(self, mx, seed):
        self.mx, self.rng, self.noted = mx, np.random.RandomState(seed), []
        self.net, self.data, self.labels = NETWORKS[seed % len(NETWORKS)](mx)
        self.size = self.choice([8, 9, 12])
        contexts = self.choice([1, 1, 2, 3])
        self.grad_req = self.choice(["write", "write", "add"])
        self.options = {
            "data_names": list(self.data),
            "label_names": list(self.labels),
            "context": [mx.cpu(i) for i in range(contexts)],
            "work_load_list": self.choice([None, [1, 2, 1][:contexts]]),
            "fixed_param_names": self.choice([None, None, self.params()[:1]]),
        }
        self.bind_options = {
            "inputs_need_grad": self.grad_req == "write" and bool(self.rng.rand() < 0.5),
            "grad_req": self.grad_req,
        }
        self.module = self.bound(mx.mod.Module(self.net, **self.options))
        self.initialize()

    def choice(self, among):
        return among[self.rng.randint(len(among))]

    def params(self):
        return sorted(set(self.net.list_arguments()) - {*self.data, *self.labels})

    def shapes(self, size):
        return [[(n, (size, *s)) for n, s in inputs.items()] for inputs in (self.data, self.labels)]

    def bound(self, module):
        module.bind(*self.shapes(self.size), **self.bind_options)
        return module

    def initialize(self):
        mx, rng = self.mx, self.rng
        shapes = {name: shape for inputs in self.shapes(self.size) for name, shape in inputs}
        args, _, aux = self.net.infer_shape(**shapes)
        of = dict(zip(self.net.list_arguments(), args))
        arg_params = {n: mx.nd.array(rng.uniform(-0.6, 0.6, of[n])) for n in self.params()}
        aux_params = {
            n: mx.nd.array(rng.uniform(0.5, 1.5, shape))
            for n, shape in zip(self.net.list_auxiliary_states(), aux)
        }
        self.module.init_params(arg_params=arg_params, aux_params=aux_params)
        optimizer, numbers = self.choice(OPTIMIZERS)
        if rng.rand() < 0.3:
            scheduler = mx.lr_scheduler.FactorScheduler(3, factor=0.5, base_lr=numbers["learning_rate"])
            numbers = {**numbers, "lr_scheduler": scheduler}
        kvstore = self.choice([None, "local", "device", mx.kv.create("local")])
        self.module.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=numbers)

    def arrays(self, size):
        data = {n: self.rng.randn(size, *s).astype("float32") for n, s in self.data.items()}
        labels = {n: self.rng.randint(0, 3, (size, *s)).astype("float32") for n, s in self.labels.items()}
        return data, labels

    def batch(self, size):
        data, labels = self.arrays(size)
        return self.mx.io.DataBatch(
            *([self.mx.nd.array(a) for a in d.values()] for d in (data, labels)), pad=0
        )

    def iterator(self, size):
        return self.mx.io.NDArrayIter(*self.arrays(size), batch_size=self.size)

    def note(self, *arrays):
        for array in arrays:
            values = np.asarray(array.asnumpy() if hasattr(array, "asnumpy") else array, dtype=np.float64)
            self.noted.append([values.mean(), np.square(values).mean()])

    def note_params(self, module):
        for params in module.get_params():
            self.note(*(params[name] for name in sorted(params)))

    # ------------------------------------------------------------------------------------------------- steps

    def train(self):
        self.module.forward_backward(self.batch(self.size))
        self.note(*self.module.get_outputs())
        if self.bind_options["inputs_need_grad"]:
            self.note(*self.module.get_input_grads())
        self.module.update()

    def train_on_another_size(self):
        self.module.forward(self.batch(self.size + self.choice([-3, 3])), is_train=True)
        self.module.backward()
        self.note(*self.module.get_outputs())
        self.module.update()

    def train_after_reshape(self):
        self.module.reshape(*self.shapes(self.size + 3))
        self.module.forward_backward(self.batch(self.size + 3))
        self.note(*self.module.get_outputs())
        self.module.update()
        self.module.reshape(*self.shapes(self.size))

    def train_with_out_grads(self):
        self.module.forward(self.batch(self.size))
        for parts in self.module.get_outputs(merge_multi_context=False):
            self.note(*parts)
        grads = [self.mx.nd.array(self.rng.randn(*out.shape)) for out in self.module.get_outputs()]
        self.module.backward(grads)
        self.module.update()

    def forward(self):
        self.module.forward(self.batch(self.size), is_train=bool(self.rng.rand() < 0.3))
        self.note(*self.module.get_outputs())

    def forward_without_labels(self):
        batch = self.batch(self.size)
        batch.label = None
        self.module.forward(batch, is_train=False)
        self.note(*self.module.get_outputs())
        self.module.reshape(*self.shapes(self.size))

    def predict(self):
        iterator = self.iterator(2 * self.size + 2)
        self.note(*self.module.predict(iterator, always_output_list=True))
        self.note([len(outputs) + n for outputs, n, _ in self.module.iter_predict(iterator, num_batch=2)])

    def score(self):
        if len(self.net.list_outputs()) == 1:
            metric = "acc" if "svm_label" in self.labels else self.choice(["acc", "ce"])
            self.note(*(value for _, value in self.module.score(self.iterator(2 * self.size), metric)))

    def load(self):
        with tempfile.TemporaryDirectory() as folder:
            prefix = os.path.join(folder, "model")
            self.module.save_checkpoint(prefix, 1, save_optimizer_states=True)
            loaded = self.mx.mod.Module.load(prefix, 1, **self.options)
            self.note_params(self.bound(loaded))

    def change_params(self):
        arg_params, aux_params = self.module.get_params()
        self.note_params(self.module)
        if self.rng.rand() < 0.5:
            self.module.set_params({n: value * 0.9 for n, value in arg_params.items()}, aux_params)


STEP = [
    *[Walk.train] * 4,
    Walk.train_on_another_size,
    Walk.train_after_reshape,
    Walk.train_with_out_grads,
    Walk.forward,
    Walk.forward_without_labels,
    Walk.predict,
    Walk.score,
    Walk.load,
    Walk.change_params,
]


def walked(mx, seed):
    """Name of every step, and (arrays, 2) means and mean squares."""
    walk, names = Walk(mx, seed), []
    for _ in range(STEPS):
        step = walk.choice(STEP)
        step(walk)
        names.append(f"{step.__name__} to {len(walk.noted)}")
    walk.note_params(walk.module)
    return names, np.array(walk.noted)
