"""Metrics for TensorBoard."""

from __future__ import annotations

from typing import Any

__all__ = ["LogMetricsCallback"]


class LogMetricsCallback:
    """A callback for batches or evaluations that writes metrics where TensorBoard finds them.

    Parameters
    ----------
    logging_dir : str
        Folder for the event files.
    prefix : str, optional
        Put in front of the names of metrics, as ``prefix-name``.

    Raises
    ------
    ImportError
        If neither mxboard nor tensorboardX is installed.
    """

    def __init__(self, logging_dir: str, prefix: str | None = None) -> None:
        self.prefix = prefix
        self.step = 0
        self.summary_writer = _summary_writer(logging_dir)

    def __call__(self, param: Any) -> None:
        """Write the metrics of a `BatchEndParam`."""
        self.step += 1
        if param.eval_metric is None:
            return
        for name, value in param.eval_metric.get_name_value():
            name = name if self.prefix is None else f"{self.prefix}-{name}"
            self.summary_writer.add_scalar(name, value, self.step)


def _summary_writer(logging_dir: str) -> Any:
    for module in ("mxboard", "tensorboardX"):
        try:
            return __import__(module).SummaryWriter(logging_dir)
        except ImportError:
            continue
    raise ImportError(
        "[LogMetricsCallback] neither mxboard nor tensorboardX is installed: pip install tensorboardX"
    )
