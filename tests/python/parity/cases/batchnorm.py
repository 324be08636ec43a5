"""BatchNorm: statistics, gradients and the update of the moving averages."""

from parity.case_table import Table, normal, positive

table = Table("batchnorm")


def add(attrs, *shape, axis=1, **options):
    """A BatchNorm over ``shape`` with parameters of the size of its axis."""
    channels = shape[axis]
    attrs = dict(attrs, axis=axis) if axis != 1 else attrs
    table.add(
        "BatchNorm",
        attrs,
        data=normal(*shape),
        gamma=positive(channels),
        beta=normal(channels),
        aux={"moving_mean": normal(channels), "moving_var": positive(channels)},
        **options,
    )


for shape in ((4, 3), (4, 3, 5), (2, 3, 4, 2), (2, 2, 2, 3, 2), (3, 1, 2, 2), (6, 4, 1, 1)):
    add({}, *shape)
    add({"fix_gamma": False}, *shape)
    add({"fix_gamma": False}, *shape, train=False)
for fix_gamma in (True, False):
    for eps in (1e-5, 2e-5, 1e-3, "1.00001e-05", 0.1):
        add({"fix_gamma": fix_gamma, "eps": eps}, 4, 3, 2, 2)
    for momentum in (0.9, 0.1, 0.0, 1.0):
        add({"fix_gamma": fix_gamma, "momentum": momentum}, 4, 3, 2, 2)
    for global_stats in (True, False):
        for train in (True, False):
            add(
                {"fix_gamma": fix_gamma, "use_global_stats": global_stats, "eps": 1e-4},
                4,
                3,
                2,
                2,
                train=train,
            )
            add({"fix_gamma": fix_gamma, "use_global_stats": global_stats, "eps": 1e-4}, 5, 3, train=train)
            add(
                {"fix_gamma": fix_gamma, "use_global_stats": global_stats, "output_mean_var": True},
                4,
                3,
                2,
                2,
                train=train,
            )
    add({"fix_gamma": fix_gamma}, 4, 2, 2, 3, axis=3)
    add({"fix_gamma": fix_gamma}, 4, 2, 2, 3, axis=-1)
    add({"fix_gamma": fix_gamma}, 3, 4, 2, 2, axis=0)
    add({"fix_gamma": fix_gamma}, 4, 2, 3, 2, axis=2, train=False)
    add({"fix_gamma": fix_gamma, "use_global_stats": True}, 4, 2, 2, 3, axis=3)
    add({"fix_gamma": fix_gamma, "cudnn_off": True}, 4, 3, 2, 2, req="add")
    add({"fix_gamma": fix_gamma, "use_global_stats": True}, 4, 3, 2, 2, req="add")
    add({"fix_gamma": fix_gamma}, 4, 3, 2, 2, dtype="float64")
    add({"fix_gamma": fix_gamma}, 4, 3, 2, 2, dtype="float64", train=False)
    add({"fix_gamma": fix_gamma}, 4, 3, 2, 2, wrt=("gamma", "beta"))
    add({"fix_gamma": fix_gamma}, 4, 3, 2, 2, wrt=("data",))
    add({"fix_gamma": fix_gamma}, 4, 3, 2, 2, wrt=())
add({"fix_gamma": False}, 1, 3, 1, 1)
add({"fix_gamma": False}, 1, 3, 4, 1)
