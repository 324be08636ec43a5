"""FullyConnected, Flatten and Dropout."""

from parity.case_table import Table, distinct, normal

table = Table("dense")
add = table.add


def fully_connected(
    data, num_hidden, features, no_bias=False, dtype="float32", train=True, req="write", wrt=None, **attrs
):
    """A FullyConnected whose weight takes ``features`` inputs."""
    attrs["num_hidden"] = num_hidden
    inputs = {"data": normal(*data), "weight": normal(num_hidden, features)}
    if no_bias:
        attrs["no_bias"] = True
    else:
        inputs["bias"] = normal(num_hidden)
    add("FullyConnected", attrs, dtype=dtype, train=train, req=req, wrt=wrt, **inputs)


for bias in (False, True):
    fully_connected((3, 5), 4, 5, no_bias=bias)
    fully_connected((1, 5), 4, 5, no_bias=bias)
    fully_connected((3, 1), 4, 1, no_bias=bias)
    fully_connected((3, 5), 1, 5, no_bias=bias)
    fully_connected((2, 3, 4), 5, 12, no_bias=bias)
    fully_connected((2, 3, 2, 2), 3, 12, no_bias=bias, flatten=True)
    fully_connected((2, 3, 4), 5, 4, no_bias=bias, flatten=False)
    fully_connected((2, 1, 3, 4), 2, 4, no_bias=bias, flatten=False)
    fully_connected((3, 5), 4, 5, no_bias=bias, flatten=False)
    fully_connected((3, 5), 4, 5, no_bias=bias, req="add")
    fully_connected((2, 3, 4), 5, 4, no_bias=bias, flatten=False, req="add")
    fully_connected((3, 5), 4, 5, no_bias=bias, dtype="float64")
    fully_connected((2, 3, 4), 5, 4, no_bias=bias, flatten=False, dtype="float64")
    fully_connected((3, 5), 4, 5, no_bias=bias, train=False)
    fully_connected((17, 33), 19, 33, no_bias=bias)
fully_connected((4,), 3, 1)
fully_connected((3, 5), 4, 5, wrt=("weight",))
fully_connected((3, 5), 4, 5, wrt=("data",))
fully_connected((3, 5), 4, 5, wrt=("bias",))
fully_connected((3, 5), 4, 5, wrt=("data", "bias"))

for shape in ((2, 3), (2, 3, 4), (2, 3, 2, 2), (1, 2, 1, 3, 1), (3,), (2, 1)):
    add("Flatten", {}, data=normal(*shape))
add("Flatten", {}, data=normal(2, 2, 3), dtype="float64")
add("Flatten", {}, data=normal(2, 2, 3), dtype="float16")
add("Flatten", {}, data=normal(2, 2, 3), dtype="int32", grad=False)
add("Flatten", {}, data=normal(2, 2, 3), req="add")

for p in (0.0, 0.3, 0.5):
    add("Dropout", {"p": p}, data=distinct(3, 4), train=False)
add("Dropout", {"p": 0.5, "mode": "training"}, data=distinct(3, 4), train=False)
add("Dropout", {"p": 0.5, "axes": (0,)}, data=distinct(3, 4), train=False)
add("Dropout", {"p": 0.5, "axes": ()}, data=distinct(3, 4), train=False, dtype="float64")
add("Dropout", {"p": 0.5, "cudnn_off": True}, data=distinct(2, 3, 4), train=False, dtype="float16")
add("Dropout", {"p": 0.0}, data=distinct(3, 4))
add("Dropout", {"p": 0.0, "mode": "always"}, data=distinct(3, 4))
