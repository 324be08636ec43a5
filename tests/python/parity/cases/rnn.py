"""RNN: all modes, stacked and in both directions, with and without last states.

MXNet 1.9.1 on CPU ignores lengths of sequences, bounds of cells and dropout, and predicts with projections
(if asked for the last states) but does not train with them; ops/test_rnn_operator.py checks those against
formulas.
"""

from parity.case_table import Table, normal, uniform

table = Table("rnn")

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "gru": 3, "lstm": 4}


def count(mode, inputs, hidden, layers, directions, projection):
    """Elements of the parameter vector."""
    out = projection or hidden
    total = 0
    for layer in range(layers):
        width = inputs if layer == 0 else directions * out
        one = GATES[mode] * hidden * (width + out + 2) + (projection or 0) * hidden
        total += directions * one
    return total


def add(
    mode, steps, batch, inputs, hidden, layers=1, bidirectional=False, projection=None, attrs=(), **options
):
    """An RNN with seeded parameters small enough that no cell saturates."""
    directions = 2 if bidirectional else 1
    full = {"state_size": hidden, "num_layers": layers, "mode": mode, **dict(attrs)}
    if bidirectional:
        full["bidirectional"] = True
    if projection:
        full["projection_size"] = projection
    size = count(mode, inputs, hidden, layers, directions, projection)
    arrays = {
        "data": normal(steps, batch, inputs),
        "parameters": uniform(size, low=-0.6, high=0.6),
        "state": normal(layers * directions, batch, projection or hidden),
    }
    if mode == "lstm":
        arrays["state_cell"] = normal(layers * directions, batch, hidden)
    options.setdefault("rtol", 1e-4)
    options.setdefault("atol", 1e-4)
    table.add("RNN", full, **arrays, **options)


for mode in GATES:
    for states in (False, True):
        attrs = {"state_outputs": states}
        add(mode, 4, 3, 5, 6, attrs=attrs)
        add(mode, 3, 2, 4, 3, layers=2, attrs=attrs)
        add(mode, 3, 2, 4, 3, layers=2, bidirectional=True, attrs=attrs)
        add(mode, 3, 2, 4, 3, layers=2, attrs=attrs, train=False)
        add(mode, 3, 2, 4, 3, layers=2, bidirectional=True, attrs=attrs, dtype="float64")
        add(mode, 2, 31, 3, 5, layers=2, attrs=attrs, dtype="float64")
    add(mode, 5, 3, 2, 17, layers=3, attrs={"state_outputs": True})
    add(mode, 3, 30, 7, 20, bidirectional=True)
    add(mode, 1, 1, 1, 1)
    add(mode, 1, 1, 1, 1, layers=2, bidirectional=True)
    add(mode, 6, 1, 16, 16)
    add(mode, 3, 2, 4, 3, req="add")
    add(mode, 3, 2, 4, 3, attrs={"state_outputs": True}, req="add", dtype="float64")
    add(mode, 3, 2, 4, 3, layers=2, wrt=("parameters",))
    add(mode, 3, 2, 4, 3, layers=2, bidirectional=True, wrt=("data",))
    add(mode, 3, 2, 4, 3, layers=2, wrt=("state",))
    add(mode, 3, 2, 4, 3, layers=2, wrt=())
for bidirectional in (False, True):
    for layers in (1, 2):
        options = {"attrs": {"state_outputs": True}, "train": False, "grad": False}
        add("lstm", 3, 2, 4, 5, layers=layers, bidirectional=bidirectional, projection=layers + 1, **options)
