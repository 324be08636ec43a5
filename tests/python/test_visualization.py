"""Networks as text and as pictures."""

import sys

import numpy as np
import pytest
import symbind as mx


def network():
    net = mx.sym.Variable("data")
    net = mx.sym.Convolution(net, kernel=(3, 3), num_filter=8, name="conv1")
    net = mx.sym.BatchNorm(net, name="bn1")
    net = mx.sym.Activation(net, act_type="relu", name="relu1")
    pooled = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    net = mx.sym.Convolution(
        pooled, kernel=(3, 3), num_filter=8, pad=(1, 1), no_bias=True, num_group=2, name="conv2"
    )
    net = mx.sym.Flatten(mx.sym.elemwise_add(net, pooled, name="sum"), name="flat")
    net = mx.sym.FullyConnected(net, num_hidden=10, name="fc1")
    net = mx.sym.FullyConnected(net, num_hidden=3, no_bias=True, name="fc2")
    return mx.sym.SoftmaxOutput(net, name="softmax")


# What MXNet 1.9.1 prints for this network with the input (2, 3, 28, 28) and a width of 80.
SUMMARY = """\
________________________________________________________________________________
Layer (type)            Output Shape            Param #     Previous Layer
================================================================================
data(null)              3x28x28                 0
________________________________________________________________________________
conv1(Convolution)      8x26x26                 224         data
________________________________________________________________________________
bn1(BatchNorm)          8x26x26                 16          conv1
________________________________________________________________________________
relu1(Activation)       8x26x26                 0           bn1
________________________________________________________________________________
pool1(Pooling)          8x13x13                 0           relu1
________________________________________________________________________________
conv2(Convolution)      8x13x13                 288         pool1
________________________________________________________________________________
sum(elemwise_add)       8x13x13                 0           conv2
                                                            pool1
________________________________________________________________________________
flat(Flatten)           1352                    0           sum
________________________________________________________________________________
fc1(FullyConnected)     10                      13530       flat
________________________________________________________________________________
fc2(FullyConnected)     3                       30          fc1
________________________________________________________________________________
softmax(SoftmaxOutput)  3                       0           fc2
================================================================================
Total params: 14088
________________________________________________________________________________
"""


def printed(capsys, *args, **kwargs):
    mx.viz.print_summary(*args, **kwargs)
    return "".join(line.rstrip() + "\n" for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("positions", [[0.3, 0.6, 0.75, 1.0], [24, 48, 60, 80]])
@pytest.mark.parametrize("label", [{}, {"softmax_label": (2,)}])
def test_summary(capsys, positions, label):
    shape = {"data": (2, 3, 28, 28), **label}
    assert printed(capsys, network(), shape, line_length=80, positions=positions) == SUMMARY


def test_summary_without_shapes(capsys):
    text = printed(capsys, network())
    assert "conv1(Convolution)" in text and "8x26x26" not in text
    assert text.splitlines()[3].split() == ["data(null)"]
    assert text.splitlines()[-2] == "Total params: unknown without the shapes of the inputs"


def rows(text):
    """Name, output shape, parameters of every layer."""
    return [line.split()[:3] for line in text.splitlines() if "(" in line and "Layer (type)" not in line]


def test_summary_of_several_inputs_and_outputs(capsys):
    ids = mx.sym.Variable("ids")
    data = mx.sym.Variable("data")
    parts = mx.sym.SliceChannel(data, num_outputs=3, name="parts")
    net = mx.sym.Group(
        [
            mx.sym.Embedding(ids, input_dim=50, output_dim=4, name="emb"),
            mx.sym.Concat(parts[0], parts[2], name="joined"),
            mx.sym.LeakyReLU(data, act_type="prelu", name="prelu"),
        ]
    )
    assert rows(printed(capsys, net, {"data": (2, 3, 8, 8), "ids": (2, 5)})) == [
        ["ids(null)", "5", "0"],
        ["emb(Embedding)", "5x4", "200"],
        ["data(null)", "3x8x8", "0"],
        ["parts(SliceChannel)", "1x8x8", "0"],
        ["joined(Concat)", "2x8x8", "0"],
        ["prelu(LeakyReLU)", "3x8x8", "3"],
    ]


def test_shared_parameters_count_once(capsys):
    weight = mx.sym.Variable("w")
    net = mx.sym.Variable("data")
    for name in ("a", "b"):
        net = mx.sym.FullyConnected(net, weight, num_hidden=4, no_bias=True, name=name)
    text = printed(capsys, net, {"data": (2, 4)})
    assert [row[2] for row in rows(text)] == ["0", "16", "0"]
    assert "Total params: 16" in text


def test_summary_misuse():
    with pytest.raises(TypeError, match=r"\[print_summary\] symbol must be a Symbol: got int"):
        mx.viz.print_summary(1)
    with pytest.raises((mx.MXNetError, ValueError), match="dat"):
        mx.viz.print_summary(network(), {"dat": (1, 2)})
    with pytest.raises(mx.MXNetError, match="conv1"):
        mx.viz.print_summary(network(), {"data": (1, 2)})
    two = mx.sym.Variable("a") + mx.sym.Variable("b")
    with pytest.raises(
        ValueError, match=r"shapes of \[\] do not determine all others: .* among \['a', 'b'\]"
    ):
        mx.viz.print_summary(two, {})


def test_plot_network():
    pytest.importorskip("graphviz")
    dot = mx.viz.plot_network(
        network(), title="net", shape={"data": (2, 3, 28, 28)}, node_attrs={"shape": "oval"}
    )
    source = dot.source
    assert "Convolution\n3x3/1, 8" in source and "FullyConnected\n10" in source
    assert "Pooling\nmax, 2x2/2x2" in source and "Activation\nrelu" in source
    assert "conv1_weight" not in source and "bn1_moving_mean" not in source
    assert "softmax_label" in source and "8x26x26" in source and "shape=oval" in source
    assert dot.name == "net" and dot.format == "pdf"
    assert "conv1_weight" in mx.viz.plot_network(network(), hide_weights=False).source
    mx.viz.plot_network(network(), shape={"data": (2, 3, 28, 28)}, dtype=np.float16)


def test_plot_network_without_graphviz(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=r"graphviz is missing: pip install 'symbind\[viz\]'"):
        mx.viz.plot_network(network())
