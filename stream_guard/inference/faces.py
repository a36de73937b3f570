"""Faces on their way to an engine: cut out already, or where in a frame they are, for one that cuts by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_guard.frame import Planes

__all__ = ["Faces", "FrameFaces", "in_batches"]


@dataclass(frozen=True, slots=True, eq=False)
class FrameFaces:
    """Some faces of one frame, not yet cut out.

    Attributes:
        planes: the frame. It must stay as it is until the answer comes.
        matrices: float64, shape (n, 2, 3): each maps the frame's pixels to a crop's, as
            `stream_guard.faces.align.crop_matrix` does.
    """

    planes: Planes
    matrices: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.matrices)

    def part(self, start: int, stop: int) -> FrameFaces:
        """Return some of them, as in a slice."""
        return FrameFaces(self.planes, self.matrices[start:stop])


class Faces:
    """The faces of one request. Whichever engine answers gets them in the form it takes.

    Attributes:
        frame: where they are, for an engine that cuts by itself; None where there are crops alone.
    """

    __slots__ = ("_count", "_crops", "frame")

    def __init__(self, crops: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]], frame: FrameFaces | None = None):
        """Take them.

        Args:
            crops: uint8, shape (n, size, size, 3), RGB, contiguous; or what cuts them out of ``frame``, into an
                array of its own. It is called on an engine's thread, and not at all where the engine cuts itself.
            frame: where they are.

        Raises:
            ValueError: they are to be cut out later, and nobody says how many they are.
        """
        if frame is None:
            if callable(crops):
                raise ValueError("faces that are cut out later need the frame they are in")
            self._count = len(crops)
        else:
            self._count = len(frame)
        self._crops = crops
        self.frame = frame

    def __len__(self) -> int:
        return self._count

    def crops(self) -> NDArray[np.uint8]:
        """Return the faces as pictures, cut out on the CPU where nobody has yet: uint8, (n, size, size, 3)."""
        crops = self._crops
        if callable(crops):
            self._crops = crops = crops()
        return crops

    def part(self, start: int, stop: int) -> Faces:
        """Return some of them, as in a slice; the same object for all."""
        if stop - start == self._count:
            return self
        if self.frame is None:
            return Faces(self.crops()[start:stop])
        return Faces(lambda: self.crops()[start:stop], self.frame.part(start, stop))


def in_batches(frames: Sequence[FrameFaces], most: int) -> Iterator[list[FrameFaces]]:
    """Yield the same faces in the same order, at most so many at a time."""
    batch: list[FrameFaces] = []
    room = most
    for frame in frames:
        start = 0
        while start < len(frame):
            part = frame.part(start, start + room)
            batch.append(part)
            start += len(part)
            room -= len(part)
            if not room:
                yield batch
                batch, room = [], most
    if batch:
        yield batch
