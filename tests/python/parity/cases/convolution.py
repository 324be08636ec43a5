"""Convolution in one, two and three dimensions."""

from parity.case_table import Table, normal

table = Table("convolution")


def add(
    data,
    kernel,
    num_filter,
    num_group=1,
    no_bias=False,
    dtype="float32",
    train=True,
    req="write",
    wrt=None,
    layout=None,
    **attrs,
):
    """A Convolution over ``data``; the weight's shape follows from the layout."""
    attrs.update(kernel=kernel, num_filter=num_filter)
    channels_last = layout in ("NWC", "NHWC", "NDHWC")
    channels = data[-1] if channels_last else data[1]
    weight = (
        (num_filter, *kernel, channels // num_group)
        if channels_last
        else (num_filter, channels // num_group, *kernel)
    )
    if num_group != 1:
        attrs["num_group"] = num_group
    if no_bias:
        attrs["no_bias"] = True
    if layout:
        attrs["layout"] = layout
    inputs = {"data": normal(*data), "weight": normal(*weight, scale=0.5)}
    if not no_bias:
        inputs["bias"] = normal(num_filter)
    table.add("Convolution", attrs, dtype=dtype, train=train, req=req, wrt=wrt, **inputs)


# 1-D
add((2, 3, 7), (3,), 2)
add((2, 3, 7), (3,), 2, no_bias=True)
add((2, 3, 7), (1,), 4)
add((2, 3, 8), (3,), 2, stride=(2,), pad=(1,))
add((2, 3, 9), (3,), 2, dilate=(2,), pad=(2,))
add((2, 4, 7), (3,), 4, num_group=2)
add((1, 3, 5), (5,), 1, dtype="float64")
add((2, 3, 7), (3,), 2, layout="NCW")
add((2, 3, 7), (3,), 2, req="add")
add((2, 3, 6), (2,), 3, stride=(3,), train=False)

# 2-D
add((2, 3, 5, 5), (3, 3), 4)
add((2, 3, 5, 5), (3, 3), 4, no_bias=True)
add((2, 3, 5, 5), (3, 3), 4, pad=(1, 1))
add((2, 3, 6, 5), (3, 3), 4, stride=(2, 2), pad=(1, 1))
add((2, 3, 6, 5), (3, 3), 4, stride=(2, 1), pad=(0, 1))
add((1, 3, 7, 7), (3, 3), 2, dilate=(2, 2))
add((1, 3, 9, 9), (3, 3), 2, dilate=(3, 3), pad=(3, 3))
add((1, 2, 9, 8), (3, 3), 2, dilate=(2, 1), stride=(1, 2), pad=(2, 1))
add((2, 3, 4, 4), (1, 1), 5)
add((2, 3, 4, 4), (1, 1), 5, stride=(2, 2))
add((2, 3, 5, 6), (1, 3), 2, pad=(0, 1))
add((2, 3, 5, 6), (3, 1), 2, pad=(1, 0))
add((1, 1, 8, 6), (3, 6), 3)
add((1, 2, 8, 8), (7, 1), 2, pad=(3, 0))
add((1, 2, 4, 4), (4, 4), 3)
add((1, 1, 1, 1), (1, 1), 1)
add((1, 2, 2, 2), (3, 3), 2, pad=(2, 2))
add((2, 4, 5, 5), (3, 3), 6, num_group=2)
add((2, 6, 4, 4), (3, 3), 3, num_group=3, pad=(1, 1), no_bias=True)
add((2, 4, 5, 5), (3, 3), 4, num_group=4, pad=(1, 1))
add((2, 4, 5, 5), (3, 3), 4, num_group=4, pad=(1, 1), stride=(2, 2), no_bias=True)
add((1, 3, 5, 5), (3, 3), 6, num_group=3, pad=(1, 1))
add((2, 4, 4, 4), (1, 1), 4, num_group=2)
add((2, 3, 5, 5), (3, 3), 4, layout="NCHW", workspace=128, cudnn_tune="off", cudnn_off=True)
add((2, 3, 5, 5), (3, 3), 4, cudnn_tune="limited_workspace", workspace=1024)
add((2, 3, 5, 5), (3, 3), 4, stride=(), dilate=(), pad=())
for bias in (True, False):
    add((2, 2, 4, 4), (3, 3), 2, no_bias=bias, dtype="float64")
    add((2, 2, 4, 4), (3, 3), 2, no_bias=bias, req="add")
    add((2, 2, 4, 4), (3, 3), 2, no_bias=bias, pad=(1, 1), train=False)
    add((2, 4, 4, 4), (3, 3), 2, num_group=2, no_bias=bias, pad=(1, 1), req="add")
add((2, 2, 4, 4), (3, 3), 2, wrt=("weight",))
add((2, 2, 4, 4), (3, 3), 2, wrt=("data",))
add((2, 2, 4, 4), (3, 3), 2, wrt=("bias",))
add((2, 2, 4, 4), (3, 3), 2, wrt=("weight", "bias"))
add((2, 4, 5, 5), (3, 3), 4, num_group=2, dilate=(2, 2), pad=(2, 2), dtype="float64")

# 3-D
add((1, 2, 4, 4, 4), (3, 3, 3), 2)
add((1, 2, 4, 4, 4), (3, 3, 3), 2, no_bias=True)
add((1, 2, 4, 4, 4), (2, 2, 2), 2, stride=(2, 2, 2))
add((1, 2, 3, 4, 4), (3, 1, 3), 2, pad=(1, 0, 1))
add((1, 2, 4, 4, 4), (3, 3, 3), 2, pad=(1, 1, 1), stride=(1, 2, 2))
add((1, 1, 5, 5, 5), (3, 3, 3), 2, dilate=(2, 2, 2))
add((1, 4, 3, 3, 3), (2, 2, 2), 4, num_group=2)
add((1, 2, 3, 3, 3), (1, 1, 1), 3, layout="NCDHW")
add((1, 2, 3, 3, 3), (2, 2, 2), 2, dtype="float64")
add((1, 2, 3, 3, 3), (2, 2, 2), 2, req="add")
add((1, 2, 3, 3, 3), (2, 2, 2), 2, train=False)
