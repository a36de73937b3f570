"""Frames' results, made up: what observers are told, without a pipeline."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_S
from stream_guard.face import Box, Face, Pose, Reason
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Scored, SessionInfo
from stream_guard.recording.session_record import SessionRecord, cutter
from stream_guard.scoring.observation import Driver, EventKind, FaceScore, ScoreEvent, State, Update
from stream_guard.sources.base import Transport

LIVE = SessionInfo(id="c1", kind="webrtc", label="call", live=True)
FILE = SessionInfo(id="call.mp4", kind="file", label="call.mp4", live=False)
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SIZE = 176


def face_score(
    face: int = 1,
    value: float | None = 0.9,
    *,
    state: State = State.AUTHENTIC,
    reasons: tuple[Reason, ...] = (),
    drivers: tuple[Driver, ...] = (),
) -> FaceScore:
    return FaceScore(
        id=face,
        box=Box(0.25, 0.25, 0.5, 0.5),
        authenticity=value,
        interval=None if value is None else (max(0.0, value - 0.1), min(1.0, value + 0.1)),
        state=state,
        reasons=reasons,
        frame_score=value,
        coverage=0.75,
        drivers=drivers,
    )


def event(kind: EventKind, at_s: float, face: int | None = 1, authenticity: float | None = 0.1) -> ScoreEvent:
    return ScoreEvent(kind, round(at_s * NS_PER_S), face, None, State.SYNTHETIC, authenticity)


def scored(
    at_s: float,
    *faces: FaceScore,
    events: tuple[ScoreEvent, ...] = (),
    shade: int = 0,
    transport: Transport | None = None,
    patches: NDArray[np.float32] | None = None,
) -> Scored:
    pixels = np.full((180, 320, 3), shade, np.uint8)
    seen = [one for one in faces if one.frame_score is not None]
    tracked = tuple(Face(one.id, Box(80, 45, 160, 90), pose=Pose(5.0, -3.0, 0.0)) for one in seen)
    return Scored(
        Frame.from_rgb(pixels, sequence=round(at_s * 10), media_s=at_s, arrived_ns=round(at_s * NS_PER_S)),
        at_s,
        round((at_s + 0.04) * NS_PER_S),
        Update(faces, events),
        Plan(1),
        transport or Transport(codec="VP8", width=320, height=180, fps=10.0, kbps=800.0, lost=0),
        Tracked(tracked, False, 0, 0, 0, 0),
        {} if patches is None else {face.id: patches for face in tracked},
    )


def record(info: SessionInfo = FILE, *, pictures: bool = True) -> SessionRecord:
    return SessionRecord(
        info,
        model="default 0.1.0",
        engine=lambda: "scripted",
        crop=cutter(size=SIZE, margin=1.4) if pictures else None,
        now=lambda: AT,
    )


def swapped_call(info: SessionInfo = FILE, *, pictures: bool = True) -> SessionRecord:
    """A call of eight seconds: a face, a stretch in the dark, then a swap and an alarm."""
    made = record(info, pictures=pictures)
    patches = np.linspace(-3, 5, 121, dtype=np.float32).reshape(11, 11)
    for number in range(80):
        at_s = number / 10
        if at_s < 3:
            face, shade = face_score(value=0.9), 10
        elif at_s < 4:
            face, shade = face_score(value=None, state=State.CANNOT_JUDGE, reasons=(Reason.DARK,)), 0
        elif at_s < 5:
            face, shade = face_score(value=0.4, state=State.SUSPICIOUS), 90
        else:
            face, shade = face_score(value=0.1, state=State.SYNTHETIC), 200
        events = (event(EventKind.ALARM_RAISED, 5.0),) if number == 50 else ()
        result = scored(at_s, face, events=events, shade=shade, patches=patches)
        made.received(result.frame, 0)
        made.scored(result)
    return made
