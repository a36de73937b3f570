"""Frames on their way to the GPU: page-locked here, and the same bytes there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.cuda.device import Device, Memory
from engines.cuda.picture import Layout, Picture
from stream_guard.frame import Planes

__all__ = ["FrameMemory"]

_FIRST_BYTES = 4 << 20
"""One I420 frame of 1920x1080 and some more."""

_LAYOUTS = {"rgb24": Layout.RGB, "yuv420p": Layout.I420, "nv12": Layout.NV12}


class FrameMemory:
    """Holds the frames of one batch at a time. It grows where one needs more, by doubling, and then rests.

    Attributes:
        used: bytes of the batch that is in it.
    """

    def __init__(self, device: Device) -> None:
        """Take memory for a first frame.

        Args:
            device: open, on this thread.

        Raises:
            EngineError: the GPU is out of memory.
        """
        self._device = device
        self.used = 0
        self._allocate(_FIRST_BYTES)

    @property
    def place(self) -> int:
        """Where it lies on the GPU: what was captured for another place must not run any more."""
        return self._there.address

    def put(self, frames: Sequence[Planes]) -> list[Picture]:
        """Copy frames into page-locked memory and return where they will be on the GPU.

        The run before must be over.

        Args:
            frames: checked (`stream_guard.inference.shapes.check_cuts`).

        Raises:
            EngineError: the GPU is out of memory.
        """
        self._reserve(sum(rows * plane.shape[1] for frame in frames for plane, rows in _rows(frame)))
        self.used = 0
        return [self._placed(frame) for frame in frames]

    def upload(self) -> None:
        """Put the copy to the GPU on the stream; may be captured.

        Raises:
            EngineError: the copy failed.
        """
        self._device.upload(self._there, self._here[: self.used])

    def _placed(self, frame: Planes) -> Picture:
        addresses = []
        for plane, rows in _rows(frame):
            size = rows * plane.shape[1]
            np.copyto(self._here[self.used : self.used + size], plane[:rows].reshape(-1))
            addresses.append(self._there.address + self.used)
            self.used += size
        return Picture(
            _LAYOUTS[frame.pixel_format],
            tuple(addresses),
            tuple(plane.shape[1] for plane in frame.planes),
            frame.width,
            frame.height,
            primaries=frame.primaries,
            full_range=frame.full_range,
        )

    def _reserve(self, size: int) -> None:
        capacity = self._there.size
        while capacity < size:
            capacity *= 2
        if capacity > self._there.size:
            self._allocate(capacity)  # the smaller piece is freed with the device

    def _allocate(self, size: int) -> None:
        there: Memory = self._device.memory(size)  # first: where it fails, nothing must be kept
        here: NDArray[np.uint8] = self._device.staging((size,), np.uint8)
        self._here, self._there = here, there


def _rows(frame: Planes) -> list[tuple[NDArray[np.uint8], int]]:
    """Return each plane with the rows that the picture has."""
    return [(plane, rows) for plane, (rows, _) in zip(frame.planes, frame.shapes, strict=True)]
