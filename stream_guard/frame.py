"""One picture on its way through the pipeline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frame"]


class Frame:
    """One picture, with the facts of its arrival; its pixels are converted only when asked for.

    Conversion to RGB costs 0.7 ms at 1280x720, so a frame that is dropped never pays it.

    Attributes:
        sequence: counts every frame the source delivered, from 0, those dropped later included.
        media_s: presentation time in seconds from the start of the stream.
        arrived_ns: monotonic nanoseconds at which the frame reached this process, decoded.
        width, height: in pixels.
    """

    __slots__ = ("_convert", "_rgb", "arrived_ns", "height", "media_s", "sequence", "width")

    def __init__(
        self,
        convert: Callable[[], NDArray[np.uint8]],
        *,
        sequence: int,
        media_s: float,
        arrived_ns: int,
        width: int,
        height: int,
    ) -> None:
        self._convert: Callable[[], NDArray[np.uint8]] | None = convert
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

    def rgb(self) -> NDArray[np.uint8]:
        """Return the pixels: uint8, shape (height, width, 3), RGB. Converted once, then kept.

        Not for the event loop: call it from a worker thread.
        """
        if self._rgb is None:
            assert self._convert is not None
            self._rgb = self._convert()
            self._convert = None  # lets the decoder's buffer go
        return self._rgb

    def __repr__(self) -> str:
        return f"Frame(sequence={self.sequence}, media_s={self.media_s:.3f}, {self.width}x{self.height})"
