"""What was said of one session over time: scores, events, and how the picture got here. Memory is bounded."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S
from stream_guard.evidence.route import Route
from stream_guard.face import Reason
from stream_guard.protocol.messages import Event, TransportReport
from stream_guard.scoring.observation import Cue, EventKind, State

__all__ = [
    "POINT",
    "STEP_S",
    "Around",
    "FaceTrace",
    "Said",
    "Trace",
    "TransportChange",
    "around",
    "cues_in",
    "reasons_in",
]

STEP_S = 0.2
"""Frames within so many seconds become one point, until there are too many of them."""

_POINTS = 16_384
"""Of one face; beyond them two become one, so after 54 minutes in view a point is 0.4 s, then 0.8 s."""

_FACES = 64
_EVENTS = 2_000
_TRANSPORTS = 200

POINT = np.dtype(
    [
        ("t", np.float64),
        ("authenticity", np.float32),
        ("low", np.float32),
        ("high", np.float32),
        ("frame_sum", np.float32),
        ("frame_low", np.float32),
        ("coverage", np.float32),
        ("frames", np.uint32),
        ("scored", np.uint32),
        ("state", np.uint8),
        ("reasons", np.uint16),
        ("cues", np.uint16),
    ]
)
"""One point: authenticity, interval, coverage and state are the last, reasons and cues all there were.
``frame_sum`` and ``frame_low`` are the sum and the lowest of what single frames said. NaN where nothing was."""

_STATES, _REASONS, _CUES = list(State), list(Reason), list(Cue)
_UNJUDGED = {State.CANNOT_JUDGE, State.STALE}


class Said(Protocol):
    """What is said of a face: a `FaceScore`, or a `FaceReport` read back."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def authenticity(self) -> float | None: ...  # noqa: D102
    @property
    def interval(self) -> tuple[float, float] | None: ...  # noqa: D102
    @property
    def state(self) -> State: ...  # noqa: D102
    @property
    def reasons(self) -> tuple[Reason, ...]: ...  # noqa: D102
    @property
    def frame_score(self) -> float | None: ...  # noqa: D102
    @property
    def coverage(self) -> float: ...  # noqa: D102
    @property
    def drivers(self) -> Sequence[Any]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class TransportChange:
    """How the picture gets here from a moment on.

    Attributes:
        t: seconds on the session's time line.
        transport: as it was then.
        kbps: the lowest and the highest bitrate since; None where none is known.
    """

    t: float
    transport: TransportReport
    kbps: tuple[float, float] | None


class FaceTrace:
    """One face over time.

    Attributes:
        id: the tracker's.
        step_s: how long a point lasts.
    """

    def __init__(self, face: int) -> None:
        """Begin with nothing."""
        self.id = face
        self.step_s = STEP_S
        self._rows: NDArray[Any] = np.empty(64, POINT)
        self._count = 0

    @property
    def last_s(self) -> float:
        """When the newest point began; minus infinity before there is one."""
        return float(self._rows[self._count - 1]["t"]) if self._count else -math.inf

    def add(self, at_s: float, face: Said, *, looked: bool = True) -> None:
        """Take what one frame made to be said; or its absence, where nobody looked."""
        if self._count == _POINTS and at_s >= self.last_s + self.step_s:
            self._thin()
        began = math.floor(at_s / self.step_s) * self.step_s
        if began > self.last_s:
            self._begin(began)
        row = self._rows[self._count - 1]
        shown = face.authenticity is not None and face.state not in _UNJUDGED
        row["authenticity"] = face.authenticity if shown else math.nan
        row["low"], row["high"] = face.interval if shown and face.interval else (math.nan, math.nan)
        row["coverage"] = face.coverage
        row["state"] = _STATES.index(face.state)
        row["frames"] += looked
        for reason in face.reasons:
            row["reasons"] |= 1 << _REASONS.index(reason)
        for driver in face.drivers:
            row["cues"] |= 1 << _CUES.index(driver.cue)
        if looked and face.frame_score is not None:
            row["scored"] += 1
            row["frame_sum"] += face.frame_score
            row["frame_low"] = np.fmin(row["frame_low"], np.float32(face.frame_score))

    def points(self) -> NDArray[Any]:
        """Return a copy of the points, oldest first: dtype `POINT`, shape (n,)."""
        return self._rows[: self._count].copy()

    def _begin(self, began: float) -> None:
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        row = self._rows[self._count]
        row["t"] = began
        row["frame_low"] = row["authenticity"] = row["low"] = row["high"] = math.nan
        row["frame_sum"] = row["coverage"] = 0
        row["frames"] = row["scored"] = row["state"] = row["reasons"] = row["cues"] = 0
        self._count += 1

    def _thin(self) -> None:
        """Make one point of all that lie within twice the step."""
        self.step_s *= 2
        old = self._rows[: self._count]
        began = np.floor(old["t"] / self.step_s + 1e-6) * self.step_s
        first = np.flatnonzero(np.diff(began, prepend=-math.inf) > 0)
        last = np.append(first[1:], len(old)) - 1
        kept = old[last].copy()
        kept["t"] = began[first]
        for name in ("frames", "scored", "frame_sum"):
            kept[name] = np.add.reduceat(old[name], first)
        kept["frame_low"] = np.fmin.reduceat(old["frame_low"], first)
        for name in ("reasons", "cues"):
            kept[name] = np.bitwise_or.reduceat(old[name], first)
        self._count = len(kept)
        self._rows[: self._count] = kept


class Trace:
    """All faces of one session.

    Attributes:
        faces: by id; the one unseen for longest leaves where there are more than 64.
        faces_seen: how many there ever were.
        events: the newest 2,000.
        alarmed: whether an alarm was ever raised, however long ago.
        transports: every change of codec, size or bitrate; the first 200.
        last_s: the newest moment on the session's time line.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.faces: dict[int, FaceTrace] = {}
        self.faces_seen = 0
        self._newest = -1
        self.events: deque[Event] = deque(maxlen=_EVENTS)
        self.alarmed = False
        self.transports: list[TransportChange] = []
        self.last_s = 0.0
        self._route = Route()

    def add(
        self,
        at_s: float,
        faces: Iterable[Said],
        events: Iterable[Event],
        transport: TransportReport | None,
        *,
        looked: bool = True,
    ) -> None:
        """Take one frame's result, or what changed in a silence, when nobody looked; events may come on their own.

        Args:
            at_s: seconds on the session's time line.
            faces: what was said of each.
            events: that it made.
            transport: how the picture got here; None where that was not said anew.
            looked: whether there was a frame.
        """
        self.last_s = max(self.last_s, at_s)
        for event in events:
            self.events.append(event)
            self.alarmed |= event.kind is EventKind.ALARM_RAISED
        for face in faces:
            known = self.faces.get(face.id)
            if known is None:
                known = self.faces[face.id] = FaceTrace(face.id)
                self.faces_seen += face.id > self._newest  # ids grow, and are never given again
                self._newest = max(self._newest, face.id)
            known.add(at_s, face, looked=looked)
            if len(self.faces) > _FACES:
                del self.faces[min(self.faces.values(), key=lambda one: one.last_s).id]
        if transport is not None:
            self._follow(at_s, transport)

    def _follow(self, at_s: float, now: TransportReport) -> None:
        """Note how the picture gets here where that is new, and the first bitrate that is known."""
        changed = self._route.changed(
            round(self.last_s * NS_PER_S), codec=now.codec, width=now.width, height=now.height, kbps=now.kbps
        )
        rate = None if now.kbps is None else (now.kbps, now.kbps)
        if not self.transports or changed:
            if len(self.transports) < _TRANSPORTS:
                self.transports.append(TransportChange(at_s, now, rate))
            return
        last = self.transports[-1]
        if now.kbps is not None and (last.kbps is None or not last.kbps[0] <= now.kbps <= last.kbps[1]):
            low, high = last.kbps or (now.kbps, now.kbps)
            # The first rate that is known was unknown when the session began.
            told = last.transport if last.kbps else now
            self.transports[-1] = TransportChange(last.t, told, (min(low, now.kbps), max(high, now.kbps)))


class Around(TypedDict):
    """A face's scores around a moment, as columns; seconds from the moment, None where nothing was said."""

    t: list[float]
    authenticity: list[float | None]
    low: list[float | None]
    high: list[float | None]
    state: list[str]


def around(points: NDArray[Any], at_s: float, *, span_s: float = 15.0) -> Around:
    """Return the points within so many seconds of a moment.

    Args:
        points: dtype `POINT`, oldest first.
        at_s: the moment, in seconds on the session's time line.
        span_s: how far to look, before and after.
    """
    near = points[np.abs(points["t"] - at_s) <= span_s]

    def column(name: str) -> list[float | None]:
        return [None if math.isnan(value) else round(float(value), 3) for value in near[name]]

    return Around(
        t=[round(float(t) - at_s, 2) for t in near["t"]],
        authenticity=column("authenticity"),
        low=column("low"),
        high=column("high"),
        state=[_STATES[state].value for state in near["state"]],
    )


def reasons_in(bits: int) -> tuple[Reason, ...]:
    """Return the reasons that a point's number stands for."""
    return tuple(reason for place, reason in enumerate(_REASONS) if bits >> place & 1)


def cues_in(bits: int) -> tuple[Cue, ...]:
    """Return the cues that a point's number stands for."""
    return tuple(cue for place, cue in enumerate(_CUES) if bits >> place & 1)
