"""Metrics of predicted classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import EvalMetric, alias, check_label_shapes, paired, register

__all__ = ["F1", "MCC", "PCC", "Accuracy", "TopKAccuracy"]


def _class_of(where: str, pred: np.ndarray, axis: int) -> np.ndarray:
    if not -pred.ndim <= axis < pred.ndim:
        raise ValueError(f"[{where}] no axis {axis} for the classes: got predictions of shape {pred.shape}")
    return pred.argmax(axis=axis)


def _integers(values: np.ndarray) -> np.ndarray:
    """Return class numbers as a flat integer array; fractions are cut off."""
    return values.astype(np.int64, copy=False).ravel()


@alias("acc")
@register
class Accuracy(EvalMetric):
    """The part of the labels that is predicted right.

    Parameters
    ----------
    axis : int
        Axis of the classes in the predictions. Default 1.
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'accuracy'``.

    Predictions have one axis more than labels, or labels a last axis of length 1; the largest value along
    `axis` is the predicted class. Predictions of the labels' own shape are class numbers.
    """

    def __init__(
        self,
        axis: int = 1,
        name: str = "accuracy",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(
            name, output_names=output_names, label_names=label_names, axis=axis, has_global_stats=True
        )
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        for label, pred in paired(labels, preds):
            if pred.shape != label.shape:
                pred = _class_of("Accuracy", pred, self.axis)
            expected, predicted = _integers(label), _integers(pred)
            check_label_shapes(expected, predicted)
            self._add(float(np.count_nonzero(expected == predicted)), len(expected))


@alias("top_k_accuracy", "top_k_acc")
@register
class TopKAccuracy(EvalMetric):
    """The part of the labels that is among the `top_k` classes with the largest predictions.

    Parameters
    ----------
    top_k : int
        At least 2.
    name : str
        Default ``'top_k_accuracy'``; ``_`` and `top_k` are appended.
    output_names, label_names :
        See `EvalMetric`.

    Predictions have the shape (batch, classes), labels (batch,) or (batch, 1). Of classes with the same
    prediction, the one with the lower number counts as larger.
    """

    def __init__(
        self,
        top_k: int = 1,
        name: str = "top_k_accuracy",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        if top_k <= 1:
            raise ValueError(f"[TopKAccuracy] Please use Accuracy if top_k is no more than 1: got {top_k}")
        super().__init__(
            f"{name}_{top_k}",
            output_names=output_names,
            label_names=label_names,
            top_k=top_k,
            has_global_stats=True,
        )
        self.top_k = top_k
        self._base_name = name

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this metric, the name without the appended `top_k`."""
        return {**super().get_config(), "name": self._base_name}

    def update(self, labels: Any, preds: Any) -> None:
        for label, pred in paired(labels, preds):
            if pred.ndim != 2:
                raise ValueError(
                    f"[TopKAccuracy] predictions must have the shape (batch, classes): got {pred.shape}"
                )
            expected = _integers(label)
            check_label_shapes(expected, pred)
            self._add(float(np.count_nonzero(self._in_top(expected, pred))), len(expected))

    def _in_top(self, expected: np.ndarray, pred: np.ndarray) -> np.ndarray:
        """Return whether each label is in the top; counting what is larger is cheaper than sorting."""
        classes = pred.shape[1]
        known = (expected >= 0) & (expected < classes)
        column = np.where(known, expected, 0)[:, np.newaxis]
        score = np.take_along_axis(pred, column, axis=1)
        # Negated, so that NaN counts as larger than anything and a diverged network scores nothing.
        not_below, larger = ~(pred < score), ~(pred <= score)
        rank = np.count_nonzero(larger, axis=1)
        tied = np.flatnonzero(np.count_nonzero(not_below, axis=1) - rank > 1)
        if tied.size:
            equal = not_below[tied] & ~larger[tied]
            rank[tied] += np.count_nonzero(equal & (np.arange(classes) < column[tied]), axis=1)
        return known & (rank < self.top_k)


class _Counts:
    """Right and wrong predictions of a class 1 against the rest."""

    def __init__(self) -> None:
        self.true_positives = 0
        self.false_positives = 0
        self.true_negatives = 0
        self.false_negatives = 0

    def add(self, positive: np.ndarray, predicted: np.ndarray) -> None:
        hits = int(np.count_nonzero(positive & predicted))
        positives, predictions = int(np.count_nonzero(positive)), int(np.count_nonzero(predicted))
        self.true_positives += hits
        self.false_positives += predictions - hits
        self.false_negatives += positives - hits
        self.true_negatives += positive.size - positives - predictions + hits

    @property
    def total(self) -> int:
        return self.true_positives + self.false_positives + self.true_negatives + self.false_negatives

    @property
    def precision(self) -> float:
        predictions = self.true_positives + self.false_positives
        return self.true_positives / predictions if predictions else 0.0

    @property
    def recall(self) -> float:
        positives = self.true_positives + self.false_negatives
        return self.true_positives / positives if positives else 0.0

    @property
    def fscore(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def matthewscc(self) -> float:
        tp, fp = float(self.true_positives), float(self.false_positives)
        tn, fn = float(self.true_negatives), float(self.false_negatives)
        # A factor is 0 only where the numerator is 0 too: the result is then 0, whatever the denominator.
        denominator = math.prod(factor or 1.0 for factor in (tp + fp, tp + fn, tn + fp, tn + fn))
        return (tp * tn - fp * fn) / math.sqrt(denominator)


class _BinaryMetric(EvalMetric):
    """Base of F1 and MCC: a score of the counts, averaged over batches or of all counts together."""

    def __init__(
        self,
        name: str,
        output_names: list[str] | None,
        label_names: list[str] | None,
        average: str,
    ) -> None:
        if average not in ("macro", "micro"):
            raise ValueError(
                f"[{type(self).__name__}] unknown average: got {average!r}, expected macro or micro"
            )
        self.average = average
        self._local = _Counts()
        self._global = _Counts()
        super().__init__(
            name, output_names=output_names, label_names=label_names, average=average, has_global_stats=True
        )

    def _score(self, counts: _Counts) -> float:
        raise NotImplementedError

    def update(self, labels: Any, preds: Any) -> None:
        batch = _Counts()
        for label, pred in paired(labels, preds):
            positive, predicted = self._binary(label, pred)
            for counts in (batch, self._local, self._global):
                counts.add(positive, predicted)
        if self.average == "macro":
            self._add(self._score(batch), 1)
            return
        self.num_inst, self.global_num_inst = self._local.total, self._global.total
        self.sum_metric = self._score(self._local) * self.num_inst
        self.global_sum_metric = self._score(self._global) * self.global_num_inst

    def _binary(self, label: np.ndarray, pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return as flat bools which labels, and which predictions, are class 1."""
        where = type(self).__name__
        predicted = _class_of(where, pred, 1)
        check_label_shapes(label, predicted)
        expected, classes = _integers(label), _integers(predicted)
        if expected.shape != classes.shape:
            raise ValueError(
                f"[{where}] labels do not fit predictions: got labels of shape {label.shape} and predictions "
                f"of shape {pred.shape}, expected one label for each prediction along axis 1"
            )
        if expected.size:
            others = expected[expected != expected[0]]
            if others.size and (others != others[0]).any():
                raise ValueError(
                    f"[{where}] currently only supports binary classification: got more than two "
                    "different labels"
                )
        return expected == 1, classes == 1

    def reset(self) -> None:
        super().reset()
        self._local, self._global = _Counts(), _Counts()

    def reset_local(self) -> None:
        super().reset_local()
        self._local = _Counts()


@register
class F1(_BinaryMetric):
    """The F1 score of a binary classification: the harmonic mean of precision and recall of class 1.

    Parameters
    ----------
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'f1'``.
    average : str
        ``'macro'`` (default): mean of the batches' scores; ``'micro'``: score of all samples together.

    Labels are 0 or 1, predictions have the classes along axis 1. The score is 0 where it is not defined. More
    than two different labels in a batch are a ValueError.
    """

    def __init__(
        self,
        name: str = "f1",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
        average: str = "macro",
    ) -> None:
        super().__init__(name, output_names, label_names, average)

    def _score(self, counts: _Counts) -> float:
        return counts.fscore


@register
class MCC(_BinaryMetric):
    """The Matthews correlation coefficient of a binary classification (Matthews, 1975).

    ``(TP * TN - FP * FN) / sqrt((TP + FP) * (TP + FN) * (TN + FP) * (TN + FN))``; 0 where a factor is 0.

    Parameters
    ----------
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'mcc'``.
    average : str
        ``'macro'`` (default): mean of the batches' coefficients; ``'micro'``: coefficient of all samples
        together.

    Labels and predictions as for `F1`.
    """

    def __init__(
        self,
        name: str = "mcc",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
        average: str = "macro",
    ) -> None:
        super().__init__(name, output_names, label_names, average)

    def _score(self, counts: _Counts) -> float:
        return counts.matthewscc


@register
class PCC(EvalMetric):
    """The correlation of labels and predicted classes, `MCC` for any number of classes (Gorodkin, 2004).

    Parameters
    ----------
    name, output_names, label_names, has_global_stats :
        See `EvalMetric`. Default name ``'pcc'``, with global values.

    Predictions have the classes along axis 1, or the labels' own shape: class numbers. The number of classes
    grows with the labels and predictions that come. The coefficient of all samples is NaN if all labels, or
    all predictions, are the same class. The attributes `lcm` and `gcm` are the local and the global confusion
    matrix, predictions as rows.
    """

    def __init__(
        self,
        name: str = "pcc",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
        has_global_stats: bool = True,
    ) -> None:
        self.k = 2
        self.lcm: np.ndarray
        self.gcm: np.ndarray
        super().__init__(
            name, output_names=output_names, label_names=label_names, has_global_stats=has_global_stats
        )

    def update(self, labels: Any, preds: Any) -> None:
        for label, pred in paired(labels, preds):
            if pred.shape != label.shape:
                pred = _class_of("PCC", pred, 1)
            expected, predicted = _integers(label), _integers(pred)
            check_label_shapes(expected, predicted)
            if expected.size:
                self._grow(int(max(expected.max(), predicted.max())) + 1)
            self._count(predicted, expected)
        self.num_inst += 1
        self.global_num_inst += 1

    def _grow(self, classes: int) -> None:
        more = classes - self.k
        if more > 0:
            self.lcm = np.pad(self.lcm, (0, more))
            self.gcm = np.pad(self.gcm, (0, more))
            self.k = classes

    def _count(self, predicted: np.ndarray, expected: np.ndarray) -> None:
        """Add to both matrices. Class -1 is the last, as in an index."""
        rows, columns = (np.where(values < 0, values + self.k, values) for values in (predicted, expected))
        if min(rows.min(initial=0), columns.min(initial=0)) < 0:
            raise ValueError(f"[PCC] class out of range: got one below {-self.k} for {self.k} classes")
        cells = rows * self.k + columns
        if cells.size < self.k**2:
            for matrix in (self.lcm, self.gcm):
                np.add.at(matrix.reshape(-1), cells, 1.0)
        else:
            counts = np.bincount(cells, minlength=self.k**2).reshape(self.k, self.k)
            self.lcm += counts
            self.gcm += counts

    @staticmethod
    def _calc_mcc(matrix: np.ndarray) -> float:
        """Return the covariance of labels and predictions over the root of the product of their variances."""
        total = matrix.sum()
        rows, columns = matrix.sum(axis=1), matrix.sum(axis=0)
        variances = np.sum(rows * (total - rows)) * np.sum(columns * (total - columns))
        if variances == 0:
            return math.nan
        return float((np.trace(matrix) * total - np.sum(rows * columns)) / math.sqrt(variances))

    @property
    def sum_metric(self) -> float:  # type: ignore[override]
        """The coefficient times the number of updates."""
        return self._calc_mcc(self.lcm) * self.num_inst

    @property
    def global_sum_metric(self) -> float:  # type: ignore[override]
        """The global coefficient times the global number of updates."""
        return self._calc_mcc(self.gcm) * self.global_num_inst

    def reset(self) -> None:
        self.global_num_inst = 0
        self.gcm = np.zeros((self.k, self.k))
        self.reset_local()

    def reset_local(self) -> None:
        self.num_inst = 0
        self.lcm = np.zeros((self.k, self.k))
