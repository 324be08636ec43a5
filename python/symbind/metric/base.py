"""The base of metrics, their registry, and what all of them share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import registry

__all__ = ["EvalMetric", "alias", "check_label_shapes", "register"]


class EvalMetric:
    """Base of metrics: a sum and a count, whose quotient is the metric's value.

    The sum and the count are kept twice: since the last `reset_local`, and since the last `reset`. A subclass
    defines `update`, which adds to `sum_metric` and `num_inst`, and, if it was made with
    ``has_global_stats=True``, to `global_sum_metric` and `global_num_inst`.

    Parameters
    ----------
    name : str
        Name of the value in logs.
    output_names : list of str or None
        Names of the predictions that `update_dict` takes. None: all.
    label_names : list of str or None
        Names of the labels that `update_dict` takes. None: all.
    has_global_stats : bool
        Whether the subclass keeps global values; without them `get_global` returns the local value. Default
        False.
    **kwargs :
        Arguments of the subclass, for `get_config`.
    """

    num_inst: float
    sum_metric: float
    global_num_inst: float
    global_sum_metric: float
    _resetting = False

    def __init__(
        self,
        name: Any,
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._has_global_stats = kwargs.pop("has_global_stats", False)
        self._kwargs = kwargs
        self.reset()

    def __str__(self) -> str:
        return f"EvalMetric: {dict(self.get_name_value())}"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this metric; `create` makes an equal one from them or from their JSON."""
        config = dict(self._kwargs)
        config.update(
            metric=type(self).__name__,
            name=self.name,
            output_names=self.output_names,
            label_names=self.label_names,
        )
        return config

    def update_dict(self, label: dict[str, Any], pred: dict[str, Any]) -> None:
        """Update from labels and predictions by name.

        Takes those named in `label_names` and `output_names`, in that order; all, in the order of the dicts,
        where these are None. Raises KeyError if a name is missing.
        """
        self.update(
            self._select("label", label, self.label_names), self._select("output", pred, self.output_names)
        )

    def _select(self, kind: str, arrays: dict[str, Any], names: list[str] | None) -> list[Any]:
        if names is None:
            return list(arrays.values())
        missing = [name for name in names if name not in arrays]
        if missing:
            raise KeyError(
                f"[{type(self).__name__}.update_dict] metric {self.name!r} has no {kind} {missing[0]!r}: got "
                f"{list(arrays)}"
            )
        return [arrays[name] for name in names]

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch.

        Parameters
        ----------
        labels, preds : list of NDArray or numpy.ndarray, or a single one
            One entry for each output of the network.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update(labels, preds)")

    def _add(self, value: float, count: float) -> None:
        """Add to the local and to the global sum and count."""
        self.sum_metric += value
        self.global_sum_metric += value
        self.num_inst += count
        self.global_num_inst += count

    def reset(self) -> None:
        """Forget everything."""
        self.num_inst = 0
        self.sum_metric = 0.0
        self.global_num_inst = 0
        self.global_sum_metric = 0.0

    def reset_local(self) -> None:
        """Forget everything but the global values.

        A metric that has none, and a `reset` of its own, was written before there was this method: lists
        instead of numbers, say, which only its `reset` knows how to empty.
        """
        if not self._has_global_stats and type(self).reset is not EvalMetric.reset and not self._resetting:
            self._resetting = True
            try:
                self.reset()  # which may call this method
            finally:
                self._resetting = False
            return
        self.num_inst = 0
        self.sum_metric = 0.0

    def get(self) -> tuple[Any, Any]:
        """Return the name and the value since the last `reset` or `reset_local`; NaN without an update."""
        return self.name, self._quotient(self.sum_metric, self.num_inst)

    def get_global(self) -> tuple[Any, Any]:
        """Return the name and the value since the last `reset`; NaN if there was no update."""
        if not self._has_global_stats:
            return self.get()
        return self.name, self._quotient(self.global_sum_metric, self.global_num_inst)

    def _quotient(self, total: float, count: float) -> float:
        return total / count if count != 0 else math.nan

    def get_name_value(self) -> list[tuple[str, Any]]:
        """Return a list of (name, value) of `get`."""
        return _pairs(*self.get())

    def get_global_name_value(self) -> list[tuple[str, Any]]:
        """Return a list of (name, value) of `get_global`."""
        if not self._has_global_stats:
            return self.get_name_value()
        return _pairs(*self.get_global())


def _pairs(names: Any, values: Any) -> list[tuple[str, Any]]:
    names = names if isinstance(names, list) else [names]
    values = values if isinstance(values, list) else [values]
    return list(zip(names, values))


register = registry.get_register_func(EvalMetric, "metric")
alias = registry.get_alias_func(EvalMetric, "metric")


def check_label_shapes(labels: Any, preds: Any, wrap: bool = False, shape: bool = False) -> tuple[Any, Any]:
    """Check that there are as many labels as predictions.

    Parameters
    ----------
    labels, preds : list of arrays, or array
    wrap : bool
        Return single arrays as lists of one. Default False.
    shape : bool
        Compare the whole `shape` of two arrays instead of their lengths. Default False.

    Returns
    -------
    labels, preds

    Raises
    ------
    ValueError
        If they differ.
    """
    got = (labels.shape, preds.shape) if shape else (_length(labels), _length(preds))
    if got[0] != got[1]:
        raise ValueError(
            f"[check_label_shapes] Shape of labels {got[0]} does not match shape of predictions {got[1]}"
        )
    if wrap:
        labels = labels if isinstance(labels, (list, tuple)) else [labels]
        preds = preds if isinstance(preds, (list, tuple)) else [preds]
    return labels, preds


def _length(arrays: Any) -> int:
    return 1 if getattr(arrays, "shape", None) == () else len(arrays)


def to_numpy(array: Any) -> np.ndarray:
    """Return the values of an NDArray, or of anything that NumPy makes an array of numbers from, to read."""
    handle = getattr(array, "handle", None)
    if handle is not None and hasattr(handle, "peek_numpy"):
        return handle.peek_numpy()  # large predictions are not copied
    values = array.asnumpy() if hasattr(array, "asnumpy") else np.asarray(array)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"[metric] expected an NDArray or a NumPy array: got {type(array).__name__}")
    return values


def paired(labels: Any, preds: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (label, prediction) of each output as NumPy arrays. ValueError if their numbers differ."""
    labels = labels if isinstance(labels, (list, tuple)) else [labels]
    preds = preds if isinstance(preds, (list, tuple)) else [preds]
    if len(labels) != len(preds):
        check_label_shapes(labels, preds)
    return [(to_numpy(label), to_numpy(pred)) for label, pred in zip(labels, preds)]
