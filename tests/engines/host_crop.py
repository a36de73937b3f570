"""The GPU's kernel, built by the C compiler of this machine, called on NumPy arrays."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import engines.cuda
from engines.cuda.crop import BatchKind, packed_normal
from engines.cuda.picture import Layout, Picture, describe

__all__ = ["HostCrop", "build", "picture_of"]

_SOURCE = Path(__file__).with_name("crop_host.c")
_HEADERS = Path(engines.cuda.__path__[0])
_KINDS = {BatchKind.UINT8_NHWC: np.uint8, BatchKind.FLOAT_NCHW: np.float32, BatchKind.HALF_NCHW: np.float16}


def build(target: Path, *options: str) -> Path:
    """Compile it, warnings being errors, and return the file."""
    strict = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-fast-math")
    command = ["gcc", *strict, *options, f"-I{_HEADERS}", str(_SOURCE), "-o", str(target), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return target


def picture_of(
    layout: Layout, planes: Sequence[NDArray[np.uint8]], width: int, height: int, **more: Any
) -> Picture:
    """Describe planes that lie in this process's memory; they must outlive the picture."""
    return Picture(
        layout, tuple(p.ctypes.data for p in planes), tuple(p.strides[0] for p in planes), width, height, **more
    )


class HostCrop:
    """The kernel as a function."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self.cut_bytes: int = self._library.cut_bytes()

    def __call__(
        self,
        faces: Sequence[tuple[Picture, NDArray[np.float64]]],
        *,
        size: int,
        kind: BatchKind = BatchKind.UINT8_NHWC,
        scale: Sequence[float] = (1, 1, 1),
        offset: Sequence[float] = (0, 0, 0),
    ) -> NDArray[Any]:
        """Return the batch: (n, size, size, 3) for bytes, else (n, 3, size, size)."""
        cuts = np.concatenate([describe(picture, matrix[None]) for picture, matrix in faces])
        shape = (size, size, 3) if kind is BatchKind.UINT8_NHWC else (3, size, size)
        batch = np.zeros((len(faces), *shape), _KINDS[kind])
        normal = packed_normal(scale, offset)
        self._library.crop(
            ctypes.c_void_p(cuts.ctypes.data),
            ctypes.c_void_p(batch.ctypes.data),
            size,
            int(kind),
            len(faces),
            size,
            ctypes.c_char_p(normal),
        )
        return batch
