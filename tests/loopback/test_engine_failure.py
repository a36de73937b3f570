"""A call goes on while its engine dies: the whole server, a made-up caller, and an engine that fails by script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest

from engines.onnxruntime import OnnxRuntimeEngine
from stream_guard import client
from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.errors import EngineLost
from stream_guard.protocol.messages import Engine, EngineFailure, Hello, Scores, ServerMessage, Session
from stream_guard.testing.caller import Caller
from stream_guard.testing.engines import ScriptedEngine
from stream_guard.testing.peers import WhipSender

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]

PICTURE = Caller(width=640, height=360).frame
REASON = "the GPU has fallen off the bus"


class Dying(ScriptedEngine):
    name = "dying"

    def __init__(self) -> None:
        super().__init__(fail_on={3}, failure=EngineLost(REASON))


def is_scored(message: ServerMessage) -> bool:
    return isinstance(message, Scores) and any(face.frame_score is not None for face in message.faces)


async def test_a_call_is_scored_on_while_its_engine_dies(
    monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setattr("stream_guard.app.ranked", lambda wanted: (Dying, OnnxRuntimeEngine))
    async with Service(Config.make(port=0)) as service, aclosing(client.messages(service.url)) as messages:
        hello = await anext(messages)
        assert isinstance(hello, Hello)
        assert (hello.engine, hello.passed_over) == ("dying", ())
        async with WhipSender(f"{service.url}/whip", PICTURE, fps=15, kbps=1500) as sender:
            before, change, after = await _until_scored_again(messages)
            assert change == Engine(
                engine="onnxruntime", device="cpu", passed_over=(EngineFailure(name="dying", reason=REASON),)
            )
            assert {scores.session for scores in (before, after)} == {sender.session}
            assert {face.id for face in before.faces} == {face.id for face in after.faces}
            async with httpx.AsyncClient(trust_env=False) as http:
                listed = (await http.get(f"{service.url}/api/sessions")).json()
                metrics = (await http.get(f"{service.url}/metrics")).text
            assert list(listed["sessions"]) == [sender.session]
            assert listed["hello"]["passed_over"] == [{"name": "dying", "reason": REASON}]
            assert 'stream_guard_engines_given_up_total{engine="dying"} 1.0' in metrics
            async with aclosing(client.messages(service.url)) as late:
                greeting = await anext(late)
                assert isinstance(greeting, Hello)
                assert (greeting.engine, greeting.passed_over) == ("onnxruntime", change.passed_over)


async def _until_scored_again(messages: AsyncIterator[ServerMessage]) -> tuple[Scores, Engine, Scores]:
    """Return the last scores before the engine changed, the change, and the first scores after it."""
    before: Scores | None = None
    change: Engine | None = None
    async with asyncio.timeout(40):
        async for message in messages:
            assert not (isinstance(message, Session) and message.state in {"stale", "ended"}), message
            if isinstance(message, Engine):
                change = message
            elif isinstance(message, Scores) and is_scored(message):
                if change is not None:
                    assert before is not None
                    return before, change, message
                before = message
    raise AssertionError("the messages ended")
