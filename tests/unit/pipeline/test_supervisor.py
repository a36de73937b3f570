from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import SourceError
from stream_guard.pipeline import supervisor as module
from stream_guard.pipeline.observers import Observer, SessionInfo
from stream_guard.pipeline.pipeline import Pipeline
from stream_guard.pipeline.supervisor import Supervisor, TooManySessions
from stream_guard.sources.base import Source

from .doubles import CLOCK, FreeBudget, Notes, ScriptedSource, TwoFaces, Witness, looker

pytestmark = pytest.mark.unit


async def infer(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.zeros(len(batch), dtype=np.float32)


def make(info: SessionInfo, source: Source, observers: Sequence[Observer]) -> Pipeline:
    return Pipeline(
        info,
        source,
        looker=looker(TwoFaces()),
        infer=infer,
        budget=FreeBudget(),
        scorer=Notes(stale_after_ns=200_000_000),
        clock=CLOCK,
        observers=observers,
    )


async def test_a_session_lives_from_connecting_to_ended() -> None:
    witness = Witness()
    async with Supervisor(make, observers=[witness]) as supervisor:
        session = await supervisor.start(ScriptedSource(3, live=True))
        await supervisor.finished(session)
        assert supervisor.sessions == ()
    assert witness.states == [
        ("c1", "connecting", None),
        ("c1", "live", None),
        ("c1", "ended", "the stream ended"),
    ]


async def test_a_silent_session_is_stale_then_ended() -> None:
    witness = Witness()
    source = ScriptedSource(2, live=True, silent=True)
    async with Supervisor(make, observers=[witness], silence_s=1.0) as supervisor:
        await supervisor.finished(await supervisor.start(source))
    assert list(witness.state_names) == ["connecting", "live", "stale", "ended"]
    assert witness.states[-1][2] == "no frame for 1 s"
    assert source.closed == 1


async def test_sessions_have_a_limit() -> None:
    async with Supervisor(make, max_sessions=1) as supervisor:
        await supervisor.start(ScriptedSource(1, live=True, silent=True))
        with pytest.raises(TooManySessions, match="limit"):
            await supervisor.start(ScriptedSource(1, live=True))


async def test_a_pull_source_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BACK_OFF_S", (0.01,))
    witness = Witness()
    attempts: list[ScriptedSource] = []

    def next_source() -> Source:
        last = len(attempts) == 2
        attempts.append(ScriptedSource(2, live=True, breaks=None if not last else _Final("gone for good")))
        return attempts[-1]

    async with Supervisor(make, observers=[witness]) as supervisor:
        session = await supervisor.watch(next_source)
        await supervisor.finished(session)
    assert [source.closed for source in attempts] == [1, 1, 1]
    assert witness.states[-1] == ("c1", "ended", "gone for good")


class _Final(SourceError):
    retryable = False


async def test_stopping_ends_only_that_session() -> None:
    witness = Witness()
    async with Supervisor(make, observers=[witness]) as supervisor:
        first = await supervisor.start(ScriptedSource(1, live=True, silent=True))
        second = await supervisor.start(ScriptedSource(1, live=True, silent=True))
        await asyncio.sleep(0.05)
        await supervisor.stop(first)
        assert supervisor.sessions == (second,)
        await supervisor.stop(first)
    assert ("c1", "ended", "stopped") in witness.states
    assert ("c2", "ended", "stopped") in witness.states


async def test_one_streams_accident_stays_its_own(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScriptedSource):
        async def recv(self) -> None:  # type: ignore[override]
            raise ZeroDivisionError

    witness = Witness()
    async with Supervisor(make, observers=[witness]) as supervisor:
        bad = await supervisor.start(Broken(1, live=True))
        good = await supervisor.start(ScriptedSource(3, live=True))
        await supervisor.finished(bad)
        await supervisor.finished(good)
    assert ("c1", "ended", "an internal error; see the log") in witness.states
    assert ("c2", "ended", "the stream ended") in witness.states
    assert "ZeroDivisionError" in caplog.text


async def test_a_pipeline_that_cannot_be_made_closes_what_was_open(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(info: SessionInfo, source: Source, observers: Sequence[Observer]) -> Pipeline:
        raise MemoryError

    witness = Witness()
    source = ScriptedSource(2, live=True)
    async with Supervisor(refuse, observers=[witness]) as supervisor:
        await supervisor.finished(await supervisor.start(source))
    assert source.closed == 1
    assert witness.states[-1][1:] == ("ended", "an internal error; see the log")
