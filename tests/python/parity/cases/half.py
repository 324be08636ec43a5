"""float16 for every operator that MXNet has it for on the CPU and whose own table does not ask for it."""

import dataclasses
import importlib

from parity.case_table import Table, normal, positive

table = Table("half")

FAMILIES = (
    "activation",
    "broadcast",
    "dense",
    "elemwise",
    "embedding",
    "init",
    "join",
    "losses",
    "pooling",
    "reduce",
    "scalar",
    "shape",
    "softmax",
    "unary",
)
#: MXNet refuses these in float16; BatchNorm takes float16 data with float32 parameters.
REFUSED = ("FullyConnected", "SoftmaxActivation", "Dropout")
EACH = 3


def derive(cases):
    """The first float32 cases of every operator that has none in float16, as float16."""
    covered = {case.op for case in cases if case.dtype == "float16"}
    taken = {}
    for case in cases:
        plain = case.dtype == "float32" and all(spec.dtype is None for spec in case.inputs.values())
        if (
            not plain
            or case.op in covered
            or case.op in REFUSED
            or "dtype" in case.attrs
            or case.req == "add"
        ):
            continue
        number = taken.get(case.op, 0)
        if number < EACH:
            taken[case.op] = number + 1
            yield dataclasses.replace(
                case, family="half", number=number, dtype="float16", rtol=None, atol=None
            )


for family in FAMILIES:
    table.cases.extend(derive(importlib.import_module(f"parity.cases.{family}").table.cases))

for attrs in ({}, {"fix_gamma": False}, {"fix_gamma": False, "use_global_stats": True}):
    for train in (True, False):
        table.add(
            "BatchNorm",
            attrs,
            data=normal(4, 3, 2).of("float16"),
            gamma=positive(3),
            beta=normal(3),
            aux={"moving_mean": normal(3), "moving_var": positive(3)},
            train=train,
            rtol=1e-3,  # MXNet rounds the products that gamma's gradient sums to float16
        )
