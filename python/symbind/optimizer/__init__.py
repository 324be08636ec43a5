"""Optimizers: rules that update parameters from gradients."""

from . import contrib as contrib
from . import optimizer as optimizer
from .accumulated import AdaDelta, Adamax, Nadam
from .adaptive import AdaGrad, Adam, RMSProp
from .fused import FusedOptimizer
from .large_batch import DCASGD, LAMB, LARS, LBSGD
from .operator_steps import FTML, SGLD, Ftrl, Signum
from .optimizer import Optimizer, Test, create, register
from .sgd import NAG, SGD, ccSGD
from .updater import UpdatePlan, Updater, get_updater

opt_registry = Optimizer.opt_registry

__all__ = [
    "DCASGD",
    "FTML",
    "LAMB",
    "LARS",
    "LBSGD",
    "NAG",
    "SGD",
    "SGLD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "Adamax",
    "Ftrl",
    "FusedOptimizer",
    "Nadam",
    "Optimizer",
    "RMSProp",
    "Signum",
    "Test",
    "UpdatePlan",
    "Updater",
    "ccSGD",
    "create",
    "get_updater",
    "opt_registry",
    "register",
]
