"""The whole server with the shipped model: a made-up caller in, messages out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest

from stream_guard import client
from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.errors import SignallingError
from stream_guard.protocol.messages import Event, Hello, Scores, ServerMessage, Session, Stats
from stream_guard.scoring.observation import EventKind, State
from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]

# Smaller than a real call, so that two cores can send and receive at once under any load.
PICTURE = Caller(width=640, height=360).frame


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Service]:
    async with Service(Config.make(port=0, **settings)) as service:
        yield service


async def first(messages: AsyncIterator[ServerMessage], want: Any, limit_s: float = 20) -> Any:
    async with asyncio.timeout(limit_s):
        async for message in messages:
            if want(message):
                return message
    raise AssertionError("the messages ended")


def has_verdict(message: ServerMessage) -> bool:
    return isinstance(message, Scores) and any(face.authenticity is not None for face in message.faces)


async def test_a_call_is_scored_from_hello_to_goodbye(nothing_left: None) -> None:
    async with serving() as service, aclosing(client.messages(service.url)) as messages:
        hello = await anext(messages)
        assert isinstance(hello, Hello)
        assert hello.model.status in {"preview", "stable"}
        async with WhipSender(f"{service.url}/whip", PICTURE, fps=15, kbps=1500) as sender:
            scores = await first(messages, has_verdict)
            assert scores.session == sender.session
            assert (scores.transport.codec, scores.transport.width, scores.transport.height) == ("VP8", 640, 360)
            (face,) = scores.faces
            assert face.state in {State.AUTHENTIC, State.SUSPICIOUS, State.SYNTHETIC, State.CANNOT_JUDGE}
            x, y, width, height = face.box
            assert 0.3 < x + width / 2 < 0.7, "the face is in the middle of the made-up picture"
            assert 0.2 < y + height / 2 < 0.6
            stats = await first(messages, lambda m: isinstance(m, Stats) and m.scored > 0)
            assert stats.received >= stats.admitted >= stats.scored
            assert {"track", "infer", "total"} <= set(stats.stages)
            text = (await _get(service, "/metrics")).text
            assert "stream_guard" in text
            listed = (await _get(service, "/api/sessions")).json()
            assert list(listed["sessions"]) == [sender.session]
            assert (await _get(service, "/healthz")).json()["sessions"] == 1
        ended = await first(messages, lambda m: isinstance(m, Session) and m.state == "ended")
        assert ended.session == sender.session
        assert (await _get(service, "/healthz")).json()["sessions"] == 0


async def test_a_sender_that_vanishes_leaves_a_stale_session(nothing_left: None) -> None:
    async with serving() as service, aclosing(client.messages(service.url)) as messages:
        async with WhipSender(f"{service.url}/whip", PICTURE, fps=15, kbps=1500) as sender:
            await first(messages, has_verdict)
            sender.vanish()
            session = await first(messages, lambda m: isinstance(m, Session) and m.state == "stale", 10)
            assert session.session == sender.session
            await first(messages, lambda m: isinstance(m, Event) and m.kind is EventKind.STALE, 5)
            stale = await first(messages, lambda m: isinstance(m, Scores), 5)
            assert [face.state for face in stale.faces] == [State.STALE]


async def test_two_calls_at_once_keep_apart(nothing_left: None) -> None:
    async with serving() as service, aclosing(client.messages(service.url)) as messages:
        url = f"{service.url}/whip"
        async with (
            WhipSender(url, PICTURE, fps=10, kbps=1500) as one,
            WhipSender(url, PICTURE, fps=10, kbps=1500, codec="H264", candidates_in_offer=False) as two,
        ):
            assert one.session != two.session
            for sender in (one, two):
                await first(messages, lambda m, name=sender.session: has_verdict(m) and m.session == name)


async def test_the_session_limit_is_an_answer_not_a_crash(nothing_left: None) -> None:
    async with serving(max_sessions=1) as service:
        async with WhipSender(f"{service.url}/whip", PICTURE, fps=5, kbps=1500):
            with pytest.raises(SignallingError) as refused:
                async with WhipSender(f"{service.url}/whip", PICTURE, fps=5, kbps=1500):
                    pass
            assert refused.value.status == 503
        async with asyncio.timeout(5):
            while (await _get(service, "/healthz")).json()["sessions"]:
                await asyncio.sleep(0.05)
        async with WhipSender(f"{service.url}/whip", PICTURE, fps=5, kbps=1500):
            pass


async def test_a_session_can_be_ended_from_outside(nothing_left: None) -> None:
    async with serving() as service, aclosing(client.messages(service.url)) as messages:
        async with WhipSender(f"{service.url}/whip", PICTURE, fps=10, kbps=1500) as sender:
            await first(messages, lambda m: isinstance(m, Session) and m.state == "live")
            async with httpx.AsyncClient(trust_env=False) as http:
                assert (await http.delete(f"{service.url}/api/sessions/{sender.session}")).status_code == 204
                assert (await http.delete(f"{service.url}/api/sessions/{sender.session}")).status_code == 404
            await first(messages, lambda m: isinstance(m, Session) and m.state == "ended")


async def test_a_source_is_pulled_from_the_start(nothing_left: None) -> None:
    async with (
        serving(sources=("pattern:?size=320x240&fps=10",)) as service,
        aclosing(client.messages(service.url)) as messages,
    ):
        session = await first(messages, lambda m: isinstance(m, Session) and m.state == "live")
        assert session.kind == "pattern"
        scores = await first(messages, lambda m: isinstance(m, Scores))
        assert scores.faces == ()


async def test_strangers_are_kept_out(nothing_left: None) -> None:
    async with serving(token="a long enough token") as service:
        with pytest.raises(client.ConnectionRefused, match="token"):
            await anext(client.messages(service.url))
        async with aclosing(client.messages(service.url, token="a long enough token")) as messages:
            assert isinstance(await anext(messages), Hello)
        with pytest.raises(SignallingError) as refused:
            async with WhipSender(f"{service.url}/whip", PICTURE):
                pass
        assert refused.value.status == 401


async def _get(service: Service, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.get(service.url + path)
