"""What can be watched of the pipeline. Metrics, hub and journal are observers: no stage measures itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import DropCause, Plan
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.scoring.observation import Update
from stream_guard.sources.base import Transport

__all__ = ["Observer", "Scored", "SessionInfo", "SessionState", "Stage", "Ticked"]

SessionState = Literal["connecting", "live", "stale", "ended"]

Stage = Literal["wait", "convert", "find", "track", "align", "infer", "total"]
"""``wait``: from arrival to admission. ``total``: from arrival to the score."""


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
    """

    frame: Frame
    at_s: float
    scored_ns: int
    update: Update
    plan: Plan
    transport: Transport
    tracked: Tracked
    patches: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)


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
