"""How results of the sparse programs are compared."""

from __future__ import annotations

import math

TOLERANCE = 2e-4  # of values that were rounded to four digits


def agree(actual, expected) -> bool:
    """The same structure and words, and numbers that differ by rounding at most."""
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(expected)
            and all(agree(a, e) for a, e in zip(actual, expected))
        )
    if isinstance(expected, float):
        if math.isnan(expected):
            return math.isnan(actual)
        return actual == expected or abs(actual - expected) <= TOLERANCE * max(1.0, abs(expected))
    return actual == expected
