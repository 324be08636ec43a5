"""Metrics of the predicted probability of the right class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import EvalMetric, alias, paired, register

__all__ = ["CrossEntropy", "NegativeLogLikelihood", "Perplexity"]


@register
class Perplexity(EvalMetric):
    """How uncertain a model is about the next word: exp of the mean negative log of its probability.

    Parameters
    ----------
    ignore_label : int or None
        Label of padding that does not count. None: all labels count.
    axis : int
        Axis of the classes in the predictions. Default -1, the last.
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'perplexity'``.

    There is one label for each prediction; their shapes need not agree otherwise, so labels (batch, time) go
    with predictions (batch * time, classes). Probabilities below 1e-10 count as 1e-10; labels outside the
    classes as the nearest class.
    """

    def __init__(
        self,
        ignore_label: int | None,
        axis: int = -1,
        name: str = "perplexity",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(
            name,
            output_names=output_names,
            label_names=label_names,
            ignore_label=ignore_label,
            axis=axis,
            has_global_stats=True,
        )
        self.ignore_label = ignore_label
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        for label, pred in paired(labels, preds):
            if not -pred.ndim <= self.axis < pred.ndim or label.size * pred.shape[self.axis] != pred.size:
                raise ValueError(
                    f"[Perplexity] shape mismatch: got labels of shape {label.shape} and predictions of "
                    f"shape {pred.shape}, expected one label for each prediction along axis {self.axis}"
                )
            scores = np.moveaxis(pred, self.axis, -1).reshape(label.size, pred.shape[self.axis])
            classes = label.astype(np.int64, copy=False).ravel()
            # Of all scores only the labels' are read.
            column = np.clip(classes, 0, scores.shape[1] - 1)[:, np.newaxis]
            chosen = np.take_along_axis(scores, column, axis=1).astype(np.float64)
            if self.ignore_label is not None:
                chosen = chosen[classes != self.ignore_label]
            self._add(-float(np.log(np.maximum(chosen, 1e-10)).sum()), chosen.size)

    def _quotient(self, total: float, count: float) -> float:
        return math.exp(total / count) if count > 0 else math.nan


class _LogLikelihood(EvalMetric):
    """The mean of -log(probability of the label + eps)."""

    def __init__(
        self,
        eps: float,
        name: str,
        output_names: list[str] | None,
        label_names: list[str] | None,
    ) -> None:
        super().__init__(
            name, output_names=output_names, label_names=label_names, eps=eps, has_global_stats=True
        )
        self.eps = eps

    def update(self, labels: Any, preds: Any) -> None:
        where = type(self).__name__
        for label, pred in paired(labels, preds):
            classes = label.astype(np.int64, copy=False).ravel()
            if pred.ndim < 2 or len(classes) != len(pred):
                raise ValueError(
                    f"[{where}] shape mismatch: got labels of shape {label.shape} and predictions of shape "
                    f"{pred.shape}, expected one label for each row of (batch, classes)"
                )
            try:
                probability = pred[np.arange(len(classes)), classes].astype(np.float64)
            except IndexError:
                raise IndexError(
                    f"[{where}] label out of range: got labels from {classes.min()} to {classes.max()} for "
                    f"{pred.shape[1]} classes"
                ) from None
            self._add(-float(np.log(probability + self.eps).sum()), len(classes))


@alias("ce")
@register
class CrossEntropy(_LogLikelihood):
    """The cross entropy of labels and predicted probabilities, per sample.

    Parameters
    ----------
    eps : float
        Added to the probabilities, to have no log of 0. Default 1e-12.
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'cross-entropy'``.

    Predictions have the shape (batch, classes); there is one label for each row. A negative label counts
    classes from the end; one beyond the classes is an IndexError.
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "cross-entropy",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(eps, name, output_names, label_names)


@alias("nll_loss")
@register
class NegativeLogLikelihood(_LogLikelihood):
    """The negative log-likelihood of the labels, per sample: the same number as `CrossEntropy`.

    Parameters
    ----------
    eps : float
        Added to the probabilities, to have no log of 0. Default 1e-12.
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'nll-loss'``.
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "nll-loss",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(eps, name, output_names, label_names)
