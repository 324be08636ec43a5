"""Pooling in one, two and three dimensions, all types and conventions."""

from parity.case_table import Table, distinct, integers, normal

table = Table("pooling")

KINDS = ({"pool_type": "max"}, {"pool_type": "avg"}, {"pool_type": "sum"}, {"pool_type": "lp", "p_value": 2})


def add(attrs, *shape, dtype="float32", make=distinct, **options):
    """A Pooling over values without ties, unless ``make`` says otherwise."""
    table.add("Pooling", attrs, data=make(*shape), dtype=dtype, **options)


for kind in KINDS:
    for convention in ("valid", "full", "same"):
        base = dict(kind, pooling_convention=convention)
        if convention == "same":
            # MXNet has it in one dimension only, for this spelling of no padding.
            add(dict(base, kernel=(3,), stride=(2,), pad=(0, 0, 0)), 2, 2, 7)
            add(dict(base, kernel=(2,), stride=(2,), pad=(0, 0, 0)), 1, 2, 5, dtype="float64")
            continue
        add(dict(base, kernel=(3,)), 2, 2, 7)
        add(dict(base, kernel=(3,), stride=(2,)), 2, 2, 8)
        add(dict(base, kernel=(3,), stride=(2,), pad=(1,)), 2, 2, 8)
        add(dict(base, kernel=(2, 2)), 1, 2, 4, 4)
        add(dict(base, kernel=(2, 2), stride=(2, 2)), 2, 2, 5, 4)
        add(dict(base, kernel=(3, 3), stride=(2, 2)), 1, 2, 6, 6)
        add(dict(base, kernel=(3, 3), stride=(2, 2), pad=(1, 1)), 1, 2, 6, 6)
        add(dict(base, kernel=(3, 2), stride=(1, 2), pad=(1, 0)), 1, 2, 5, 5)
        add(dict(base, kernel=(2, 2, 2)), 1, 1, 3, 3, 3)
        add(dict(base, kernel=(2, 2, 2), stride=(2, 2, 2)), 1, 1, 3, 4, 5)
        add(dict(base, kernel=(3, 3, 3), stride=(2, 2, 2), pad=(1, 1, 1)), 1, 1, 4, 4, 4)
    for rank in (1, 2, 3):
        spatial = (3, 4, 2)[:rank]
        add(dict(kind, global_pool=True, kernel=(1, 1, 1)[:rank]), 2, 3, *spatial)
        add(dict(kind, global_pool=True), 2, 3, *spatial)
    add(dict(kind, global_pool=True, kernel=(7, 7), stride=(3, 3), pad=(1, 1)), 1, 2, 4, 4)
    add(dict(kind, kernel=(4, 4)), 1, 2, 4, 4)
    add(dict(kind, kernel=(1, 1)), 1, 2, 3, 3)
    add(dict(kind, kernel=(1, 1), stride=(2, 2)), 1, 2, 3, 3)
    add(dict(kind, kernel=(2, 2), stride=()), 1, 1, 3, 3)
    add(dict(kind, kernel=(2, 2), stride=(2, 2)), 1, 2, 4, 4, dtype="float64")
    add(dict(kind, kernel=(2, 2), stride=(2, 2)), 1, 2, 4, 4, req="add")
    add(dict(kind, kernel=(3, 3), pad=(1, 1)), 1, 2, 4, 4, req="add")
    add(dict(kind, kernel=(2, 2), stride=(2, 2)), 1, 2, 4, 4, train=False)
    add(dict(kind, kernel=(2, 2), stride=(2, 2), layout="NCHW", cudnn_off=True), 1, 2, 4, 4)
for include in (True, False):
    for convention in ("valid", "full"):
        base = {"pool_type": "avg", "count_include_pad": include, "pooling_convention": convention}
        add(dict(base, kernel=(3,), stride=(2,), pad=(1,)), 1, 2, 8)
        add(dict(base, kernel=(3, 3), stride=(2, 2), pad=(1, 1)), 1, 2, 6, 6)
        add(dict(base, kernel=(2, 3), stride=(2, 2), pad=(1, 1)), 1, 2, 5, 6)
        add(dict(base, kernel=(3, 3, 3), stride=(2, 2, 2), pad=(1, 1, 1)), 1, 1, 4, 4, 4)
        add(dict(base, kernel=(3, 3), stride=(2, 2), pad=(1, 1)), 1, 2, 6, 6, dtype="float64")
for p in (1, 2, 3):
    add({"pool_type": "lp", "p_value": p, "kernel": (2, 2), "stride": (2, 2)}, 1, 2, 4, 4)
    add({"pool_type": "lp", "p_value": p, "global_pool": True, "kernel": (1, 1)}, 1, 2, 3, 3)
# Ties: which of the equal elements receives the gradient is part of the contract.
add(
    {"pool_type": "max", "kernel": (2, 2), "stride": (2, 2)},
    1,
    2,
    4,
    4,
    make=lambda *shape: integers(0, 2, *shape),
)
add(
    {"pool_type": "max", "kernel": (3, 3), "stride": (1, 1), "pad": (1, 1)},
    1,
    2,
    4,
    4,
    make=lambda *shape: integers(0, 2, *shape),
)
add(
    {"pool_type": "max", "kernel": (2, 2), "stride": (2, 2)},
    1,
    2,
    4,
    4,
    dtype="float64",
    make=lambda *shape: integers(0, 2, *shape),
)
add({"kernel": (2, 2)}, 1, 2, 3, 3)
add({"kernel": "(2, 2)", "pool_type": "avg"}, 1, 2, 3, 3, make=normal)
