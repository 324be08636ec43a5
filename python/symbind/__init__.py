"""symbind runs programs and models of Apache MXNet's Module API: ``import symbind as mx``."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import (
    _core,
    _out_of_scope,
    attribute,
    base,
    callback,
    context,
    contrib,
    engine,
    executor,
    executor_manager,
    image,
    initializer,
    io,
    kvstore,
    libinfo,
    log,
    lr_scheduler,
    metric,
    misc,
    model,
    module,
    monitor,
    name,
    ndarray,
    operator,
    optimizer,
    profiler,
    random,
    recordio,
    registry,
    rnn,
    rtc,
    runtime,
    symbol,
    test_utils,
    util,
    visualization,
)
from . import image as img
from . import initializer as init
from . import kvstore as kv
from . import module as mod
from . import monitor as mon
from . import ndarray as nd
from . import optimizer as opt
from . import random as rnd
from . import symbol as sym
from . import visualization as viz
from .attribute import AttrScope
from .base import MXNetError
from .context import Context, cpu, cpu_pinned, current_context, gpu, num_gpus
from .executor import Executor
from .install import install_as_mxnet
from .util import is_np_array, is_np_shape, np_shape, set_np_shape

__version__ = "0.1.0"

if not _TYPE_CHECKING:

    def __getattr__(name: str):
        raise _out_of_scope.attribute_error(__name__, name)
