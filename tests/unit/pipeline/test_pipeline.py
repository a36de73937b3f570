from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.budget.plan import DropCause, Plan, Skip
from stream_guard.errors import ConfigError, SourceError, SourceNotFound
from stream_guard.face import Reason
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import SessionInfo
from stream_guard.pipeline.pipeline import Judgement, Pipeline
from stream_guard.sources.base import Source, Transport

from .doubles import CLOCK, FreeBudget, Notes, ScriptedSource, TwoFaces, Witness, looker

pytestmark = pytest.mark.unit


class Model:
    def __init__(self, delay_s: float = 0.0) -> None:
        self.batches: list[tuple[int, ...]] = []
        self._delay_s = delay_s

    async def __call__(self, batch: NDArray[np.uint8]) -> Judgement:
        self.batches.append(batch.shape)
        await asyncio.sleep(self._delay_s)
        scores = np.full(len(batch), 1.5, dtype=np.float32)
        return Judgement(scores, np.repeat(scores, 4).reshape(-1, 2, 2))


def pipeline(
    source: Source,
    *,
    model: Model | None = None,
    tracker: TwoFaces | None = None,
    budget: FreeBudget | None = None,
    notes: Notes | None = None,
    witness: Witness | None = None,
    every: int = 1,
    evidence: Callable[[float], float] = lambda bits_per_pixel: 1.0,
) -> Pipeline:
    return Pipeline(
        SessionInfo(id="c1", kind=source.kind, label=source.name, live=source.live),
        source,
        looker=looker(tracker or TwoFaces()),
        infer=model or Model(),
        budget=budget or FreeBudget(),
        scorer=notes or Notes(),
        clock=CLOCK,
        observers=[witness] if witness else [],
        every=every,
        evidence=evidence,
    )


async def test_a_file_is_looked_at_frame_by_frame() -> None:
    source, tracker, notes, witness, model = ScriptedSource(20, live=False), TwoFaces(), Notes(), Witness(), Model()
    await pipeline(source, tracker=tracker, notes=notes, witness=witness, model=model).run()
    assert tracker.seen == list(range(20))
    assert witness.received == [scored.frame.sequence for scored in witness.scored] == list(range(20))
    assert witness.dropped == {}
    assert [o.at_ns for o in notes.observations] == [round(n / 30 * 1e9) for n in range(20)]
    assert model.batches == [(1, 32, 32, 3)] * 20, "only the face without reasons is cut out"
    assert source.closed == 1


async def test_what_the_model_said_reaches_the_right_face() -> None:
    notes, witness = Notes(), Witness()
    await pipeline(ScriptedSource(1, live=False), notes=notes, witness=witness).run()
    good, small = notes.observations[0].faces
    assert (good.llr, good.reasons) == (1.5, ())
    assert (small.llr, small.reasons) == (None, (Reason.FACE_TOO_SMALL,))
    scored = witness.scored[0]
    assert [face.id for face in scored.tracked.faces] == [good.id, small.id]
    assert {face: regions.tolist() for face, regions in scored.patches.items()} == {
        good.id: [[1.5, 1.5], [1.5, 1.5]]
    }
    assert (good.box.x, good.box.y, good.box.width) == (32 / 128, 16 / 72, 32 / 128)


async def test_few_bits_leave_less_evidence() -> None:
    class FewBits(ScriptedSource):
        def transport(self) -> Transport:
            return Transport("VP8", 100, 50, fps=20.0, kbps=10.0)

    asked: list[float] = []

    def share(bits_per_pixel: float) -> float:
        asked.append(bits_per_pixel)
        return 0.25

    notes, witness = Notes(), Witness()
    await pipeline(FewBits(2, live=False), notes=notes, witness=witness, evidence=share).run()
    assert asked == [0.1, 0.1]
    assert [o.evidence for o in notes.observations] == [scored.evidence for scored in witness.scored] == [0.25] * 2


async def test_a_source_that_knows_no_bitrate_is_taken_as_filmed() -> None:
    notes = Notes()
    await pipeline(ScriptedSource(2, live=False), notes=notes, evidence=lambda bits: 0.1).run()
    assert [o.evidence for o in notes.observations] == [1.0] * 2


async def test_a_slow_model_makes_a_live_stream_skip_not_lag() -> None:
    witness = Witness()
    source = ScriptedSource(60, live=True, gap_s=0.005)
    await pipeline(source, model=Model(delay_s=0.04), witness=witness).run()
    skipped = witness.dropped[DropCause.SUPERSEDED]
    assert skipped > 20
    assert len(witness.received) == len(witness.scored) + skipped == 60, "every frame is scored or counted"
    assert witness.scored[-1].frame.sequence == 59, "the newest one is looked at"
    waits = [scored.scored_ns - scored.frame.arrived_ns for scored in witness.scored]
    assert sorted(waits)[len(waits) // 2] < 1e9


async def test_a_refused_frame_is_counted_with_its_cause() -> None:
    witness, model = Witness(), Model()
    budget = FreeBudget(Skip(DropCause.EXPIRED))
    await pipeline(ScriptedSource(5, live=False), budget=budget, witness=witness, model=model).run()
    assert witness.dropped == {DropCause.EXPIRED: 5}
    assert model.batches == []


async def test_the_plan_reaches_the_tracker() -> None:
    tracker = TwoFaces()
    plan = Plan(faces=1, find=False, degraded=True)
    await pipeline(ScriptedSource(2, live=False), tracker=tracker, budget=FreeBudget(plan)).run()
    assert tracker.plans == [plan, plan]


async def test_every_stage_is_timed_once_a_frame() -> None:
    witness, budget = Witness(), FreeBudget()
    await pipeline(ScriptedSource(3, live=False), witness=witness, budget=budget).run()
    for stage in ("wait", "convert", "find", "track", "align", "infer", "total"):
        assert witness.stages.count(stage) == 3
    assert ("track", 1) in budget.costs
    assert ("infer", 1) in budget.costs


async def test_another_way_in_is_told_with_the_frame_it_begins_with() -> None:
    class Renegotiated(ScriptedSource):
        kinds = iter(("VP8", "VP8", "H264", "H264"))

        def transport(self) -> Transport:
            return Transport(codec=next(self.kinds))

    notes = Notes()
    await pipeline(Renegotiated(4, live=False), notes=notes).run()
    assert [o.rerouted for o in notes.observations] == [False, False, True, False]


async def test_silence_is_reported() -> None:
    witness = Witness()
    source = ScriptedSource(2, live=True, silent=True)
    line = pipeline(source, notes=Notes(stale_after_ns=300_000_000), witness=witness)
    running = asyncio.create_task(line.run())
    async with asyncio.timeout(5):
        while not witness.ticks:
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert source.closed == 1
    assert witness.ticks[0].at_s >= 0.3


async def test_a_broken_stream_gives_its_frames_then_its_error() -> None:
    witness = Witness()
    source = ScriptedSource(4, live=False, breaks=SourceError("the file ends early"))
    with pytest.raises(SourceError, match="ends early"):
        await pipeline(source, witness=witness).run()
    assert len(witness.scored) == 4
    assert source.closed == 1


async def test_a_source_that_cannot_be_opened_is_closed_and_reported() -> None:
    class Missing(ScriptedSource):
        async def open(self) -> None:
            raise SourceNotFound("no such file: x.mp4")

    source = Missing(1, live=False)
    with pytest.raises(SourceNotFound, match=r"x\.mp4"):
        await pipeline(source).run()
    assert source.closed == 1


async def test_every_third_frame() -> None:
    tracker = TwoFaces()
    await pipeline(ScriptedSource(10, live=False), tracker=tracker, every=3).run()
    assert tracker.seen == [0, 3, 6, 9]


async def test_leaving_the_iteration_closes_everything() -> None:
    source, tracker = ScriptedSource(1000, live=True, gap_s=0.001), TwoFaces()
    results = pipeline(source, tracker=tracker).results()
    async for _ in results:
        break
    await results.aclose()
    assert source.closed == 1
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == []


async def test_a_close_that_is_cancelled_is_finished_all_the_same() -> None:
    class Slow(ScriptedSource):
        async def close(self) -> None:
            await asyncio.sleep(0.1)
            self.closed += 1

    source = Slow(1, live=True, silent=True)
    running = asyncio.create_task(pipeline(source).run())
    await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with asyncio.timeout(2):
        while not source.closed:
            await asyncio.sleep(0.01)
    assert source.closed == 1


async def test_every_zeroth_frame_is_a_mistake_told_at_once() -> None:
    with pytest.raises(ConfigError, match="every 0th"):
        pipeline(ScriptedSource(1, live=False), every=0)


async def test_frames_passed_over_inside_the_source_are_received_and_dropped() -> None:
    class Hasty(ScriptedSource):
        async def recv(self) -> Frame:
            frame = await super().recv()
            self.overwritten += 2
            return frame

    witness = Witness()
    await pipeline(Hasty(5, live=True, gap_s=0.05), witness=witness).run()
    assert witness.missed == 10
    assert len(witness.received) + witness.missed == len(witness.scored) + witness.dropped[DropCause.SUPERSEDED]
