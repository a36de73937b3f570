"""Messages as a server would send them, for the pages' tests."""

from __future__ import annotations

from itertools import count

from stream_guard.face import Reason
from stream_guard.protocol.messages import (
    BudgetReport,
    Event,
    FaceReport,
    Scores,
    Session,
    StageReport,
    Stats,
    TransportReport,
)
from stream_guard.scoring.observation import EventKind, State

__all__ = [
    "AUTHENTIC",
    "CANNOT_JUDGE",
    "SUSPICIOUS",
    "SYNTHETIC",
    "event",
    "face",
    "gallery",
    "scores",
    "session",
    "small",
    "stats",
]

_frames = count(1)


def face(
    id: int = 1,
    state: State = State.AUTHENTIC,
    authenticity: float | None = 0.93,
    *,
    box: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.5),
    reasons: tuple[Reason, ...] = (),
) -> FaceReport:
    """One face; its interval is five points to each side."""
    interval = None if authenticity is None else (max(0.0, authenticity - 0.05), min(1.0, authenticity + 0.05))
    return FaceReport(
        id=id,
        box=box,
        authenticity=authenticity,
        interval=interval,
        state=state,
        reasons=reasons,
        frame_score=authenticity,
        coverage=0.9,
    )


AUTHENTIC = face()
SUSPICIOUS = face(state=State.SUSPICIOUS, authenticity=0.42)
SYNTHETIC = face(state=State.SYNTHETIC, authenticity=0.04)
CANNOT_JUDGE = face(
    state=State.CANNOT_JUDGE,
    authenticity=None,
    box=(0.4, 0.3, 0.03, 0.0528),  # 38 px of 1280 by 720
    reasons=(Reason.FACE_TOO_SMALL, Reason.DARK),
)


def gallery(side: int) -> list[FaceReport]:
    """A call of ``side`` squared tiles; the fifth is synthetic, the sixth too small."""
    faces = []
    for place in range(side * side):
        row, column = divmod(place, side)
        box = ((column + 0.3) / side, (row + 0.25) / side, 0.3 / side, 0.5 / side)
        match place:
            case 4:
                faces.append(face(5, State.SYNTHETIC, 0.06, box=box))
            case 5:
                faces.append(face(6, State.CANNOT_JUDGE, None, box=box, reasons=(Reason.FACE_TOO_SMALL,)))
            case _:
                faces.append(face(place + 1, box=box))
    return faces


def small(id: int, pixels: int = 38) -> FaceReport:
    """A face of so many pixels of 1280 by 720, which is too few."""
    box = (0.03 * id, 0.3, pixels / 1280, pixels / 720)
    return face(id, State.CANNOT_JUDGE, None, box=box, reasons=(Reason.FACE_TOO_SMALL,))


def scores(*faces: FaceReport, session: str = "c1", degraded: bool = False, age_ms: float = 40.0) -> Scores:
    """The next frame's scores, a tenth of a second after the one before."""
    frame = next(_frames)
    return Scores(
        session=session,
        frame=frame,
        t=frame / 10,
        age_ms=age_ms,
        faces=faces,
        budget=BudgetReport(target_ms=33, p95_ms=24.1, degraded=degraded),
        transport=TransportReport(codec="VP8", width=1280, height=720, fps=29.9, kbps=2310, lost=0),
    )


def session(id: str = "c1", state: str = "live", label: str = "a tab", reason: str | None = None) -> Session:
    """How a session stands."""
    return Session.model_validate(
        {"session": id, "state": state, "kind": "webrtc", "label": label, "reason": reason}
    )


def event(kind: EventKind, session: str = "c1", **fields: object) -> Event:
    """Something that happened."""
    return Event.model_validate({"session": session, "t": 1.0, "kind": kind, **fields})


def stats(session: str = "c1", **dropped: int) -> Stats:
    """A second's numbers."""
    stage = StageReport(p50_ms=3.1, p95_ms=4.4, p99_ms=6.5, count=290)
    return Stats.model_validate(
        {
            "session": session,
            "t": 12.0,
            "received": 10342,
            "admitted": 10330,
            "scored": 10311,
            "dropped": dropped,
            "fps_in": 29.9,
            "fps_scored": 29.8,
            "stages": {"infer": stage, "wait": stage, "total": stage.model_copy(update={"p99_ms": 40.2})},
            "backlog_ms": 3.0,
            "clients": 2,
        }
    )
