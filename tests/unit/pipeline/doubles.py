"""Stand-ins for what surrounds the pipeline, as small as they can be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import DropCause, Plan, Skip
from stream_guard.clock import MonotonicClock
from stream_guard.errors import SourceEnded
from stream_guard.face import Box, Face, Reason
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.pipeline.looker import Looker
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.scoring.observation import EventKind, Observation, ScoreEvent, Update
from stream_guard.sources.base import Source

CLOCK = MonotonicClock()


class ScriptedSource(Source):
    """Delivers ``count`` grey frames, ``gap_s`` apart, then ends, breaks or falls silent."""

    kind = "pattern"
    name = "scripted"

    def __init__(
        self, count: int, *, live: bool, gap_s: float = 0.0, breaks: Exception | None = None, silent: bool = False
    ) -> None:
        self.live = live
        self._count = count
        self._gap_s = gap_s
        self._breaks = breaks
        self._silent = silent
        self._next = 0
        self.opened = 0
        self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def recv(self) -> Frame:
        if self._next >= self._count:
            if self._silent:
                await asyncio.Event().wait()
            raise self._breaks or SourceEnded("the script is over")
        await asyncio.sleep(self._gap_s)
        sequence = self._next
        self._next += 1
        pixels = np.full((72, 128, 3), sequence % 256, dtype=np.uint8)
        return Frame.from_rgb(pixels, sequence=sequence, media_s=sequence / 30, arrived_ns=CLOCK.now_ns())

    async def close(self) -> None:
        self.closed += 1


class TwoFaces:
    """A tracker that sees one good face and one that is too small; remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.plans: list[Plan] = []

    def update(self, rgb: NDArray[np.uint8], at_ns: int, *, plan: Plan) -> Tracked:
        self.seen.append(int(rgb[0, 0, 0]))
        self.plans.append(plan)
        good = Face(id=1, box=Box(32, 16, 32, 32))
        # As the real tracker does: a face that is too small is not measured.
        small = Face(id=2, box=Box(100, 10, 8, 8), measured=False, reasons=(Reason.FACE_TOO_SMALL,))
        return Tracked(faces=(good, small), cut=False, find_ns=5, track_ns=7, measured=1, measurable=1)


class FreeBudget:
    """Allows everything, or refuses everything."""

    def __init__(self, decision: Plan | Skip | None = None) -> None:
        self.decision = decision or Plan(faces=4)
        self.costs: list[tuple[str, int]] = []

    def admit(self, *, arrived_ns: int, now_ns: int, faces: int) -> Plan | Skip:
        return self.decision

    def spent(self, stage: str, duration_ns: int, *, faces: int) -> None:
        self.costs.append((stage, faces))


class Notes:
    """A scorer that writes down what it is told, and says stale after a while of ticks."""

    def __init__(self, stale_after_ns: int = 10**18) -> None:
        self.observations: list[Observation] = []
        self._stale_after_ns = stale_after_ns
        self._last_ns = 0
        self._stale = False

    def receive(self, observation: Observation) -> Update:
        self.observations.append(observation)
        self._last_ns = observation.at_ns
        return Update()

    def tick(self, now_ns: int) -> Update:
        if self._stale or now_ns - self._last_ns < self._stale_after_ns:
            return Update()
        self._stale = True
        return Update(events=(ScoreEvent(EventKind.STALE, at_ns=now_ns),))

    def trust(self, face: int) -> bool:
        return False


class Witness(Observer):
    """Writes down everything it is told."""

    def __init__(self) -> None:
        self.states: list[tuple[str, SessionState, str | None]] = []
        self.received: list[int] = []
        self.missed = 0
        self.dropped: dict[DropCause, int] = {}
        self.stages: list[str] = []
        self.scored: list[Scored] = []
        self.ticks: list[Ticked] = []

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        self.states.append((session.id, state, reason))

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        self.received.append(frame.sequence)
        self.missed += missed

    def frame_dropped(self, session: SessionInfo, cause: DropCause, count: int = 1) -> None:
        self.dropped[cause] = self.dropped.get(cause, 0) + count

    def stage_done(self, session: SessionInfo, stage: str, duration_ns: int) -> None:
        self.stages.append(stage)

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        self.scored.append(scored)

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        self.ticks.append(ticked)

    @property
    def state_names(self) -> Sequence[str]:
        return [state for _, state, _ in self.states]


def looker(tracker: TwoFaces, *, max_faces: int = 4) -> Looker:
    return Looker(tracker, size=32, margin=1.3, max_faces=max_faces, clock=CLOCK)
