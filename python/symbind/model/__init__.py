"""Checkpoints, the steps of a training loop that modules share, and `FeedForward`."""

from .checkpoint import (
    load_checkpoint,
    load_params,
    load_symbol,
    pack_params,
    save_checkpoint,
    unpack_params,
)
from .feed_forward import FeedForward
from .training import (
    BatchEndParam,
    _create_kvstore,
    _initialize_kvstore,
    _multiple_callbacks,
    _update_params,
    _update_params_on_kvstore,
    _with_grad,
)

__all__ = ["BatchEndParam", "FeedForward", "load_checkpoint", "load_params", "save_checkpoint"]
