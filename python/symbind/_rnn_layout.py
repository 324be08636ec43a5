"""Where the weights of a fused recurrent network lie in its single parameter vector.

The order is cuDNN's, and so the one of saved models: first all weight matrices, layer by layer, in each layer
forward direction before backward, input-to-hidden before hidden-to-hidden, gate by gate; then all biases in
the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["GATES", "FusedBlock", "fused_blocks", "fused_input_size"]

#: Suffixes of the gates' names, in their order in memory.
GATES: dict[str, tuple[str, ...]] = {
    "rnn_relu": ("",),
    "rnn_tanh": ("",),
    "lstm": ("_i", "_f", "_c", "_o"),
    "gru": ("_r", "_z", "_o"),
}


class FusedBlock(NamedTuple):
    """One gate's weight matrix or bias: its name without prefix, shape, and offset in the vector."""

    name: str
    shape: tuple[int, ...]
    offset: int


def fused_input_size(size: int, num_hidden: int, num_layers: int, mode: str, bidirectional: bool) -> int:
    """Return the number of input features for which the vector has `size` elements.

    Raises ValueError if there is none.
    """
    directions = 2 if bidirectional else 1
    rows = directions * len(GATES[mode]) * num_hidden
    deeper = (num_layers - 1) * (directions * num_hidden + num_hidden + 2)
    columns, rest = divmod(size, rows)
    input_size = columns - deeper - num_hidden - 2
    if rest or input_size < 1:
        raise ValueError(
            f"[FusedRNN] Invalid parameters size: got {size} elements, which fits no input size for "
            f"mode={mode!r}, num_hidden={num_hidden}, num_layers={num_layers}, bidirectional={bidirectional}"
        )
    return input_size


def fused_blocks(
    input_size: int, num_hidden: int, num_layers: int, mode: str, bidirectional: bool
) -> Iterator[FusedBlock]:
    """Yield the blocks of the vector in their order in memory."""
    directions = ("l", "r") if bidirectional else ("l",)
    offset = 0
    for kind in ("weight", "bias"):
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else num_hidden * len(directions)
            for direction in directions:
                for group, columns in (("i2h", inputs), ("h2h", num_hidden)):
                    shape = (num_hidden, columns) if kind == "weight" else (num_hidden,)
                    for gate in GATES[mode]:
                        yield FusedBlock(f"{direction}{layer}_{group}{gate}_{kind}", shape, offset)
                        offset += num_hidden * (columns if kind == "weight" else 1)
