"""What can be watched of the pipeline. Metrics, hub and journal are observers: no stage measures itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import DropCause, Plan
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.scoring.observation import Update
from stream_guard.sources.base import Transport

__all__ = ["Fault", "Observer", "Part", "Scored", "SessionInfo", "SessionState", "Shielded", "Stage", "Ticked"]

log = logging.getLogger(__name__)

SessionState = Literal["connecting", "live", "stale", "ended"]

Stage = Literal["wait", "convert", "find", "track", "align", "infer", "total"]
"""``wait``: from arrival to admission. ``total``: from arrival to the score."""

Part = Literal["faces", "stream", "server", "observer"]
"""What failed: following the faces, one stream's pipeline, the whole server for a while, or an observer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something inside failed, and the calls went on.

    Attributes:
        part: what it was.
        reason: what happened and what was done about it, in one line for people.
        session: the one it concerns; None where it concerns all.
    """

    part: Part
    reason: str
    session: str | None = None


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """Who a session is."""

    id: str
    kind: str
    label: str
    live: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """One frame's result.

    Attributes:
        frame: with its pixels, as long as somebody holds on to it.
        at_s: seconds on the session's time line.
        scored_ns: monotonic nanoseconds at which the scores stood.
        plan: what the budget allowed.
        tracked: every face as it was followed: pixel boxes, landmarks, pose.
        patches: for each face that was judged, by id: log-likelihood ratios of the regions of its crop, float32,
            shape (rows, columns), positive leans to synthetic. Empty where the model has no such output.
        evidence: share of the model's evidence that is left in a picture that gets here like this one.
    """

    frame: Frame
    at_s: float
    scored_ns: int
    update: Update
    plan: Plan
    transport: Transport
    tracked: Tracked
    patches: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    evidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Ticked:
    """What changed without a frame: a stream fell silent.

    Attributes:
        at_s: seconds on the session's time line.
    """

    at_s: float
    update: Update


class Observer:
    """Override what you need. All calls come from the event loop and must return at once."""

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Take note that a session began, came alive, fell silent or ended."""

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        """Take note of a frame, and of how many before it were passed over inside the source."""

    def frame_dropped(self, session: SessionInfo, cause: DropCause, count: int = 1) -> None:
        """Take note of frames that will not be scored."""

    def stage_done(self, session: SessionInfo, stage: Stage, duration_ns: int) -> None:
        """Take note of how long one stage took for one frame."""

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Take note of a result."""

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """Take note of what changed without a frame."""

    def fault(self, fault: Fault) -> None:
        """Take note of what failed and was mended."""


class Shielded(Observer):
    """An observer whose accidents stay its own: what it raises ends no call, and the others are told on."""

    def __init__(self, observer: Observer, tell: Callable[[Fault], None] = lambda fault: None) -> None:
        """Stand before an observer.

        Args:
            observer: is told of everything.
            tell: is told, once, that it failed.
        """
        self._observer = observer
        self._tell = tell
        self._failed = False

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Pass it on."""
        try:
            self._observer.session_changed(session, state, reason)
        except Exception:
            self._note()

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        """Pass it on."""
        try:
            self._observer.frame_received(session, frame, missed)
        except Exception:
            self._note()

    def frame_dropped(self, session: SessionInfo, cause: DropCause, count: int = 1) -> None:
        """Pass it on."""
        try:
            self._observer.frame_dropped(session, cause, count)
        except Exception:
            self._note()

    def stage_done(self, session: SessionInfo, stage: Stage, duration_ns: int) -> None:
        """Pass it on."""
        try:
            self._observer.stage_done(session, stage, duration_ns)
        except Exception:
            self._note()

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Pass it on."""
        try:
            self._observer.frame_scored(session, scored)
        except Exception:
            self._note()

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """Pass it on."""
        try:
            self._observer.ticked(session, ticked)
        except Exception:
            self._note()

    def fault(self, fault: Fault) -> None:
        """Pass it on."""
        try:
            self._observer.fault(fault)
        except Exception:
            self._note()

    def _note(self) -> None:
        """Log it once: it may fail at every frame."""
        if self._failed:
            return
        self._failed = True
        name = type(self._observer).__name__
        log.exception("%s failed while it was told of a call; the call goes on", name)
        self._tell(Fault("observer", f"{name} failed and may miss things; calls go on (see the log)"))
