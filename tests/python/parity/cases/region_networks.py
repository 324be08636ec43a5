"""Proposals, deformable convolution, correlation."""

from parity.case_table import Table, distinct, normal, uniform, values

table = Table("region_networks")

for name, batch in (("_contrib_Proposal", 1), ("_contrib_MultiProposal", 2)):
    for extra in (
        {"output_score": True},
        {"rpn_pre_nms_top_n": 10},
        {"rpn_pre_nms_top_n": 0, "threshold": 0.2},
        {"rpn_min_size": 40, "output_score": True},
        {"iou_loss": True},
        {"scales": (2, 4), "ratios": (1,)},
        {"threshold": 0.01, "output_score": True},
    ):
        attrs = {
            "scales": (2,),
            "ratios": (0.5, 1, 2),
            "rpn_min_size": 2,
            "rpn_pre_nms_top_n": 30,
            "rpn_post_nms_top_n": 6,
            **extra,
        }
        anchors = len(attrs["scales"]) * len(attrs["ratios"])
        table.add(
            name,
            attrs,
            cls_prob=distinct(batch, 2 * anchors, 4, 5, step=0.01),
            bbox_pred=normal(batch, 4 * anchors, 4, 5, scale=3.0 if extra.get("iou_loss") else 0.2),
            im_info=values([60, 75, 1] * batch, batch, 3),
            grad=False,
        )

DEFORMABLE = "_contrib_DeformableConvolution"
for attrs, out in (
    ({"kernel": (3, 3)}, (4, 5)),
    ({"kernel": (3, 3), "pad": (1, 1), "stride": (2, 1)}, (3, 7)),
    ({"kernel": (2, 3), "dilate": (2, 1), "no_bias": True}, (4, 5)),
    ({"kernel": (1, 1), "num_group": 2, "num_deformable_group": 2}, (6, 7)),
    ({"kernel": (3, 3), "num_group": 2, "num_deformable_group": 4, "pad": (1, 1)}, (6, 7)),
):
    kernel = attrs["kernel"]
    taps = kernel[0] * kernel[1] * attrs.get("num_deformable_group", 1)
    inputs = {
        "data": normal(2, 4, 6, 7),
        "offset": uniform(2, 2 * taps, *out, low=-2.0, high=2.0),
        "weight": normal(4, 4 // attrs.get("num_group", 1), *kernel),
    }
    if not attrs.get("no_bias"):
        inputs["bias"] = normal(4)
    table.add(DEFORMABLE, dict(attrs, num_filter=4), **inputs)
    table.add(DEFORMABLE, dict(attrs, num_filter=4), **inputs, train=False)

for attrs in (
    {},
    {"kernel_size": 3, "max_displacement": 2, "pad_size": 2},
    {"kernel_size": 1, "max_displacement": 2, "stride1": 2, "stride2": 2, "pad_size": 2},
    {"kernel_size": 3, "max_displacement": 1, "stride1": 2, "pad_size": 1},
    {"max_displacement": 3, "stride2": 2, "pad_size": 3},
):
    for multiply in (True, False):
        table.add(
            "Correlation",
            dict(attrs, is_multiply=multiply),
            data1=normal(2, 3, 6, 7),
            data2=normal(2, 3, 6, 7),
        )
