"""The benchmark networks as plain data: a list of nodes that every engine translates into its own framework.

Shapes are MXNet's (and ONNX's): images NCHW, convolution weights OIHW, dense weights (units, inputs).
Engines of frameworks that prefer other layouts convert once, while they prepare. Only the standard library
is needed to build a network; `weights` and `batches` need NumPy and are called by workers alone.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any, Callable

Shape = tuple[int, ...]


@dataclass
class Node:
    """One operation: `inputs` are names of earlier nodes ("data" is the network's input)."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attrs: dict[str, Any]
    shape: Shape


@dataclass
class Param:
    """One tensor of weights. `kind`: weight, bias, gamma, beta, mean or var (those two not trained)."""

    name: str
    shape: Shape
    kind: str
    scale: float = 0.0

    @property
    def trained(self) -> bool:
        return self.kind not in ("mean", "var")


@dataclass
class Net:
    """A network for one batch size.

    data_shape: shape of the input with its batch; for token networks (time, batch).
    data_high: None for float32 input in [-1, 1); for token ids (int32) the vocabulary size.
    classes: width of the softmax at the end, 0 for a network without a loss.
    rows: rows of that softmax, which is also the number of labels; the loss is the mean over rows.
    label_shape: of the labels as users hold them, (batch,) or (time, batch).
    """

    data_shape: Shape
    data_high: int | None = None
    nodes: list[Node] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    classes: int = 0

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    @property
    def rows(self) -> int:
        return self.output.shape[0]

    @property
    def label_shape(self) -> Shape:
        return self.data_shape if self.data_high is not None else (self.rows,)

    def shape_of(self, name: str) -> Shape:
        if name == "data":
            return self.data_shape
        return self._shapes[name]

    def params_of(self, node: Node) -> list[Param]:
        return [p for p in self.params if p.name.rpartition(".")[0] == node.name]

    @property
    def has_images(self) -> bool:
        return any(node.op == "conv" for node in self.nodes)

    def __post_init__(self) -> None:
        self._shapes: dict[str, Shape] = {}
        self._last = "data"

    # ---- building --------------------------------------------------------------------------------

    def add(self, op: str, name: str, *inputs: str, **attrs: Any) -> str:
        """Append a node (on the last one unless `inputs` are given) and its parameters; return its name."""
        sources = inputs or (self._last,)
        shape, params = _RULES[op](attrs, *(self.shape_of(source) for source in sources))
        if name in self._shapes or name == "data":
            raise ValueError(f"[networks] node name used twice: {name!r}")
        self.nodes.append(Node(name, op, tuple(sources), attrs, shape))
        self.params += [Param(f"{name}.{suffix}", *rest) for suffix, *rest in params]
        self._shapes[name] = shape
        self._last = name
        return name

    # ---- data, the same in every worker ----------------------------------------------------------

    def weights(self, seed: int) -> dict[str, Any]:
        """Name -> float32 array, each from its own seed, so that the order of tensors does not matter."""
        import numpy as np

        out = {}
        for p in self.params:
            rng = np.random.RandomState((seed + zlib.crc32(p.name.encode())) % 2**32)
            if p.kind in ("gamma", "var"):
                value = rng.uniform(0.5, 1.5, p.shape)
            elif p.kind == "weight":
                value = rng.uniform(-p.scale, p.scale, p.shape)
            else:
                value = rng.uniform(-0.1, 0.1, p.shape)
            out[p.name] = value.astype(np.float32)
        return out

    def batches(self, seed: int, count: int) -> list[tuple[Any, Any]]:
        """`count` pairs: float32 or int32 data, int64 labels of length `rows` (None without a loss)."""
        import numpy as np

        out = []
        for index in range(count):
            rng = np.random.RandomState((seed + 7919 * (index + 1)) % 2**32)
            if self.data_high is None:
                data = rng.uniform(-1, 1, self.data_shape).astype(np.float32)
            else:
                data = rng.randint(0, self.data_high, self.data_shape).astype(np.int32)
            labels = rng.randint(0, self.classes, self.rows).astype(np.int64) if self.classes else None
            out.append((data, labels))
        return out


# ---- shape rules: (attributes, input shapes) -> (output shape, [(suffix, shape, kind, scale)]) ---


def _xavier(fan_in: int, fan_out: int) -> float:
    return (6.0 / (fan_in + fan_out)) ** 0.5


def _window(attrs: dict[str, Any], height: int, width: int) -> tuple[int, int]:
    """Output size with MXNet's `valid` convention, which is everybody's floor convention."""
    (sh, sw), (ph, pw) = attrs.setdefault("stride", (1, 1)), attrs.setdefault("pad", (0, 0))
    kh, kw = attrs["kernel"]
    return (height + 2 * ph - kh) // sh + 1, (width + 2 * pw - kw) // sw + 1


def _dense(attrs: dict[str, Any], x: Shape) -> tuple[Shape, list]:
    units = attrs["units"]
    scale = _xavier(x[1], units)
    return (x[0], units), [("weight", (units, x[1]), "weight", scale), ("bias", (units,), "bias")]


def _conv(attrs: dict[str, Any], x: Shape) -> tuple[Shape, list]:
    channels, (kh, kw) = attrs["channels"], attrs["kernel"]
    params: list = [
        ("weight", (channels, x[1], kh, kw), "weight", _xavier(x[1] * kh * kw, channels * kh * kw))
    ]
    if attrs.setdefault("bias", True):
        params.append(("bias", (channels,), "bias"))
    return (x[0], channels) + _window(attrs, x[2], x[3]), params


def _batchnorm(attrs: dict[str, Any], x: Shape) -> tuple[Shape, list]:
    attrs.setdefault("eps", 2e-5)
    attrs.setdefault("momentum", 0.9)
    return x, [(kind, (x[1],), kind) for kind in ("gamma", "beta", "mean", "var")]


def _embedding(attrs: dict[str, Any], x: Shape) -> tuple[Shape, list]:
    shape = (attrs["vocab"], attrs["size"])
    return x + (attrs["size"],), [("weight", shape, "weight", 0.1)]


def _lstm(attrs: dict[str, Any], x: Shape) -> tuple[Shape, list]:
    """Stacked LSTM over (time, batch, features) from zero states; gates: input, forget, cell, output."""
    hidden, width = attrs["hidden"], x[2]
    params: list = []
    attrs.setdefault("unrolled", False)
    for layer in range(attrs["layers"]):
        for source, inputs in (("i2h", width), ("h2h", hidden)):
            scale = _xavier(inputs, hidden)
            params.append((f"l{layer}_{source}_weight", (4 * hidden, inputs), "weight", scale))
            params.append((f"l{layer}_{source}_bias", (4 * hidden,), "bias"))
        width = hidden
    return x[:2] + (hidden,), params


_RULES: dict[str, Callable[..., tuple[Shape, list]]] = {
    "dense": _dense,
    "conv": _conv,
    "batchnorm": _batchnorm,
    "embedding": _embedding,
    "lstm": _lstm,
    "relu": lambda attrs, x: (x, []),
    "tanh": lambda attrs, x: (x, []),
    "add": lambda attrs, x, y: (x, []),
    "maxpool": lambda attrs, x: (x[:2] + _window(attrs, x[2], x[3]), []),
    "global_avgpool": lambda attrs, x: (x[:2] + (1, 1), []),
    "flatten": lambda attrs, x: ((x[0], _product(x[1:])), []),
    "merge_time": lambda attrs, x: ((x[0] * x[1], x[2]), []),
}


def _product(values: Shape) -> int:
    out = 1
    for value in values:
        out *= value
    return out


# ---- the networks --------------------------------------------------------------------------------


def mlp(batch: int, sizes: tuple[int, ...]) -> Net:
    """Fully connected layers of `sizes` (the first is the input's) with ReLU between, softmax at the end."""
    net = Net((batch, sizes[0]), classes=sizes[-1])
    for index, units in enumerate(sizes[1:], 1):
        net.add("dense", f"fc{index}", units=units)
        if index < len(sizes) - 1:
            net.add("relu", f"relu{index}")
    return net


def lenet(batch: int) -> Net:
    net = Net((batch, 1, 28, 28), classes=10)
    for index, channels in enumerate((20, 50), 1):
        net.add("conv", f"conv{index}", channels=channels, kernel=(5, 5))
        net.add("tanh", f"tanh{index}")
        net.add("maxpool", f"pool{index}", kernel=(2, 2), stride=(2, 2))
    net.add("flatten", "flat")
    net.add("dense", "fc1", units=500)
    net.add("tanh", "tanh3")
    net.add("dense", "fc2", units=10)
    return net


def resnet(batch: int, layers: int, size: int = 224, classes: int = 1000) -> Net:
    """ResNet 18 or 50 (stride in the 3x3 convolution of a bottleneck); He et al., arXiv:1512.03385."""
    blocks = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}[layers]
    net = Net((batch, 3, size, size), classes=classes)

    def conv_bn(
        name: str, source: str, channels: int, kernel: int, stride: int = 1, relu: bool = True
    ) -> str:
        net.add("conv", name, source, channels=channels, kernel=(kernel, kernel), stride=(stride, stride),
                pad=(kernel // 2, kernel // 2), bias=False)  # fmt: skip
        out = net.add("batchnorm", f"{name}_bn")
        return net.add("relu", f"{name}_relu") if relu else out

    conv_bn("conv0", "data", 64, 7, 2)
    last = net.add("maxpool", "pool0", kernel=(3, 3), stride=(2, 2), pad=(1, 1))
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        for block in range(count):
            name, stride = f"s{stage}b{block}", 2 if stage and not block else 1
            if layers == 18:
                plan = [(width, 3, stride), (width, 3, 1)]
            else:
                plan = [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
            body = last
            for index, (channels, kernel, step) in enumerate(plan):
                body = conv_bn(
                    f"{name}_conv{index}", body, channels, kernel, step, relu=index < len(plan) - 1
                )
            if net.shape_of(last) != net.shape_of(body):
                last = conv_bn(f"{name}_down", last, plan[-1][0], 1, stride, relu=False)
            net.add("add", f"{name}_add", body, last)
            last = net.add("relu", f"{name}_relu")
    net.add("global_avgpool", "pool1")
    net.add("flatten", "flat")
    net.add("dense", "fc", units=classes)
    return net


def lstm_lm(batch: int, unrolled: bool, steps: int = 35, vocab: int = 10000, hidden: int = 200) -> Net:
    """Language model: embedding, two LSTM layers, one dense layer shared by all time steps, softmax."""
    net = Net((steps, batch), data_high=vocab, classes=vocab)
    net.add("embedding", "embed", vocab=vocab, size=hidden)
    net.add("lstm", "lstm", hidden=hidden, layers=2, unrolled=unrolled)
    net.add("merge_time", "merged")
    net.add("dense", "fc", units=vocab)
    return net


def chain(batch: int, nodes: int) -> Net:
    """`nodes` tanh in a row on one number: nothing but the cost of a node."""
    net = Net((batch,))
    for index in range(nodes):
        net.add("tanh", f"t{index}")
    return net


NETWORKS: dict[str, Callable[..., Net]] = {
    "mlp": mlp,
    "lenet": lenet,
    "resnet": resnet,
    "lstm_lm": lstm_lm,
    "chain": chain,
}
