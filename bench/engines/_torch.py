"""PyTorch engines: eager, channels-last and compiled share this code.

The network is a torch.fx graph of ordinary modules, which PyTorch turns into the same straight-line
`forward` that a user would write by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from engines._worker import CHECK_ROWS, Session, Unsupported, softmax


class TorchEngine:
    def __init__(self, threads: int, channels_last: bool = False, compiled: bool = False) -> None:
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self._channels_last, self._compiled = channels_last, compiled

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__, "numpy": np.__version__}

    def prepare(self, case: Any) -> TorchSession:
        net = case.net()
        if self._channels_last and not net.has_images:
            raise Unsupported("no convolutions: the same as torch_eager")
        if self._compiled and case.network == "chain":
            raise Unsupported("the compiler makes one loop of the chain: the cost of a node does not show")
        return TorchSession(case, net, self._channels_last, self._compiled)


class TorchSession(Session):
    def __init__(self, case: Any, net: Any, channels_last: bool, compiled: bool) -> None:
        super().__init__()
        self._train = case.kind == "train"
        self._channels_last = channels_last
        model = build_model(net).train(self._train)
        _load(model, net, case.seed)
        if channels_last:
            model = model.to(memory_format=torch.channels_last)
        self._arrays = net.batches(case.seed, case.batches)
        self._next = 0
        self._softmax = bool(net.classes)
        if self._train:
            self._prepare_train(case, model, compiled)
        else:
            forward = _with_softmax(model) if self._softmax else model.forward
            self._forward = torch.compile(forward) if compiled else forward
        self.run(1)  # compiles
        if self._train:
            _load(model, net, case.seed)
            self._optimizer.state.clear()
            self._next = 0

    def _prepare_train(self, case: Any, model: nn.Module, compiled: bool) -> None:
        cross_entropy, forward = nn.functional.cross_entropy, model.forward

        def loss_of(data: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits = forward(data)
            return cross_entropy(logits, labels), logits

        self._loss_of = torch.compile(loss_of) if compiled else loss_of
        self._optimizer = torch.optim.SGD(model.parameters(), lr=case.lr, momentum=case.momentum, fused=True)
        self._batches = [(self._input(data), torch.from_numpy(labels)) for data, labels in self._arrays]

    def _input(self, data: Any) -> torch.Tensor:
        tensor = torch.from_numpy(data)
        return tensor.contiguous(memory_format=torch.channels_last) if self._channels_last else tensor

    def run(self, steps: int) -> None:
        (self._run_train if self._train else self._run_infer)(steps)

    def _run_train(self, steps: int) -> None:
        batches, count = self._batches, len(self._batches)
        loss_of, optimizer = self._loss_of, self._optimizer
        for step in range(self._next, self._next + steps):
            optimizer.zero_grad()
            loss, _ = loss_of(*batches[step % count])
            loss.backward()
            optimizer.step()
        self._next += steps

    def _run_infer(self, steps: int) -> None:
        infer, arrays, count = self._infer, self._arrays, len(self._arrays)
        with torch.inference_mode():
            for step in range(steps):
                infer(arrays[step % count][0])

    def _infer(self, data: Any) -> Any:
        return self._forward(self._input(data)).numpy()

    def check_train(self) -> tuple[Any, Any]:
        index = self._next % len(self._batches)
        self._optimizer.zero_grad()
        loss, logits = self._loss_of(*self._batches[index])
        probabilities = softmax(logits[:CHECK_ROWS].detach().numpy())
        loss.backward()
        self._optimizer.step()
        self._next += 1
        return probabilities, self._arrays[index][1]

    def check_infer(self) -> list[Any]:
        with torch.inference_mode():
            return [self._infer(data) for data, _ in self._arrays]


def _with_softmax(model: nn.Module) -> Any:
    forward = model.forward
    return lambda data: torch.softmax(forward(data), 1)


# ---- the network as modules ----------------------------------------------------------------------


class _Lstm(nn.LSTM):
    """torch.nn.LSTM that returns its outputs alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x)[0]


_MODULES: dict[str, Any] = {
    "dense": lambda a, x: nn.Linear(x[1], a["units"]),
    "conv": lambda a, x: nn.Conv2d(x[1], a["channels"], a["kernel"], a["stride"], a["pad"], bias=a["bias"]),
    "batchnorm": lambda a, x: nn.BatchNorm2d(x[1], eps=a["eps"], momentum=1 - a["momentum"]),
    "maxpool": lambda a, x: nn.MaxPool2d(a["kernel"], a["stride"], a["pad"]),
    "global_avgpool": lambda a, x: nn.AdaptiveAvgPool2d(1),
    "embedding": lambda a, x: nn.Embedding(a["vocab"], a["size"]),
    "lstm": lambda a, x: _Lstm(x[2], a["hidden"], a["layers"]),
}

_FUNCTIONS: dict[str, Any] = {  # function and its arguments after the tensors
    "relu": (torch.relu_, ()),
    "tanh": (torch.tanh, ()),
    "add": (torch.add, ()),
    "flatten": (torch.flatten, (1,)),
    "merge_time": (torch.flatten, (0, 1)),
}


def build_model(net: Any) -> nn.Module:
    """A GraphModule of the net; its logits (no softmax) are the result."""
    modules, graph = nn.Module(), torch.fx.Graph()
    values = {"data": graph.placeholder("data")}
    for node in net.nodes:
        sources = tuple(values[name] for name in node.inputs)
        if node.op in _MODULES:
            shapes = [net.shape_of(name) for name in node.inputs]
            modules.add_module(node.name, _MODULES[node.op](node.attrs, *shapes))
            values[node.name] = graph.call_module(node.name, sources)
        else:
            function, rest = _FUNCTIONS[node.op]
            values[node.name] = graph.call_function(function, sources + rest)
    graph.output(values[net.output.name])
    return torch.fx.GraphModule(modules, graph)


def _load(model: nn.Module, net: Any, seed: int) -> None:
    state = {_state_name(name): torch.from_numpy(value) for name, value in net.weights(seed).items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise KeyError(f"[torch] weights do not fit: missing {missing}, unexpected {list(unexpected)}")


def _state_name(name: str) -> str:
    """PyTorch's name of `node.suffix`."""
    node, _, suffix = name.rpartition(".")
    renamed = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}.get(
        suffix, suffix
    )
    if "_i2h_" in suffix or "_h2h_" in suffix:  # l0_i2h_weight -> weight_ih_l0
        layer, source, kind = suffix.split("_")
        renamed = f"{kind}_{'ih' if source == 'i2h' else 'hh'}_{layer}"
    return f"{node}.{renamed}"
