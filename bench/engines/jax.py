"""Worker for JAX: the whole step is one jitted function, its weights donated."""

from __future__ import annotations

import os
from typing import Any

from engines._worker import CHECK_ROWS, Session, Unsupported, serve, softmax


class JaxEngine:
    def __init__(self, jax: Any) -> None:
        self._jax = jax

    def versions(self) -> dict[str, str]:
        import jaxlib

        return {"jax": self._jax.__version__, "jaxlib": jaxlib.__version__}

    def prepare(self, case: Any) -> JaxSession:
        if case.network == "chain":
            raise Unsupported("XLA makes one loop of the chain: the cost of a node does not show")
        return JaxSession(self._jax, case)


class JaxSession(Session):
    def __init__(self, jax: Any, case: Any) -> None:
        super().__init__()
        self._jax, self._train = jax, case.kind == "train"
        net = case.net()
        forward = build_forward(jax, net, self._train)
        weights = {name: jax.numpy.asarray(value) for name, value in net.weights(case.seed).items()}
        self._trained = {p.name: weights[p.name] for p in net.params if p.trained}
        self._state = {p.name: weights[p.name] for p in net.params if not p.trained}
        self._momenta = {name: jax.numpy.zeros_like(value) for name, value in self._trained.items()}
        self._arrays = net.batches(case.seed, case.batches)
        self._next = 0
        if self._train:
            self._step = _train_step(jax, forward, case.lr, case.momentum)
            asarray = jax.numpy.asarray
            self._batches = [(asarray(data), asarray(labels, dtype="int32")) for data, labels in self._arrays]
        else:
            probabilities = jax.nn.softmax if net.classes else (lambda out: out)
            self._infer = jax.jit(lambda w, s, x: probabilities(forward(w, s, x)[0]))
            self.check_infer()  # compiles

    def run(self, steps: int) -> None:
        (self._run_train if self._train else self._run_infer)(steps)

    def _run_train(self, steps: int) -> None:
        for _ in range(steps):
            self._one_step()
        self._jax.block_until_ready((self._trained, self._momenta))

    def _one_step(self) -> Any:
        data, labels = self._batches[self._next % len(self._batches)]
        self._trained, self._momenta, self._state, _, logits = self._step(
            self._trained, self._momenta, self._state, data, labels
        )
        self._next += 1
        return logits

    def _run_infer(self, steps: int) -> None:
        import numpy as np

        arrays, count, infer = self._arrays, len(self._arrays), self._infer
        weights, state = self._trained, self._state
        for step in range(steps):
            np.asarray(infer(weights, state, arrays[step % count][0]))

    def check_train(self) -> tuple[Any, Any]:
        import numpy as np

        labels = self._arrays[self._next % len(self._arrays)][1]
        return softmax(np.asarray(self._one_step())[:CHECK_ROWS]), labels

    def check_infer(self) -> list[Any]:
        return [self._infer(self._trained, self._state, data) for data, _ in self._arrays]


def _train_step(jax: Any, forward: Any, lr: float, momentum: float) -> Any:
    def loss_of(weights: Any, state: Any, data: Any, labels: Any) -> Any:
        logits, state = forward(weights, state, data)
        picked = jax.numpy.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
        return -picked.mean(), (logits, state)

    def step(weights: Any, momenta: Any, state: Any, data: Any, labels: Any) -> Any:
        grad = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (logits, state)), gradients = grad(weights, state, data, labels)
        momenta = {name: momentum * momenta[name] - lr * gradients[name] for name in weights}
        weights = {name: value + momenta[name] for name, value in weights.items()}
        return weights, momenta, state, loss, logits

    return jax.jit(step, donate_argnums=(0, 1, 2))


# ---- the network as a function ----------------------------------------------------------------


def build_forward(jax: Any, net: Any, train: bool) -> Any:
    """(weights, running statistics, data) -> (logits, new running statistics)."""
    plan = [(node, _OPS[node.op]) for node in net.nodes]

    def forward(weights: dict[str, Any], state: dict[str, Any], data: Any) -> tuple[Any, dict[str, Any]]:
        values, state = {"data": data}, dict(state)
        for node, op in plan:
            sources = [values[name] for name in node.inputs]
            if node.op == "batchnorm":
                values[node.name] = _batchnorm(jax, node, sources[0], weights, state, train)
            else:
                values[node.name] = op(jax, node, weights, *sources)
        return values[net.output.name], state

    return forward


def _batchnorm(jax: Any, node: Any, x: Any, weights: Any, state: dict[str, Any], train: bool) -> Any:
    def column(values: Any) -> Any:
        return values[None, :, None, None]

    mean, var, keep = state[f"{node.name}.mean"], state[f"{node.name}.var"], node.attrs["momentum"]
    if train:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
        for name, value in (("mean", mean), ("var", var)):
            state[f"{node.name}.{name}"] = keep * state[f"{node.name}.{name}"] + (1 - keep) * value
    scale = weights[f"{node.name}.gamma"] * jax.lax.rsqrt(var + node.attrs["eps"])
    return x * column(scale) + column(weights[f"{node.name}.beta"] - mean * scale)


def _conv(jax: Any, node: Any, weights: Any, x: Any) -> Any:
    pads = [(p, p) for p in node.attrs["pad"]]
    kernel = weights[f"{node.name}.weight"]
    out = jax.lax.conv_general_dilated(
        x, kernel, node.attrs["stride"], pads, dimension_numbers=("NCHW", "OIHW", "NCHW")
    )
    return out + weights[f"{node.name}.bias"][None, :, None, None] if node.attrs["bias"] else out


def _maxpool(jax: Any, node: Any, _: Any, x: Any) -> Any:
    window, strides = (1, 1, *node.attrs["kernel"]), (1, 1, *node.attrs["stride"])
    pads = [(0, 0), (0, 0), *((p, p) for p in node.attrs["pad"])]
    return jax.lax.reduce_window(x, -float("inf"), jax.lax.max, window, strides, pads)


def _lstm(jax: Any, node: Any, weights: Any, x: Any) -> Any:
    hidden = node.attrs["hidden"]
    for layer in range(node.attrs["layers"]):
        i2h, h2h = (weights[f"{node.name}.l{layer}_{name}_weight"] for name in ("i2h", "h2h"))
        bias = sum(weights[f"{node.name}.l{layer}_{name}_bias"] for name in ("i2h", "h2h"))

        def cell(carry: Any, projected: Any, h2h: Any = h2h) -> Any:
            h, c = carry
            i, f, g, o = jax.numpy.split(projected + h @ h2h.T, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
            h = jax.nn.sigmoid(o) * jax.numpy.tanh(c)
            return (h, c), h

        zeros = jax.numpy.zeros((x.shape[1], hidden), x.dtype)
        x = jax.lax.scan(cell, (zeros, zeros), x @ i2h.T + bias)[1]
    return x


_OPS: dict[str, Any] = {
    "dense": lambda jax, n, w, x: x @ w[f"{n.name}.weight"].T + w[f"{n.name}.bias"],
    "conv": _conv,
    "batchnorm": None,
    "maxpool": _maxpool,
    "global_avgpool": lambda jax, n, w, x: x.mean((2, 3), keepdims=True),
    "relu": lambda jax, n, w, x: jax.nn.relu(x),
    "tanh": lambda jax, n, w, x: jax.numpy.tanh(x),
    "add": lambda jax, n, w, x, y: x + y,
    "flatten": lambda jax, n, w, x: x.reshape(x.shape[0], -1),
    "merge_time": lambda jax, n, w, x: x.reshape(-1, x.shape[2]),
    "embedding": lambda jax, n, w, x: w[f"{n.name}.weight"][x],
    "lstm": _lstm,
}


def load(threads: int) -> Any:
    # XLA's thread pool has as many threads as the process has cores, and no other setting.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    return JaxEngine(jax)


if __name__ == "__main__":
    serve(load)
