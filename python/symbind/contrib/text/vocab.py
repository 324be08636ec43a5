"""Vocabularies: a number for each token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

__all__ = ["Vocabulary"]


class Vocabulary:
    """Numbers tokens: the unknown token is 0, then reserved ones, then the others by falling frequency.

    Tokens of one frequency are in alphabetical order.

    Parameters
    ----------
    counter : collections.Counter, optional
        Counts of tokens; None for reserved ones alone.
    most_freq_count : int, optional
        How many tokens of `counter` there are at most. Default: all.
    min_freq : int, default 1
        Tokens that are less frequent are left out.
    unknown_token : hashable, default '<unk>'
        What stands for all tokens without a number.
    reserved_tokens : list, optional
        Tokens that are always there, such as padding.

    Attributes
    ----------
    token_to_idx : dict
    idx_to_token : list
    unknown_token, reserved_tokens : as above

    Raises
    ------
    ValueError
        If `min_freq` is not positive, or a reserved token is there twice or is the unknown token.
    """

    __slots__ = ("idx_to_token", "reserved_tokens", "token_to_idx", "unknown_token")

    def __init__(
        self,
        counter: Counter | None = None,
        most_freq_count: int | None = None,
        min_freq: int = 1,
        unknown_token: Any = "<unk>",
        reserved_tokens: list | None = None,
    ) -> None:
        if min_freq < 1:
            raise ValueError(f"[Vocabulary] min_freq: got {min_freq}, expected a positive number")
        reserved = list(reserved_tokens or [])
        if unknown_token in reserved:
            raise ValueError(f"[Vocabulary] reserved_tokens has the unknown token {unknown_token!r}")
        if len(set(reserved)) != len(reserved):
            raise ValueError(f"[Vocabulary] reserved_tokens has a token twice: {reserved}")
        self.unknown_token = unknown_token
        self.reserved_tokens = reserved_tokens if reserved_tokens is None else reserved
        self.idx_to_token = [unknown_token, *reserved]
        taken = set(self.idx_to_token)
        ranked = sorted((counter or {}).items(), key=lambda item: item[0])
        ranked.sort(key=lambda item: item[1], reverse=True)
        chosen = [token for token, count in ranked if count >= min_freq and token not in taken]
        if most_freq_count is not None and most_freq_count >= 0:
            chosen = chosen[:most_freq_count]
        self.idx_to_token += chosen
        self.token_to_idx = {token: i for i, token in enumerate(self.idx_to_token)}

    def __len__(self) -> int:
        return len(self.idx_to_token)

    def to_indices(self, tokens: Any) -> Any:
        """Return the number of a token, or a list of numbers for a list of tokens; unknown ones give 0."""
        if isinstance(tokens, list):
            return [self.token_to_idx.get(token, 0) for token in tokens]
        return self.token_to_idx.get(tokens, 0)

    def to_tokens(self, indices: int | Sequence[int]) -> Any:
        """Return the token of a number, or a list of tokens. Raises ValueError for a number without token."""
        numbers = [indices] if isinstance(indices, int) else list(indices)
        for number in numbers:
            if not isinstance(number, int) or not 0 <= number < len(self):
                raise ValueError(
                    f"[Vocabulary.to_tokens] got {number!r}, expected a whole number below {len(self)}"
                )
        tokens = [self.idx_to_token[number] for number in numbers]
        return tokens[0] if isinstance(indices, int) else tokens
