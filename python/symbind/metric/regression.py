"""Metrics of predicted numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import EvalMetric, alias, check_label_shapes, paired, register

__all__ = ["MAE", "MSE", "RMSE", "PearsonCorrelation"]


class _ErrorMetric(EvalMetric):
    """Base of metrics of label - prediction: the mean over batches of a mean over the batch."""

    def __init__(self, name: str, output_names: list[str] | None, label_names: list[str] | None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def _error(self, difference: np.ndarray) -> float:
        raise NotImplementedError

    def update(self, labels: Any, preds: Any) -> None:
        for label, pred in paired(labels, preds):
            # Half precision and integers would overflow in a difference or a square.
            dtype = np.result_type(label.dtype, pred.dtype, np.float32)
            column, values = _as_column(label), _as_column(pred)
            try:
                difference = np.subtract(column, values, dtype=dtype)
            except ValueError:
                raise ValueError(
                    f"[{type(self).__name__}] labels do not fit predictions: got shapes {label.shape} and "
                    f"{pred.shape}"
                ) from None
            self._add(self._error(difference), 1)


def _as_column(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, 1) if values.ndim == 1 else values


def _mean_square(difference: np.ndarray) -> float:
    return float(np.square(difference).mean())


@register
class MAE(_ErrorMetric):
    """The mean absolute error: the mean over batches of the mean of ``|label - prediction|``.

    Parameters
    ----------
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'mae'``.

    One-dimensional labels and predictions are columns; then the shapes must agree or broadcast.
    """

    def __init__(
        self,
        name: str = "mae",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _error(self, difference: np.ndarray) -> float:
        return float(np.abs(difference).mean())


@register
class MSE(_ErrorMetric):
    """The mean squared error: the mean over batches of the mean of ``(label - prediction) ** 2``.

    Parameters
    ----------
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'mse'``. Shapes as for `MAE`.
    """

    def __init__(
        self,
        name: str = "mse",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _error(self, difference: np.ndarray) -> float:
        return _mean_square(difference)


@register
class RMSE(_ErrorMetric):
    """The mean over batches of the root of the batch's mean squared error.

    Parameters
    ----------
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'rmse'``. Shapes as for `MAE`.
    """

    def __init__(
        self,
        name: str = "rmse",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _error(self, difference: np.ndarray) -> float:
        return math.sqrt(_mean_square(difference))


class _Moments:
    """Means, squared deviations and co-deviation of pairs (x, y), merged by batch (Chan et al., 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean_x = self.mean_y = 0.0
        self.xx = self.yy = self.xy = 0.0

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        if not x.size:
            return
        mean_x, mean_y = float(x.mean()), float(y.mean())
        dx, dy = x - mean_x, y - mean_y
        step_x, step_y = mean_x - self.mean_x, mean_y - self.mean_y
        count = self.count + x.size
        weight = self.count * x.size / count
        self.xx += float(dx @ dx) + step_x * step_x * weight
        self.yy += float(dy @ dy) + step_y * step_y * weight
        self.xy += float(dx @ dy) + step_x * step_y * weight
        self.mean_x += step_x * x.size / count
        self.mean_y += step_y * x.size / count
        self.count = count

    def correlation(self) -> float:
        if not (self.xx > 0 and self.yy > 0):
            return math.nan
        return min(1.0, max(-1.0, self.xy / (math.sqrt(self.xx) * math.sqrt(self.yy))))


@alias("pearsonr")
@register
class PearsonCorrelation(EvalMetric):
    """The Pearson correlation of labels and predictions.

    Parameters
    ----------
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'pearsonr'``.
    average : str
        ``'macro'`` (default): mean of the correlations of each output in each batch; ``'micro'``: correlation
        of all values together.

    Labels and predictions have the same shape; their values are paired. NaN if all labels, or all
    predictions, are the same.
    """

    def __init__(
        self,
        name: str = "pearsonr",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
        average: str = "macro",
    ) -> None:
        if average not in ("macro", "micro"):
            raise ValueError(
                f"[PearsonCorrelation] unknown average: got {average!r}, expected macro or micro"
            )
        self.average = average
        super().__init__(
            name, output_names=output_names, label_names=label_names, average=average, has_global_stats=True
        )

    def update(self, labels: Any, preds: Any) -> None:
        for label, pred in paired(labels, preds):
            check_label_shapes(label, pred, shape=True)
            x, y = label.ravel().astype(np.float64), pred.ravel().astype(np.float64)
            if self.average == "macro":
                batch = _Moments()
                batch.add(x, y)
                self._add(batch.correlation(), 1)
            else:
                self._local.add(x, y)
                self._global.add(x, y)
                self.num_inst += 1
                self.global_num_inst += 1

    def reset(self) -> None:
        super().reset()
        self._local, self._global = _Moments(), _Moments()

    def reset_local(self) -> None:
        super().reset_local()
        self._local = _Moments()

    def get(self) -> tuple[str, float]:
        if self.average == "macro" or self.num_inst == 0:
            return super().get()
        return self.name, self._local.correlation()

    def get_global(self) -> tuple[str, float]:
        if self.average == "macro" or self.global_num_inst == 0:
            return super().get_global()
        return self.name, self._global.correlation()
