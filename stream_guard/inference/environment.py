"""What this machine is: printed by ``doctor``, and written beside every benchmark figure."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stream_guard.inference.cores import physical_cores

__all__ = ["LIBRARIES", "Environment", "describe"]

LIBRARIES = (
    "numpy",
    "av",
    "aiortc",
    "mediapipe",
    "onnxruntime",
    "openvino",
    "tensorrt",
    "tensorrt-rtx-cu13",
    "pycuda",
    "torch",
)
"""Those whose version changes a latency or a score."""

_CPU_INFO = Path("/proc/cpuinfo")
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimd", "asimddp", "bf16")
"""Instruction sets that inference backends choose by."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One machine.

    Attributes:
        system: operating system, release and processor family.
        cpu: the processor's name.
        cpu_features: its instruction sets that matter to inference.
        logical_cores: hardware threads of the machine.
        usable_cores: physical cores that this process may use.
        memory_gib: of the machine; None where it is not known.
        gpus: NVIDIA GPUs, as ``name, memory, driver``.
        python: version and implementation.
        libraries: installed version by name.
    """

    system: str
    cpu: str
    cpu_features: tuple[str, ...]
    logical_cores: int
    usable_cores: int
    memory_gib: float | None
    gpus: tuple[str, ...]
    python: str
    libraries: dict[str, str]


def describe() -> Environment:
    """Look at this machine. Never raises; takes up to some seconds where there is an NVIDIA driver."""
    facts = _cpu_facts(_CPU_INFO)
    flags = set((facts.get("flags") or facts.get("features") or "").split())
    return Environment(
        system=platform.platform(),
        cpu=facts.get("model name") or platform.processor() or platform.machine(),
        cpu_features=tuple(feature for feature in _FEATURES if feature in flags),
        logical_cores=os.cpu_count() or 1,
        usable_cores=physical_cores(),
        memory_gib=_memory_gib(),
        gpus=_gpus(),
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        libraries=_versions(LIBRARIES),
    )


def _cpu_facts(info: Path) -> dict[str, str]:
    """Return what Linux says of the first processor; empty elsewhere."""
    try:
        first = info.read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _gpus() -> tuple[str, ...]:
    """Ask NVIDIA's own tool; it comes with the driver."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ()
    return tuple(line.strip() for line in told.splitlines() if line.strip())


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
