"""How many CPU cores there are to compute on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["physical_cores"]

_TOPOLOGY = Path("/sys/devices/system/cpu")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def physical_cores(*, topology: Path = _TOPOLOGY, quota: Path = _QUOTA) -> int:
    """Return how many physical cores this process may use, at least 1.

    A convolution gains nothing from the second hardware thread of a core, and a thread more than the
    container is granted makes all the others wait.

    Args:
        topology: where Linux describes its CPUs.
        quota: the container's CPU limit (cgroup v2, ``cpu.max``).
    """
    allowed = _allowed()
    siblings = {_siblings(topology, cpu) for cpu in allowed}
    cores = len(siblings) if "" not in siblings else _guess(len(allowed))
    granted = _granted(quota)
    return max(1, min(cores, granted) if granted else cores)


def _allowed() -> set[int]:
    """Return the logical CPUs that the process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _siblings(topology: Path, cpu: int) -> str:
    """Return which logical CPUs share a core with this one, as Linux writes it; empty where it is not known."""
    try:
        return (topology / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return ""


def _guess(logical: int) -> int:
    """Return physical for logical where the system does not say: x86 mostly has two threads a core, ARM one."""
    return (logical + 1) // 2 if platform.machine().lower() in {"x86_64", "amd64"} else logical


def _granted(quota: Path) -> int:
    """Return the whole cores that the container is granted, rounded up; 0 where there is no limit."""
    try:
        limit, period = quota.read_text().split()
        return -(-int(limit) // int(period))
    except (OSError, ValueError):  # "max 100000" means no limit
        return 0
