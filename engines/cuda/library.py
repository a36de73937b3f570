"""The one place that imports PyCUDA."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from stream_guard.errors import EngineUnavailable
from stream_guard.inference.shapes import one_line

__all__ = ["MIN_CAPABILITY", "MIN_DRIVER", "count_devices", "load_library"]

MIN_DRIVER = (12, 0)
"""The CUDA version that a driver must speak: it reads the PTX that ships (PTX ISA 8.0), and knows graphs."""

MIN_CAPABILITY = (7, 5)
"""Turing. The PTX that ships is made for it; newer GPUs compile the same text when it is first loaded."""


def load_library() -> Any:
    """Import ``pycuda.driver``, start CUDA and return the module. Makes no context.

    Raises:
        EngineUnavailable: PyCUDA is not installed, its driver is missing or too old, or there is no GPU.
    """
    if find_spec("pycuda") is None:
        raise EngineUnavailable("pycuda is not installed: pip install 'stream-guard[gpu]'")
    try:
        import pycuda.driver as cuda
    except Exception as error:  # no libcuda, or one without the functions that PyCUDA was built for
        raise EngineUnavailable(
            f"pycuda does not load ({one_line(error)}): is an NVIDIA driver installed, for CUDA 12.0 or newer?"
        ) from error
    try:
        cuda.init()
        spoken = _version(cuda.get_driver_version())
    except Exception as error:  # PyCUDA has several classes for what cuInit says
        raise EngineUnavailable(f"CUDA does not start: {one_line(error)}") from error
    if spoken < MIN_DRIVER:
        raise EngineUnavailable(
            f"the NVIDIA driver is too old: it speaks CUDA {_text(spoken)}, {_text(MIN_DRIVER)} is needed"
        )
    return cuda


def count_devices(cuda: Any) -> int:
    """Return how many GPUs the driver shows.

    Raises:
        EngineUnavailable: none, or the driver cannot say.
    """
    try:
        count = int(cuda.Device.count())
    except Exception as error:
        raise EngineUnavailable(f"CUDA cannot count its devices: {one_line(error)}") from error
    if count < 1:
        raise EngineUnavailable("the NVIDIA driver shows no GPU")
    return count


def _version(number: int) -> tuple[int, int]:
    """From the driver's own form: 12040 is 12.4."""
    return number // 1000, number % 1000 // 10


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
