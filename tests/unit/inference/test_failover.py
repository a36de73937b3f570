"""Engines that cannot load, die, fail or hang: the next one goes on, and nobody who asked notices."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import EngineError, EngineLost, EngineUnavailable
from stream_guard.inference.engine import Engine, EngineOptions
from stream_guard.inference.engine_thread import EngineThread
from stream_guard.inference.standing import PassedOver, Standing
from stream_guard.inference.worker import InferenceWorker
from stream_guard.models.manifest import Manifest
from stream_guard.testing import loop
from stream_guard.testing.engines import ScriptedEngine, brightness, make_manifest

pytestmark = pytest.mark.unit

SIZE = 32
LOST = EngineLost("the GPU has fallen off the bus")
WRAPPED = "the engine failed: RuntimeError"


class Gpu(ScriptedEngine):
    name = "gpu"


class OtherGpu(ScriptedEngine):
    name = "other-gpu"


class Cpu(ScriptedEngine):
    name = "cpu"


def grey(*levels: int) -> NDArray[np.uint8]:
    return np.stack([np.full((SIZE, SIZE, 3), level, dtype=np.uint8) for level in levels])


def worker_for(
    *engines: Engine,
    insist: bool = False,
    patience_s: float = 5.0,
    load_patience_s: float = 60.0,
    changed: Callable[[Standing], None] = lambda standing: None,
) -> InferenceWorker:
    def maker(engine: Engine) -> Callable[[], Engine]:
        return lambda: engine

    return InferenceWorker(
        [maker(engine) for engine in engines],
        Path("untrained.onnx"),
        make_manifest(size=SIZE),
        insist=insist,
        patience_s=patience_s,
        load_patience_s=load_patience_s,
        changed=changed,
    )


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    "reason",
    [
        EngineUnavailable("no NVIDIA driver"),
        EngineUnavailable("the driver is too old: 470, and 525 is needed"),
        EngineError("out of device memory"),
        EngineError("the plan is from another machine"),
    ],
    ids=str,
)
async def test_an_engine_that_cannot_load_is_passed_over_with_its_reason(reason: EngineError) -> None:
    first, second = Gpu(fail_load=reason), Cpu()
    async with worker_for(first, second) as worker:
        np.testing.assert_array_equal((await worker.infer(grey(9))).logits, brightness(grey(9)))
        assert worker.standing == Standing("cpu", "cpu", (PassedOver("gpu", str(reason)),))


async def test_an_engine_that_gets_no_thread_is_passed_over_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    def no_thread_at_first(*given: object) -> EngineThread:
        nonlocal made
        made += 1
        if made == 1:
            raise RuntimeError("can't start new thread")
        return EngineThread(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("stream_guard.inference.succession.EngineThread", no_thread_at_first)
    async with worker_for(Gpu(), Cpu()) as worker:
        assert worker.standing.engine == "cpu"
        (passed,) = worker.standing.passed_over
        assert "no thread" in passed.reason


async def test_where_none_loads_every_reason_is_told() -> None:
    worker = worker_for(Gpu(fail_load=EngineUnavailable("no driver")), Cpu(fail_load=EngineUnavailable("no AVX")))
    with pytest.raises(EngineUnavailable, match="gpu: no driver; cpu: no AVX"):
        await worker.start()
    broken = worker_for(Gpu(fail_load=EngineUnavailable("no driver")), Cpu(fail_load=EngineError("a wrong file")))
    with pytest.raises(EngineError, match="a wrong file") as caught:
        await broken.start()
    assert not isinstance(caught.value, EngineUnavailable)


async def test_who_insists_on_an_engine_gets_it_or_nothing() -> None:
    other = Cpu()
    worker = worker_for(Gpu(fail_load=EngineUnavailable("no driver")), other, insist=True)
    with pytest.raises(EngineUnavailable, match=r"^no driver$"):
        await worker.start()
    assert not other.threads


async def test_who_insisted_is_served_by_another_when_it_dies() -> None:
    async with worker_for(Gpu(fail_on={0}, failure=LOST), Cpu(), insist=True) as worker:
        await worker.infer(grey(1))
        assert worker.standing.engine == "cpu"


async def test_a_lost_engine_is_replaced_and_what_was_in_flight_is_asked_again() -> None:
    told: list[Standing] = []
    gate = threading.Event()
    lost, next_one = Gpu(gate=gate, fail_on={1}, failure=LOST), Cpu()
    async with worker_for(lost, next_one, changed=told.append) as worker:
        tasks = [asyncio.create_task(worker.infer(grey(0)))]
        await until(lambda: lost.batches)
        tasks += [asyncio.create_task(worker.infer(grey(*levels))) for levels in [(1,), (2, 3), (4,)]]
        await asyncio.sleep(0.01)
        gate.set()
        answers = await asyncio.gather(*tasks)
    for answer, levels in zip(answers, [(0,), (1,), (2, 3), (4,)], strict=True):
        np.testing.assert_array_equal(answer.logits, brightness(grey(*levels)))
    assert lost.batches == [1, 4]
    assert next_one.batches == [4]
    assert not lost.loaded, "what it holds is freed before the next one loads"
    assert told == [Standing("cpu", "cpu", (PassedOver("gpu", str(LOST)),))]


async def test_an_engine_that_fails_three_times_in_a_row_and_on_a_plain_batch_is_replaced() -> None:
    failing, next_one = Gpu(fail_on=range(1, 99), failure=RuntimeError("illegal address")), Cpu()
    async with worker_for(failing, next_one) as worker:
        for level in range(4):
            np.testing.assert_array_equal((await worker.infer(grey(level))).logits, brightness(grey(level)))
        assert worker.standing.passed_over == (
            PassedOver("gpu", "the engine failed: RuntimeError: illegal address"),
        )
    assert failing.batches == [1] * 5, "one answered, three failed, and so did the plain one"
    assert next_one.batches == [1] * 3


async def test_an_engine_that_hangs_is_left_behind_counted_and_replaced() -> None:
    gate = threading.Event()
    hung, next_one = Gpu(gate=gate), Cpu()
    async with worker_for(hung, next_one, patience_s=1.5) as worker:
        np.testing.assert_array_equal((await worker.infer(grey(7))).logits, brightness(grey(7)))
        assert worker.standing.stuck == 1
        assert "hangs: no answer within 1.5 s" in worker.standing.reasons
        gate.set()  # the driver came back after all: the thread frees its engine and ends
        await until(lambda: worker.standing.stuck == 0)
        assert not hung.loaded
        await worker.infer(grey(8))
    assert next_one.batches == [1, 1]


async def test_an_engine_that_hangs_while_it_loads_is_passed_over() -> None:
    gate = threading.Event()

    class Stuck(Gpu):
        def load(self, *given: object) -> None:
            gate.wait(10)

    async with worker_for(Stuck(), Cpu(), load_patience_s=1.5) as worker:
        assert worker.standing.engine == "cpu"
        assert worker.standing.stuck == 1
        gate.set()
        await until(lambda: worker.standing.stuck == 0)


@pytest.mark.timeout(90)
def test_a_thread_that_is_left_behind_does_not_keep_the_program() -> None:
    program = (
        "import asyncio, threading\n"
        "from stream_guard.testing.engines import ScriptedEngine\n"
        "from tests.unit.inference.test_failover import grey, worker_for\n"
        "async def main():\n"
        "    async with worker_for(ScriptedEngine(gate=Forever()), ScriptedEngine(), patience_s=1.5) as worker:\n"
        "        await worker.infer(grey(1))\n"
        "        print(worker.standing.stuck)\n"
        "class Forever(threading.Event):\n"
        "    def wait(self, timeout=None):\n"
        "        return super().wait()\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr


async def test_a_successor_that_cannot_load_is_passed_over_too() -> None:
    engines = Gpu(fail_on={0}, failure=LOST), OtherGpu(fail_load=EngineUnavailable("no driver")), Cpu()
    async with worker_for(*engines) as worker:
        await worker.infer(grey(1))
        assert [one.name for one in worker.standing.passed_over] == ["gpu", "other-gpu"]
        assert worker.standing.engine == "cpu"


async def test_a_precision_that_only_the_first_offers_does_not_keep_the_next_from_taking_over() -> None:
    class Picky(Cpu):
        def load(self, model: Path, manifest: Manifest, options: EngineOptions) -> None:
            if options.precision not in ("auto", "fp32"):
                raise EngineUnavailable(f"no {options.precision}")
            super().load(model, manifest, options)

    engines = [lambda: Gpu(fail_on={0}, failure=LOST), Picky]
    options = EngineOptions(precision="fp16")
    async with InferenceWorker(engines, Path("m"), make_manifest(size=SIZE), options=options) as worker:
        await worker.infer(grey(1))
        assert worker.standing.engine == "cpu"


async def test_when_none_is_left_everybody_is_told_all_reasons_at_once() -> None:
    told: list[Standing] = []
    engines = Gpu(fail_on={0}, failure=LOST), Cpu(fail_on={0}, failure=EngineLost("the library crashed"))
    async with worker_for(*engines, changed=told.append) as worker:
        for _ in range(2):
            with pytest.raises(EngineError, match=r"no engine is left: gpu: .*bus; cpu: the library crashed"):
                await worker.infer(grey(1))
    assert [standing.engine for standing in told] == ["cpu", ""]


async def test_closing_does_not_wait_for_an_engine_that_hangs_nor_load_another() -> None:
    gate = threading.Event()
    hung, next_one = Gpu(gate=gate), Cpu()
    worker = worker_for(hung, next_one, patience_s=1.5)
    await worker.start()
    asked = asyncio.create_task(worker.infer(grey(1)))
    await until(lambda: hung.batches)
    async with asyncio.timeout(8):  # nominally 3.5; the gate opens by itself after ten
        await worker.close()
    with pytest.raises(EngineError, match="hangs"):
        await asked
    assert not next_one.threads
    gate.set()


def test_streams_go_on_for_a_minute_while_two_engines_die() -> None:
    """In virtual time. Every request of every stream is answered, and with its own answer."""
    lost, failing, last = Gpu(fail_on={200}, failure=LOST), OtherGpu(fail_on=range(300, 999)), Cpu()
    told: list[str] = []

    async def stream(worker: InferenceWorker, level: int) -> int:
        for _ in range(300):
            answer = await worker.infer(grey(level))
            np.testing.assert_array_equal(answer.logits, brightness(grey(level)))
            await asyncio.sleep(0.2 + level / 1000)  # never quite in step
        return 300

    async def main() -> int:
        async with worker_for(lost, failing, last, changed=lambda now: told.append(now.engine)) as worker:
            return sum(await asyncio.gather(*(stream(worker, level) for level in (10, 90, 170))))

    assert loop.run(main()) == 900
    assert told == ["other-gpu", "cpu"]
