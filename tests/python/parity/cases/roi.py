"""Operators over regions of interest."""

from parity.case_table import Table, distinct, normal, uniform, values

table = Table("roi")

ROIS = [
    [0, 0, 0, 4, 4],
    [1, 2, 2, 9, 9],
    [0, 1, 1, 1.5, 2.5],
    [1, 3.2, 0.7, 6.1, 5.3],
    [0, -3, -2, 3, 20],
]


def rois(rows=ROIS):
    return values([v for row in rows for v in row], len(rows), 5)


for size in ((2, 3), (1, 1), "(7, 7)"):
    for scale in (1.0, 0.5):
        attrs = {"pooled_size": size, "spatial_scale": scale}
        table.add("ROIPooling", attrs, data=distinct(2, 3, 6, 7), rois=rois())
table.add(
    "ROIPooling",
    {"pooled_size": (2, 2), "spatial_scale": 1},
    data=distinct(2, 2, 6, 7),
    rois=rois([[-1, 0, 0, 3, 3], [2, 0, 0, 3, 3], [1, 5, 5, 2, 2]]),
)
table.add(
    "ROIPooling",
    {"pooled_size": (2, 2), "spatial_scale": 1},
    data=distinct(2, 2, 6, 7),
    rois=rois(),
    req="add",
)
table.add(
    "ROIPooling",
    {"pooled_size": (2, 2), "spatial_scale": 1},
    data=distinct(2, 2, 6, 7),
    rois=rois(),
    dtype="float64",
)

ALIGN = "_contrib_ROIAlign"
for size in ((2, 2), (1, 2)):
    for extra in (
        {},
        {"sample_ratio": 2},
        {"aligned": True},
        {"aligned": True, "sample_ratio": 3},
        {"position_sensitive": True},
        {"position_sensitive": True, "sample_ratio": 1, "aligned": True},
    ):
        for scale in (1.0, 0.5):
            attrs = dict(extra, pooled_size=size, spatial_scale=scale)
            table.add(ALIGN, attrs, data=normal(2, 8, 6, 7), rois=rois())
table.add(ALIGN, {"pooled_size": (2, 2), "spatial_scale": 1}, data=normal(2, 2, 6, 7), rois=rois(), req="add")
table.add(
    ALIGN, {"pooled_size": (2, 2), "spatial_scale": 1}, data=normal(2, 2, 6, 7), rois=rois(), dtype="float64"
)

ROTATED = [[0, 3, 3, 4, 4, 30], [1, 2, 4, 3, 1, -60], [0, 3, 3, 8, 2, 90], [1, 0, 0, 2, 2, 0]]
for extra in ({}, {"sampling_ratio": 2}):
    for scale in (1.0, 0.5):
        table.add(
            "_contrib_RROIAlign",
            dict(extra, pooled_size=(2, 3), spatial_scale=scale),
            data=normal(2, 3, 6, 7),
            rois=values([v for row in ROTATED for v in row], 4, 6),
            grad=False,
        )

for extra in (
    {},
    {"group_size": 2},
    {"group_size": 2, "pooled_size": 4},
    {"group_size": 2, "pooled_size": 3},
):
    for scale in (1.0, 0.5):
        attrs = {"pooled_size": 2, "output_dim": 2, "spatial_scale": scale, **extra}
        table.add("_contrib_PSROIPooling", attrs, data=normal(2, 8, 6, 7), rois=rois())

DEFORMABLE = "_contrib_DeformablePSROIPooling"
for extra in (
    {"trans_std": 0.1},
    {"trans_std": 0.2, "sample_per_part": 3},
    {"trans_std": 0.1, "sample_per_part": 2, "pooled_size": 4, "part_size": 2},
    {"trans_std": 0.1, "sample_per_part": 2, "pooled_size": 3, "part_size": 3},
):
    for classes in (1, 2):
        attrs = {"pooled_size": 2, "output_dim": 2, "group_size": 2, "spatial_scale": 0.5, **extra}
        part = attrs.get("part_size") or attrs["pooled_size"]
        table.add(
            DEFORMABLE,
            attrs,
            data=normal(2, 8, 6, 7),
            rois=rois(),
            trans=uniform(5, 2 * classes, part, part),
        )
attrs = {"pooled_size": 2, "output_dim": 2, "group_size": 2, "spatial_scale": 1, "sample_per_part": 2}
table.add(
    DEFORMABLE, dict(attrs, no_trans=True), data=normal(2, 8, 6, 7), rois=rois(), unchecked=["grad:rois"]
)
