"""Callbacks for `Module.fit`: checkpoints at the end of epochs, logs at the end of batches.

An epoch-end callback is called with ``(epoch, symbol, arg_params, aux_params)``; a batch-end callback with
one object that has the attributes `epoch`, `nbatch`, `eval_metric` and `locals`, a `model.BatchEndParam`.
"""

from __future__ import annotations

import inspect
import logging
import math
import time
from typing import Any, Callable

__all__ = [
    "LogValidationMetricsCallback",
    "ProgressBar",
    "Speedometer",
    "do_checkpoint",
    "log_train_metric",
    "module_checkpoint",
]


def module_checkpoint(
    mod: Any, prefix: str, period: int = 1, save_optimizer_states: bool = False
) -> Callable[..., None]:
    """Make an epoch-end callback that saves a module.

    Parameters
    ----------
    mod : BaseModule
        Its `save_checkpoint` is called.
    prefix : str
        The files are ``prefix-symbol.json``, ``prefix-NNNN.params`` and, with `save_optimizer_states`,
        ``prefix-NNNN.states``, where NNNN counts epochs from 1.
    period : int
        Save after every `period` epochs. Default 1; smaller values mean 1.
    save_optimizer_states : bool
        Also save what is needed to go on training. Default False.
    """
    period = max(1, int(period))

    def _callback(iter_no: int, sym: Any = None, arg: Any = None, aux: Any = None) -> None:
        if (iter_no + 1) % period == 0:
            save = mod.save_checkpoint
            if "save_optimizer_states" in inspect.signature(save).parameters:  # not everywhere the third
                save(prefix, iter_no + 1, save_optimizer_states=save_optimizer_states)
            else:
                save(prefix, iter_no + 1, save_optimizer_states)

    return _callback


def do_checkpoint(prefix: str, period: int = 1) -> Callable[..., None]:
    """Make an epoch-end callback that saves the symbol and the parameters it is given.

    The files are ``prefix-symbol.json`` and ``prefix-NNNN.params``, where NNNN counts epochs from 1.

    Parameters
    ----------
    prefix : str
    period : int
        Save after every `period` epochs. Default 1; smaller values mean 1.
    """
    period = max(1, int(period))

    def _callback(iter_no: int, sym: Any, arg: Any, aux: Any) -> None:
        if (iter_no + 1) % period == 0:
            from .model import save_checkpoint  # `model` stands above this module

            save_checkpoint(prefix, iter_no + 1, sym, arg, aux)

    return _callback


def log_train_metric(period: int, auto_reset: bool = False) -> Callable[[Any], None]:
    """Make a batch-end callback that logs the training metric.

    Parameters
    ----------
    period : int
        Log every `period` batches.
    auto_reset : bool
        Start the metric anew after each log, its global values excepted. Default False.
    """

    def _callback(param: Any) -> None:
        if param.nbatch % period == 0 and param.eval_metric is not None:
            for name, value in param.eval_metric.get_name_value():
                logging.info("Iter[%d] Batch[%d] Train-%s=%f", param.epoch, param.nbatch, name, value)
            if auto_reset:
                param.eval_metric.reset_local()

    return _callback


class Speedometer:
    """Batch-end callback that logs training speed and metrics.

    Parameters
    ----------
    batch_size : int
        Number of samples in a batch.
    frequent : int
        Log every `frequent` batches. Default 50.
    auto_reset : bool
        Start the metric anew after each log, so that each line is about the batches since the line before it.
        Default True. The metric's global values are not reset.
    """

    def __init__(self, batch_size: int, frequent: int = 50, auto_reset: bool = True) -> None:
        self.batch_size = batch_size
        self.frequent = frequent
        self.init = False
        self.tic = 0.0
        self.last_count = 0
        self.auto_reset = auto_reset

    def __call__(self, param: Any) -> None:
        count = param.nbatch
        if self.last_count > count:  # a new epoch
            self.init = False
        self.last_count = count
        if not self.init:
            self.init = True
            self.tic = time.perf_counter()
        elif count % self.frequent == 0:
            self._log(param, self._speed())
            self.tic = time.perf_counter()

    def _speed(self) -> float:
        elapsed = time.perf_counter() - self.tic
        return self.frequent * self.batch_size / elapsed if elapsed > 0 else math.inf

    def _log(self, param: Any, speed: float) -> None:
        if param.eval_metric is None:
            logging.info("Iter[%d] Batch [%d]\tSpeed: %.2f samples/sec", param.epoch, param.nbatch, speed)
            return
        pairs = param.eval_metric.get_name_value()
        first = 0
        if self.auto_reset:
            param.eval_metric.reset_local()
            first = param.nbatch - self.frequent
        message = "Epoch[%d] Batch [%d-%d]\tSpeed: %.2f samples/sec" + "\t%s=%f" * len(pairs)
        values = (part for pair in pairs for part in pair)
        logging.info(message, param.epoch, first, param.nbatch, speed, *values)


class ProgressBar:
    """Batch-end callback that logs a bar of how much of the epoch is done.

    Parameters
    ----------
    total : int
        Number of batches in an epoch.
    length : int
        Number of characters of the bar. Default 80.
    """

    def __init__(self, total: int, length: int = 80) -> None:
        self.bar_len = length
        self.total = total

    def __call__(self, param: Any) -> None:
        filled = round(self.bar_len * param.nbatch / float(self.total))
        bar = "=" * filled + "-" * (self.bar_len - filled)
        logging.info("[%s] %s%s\r", bar, math.ceil(100.0 * param.nbatch / float(self.total)), "%")


class LogValidationMetricsCallback:
    """Evaluation-end callback that logs the metrics of the whole validation set."""

    def __call__(self, param: Any) -> None:
        if not param.eval_metric:
            return
        for name, value in param.eval_metric.get_name_value():
            logging.info("Epoch[%d] Validation-%s=%f", param.epoch, name, value)
