"""Pictures in the GPU's memory, and where a face is in one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.cuda.colour import coefficients
from stream_guard.errors import EngineError
from stream_guard.frame import Primaries

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


def describe(picture: Picture, matrices: NDArray[np.float64]) -> NDArray[Any]:
    """Return faces of one picture as the kernel reads them.

    How many samples are averaged for a pixel follows `stream_guard.faces.align.cut`: where the crop is less than
    half as large as the picture, the smallest whole number that makes up for it.

    Args:
        picture: where the faces are.
        matrices: float64, (n, 2, 3), picture to crop.

    Returns:
        (n,), of `CUT`.

    Raises:
        EngineError: the picture is not what its layout says, or a matrix has no inverse, mirrors
            or shrinks too much.
    """
    planes = picture.layout.planes
    if len(picture.planes) != planes or len(picture.pitches) != planes or min(picture.width, picture.height) < 1:
        raise EngineError(f"{picture.layout.name} has {planes} planes and at least one pixel; this is {picture}")
    (a, b, x), (c, d, y) = np.moveaxis(matrices.astype(np.float64), 0, 2)
    determinant, scale = a * d - b * c, np.hypot(a, b)
    if not np.isfinite(matrices).all() or not (determinant > 0).all():
        raise EngineError("a crop's matrix is finite, has an inverse and mirrors nothing")
    if (least := float(scale.min(initial=1.0))) < 0.5 / _MOST_SAMPLES:
        raise EngineError(f"a face can be shrunk to one in {2 * _MOST_SAMPLES}, not to {least:.1e}")
    times = np.where(scale < 0.5, np.ceil(0.5 / scale), 1.0)
    # From the crop, `times` larger, to the picture; its pixels' centres are half a sample further on.
    right, down = x * times + (times - 1) / 2, y * times + (times - 1) / 2
    inverse = np.array([d, -b, -c, a]) / (determinant * times)
    cuts = np.zeros(len(matrices), CUT)
    cuts["planes"][:, :planes], cuts["pitches"][:, :planes] = picture.planes, picture.pitches
    cuts["width"], cuts["height"], cuts["layout"] = picture.width, picture.height, picture.layout
    cuts["colour"] = coefficients(picture.primaries, full_range=picture.full_range)
    cuts["matrix"][:, [0, 1, 3, 4]] = inverse.T
    cuts["matrix"][:, 2] = -(inverse[0] * right + inverse[1] * down)
    cuts["matrix"][:, 5] = -(inverse[2] * right + inverse[3] * down)
    cuts["times"] = times
    return cuts
