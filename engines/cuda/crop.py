"""The kernel that cuts faces out of pictures on the GPU, straight into the model's input.

Its arithmetic is in ``crop.h``; ``crop.ptx`` is made of it by `engines.cuda.compile`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.cuda.device import Device, Memory
from engines.cuda.picture import CUT, Picture, describe
from stream_guard.errors import EngineError

__all__ = ["BatchKind", "CropKernel", "batch_bytes", "packed_normal"]

_BLOCK = (32, 8, 1)


class BatchKind(IntEnum):
    """What the kernel writes."""

    UINT8_NHWC = 0
    """uint8, (n, size, size, 3): what `Engine.infer` takes."""
    FLOAT_NCHW = 1
    """float32, (n, 3, size, size), normalised."""
    HALF_NCHW = 2
    """float16, (n, 3, size, size), normalised."""

    @property
    def item_bytes(self) -> int:
        """The bytes of one value."""
        return {BatchKind.UINT8_NHWC: 1, BatchKind.FLOAT_NCHW: 4, BatchKind.HALF_NCHW: 2}[self]


class CropKernel:
    """The kernel on one device, for batches up to a fixed size. Nothing is allocated after it is made.

    ``put`` the faces, then ``run``; a run can be captured (`Device.capture`), because what differs from batch to
    batch is read from page-locked memory.
    """

    def __init__(
        self,
        device: Device,
        *,
        size: int,
        max_faces: int,
        kind: BatchKind,
        scale: Sequence[float] = (1 / 255,) * 3,
        offset: Sequence[float] = (0.0,) * 3,
    ) -> None:
        """Load the code and allocate room for the faces' descriptions.

        Args:
            device: open, on this thread.
            size: side of a crop in pixels.
            max_faces: the most a batch can hold.
            kind: what to write.
            scale: a channel's value from 0 to 255 is multiplied by this, in the float kinds.
            offset: then this is added.

        Raises:
            EngineError: the code does not load, or the GPU is out of memory.
        """
        image = (files("engines.cuda") / "crop.ptx").read_bytes() + b"\0"  # the driver reads up to a zero byte
        self._kernel = device.kernel(image, "crop", "PPii24s")
        self._device = device
        self._size, self._kind = size, kind
        self._normal = packed_normal(scale, offset)
        self._cuts: NDArray[Any] = device.staging((max_faces * CUT.itemsize,), np.uint8).view(CUT)
        self._cuts_there = device.memory(self._cuts.nbytes)

    def put(self, first: int, picture: Picture, matrices: NDArray[np.float64]) -> int:
        """Say where some of the batch's faces are, and return the number of the next one.

        The run before must be over.

        Args:
            first: the number of the first of them, from 0.
            picture: on this device.
            matrices: float64, (n, 2, 3), each from `stream_guard.faces.align.crop_matrix`: picture to crop.

        Raises:
            EngineError: there is no room for so many, or the picture is not what its layout says.
        """
        after = first + len(matrices)
        if not 0 <= first <= after <= len(self._cuts):
            raise EngineError(f"a batch of {len(self._cuts)} faces has no faces {first} to {after - 1}")
        self._cuts[first:after] = describe(picture, matrices)
        return after

    def fill(self, faces: int, batch: int) -> None:
        """Let the last of the first ``faces`` faces stand for those that are missing from a batch.

        Args:
            faces: that were put, from 1.
            batch: how many `run` will cut out.
        """
        self._cuts[faces:batch] = self._cuts[faces - 1]

    def run(self, batch: Memory, faces: int) -> None:
        """Put cutting out the first ``faces`` faces on the stream.

        Args:
            batch: is written; at least ``batch_bytes`` large.
            faces: from 1.

        Raises:
            EngineError: it does not fit, or the GPU refuses.
        """
        if not 1 <= faces <= len(self._cuts) or batch.size < batch_bytes(self._kind, self._size, faces):
            raise EngineError(f"{faces} faces do not fit into this batch")
        self._device.upload(self._cuts_there, self._cuts[:faces].view(np.uint8))
        across, down = (math.ceil(self._size / side) for side in _BLOCK[:2])
        self._kernel.launch(
            (across, down, faces),
            _BLOCK,
            self._cuts_there.address,
            batch.address,
            self._size,
            int(self._kind),
            self._normal,
        )


def packed_normal(scale: Sequence[float], offset: Sequence[float]) -> bytes:
    """Return the struct ``Normal`` of ``crop.h``.

    Args:
        scale: three numbers.
        offset: three numbers.
    """
    return np.array([*scale, *offset], dtype="<f4").tobytes()


def batch_bytes(kind: BatchKind, size: int, faces: int) -> int:
    """Return the bytes of a batch.

    Args:
        kind: what is in it.
        size: side of a crop in pixels.
        faces: how many.
    """
    return faces * 3 * size * size * kind.item_bytes
