"""The part of a frame's way that runs in a worker thread: convert, track, cut the faces out.

An engine that cuts by itself is given the frame as it was decoded, and where the faces are. The picture is made RGB
all the same: the tracker, the quality gate and the evidence look at that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import Plan
from stream_guard.clock import Clock
from stream_guard.errors import TrackingError
from stream_guard.evidence.playback import Playback, Playing
from stream_guard.face import Face, Reason
from stream_guard.faces.align import crop_matrix, cut
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame, Planes
from stream_guard.inference.daemon import DaemonThread
from stream_guard.inference.faces import Faces, FrameFaces

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
        judged: those for the model, in the batch's order.
        batch: uint8, shape (len(judged), size, size, 3), RGB, valid until the next frame is looked at; or, for an
            engine that cuts by itself, where they are in the frame.
        playing: whether any of them is not live.
        convert_ns, align_ns: what converting to RGB and cutting out took.
    """

    tracked: Tracked
    judged: tuple[Face, ...]
    batch: NDArray[np.uint8] | Faces
    playing: Playing
    convert_ns: int
    align_ns: int


class Looker:
    """Owns the tracker and the one thread that may touch it, so that no frame's work runs on the event loop."""

    def __init__(
        self,
        tracker: Tracker,
        *,
        size: int,
        margin: float,
        max_faces: int,
        clock: Clock,
        engine_cuts: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take the tracker.

        Args:
            tracker: of this stream alone.
            size: side of the model's input in pixels.
            margin: the model's crop margin.
            max_faces: the most faces a batch can hold.
            clock: for the durations.
            engine_cuts: whether the engine, as it is now, cuts faces out by itself. Asked for every frame.
        """
        self._thread: DaemonThread | None = None
        self._closed = False
        self._tracker = tracker
        self._playback = Playback()
        self._margin = margin
        self._size = size
        self._clock = clock
        self._engine_cuts = engine_cuts
        self._max_faces = max_faces
        self._crops = np.empty((max_faces, size, size, 3), dtype=np.uint8)

    @property
    def thread(self) -> Executor:
        """The one thread that may call `look`. It keeps no process from ending.

        Raises:
            TrackingError: the system gives us no thread, or this was closed.
        """
        if self._closed:
            raise TrackingError("the tracker has been closed")
        if self._thread is None:
            try:
                self._thread = DaemonThread("stream-guard-look")
            except RuntimeError as error:
                raise TrackingError(f"the system gives no thread to follow faces in: {error}") from error
        return self._thread

    def look(self, frame: Frame, at_ns: int, plan: Plan) -> Looked:
        """Look at one frame. To be called in `thread`.

        Args:
            frame: its pixels are converted here.
            at_ns: its place on the session's time line.
            plan: how many faces may be measured, and whether new ones are looked for.
        """
        began = self._clock.now_ns()
        cuts = self._engine_cuts()
        planes = frame.planes() if cuts else None
        rgb = frame.rgb()
        converted = self._clock.now_ns()
        tracked = self._tracker.update(rgb, at_ns, plan=plan)
        playing = self._watch(tracked, at_ns, frame)
        if playing.frozen:
            faces = (_standing_still(face) if face.id in playing.frozen else face for face in tracked.faces)
            tracked = replace(tracked, faces=tuple(faces))
        followed = self._clock.now_ns()
        judged = tuple(face for face in tracked.faces if face.measured and not face.reasons)[: self._max_faces]
        matrices = [crop_matrix(face.box, size=self._size, margin=self._margin) for face in judged]
        batch = self._left_to_the_engine(rgb, planes, matrices) if cuts and judged else self._cut(rgb, matrices)
        return Looked(
            tracked=tracked,
            judged=judged,
            batch=batch,
            playing=playing,
            convert_ns=converted - began,
            align_ns=self._clock.now_ns() - followed,
        )

    def _watch(self, tracked: Tracked, at_ns: int, frame: Frame) -> Playing:
        """Look whether the picture stands still or repeats itself."""
        if tracked.picture is None:
            return Playing()
        where = {face.id: face.box.fractions_of(frame.width, frame.height) for face in tracked.faces}
        return self._playback.add(at_ns, tracked.picture, where)

    def _cut(self, rgb: NDArray[np.uint8], matrices: Sequence[NDArray[np.float64]]) -> NDArray[np.uint8]:
        for matrix, crop in zip(matrices, self._crops, strict=False):
            cut(rgb, matrix, size=self._size, out=crop)
        return self._crops[: len(matrices)]

    def _left_to_the_engine(
        self, rgb: NDArray[np.uint8], planes: Planes | None, matrices: Sequence[NDArray[np.float64]]
    ) -> Faces:
        """Say where the faces are. Another engine that takes over meanwhile has them cut out of the RGB picture."""
        size = self._size

        def crops() -> NDArray[np.uint8]:
            return np.stack([cut(rgb, matrix, size=size) for matrix in matrices])

        return Faces(crops, FrameFaces(planes or Planes.of_rgb(rgb), np.stack(matrices)))

    def close(self) -> None:
        """End the thread after the frame in hand, without waiting for it. Safe to call twice."""
        self._closed = True
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    async def ended(self, *, within_s: float) -> bool:
        """Close, wait for the frame in hand, and return whether it was done in time. What hangs is left behind."""
        if self._closed or self._thread is None:
            self.close()
            return True
        last = asyncio.get_running_loop().run_in_executor(self._thread, _nothing)
        self.close()
        return bool((await asyncio.wait((last,), timeout=within_s))[0])


def _standing_still(face: Face) -> Face:
    """Return a face that is one look, however often it is shown: no evidence."""
    return replace(face, reasons=(*face.reasons, Reason.FROZEN))


def _nothing() -> None:
    """Do nothing, in a thread's turn."""
