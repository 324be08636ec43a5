"""Transposed convolutions: ranks, strides, groups, sizes."""

from parity.case_table import Table, normal

table = Table("deconvolution")
add = table.add
CLOSE = {"rtol": 2e-4, "atol": 2e-4}

# (shape of data, shape of weight, attributes)
SETTINGS = (
    ((2, 3, 4, 5), (3, 2, 3, 3), {"kernel": (3, 3)}),
    ((2, 3, 4, 5), (3, 2, 3, 2), {"kernel": (3, 2), "stride": (2, 3)}),
    ((1, 3, 4, 5), (3, 2, 4, 4), {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)}),
    ((1, 3, 4, 5), (3, 2, 3, 3), {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "adj": (1, 1)}),
    ((1, 3, 4, 5), (3, 2, 3, 3), {"kernel": (3, 3), "stride": (2, 2), "adj": (0, 1)}),
    ((1, 3, 4, 5), (3, 2, 3, 3), {"kernel": (3, 3), "dilate": (2, 1), "pad": (1, 0)}),
    ((1, 3, 4, 5), (3, 2, 3, 3), {"kernel": (3, 3), "stride": (2, 2), "target_shape": (8, 10)}),
    (
        (1, 3, 4, 5),
        (3, 2, 4, 4),
        {"kernel": (4, 4), "stride": (2, 2), "target_shape": (7, 11), "pad": (3, 3)},
    ),
    ((1, 3, 4, 5), (3, 2, 3, 3), {"kernel": (3, 3), "target_shape": (0, 0), "workspace": 1024}),
    ((1, 4, 3, 3), (4, 1, 4, 4), {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "num_group": 4}),
    ((2, 4, 3, 3), (4, 3, 2, 2), {"kernel": (2, 2), "stride": (2, 2), "num_group": 2}),
    ((1, 3, 4, 5), (3, 2, 1, 1), {"kernel": (1, 1)}),
    ((1, 2, 1, 1), (2, 3, 5, 5), {"kernel": (5, 5), "stride": (3, 3)}),
    ((2, 3, 5), (3, 2, 4), {"kernel": (4,), "stride": (2,), "pad": (1,)}),
)
for data, weight, attrs in SETTINGS:
    filters = weight[1] * attrs.get("num_group", 1)
    full = {**attrs, "num_filter": filters}
    add("Deconvolution", full, data=normal(*data), weight=normal(*weight), **CLOSE)
    add(
        "Deconvolution",
        {**full, "no_bias": False},
        data=normal(*data),
        weight=normal(*weight),
        bias=normal(filters),
        **CLOSE,
    )
SMALL = {"kernel": (3, 3), "stride": (2, 2), "num_filter": 2}
for extra in ({"dtype": "float64"}, {"req": "add"}, {"train": False}):
    add("Deconvolution", SMALL, data=normal(1, 3, 4, 4), weight=normal(3, 2, 3, 3), **extra, **CLOSE)
