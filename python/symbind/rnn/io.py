"""Sentences as numbers, in batches of equal length."""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import ndarray
from ..io import DataBatch, DataDesc, DataIter

__all__ = ["BucketSentenceIter", "encode_sentences"]


def encode_sentences(
    sentences: Iterable[Iterable[str]],
    vocab: dict[str, int] | None = None,
    invalid_label: int = -1,
    invalid_key: str = "\n",
    start_label: int = 0,
    unknown_token: str | None = None,
) -> tuple[list[list[int]], dict[str, int]]:
    r"""Replace words by numbers.

    Parameters
    ----------
    sentences : iterable of iterables of str
    vocab : dict or None
        Numbers of words. None: a new one is made, with numbers from `start_label` that leave out
        `invalid_label`.
    invalid_label : int
        Number of the padding in a new vocabulary, default -1.
    invalid_key : str
        Its word, default ``'\n'``.
    start_label : int
        Default 0.
    unknown_token : str or None
        The entry of the vocabulary that words outside of it go by. As in MXNet, it takes a new number with
        each of them.

    Returns
    -------
    (list of list of int, dict)
        The sentences and the vocabulary.

    Raises
    ------
    AssertionError
        For a word that a given vocabulary lacks, without `unknown_token`.
    """
    grows = vocab is None
    words = {invalid_key: invalid_label} if vocab is None else vocab
    label = start_label
    encoded = []
    for sentence in sentences:
        numbers = []
        for word in sentence:
            if word not in words:
                if not grows and not unknown_token:
                    raise AssertionError(f"Unknown token {word}")
                if label == invalid_label:
                    label += 1
                word = unknown_token or word
                words[word] = label
                label += 1
            numbers.append(words[word])
        encoded.append(numbers)
    return encoded, words


class BucketSentenceIter(DataIter):
    """Batches of sentences of one length each, for language models: the label is the next word.

    Sentences are padded to the length of the smallest bucket that holds them; each pass shuffles with
    Python's and NumPy's global generators.

    Parameters
    ----------
    sentences : list of list of int
    batch_size : int
        Sentences beyond whole batches of a bucket are left out of a pass.
    buckets : list of int or None
        Lengths. None: those that fill a batch with sentences of just that length.
    invalid_label : int
        Padding, default -1.
    data_name, label_name : str
        Default ``'data'`` and ``'softmax_label'``.
    dtype : str
        Of the arrays, default ``'float32'``.
    layout : str
        ``'NT'`` (the default) or ``'TN'``.
    """

    def __init__(
        self,
        sentences: Sequence[Sequence[int]],
        batch_size: int,
        buckets: list[int] | None = None,
        invalid_label: int = -1,
        data_name: str = "data",
        label_name: str = "softmax_label",
        dtype: Any = "float32",
        layout: str = "NT",
    ) -> None:
        super().__init__()
        if sorted(layout) != ["N", "T"]:
            raise ValueError(f"Invalid layout {layout}: Must by NT (batch major) or TN (time major)")
        if not buckets:
            counts = np.bincount([len(sentence) for sentence in sentences])
            buckets = [length for length, count in enumerate(counts) if count >= batch_size]
            if not buckets:
                raise ValueError(
                    f"[BucketSentenceIter] buckets: no length has {batch_size} sentences to choose it by"
                )
        self.buckets = sorted(buckets)
        self.data_name, self.label_name = data_name, label_name
        self.batch_size, self.dtype, self.invalid_label, self.layout = (
            batch_size,
            dtype,
            invalid_label,
            layout,
        )
        self.major_axis = layout.find("N")
        self.default_bucket_key = max(self.buckets)
        self.data = self._fill_buckets(sentences)
        shape = (batch_size, self.default_bucket_key)
        shape = shape if self.major_axis == 0 else shape[::-1]
        self.provide_data = [DataDesc(data_name, shape, layout=layout)]
        self.provide_label = [DataDesc(label_name, shape, layout=layout)]
        self.idx = [
            (bucket, first)
            for bucket, rows in enumerate(self.data)
            for first in range(0, len(rows) - batch_size + 1, batch_size)
        ]
        self.nddata: list[Any] = []
        self.ndlabel: list[Any] = []
        self.curr_idx = 0
        self.reset()

    def _fill_buckets(self, sentences: Sequence[Sequence[int]]) -> list[np.ndarray]:
        rows: list[list[np.ndarray]] = [[] for _ in self.buckets]
        discarded = 0
        for sentence in sentences:
            bucket = bisect.bisect_left(self.buckets, len(sentence))
            if bucket == len(self.buckets):
                discarded += 1
                continue
            row = np.full(self.buckets[bucket], self.invalid_label, dtype=self.dtype)
            row[: len(sentence)] = sentence
            rows[bucket].append(row)
        if discarded:
            print(f"WARNING: discarded {discarded} sentences longer than the largest bucket.")
        return [
            np.asarray(bucket, dtype=self.dtype).reshape(-1, length)
            for bucket, length in zip(rows, self.buckets)
        ]

    def reset(self) -> None:
        """Shuffle, and start over."""
        self.curr_idx = 0
        random.shuffle(self.idx)
        self.nddata, self.ndlabel = [], []
        for rows in self.data:
            np.random.shuffle(rows)
            labels = np.full_like(rows, self.invalid_label)
            labels[:, :-1] = rows[:, 1:]
            self.nddata.append(ndarray.array(rows, dtype=self.dtype))
            self.ndlabel.append(ndarray.array(labels, dtype=self.dtype))

    def next(self) -> DataBatch:
        """Return the next batch, whose `bucket_key` is its length. Raises StopIteration at the end."""
        if self.curr_idx == len(self.idx):
            raise StopIteration
        bucket, first = self.idx[self.curr_idx]
        self.curr_idx += 1
        data, label = (
            arrays[bucket][first : first + self.batch_size] for arrays in (self.nddata, self.ndlabel)
        )
        if self.major_axis == 1:
            data, label = data.T, label.T
        return DataBatch(
            [data],
            [label],
            pad=0,
            bucket_key=self.buckets[bucket],
            provide_data=[DataDesc(self.data_name, data.shape, layout=self.layout)],
            provide_label=[DataDesc(self.label_name, label.shape, layout=self.layout)],
        )
