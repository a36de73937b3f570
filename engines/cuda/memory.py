"""Pieces of device memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from stream_guard.errors import EngineError

__all__ = ["Memory", "check_copy"]


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """A piece of device memory; freed with its `Device`.

    Attributes:
        address: what kernels and TensorRT take; aligned to 256 bytes.
        size: in bytes.
    """

    address: int
    size: int


def check_copy(array: NDArray[Any], memory: Memory) -> None:
    """Refuse a copy that does not fit.

    Raises:
        EngineError: the array is larger than the memory, or not contiguous.
    """
    if not array.flags.c_contiguous or array.nbytes > memory.size:
        raise EngineError(f"a copy of {array.nbytes} contiguous bytes, not into or out of {memory.size}")
