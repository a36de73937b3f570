"""What a frame's way through our own code copies: counted in bytes and tasks, never timed."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Coroutine
from typing import Any

import cv2
import numpy as np
import pytest
from av import VideoFrame

from stream_guard.budget.plan import Plan
from stream_guard.clock import MonotonicClock
from stream_guard.face import Box, Face
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.pipeline.looker import Looker
from stream_guard.pipeline.observers import SessionInfo
from stream_guard.pipeline.pipeline import Judgement, Pipeline
from stream_guard.sources.colour import to_rgb
from tests.unit.pipeline.doubles import FreeBudget, Notes, ScriptedSource, TwoFaces, looker

pytestmark = pytest.mark.unit

FRAME_BYTES = 1280 * 720 * 3


def allocated(run: Callable[[], object], times: int = 5) -> int:
    """Return the most that Python and numpy held at once during a call, beyond what they held before, in bytes."""
    run()  # whatever is made once
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(times):
            run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_counting_sees_a_copy() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    assert allocated(picture.copy) >= FRAME_BYTES


def test_converting_copies_no_frame() -> None:
    frame = VideoFrame(1280, 720, "yuv420p")
    assert to_rgb(frame, hd_is_bt709=False).shape == (720, 1280, 3)
    assert allocated(lambda: to_rgb(frame, hd_is_bt709=False)) < FRAME_BYTES // 100


def test_a_converted_frame_outlives_its_converter() -> None:
    frame = VideoFrame(64, 48, "yuv420p")
    first = to_rgb(frame, hd_is_bt709=False)
    kept = first.copy()
    for _ in range(20):
        to_rgb(VideoFrame(64, 48, "rgb24"), hd_is_bt709=False)[:] = 7
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("width", [1280, 638, 322])
def test_padded_rows_are_left_out(width: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, width, 3), dtype=np.uint8)
    rgb = to_rgb(VideoFrame.from_ndarray(picture, format="rgb24"), hd_is_bt709=False)
    assert np.array_equal(rgb, picture)
    assert rgb.flags.c_contiguous


class _OneFace:
    def update(self, rgb: Any, at_ns: int, *, plan: Plan) -> Tracked:
        face = Face(id=1, box=Box(500, 200, 200, 240))
        return Tracked(faces=(face,), cut=False, find_ns=0, track_ns=1, measured=1, measurable=1)


def test_cutting_faces_out_makes_no_picture_of_its_own() -> None:
    cv2.setNumThreads(1)
    eye = Looker(_OneFace(), size=176, margin=1.3, max_faces=4, clock=MonotonicClock())
    rgb = np.random.default_rng(2).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    try:
        looked = eye.look(Frame.from_rgb(rgb), 0, Plan(faces=4))
        assert looked.batch.shape == (1, 176, 176, 3)
        assert allocated(lambda: eye.look(Frame.from_rgb(rgb), 0, Plan(faces=4))) < 176 * 176 * 3 // 2
        again = eye.look(Frame.from_rgb(rgb), 0, Plan(faces=4))
        assert np.shares_memory(looked.batch, again.batch), "the batch is filled in place"
    finally:
        eye.close()


async def test_a_frame_starts_no_task() -> None:
    loop = asyncio.get_running_loop()
    started: list[str] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Task[Any]:
        started.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **more)

    async def run(frames: int) -> int:
        started.clear()
        pipeline = Pipeline(
            SessionInfo("c1", "pattern", "scripted", live=False),
            ScriptedSource(frames, live=False),
            looker=looker(TwoFaces()),
            infer=_no_logits,
            budget=FreeBudget(),
            scorer=Notes(),
            clock=MonotonicClock(),
        )
        assert sum([1 async for _ in pipeline.results()]) == frames
        return len(started)

    before = loop.get_task_factory()
    loop.set_task_factory(factory)
    try:
        assert await run(3) == await run(60), "tasks by the frame"
    finally:
        loop.set_task_factory(before)


async def _no_logits(batch: Any) -> Any:
    return Judgement(np.zeros(len(batch), np.float32))
