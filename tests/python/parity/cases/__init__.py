"""One module per operator family, each with a ``table``; ``all_cases`` walks them."""

from __future__ import annotations

import importlib

FAMILIES = (
    "activation",
    "batchnorm",
    "broadcast",
    "cast",
    "columns",
    "convolution",
    "ctc",
    "deconvolution",
    "dense",
    "density",
    "detection",
    "dot",
    "elemwise",
    "embedding",
    "half",
    "indexing",
    "init",
    "join",
    "linalg",
    "losses",
    "norms",
    "pooling",
    "quantized",
    "reduce",
    "region_networks",
    "rnn",
    "roi",
    "sampling",
    "scalar",
    "sequence",
    "shape",
    "slicing",
    "softmax",
    "sort",
    "unary",
)


def family_cases(family: str) -> list:
    """The cases of one family, in their order."""
    return importlib.import_module(f"{__name__}.{family}").table.cases


def all_cases() -> list:
    """Every case of every family."""
    return [case for family in FAMILIES for case in family_cases(family)]
