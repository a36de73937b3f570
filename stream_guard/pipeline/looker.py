"""The part of a frame's way that runs in a worker thread: convert, track, cut the faces out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import Plan
from stream_guard.clock import Clock
from stream_guard.face import Face
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame

__all__ = ["Looked", "Looker", "Tracker"]


class Tracker(Protocol):
    """What follows the faces of one stream. Used from one thread only."""

    def update(self, rgb: NDArray[np.uint8], at_ns: int, *, plan: Plan) -> Tracked:
        """Look at the next frame."""
        ...


@dataclass(frozen=True, slots=True)
class Looked:
    """What one frame holds.

    Attributes:
        tracked: every face.
        judged: those that were cut out, in the batch's order.
        batch: uint8, shape (len(judged), size, size, 3), RGB. Valid until the next frame is looked at.
        convert_ns, align_ns: what converting to RGB and cutting out took.
    """

    tracked: Tracked
    judged: tuple[Face, ...]
    batch: NDArray[np.uint8]
    convert_ns: int
    align_ns: int


class Looker:
    """Owns the tracker and the one thread that may touch it, so that no frame's work runs on the event loop."""

    def __init__(self, tracker: Tracker, *, size: int, margin: float, max_faces: int, clock: Clock) -> None:
        """Take the tracker.

        Args:
            tracker: of this stream alone.
            size: side of the model's input in pixels.
            margin: the model's crop margin.
            max_faces: the most faces a batch can hold.
            clock: for the durations.
        """
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stream-guard-look")
        self._tracker = tracker
        self._margin = margin
        self._size = size
        self._clock = clock
        self._crops = np.empty((max_faces, size, size, 3), dtype=np.uint8)

    def look(self, frame: Frame, at_ns: int, plan: Plan) -> Looked:
        """Look at one frame. To be called in `thread`.

        Args:
            frame: its pixels are converted here.
            at_ns: its place on the session's time line.
            plan: how many faces may be measured, and whether new ones are looked for.
        """
        began = self._clock.now_ns()
        rgb = frame.rgb()
        converted = self._clock.now_ns()
        tracked = self._tracker.update(rgb, at_ns, plan=plan)
        followed = self._clock.now_ns()
        judged = tuple(face for face in tracked.faces if face.measured and not face.reasons)[: len(self._crops)]
        for face, crop in zip(judged, self._crops, strict=False):
            cut(rgb, crop_matrix(face.box, size=self._size, margin=self._margin), size=self._size, out=crop)
        return Looked(
            tracked=tracked,
            judged=judged,
            batch=self._crops[: len(judged)],
            convert_ns=converted - began,
            align_ns=self._clock.now_ns() - followed,
        )

    def close(self) -> None:
        """End the thread. Waits for the frame in hand; not for the event loop."""
        self.thread.shutdown(wait=True)
