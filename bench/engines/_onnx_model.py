"""The network as an ONNX model, for the inference runtimes."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def build_onnx(net: Any, seed: int) -> bytes:
    """A serialized model with input "data" and output "out" (probabilities where the net has classes)."""
    weights = net.weights(seed)
    nodes: list[Any] = []
    used: list[str] = []
    for node in net.nodes:
        kind, attributes, suffixes = _OPS[node.op](node)
        params = [f"{node.name}.{suffix}" for suffix in suffixes]
        used += params
        nodes.append(
            helper.make_node(kind, [*node.inputs, *params], [node.name], name=node.name, **attributes)
        )
    if net.classes:
        nodes.append(helper.make_node("Softmax", [net.output.name], ["out"], axis=1))
    else:
        nodes[-1].output[0] = "out"
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, net.data_shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, net.output.shape)],
        [numpy_helper.from_array(weights[name], name) for name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    return model.SerializeToString()


def _window(attrs: dict[str, Any]) -> dict[str, Any]:
    pads = [*attrs["pad"], *attrs["pad"]]
    return {"kernel_shape": list(attrs["kernel"]), "strides": list(attrs["stride"]), "pads": pads}


_OPS: dict[str, Any] = {  # node -> (ONNX operator, attributes, suffixes of its parameters)
    "dense": lambda n: ("Gemm", {"transB": 1}, ["weight", "bias"]),
    "conv": lambda n: ("Conv", _window(n.attrs), ["weight", "bias"] if n.attrs["bias"] else ["weight"]),
    "batchnorm": lambda n: (
        "BatchNormalization",
        {"epsilon": n.attrs["eps"]},
        ["gamma", "beta", "mean", "var"],
    ),
    "maxpool": lambda n: ("MaxPool", _window(n.attrs), []),
    "global_avgpool": lambda n: ("GlobalAveragePool", {}, []),
    "relu": lambda n: ("Relu", {}, []),
    "tanh": lambda n: ("Tanh", {}, []),
    "add": lambda n: ("Add", {}, []),
    "flatten": lambda n: ("Flatten", {"axis": 1}, []),
}
