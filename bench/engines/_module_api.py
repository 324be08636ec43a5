"""Engines with MXNet's Module API: symbind and MXNet itself run exactly this code."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from engines._worker import CHECK_ROWS, Session


class ModuleEngine:
    fits = True

    def __init__(self, mx: Any) -> None:
        self._mx = mx

    def versions(self) -> dict[str, str]:
        return {self._mx.__name__: self._mx.__version__, "numpy": np.__version__}

    def prepare(self, case: Any) -> Session:
        if case.kind == "fit":
            from engines._module_fit import BucketFitSession

            return BucketFitSession(self._mx, case)
        return ModuleSession(self._mx, case)


class ModuleSession(Session):
    def __init__(self, mx: Any, case: Any, **module_options: Any) -> None:
        super().__init__()
        self._mx, self._train = mx, case.kind == "train"
        net = case.net()
        labelled = bool(net.classes)
        start = time.perf_counter()
        symbol = build_symbol(mx, net)
        self.metrics["build_s"] = time.perf_counter() - start

        self._module = mx.mod.Module(
            symbol,
            data_names=["data"],
            label_names=["softmax_label"] if labelled else None,
            **module_options,
        )
        start = time.perf_counter()
        self._module.bind(
            data_shapes=[("data", net.data_shape)],
            label_shapes=[("softmax_label", net.label_shape)] if labelled and self._train else None,
            for_training=self._train,
        )
        self.metrics["bind_s"] = time.perf_counter() - start
        self._module.set_params(*module_params(mx, net, case.seed))
        if self._train:
            options = {"learning_rate": case.lr, "momentum": case.momentum, "rescale_grad": 1.0 / net.rows}
            self._module.init_optimizer(kvstore=None, optimizer="sgd", optimizer_params=options)

        self._arrays = net.batches(case.seed, case.batches)
        self._batches = [
            mx.io.DataBatch(
                [mx.nd.array(data)], [mx.nd.array(labels.reshape(net.label_shape))] if self._train else None
            )
            for data, labels in self._arrays
        ]
        self._next = 0
        self._mx.nd.waitall()

    def run(self, steps: int) -> None:
        (self._run_train if self._train else self._run_infer)(steps)

    def _run_train(self, steps: int) -> None:
        module, batches, count = self._module, self._batches, len(self._batches)
        for step in range(self._next, self._next + steps):
            module.forward_backward(batches[step % count])
            module.update()
        self._next += steps
        self._mx.nd.waitall()

    def _run_infer(self, steps: int) -> None:
        infer, arrays, count = self._infer, self._arrays, len(self._arrays)
        for step in range(steps):
            infer(arrays[step % count][0])

    def _infer(self, data: Any) -> Any:
        batch = self._batches[0]
        batch.data[0][:] = data
        self._module.forward(batch, is_train=False)
        return self._module.get_outputs()[0].asnumpy()

    def check_train(self) -> tuple[Any, Any]:
        index = self._next % len(self._batches)
        self._module.forward_backward(self._batches[index])
        probabilities = self._module.get_outputs()[0][:CHECK_ROWS].asnumpy()
        self._module.update()
        self._next += 1
        return probabilities, self._arrays[index][1]

    def check_infer(self) -> list[Any]:
        return [self._infer(data) for data, _ in self._arrays]


# ---- the network as a Symbol ---------------------------------------------------------------------


def build_symbol(mx: Any, net: Any) -> Any:
    symbols = {"data": mx.sym.Variable("data")}
    for node in net.nodes:
        sources = [symbols[name] for name in node.inputs]
        symbols[node.name] = _BUILD[node.op](mx, node, *sources)
    out = symbols[net.output.name]
    if not net.classes:
        return out
    if len(net.label_shape) == 1:
        return mx.sym.SoftmaxOutput(out, name="softmax")
    labels = mx.sym.Reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
    return mx.sym.SoftmaxOutput(out, labels, name="softmax")


def _lstm(mx: Any, node: Any, x: Any) -> Any:
    """Written as MXNet's users do: cells unrolled over time, or the fused RNN operator."""
    steps, layers, hidden = node.shape[0], node.attrs["layers"], node.attrs["hidden"]
    if not node.attrs["unrolled"]:
        cell = mx.rnn.FusedRNNCell(hidden, num_layers=layers, mode="lstm", prefix=f"{node.name}_")
    else:
        cell = mx.rnn.SequentialRNNCell()
        for layer in range(layers):
            cell.add(mx.rnn.LSTMCell(hidden, prefix=f"{node.name}_l{layer}_"))
    out, _ = cell.unroll(steps, inputs=x, layout="TNC", merge_outputs=True)
    return out


_BUILD: dict[str, Any] = {
    "dense": lambda mx, n, x: mx.sym.FullyConnected(x, num_hidden=n.attrs["units"], name=n.name),
    "conv": lambda mx, n, x: mx.sym.Convolution(
        x, num_filter=n.attrs["channels"], kernel=n.attrs["kernel"], stride=n.attrs["stride"],
        pad=n.attrs["pad"], no_bias=not n.attrs["bias"], name=n.name),
    "batchnorm": lambda mx, n, x: mx.sym.BatchNorm(
        x, fix_gamma=False, eps=n.attrs["eps"], momentum=n.attrs["momentum"], name=n.name),
    "maxpool": lambda mx, n, x: mx.sym.Pooling(
        x, pool_type="max", kernel=n.attrs["kernel"], stride=n.attrs["stride"], pad=n.attrs["pad"],
        name=n.name),
    "global_avgpool": lambda mx, n, x: mx.sym.Pooling(
        x, pool_type="avg", global_pool=True, kernel=(1, 1), name=n.name),
    "relu": lambda mx, n, x: mx.sym.Activation(x, act_type="relu", name=n.name),
    "tanh": lambda mx, n, x: mx.sym.Activation(x, act_type="tanh", name=n.name),
    "flatten": lambda mx, n, x: mx.sym.Flatten(x, name=n.name),
    "add": lambda mx, n, x, y: mx.sym.elemwise_add(x, y, name=n.name),
    "merge_time": lambda mx, n, x: mx.sym.Reshape(x, shape=(-3, 0), name=n.name),
    "embedding": lambda mx, n, x: mx.sym.Embedding(
        x, input_dim=n.attrs["vocab"], output_dim=n.attrs["size"], name=n.name),
    "lstm": _lstm,
}  # fmt: skip


def module_params(mx: Any, net: Any, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arg_params, aux_params) with MXNet's names from the net's `node.suffix` names."""
    args, auxs = {}, {}
    weights = net.weights(seed)
    for node in net.nodes:
        params = net.params_of(node)
        if node.op == "lstm" and not node.attrs["unrolled"]:
            # The fused operator takes one vector: all weights layer by layer, then all biases.
            ordered = sorted(params, key=lambda p: p.kind == "bias")
            args[f"{node.name}_parameters"] = np.concatenate([weights[p.name].ravel() for p in ordered])
            continue
        for p in params:
            suffix = p.name.rpartition(".")[2]
            if p.trained:
                args[f"{node.name}_{suffix}"] = weights[p.name]
            else:
                auxs[f"{node.name}_moving_{suffix}"] = weights[p.name]
    return tuple({k: mx.nd.array(v) for k, v in group.items()} for group in (args, auxs))  # type: ignore[return-value]
