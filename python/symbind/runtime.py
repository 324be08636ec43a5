"""What this build can do: `mx.runtime.Features`."""

from __future__ import annotations

import platform
from collections import OrderedDict

from . import _core

__all__ = ["Feature", "Features", "feature_list"]

_X86 = platform.machine() in ("x86_64", "AMD64")
# The names are MXNet's. Instruction sets are those that own kernels exist for.
_ENABLED = {
    "CUDA": False,
    "CUDNN": False,
    "NCCL": False,
    "CUDA_RTC": False,
    "TENSORRT": False,
    "CPU_SSE": _X86,
    "CPU_SSE2": _X86,
    "CPU_SSE3": False,
    "CPU_SSE4_1": False,
    "CPU_SSE4_2": False,
    "CPU_SSE4A": False,
    "CPU_AVX": False,
    "CPU_AVX2": _X86,
    "OPENMP": True,
    "SSE": _X86,
    "F16C": False,
    "JEMALLOC": False,
    "BLAS_OPEN": False,
    "BLAS_ATLAS": False,
    "BLAS_MKL": False,
    "BLAS_APPLE": False,
    "LAPACK": True,
    "MKLDNN": _core.has_onednn,
    "OPENCV": False,
    "CAFFE": False,
    "PROFILER": True,
    "DIST_KVSTORE": False,
    "CXX14": True,
    "INT64_TENSOR_SIZE": True,
    "SIGNAL_HANDLER": False,
    "DEBUG": False,
    "TVM_OP": False,
}


class Feature:
    """One optional part. `name` : str. `enabled` : whether this build has it."""

    __slots__ = ("enabled", "name")

    def __init__(self, name: str, enabled: bool) -> None:
        self.name = name
        self.enabled = enabled

    def __repr__(self) -> str:
        return f"{'✔' if self.enabled else '✖'} {self.name}"


class Features(OrderedDict):
    """All features by name."""

    def __init__(self) -> None:
        super().__init__((feature.name, feature) for feature in feature_list())

    def __repr__(self) -> str:
        return str(list(self.values()))

    def is_enabled(self, feature_name: str) -> bool:
        """Return whether this build has a feature; the case of letters does not matter.

        Raises RuntimeError for an unknown name.
        """
        name = feature_name.upper()
        if name not in self:
            raise RuntimeError(
                f"[Features.is_enabled] unknown feature: got {feature_name!r}, expected one of {list(self)}"
            )
        return self[name].enabled


def feature_list() -> list[Feature]:
    """Return all features, those that are off too."""
    return [Feature(name, bool(enabled)) for name, enabled in _ENABLED.items()]
