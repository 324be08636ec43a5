"""Activation and LeakyReLU."""

from parity.case_table import Table, distinct, normal, uniform, values

table = Table("activation")
add = table.add

#: Zero, both signs of it, and magnitudes where exp saturates.
EDGES = values([0.0, -0.0, 1e-8, -1e-8, 1.0, -1.0, 10.0, -10.0, 40.0, -40.0, 100.0, -100.0])

for act in ("relu", "sigmoid", "tanh", "softrelu", "softsign"):
    add("Activation", {"act_type": act}, data=distinct(2, 3, 4, step=0.25))
    add("Activation", {"act_type": act}, data=distinct(3, 5), dtype="float64")
    add("Activation", {"act_type": act}, data=distinct(3, 5), dtype="float16")
    add("Activation", {"act_type": act}, data=distinct(2, 1, 3, 1), req="add")
    add("Activation", {"act_type": act}, data=EDGES)
    add("Activation", {"act_type": act}, data=normal(7), train=False)

add("LeakyReLU", {}, data=distinct(3, 4))
for act in ("leaky", "elu", "selu", "gelu"):
    add("LeakyReLU", {"act_type": act}, data=distinct(2, 3, 4))
    add("LeakyReLU", {"act_type": act}, data=distinct(3, 5), dtype="float64", rtol=2e-6)
    add("LeakyReLU", {"act_type": act}, data=distinct(2, 1, 3), req="add")
    add("LeakyReLU", {"act_type": act}, data=distinct(3, 5), dtype="float16", train=False)
    add("LeakyReLU", {"act_type": act}, data=EDGES)
for slope in (0.0, 0.1, 1.673):
    add("LeakyReLU", {"act_type": "leaky", "slope": slope}, data=distinct(3, 4))
    add("LeakyReLU", {"act_type": "elu", "slope": slope}, data=distinct(3, 4))
add(
    "LeakyReLU",
    {"act_type": "leaky", "slope": 0.25, "lower_bound": 0.125, "upper_bound": 0.334},
    data=normal(4, 4),
)

add("LeakyReLU", {"act_type": "prelu"}, data=distinct(2, 3, 4), gamma=uniform(3))
add("LeakyReLU", {"act_type": "prelu"}, data=distinct(2, 3, 2, 3), gamma=uniform(3))
add("LeakyReLU", {"act_type": "prelu"}, data=distinct(2, 3, 2, 3), gamma=uniform(1))
add("LeakyReLU", {"act_type": "prelu"}, data=distinct(4, 3), gamma=uniform(3))
add("LeakyReLU", {"act_type": "prelu"}, data=distinct(4, 3), gamma=uniform(3), req="add")
add("LeakyReLU", {"act_type": "prelu"}, data=distinct(2, 3, 4), gamma=uniform(3), dtype="float64", rtol=2e-6)
add("LeakyReLU", {"act_type": "prelu"}, data=distinct(2, 1, 4), gamma=uniform(1), train=False)

# The second output is the mask of slopes, which nothing writes outside training.
for attrs, dtype in (
    ({}, "float32"),
    ({"lower_bound": 0.2, "upper_bound": 0.2}, "float32"),
    ({"lower_bound": 0.1, "upper_bound": 0.5}, "float32"),
):
    add(
        "LeakyReLU",
        dict(attrs, act_type="rrelu"),
        data=distinct(3, 4),
        dtype=dtype,
        train=False,
        unchecked=("out1",),
    )

add("SoftmaxActivation", {}, data=normal(3, 5))
# MXNet differentiates as if the sum ran over axes 1 and 2, which its output does not.
add("SoftmaxActivation", {"mode": "instance"}, data=normal(2, 3, 2), unchecked=("grad:data",))
add("SoftmaxActivation", {"mode": "channel"}, data=normal(2, 3, 2, 2))
add("SoftmaxActivation", {"mode": "channel"}, data=normal(2, 3, 4))
