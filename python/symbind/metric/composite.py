"""Several metrics as one, and making metrics from their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from .. import registry
from .base import EvalMetric, alias, register
from .custom import CustomMetric

__all__ = ["CompositeEvalMetric", "create"]

_create_registered = registry.get_create_func(EvalMetric, "metric")


def create(metric: Any, *args: Any, **kwargs: Any) -> EvalMetric:
    """Make a metric.

    Parameters
    ----------
    metric : str, callable, EvalMetric, list or dict
        A registered name; a function ``feval(label, pred)`` for `CustomMetric`; a metric, which comes back as
        it is; a list of these, for `CompositeEvalMetric`; what `EvalMetric.get_config` returns, or its JSON.
    *args, **kwargs :
        Arguments of the metric's class.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For any other type.

    Examples
    --------
    >>> mx.metric.create(['acc', mx.metric.create('top_k_accuracy', top_k=5)])
    """
    if isinstance(metric, (list, tuple)):
        composite = CompositeEvalMetric()
        for child in metric:
            composite.add(create(child, *args, **kwargs))
        return composite
    if isinstance(metric, type) and issubclass(metric, EvalMetric):
        return metric(*args, **kwargs)
    if callable(metric):
        return CustomMetric(metric, *args, **kwargs)
    return _create_registered(metric, *args, **kwargs)


@alias("composite")
@register
class CompositeEvalMetric(EvalMetric):
    """Several metrics of the same labels and predictions.

    Parameters
    ----------
    metrics : list of EvalMetric, str or callable, or None
        Anything that `create` takes. More can follow with `add`.
    name, output_names, label_names :
        See `EvalMetric`. The names select what the metrics get to see.

    `get` returns a list of names and a list of values, those of composite metrics inside flattened.
    """

    metrics: list[EvalMetric]

    def __init__(
        self,
        metrics: Sequence[EvalMetric | str | Callable] | None = None,
        name: str = "composite",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        if isinstance(metrics, (str, EvalMetric)):
            metrics = [metrics]
        self.metrics = [create(metric) for metric in metrics or ()]
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def add(self, metric: Any) -> None:
        """Append a metric, or what `create` makes one from."""
        self.metrics.append(create(metric))

    def get_metric(self, index: int) -> EvalMetric:
        """Return the metric at a position. Raises ValueError if there is none."""
        try:
            return self.metrics[index]
        except IndexError:
            raise ValueError(
                f"[CompositeEvalMetric] Metric index {index} is out of range 0 and {len(self.metrics)}"
            ) from None

    def update_dict(self, labels: dict[str, Any], preds: dict[str, Any]) -> None:
        """Update every metric by name, from the labels and predictions that this metric's names admit."""
        if self.label_names is not None:
            labels = {name: value for name, value in labels.items() if name in self.label_names}
        if self.output_names is not None:
            preds = {name: value for name, value in preds.items() if name in self.output_names}
        for metric in self.metrics:
            metric.update_dict(labels, preds)

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch to every metric."""
        for metric in self.metrics:
            metric.update(labels, preds)

    def reset(self) -> None:
        """Make every metric forget everything."""
        for metric in self.metrics:
            metric.reset()

    def reset_local(self) -> None:
        """Make every metric forget everything but its global value."""
        for metric in self.metrics:
            metric.reset_local()

    def get(self) -> tuple[list[str], list[Any]]:
        """Return a list of names and a list of values."""
        return _unzip([pair for metric in self.metrics for pair in metric.get_name_value()])

    def get_global(self) -> tuple[list[str], list[Any]]:
        """Return a list of names and a list of global values."""
        return _unzip([pair for metric in self.metrics for pair in metric.get_global_name_value()])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this metric and, under ``'metrics'``, those of the metrics in it."""
        config = super().get_config()
        config["metrics"] = [metric.get_config() for metric in self.metrics]
        return config


def _unzip(pairs: list[tuple[str, Any]]) -> tuple[list[str], list[Any]]:
    return [name for name, _ in pairs], [value for _, value in pairs]
