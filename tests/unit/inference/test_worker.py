"""The one thread that owns the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from numpy.typing import NDArray

from stream_guard.errors import EngineError, EngineUnavailable
from stream_guard.inference.engine import EngineOptions
from stream_guard.inference.worker import InferenceWorker
from stream_guard.testing.engines import ScriptedEngine, brightness, make_manifest

pytestmark = pytest.mark.unit

SIZE = 32
MODEL = Path("untrained.onnx")


@pytest.fixture(autouse=True)
def nothing_blocks() -> Iterator[BlockBuster]:
    with blockbuster_ctx() as watch:
        yield watch


def grey(*levels: int) -> NDArray[np.uint8]:
    """One picture a level."""
    return np.stack([np.full((SIZE, SIZE, 3), level, dtype=np.uint8) for level in levels])


def worker_for(engine: ScriptedEngine, *, max_batch: int = 8, max_waiting: int = 64) -> InferenceWorker:
    return InferenceWorker(
        [lambda: engine],
        MODEL,
        make_manifest(size=SIZE),
        options=EngineOptions(max_batch=max_batch),
        max_waiting=max_waiting,
    )


async def until(condition: object) -> None:
    """Let the loop run until something is true."""
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.001)


async def test_answers_what_the_engine_says() -> None:
    async with worker_for(ScriptedEngine()) as worker:
        batch = grey(0, 51, 255)
        np.testing.assert_array_equal((await worker.infer(batch)).logits, brightness(batch))


async def test_everything_that_touches_the_engine_is_on_one_thread_that_is_not_the_loops() -> None:
    made_on = []
    engine = ScriptedEngine()

    def make() -> ScriptedEngine:
        made_on.append(threading.get_ident())
        return engine

    async with InferenceWorker([make], MODEL, make_manifest(size=SIZE)) as worker:
        await asyncio.gather(*(worker.infer(grey(level)) for level in range(5)))
    assert engine.threads == set(made_on)
    assert len(engine.threads) == 1
    assert threading.get_ident() not in engine.threads


async def test_what_gathers_while_the_engine_works_goes_together_and_each_gets_its_own() -> None:
    gate = threading.Event()
    engine = ScriptedEngine(gate=gate)
    async with worker_for(engine) as worker:
        first = asyncio.create_task(worker.infer(grey(1)))
        await until(lambda: engine.batches)
        others = [asyncio.create_task(worker.infer(grey(*levels))) for levels in [(10, 11), (20,), (30, 31, 32)]]
        await asyncio.sleep(0.01)
        gate.set()
        answers = await asyncio.gather(first, *others)
    assert engine.batches == [1, 6]
    for answer, levels in zip(answers, [(1,), (10, 11), (20,), (30, 31, 32)], strict=True):
        np.testing.assert_array_equal(answer.logits, brightness(grey(*levels)))


async def test_more_faces_than_the_engine_takes_go_in_several_batches() -> None:
    engine = ScriptedEngine()
    async with worker_for(engine, max_batch=4) as worker:
        batch = grey(*range(11))
        np.testing.assert_array_equal((await worker.infer(batch)).logits, brightness(batch))
    assert engine.batches == [4, 4, 3]


async def test_a_failure_reaches_only_those_in_its_batch() -> None:
    """Tried three times; then a plain batch is answered, so that the engine is not at fault."""
    gate = threading.Event()
    engine = ScriptedEngine(gate=gate, fail_on={1, 2, 3}, failure=RuntimeError("cannot compute this"))
    async with worker_for(engine, max_batch=2) as worker:
        tasks = [asyncio.create_task(worker.infer(grey(0)))]
        await until(lambda: engine.batches)
        tasks += [asyncio.create_task(worker.infer(grey(level))) for level in (1, 2, 3)]
        await asyncio.sleep(0.01)
        gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert worker.standing.passed_over == ()
    assert engine.batches == [1, 2, 2, 2, 2, 1]
    assert [isinstance(answer, EngineError) for answer in answers] == [False, True, True, False]
    assert answers[1] is not answers[2]
    assert "RuntimeError: cannot compute this" in str(answers[1])


async def test_a_passing_failure_is_noticed_by_nobody() -> None:
    engine = ScriptedEngine(fail_on={0, 1, 3, 4})
    async with worker_for(engine) as worker:
        for level in (1, 2):
            np.testing.assert_array_equal((await worker.infer(grey(level))).logits, brightness(grey(level)))
    assert engine.batches == [1] * 6


async def test_a_wrong_shape_spoils_nobody_elses_batch() -> None:
    gate = threading.Event()
    engine = ScriptedEngine(gate=gate)
    async with worker_for(engine) as worker:
        first = asyncio.create_task(worker.infer(grey(0)))
        await until(lambda: engine.batches)
        good = asyncio.create_task(worker.infer(grey(7)))
        for wrong in (grey(1)[:, 1:], grey(1)[0], grey(1)[:0], grey(1).astype(np.float32)):
            with pytest.raises(EngineError, match="batch"):
                await worker.infer(wrong)  # type: ignore[arg-type]
        gate.set()
        await asyncio.gather(first, good)
    assert engine.batches == [1, 1]


async def test_a_cancelled_caller_is_left_out_and_the_others_are_served() -> None:
    gate = threading.Event()
    engine = ScriptedEngine(gate=gate)
    async with worker_for(engine) as worker:
        running = asyncio.create_task(worker.infer(grey(0)))
        await until(lambda: engine.batches)
        waiting, other = (asyncio.create_task(worker.infer(grey(level))) for level in (1, 2))
        await asyncio.sleep(0.01)
        waiting.cancel()  # while it waits
        running.cancel()  # while the engine works on it
        await asyncio.gather(waiting, running, return_exceptions=True)
        gate.set()
        np.testing.assert_array_equal((await other).logits, brightness(grey(2)))
    assert engine.batches == [1, 1]


async def test_closing_finishes_what_runs_refuses_what_waits_and_frees_the_engine() -> None:
    gate = threading.Event()
    engine = ScriptedEngine(gate=gate)
    worker = worker_for(engine)
    await worker.start()
    running = asyncio.create_task(worker.infer(grey(5)))
    await until(lambda: engine.batches)
    waiting = asyncio.create_task(worker.infer(grey(6)))
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(worker.close())
    await asyncio.sleep(0.01)
    gate.set()
    np.testing.assert_array_equal((await running).logits, brightness(grey(5)))
    with pytest.raises(EngineError, match="closed"):
        await waiting
    await closing
    await worker.close()
    assert not engine.loaded
    with pytest.raises(EngineError, match="does not run"):
        await worker.infer(grey(1))
    await until(lambda: not [thread for thread in threading.enumerate() if thread.ident in engine.threads])


async def test_can_be_started_again_after_close() -> None:
    engine = ScriptedEngine()
    worker = worker_for(engine)
    for _ in range(2):
        async with worker:
            await worker.infer(grey(1))
            with pytest.raises(EngineError, match="running already"):
                await worker.start()
    assert len(engine.batches) == 2


async def test_refuses_more_than_it_may_hold() -> None:
    gate = threading.Event()
    engine = ScriptedEngine(gate=gate)
    async with worker_for(engine, max_waiting=3) as worker:
        tasks = [asyncio.create_task(worker.infer(grey(0)))]
        await until(lambda: engine.batches)
        tasks += [asyncio.create_task(worker.infer(grey(level))) for level in (1, 2, 3)]
        await asyncio.sleep(0.01)
        with pytest.raises(EngineError, match="cannot keep up"):
            await worker.infer(grey(4))
        gate.set()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("raised", "kind"), [(EngineUnavailable("no GPU"), EngineUnavailable), (OSError("no library"), EngineError)]
)
async def test_an_engine_that_does_not_load_says_so_and_leaves_nothing(raised: Exception, kind: type) -> None:
    engine = ScriptedEngine(fail_load=raised)
    worker = worker_for(engine)
    with pytest.raises(kind, match=str(raised)):
        await worker.start()
    await worker.close()
    await until(lambda: not [thread for thread in threading.enumerate() if thread.ident in engine.threads])
    with pytest.raises(EngineError, match="does not run"):
        await worker.infer(grey(1))


async def test_a_lone_batch_reaches_the_engine_without_a_copy() -> None:
    seen: list[NDArray[np.uint8]] = []

    def look(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(batch)
        return brightness(batch)

    batch = grey(1, 2)
    async with worker_for(ScriptedEngine(look)) as worker:
        await worker.infer(batch)
    assert np.shares_memory(seen[0], batch)
