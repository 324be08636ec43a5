"""Normalisation by statistics of a sample, the statistics, and small functions beyond the core set."""

from parity.case_table import Table, integers, normal, positive, uniform, values

table = Table("norms")
add = table.add


def affine(n):
    return {"gamma": positive(n), "beta": normal(n)}


for shape, axis in (
    ((3, 5), -1),
    ((2, 3, 4), -1),
    ((2, 3, 4), 1),
    ((2, 3, 4), 0),
    ((2, 3, 2, 3), -2),
    ((4, 1), -1),
):
    add("LayerNorm", {"axis": axis}, data=normal(*shape), **affine(shape[axis]), rtol=1e-4, atol=1e-5)
add("LayerNorm", {"eps": 1e-12}, data=normal(3, 70), **affine(70), rtol=1e-4, atol=1e-4)
add("LayerNorm", {}, data=normal(3, 5), **affine(5), req="add", rtol=1e-4, atol=1e-5)
add("LayerNorm", {}, data=normal(3, 5), **affine(5), dtype="float64")
add("LayerNorm", {}, data=normal(3, 5), **affine(5), dtype="float16", rtol=1e-2, atol=2e-2)
add("LayerNorm", {"output_mean_var": True}, data=normal(3, 5), **affine(5), grad=False)
add("LayerNorm", {"output_mean_var": True, "axis": 0}, data=normal(3, 5), **affine(3), grad=False)
for shape in ((2, 3, 4), (2, 3, 4, 5), (1, 2, 2, 3, 2)):
    add("InstanceNorm", {}, data=normal(*shape), **affine(shape[1]), rtol=1e-4, atol=1e-5)
add("InstanceNorm", {"eps": 1e-2}, data=normal(2, 3, 4), **affine(3), req="add", rtol=1e-4, atol=1e-5)
for shape, groups in (((2, 4, 3), 2), ((2, 4, 3, 2), 4), ((3, 6, 2), 1)):
    attrs = {"num_groups": groups}
    add("GroupNorm", attrs, data=normal(*shape), **affine(groups), rtol=1e-4, atol=1e-5)
add("GroupNorm", {"num_groups": 2}, data=normal(2, 4, 3), **affine(2), dtype="float64")
add("GroupNorm", {"num_groups": 2, "output_mean_var": True}, data=normal(2, 4, 3), **affine(2), grad=False)

for mode in ("instance", "channel", "spatial"):
    add("L2Normalization", {"mode": mode}, data=normal(2, 3, 4))
    add("L2Normalization", {"mode": mode, "eps": 1e-2}, data=normal(2, 3, 4, 2), req="add")
    add("L2Normalization", {"mode": mode}, data=normal(2, 3, 70), dtype="float64")
add("L2Normalization", {}, data=normal(3, 5))
add("L2Normalization", {}, data=normal(3, 5), dtype="float16", rtol=1e-2, atol=1e-2)

add("LRN", {"nsize": 5}, data=normal(2, 7, 3, 3))
add(
    "LRN", {"nsize": 3, "alpha": 0.5, "beta": 0.75, "knorm": 1}, data=normal(2, 4, 3, 2), rtol=1e-4, atol=1e-5
)
add(
    "LRN",
    {"nsize": 5, "alpha": 0.2, "beta": 0.5, "knorm": 1.5},
    data=normal(1, 6, 2, 2),
    rtol=1e-4,
    atol=1e-5,
)
add("LRN", {"nsize": 1, "alpha": 0.2}, data=normal(1, 3, 2, 2), req="add", rtol=1e-4, atol=1e-5)

for axes in ((0,), (1,), (-1,), (0, 2), (0, 1, 2)):
    add("moments", {"axes": axes}, data=normal(2, 3, 4), rtol=1e-4, atol=1e-5)
add("moments", {"axes": (1,), "keepdims": True}, data=normal(2, 3, 4), req="add", rtol=1e-4, atol=1e-5)
add("moments", {"axes": (1, 2)}, data=normal(2, 3, 4), dtype="float64")

for attrs in ({}, {"axis": 0}, {"axis": 1}, {"axis": 2}):
    add("cumsum", attrs, a=normal(2, 3, 4))
add("cumsum", {"axis": 1}, a=normal(2, 3), req="add")
add("cumsum", {"axis": 0}, a=integers(-5, 9, 4, 2), dtype="int32", grad=False)
add("cumsum", {"axis": 0, "dtype": "float64"}, a=normal(4, 2), grad=False)
add("cumsum", {"axis": 0}, a=normal(4, 2), dtype="float64")

for attrs in ({}, {"a": 1}, {"b": 2}, {"a": 1.5, "b": -2, "c": 0.5}):
    add("_contrib_quadratic", attrs, data=normal(3, 4))
add("_contrib_quadratic", {"a": 2, "b": 1, "c": 3}, data=integers(0, 5, 3), dtype="int32", grad=False)
add("_contrib_quadratic", {"a": 2, "b": 1, "c": 3}, data=normal(3), dtype="float64", req="add")
add("_contrib_div_sqrt_dim", {}, data=normal(2, 3, 5))
add("_contrib_div_sqrt_dim", {}, data=normal(4, 2), dtype="float64", req="add")
add("_contrib_gradientmultiplier", {"scalar": 2.5}, data=normal(2, 3))
add("_contrib_gradientmultiplier", {"scalar": -1}, data=normal(2, 3), req="add")

add("khatri_rao", {"num_args": 2}, normal(2, 3), normal(4, 3), grad=False)
add("khatri_rao", {"num_args": 3}, normal(2, 3), normal(1, 3), normal(3, 3), grad=False)
add("khatri_rao", {"num_args": 1}, normal(2, 3), grad=False)

F16, F32, F64, I32 = (normal(2, 3).of(t) for t in ("float16", "float32", "float64", "int32"))
for attrs in ({}, {"cast_narrow": True}):
    add("amp_multicast", {"num_outputs": 2, **attrs}, F16, F32)
    add("amp_multicast", {"num_outputs": 3, **attrs}, F32, normal(4).of("float16"), I32, grad=False)
add("amp_multicast", {"num_outputs": 2}, F32, F64)

FINITE, INFINITE = values([1, -2, 3e38]), values([1, float("inf"), 2])
add("all_finite", {}, data=FINITE, grad=False)
add("all_finite", {}, data=INFINITE, grad=False)
add("all_finite", {}, data=values([1, float("nan")]), dtype="float16", grad=False)
add("multi_all_finite", {"num_arrays": 2}, FINITE, normal(2, 2), grad=False)
add("multi_all_finite", {"num_arrays": 2}, normal(2, 2), INFINITE, grad=False)
add("multi_sum_sq", {"num_arrays": 2}, normal(2, 3), normal(7), grad=False)
add("multi_sum_sq", {"num_arrays": 2}, normal(2, 3), normal(7), dtype="float16", grad=False, rtol=2e-3)

LABEL = values([0, 2, 1])
for attrs in ({}, {"use_linear": True}, {"margin": 0.3, "regularization_coefficient": 0.5}):
    add("SVMOutput", attrs, data=normal(3, 4), label=LABEL, head=None)
add("SVMOutput", {"margin": 0.3, "use_linear": 1}, data=normal(3, 4), label=LABEL, head=None, dtype="float64")
add("softmax_cross_entropy", {}, data=normal(3, 4), label=LABEL, rtol=1e-4)
add("softmax_cross_entropy", {}, data=normal(3, 4, scale=20), label=LABEL, rtol=1e-4, atol=1e-5)
add("softmax_cross_entropy", {}, data=normal(3, 4), label=LABEL, dtype="float64")
for attrs in ({}, {"sparseness_target": 0.3, "penalty": 0.5, "momentum": 0.5}):
    add(
        "IdentityAttachKLSparseReg",
        attrs,
        data=uniform(4, 3, low=0.1, high=0.9),
        aux={"moving_avg": uniform(3, low=0.1, high=0.9)},
    )

for attrs in (
    {"fix_gamma": False},
    {"fix_gamma": False, "output_mean_var": True},
    {"fix_gamma": False, "use_global_stats": True},
    {"momentum": 0.5, "eps": 1e-2},
):
    for train in (True, False):
        add(
            "BatchNorm_v1",
            attrs,
            data=normal(3, 2, 4, 2),
            **affine(2),
            aux={"moving_mean": normal(2), "moving_var": positive(2)},
            train=train,
            wrt=("data", "beta") if "momentum" in attrs else None,
            grad=not attrs.get("output_mean_var"),
            rtol=2e-4,
            atol=2e-5,
        )
for attrs, weight in (
    ({"kernel": (3, 3), "num_filter": 4, "pad": (1, 1), "stride": (2, 2)}, (4, 2, 3, 3)),
    ({"kernel": (1, 3), "num_filter": 4, "num_group": 2, "dilate": (1, 2)}, (4, 1, 1, 3)),
):
    add(
        "Convolution_v1",
        attrs,
        data=normal(2, 2, 6, 7),
        weight=normal(*weight),
        bias=normal(4),
        rtol=1e-4,
        atol=1e-4,
    )
add(
    "Convolution_v1",
    {"kernel": (2, 2), "num_filter": 3, "no_bias": True},
    data=normal(2, 2, 4, 4),
    weight=normal(3, 2, 2, 2),
    rtol=1e-4,
    atol=1e-4,
)
for kind in ("max", "avg", "sum"):
    for attrs in (
        {"kernel": (2, 2), "stride": (2, 2)},
        {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 0)},
        {"kernel": (2, 2), "stride": (2, 2), "pooling_convention": "full"},
        {"kernel": (2, 2), "global_pool": True},
    ):
        add("Pooling_v1", {**attrs, "pool_type": kind}, data=normal(2, 2, 5, 5), rtol=1e-4, atol=1e-5)
