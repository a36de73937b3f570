"""Telling moments of a session, with their pictures: in memory only, and never more than a few megabytes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from stream_guard.face import Face
from stream_guard.pipeline.observers import Scored
from stream_guard.protocol.codec import face_report
from stream_guard.protocol.messages import FaceReport, TransportReport
from stream_guard.scoring.observation import Cue, EventKind, FaceScore, State

__all__ = ["Crop", "Moment", "MomentKind", "Moments"]

_MOST = 60
_MOST_BYTES = 4 << 20
_NEWEST = 8
_WAITING = 8
_LOWER = 0.02
_SAME_CHANGE_NS = 2_000_000_000
_FACES = 256
_NOTE = 500


class MomentKind(StrEnum):
    """Why a moment was kept."""

    ALARM_RAISED = "alarm_raised"
    ALARM_CLEARED = "alarm_cleared"
    FACE_CHANGED = "face_changed"
    REPEATED = "repeated"
    LOWEST = "lowest"
    FIRST_LOOK = "first_look"
    CHALLENGE = "challenge"
    MARKED = "marked"


_TELLING = {
    MomentKind.ALARM_RAISED: 5,
    MomentKind.CHALLENGE: 4,
    MomentKind.MARKED: 4,
    MomentKind.FACE_CHANGED: 3,
    MomentKind.REPEATED: 3,
    MomentKind.ALARM_CLEARED: 2,
    MomentKind.LOWEST: 2,
    MomentKind.FIRST_LOOK: 1,
}
"""What goes first where there are too many: the least of these, and of those the oldest."""


_CUES = {Cue.CHANGED: MomentKind.FACE_CHANGED, Cue.REPEATED: MomentKind.REPEATED}
"""What speaks against a face from a moment on."""


@dataclass(slots=True)
class Moment:
    """One moment.

    Attributes:
        n: counts the moments of a session from 1.
        face: its id; None where the moment is the whole picture's.
        t: seconds on the session's time line.
        at: wall time; None for a recording.
        frame: its sequence number.
        note: what somebody wrote about it.
        score: what was said of the face then; None where it was not in the picture.
        transport: how the picture got here.
        engine: that computed the score.
        face_px: the face's shorter side in pixels; None where it was not in the picture.
        pose: yaw, pitch and roll in degrees, or None.
        patches: float32, (rows, columns), log-likelihood ratios; None where the model has none, or did not look.
        crop: JPEG, as the model saw the face; empty where there is none, or it is not made yet.
        wide: JPEG of the face with its surroundings.
    """

    n: int
    kind: MomentKind
    face: int | None
    t: float
    at: datetime | None
    frame: int
    note: str
    score: FaceReport | None
    transport: TransportReport
    engine: str
    face_px: int | None = None
    pose: tuple[float, float, float] | None = None
    patches: NDArray[np.float32] | None = None
    crop: bytes = b""
    wide: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of its pictures."""
        return len(self.crop) + len(self.wide)


Crop = Callable[[NDArray[np.uint8], Face], tuple[bytes, bytes]]
"""Cuts a face out of a frame, uint8, (height, width, 3): what the model saw, and wider, both JPEG."""


@dataclass(slots=True)
class _Known:
    """What is remembered of a face to tell what is new."""

    lowest: float = 2.0
    changes: list[tuple[MomentKind, int]] = field(default_factory=list)
    first: bool = False


class Moments:
    """The moments of one session: at most sixty, and 4 MiB of pictures.

    `see` and `keep` return at once; pictures are cut by an executor, eight at a time at most: a moment beyond
    them is kept without a picture.
    """

    def __init__(self, crop: Crop, executor: Executor | None = None) -> None:
        """Begin with nothing.

        Args:
            crop: cuts a face out.
            executor: does that; without one it is done at once.
        """
        self._crop = crop
        self._executor = executor
        self._lock = Lock()
        self._kept: dict[int, Moment] = {}
        self._known: dict[int, _Known] = {}
        self._count = 0
        self._waiting = 0
        self._closed = False

    @property
    def size(self) -> int:
        """Bytes of all pictures."""
        with self._lock:
            return sum(moment.size for moment in self._kept.values())

    def all(self) -> tuple[Moment, ...]:
        """Return the moments, oldest first."""
        with self._lock:
            return tuple(self._kept.values())

    def get(self, n: int) -> Moment | None:
        """Return one moment; None where there is none by that number, or no more."""
        with self._lock:
            return self._kept.get(n)

    def see(self, scored: Scored, at: datetime | None, transport: TransportReport, engine: str) -> None:
        """Look whether this frame is a moment to keep."""
        faces = {face.id: face for face in scored.update.faces}
        for event in scored.update.events:
            if event.kind in (EventKind.ALARM_RAISED, EventKind.ALARM_CLEARED) and event.face is not None:
                kind = MomentKind(event.kind.value)
                self._add(kind, event.face, scored, at, transport, engine)
        for face in faces.values():
            for kind in self._news(face):
                self._add(kind, face.id, scored, at, transport, engine)

    def keep(
        self,
        kind: MomentKind,
        face: int | None,
        note: str,
        scored: Scored,
        at: datetime | None,
        transport: TransportReport,
        engine: str,
    ) -> int:
        """Keep a moment because somebody asks for it; returns its number."""
        return self._add(kind, face, scored, at, transport, engine, note[:_NOTE])

    def drop_least(self) -> bool:
        """Let the least telling moment go; returns whether there was one."""
        with self._lock:
            return self._drop_least()

    def close(self) -> None:
        """Let all of them go; what is still being cut goes nowhere."""
        with self._lock:
            self._closed = True
            self._kept.clear()

    def _news(self, face: FaceScore) -> list[MomentKind]:
        """Return what about a face is new with this frame."""
        known = self._known.setdefault(face.id, _Known())
        while len(self._known) > _FACES:
            del self._known[next(iter(self._known))]
        news = []
        for driver in face.drivers:
            kind = _CUES.get(driver.cue)
            if kind is not None and not any(
                kind is before and abs(driver.since_ns - since_ns) < _SAME_CHANGE_NS
                for before, since_ns in known.changes
            ):
                known.changes = [*known.changes[-15:], (kind, driver.since_ns)]
                news.append(kind)
        value = face.authenticity
        # Only what this very frame shows: the picture beside a number must be the one behind it.
        if value is None or face.frame_score is None or face.state is State.CANNOT_JUDGE:
            return news
        if not known.first:
            known.first, known.lowest = True, value
            news.append(MomentKind.FIRST_LOOK)
        elif value < known.lowest - _LOWER:
            known.lowest = value
            news.append(MomentKind.LOWEST)
        return news

    def _add(
        self,
        kind: MomentKind,
        face: int | None,
        scored: Scored,
        at: datetime | None,
        transport: TransportReport,
        engine: str,
        note: str = "",
    ) -> int:
        said = next((one for one in scored.update.faces if one.id == face), None)
        seen = next((one for one in scored.tracked.faces if one.id == face), None)
        patches = scored.patches.get(face) if face is not None else None
        if patches is not None and (said is None or said.frame_score is None):
            # Judged, and yet nothing was said: a rehearsal's test swap. It is no picture of what was there.
            seen = patches = None
        with self._lock:
            self._count += 1
            moment = Moment(
                n=self._count,
                kind=kind,
                face=face,
                t=scored.at_s,
                at=at,
                frame=scored.frame.sequence,
                note=note,
                score=face_report(said) if said is not None else None,
                transport=transport,
                engine=engine,
                face_px=round(seen.box.side) if seen is not None else None,
                pose=(seen.pose.yaw, seen.pose.pitch, seen.pose.roll) if seen and seen.pose else None,
                patches=None if patches is None else np.array(patches, np.float32),
            )
            if kind is MomentKind.LOWEST:
                # There is one lowest of a face: the one before it was only on the way down.
                for n in [n for n, one in self._kept.items() if one.kind is kind and one.face == face]:
                    del self._kept[n]
            self._kept[moment.n] = moment
            self._keep_bounds()
            wanted = seen is not None and moment.n in self._kept and self._waiting < _WAITING
            self._waiting += wanted
        if wanted and seen is not None:
            self._cut(moment, scored, seen)
        return moment.n

    def _cut(self, moment: Moment, scored: Scored, seen: Face) -> None:
        def work() -> None:
            try:
                crop, wide = self._crop(scored.frame.rgb(), seen)
            finally:
                with self._lock:
                    self._waiting -= 1
            with self._lock:
                if moment.n in self._kept and not self._closed:
                    moment.crop, moment.wide = crop, wide
                    self._keep_bounds()

        if self._executor is None:
            work()
        else:
            self._executor.submit(work)

    def _keep_bounds(self) -> None:
        while len(self._kept) > _MOST or sum(moment.size for moment in self._kept.values()) > _MOST_BYTES:
            self._drop_least()

    def _drop_least(self) -> bool:
        """Let go of the least telling, the newest spared."""
        if not self._kept:
            return False
        older = list(self._kept.values())[:-_NEWEST] or list(self._kept.values())
        del self._kept[min(older, key=lambda one: (_TELLING[one.kind], one.n)).n]
        return True
