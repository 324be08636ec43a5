"""What the record says about the machine, so that a number can be read later."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")


def describe() -> dict[str, Any]:
    """Processor, cores this process may use, caches, memory, system, clock governor, load."""
    info = _cpuinfo()
    flags = info.get("flags", "").split()
    return {
        "cpu": info.get("model name", platform.processor() or platform.machine()),
        "cpu_model": f"family {info.get('cpu family', '?')} model {info.get('model', '?')}",
        "cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS if flag in flags],
        "l3": _read(Path("/sys/devices/system/cpu/cpu0/cache/index3/size")),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "hypervisor": "hypervisor" in flags,
        "governor": _read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        "system": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()),
    }


def load() -> float:
    """Load average of the last minute: more than the benchmark's own threads means disturbed times."""
    return round(os.getloadavg()[0], 2)


class Disturbance:
    """Processor time that other processes use, and the hypervisor steals, while workers are measured.

    Starts counting when made; `end` returns {"other_cores", "stolen_cores"}, averages over that time.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = [os.getpid(), *pids]
        self._start = self._now()

    def end(self) -> dict[str, float]:
        (wall, busy, stolen, own), (wall0, busy0, stolen0, own0) = self._now(), self._start
        elapsed = max(wall - wall0, 1e-9)
        others = max(0.0, (busy - busy0) - (own - own0)) / elapsed
        return {"other_cores": round(others, 3), "stolen_cores": round((stolen - stolen0) / elapsed, 3)}

    def _now(self) -> tuple[float, float, float, float]:
        """(clock, busy, stolen, own processor time) in seconds; see proc(5)."""
        tick = os.sysconf("SC_CLK_TCK")
        fields = [int(value) for value in (_read(Path("/proc/stat")) or "cpu").splitlines()[0].split()[1:]]
        user, nice, system, _, _, irq, softirq, steal = (fields + [0] * 8)[:8]
        own = 0
        for pid in self._pids:
            stat = (_read(Path(f"/proc/{pid}/stat")) or "").rpartition(")")[2].split()
            own += sum(map(int, stat[11:13]))
        return time.monotonic(), (user + nice + system + irq + softirq) / tick, steal / tick, own / tick


def revision(root: Path) -> str | None:
    """Commit of the source tree, with "+" where files differ from it; None outside a git checkout."""
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *args: str) -> str:
    command = ["git", "-C", str(root), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _cpuinfo() -> dict[str, str]:
    """Fields of the first processor."""
    out: dict[str, str] = {}
    for line in (_read(Path("/proc/cpuinfo")) or "").split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        out[key.strip()] = value.strip()
    return out


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
