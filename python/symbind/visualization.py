"""Networks as text (`print_summary`) and as pictures (`plot_network`)."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .symbol import Symbol

__all__ = ["plot_network", "print_summary"]

Shape = tuple[int, ...]

_PARAMETER_SUFFIXES = (
    "_weight",
    "_bias",
    "_gamma",
    "_beta",
    "_moving_mean",
    "_moving_var",
    "_running_mean",
    "_running_var",
)


class _Graph:
    """The nodes of a symbol as in its JSON form, with the shapes of their outputs where these are known."""

    def __init__(
        self, function: str, symbol: Symbol, shape: Mapping[str, Shape] | None, dtype: Any = None
    ) -> None:
        if not isinstance(symbol, Symbol):
            raise TypeError(f"[{function}] symbol must be a Symbol: got {type(symbol).__name__}")
        graph = json.loads(symbol.tojson())
        self.nodes: list[dict] = graph["nodes"]
        self.heads = {head[0] for head in graph["heads"]}
        self.given = dict(shape or {})
        # Variables that hold a state, such as BatchNorm's moving mean, have version 1 in the file format.
        self.auxiliary = {
            entry[0] for node in self.nodes for entry in node["inputs"] if len(entry) > 2 and entry[2]
        }
        self.shapes: dict[str, Shape] = {}
        if shape is not None:
            self._infer(function, symbol, dtype)

    def _infer(self, function: str, symbol: Symbol, dtype: Any) -> None:
        internals = symbol.get_internals()
        _, shapes, _ = internals.infer_shape(**self.given)
        if shapes is None:
            raise ValueError(
                f"[{function}] the shapes of {sorted(self.given)} do not determine all others: "
                f"give the shapes of all inputs among {symbol.list_inputs()}"
            )
        if dtype is not None:
            internals.infer_type(**dict.fromkeys(self.given, dtype))
        self.shapes = dict(zip(internals.list_outputs(), shapes))

    def is_variable(self, index: int) -> bool:
        return self.nodes[index]["op"] == "null"

    def is_parameter(self, index: int) -> bool:
        """Whether a node is a variable with the name of a weight or a state of its layer."""
        name = self.nodes[index]["name"]
        return self.is_variable(index) and name not in self.given and name.endswith(_PARAMETER_SUFFIXES)

    def is_input(self, index: int) -> bool:
        """Whether a node is a variable that carries data: with given shapes, one of these."""
        if not self.is_variable(index):
            return False
        name = self.nodes[index]["name"]
        if name.endswith("label"):
            return False
        return name in self.given if self.given else not name.endswith(_PARAMETER_SUFFIXES)

    def output_shape(self, index: int, output: int = 0) -> Shape | None:
        node = self.nodes[index]
        # Operators with one output, and those that name theirs such as BatchNorm, have a "_output".
        suffixes = ("",) if self.is_variable(index) else (f"_output{output}", "_output")
        for suffix in suffixes:
            if node["name"] + suffix in self.shapes:
                return tuple(self.shapes[node["name"] + suffix])
        return None

    def attrs(self, index: int) -> dict[str, str]:
        return self.nodes[index].get("attrs", {})


# print_summary


def print_summary(
    symbol: Symbol,
    shape: Mapping[str, Shape] | None = None,
    line_length: int = 120,
    positions: Sequence[float] = (0.44, 0.64, 0.74, 1.0),
) -> None:
    """Print a table of a network's layers: type, shape of the output for one sample, parameters, inputs.

    A parameter that several layers share is counted at the first of them. Moving averages and labels are no
    parameters.

    Parameters
    ----------
    symbol : Symbol
    shape : dict of str to tuple of int, optional
        Shapes of all inputs, with the batch axis in front. Without it the table has neither shapes nor
        counts.
    line_length : int, default 120
        Width of the table.
    positions : sequence of float, default (.44, .64, .74, 1)
        Where the columns end, as fractions of the width or, if the last is above 1, in characters.

    Raises
    ------
    TypeError
        If `symbol` is no Symbol.
    MXNetError
        If the shapes do not fit the network or name an input it does not have.
    ValueError
        If shapes of some inputs are missing.
    """
    graph = _Graph("print_summary", symbol, shape)
    ends = [int(p) if positions[-1] > 1 else int(line_length * p) for p in positions]

    def row(*fields: object) -> str:
        line = ""
        for field, end in zip(fields, ends):
            line = (line + str(field))[:end].ljust(end)
        return line

    print("_" * line_length)
    print(row("Layer (type)", "Output Shape", "Param #", "Previous Layer"))
    print("=" * line_length)
    counted: set[int] = set()
    total, known = 0, shape is not None
    layers = [i for i in range(len(graph.nodes)) if graph.is_input(i) or not graph.is_variable(i)]
    listed = set(layers)
    for i in layers:
        node = graph.nodes[i]
        count = _count_parameters(graph, i, counted)
        total += count
        layer_shape = graph.output_shape(i)
        before = [graph.nodes[e[0]]["name"] for e in node["inputs"] if e[0] in listed]
        print(
            row(
                f"{node['name']}({node['op']})",
                "" if layer_shape is None else "x".join(str(d) for d in layer_shape[1:]),
                count if known else "",
                before[0] if before else "",
            )
        )
        for name in before[1:]:
            print(row("", "", "", name))
        print(("=" if i == layers[-1] else "_") * line_length)
    print(f"Total params: {total}" if known else "Total params: unknown without the shapes of the inputs")
    print("_" * line_length)


def _count_parameters(graph: _Graph, index: int, counted: set[int]) -> int:
    """Return how many numbers the parameters of a layer hold that are not yet in `counted`."""
    total = 0
    for entry in graph.nodes[index]["inputs"]:
        source = entry[0]
        if not graph.is_variable(source) or graph.is_input(source) or source in counted:
            continue
        counted.add(source)
        shape = graph.output_shape(source)
        is_label = graph.nodes[source]["name"].endswith("label")
        if shape is not None and not is_label and source not in graph.auxiliary:
            total += math.prod(shape)
    return total


# plot_network

# ColorBrewer's Set3, see https://colorbrewer2.org; one colour for each kind of layer.
_COLOURS = ("#8dd3c7", "#fb8072", "#ffffb3", "#bebada", "#80b1d3", "#fdb462", "#b3de69", "#fccde5")
_KINDS = {
    "null": 0,
    "Convolution": 1,
    "Deconvolution": 1,
    "FullyConnected": 1,
    "Activation": 2,
    "LeakyReLU": 2,
    "BatchNorm": 3,
    "Pooling": 4,
    "Concat": 5,
    "Flatten": 5,
    "Reshape": 5,
    "Softmax": 6,
    "SoftmaxOutput": 6,
}


def _pair(text: str) -> str:
    """'(3, 3)' as '3x3'."""
    value = ast.literal_eval(text)
    return "x".join(str(v) for v in value) if isinstance(value, (tuple, list)) else str(value)


def _caption(op: str, name: str, attrs: Mapping[str, str]) -> str:
    """Return what stands in a node: the operator and the attributes that say most about it."""
    if op == "null":
        return name
    kernel, stride = _pair(attrs.get("kernel", "()")), _pair(attrs.get("stride", "()"))
    if op in ("Convolution", "Deconvolution"):
        return f"{op}\n{kernel}/{stride or 1}, {attrs['num_filter']}"
    if op == "FullyConnected":
        return f"{op}\n{attrs['num_hidden']}"
    if op in ("Activation", "LeakyReLU"):
        return f"{op}\n{attrs.get('act_type', 'leaky')}"
    if op == "Pooling":
        kind = attrs.get("pool_type", "max")
        if attrs.get("global_pool") in ("True", "true", "1"):
            return f"{op}\nglobal {kind}"
        return f"{op}\n{kind}, {kernel}/{stride or 1}"
    return op if op == "Concat" else f"{op}\n{name}"


def plot_network(
    symbol: Symbol,
    title: str = "plot",
    save_format: str = "pdf",
    shape: Mapping[str, Shape] | None = None,
    dtype: Any = None,
    node_attrs: Mapping[str, str] | None = None,
    hide_weights: bool = True,
):
    """Draw a network as a graph, data at the bottom, with Graphviz.

    Parameters
    ----------
    symbol : Symbol
    title : str, default 'plot'
        Name of the file that `render` writes.
    save_format : str, default 'pdf'
        Format of that file, such as 'png' or 'svg'.
    shape : dict of str to tuple of int, optional
        Shapes of all inputs; the edges are then labelled with shapes.
    dtype : optional
        Of the inputs.
    node_attrs : dict of str to str, optional
        Graphviz attributes of all nodes, such as ``{'shape': 'oval', 'fixedsize': 'false'}``.
    hide_weights : bool, default True
        Whether to leave out parameters.

    Returns
    -------
    graphviz.Digraph
        Notebooks show it; `render()` writes the file.

    Raises
    ------
    ImportError
        If the Python package graphviz is not installed.
    TypeError, MXNetError, ValueError
        As `print_summary`.
    """
    try:
        from graphviz import Digraph
    except ImportError as err:
        raise ImportError(
            "[plot_network] the Python package graphviz is missing: pip install 'symbind[viz]'; "
            "to write picture files, the Graphviz programs are needed too (such as apt install graphviz)"
        ) from err
    graph = _Graph("plot_network", symbol, shape, dtype)
    style = {"shape": "box", "fixedsize": "true", "width": "1.3", "height": "0.8034", "style": "filled"}
    style.update(node_attrs or {})
    dot = Digraph(name=title, format=save_format, node_attr=style)
    keys: list[str | None] = []
    for i, node in enumerate(graph.nodes):
        hidden = hide_weights and (graph.is_parameter(i) or i in graph.auxiliary) and i not in graph.heads
        # Names need not be unique; the position keeps two nodes apart.
        keys.append(None if hidden else f"{i} {node['name']}")
        if not hidden:
            colour = _COLOURS[_KINDS.get(node["op"], len(_COLOURS) - 1)]
            dot.node(keys[i], label=_caption(node["op"], node["name"], graph.attrs(i)), fillcolor=colour)
        if node["op"] == "null":
            continue
        for source, output, *_ in node["inputs"]:
            if keys[source] is None:
                continue
            flowing = graph.output_shape(source, output)
            label = "" if flowing is None else "x".join(str(d) for d in flowing[1:])
            dot.edge(keys[i], keys[source], dir="back", arrowtail="open", label=label)
    return dot
