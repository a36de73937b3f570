"""Engines that cut by themselves, those that do not, and one taking over from the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import EngineError, EngineLost
from stream_guard.frame import Planes
from stream_guard.inference.engine import Engine, EngineOptions
from stream_guard.inference.faces import Faces, FrameFaces
from stream_guard.inference.worker import InferenceWorker
from stream_guard.testing.cutting import CuttingEngine, crops_of
from stream_guard.testing.engines import ScriptedEngine, brightness, make_manifest

pytestmark = [pytest.mark.unit, pytest.mark.timeout(90)]

SIZE = 32
LOST = EngineLost("the GPU has fallen off the bus")


class Frames:
    """Makes grey frames, and counts how often the CPU cut faces out of one."""

    def __init__(self) -> None:
        self.cut = 0

    def __call__(self, level: int, count: int = 1) -> Faces:
        rgb = np.full((48, 64, 3), level, dtype=np.uint8)
        frame = FrameFaces(Planes.of_rgb(rgb), np.stack([np.eye(2, 3)] * count))

        def crops() -> NDArray[np.uint8]:
            self.cut += 1
            return crops_of([frame], SIZE)

        return Faces(crops, frame)


@pytest.fixture
def frames() -> Frames:
    return Frames()


def worker_for(*engines: Engine, max_batch: int = 8) -> InferenceWorker:
    def maker(engine: Engine) -> Callable[[], Engine]:
        return lambda: engine

    return InferenceWorker(
        [maker(engine) for engine in engines],
        Path("untrained.onnx"),
        make_manifest(size=SIZE),
        options=EngineOptions(max_batch=max_batch),
    )


def answers(level: int, count: int = 1) -> NDArray[np.float32]:
    return brightness(np.full((count, SIZE, SIZE, 3), level, dtype=np.uint8))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def test_an_engine_that_cuts_is_given_frames(frames: Frames) -> None:
    engine = CuttingEngine()
    async with worker_for(engine) as worker:
        assert worker.cuts
        np.testing.assert_array_equal((await worker.infer(frames(9, 3))).logits, answers(9, 3))
    assert not worker.cuts
    assert engine.cut_from == [[("rgb24", 3)]]
    assert frames.cut == 0


async def test_any_other_engine_is_given_crops(frames: Frames) -> None:
    engine = ScriptedEngine()
    async with worker_for(engine) as worker:
        assert not worker.cuts
        np.testing.assert_array_equal((await worker.infer(frames(9, 3))).logits, answers(9, 3))
    assert engine.batches == [3]
    assert frames.cut == 1


async def test_frames_of_several_sessions_are_one_batch_and_each_gets_its_own_answer(frames: Frames) -> None:
    gate = threading.Event()
    engine = CuttingEngine(gate=gate)
    async with worker_for(engine) as worker:
        tasks = [asyncio.create_task(worker.infer(frames(0)))]
        await until(lambda: engine.cut_from)
        wanted = [(10, 1), (20, 3), (30, 2)]
        tasks += [asyncio.create_task(worker.infer(frames(level, count))) for level, count in wanted]
        await asyncio.sleep(0.01)
        gate.set()
        _, *found = await asyncio.gather(*tasks)
    assert engine.cut_from == [[("rgb24", 1)], [("rgb24", 1), ("rgb24", 3), ("rgb24", 2)]]
    for answer, (level, count) in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(answer.logits, answers(level, count))


async def test_more_faces_than_a_batch_takes_are_cut_piece_by_piece(frames: Frames) -> None:
    engine = CuttingEngine()
    async with worker_for(engine, max_batch=4) as worker:
        assert len((await worker.infer(frames(9, 10))).logits) == 10
    assert engine.cut_from == [[("rgb24", 4)], [("rgb24", 4)], [("rgb24", 2)]]


async def test_a_plain_engine_takes_over_in_mid_call_and_what_was_in_flight_is_cut_for_it(frames: Frames) -> None:
    lost, next_one = CuttingEngine(fail_on={1}, failure=LOST), ScriptedEngine()
    async with worker_for(lost, next_one) as worker:
        for level in range(4):
            np.testing.assert_array_equal((await worker.infer(frames(level, 2))).logits, answers(level, 2))
        assert worker.standing.engine == "scripted"
        assert not worker.cuts
    assert next_one.batches == [2, 2, 2]
    assert frames.cut == 3


async def test_a_cutting_engine_that_takes_over_is_given_frames(frames: Frames) -> None:
    lost, next_one = ScriptedEngine(fail_on={0}, failure=LOST), CuttingEngine()
    async with worker_for(lost, next_one) as worker:
        np.testing.assert_array_equal((await worker.infer(frames(5))).logits, answers(5))
        assert worker.cuts
    assert next_one.cut_from == [[("rgb24", 1)]]


@pytest.mark.parametrize("error", [None, RuntimeError("a kernel of somebody else's")])
async def test_what_cannot_be_cut_by_the_engine_is_cut_by_the_cpu_and_nobody_notices(
    frames: Frames, error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(CuttingEngine):
        def infer_cuts(self, frames: object) -> object:  # type: ignore[override]
            raise error or EngineError("no room for frames so large")

    engine = Clumsy()
    async with worker_for(engine, ScriptedEngine()) as worker:
        for number in range(5):
            np.testing.assert_array_equal((await worker.infer(frames(number))).logits, answers(number))
            assert worker.cuts == (number < 2), "after three failures in a row it is given crops"
        assert worker.standing.engine == "cutting"
    assert engine.batches == [1] * 5
    assert caplog.text.count("cannot cut faces out") == 3


async def test_failures_to_cut_that_are_not_in_a_row_are_forgiven(frames: Frames) -> None:
    engine = CuttingEngine(fail_cuts_on={0, 1, 3, 4})
    async with worker_for(engine) as worker:
        for _ in range(6):
            await worker.infer(frames(1))
        assert worker.cuts


async def test_crops_and_frames_in_one_batch_go_as_crops(frames: Frames) -> None:
    gate = threading.Event()
    engine = CuttingEngine(gate=gate)
    crops = np.full((2, SIZE, SIZE, 3), 7, dtype=np.uint8)
    async with worker_for(engine) as worker:
        tasks = [asyncio.create_task(worker.infer(frames(0)))]
        await until(lambda: engine.cut_from)
        tasks += [asyncio.create_task(worker.infer(one)) for one in (frames(200), crops)]
        await asyncio.sleep(0.01)
        gate.set()
        _, one, other = await asyncio.gather(*tasks)
    assert len(engine.cut_from) == 1
    np.testing.assert_array_equal(one.logits, answers(200))
    np.testing.assert_array_equal(other.logits, answers(7, 2))


async def test_an_engine_that_fails_on_frames_and_crops_and_a_plain_batch_is_replaced(frames: Frames) -> None:
    failing, next_one = (
        CuttingEngine(fail_on=range(1, 99), failure=RuntimeError("illegal address")),
        ScriptedEngine(),
    )
    async with worker_for(failing, next_one) as worker:
        for level in range(3):
            np.testing.assert_array_equal((await worker.infer(frames(level))).logits, answers(level))
        assert worker.standing.engine == "scripted"
    assert next_one.batches == [1, 1]


async def test_wrong_frames_are_refused_before_they_spoil_the_batch_of_others(frames: Frames) -> None:
    good = frames(3)
    assert good.frame is not None
    torn = Planes("rgb24", good.frame.planes.planes, 640, 480)
    async with worker_for(CuttingEngine()) as worker:
        for wrong in (
            FrameFaces(torn, good.frame.matrices),
            FrameFaces(good.frame.planes, good.frame.matrices * 0),
        ):
            with pytest.raises(EngineError):
                await worker.infer(Faces(lambda: np.empty((1, SIZE, SIZE, 3), np.uint8), wrong))
        np.testing.assert_array_equal((await worker.infer(good)).logits, answers(3))
