"""What breaks inside one stream: the call goes on, another pipeline around the same source, and it is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.budget.plan import DropCause, Plan
from stream_guard.face import Box, Face
from stream_guard.faces.result import Tracked
from stream_guard.pipeline import looker as looking
from stream_guard.pipeline import pipeline as piping
from stream_guard.pipeline import session_run
from stream_guard.pipeline.looker import Looker
from stream_guard.pipeline.observers import Fault, Observer, Scored, SessionInfo
from stream_guard.pipeline.pipeline import Judgement, Pipeline
from stream_guard.pipeline.supervisor import Supervisor
from stream_guard.scoring.observation import EventKind
from stream_guard.scoring.session import Session, SessionSettings
from stream_guard.sources.base import Source
from tests.unit.pipeline.doubles import CLOCK, FreeBudget, ScriptedSource, Witness

pytestmark = pytest.mark.unit

Accident = Callable[[int], None]
"""Is told the number of every frame that is looked at, of all pipelines; raises or hangs where it likes."""


class OneFace:
    """A tracker that sees one face, and has accidents."""

    def __init__(self, first_id: int, count: list[int], accident: Accident) -> None:
        self._id = first_id
        self._count = count
        self._accident = accident

    def update(self, rgb: NDArray[np.uint8], at_ns: int, *, plan: Plan) -> Tracked:
        self._count.append(at_ns)
        self._accident(len(self._count))
        face = Face(id=self._id, box=Box(32, 16, 32, 32))
        return Tracked(faces=(face,), cut=False, find_ns=1, track_ns=1, measured=1, measurable=1)


class Heard(Witness):
    """Writes down the faults, too."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Fault] = []

    def fault(self, fault: Fault) -> None:
        self.faults.append(fault)

    @property
    def faces(self) -> list[int]:
        """Ids in the order in which they first came."""
        return list(dict.fromkeys(face.id for scored in self.scored for face in scored.update.faces))

    @property
    def events(self) -> list[EventKind]:
        told: list[Any] = [*self.scored, *self.ticks]
        return [event.kind for one in told for event in one.update.events]


class Wiring:
    """Makes pipelines with a real scorer, as the service does.

    Attributes:
        made: every pipeline.
        looked: when each frame was looked at, on the time line.
    """

    def __init__(self, accident: Accident, *, stale_after_ns: int = 10**18) -> None:
        self.made: list[Pipeline] = []
        self.looked: list[int] = []
        self._accident = accident
        self._stale_after_ns = stale_after_ns

    def __call__(
        self, info: SessionInfo, source: Source, observers: Sequence[Observer], *, after: Pipeline | None = None
    ) -> Pipeline:
        tracker = OneFace(after.next_face if after else 1, self.looked, self._accident)
        self.made.append(
            Pipeline(
                info,
                source,
                looker=Looker(tracker, size=32, margin=1.3, max_faces=4, clock=CLOCK),
                infer=_calm,
                budget=FreeBudget(),
                scorer=Session(SessionSettings(stale_after_ns=self._stale_after_ns)),
                clock=CLOCK,
                observers=observers,
                after=after,
            )
        )
        return self.made[-1]


async def _calm(batch: NDArray[np.uint8]) -> Judgement:
    return Judgement(np.zeros(len(batch), np.float32))


@pytest.fixture(autouse=True)
def _mended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_run, "_MENDS_S", (0.0,) * 5)


async def watched(wiring: Wiring, source: ScriptedSource, *observers: Observer, silence_s: float = 30.0) -> Heard:
    heard = Heard()
    async with Supervisor(wiring, observers=[*observers, heard], silence_s=silence_s) as supervisor:
        await supervisor.finished(await supervisor.start(source))
    return heard


def on(*frames: int, error: type[BaseException] = ZeroDivisionError) -> Accident:
    def accident(number: int) -> None:
        if number in frames:
            raise error

    return accident


async def test_no_memory_for_one_frame_costs_that_frame() -> None:
    source, wiring = ScriptedSource(60, live=True, gap_s=0.02), Wiring(on(4, error=MemoryError))
    heard = await watched(wiring, source)
    assert heard.dropped[DropCause.FAILED] == 1
    assert heard.faults == [Fault("stream", "a frame was lost: MemoryError", "c1")]
    assert len(wiring.made) == 1
    assert heard.faces == [1], "nobody was lost sight of"
    assert heard.states[-1] == ("c1", "ended", "the stream ended")


async def test_a_recording_is_not_scored_with_a_gap() -> None:
    heard = await watched(Wiring(on(4)), ScriptedSource(30, live=False))
    assert len(heard.scored) == 3
    assert heard.states[-1][2] == "an internal error (ZeroDivisionError); see the log"
    assert heard.faults == []


async def test_a_broken_pipeline_is_built_anew_around_the_same_source() -> None:
    source, wiring = ScriptedSource(60, live=True, gap_s=0.02), Wiring(on(4, 5, 6))
    heard = await watched(wiring, source)
    assert (source.opened, source.closed) == (1, 1)
    assert len(wiring.made) == 2
    assert [state for _, state, _ in heard.states] == ["connecting", "live", "ended"], "one session"
    assert heard.states[-1][2] == "the stream ended"
    assert heard.faults[-1].reason == "an internal error (ZeroDivisionError); see the log; it is begun anew"
    assert heard.faces == [1, 2], "an id is never given twice"
    assert EventKind.FACE_LOST in heard.events
    times = [scored.at_s for scored in heard.scored]
    assert times == sorted(times), "the time line goes on"
    assert times[-1] > 0.3


async def test_what_breaks_for_ever_ends_in_words_and_others_go_on() -> None:
    healthy = Wiring(lambda number: None)
    broken = Wiring(on(*range(1, 1000)))
    heard = Heard()

    def wire(info: SessionInfo, *more: Any, **after: Any) -> Pipeline:
        return (broken if info.id == "c1" else healthy)(info, *more, **after)

    async with Supervisor(wire, observers=[heard]) as supervisor:
        bad = await supervisor.start(ScriptedSource(500, live=True, gap_s=0.01))
        good = await supervisor.start(ScriptedSource(60, live=True, gap_s=0.02))
        await supervisor.finished(bad)
        await supervisor.finished(good)
    assert len(broken.made) == 6, "once, and five times more"
    ends = {session: reason for session, state, reason in heard.states if state == "ended"}
    assert ends == {"c1": "an internal error (ZeroDivisionError); see the log", "c2": "the stream ended"}
    assert len(heard.scored) > 5


async def test_a_tracker_that_hangs_is_left_behind_and_its_scores_go_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piping, "_LOOK_LIMIT_S", 1.2)
    monkeypatch.setattr(piping, "_CLOSE_S", 0.1)
    hung = threading.Event()

    def hang(number: int) -> None:
        if number == 4:
            hung.wait(15)

    source = ScriptedSource(400, live=True, gap_s=0.01)
    wiring = Wiring(hang, stale_after_ns=300_000_000)
    try:
        heard = await watched(wiring, source)
    finally:
        hung.set()
    assert len(wiring.made) == 2
    assert heard.faults[0].reason.startswith("following the faces hangs: nothing within 1.2 s")
    assert next(event.kind for tick in heard.ticks for event in tick.update.events) is EventKind.STALE
    assert heard.scored[-1].frame.sequence > 200, "it goes on"
    assert (source.opened, source.closed) == (1, 1)


async def test_an_observer_that_raises_ends_no_call() -> None:
    class Clumsy(Observer):
        def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
            raise KeyError("clumsy")

    heard = await watched(Wiring(lambda number: None), ScriptedSource(40, live=True, gap_s=0.02), Clumsy())
    assert len(heard.scored) > 3
    assert [fault.part for fault in heard.faults] == ["observer"]
    assert heard.states[-1][2] == "the stream ended"


async def test_a_thread_that_cannot_be_started_now_is_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scarce(looking.DaemonThread):
        left = 2

        def __init__(self, name: str) -> None:
            if Scarce.left:
                Scarce.left -= 1
                raise RuntimeError("can't start new thread")
            super().__init__(name)

    monkeypatch.setattr(looking, "DaemonThread", Scarce)
    heard = await watched(Wiring(lambda number: None), ScriptedSource(30, live=True, gap_s=0.01))
    assert [fault.reason for fault in heard.faults] == [
        "the system gives no thread to follow faces in: can't start new thread; it is begun anew"
    ] * 2
    assert heard.states[-1][2] == "the stream ended"
    assert len(heard.scored) > 5


async def test_a_loop_that_stood_still_takes_nobody_for_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_run, "_WAIT_S", 0.1)
    wiring, heard = Wiring(lambda number: None), Heard()
    async with Supervisor(wiring, observers=[heard], silence_s=0.6) as supervisor:
        session = await supervisor.start(ScriptedSource(40, live=True, gap_s=0.02))
        await asyncio.sleep(0.2)
        time.sleep(1.5)  # noqa: ASYNC251  that is what is tried
        await supervisor.finished(session)
    assert heard.states[-1] == ("c1", "ended", "the stream ended")


async def test_a_pull_source_that_keeps_breaking_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from stream_guard.pipeline import supervisor as module

    monkeypatch.setattr(module, "_BACK_OFF_S", (0.0,))
    monkeypatch.setattr(session_run, "_MENDS_S", (0.0,))
    heard = Heard()
    async with Supervisor(Wiring(on(*range(1, 10_000))), observers=[heard]) as supervisor:
        supervisor.watch(lambda: ScriptedSource(100, live=True, gap_s=0.002))
        async with asyncio.timeout(15):
            while supervisor._watches:
                await asyncio.sleep(0.01)
    assert [state for _, state, _ in heard.states].count("ended") == 4, "the first, and three more within the hour"
    assert "given up: an internal error" in caplog.text
