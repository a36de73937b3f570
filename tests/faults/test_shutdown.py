"""The server as its users start it, ended in mid-call: in time, with goodbyes, and with its journal whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from stream_guard import client
from stream_guard.protocol.messages import Scores, ServerMessage, Session
from stream_guard.testing.caller import Caller
from stream_guard.testing.peers import WhipSender
from tests.privacy.command import LIMIT_S, Command, served
from tests.unit.recording.journals import only_folder, replayed

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(90)]

PICTURE = Caller(width=320, height=180).frame
SLACK_S = 4.0
"""Beside other work on two cores the interpreter's own end takes seconds."""


@dataclass
class Call:
    """A server with a caller and a client.

    Attributes:
        heard: every message so far.
    """

    server: Command
    sender: WhipSender
    heard: list[ServerMessage]


@asynccontextmanager
async def calling(journal: Path) -> AsyncIterator[Call]:
    """Run a server with a call that has been scored."""
    heard: list[ServerMessage] = []
    scored = asyncio.Event()

    async def listen(url: str) -> None:
        async with aclosing(client.messages(url, reconnect=False)) as messages:
            async for message in messages:
                heard.append(message)
                if isinstance(message, Scores):
                    scored.set()

    async with served("--journal", str(journal)) as server:
        listening = asyncio.create_task(listen(server.url))
        try:
            async with WhipSender(f"{server.url}/whip", PICTURE, fps=10, kbps=500) as sender:
                await asyncio.wait_for(scored.wait(), 40)
                yield Call(server, sender, heard)
                sender.location = ""  # there is nobody left to say goodbye to
        finally:
            await asyncio.wait([listening], timeout=5)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def gone(pid: int) -> None:
    """Wait until a child has ended; the loop collects it."""
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_in_mid_call_ends_in_time_with_every_goodbye(number: int, tmp_path: Path) -> None:
    async with calling(tmp_path) as call:
        began = time.monotonic()
        os.kill(call.server.pid, number)
        async with asyncio.timeout(LIMIT_S + SLACK_S):
            await gone(call.server.pid)
        took = time.monotonic() - began
    assert call.server.code == 0, call.server.output.decode()
    assert "something hangs" not in call.server.output.decode(), f"{took:.1f} s"
    last = [message for message in call.heard if isinstance(message, Session)][-1]
    assert (last.state, last.reason) == ("ended", "the server was closed"), "who listened has heard it"
    lines, replay = await replayed(await only_folder(tmp_path))
    assert (replay.ended, replay.missing, replay.torn) == (True, 0, 0)
    assert lines[-1].message == last
