"""Resizing, adaptive pooling, grids and sampling, synchronised normalisation, attention products."""

from parity.case_table import Table, distinct, normal, positive, uniform, values

table = Table("sampling")

for size in ((), 1, (2, 3), "3", (3,), (6, 7), (9, 10)):
    table.add("_contrib_AdaptiveAvgPooling2D", {"output_size": size}, data=normal(2, 3, 6, 7))
table.add("_contrib_AdaptiveAvgPooling2D", {"output_size": 4}, data=normal(2, 3, 6, 7), dtype="float64")
table.add("_contrib_AdaptiveAvgPooling2D", {"output_size": 4}, data=normal(2, 3, 6, 7), req="add")

RESIZE = "_contrib_BilinearResize2D"
for attrs in (
    {"height": 3, "width": 7},
    {"height": 9, "width": 4},
    {"height": 1, "width": 1},
    {"height": 4, "width": 5},
    {"scale_height": 0.5, "scale_width": 2},
    {"scale_height": 1.7, "scale_width": 0.6, "mode": "odd_scale"},
    {"mode": "to_even_down"},
    {"mode": "to_even_up"},
    {"mode": "to_odd_down"},
    {"mode": "to_odd_up"},
):
    for corners in (True, False):
        table.add(RESIZE, dict(attrs, align_corners=corners), data=normal(2, 2, 4, 5))
    table.add(RESIZE, attrs, data=normal(1, 2, 3, 6))
table.add(RESIZE, {"mode": "like"}, data=normal(2, 2, 4, 5), like=normal(2, 2, 3, 7))
table.add(RESIZE, {"height": 3, "width": 7}, data=normal(2, 2, 4, 5), dtype="float64", rtol=1e-5, atol=1e-6)
table.add(RESIZE, {"height": 3, "width": 7}, data=normal(2, 2, 4, 5), req="add")

table.add("GridGenerator", {"transform_type": "affine", "target_shape": (3, 4)}, data=normal(2, 6))
table.add("GridGenerator", {"transform_type": "warp"}, data=normal(2, 2, 3, 4))
for dtype in ("float32", "float64"):
    table.add(
        "BilinearSampler",
        {},
        data=normal(2, 3, 4, 5),
        grid=uniform(2, 2, 3, 4, low=-1.3, high=1.3),
        dtype=dtype,
    )
    table.add(
        "SpatialTransformer",
        {"target_shape": (3, 4), "transform_type": "affine", "sampler_type": "bilinear"},
        data=normal(2, 3, 4, 5),
        loc=normal(2, 6, scale=0.5),
        dtype=dtype,
    )
table.add(
    "BilinearSampler",
    {"cudnn_off": True},
    data=distinct(1, 1, 4, 5),
    grid=values([-1, 1, -5, 5, -1, 1, 0, 0], 1, 2, 2, 2),
    train=False,
)

for attrs in (
    {},
    {"fix_gamma": False, "eps": 1e-4, "momentum": 0.8},
    {"use_global_stats": True, "fix_gamma": False},
):
    for train in (True, False):
        table.add(
            "_contrib_SyncBatchNorm",
            dict(attrs, key="k", ndev=1),
            data=normal(3, 4, 2, 2),
            gamma=positive(4),
            beta=normal(4),
            aux={"moving_mean": normal(4), "moving_var": positive(4)},
            train=train,
            rtol=1e-4,
            atol=1e-5,
            unchecked=() if attrs.get("fix_gamma") is False else ("grad:gamma",),
        )

table.add("_contrib_interleaved_matmul_selfatt_qk", {"heads": 2}, queries_keys_values=normal(5, 3, 24))
table.add(
    "_contrib_interleaved_matmul_selfatt_valatt",
    {"heads": 2},
    queries_keys_values=normal(5, 3, 24),
    attention=normal(6, 5, 5),
)
table.add(
    "_contrib_interleaved_matmul_encdec_qk",
    {"heads": 2},
    queries=normal(5, 3, 8),
    keys_values=normal(4, 3, 16),
)
table.add(
    "_contrib_interleaved_matmul_encdec_valatt",
    {"heads": 2},
    keys_values=normal(4, 3, 16),
    attention=normal(6, 5, 4),
)
