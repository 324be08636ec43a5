"""Operators on int8 and uint8 tensors, with the ranges that go with them."""

from parity.case_table import Table, integers, normal, uniform, values

table = Table("quantized")


def add(op, attrs, *args, **inputs):
    """Nothing here has a gradient."""
    table.add(op, attrs, *args, train=False, **inputs)


def signed(*shape):
    return integers(-127, 128, *shape).of("int8")


def unsigned(*shape):
    return integers(0, 256, *shape).of("uint8")


def ends(low, high, *names):
    """The two one-element inputs that say a range."""
    return {names[0]: values([low]), names[1]: values([high])}


RANGE = ends(-1.0, 3.0, "min_range", "max_range")
for out_type in ("int8", "uint8"):
    for low, high in ((-1.0, 3.0), (-2.5, 1.0), (0.0, 2.0)):
        add(
            "_contrib_quantize",
            {"out_type": out_type},
            data=normal(3, 37, scale=2.0),
            **ends(low, high, "min_range", "max_range"),
        )
for out_type in ("auto", "int8", "uint8"):
    add("_contrib_quantize_v2", {"out_type": out_type}, data=normal(3, 37, scale=2.0))
    add("_contrib_quantize_v2", {"out_type": out_type}, data=uniform(40, low=0.0, high=5.0))
    for low, high in ((-1.0, 3.0), (0.0, 2.0), (0.5, 2.0)):
        attrs = {"out_type": out_type, "min_calib_range": low, "max_calib_range": high}
        add("_contrib_quantize_v2", attrs, data=normal(2, 41, scale=2.0))
add("_contrib_quantize_v2", {"min_calib_range": -1.0, "max_calib_range": 2.0}, data=signed(9))
add("_contrib_quantize_v2", {"out_type": "int8"}, data=values([0.0] * 5))
for data in (signed(2, 33), unsigned(2, 33)):
    add("_contrib_dequantize", {}, data=data, **RANGE)
    add("_contrib_dequantize", {}, data=data, **ends(-4.0, 0.5, "min_range", "max_range"))
SUMS = integers(-(10**9), 10**9, 3, 29).of("int32")
for out_type in ("auto", "int8", "uint8"):
    add("_contrib_requantize", {"out_type": out_type}, data=SUMS, **RANGE)
    for low, high in ((-0.7, 0.3), (0.0, 0.5)):
        attrs = {"out_type": out_type, "min_calib_range": low, "max_calib_range": high}
        add("_contrib_requantize", attrs, data=SUMS, **RANGE)

DATA = ends(-2.0, 3.0, "min_data", "max_data")
for data in (signed(2, 3, 7, 8), unsigned(2, 3, 7, 8)):
    for pool_type in ("max", "avg"):
        for attrs in (
            {"kernel": (2, 2), "stride": (2, 2)},
            {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)},
            {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pooling_convention": "full"},
            {"kernel": (1, 1), "global_pool": True},
        ):
            add("_contrib_quantized_pooling", {"pool_type": pool_type, **attrs}, data=data, **DATA)
    add(
        "_contrib_quantized_pooling",
        {"pool_type": "avg", "kernel": (3, 3), "pad": (1, 1), "count_include_pad": False},
        data=data,
        **DATA,
    )
    add("_contrib_quantized_flatten", {}, data=data, **DATA)
    add("_contrib_quantized_act", {"act_type": "relu"}, data=data, **DATA)
R1, R2 = (values([-1.0]), values([3.0])), (values([-2.0]), values([2.0]))
for first in (signed(2, 5, 3), unsigned(2, 5, 3)):
    for second in (signed(2, 4, 3), unsigned(2, 4, 3)):
        add("_contrib_quantized_concat", {"num_args": 2, "dim": 1}, first, second, *R1, *R2)
add("_contrib_quantized_concat", {"num_args": 2, "dim": 0}, signed(2, 5), signed(3, 5), *R1, *R1)
PAIR = {"lhs_min": R1[0], "lhs_max": R1[1], "rhs_min": R2[0], "rhs_max": R2[1]}
for lhs in (signed(6, 7), unsigned(6, 7)):
    for rhs in (signed(6, 7), unsigned(6, 7)):
        for low, high in ((-3.0, 4.0), (0.0, 9.0)):
            attrs = {"min_calib_range": low, "max_calib_range": high}
            add("_contrib_quantized_elemwise_add", attrs, lhs=lhs, rhs=rhs, **PAIR)
        if lhs.dtype == rhs.dtype:
            add("_contrib_quantized_elemwise_add", {}, lhs=lhs, rhs=rhs, **PAIR, rtol=1e-6)
add(
    "_contrib_quantized_embedding",
    {"input_dim": 5, "output_dim": 3},
    data=values([0, 3, 4, 9, -2, 1]),
    weight=signed(5, 3),
    **ends(-1.0, 3.0, "min_weight", "max_weight"),
)
WEIGHT = ends(-1.0, 0.5, "min_weight", "max_weight")
BIAS = ends(-0.7, 0.2, "min_bias", "max_bias")
for attrs, shape in (
    ({"kernel": (3, 3)}, (4, 3, 3, 3)),
    ({"kernel": (3, 3), "pad": (1, 1), "stride": (2, 2)}, (4, 3, 3, 3)),
    ({"kernel": (1, 1)}, (4, 3, 1, 1)),
):
    add(
        "_contrib_quantized_conv",
        {"num_filter": 4, "no_bias": True, **attrs},
        data=unsigned(2, 3, 7, 6),
        weight=signed(*shape),
        **DATA,
        **WEIGHT,
    )
add(
    "_contrib_quantized_conv",
    {"num_filter": 4, "kernel": (3, 3)},
    data=unsigned(1, 3, 5, 5),
    weight=signed(4, 3, 3, 3),
    bias=signed(4),
    **DATA,
    **WEIGHT,
    **BIAS,
)
for data in (unsigned(3, 10), signed(3, 10)):
    add(
        "_contrib_quantized_fully_connected",
        {"num_hidden": 4, "no_bias": True},
        data=data,
        weight=signed(4, 10),
        **DATA,
        **WEIGHT,
    )
    add(
        "_contrib_quantized_fully_connected",
        {"num_hidden": 4},
        data=data,
        weight=signed(4, 10),
        bias=signed(4),
        **DATA,
        **WEIGHT,
        **BIAS,
    )
