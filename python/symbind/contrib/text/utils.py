"""Counting the tokens of a text."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["count_tokens_from_str"]


def count_tokens_from_str(
    source_str: str,
    token_delim: str = " ",
    seq_delim: str = "\n",
    to_lower: bool = False,
    counter_to_update: Counter | None = None,
) -> Counter:
    """Count the tokens of a text.

    Parameters
    ----------
    source_str : str
    token_delim, seq_delim : str
        Regular expressions of what is between tokens and between sequences. Defaults: a space, a line's end.
    to_lower : bool, default False
        Whether to make the text lower case first.
    counter_to_update : collections.Counter, optional
        Counts to add to; the same object is returned.

    Returns
    -------
    collections.Counter
    """
    text = source_str.lower() if to_lower else source_str
    counter = Counter() if counter_to_update is None else counter_to_update
    counter.update(token for token in re.split(f"{token_delim}|{seq_delim}", text) if token)
    return counter
