"""The journal of a whole server, model and all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stream_guard.app import Service
from stream_guard.config import Config
from stream_guard.protocol.messages import Scores
from stream_guard.recording.archive import kept_sessions
from stream_guard.recording.replay import Replay

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]


def test_a_server_that_ends_in_mid_call_leaves_a_whole_journal(tmp_path: Path) -> None:
    async def serve() -> str:
        config = Config.make(port=0, sources=("pattern:?size=320x240&fps=10",), journal=tmp_path)
        async with Service(config) as service:

            def enough() -> bool:
                lines = [line for one in kept_sessions(tmp_path) if one.size for line in Replay(one.path)]
                return sum(isinstance(line.message, Scores) for line in lines) >= 5

            async with asyncio.timeout(50):
                while not await asyncio.to_thread(enough):
                    await asyncio.sleep(0.2)
            return service.hello.model.sha256

    sha256 = asyncio.run(serve())
    (kept,) = kept_sessions(tmp_path)
    replay = Replay(kept.path)
    said = [line.message for line in replay]
    assert replay.ended
    assert (replay.torn, replay.missing) == (0, 0)
    assert replay.header is not None
    assert replay.header.model.sha256 == sha256
    assert sum(isinstance(message, Scores) for message in said) >= 5


def test_without_being_asked_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    async def serve() -> None:
        async with Service(Config.make(port=0, sources=("pattern:?size=320x240&fps=10",))):
            await asyncio.sleep(2)

    asyncio.run(serve())
    assert list(tmp_path.iterdir()) == []
