"""What the tests of the journal share."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from stream_guard.protocol.messages import (
    BudgetReport,
    Event,
    FaceReport,
    Hello,
    ModelReport,
    Scores,
    Session,
    TransportReport,
)
from stream_guard.recording.archive import Kept, kept_sessions
from stream_guard.recording.journal import Journal
from stream_guard.recording.line import Line
from stream_guard.recording.replay import Replay
from stream_guard.scoring.observation import EventKind, State

HELLO = Hello(
    server="stream-guard test",
    engine="scripted",
    device="cpu",
    model=ModelReport(name="m", version="1", status="preview", sha256="0" * 64, min_face_px=48),
    budget_ms=33,
)


def journal(folder: Path, **options: Any) -> Journal:
    return Journal(folder, hello=lambda: HELLO, **options)


def session(state: str = "live", name: str = "c1", **facts: Any) -> Session:
    facts = {"kind": "webrtc", "label": "a call", **facts}
    return Session.model_validate({"session": name, "state": state, **facts})


def event(number: int, name: str = "c1") -> Event:
    return Event(
        session=name,
        t=number / 10,
        kind=EventKind.STATE_CHANGED,
        face=number,
        state=State.SUSPICIOUS,
        authenticity=0.5,
    )


def scores(number: int, name: str = "c1", *, fps: float = 30, faces: int = 1) -> Scores:
    face = FaceReport(
        id=1,
        box=(0.1, 0.1, 0.2, 0.2),
        authenticity=0.9,
        interval=(0.8, 1.0),
        state=State.AUTHENTIC,
        frame_score=0.9,
        coverage=1.0,
    )
    return Scores(
        session=name,
        frame=number,
        t=round(number / fps, 3),
        age_ms=1,
        faces=(face,) * faces,
        budget=BudgetReport(target_ms=33, p95_ms=None),
        transport=TransportReport(codec="VP8", width=640, height=360, fps=fps),
    )


async def replayed(folder: Path) -> tuple[list[Line], Replay]:
    """Read a journal to its end."""
    replay = Replay(folder)
    return await asyncio.to_thread(list, replay), replay


async def kept(folder: Path) -> list[Kept]:
    return await asyncio.to_thread(kept_sessions, folder)


async def only_folder(folder: Path) -> Path:
    """Return the one session's folder, as soon as it is there."""
    async with asyncio.timeout(10):
        while not (found := [one for one in await kept(folder) if one.size]):
            await asyncio.sleep(0.05)
    (one,) = found
    return one.path
