"""Optimizers: rules that update parameters from gradients."""

from . import optimizer as optimizer
from .adaptive import AdaGrad, Adam, RMSProp
from .fused import FusedOptimizer
from .optimizer import Optimizer, Test, create, register
from .sgd import NAG, SGD, ccSGD
from .updater import UpdatePlan, Updater, get_updater

opt_registry = Optimizer.opt_registry

__all__ = [
    "NAG",
    "SGD",
    "AdaGrad",
    "Adam",
    "FusedOptimizer",
    "Optimizer",
    "RMSProp",
    "Test",
    "UpdatePlan",
    "Updater",
    "ccSGD",
    "create",
    "get_updater",
    "opt_registry",
    "register",
]
