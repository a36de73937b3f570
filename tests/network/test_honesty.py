"""A server behind a bad network: at no moment is anything said that is not so, and by itself it comes back.

What the model says of real people on such networks is measured, not tested: ``python -m benchmarks.network``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import numpy as np
import pytest

from stream_guard import client
from stream_guard.bench.impairment import Impairment
from stream_guard.bench.relay import Relay
from stream_guard.clock import MonotonicClock
from stream_guard.frame import Frame
from stream_guard.pipeline.observers import Observer, SessionInfo
from stream_guard.pipeline.pipeline import Judgement, Pipeline
from stream_guard.pipeline.supervisor import Supervisor
from stream_guard.protocol.messages import Event, Scores, ServerMessage
from stream_guard.scoring.observation import EventKind
from stream_guard.scoring.session import Session
from stream_guard.server.hub import Hub
from stream_guard.server.listener import listen
from stream_guard.server.reporter import Reporter
from stream_guard.server.site import build_site
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.testing.honesty import Heard, lies
from stream_guard.testing.peers import WhipSender
from tests.hostile.conftest import HELLO
from tests.network.conftest import fading
from tests.unit.pipeline.doubles import FreeBudget, TwoFaces, looker

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(90), pytest.mark.usefixtures("nothing_left")]

CLOCK = MonotonicClock()
BAD = Impairment(delay_ms=10, loss=0.2, burst=5, jitter_ms=80)


class Arrivals(Observer):
    """When each frame reached the server, by session and number."""

    def __init__(self) -> None:
        self.of: dict[str, dict[int, int]] = {}

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        self.of.setdefault(session.id, {})[frame.sequence] = frame.arrived_ns


class Listener:
    """A client that keeps everything."""

    def __init__(self, url: str) -> None:
        self.heard: list[Heard] = []
        self._url = url

    async def listen(self) -> None:
        async with aclosing(client.messages(self._url)) as messages:
            async for message in messages:
                self.heard.append(Heard(CLOCK.now_ns(), message))

    async def until(self, wanted: Callable[[ServerMessage], bool], limit_s: float = 30) -> None:
        """Wait for a message that comes from now on."""
        place = len(self.heard)
        async with asyncio.timeout(limit_s):
            while not any(wanted(one.message) for one in self.heard[place:]):
                await asyncio.sleep(0.05)


def judges(session: str) -> Callable[[ServerMessage], bool]:
    def wanted(message: ServerMessage) -> bool:
        mine = isinstance(message, Scores) and message.session == session
        return mine and any(face.authenticity is not None for face in message.faces)

    return wanted


def says(kind: EventKind) -> Callable[[ServerMessage], bool]:
    return lambda message: isinstance(message, Event) and message.kind is kind


async def authentic(batch: Any) -> Judgement:
    return Judgement(np.full(len(batch), -2.0, np.float32))


@asynccontextmanager
async def serving(*observers: Observer) -> AsyncIterator[str]:
    """Serve everything but the tracker and the model; yields the address."""
    hub = Hub(HELLO, clock=CLOCK)
    reporter = Reporter(hub.publish, stats=lambda session: None, budget_ms=33, clock=CLOCK)

    def make(info: SessionInfo, source: Source, watching: Sequence[Observer]) -> Pipeline:
        return Pipeline(
            info,
            source,
            looker=looker(TwoFaces()),
            infer=authentic,
            budget=FreeBudget(),
            scorer=Session(),
            clock=CLOCK,
            observers=watching,
        )

    async with Supervisor(make, observers=(*observers, reporter)) as supervisor:
        endpoint = WhipEndpoint(supervisor.start, loopback_only=True)
        site = build_site(hub, endpoint.routes, host="127.0.0.1")
        async with listen(site, host="127.0.0.1", port=0) as port:
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                hub.close()
                await endpoint.close()


async def test_through_losses_an_outage_and_a_new_call_nothing_false_is_said() -> None:
    arrivals = Arrivals()
    relays = [Relay(Impairment(delay_ms=10)), Relay(Impairment(delay_ms=10))]
    async with serving(arrivals) as url:
        listener = Listener(url)
        listening = asyncio.create_task(listener.listen(), name="listener")
        first, second = (
            WhipSender(f"{url}/whip", fading, fps=12, kbps=600, candidates_in_offer=False, by_way_of=relay.open)
            for relay in relays
        )
        try:
            async with first:
                await listener.until(judges(first.session))
                relays[0].become(BAD)
                await asyncio.sleep(1.5)
                await listener.until(judges(first.session))
                relays[0].cut()
                await listener.until(says(EventKind.STALE))
                await asyncio.sleep(0.5)
                relays[0].mend()
                await listener.until(says(EventKind.RESUMED))
                await listener.until(judges(first.session))
                # The network is gone for good, and the caller comes back by another way: a call of its own.
                first.vanish()
                async with second:
                    assert second.session != first.session
                    await listener.until(judges(second.session))
                    await listener.until(says(EventKind.STALE))
                    ended_ns = CLOCK.now_ns()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            for relay in relays:
                relay.close()
    told = [one for one in listener.heard if one.at_ns <= ended_ns]
    for session in (first.session, second.session):
        assert any(judges(session)(one.message) for one in told)
        came = {number: at_ns for number, at_ns in arrivals.of[session].items() if at_ns <= ended_ns}
        assert lies(told, came, session=session, ended_ns=ended_ns, slack_s=2.0) == []
