"""Leaving the samples that only fill up the last batch out of metrics."""

from __future__ import annotations

from typing import Any

from ..io import DataDesc
from ..metric import EvalMetric


class WithoutPadding(EvalMetric):
    """Stands in for a metric during one batch, and gives it the samples that are no padding.

    Each update gets the labels and outputs of one context, in the order of contexts; padding is at the end of
    the batch.

    Parameters
    ----------
    metric : EvalMetric
    batch_size, pad : int
    """

    def __init__(self, metric: Any, batch_size: int, pad: int) -> None:
        # Not super().__init__: everything but the updates is the other metric's.
        self._metric = metric
        self._batch_size = batch_size
        self._kept = batch_size - pad
        self._seen = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._metric, name)

    def update_dict(self, label: dict[str, Any], pred: dict[str, Any]) -> None:
        """Update from the samples of one context by name."""
        count = self._count([*label.values(), *pred.values()])
        if count is None:
            self._metric.update_dict(label, pred)
        elif count:
            self._metric.update_dict(
                {name: array[:count] for name, array in label.items()},
                {name: array[:count] for name, array in pred.items()},
            )

    def update(self, labels: Any, preds: Any) -> None:
        """Update from the samples of one context."""
        label_list = labels if isinstance(labels, (list, tuple)) else [labels]
        pred_list = preds if isinstance(preds, (list, tuple)) else [preds]
        count = self._count([*label_list, *pred_list])
        if count is None:
            self._metric.update(labels, preds)
        elif count:
            self._metric.update([a[:count] for a in label_list], [a[:count] for a in pred_list])

    def _count(self, arrays: list[Any]) -> int | None:
        """How many samples of these to keep; None where their first axis is not that of samples."""
        lengths = {array.shape[0] if array.shape else 0 for array in arrays}
        if len(lengths) != 1:
            return None
        (length,) = lengths
        if not 0 < length <= self._batch_size - self._seen:
            return None
        count = min(length, max(self._kept - self._seen, 0))
        # Several modules of a chain may update the metric, each with the whole batch.
        self._seen = (self._seen + length) % self._batch_size
        return count


def padding_of(batch: Any) -> int:
    """How many samples at the end of a batch only fill it up."""
    padding = getattr(batch, "padding", None)
    if padding is None:
        padding = getattr(batch, "pad", None)
    return padding or 0


def without_padding(metric: Any, module: Any, batch: Any) -> Any:
    """The metric, or what stands in for it if the batch has padding that can be told from samples."""
    batches = batch if isinstance(batch, list) else [batch]
    pad = padding_of(batches[-1])
    if not pad or any(padding_of(b) for b in batches[:-1]):
        return metric
    if any(_axis(desc) != 0 for desc in [*module.data_shapes, *(module.label_shapes or ())]):
        return metric
    batch_size = sum(b.data[0].shape[0] for b in batches)
    return WithoutPadding(metric, batch_size, pad) if 0 < pad < batch_size else metric


def _axis(desc: Any) -> int:
    return DataDesc.get_batch_axis(getattr(desc, "layout", None))
