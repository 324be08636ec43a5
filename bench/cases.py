"""The benchmark cases as data. A worker receives a case as JSON and builds its network with `Case.net()`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from networks import NETWORKS, Net


@dataclass
class Case:
    """One thing to measure.

    kind: "train": a step is forward, backward and SGD-momentum update; "infer": a step is one call from NumPy
        input to NumPy output; "fit": a step is one epoch of `fit` by a new module, binding included.
    network, options: entry of `networks.NETWORKS` and its keyword arguments.
    lr, momentum: of SGD; the gradient is that of the mean loss.
    check_steps: training steps (batches of a fit) whose losses must agree in all engines.
    tolerance: largest difference of losses and outputs between engines, relative to the largest value.
    batches: different batches of data that steps take in turn; of a fit, batches of each bucket.
    """

    name: str
    kind: str
    network: str
    batch: int
    options: dict[str, Any] = field(default_factory=dict)
    lr: float = 0.05
    momentum: float = 0.9
    check_steps: int = 5
    tolerance: float = 1e-3
    batches: int = 4
    seed: int = 1

    def net(self) -> Net:
        return NETWORKS[self.network](self.batch, **self.options)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _pair(
    name: str,
    network: str,
    batch: int,
    lr: float = 0.05,
    check_steps: int = 5,
    batches: int = 4,
    **options: Any,
) -> list[Case]:
    """A training case and the batch-1 inference of the same network."""
    train = Case(name, "train", network, batch, options, lr=lr, check_steps=check_steps, batches=batches)
    return [train, Case(f"{name}_infer", "infer", network, 1, options)]


def _chain(name: str, nodes: int) -> Case:
    """Rounding differences of one tanh add up along the chain, hence the wider tolerance."""
    return Case(name, "infer", "chain", 1, {"nodes": nodes}, tolerance=2e-6 * max(nodes, 1000))


_ALL: list[Case] = [
    *_pair("mlp_small", "mlp", 100, sizes=[784, 128, 64, 10]),
    *_pair("mlp_large", "mlp", 256, sizes=[784, 2048, 2048, 10]),
    *_pair("lenet", "lenet", 64),
    _chain("chain", 16000),
    _chain("chain_1k", 1000),
    _chain("chain_200k", 200000),
    *_pair("resnet18", "resnet", 16, lr=0.001, check_steps=3, batches=2, layers=18),
    # At 0.001 float32 rounding alone moves the second loss by 0.5 %, in every pair of engines.
    *_pair("resnet50", "resnet", 8, lr=1e-7, check_steps=3, batches=2, layers=50),
    Case("resnet50_infer_b8", "infer", "resnet", 8, {"layers": 50}, batches=2),
    Case("lstm_unrolled", "train", "lstm_lm", 20, {"unrolled": True}, lr=20.0, check_steps=6, batches=2),
    Case("lstm_fused", "train", "lstm_lm", 20, {"unrolled": False}, lr=20.0, check_steps=6, batches=2),
    Case(
        "bucketing",
        "fit",
        "lstm_lm",
        32,
        {"unrolled": True, "steps": 60, "vocab": 5000},
        lr=1.0,
        check_steps=12,
        batches=6,
    ),
]

CASES: dict[str, Case] = {case.name: case for case in _ALL}

GROUPS: dict[str, list[str]] = {
    "core": ["mlp_small", "mlp_large", "lenet", "mlp_small_infer", "mlp_large_infer", "lenet_infer", "chain"],
    "train": [c.name for c in _ALL if c.kind == "train"],
    "infer": [c.name for c in _ALL if c.kind == "infer" and c.network != "chain"],
    "fit": [c.name for c in _ALL if c.kind == "fit"],
    "chains": ["chain_1k", "chain", "chain_200k"],
    "all": [c.name for c in _ALL],
}


def select(names: list[str]) -> list[Case]:
    """Cases for a list of case and group names, without repeats, in the order asked for."""
    out: dict[str, Case] = {}
    for name in names:
        if name not in CASES and name not in GROUPS:
            known = ", ".join([*GROUPS, *CASES])
            raise ValueError(f"[cases] unknown case or group: got {name!r}, expected one of {known}")
        for member in GROUPS.get(name, [name]):
            out[member] = CASES[member]
    return list(out.values())
