"""The budget's promises on a real stream: recordings played at their own pace through the shipped model."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.app import Runtime
from stream_guard.clock import MonotonicClock
from stream_guard.config import Config
from stream_guard.metrics.recorder import Recorder
from stream_guard.pipeline.observers import Scored, SessionInfo
from stream_guard.sources.registry import open_source
from stream_guard.testing.caller import Caller

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(120)]

FPS, SECONDS, WARM_UP_S = 30, 9, 3
"""The first seconds load the finder and learn what things cost."""


def write(path: Path, rows: int) -> Path:
    """Write a gallery of so many rows and columns of the made-up caller, at 1280x720."""
    caller = Caller(width=1280 // rows, height=720 // rows)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"preset": "veryfast", "tune": "zerolatency"}
        for number in range(FPS * SECONDS):
            picture: NDArray[np.uint8] = np.zeros((720, 1280, 3), np.uint8)
            for tile in range(rows * rows):
                # Each a little later than the one before, so that they do not move as one.
                drawn = caller.frame(number / FPS + tile)
                height, width = drawn.shape[:2]
                top, left = tile // rows * height, tile % rows * width
                picture[top : top + height, left : left + width] = drawn
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


async def play(clip: Path) -> tuple[list[Scored], Recorder]:
    """Play a clip live; return what was scored after the warm-up."""
    clock = MonotonicClock()
    recorder = Recorder(clock=clock)
    scored: list[Scored] = []
    async with Runtime(Config.make(), clock=clock) as runtime:
        source = await asyncio.to_thread(open_source, str(clip), clock=clock, realtime=True)
        pipeline = runtime.pipeline(SessionInfo("c1", source.kind, source.name, live=True), source, [recorder])
        async for result in pipeline.results():
            if isinstance(result, Scored) and result.frame.media_s >= WARM_UP_S:
                scored.append(result)
    return scored, recorder


async def test_one_face_is_scored_on_every_frame_that_is_looked_at(tmp_path: Path) -> None:
    scored, recorder = await play(await asyncio.to_thread(write, tmp_path / "one.mp4", 1))
    judged = sum(any(face.frame_score is not None for face in result.update.faces) for result in scored)
    # Where a busy machine leaves frames out, a face may have moved away from where it was; then it is found again.
    assert judged >= 0.9 * len(scored)
    assert not any(result.plan.degraded for result in scored)
    # How many there are is the machine's affair (`stream-guard bench latency`); the promise is twice a second.
    assert len(scored) >= 2 * (SECONDS - WARM_UP_S)
    check_accounts(recorder)


async def test_nine_faces_take_turns_fairly_and_it_is_said(tmp_path: Path) -> None:
    scored, recorder = await play(await asyncio.to_thread(write, tmp_path / "nine.mp4", 3))
    # By place in the gallery: a face that a busy machine lost sight of comes back with another number.
    counts = Counter(
        tuple(int(3 * at) for at in face.box.centre)
        for result in scored
        for face in result.update.faces
        if face.frame_score is not None
    )
    assert len(counts) == 9
    # The rate itself is held on paper, in tests/unit/budget.
    assert min(counts.values()) >= max(2, max(counts.values()) // 2)
    assert any(result.plan.degraded for result in scored), "the overlay can say that they take turns"
    check_accounts(recorder)


def check_accounts(recorder: Recorder) -> None:
    """Every frame has a fate with a name."""
    stats = recorder.stats("c1")
    assert stats is not None
    assert stats.received == stats.admitted + sum(stats.dropped.values())
