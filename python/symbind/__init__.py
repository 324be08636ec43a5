"""symbind runs programs and models of Apache MXNet's Module API: ``import symbind as mx``."""

from . import _core, base, name, random
from .attribute import AttrScope
from .base import MXNetError
from .context import Context, cpu, cpu_pinned, current_context, gpu, num_gpus

from . import ndarray
from . import ndarray as nd
from . import symbol
from . import symbol as sym
from . import executor
from .executor import Executor

from . import callback, initializer, io, log, lr_scheduler, metric, monitor, registry, test_utils, visualization
from . import initializer as init
from . import kvstore, optimizer
from . import kvstore as kv
from . import monitor as mon
from . import optimizer as opt
from . import visualization as viz
from . import model, module
from . import module as mod
__version__ = "0.1.0"
