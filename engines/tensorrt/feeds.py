"""What becomes the batch on the GPU: crops, or whole frames out of which the kernel cuts the faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.cuda.crop import BatchKind, CropKernel
from engines.cuda.device import Device, Memory
from engines.cuda.frames import FrameMemory
from engines.cuda.picture import Layout, Picture
from stream_guard.inference.faces import FrameFaces

__all__ = ["CropFeed", "Feed", "FrameFeed"]


class Feed:
    """Makes float32 pixels, (n, 3, size, size), of what was put into it last."""

    def key(self, batch: int) -> tuple[int, ...]:
        """Return what a CUDA graph of `enqueue` depends on: it runs again wherever this is the same.

        Args:
            batch: faces, filled up.
        """
        raise NotImplementedError

    def enqueue(self, pixels: Memory, batch: int) -> None:
        """Put copy and kernel on the stream; waits for nothing, so it may be captured.

        Args:
            pixels: is written.
            batch: faces, filled up.
        """
        raise NotImplementedError


class CropFeed(Feed):
    """Faces that were cut out on the CPU."""

    def __init__(self, device: Device, *, size: int, max_batch: int) -> None:
        """Take the memory.

        Args:
            device: open, on this thread.
            size: side of a crop in pixels.
            max_batch: the most faces.

        Raises:
            EngineError: the GPU is out of memory.
        """
        self._device, self._size = device, size
        self._here: NDArray[np.uint8] = device.staging((max_batch, size, size, 3), np.uint8)
        self._here[:] = 0
        self._there = device.memory(self._here.nbytes)
        self._kernel = _kernel(device, size, max_batch)
        for face in range(max_batch):  # each is cut out whole
            address = self._there.address + face * size * size * 3
            picture = Picture(Layout.RGB, (address,), (size * 3,), size, size)
            self._kernel.put(face, picture, np.eye(2, 3)[None])

    def put(self, batch: NDArray[np.uint8]) -> None:
        """Take crops: uint8, (n, size, size, 3), RGB. What was there before stands for those that are missing."""
        self._here[: len(batch)] = batch

    def key(self, batch: int) -> tuple[int, ...]:
        """See `Feed.key`."""
        return (batch,)

    def enqueue(self, pixels: Memory, batch: int) -> None:
        """See `Feed.enqueue`."""
        self._device.upload(self._there, self._here[:batch])
        self._kernel.run(pixels, batch)


class FrameFeed(Feed):
    """Frames, and where the faces are in them."""

    def __init__(self, device: Device, *, size: int, max_batch: int) -> None:
        """Take the memory; see `CropFeed`."""
        self._frames = FrameMemory(device)
        self._kernel = _kernel(device, size, max_batch)

    def put(self, frames: Sequence[FrameFaces], batch: int) -> None:
        """Take frames; the last face stands for those that are missing from the batch.

        Raises:
            EngineError: the GPU is out of memory, or a matrix cannot be inverted or shrinks too much.
        """
        faces = 0
        for frame, picture in zip(frames, self._frames.put([one.planes for one in frames]), strict=True):
            faces = self._kernel.put(faces, picture, frame.matrices)
        self._kernel.fill(faces, batch)

    def key(self, batch: int) -> tuple[int, ...]:
        """See `Feed.key`."""
        return batch, self._frames.used, self._frames.place

    def enqueue(self, pixels: Memory, batch: int) -> None:
        """See `Feed.enqueue`."""
        self._frames.upload()
        self._kernel.run(pixels, batch)


def _kernel(device: Device, size: int, max_batch: int) -> CropKernel:
    return CropKernel(device, size=size, max_faces=max_batch, kind=BatchKind.FLOAT_NCHW)
