"""What observers are told, made short."""

from __future__ import annotations

import numpy as np

from stream_guard.budget.plan import Plan
from stream_guard.face import Box, Reason
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Scored, SessionInfo
from stream_guard.scoring.observation import EventKind, FaceScore, ScoreEvent, State, Update
from stream_guard.sources.base import Transport

__all__ = ["CALL", "FILE", "event", "face", "frame", "scored"]

CALL = SessionInfo(id="c1", kind="webrtc", label="Ada", live=True)
FILE = SessionInfo(id="c2", kind="file", label="clip.mp4", live=False)


def frame(*, arrived_ns: int = 0, media_s: float = 0.0) -> Frame:
    return Frame.from_rgb(np.zeros((2, 2, 3), dtype=np.uint8), arrived_ns=arrived_ns, media_s=media_s)


def face(state: State, *reasons: Reason) -> FaceScore:
    return FaceScore(1, Box(0, 0, 1, 1), None, None, state, reasons, None, 0.0)


def event(kind: EventKind, state: State | None = None) -> ScoreEvent:
    return ScoreEvent(kind, at_ns=0, state=state)


def scored(
    *faces: FaceScore,
    events: tuple[ScoreEvent, ...] = (),
    at_s: float = 0.0,
    arrived_ns: int = 0,
    scored_ns: int = 0,
    degraded: bool = False,
) -> Scored:
    return Scored(
        frame=frame(arrived_ns=arrived_ns),
        at_s=at_s,
        scored_ns=scored_ns,
        update=Update(faces, events),
        plan=Plan(faces=1, degraded=degraded),
        transport=Transport(),
        tracked=Tracked((), False, 0, 0, 0, 0),
    )
