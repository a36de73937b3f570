"""One picture on its way through the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frame", "PixelFormat", "Planes", "Primaries"]

PixelFormat = Literal["rgb24", "yuv420p", "nv12"]
"""How samples lie in memory, 8 bits each, by FFmpeg's names."""

Primaries = Literal["bt601", "bt709"]
"""Which matrix made the YUV: ITU-R BT.601 or BT.709."""


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """A picture as it lies in memory, not copied.

    Attributes:
        pixel_format: how its samples lie.
        planes: each uint8, shape (rows, pitch), contiguous; a row may be longer than the picture. ``rgb24`` has
            one, three bytes a pixel; ``yuv420p`` Y, U and V; ``nv12`` Y, and U and V taking turns. Chroma has half
            the width and height, rounded up. Whoever holds them keeps the decoder's buffer.
        width, height: in pixels.
        primaries: which matrix made the YUV; of no meaning for RGB.
        full_range: luma from 0 to 255, not 16 to 235; of no meaning for RGB.
    """

    pixel_format: PixelFormat
    planes: tuple[NDArray[np.uint8], ...]
    width: int
    height: int
    primaries: Primaries = "bt601"
    full_range: bool = False

    @classmethod
    def of_rgb(cls, rgb: NDArray[np.uint8]) -> Planes:
        """Return a picture that is RGB already.

        Args:
            rgb: uint8, shape (height, width, 3), contiguous.
        """
        height, width = rgb.shape[:2]
        return cls("rgb24", (rgb.reshape(height, width * 3),), width, height)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The least (rows, pitch) of each plane."""
        half = (self.height + 1) // 2, (self.width + 1) // 2
        return {
            "rgb24": ((self.height, 3 * self.width),),
            "yuv420p": ((self.height, self.width), half, half),
            "nv12": ((self.height, self.width), (half[0], 2 * half[1])),
        }[self.pixel_format]


class Frame:
    """One picture, with the facts of its arrival; its pixels are converted only when asked for.

    Conversion to RGB costs 0.7 ms at 1280x720, so a frame that is dropped never pays it. An engine that cuts faces
    out by itself (`stream_guard.inference.engine.Engine.cuts`) takes the picture as it was decoded (`planes`).

    Attributes:
        sequence: counts every frame the source delivered, from 0, those dropped later included.
        media_s: presentation time in seconds from the start of the stream.
        arrived_ns: monotonic nanoseconds at which the frame reached this process, decoded.
        width, height: in pixels.
    """

    __slots__ = ("_convert", "_planes", "_rgb", "arrived_ns", "height", "media_s", "sequence", "width")

    def __init__(
        self,
        convert: Callable[[], NDArray[np.uint8]],
        *,
        sequence: int,
        media_s: float,
        arrived_ns: int,
        width: int,
        height: int,
        planes: Callable[[], Planes | None] | None = None,
    ) -> None:
        self._convert: Callable[[], NDArray[np.uint8]] | None = convert
        self._planes = planes
        self._rgb: NDArray[np.uint8] | None = None
        self.sequence = sequence
        self.media_s = media_s
        self.arrived_ns = arrived_ns
        self.width = width
        self.height = height

    @classmethod
    def from_rgb(
        cls, rgb: NDArray[np.uint8], *, sequence: int = 0, media_s: float = 0.0, arrived_ns: int = 0
    ) -> Frame:
        """Wrap an array that is already RGB.

        Args:
            rgb: uint8, shape (height, width, 3).
            sequence: the frame's number in its stream.
            media_s: presentation time in seconds.
            arrived_ns: monotonic nanoseconds.
        """
        height, width = rgb.shape[:2]
        return cls(
            lambda: rgb, sequence=sequence, media_s=media_s, arrived_ns=arrived_ns, width=width, height=height
        )

    def planes(self) -> Planes | None:
        """Return the picture as it was decoded, not copied; None where only `rgb` says what it shows.

        To be asked for before `rgb`, which lets the decoder's buffer go.
        """
        return None if self._planes is None else self._planes()

    def rgb(self) -> NDArray[np.uint8]:
        """Return the pixels: uint8, shape (height, width, 3), RGB. Converted once, then kept.

        Not for the event loop: call it from a worker thread.
        """
        if self._rgb is None:
            assert self._convert is not None
            self._rgb = self._convert()
            self._convert = self._planes = None  # lets the decoder's buffer go
        return self._rgb

    def __repr__(self) -> str:
        return f"Frame(sequence={self.sequence}, media_s={self.media_s:.3f}, {self.width}x{self.height})"
