"""Operators that start the backward pass: SoftmaxOutput, the regressions, MakeLoss."""

from parity.case_table import Table, integers, normal, positive, uniform, values

table = Table("losses")
add = table.add


def softmax(attrs, data, label, head=None, **options):
    """A SoftmaxOutput; only the data's gradient exists."""
    add("SoftmaxOutput", attrs, data=normal(*data), label=label, head=head, wrt=("data",), **options)


softmax({}, (4, 3), integers(0, 3, 4))
softmax({}, (1, 3), integers(0, 3, 1))
softmax({}, (4, 1), integers(0, 1, 4))
softmax({}, (4, 3), integers(0, 3, 4), train=False)
softmax({}, (4, 3), integers(0, 3, 4), dtype="float64")
softmax({}, (4, 3), integers(0, 3, 4), dtype="float16")
softmax({}, (4, 3), integers(0, 3, 4), req="add")
softmax({"ignore_label": 1, "normalization": "valid"}, (4, 3), integers(0, 3, 4))
softmax({}, (2, 3, 2), integers(0, 2, 2, 3))
softmax({}, (4, 3), uniform(4, 3, low=0.0, high=1.0))
softmax({"grad_scale": 2.0}, (4, 3), uniform(4, 3, low=0.0, high=1.0))
softmax({"grad_scale": 0.5}, (4, 3), integers(0, 3, 4))
softmax({"grad_scale": 0.0}, (4, 3), integers(0, 3, 4))
for norm in ("null", "batch", "valid"):
    softmax({"normalization": norm}, (6, 3), integers(0, 3, 6))
    softmax({"normalization": norm, "grad_scale": 3.0}, (6, 3), integers(0, 3, 6), dtype="float64")
    softmax({"normalization": norm, "use_ignore": True}, (6, 3), integers(-1, 3, 6))
    softmax({"normalization": norm, "use_ignore": True, "ignore_label": 0}, (6, 3), integers(0, 3, 6))
    softmax(
        {"normalization": norm, "use_ignore": True, "ignore_label": 255}, (4, 3), values([255, 1, 255, 2])
    )
    softmax({"normalization": norm, "use_ignore": True, "ignore_label": 1}, (3, 3), values([1, 1, 1]))
    softmax({"normalization": norm, "multi_output": True}, (2, 3, 4), integers(0, 3, 2, 4))
    softmax({"normalization": norm, "multi_output": True}, (2, 3, 2, 2), integers(0, 3, 2, 2, 2))
    softmax(
        {"normalization": norm, "multi_output": True, "use_ignore": True, "ignore_label": -1},
        (2, 3, 2, 2),
        integers(-1, 3, 2, 2, 2),
    )
    softmax(
        {
            "normalization": norm,
            "multi_output": True,
            "use_ignore": True,
            "ignore_label": 0,
            "grad_scale": 0.5,
        },
        (2, 3, 4),
        integers(0, 3, 2, 4),
    )
    softmax({"normalization": norm, "preserve_shape": True}, (2, 4, 3), integers(0, 3, 2, 4))
    softmax(
        {"normalization": norm, "preserve_shape": True, "use_ignore": True}, (2, 4, 3), integers(-1, 3, 2, 4)
    )
    softmax({"normalization": norm, "smooth_alpha": 0.1}, (6, 3), integers(0, 3, 6))
    softmax({"normalization": norm, "multi_output": True}, (2, 3, 4), integers(0, 3, 2, 4), train=False)
softmax({"multi_output": True}, (2, 3, 2, 2), integers(0, 3, 2, 4))
softmax({"multi_output": True}, (4, 3), integers(0, 3, 4))
softmax({"multi_output": True}, (2, 3, 4), integers(0, 3, 2, 4), dtype="float64")
softmax({"smooth_alpha": 0.2, "use_ignore": True}, (6, 3), integers(-1, 3, 6))
softmax({"smooth_alpha": 0.1, "multi_output": True}, (2, 3, 4), integers(0, 3, 2, 4))
softmax({"preserve_shape": True}, (2, 4, 3), integers(0, 3, 2, 4), dtype="float64")
softmax({"preserve_shape": True}, (2, 4, 3), uniform(2, 4, 3, low=0.0, high=1.0))

LABELS = {"LinearRegressionOutput": normal, "LogisticRegressionOutput": None, "MAERegressionOutput": normal}
for op, make in LABELS.items():

    def label(*shape, make=make):
        return make(*shape) if make else integers(0, 2, *shape)

    add(op, {}, data=normal(4, 3), label=label(4, 3), head=None)
    add(op, {}, data=normal(4, 1), label=label(4, 1), head=None)
    add(op, {}, data=normal(4, 1), label=label(4), head=None)
    add(op, {}, data=normal(4), label=label(4), head=None)
    add(op, {}, data=normal(2, 3, 2), label=label(2, 3, 2), head=None)
    add(op, {}, data=normal(4, 3), label=label(4, 3), head=None, req="add")
    # MXNet keeps the scale of the gradient in float32.
    add(op, {}, data=normal(4, 3), label=label(4, 3), head=None, dtype="float64", rtol=1e-7)
    add(op, {}, data=normal(4, 3), label=label(4, 3), head=None, train=False)
    for scale in (0.5, 2.0, 0.0):
        add(op, {"grad_scale": scale}, data=normal(4, 3), label=label(4, 3), head=None)
add("MAERegressionOutput", {}, data=values([1, 2, 3, 0]), label=values([1, 3, 2, 0]), head=None)

for norm in ("null", "batch", "valid"):
    for scale in (1.0, 0.5, 0.0):
        add("MakeLoss", {"normalization": norm, "grad_scale": scale}, data=normal(4, 3), head=None)
    add("MakeLoss", {"normalization": norm}, data=positive(4), head=None)
    add("MakeLoss", {"normalization": norm}, data=normal(2, 3, 2), head=None, req="add")
    add("MakeLoss", {"normalization": norm, "grad_scale": 2.0}, data=normal(4, 3), head=None, dtype="float64")
    add("MakeLoss", {"normalization": norm, "valid_thresh": 0.5}, data=normal(4, 3), head=None)
    add("MakeLoss", {"normalization": norm, "valid_thresh": 100.0}, data=normal(4, 3), head=None)
    add("MakeLoss", {"normalization": norm}, data=normal(4, 3), train=False, head=None)
add("MakeLoss", {}, data=normal(1), head=None)
add("MakeLoss", {}, data=normal(4, 3))
add("make_loss", {}, data=normal(4, 3), head=None)
add("make_loss", {}, data=normal(4, 3))

for norm in ("batch", "valid"):
    softmax({"normalization": norm, "grad_scale": 2.0}, (4, 3), uniform(4, 3, low=0.0, high=1.0))
    softmax({"normalization": norm, "multi_output": True}, (2, 3, 4), uniform(2, 3, 4, low=0.0, high=1.0))
    softmax({"normalization": norm, "ignore_label": 2, "multi_output": True}, (2, 3, 4), integers(0, 3, 2, 4))
    softmax(
        {"normalization": norm, "ignore_label": 2, "preserve_shape": True}, (2, 4, 3), integers(0, 3, 2, 4)
    )
softmax({"multi_output": True}, (2, 3, 4), uniform(2, 3, 4, low=0.0, high=1.0))
softmax(
    {"use_ignore": True, "ignore_label": 0, "smooth_alpha": 0.1, "normalization": "valid"},
    (6, 3),
    integers(0, 3, 6),
)
softmax({}, (4, 3), values([0, 1, 5, -2]))
softmax({}, (4, 3), values([0.9, 1.2, 1.99, 0.0]))
for norm in ("null", "batch", "valid"):
    softmax({"normalization": norm, "out_grad": True}, (4, 3), integers(0, 3, 4), head="random")
    softmax(
        {"normalization": norm, "out_grad": True, "multi_output": True},
        (2, 3, 4),
        integers(0, 3, 2, 4),
        head="random",
    )
