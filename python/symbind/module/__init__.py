"""Modules: the intermediate and high-level interface to a Symbol."""

from .base_module import BaseModule
from .bucketing_module import BucketingModule
from .executor_group import DataParallelExecutorGroup
from .module import Module

__all__ = ["BaseModule", "BucketingModule", "DataParallelExecutorGroup", "Module"]
