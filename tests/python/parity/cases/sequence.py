"""Masks, ends and reversals of batches of sequences."""

from parity.case_table import Table, normal, values

table = Table("sequence")
add = table.add

USED = {"use_sequence_length": True}
LENGTHS = values([2, 4, 1])
for op in ("SequenceMask", "SequenceLast", "SequenceReverse"):
    for shape in ((4, 3), (4, 3, 2), (4, 3, 2, 2), (1, 3, 2)):
        lengths = LENGTHS if shape[0] == 4 else values([1, 1, 1])
        add(op, USED, data=normal(*shape), sequence_length=lengths, wrt=("data",))
        add(op, {}, data=normal(*shape))
    add(op, USED, data=normal(4, 3, 2), sequence_length=LENGTHS, wrt=("data",), req="add")
    add(op, USED, data=normal(4, 3, 2), sequence_length=LENGTHS, wrt=("data",), dtype="float64")
    add(op, USED, data=normal(4, 3, 2), sequence_length=LENGTHS, wrt=("data",), dtype="float16")
    add(op, USED, data=normal(4, 3, 2), sequence_length=LENGTHS.of("int32"), wrt=("data",))
for op in ("SequenceMask", "SequenceLast"):
    add(op, {**USED, "axis": 1}, data=normal(3, 4, 2), sequence_length=LENGTHS, wrt=("data",))
    add(op, {**USED, "axis": 1}, data=normal(3, 4), sequence_length=LENGTHS, wrt=("data",))
    add(op, {"axis": 1}, data=normal(3, 4, 2))
add("SequenceMask", {**USED, "value": -1.5}, data=normal(4, 3, 2), sequence_length=LENGTHS, wrt=("data",))
add("SequenceMask", {**USED, "value": -2}, data=normal(4, 3, scale=4), sequence_length=LENGTHS, dtype="int32")
add("SequenceMask", USED, data=normal(4, 3), sequence_length=values([0, 2, 4]), wrt=("data",))
