from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stream_guard.face import Box
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import SessionInfo
from stream_guard.recording import journal as journalling
from stream_guard.recording.evidence import Evidence
from stream_guard.scoring.observation import EventKind, FaceScore, ScoreEvent, State, Update
from tests.unit.recording.journals import journal, only_folder, replayed, session

pytestmark = pytest.mark.unit

INFO = SessionInfo(id="c1", kind="webrtc", label="a call", live=True)


def scored(kind: EventKind, *, face: int) -> Any:
    faces = tuple(
        FaceScore(number, Box(0.2 * number, 0.2, 0.2, 0.3), 0.1, (0.0, 0.2), State.SYNTHETIC, (), 0.1, 1.0)
        for number in (1, 2)
    )
    picture = np.random.default_rng(1).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    update = Update(faces=faces, events=(ScoreEvent(kind, 0, face=face),))
    return SimpleNamespace(update=update, at_s=12.345, frame=Frame.from_rgb(picture))


async def test_the_face_of_an_alarm_is_kept_and_no_other(tmp_path: Path) -> None:
    async with journal(tmp_path, keep_evidence=True) as writing:
        evidence = Evidence(writing)
        writing.take(session())
        evidence.frame_scored(INFO, scored(EventKind.STATE_CHANGED, face=1))
        evidence.frame_scored(INFO, scored(EventKind.ALARM_CLEARED, face=1))
        evidence.frame_scored(INFO, scored(EventKind.ALARM_RAISED, face=2))
    lines, _ = await replayed(await only_folder(tmp_path))
    assert [line.evidence for line in lines if line.evidence] == ["evidence/000012.345s-face2.jpg"]


async def test_a_picture_that_cannot_be_cut_out_costs_no_line(tmp_path: Path) -> None:
    async with journal(tmp_path, keep_evidence=True) as writing:
        writing.take(session())
        for box in (Box(2.0, 2.0, 0.1, 0.1), Box(0, 0, 0, 0), Box(float("nan"), 0, 1, 1)):
            broken = Frame.from_rgb(np.zeros((9, 16, 3), np.uint8))
            writing.keep_face("c1", face=1, t=1.0, frame=broken, box=box)
        await asyncio.sleep(0.1)
        writing.take(session("ended"))
    lines, replay = await replayed(await only_folder(tmp_path))
    assert [line.message.state for line in lines if line.message] == ["live", "ended"]  # type: ignore[union-attr]
    assert (replay.ended, replay.missing) == (True, 0)
    assert not any(line.evidence for line in lines)


async def test_a_face_waits_for_a_disk_that_is_full_and_costs_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journalling, "_FLUSH_S", 0.02)
    monkeypatch.setattr(journalling, "_RETRY_S", 0.05)
    write, full = Path.write_bytes, [True]

    def failing(path: Path, data: bytes) -> int:
        if full[0] and path.suffix == ".jpg":
            write(path, data[: len(data) // 2])  # a full disk takes a part
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", failing)
    async with journal(tmp_path, keep_evidence=True) as writing:
        writing.take(session())
        picture = Frame.from_rgb(np.full((90, 160, 3), 120, np.uint8))
        writing.keep_face("c1", face=1, t=1.0, frame=picture, box=Box(0.2, 0.2, 0.4, 0.6))
        async with asyncio.timeout(10):
            while "No space left on device" not in caplog.text:
                await asyncio.sleep(0.02)
        assert not await asyncio.to_thread(lambda: list(tmp_path.rglob("*.jpg"))), "half a picture is none"
        writing.take(session("stale"))
        full[0] = False
        writing.take(session("ended"))
    folder = await only_folder(tmp_path)
    lines, replay = await replayed(folder)
    assert (replay.ended, replay.missing, replay.torn) == (True, 0, 0)
    assert [line.message.state for line in lines if line.message] == ["live", "stale", "ended"]  # type: ignore[union-attr]
    (kept,) = [line.evidence for line in lines if line.evidence]
    assert await asyncio.to_thread((folder / kept).read_bytes)
