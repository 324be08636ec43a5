"""Symbols with one fused MKL-DNN block, as files of quantized models have them, and what goes into them.

`mx` is MXNet (to record) or symbind (to compare).
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import pathlib

import numpy as np

GOLDENS = pathlib.Path(__file__).resolve().parent / "goldens" / "fused_blocks.npz"


@dataclasses.dataclass(frozen=True)
class Block:
    """One block: which operators it has, and the range of its output if that is calibrated."""

    layer: str  # "conv" or "dense"
    quantized: bool = True
    bias: bool = True
    norm: bool = False
    act: str | None = None
    sum: str | None = None  # dtype of what is added
    last_act: str | None = None
    data: str = "uint8"
    calibrated: tuple | None = None
    attrs: tuple = ()  # more attributes of the node
    layer_attrs: tuple = ()
    channels: int = 5

    @property
    def id(self) -> str:
        parts = [self.layer, "int8" if self.quantized else "float", self.data]
        parts += [name for name in ("bias", "norm") if getattr(self, name)]
        parts += [str(p) for p in (self.act, self.sum and f"sum-{self.sum}", self.last_act) if p]
        if self.calibrated:
            parts.append("_".join(map(str, self.calibrated)))
        parts += [f"{k}={v}".replace(" ", "") for k, v in (*self.attrs, *self.layer_attrs)]
        return "-".join(parts)

    @property
    def int8_weight(self) -> bool:
        return (
            self.quantized and self.layer == "dense" and ("channel_wise_quantize", "true") not in self.attrs
        )


class _Graph:
    def __init__(self):
        self.nodes: list[dict] = []

    def add(self, op, name, inputs=(), attrs=None, **more):
        node = {"op": op, "name": name, "inputs": [[i, 0, 0] for i in inputs], **more}
        if attrs:
            node["attrs"] = {k: str(v) for k, v in attrs.items()}
        self.nodes.append(node)
        return len(self.nodes) - 1

    def finish(self, heads, **more):
        variables = [i for i, n in enumerate(self.nodes) if n["op"] == "null"]
        return {
            "nodes": self.nodes,
            "arg_nodes": variables,
            "node_row_ptr": list(range(len(self.nodes) + 1)),
            "heads": heads,
            **more,
        }


def _activation(graph, kind, name, at):
    if kind == "clip":
        return graph.add("clip", name, [at], {"a_min": 0, "a_max": 2.5})
    return graph.add("Activation", name, [at], {"act_type": kind})


def _subgraph(block: Block) -> tuple[dict, list[str]]:
    """The block's own graph, and the names of its variables in order."""
    graph, names = _Graph(), []

    def variable(name):
        names.append(name)
        return graph.add("null", name + "0")

    inputs = [variable("data"), variable("weight")] + ([variable("bias")] if block.bias else [])
    if block.layer == "conv":
        attrs = {"kernel": "(3, 3)", "num_filter": 4, "pad": "(1, 1)", "no_bias": not block.bias}
        at = graph.add("Convolution", "layer", inputs, {**attrs, **dict(block.layer_attrs)})
    else:
        attrs = {"num_hidden": 4, "no_bias": not block.bias}
        at = graph.add("FullyConnected", "layer", inputs, {**attrs, **dict(block.layer_attrs)})
    if block.norm:
        states = [variable(n) for n in ("gamma", "beta", "moving_mean", "moving_var")]
        at = graph.add("BatchNorm", "norm", [at, *states], {"fix_gamma": "False", "eps": "1e-3"})
    if block.act:
        at = _activation(graph, block.act, "act", at)
    if block.sum:
        at = graph.add("elemwise_add", "plus", [at, variable("sum")])
    if block.last_act:
        at = _activation(graph, block.last_act, "last_act", at)
    return graph.finish([[at, 0, 0]]), names


def symbol_of(mx, block: Block):
    """The symbol of a file that holds the block alone; its inputs are variables."""
    subgraph, names = _subgraph(block)
    attrs = dict(block.attrs)
    if block.quantized:
        attrs["quantized"] = "true"
        names += ["min_data", "max_data"] + (["min_sum", "max_sum"] if block.sum else [])
        if block.int8_weight:
            names += ["min_weight", "max_weight"] + (["min_bias", "max_bias"] if block.bias else [])
    flags = {"with_bn": block.norm, "with_sum": block.sum, "with_postsum_act": block.last_act}
    flags["with_act" if block.layer == "conv" else "with_eltwise"] = block.act
    attrs.update({name: "true" for name, there in flags.items() if there})
    if block.calibrated:
        attrs["min_calib_range"], attrs["max_calib_range"] = map(str, block.calibrated)
    graph = _Graph()
    inputs = [graph.add("null", name) for name in names]
    op = "_sg_mkldnn_conv" if block.layer == "conv" else "_sg_mkldnn_fully_connected"
    node = graph.add(op, "block", inputs, attrs, subgraphs=[subgraph])
    outputs = 3 if block.quantized and "enable_float_output" not in attrs else 1
    file = graph.finish([[node, i, 0] for i in range(outputs)], attrs={"mxnet_version": ["int", 10700]})
    return mx.sym.load_json(json.dumps(file))


def _quantized(rs, dtype, shape):
    low, high = (0, 256) if dtype == "uint8" else (-127, 128)
    return rs.randint(low, high, size=shape).astype(dtype)


def arrays_of(block: Block) -> dict[str, np.ndarray]:
    """Seeded inputs, by the names of the variables."""
    rs = np.random.RandomState(7)
    channels = block.channels
    shape = (2, channels, 6, 7) if block.layer == "conv" else (3, channels * 4)
    groups = int(dict(block.layer_attrs).get("num_group", 1))
    filters = int(dict(block.layer_attrs).get("num_filter", 4))
    kernel = (3, 3) if "kernel" not in dict(block.layer_attrs) else (1, 1)
    weight = (filters, channels // groups, *kernel) if block.layer == "conv" else (4, channels * 4)
    out = (2, filters, 6, 7)

    def real(*dims, low=-1.0, high=1.0):
        return (low + (high - low) * rs.random_sample(dims)).astype("float32")

    spread = np.arange(1, weight[0] + 1).reshape(-1, *[1] * (len(weight) - 1)) * 0.2
    arrays = {
        "data": _quantized(rs, block.data, shape) if block.quantized else real(*shape),
        "weight": _quantized(rs, "int8", weight)
        if block.int8_weight
        else (real(*weight) * spread).astype("float32"),
        "bias": _quantized(rs, "int8", weight[:1]) if block.int8_weight else real(weight[0]),
        "gamma": real(weight[0], low=0.5, high=1.5),
        "beta": real(weight[0]),
        "moving_mean": real(weight[0]),
        "moving_var": real(weight[0], low=0.3, high=1.5),
        "sum": _quantized(rs, block.sum or "int8", out) if block.quantized else real(*out),
    }
    ranges = {
        "data": (-2.0 if block.data == "int8" else 0.0, 1.7),
        "sum": (-3.0 if block.sum == "int8" else 0.0, 2.5),
        "weight": (-1.0, 0.5),
        "bias": (-0.7, 0.2),
    }
    for name, (low, high) in ranges.items():
        arrays[f"min_{name}"] = np.array([low], "float32")
        arrays[f"max_{name}"] = np.array([high], "float32")
    return arrays


def run(mx, block: Block) -> list[np.ndarray]:
    """The block's outputs."""
    symbol, arrays = symbol_of(mx, block), arrays_of(block)
    arguments = {n: mx.nd.array(arrays[n], dtype=arrays[n].dtype) for n in symbol.list_arguments()}
    states = {n: mx.nd.array(arrays[n], dtype=arrays[n].dtype) for n in symbol.list_auxiliary_states()}
    executor = symbol.bind(mx.cpu(), arguments, aux_states=states)
    return [o.asnumpy() for o in executor.forward(is_train=False)]


def _blocks():
    wide, positive = (-3.0, 4.0), (0.0, 4.0)
    for data, norm, bias in itertools.product(("uint8", "int8"), (False, True), (False, True)):
        conv = {"layer": "conv", "data": data, "norm": norm, "bias": bias}
        yield Block(**conv, calibrated=wide)
        yield Block(**conv, act="relu", calibrated=positive)
        yield Block(**conv, sum="int8", calibrated=wide)
        yield Block(**conv, sum="int8", last_act="relu", calibrated=positive)
        yield Block(**conv, sum="uint8", last_act="relu", calibrated=positive)
        yield Block(**conv)
        yield Block(**conv, act="relu")
    yield Block("conv", sum="uint8", calibrated=wide)
    yield Block("conv", act="clip", calibrated=(0.0, 2.5))
    yield Block("conv", act="relu", sum="int8", calibrated=wide)
    depthwise = (("num_group", "8"), ("num_filter", "8"))
    yield Block("conv", channels=8, act="relu", calibrated=positive, layer_attrs=depthwise)
    # Without a range: with one, MXNet gives channels behind the first the scales of others.
    yield Block("conv", channels=8, layer_attrs=(("num_group", "2"),))
    yield Block("conv", channels=32, calibrated=wide, layer_attrs=(("num_filter", "32"),))
    yield Block("conv", calibrated=wide, layer_attrs=(("kernel", "(1, 1)"), ("pad", "(0, 0)")))
    for norm, act in itertools.product((False, True), (None, "relu")):
        yield Block("conv", quantized=False, data="float32", norm=norm, act=act)
        yield Block("conv", quantized=False, data="float32", norm=norm, sum="float32", last_act=act)
    for data, bias in itertools.product(("uint8", "int8"), (False, True)):
        for attrs in ((), (("channel_wise_quantize", "true"),)):
            dense = {"layer": "dense", "data": data, "bias": bias, "attrs": attrs}
            yield Block(**dense, calibrated=wide)
            yield Block(**dense, act="relu", calibrated=positive)
            yield Block(**{**dense, "attrs": (*attrs, ("enable_float_output", "true"))})
        yield Block("dense", data=data, bias=bias)
    yield Block("dense", quantized=False, data="float32", act="relu")


BLOCKS = list(_blocks())
