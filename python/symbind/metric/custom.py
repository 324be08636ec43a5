"""Metrics that a function computes, and the mean of a loss."""

from __future__ import annotations

from typing import Any, Callable

import numpy

from .base import EvalMetric, paired, register, to_numpy

__all__ = ["Caffe", "CustomMetric", "Loss", "Torch", "np"]


@register
class CustomMetric(EvalMetric):
    """The mean of what a function returns.

    Parameters
    ----------
    feval : function
        ``feval(label, pred)`` takes NumPy arrays and returns a number, the value of one output in one batch,
        or a tuple (sum, count).
    name : str or None
        None: the function's name, ``custom(NAME)`` for one without a proper name.
    allow_extra_outputs : bool
        With True, labels or predictions at the end that have no counterpart are ignored. Default False.
    output_names, label_names :
        See `EvalMetric`.
    """

    def __init__(
        self,
        feval: Callable[[numpy.ndarray, numpy.ndarray], Any],
        name: str | None = None,
        allow_extra_outputs: bool = False,
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        if not callable(feval):
            raise TypeError(f"[CustomMetric] feval must be callable: got {type(feval).__name__}")
        if name is None:
            name = getattr(feval, "__name__", type(feval).__name__)
            if "<" in name:  # <lambda>
                name = f"custom({name})"
        super().__init__(
            name,
            output_names=output_names,
            label_names=label_names,
            feval=feval,
            allow_extra_outputs=allow_extra_outputs,
            has_global_stats=True,
        )
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels: Any, preds: Any) -> None:
        if self._allow_extra_outputs:
            labels = labels if isinstance(labels, (list, tuple)) else [labels]
            preds = preds if isinstance(preds, (list, tuple)) else [preds]
            common = min(len(labels), len(preds))
            labels, preds = labels[:common], preds[:common]
        # The function may keep or change what it gets.
        for label, pred in ((a.copy(), b.copy()) for a, b in paired(labels, preds)):
            result = self._feval(label, pred)
            total, count = result if isinstance(result, tuple) else (result, 1)
            self._add(total, count)

    def get_config(self) -> dict[str, Any]:
        """Raise NotImplementedError: a function has no JSON form."""
        raise NotImplementedError(f"[CustomMetric] CustomMetric cannot be serialized: {self.name}")


def np(
    numpy_feval: Callable[[numpy.ndarray, numpy.ndarray], Any],
    name: str | None = None,
    allow_extra_outputs: bool = False,
) -> CustomMetric:
    """Make a `CustomMetric` from a function of NumPy arrays; see there for the arguments.

    Examples
    --------
    >>> def error_rate(label, pred):
    ...     return numpy.mean(label != pred.argmax(axis=1))
    >>> metric = mx.metric.np(error_rate)
    """
    return CustomMetric(numpy_feval, name, allow_extra_outputs)


@register
class Loss(EvalMetric):
    """The mean of the predictions themselves, for networks whose outputs are losses; labels are ignored.

    Parameters
    ----------
    name, output_names, label_names :
        See `EvalMetric`. Default name ``'loss'``.
    """

    def __init__(
        self,
        name: str = "loss",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def update(self, _: Any, preds: Any) -> None:
        for pred in preds if isinstance(preds, (list, tuple)) else [preds]:
            values = to_numpy(pred)
            self._add(float(values.sum(dtype=numpy.float64)), values.size)


@register
class Torch(Loss):
    """`Loss` under the name ``'torch'``."""

    def __init__(
        self,
        name: str = "torch",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)


@register
class Caffe(Loss):
    """`Loss` under the name ``'caffe'``."""

    def __init__(
        self,
        name: str = "caffe",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)
