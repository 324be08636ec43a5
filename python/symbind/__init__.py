"""symbind runs programs and models of Apache MXNet's Module API: ``import symbind as mx``."""

from . import (
    _core,
    base,
    callback,
    executor,
    initializer,
    io,
    kvstore,
    log,
    lr_scheduler,
    metric,
    model,
    module,
    monitor,
    name,
    ndarray,
    optimizer,
    profiler,
    random,
    recordio,
    registry,
    rnn,
    symbol,
    test_utils,
    visualization,
)
from . import initializer as init
from . import kvstore as kv
from . import module as mod
from . import monitor as mon
from . import ndarray as nd
from . import optimizer as opt
from . import symbol as sym
from . import visualization as viz
from .attribute import AttrScope
from .base import MXNetError
from .context import Context, cpu, cpu_pinned, current_context, gpu, num_gpus
from .executor import Executor

__version__ = "0.1.0"
