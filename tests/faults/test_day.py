"""A day in virtual time: a thousand calls come and go, and everything is back to where it began."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import os
import random
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.budget.admission import Admission
from stream_guard.budget.contention import Contention
from stream_guard.budget.plan import Plan
from stream_guard.errors import SourceEnded, SourceError
from stream_guard.face import Box, Face
from stream_guard.faces.result import Tracked
from stream_guard.frame import Frame
from stream_guard.metrics.prometheus import PrometheusMetrics
from stream_guard.metrics.recorder import Recorder
from stream_guard.pipeline import looker as looking
from stream_guard.pipeline import session_run
from stream_guard.pipeline.looker import Looker
from stream_guard.pipeline.observers import Observer, SessionInfo
from stream_guard.pipeline.pipeline import Judgement, Pipeline
from stream_guard.pipeline.supervisor import Supervisor
from stream_guard.protocol.messages import ServerMessage
from stream_guard.recording.evidence import Evidence
from stream_guard.recording.journal import Journal
from stream_guard.scoring.session import Session
from stream_guard.server.hub import Hub
from stream_guard.server.reporter import Reporter
from stream_guard.sources.base import Source
from stream_guard.testing.loop import VirtualLoop, run
from tests.unit.recording.journals import HELLO

pytestmark = [
    pytest.mark.unit,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

DAY_S = 24 * 3600.0
SESSIONS = 1000
WARM_UP = 60
"""Calls before the first look: caches and pools are filled by then."""
PIXELS = np.full((72, 128, 3), 90, np.uint8)


class Call(Source):
    """Frames in bursts, outages between them; in the end it hangs up, breaks, or falls silent for good."""

    kind, live = "webrtc", True

    def __init__(self, chance: random.Random, clock: VirtualLoop) -> None:
        self.name = f"call {chance.random():.6f}"
        self._chance = chance
        self._clock = clock
        self._left = 40 if chance.random() < 0.05 else chance.randint(1, 3)
        self._next = 0
        self._closed = False

    async def open(self) -> None:
        await asyncio.sleep(self._chance.random())

    async def recv(self) -> Frame:
        if self._next >= self._left or self._closed:
            how = self._chance.random()
            if how < 0.05:
                await asyncio.Event().wait()  # it has vanished: silence ends it
            raise SourceError("the connection broke") if how < 0.4 else SourceEnded("hung up")
        outage = self._chance.random() < 0.05
        await asyncio.sleep(self._chance.uniform(3, 10) if outage else 0.2)
        self._next += 1
        return Frame.from_rgb(
            PIXELS,
            sequence=self._next - 1,
            media_s=self._clock.time(),
            arrived_ns=self._clock.now_ns(),
        )

    async def close(self) -> None:
        self._closed = True


class Faces:
    """One face or two, an accident now and then."""

    def __init__(self, first_id: int, chance: random.Random) -> None:
        self._first = first_id
        self._chance = chance

    def update(self, rgb: NDArray[np.uint8], at_ns: int, *, plan: Plan) -> Tracked:
        if self._chance.random() < 0.01:
            raise MemoryError
        faces = tuple(Face(id=self._first + n, box=Box(10 + 50 * n, 16, 32, 32)) for n in range(2))
        return Tracked(faces=faces, cut=False, find_ns=1, track_ns=1, measured=2, measurable=2)


class Inline(Executor):
    """Works at once, in the loop's own thread: thousands of hops to another take minutes on a busy machine."""

    def __init__(self, name: str) -> None:
        self._ended = False

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*arguments, **more))
        except BaseException as error:
            future.set_exception(error)
        return future


class Page:
    """What `Hub.serve` needs of a websocket; reads for a while and goes, some without a word."""

    def __init__(self, stays_s: float) -> None:
        self.scope: dict[str, Any] = {}
        self.texts = 0
        self._stays_s = stays_s

    async def accept(self, subprotocol: str | None = None) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...

    async def send_text(self, text: str) -> None:
        self.texts += 1

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(self._stays_s)
        return {"type": "websocket.disconnect"}


@dataclass
class Look:
    """What there is at a moment.

    Attributes:
        kept: lengths of everything that knows of sessions or clients.
    """

    memory: int
    threads: int
    handles: int
    tasks: int
    kept: dict[str, int] = field(default_factory=dict)


class Server:
    """Everything between a source and a client, without sockets and networks."""

    def __init__(self, clock: VirtualLoop, journal: Journal, chance: random.Random) -> None:
        self.clock = clock
        self.journal = journal
        self.hub = Hub(HELLO, clock=clock)
        self.recorder = Recorder(clock=clock)
        self.prometheus = PrometheusMetrics()
        self._stats: dict[str, Any] = {}  # the service fills it once a second
        self.reporter = Reporter(self._publish, stats=self._stats.get, budget_ms=33, clock=clock)
        self.contention = Contention(places=2)
        self.states: dict[str, int] = {}
        self.alarms = 0
        self._chance = chance
        seen = SimpleNamespace()
        seen.observer = _Counting(self)
        self.supervisor = Supervisor(
            self._wire,
            observers=(self.recorder, self.prometheus, self.reporter, Evidence(journal), seen.observer),
        )

    def _publish(self, message: ServerMessage) -> None:
        self.hub.publish(message)
        self.journal.take(message)

    def _wire(
        self, info: SessionInfo, source: Source, observers: Sequence[Observer], *, after: Pipeline | None = None
    ) -> Pipeline:
        return Pipeline(
            info,
            source,
            looker=Looker(
                Faces(after.next_face if after else 1, self._chance),
                size=32,
                margin=1.3,
                max_faces=4,
                clock=self.clock,
            ),
            infer=self._judge,
            budget=Admission(contention=self.contention),
            scorer=Session(),
            clock=self.clock,
            observers=observers,
            after=after,
        )

    def _until_written(self) -> None:
        """Wait for the journal's thread, which knows nothing of virtual time, to write and close what has ended."""
        folder = str(self.journal._folder)
        for _ in range(1200):
            open_files = [_target(one) for one in Path("/proc/self/fd").iterdir()]
            if not self.journal._ended and not any(name.startswith(folder) for name in open_files):
                return
            time.sleep(0.05)
        raise AssertionError("the journal does not keep up")

    async def _judge(self, batch: NDArray[np.uint8]) -> Judgement:
        await asyncio.sleep(0.01)
        return Judgement(np.full(len(batch), 9.0, np.float32))

    async def look(self) -> Look:
        await asyncio.to_thread(self._until_written)
        gc.collect()
        lengths = {
            "sessions": len(self.supervisor.sessions),
            "runs": len(self.supervisor._runs),
            "watches": len(self.supervisor._watches),
            "recorder": len(self.recorder.sessions),
            "reporter": len(self.reporter._last),
            "hub sessions": len(self.hub._sessions),
            "hub clients": self.hub.clients,
            "journal": len(self.journal._sessions),
            "contention": len(self.contention._began_ns),
            "series": sum(
                "session" in sample.labels
                for family in self.prometheus._registry.collect()
                for sample in family.samples
            ),
        }
        return Look(
            memory=tracemalloc.get_traced_memory()[0],
            threads=threading.active_count(),
            handles=await asyncio.to_thread(_handles),
            tasks=len(asyncio.all_tasks()),
            kept=lengths,
        )


class _Counting(Observer):
    def __init__(self, server: Server) -> None:
        self._server = server

    def session_changed(self, session: SessionInfo, state: str, reason: str | None = None) -> None:  # type: ignore[override]
        self._server.states[state] = self._server.states.get(state, 0) + 1

    def frame_scored(self, session: SessionInfo, scored: Any) -> None:
        self._server.alarms += sum(event.kind.value == "alarm_raised" for event in scored.update.events)


def _target(handle: Path) -> str:
    try:
        return os.readlink(handle)
    except OSError:  # closed meanwhile
        return ""


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _calls(server: Server, count: int, over_s: float, chance: random.Random) -> None:
    """Have so many calls, and clients, begin at any time within so many seconds; returns when all have ended."""

    async def call(at_s: float) -> None:
        await asyncio.sleep(at_s)
        session = await server.supervisor.start(Call(chance, server.clock))
        if chance.random() < 0.1:
            await asyncio.sleep(chance.uniform(0, 5))
            await server.supervisor.stop(session)
        await server.supervisor.finished(session)

    async def page(at_s: float) -> None:
        await asyncio.sleep(at_s)
        await server.hub.serve(Page(chance.uniform(1, 60)))  # type: ignore[arg-type]  # all that is used of it

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(call(chance.uniform(0, over_s)))
        for _ in range(count // 10):
            group.create_task(page(chance.uniform(0, over_s)))


@contextlib.asynccontextmanager
async def _server(folder: Path, chance: random.Random) -> AsyncIterator[Server]:
    clock = asyncio.get_running_loop()
    assert isinstance(clock, VirtualLoop)
    async with Journal(folder, hello=lambda: HELLO) as journal:
        server = Server(clock, journal, chance)
        async with server.supervisor:
            yield server


def test_a_day_and_a_thousand_calls_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session_run, "_MENDS_S", (0.0,) * 5)
    monkeypatch.setattr(
        logging.root.manager, "disable", logging.CRITICAL
    )  # pytest keeps every record, and its frames
    chance = random.Random(7)
    kinds = itertools.cycle([looking.DaemonThread, *[Inline] * 24])  # a real thread for every 25th pipeline
    monkeypatch.setattr(looking, "DaemonThread", lambda name: next(kinds)(name))

    async def day() -> tuple[Look, Look, Look, Server, float]:
        async with _server(tmp_path, chance) as server:
            await _calls(server, WARM_UP, 3600.0, chance)
            await asyncio.sleep(60)
            tracemalloc.start()  # counts what is kept from here on
            before = await server.look()
            looks = []
            for _ in range(2):
                await _calls(server, SESSIONS // 2, DAY_S / 2, chance)
                await asyncio.sleep(60)
                looks.append(await server.look())
            return before, looks[0], looks[1], server, server.clock.time()

    try:
        before, noon, after, server, lasted_s = run(day())
    finally:
        tracemalloc.stop()
    with capsys.disabled():
        grown = [(after.memory - noon.memory) / 1024, (noon.memory - before.memory) / 1024]
        sys.stdout.write(
            f"\n{lasted_s / 3600:.1f} h of virtual time, {server.states['connecting']} calls, "
            f"{server.states.get('stale', 0)} times stale, {server.alarms} alarms: "
            f"memory {grown[1]:+.0f} and {grown[0]:+.0f} KiB, "
            f"threads {before.threads} to {after.threads}, handles {before.handles} to {after.handles}, "
            f"tasks {before.tasks} to {after.tasks}\n"
        )
    assert lasted_s > DAY_S
    assert server.states["connecting"] == server.states["ended"] == WARM_UP + SESSIONS
    assert server.states["stale"] > 10
    assert server.alarms > 10
    assert after.kept == before.kept
    assert not any(after.kept.values())
    assert after.threads <= before.threads
    assert after.handles <= before.handles
    assert after.tasks == before.tasks
    # What every call leaves is there in both halves. A table of the process that grows a step, and was there before
    # memory was counted, is in one of them: it counts whole, and its former self not at all.
    assert min(grown) < 128, "a quarter of a KiB for each of five hundred calls"
