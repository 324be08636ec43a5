"""CTCLoss over lengths, paddings and blanks."""

import numpy as np
from parity.case_table import Table, integers, normal, values

table = Table("ctc")

CTC = "CTCLoss"
for name in (CTC, "ctc_loss", "_contrib_CTCLoss", "_contrib_ctc_loss"):
    table.add(name, {}, data=normal(6, 3, 5), label=integers(1, 5, 3, 2))
for blank, padding in (("first", 0), ("last", -1)):
    low, high = (1, 5) if blank == "first" else (0, 4)
    attrs = {"blank_label": blank}
    table.add(CTC, attrs, data=normal(8, 4, 5), label=integers(low, high, 4, 3))
    table.add(CTC, attrs, data=normal(8, 4, 5), label=integers(low, high, 4, 3), req="add")
    table.add(CTC, attrs, data=normal(8, 4, 5), label=integers(low, high, 4, 3), train=False)
    # Sums of logarithms of float32 over many steps.
    table.add(
        CTC, attrs, data=normal(40, 2, 12, scale=3.0), label=integers(low, high, 2, 10), rtol=1e-3, atol=3e-5
    )
    table.add(CTC, attrs, data=normal(5, 1, 5), label=values([low] * 2, 1, 2))
    padded = np.array([[low, low + 1, padding], [low + 2, padding, padding], [low + 1, low, low + 2]])
    table.add(CTC, attrs, data=normal(6, 3, 5), label=values(padded.ravel(), 3, 3))
    table.add(
        CTC,
        dict(attrs, use_label_lengths=True),
        data=normal(6, 3, 5),
        label=integers(low, high, 3, 3),
        label_lengths=values([3, 1, 2]),
        wrt=["data"],
    )
    table.add(
        CTC,
        dict(attrs, use_data_lengths=True),
        data=normal(7, 3, 5),
        label=integers(low, high, 3, 2),
        data_lengths=values([7, 5, 4]),
        wrt=["data"],
    )
    table.add(
        CTC,
        dict(attrs, use_data_lengths=True, use_label_lengths=True),
        data=normal(7, 3, 5),
        label=integers(low, high, 3, 3),
        data_lengths=values([7, 6, 4]),
        label_lengths=values([3, 2, 1]),
        wrt=["data"],
    )
    # No alignment exists for the first sample: its cost is 0, its gradient is not defined in MXNet.
    table.add(
        CTC,
        attrs,
        data=normal(4, 2, 5),
        label=values([low, low, low, low, low + 1, low, low + 1, padding], 2, 4),
        grad=False,
    )
