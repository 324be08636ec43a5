"""Worker for TensorFlow: the whole step is one tf.function, images in NHWC, its CPU kernels' layout."""

from __future__ import annotations

from typing import Any

from engines._worker import CHECK_ROWS, Session, serve, softmax


class TensorFlowEngine:
    def __init__(self, tf: Any) -> None:
        self._tf = tf

    def versions(self) -> dict[str, str]:
        return {"tensorflow": self._tf.__version__}

    def prepare(self, case: Any) -> TensorFlowSession:
        return TensorFlowSession(self._tf, case)


class TensorFlowSession(Session):
    def __init__(self, tf: Any, case: Any) -> None:
        super().__init__()
        self._tf, self._train = tf, case.kind == "train"
        net = case.net()
        weights = {name: tf.Variable(value) for name, value in nhwc_weights(net, case.seed).items()}
        forward = build_forward(tf, net, weights, self._train)
        self._arrays = net.batches(case.seed, case.batches)
        self._next = 0
        if self._train:
            trained = [weights[p.name] for p in net.params if p.trained]
            self._step = _train_step(tf, forward, trained, case)
            self._batches = [
                (tf.constant(_images_to_nhwc(data)), tf.constant(labels)) for data, labels in self._arrays
            ]
            return
        shape = _nhwc_shape(net.data_shape)
        probabilities = tf.nn.softmax if net.classes else tf.identity
        signature = [tf.TensorSpec(shape, tf.float32 if net.data_high is None else tf.int32)]
        self._infer = tf.function(lambda x: probabilities(forward(x)), signature).get_concrete_function()

    def run(self, steps: int) -> None:
        (self._run_train if self._train else self._run_infer)(steps)

    def _run_train(self, steps: int) -> None:
        batches, count, step = self._batches, len(self._batches), self._step
        for index in range(self._next, self._next + steps):
            out = step(*batches[index % count])
        self._next += steps
        out[0].numpy()

    def _run_infer(self, steps: int) -> None:
        arrays, count, infer, tensor = self._arrays, len(self._arrays), self._infer, self._tf.constant
        for step in range(steps):
            infer(tensor(_images_to_nhwc(arrays[step % count][0]))).numpy()

    def check_train(self) -> tuple[Any, Any]:
        index = self._next % len(self._batches)
        self._next += 1
        _, logits = self._step(*self._batches[index])
        return softmax(logits.numpy()[:CHECK_ROWS]), self._arrays[index][1]

    def check_infer(self) -> list[Any]:
        return [self._infer(self._tf.constant(_images_to_nhwc(data))).numpy() for data, _ in self._arrays]


def _train_step(tf: Any, forward: Any, trained: list[Any], case: Any) -> Any:
    momenta = [tf.Variable(tf.zeros_like(weight)) for weight in trained]

    @tf.function
    def step(data: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = forward(data)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = map(tf.convert_to_tensor, tape.gradient(loss, trained))  # the embedding's is sparse
        for weight, momentum, gradient in zip(trained, momenta, gradients):
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=weight.handle, accum=momentum.handle, lr=case.lr, grad=gradient, momentum=case.momentum
            )
        return loss, logits

    return step


# ---- layouts: NCHW arrays outside, NHWC inside ------------------------------------------------


def nhwc_weights(net: Any, seed: int) -> dict[str, Any]:
    """OIHW filters to HWIO, dense weights to (inputs, units), those inputs in NHWC order too."""
    weights = net.weights(seed)
    flattened = {node.name: net.shape_of(node.inputs[0]) for node in net.nodes if node.op == "flatten"}
    for node in net.nodes:
        for p in net.params_of(node):
            weight = weights[p.name]
            if node.op == "conv" and weight.ndim == 4:
                weights[p.name] = weight.transpose(2, 3, 1, 0).copy()
            elif node.op == "dense" and weight.ndim == 2:
                _, channels, height, width = flattened.get(node.inputs[0], (0, 1, 1, weight.shape[1]))
                images = weight.reshape(-1, channels, height, width).transpose(2, 3, 1, 0)
                weights[p.name] = images.reshape(weight.shape[::-1]).copy()
    return weights


def _images_to_nhwc(data: Any) -> Any:
    return data.transpose(0, 2, 3, 1) if data.ndim == 4 else data


def _nhwc_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *shape[2:], shape[1]) if len(shape) == 4 else shape


# ---- the network as a function ----------------------------------------------------------------


def build_forward(tf: Any, net: Any, weights: dict[str, Any], train: bool) -> Any:
    def forward(data: Any) -> Any:
        values = {"data": data}
        for node in net.nodes:
            own = {p.name.rpartition(".")[2]: weights[p.name] for p in params[node.name]}
            values[node.name] = _OPS[node.op](tf, node, own, train, *(values[name] for name in node.inputs))
        return values[net.output.name]

    params = {node.name: net.params_of(node) for node in net.nodes}
    return forward


def _padded(tf: Any, node: Any, x: Any, value: float) -> Any:
    """TensorFlow's SAME padding is not symmetric, so pad explicitly."""
    ph, pw = node.attrs["pad"]
    return tf.pad(x, [[0, 0], [ph, ph], [pw, pw], [0, 0]], constant_values=value) if ph or pw else x


def _conv(tf: Any, node: Any, own: dict[str, Any], _: bool, x: Any) -> Any:
    ph, pw = node.attrs["pad"]
    out = tf.nn.conv2d(x, own["weight"], node.attrs["stride"], [[0, 0], [ph, ph], [pw, pw], [0, 0]])
    return tf.nn.bias_add(out, own["bias"]) if "bias" in own else out


def _batchnorm(tf: Any, node: Any, own: dict[str, Any], train: bool, x: Any) -> Any:
    keep = node.attrs["momentum"]
    out, mean, var, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=own["gamma"], offset=own["beta"], mean=[] if train else own["mean"],
        variance=[] if train else own["var"], epsilon=node.attrs["eps"], is_training=train,
    )  # fmt: skip
    if train:
        own["mean"].assign(keep * own["mean"] + (1 - keep) * mean)
        own["var"].assign(keep * own["var"] + (1 - keep) * var)
    return out


def _maxpool(tf: Any, node: Any, own: dict[str, Any], _: bool, x: Any) -> Any:
    x = _padded(tf, node, x, -float("inf"))
    return tf.nn.max_pool2d(x, node.attrs["kernel"], node.attrs["stride"], "VALID")


def _lstm(tf: Any, node: Any, own: dict[str, Any], _: bool, x: Any) -> Any:
    """Unrolled over time: TensorFlow's fused LSTM is for GPUs."""
    for layer in range(node.attrs["layers"]):
        i2h, h2h = own[f"l{layer}_i2h_weight"], own[f"l{layer}_h2h_weight"]
        bias = own[f"l{layer}_i2h_bias"] + own[f"l{layer}_h2h_bias"]
        h = c = tf.zeros((x.shape[1], node.attrs["hidden"]))
        outputs = []
        for projected in tf.unstack(tf.tensordot(x, i2h, [[2], [1]]) + bias):
            gates = projected + tf.matmul(h, h2h, transpose_b=True)
            i, f, g, o = tf.split(gates, 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
            outputs.append(h)
        x = tf.stack(outputs)
    return x


_OPS: dict[str, Any] = {
    "dense": lambda tf, n, w, t, x: tf.nn.bias_add(x @ w["weight"], w["bias"]),
    "conv": _conv,
    "batchnorm": _batchnorm,
    "maxpool": _maxpool,
    "global_avgpool": lambda tf, n, w, t, x: tf.reduce_mean(x, (1, 2), keepdims=True),
    "relu": lambda tf, n, w, t, x: tf.nn.relu(x),
    "tanh": lambda tf, n, w, t, x: tf.tanh(x),
    "add": lambda tf, n, w, t, x, y: x + y,
    "flatten": lambda tf, n, w, t, x: tf.reshape(x, (x.shape[0], -1)),
    "merge_time": lambda tf, n, w, t, x: tf.reshape(x, (-1, x.shape[2])),
    "embedding": lambda tf, n, w, t, x: tf.gather(w["weight"], x),
    "lstm": _lstm,
}


def load(threads: int) -> Any:
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    return TensorFlowEngine(tensorflow)


if __name__ == "__main__":
    serve(load)
