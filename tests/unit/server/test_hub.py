"""The hub behind a real server, with real clients on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from stream_guard import client
from stream_guard.clock import MonotonicClock
from stream_guard.protocol.messages import (
    BudgetReport,
    Event,
    Hello,
    ModelReport,
    Scores,
    Session,
    TransportReport,
)
from stream_guard.scoring.observation import EventKind
from stream_guard.server.hub import Hub
from stream_guard.server.listener import listen

pytestmark = pytest.mark.loopback

HELLO = Hello(
    server="stream-guard test",
    engine="scripted",
    device="cpu",
    model=ModelReport(name="m", version="1", status="preview", sha256="0" * 64, min_face_px=48),
    budget_ms=33,
)


def scores(frame: int, session: str = "c1", padding: int = 0) -> Scores:
    return Scores(
        session=session,
        frame=frame,
        t=frame / 30,
        age_ms=1,
        faces=(),
        budget=BudgetReport(target_ms=33, p95_ms=None),
        transport=TransportReport(codec="x" * padding, width=0, height=0, fps=0),
    )


def event(number: int) -> Event:
    return Event(session="c1", t=float(number), kind=EventKind.STATE_CHANGED, face=number)


@asynccontextmanager
async def running(*, max_clients: int = 64) -> AsyncIterator[tuple[Hub, str]]:
    hub = Hub(HELLO, clock=MonotonicClock(), max_clients=max_clients)
    site = Starlette(routes=[WebSocketRoute("/ws", hub.serve)])
    async with listen(site, host="127.0.0.1", port=0) as port:
        try:
            yield hub, f"ws://127.0.0.1:{port}"
        finally:
            hub.close()


async def until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def ended(socket: ClientConnection) -> tuple[int, str]:
    """Read until the server closes; returns its code and reason."""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code or 0, socket.close_reason or ""


async def test_hello_comes_first_then_what_is_running() -> None:
    async with running() as (hub, url):
        hub.publish(Session(session="c1", state="live", kind="webrtc", label="a call"))
        hub.publish(Session(session="c2", state="live", kind="webrtc", label="over"))
        hub.publish(Session(session="c2", state="ended", kind="webrtc", label="over"))
        messages = client.messages(url)
        assert await anext(messages) == HELLO
        session = await anext(messages)
        assert isinstance(session, Session)
        assert session.session == "c1"
        await until(lambda: hub.clients == 1)
        hub.publish(scores(7))
        assert await anext(messages) == scores(7)
        await messages.aclose()
        await until(lambda: hub.clients == 0)


async def test_a_client_that_does_not_read_loses_scores_but_no_event_and_slows_nobody() -> None:
    async with running() as (hub, url), connect(f"{url}/ws", max_queue=1, proxy=None) as slow:
        quick = client.messages(url)
        await anext(quick)
        await until(lambda: hub.clients == 2)
        loop = asyncio.get_running_loop()
        worst = 0.0
        count = 400
        for number in range(count):
            hub.publish(scores(number, padding=50_000))
            hub.publish(event(number))
            began = loop.time()
            while True:
                message = await anext(quick)
                if isinstance(message, Event):
                    break
            worst = max(worst, loop.time() - began)
        assert worst < 8.0, "the quick client waits for the slow one"  # which is given 20 s
        # Now the slow one wakes up: every event in order, few of the scores, the newest among them.
        hub.publish(scores(count))
        events, frames = [], []
        async with asyncio.timeout(10):
            while not frames or frames[-1] != count:
                fact = json.loads(await slow.recv())
                if fact["type"] == "event":
                    events.append(fact["face"])
                elif fact["type"] == "scores":
                    frames.append(fact["frame"])
        assert events == list(range(count))
        assert len(frames) < count
        assert frames == sorted(frames)
        await quick.aclose()


async def test_a_client_that_never_reads_is_cut_off_not_kept_in_memory() -> None:
    async with running() as (hub, url), connect(f"{url}/ws", max_queue=1, proxy=None, close_timeout=0.2):
        await until(lambda: hub.clients == 1)
        for number in range(3000):
            hub.publish(scores(number, padding=50_000))
            hub.publish(event(number))
            await asyncio.sleep(0.001 if number < 400 else 0)
        await until(lambda: hub.clients == 0)


async def test_only_what_was_asked_for_comes() -> None:
    async with running() as (hub, url):
        stream = client.scores(url, sessions=["c2"])
        waiting = asyncio.ensure_future(anext(stream))
        await until(lambda: hub.clients == 1)
        await until(lambda: all(client.outbox._wish.sessions for client in hub._clients))  # the wish has come
        hub.publish(scores(1, "c1"))
        hub.publish(event(1))
        hub.publish(scores(2, "c2"))
        assert await waiting == scores(2, "c2")
        await stream.aclose()


async def test_the_rate_limit_holds_back_but_the_newest_comes() -> None:
    async with running() as (hub, url):
        stream = client.scores(url, max_rate=5)
        got: list[int] = []

        async def read() -> None:
            async for message in stream:
                got.append(message.frame)

        reading = asyncio.create_task(read())
        await until(lambda: hub.clients == 1)
        await until(lambda: all(client.outbox._wish.max_rate for client in hub._clients))
        began = asyncio.get_running_loop().time()
        for number in range(40):
            hub.publish(scores(number))
            await asyncio.sleep(0.01)
        await until(lambda: got and got[-1] == 39)
        assert len(got) <= 5 * (asyncio.get_running_loop().time() - began) + 2
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.parametrize("nonsense", ["{", '{"type":"subscribe","v":2}', "[]", '{"type":"scores"}', b"\x00\x01"])
async def test_nonsense_ends_that_client_only(nonsense: str | bytes) -> None:
    async with running() as (hub, url):
        good = client.messages(url)
        await anext(good)
        async with connect(f"{url}/ws", proxy=None) as bad:
            await bad.send(nonsense)
            code, reason = await ended(bad)
            assert code == 1008
            assert reason
        hub.publish(event(1))
        assert await anext(good) == event(1)
        await good.aclose()


async def test_a_huge_message_is_refused() -> None:
    async with running() as (_, url), connect(f"{url}/ws", proxy=None) as socket:
        await socket.send("x" * 20_000)
        assert (await ended(socket))[0] == 1009


async def test_there_is_a_limit_of_clients() -> None:
    async with running(max_clients=1) as (hub, url):
        first = client.messages(url)
        await anext(first)
        await until(lambda: hub.clients == 1)
        async with connect(f"{url}/ws", proxy=None) as second:
            assert (await ended(second))[0] == 1013
        await first.aclose()


async def test_the_client_comes_back_after_the_server_did() -> None:
    hub = Hub(HELLO, clock=MonotonicClock())
    site = Starlette(routes=[WebSocketRoute("/ws", hub.serve)])
    async with listen(site, host="127.0.0.1", port=0) as port:
        messages = client.messages(f"http://127.0.0.1:{port}")
        assert await anext(messages) == HELLO
        hub.close()
    again = Hub(HELLO, clock=MonotonicClock())
    site = Starlette(routes=[WebSocketRoute("/ws", again.serve)])
    async with listen(site, host="127.0.0.1", port=port), asyncio.timeout(10):
        assert await anext(messages) == HELLO
        await messages.aclose()
        again.close()


async def test_nobody_there_is_one_clear_line() -> None:
    with pytest.raises(client.ConnectionRefused, match="nothing answers at ws://127"):
        await anext(client.scores("ws://127.0.0.1:1"))
