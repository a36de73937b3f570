"""Pictures in the GPU's memory, and where a face is in one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.cuda.colour import Primaries, coefficients
from stream_guard.errors import EngineError

__all__ = ["CUT", "Layout", "Picture", "describe"]

CUT = np.dtype(
    [
        ("planes", "<u8", 3),
        ("pitches", "<i4", 3),
        ("width", "<i4"),
        ("height", "<i4"),
        ("layout", "<i4"),
        ("colour", "<i4", 6),
        ("matrix", "<f4", 6),
        ("times", "<i4"),
    ],
    align=True,
)
"""One face to cut out: the struct ``Cut`` of ``crop.h``."""

_MOST_SAMPLES = 512
"""A side, for one pixel: far more than any picture needs, and not yet so many that the GPU seems to hang."""


class Layout(IntEnum):
    """How a picture lies in memory, 8 bits a sample."""

    RGB = 0
    """One plane, three bytes a pixel."""
    I420 = 1
    """Y, U and V; U and V at half the width and height, rounded up."""
    NV12 = 2
    """Y; U and V taking turns, at half the width and height, rounded up."""

    @property
    def planes(self) -> int:
        """How many planes it has."""
        return {Layout.RGB: 1, Layout.I420: 3, Layout.NV12: 2}[self]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in the memory of the device that is to read it.

    Attributes:
        layout: how it lies there.
        planes: the address of each plane.
        pitches: bytes from row to row of each plane.
        width, height: in pixels, odd ones too.
        primaries: which matrix made the YUV; of no meaning for RGB.
        full_range: luma from 0 to 255, not 16 to 235.
    """

    layout: Layout
    planes: tuple[int, ...]
    pitches: tuple[int, ...]
    width: int
    height: int
    primaries: Primaries = "bt601"
    full_range: bool = False


def describe(picture: Picture, matrix: NDArray[np.float64]) -> NDArray[Any]:
    """Return one face as the kernel reads it: a scalar of `CUT`.

    How many samples are averaged for a pixel follows `stream_guard.faces.align.cut`: where the crop is less than
    half as large as the picture, the smallest whole number that makes up for it.

    Args:
        picture: where the face is.
        matrix: float64, (2, 3), picture to crop.

    Raises:
        EngineError: the picture is not what its layout says, or the matrix has no inverse
            or shrinks too much.
    """
    planes = picture.layout.planes
    if len(picture.planes) != planes or len(picture.pitches) != planes or min(picture.width, picture.height) < 1:
        raise EngineError(f"{picture.layout.name} has {planes} planes and at least one pixel; this is {picture}")
    scale = float(matrix[0, 0])
    linear = matrix[:, :2].astype(np.float64)
    determinant = float(linear[0, 0] * linear[1, 1] - linear[0, 1] * linear[1, 0])
    if not scale > 0 or not np.isfinite(matrix).all() or determinant == 0:
        raise EngineError("a crop's matrix is upright, finite and has an inverse")
    if scale < 0.5 / _MOST_SAMPLES:
        raise EngineError(f"a face can be shrunk to one in {2 * _MOST_SAMPLES}, not to {scale:.1e}")
    times = math.ceil(0.5 / scale) if scale < 0.5 else 1
    inverse = np.array([[linear[1, 1], -linear[0, 1]], [-linear[1, 0], linear[0, 0]]]) / (determinant * times)
    shift = inverse @ (matrix[:, 2] * times + (times - 1) / 2)
    cut = np.zeros((), CUT)
    cut["planes"][:planes], cut["pitches"][:planes] = picture.planes, picture.pitches
    cut["width"], cut["height"], cut["layout"] = picture.width, picture.height, picture.layout
    cut["colour"] = coefficients(picture.primaries, full_range=picture.full_range)
    cut["matrix"] = np.column_stack([inverse, -shift]).ravel()
    cut["times"] = times
    return cut
