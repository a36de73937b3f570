from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import ConfigError, SignallingError, SourceError, TooManySessions
from stream_guard.pipeline import session_run
from stream_guard.pipeline import supervisor as module
from stream_guard.pipeline.observers import Observer, SessionInfo
from stream_guard.pipeline.pipeline import Judgement, Pipeline
from stream_guard.pipeline.supervisor import Supervisor
from stream_guard.sources.base import Source

from .doubles import CLOCK, FreeBudget, Notes, ScriptedSource, TwoFaces, Witness, looker

pytestmark = pytest.mark.unit


async def infer(batch: NDArray[np.uint8]) -> Judgement:
    return Judgement(np.zeros(len(batch), dtype=np.float32))


@pytest.fixture(autouse=True)
def _mended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_run, "_MENDS_S", (0.0,) * 5)


def make(
    info: SessionInfo, source: Source, observers: Sequence[Observer], *, after: Pipeline | None = None
) -> Pipeline:
    return Pipeline(
        info,
        source,
        looker=looker(TwoFaces()),
        infer=infer,
        budget=FreeBudget(),
        scorer=Notes(stale_after_ns=200_000_000),
        clock=CLOCK,
        observers=observers,
        after=after,
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


class Attempts:
    """Makes a scripted source after the other, from a list of what each breaks with."""

    def __init__(self, *ends: Exception | None, **script: Any) -> None:
        self.made: list[ScriptedSource] = []
        self._ends = list(ends)
        self._script = script

    def __call__(self) -> Source:
        end = self._ends.pop(0) if self._ends else ConfigError("the script is over")
        if isinstance(end, ConfigError):
            raise end
        self.made.append(ScriptedSource(2, live=True, breaks=end, **self._script))
        return self.made[-1]


async def watched(attempts: Attempts, *, silence_s: float = 30.0) -> Witness:
    witness = Witness()
    async with Supervisor(make, observers=[witness], silence_s=silence_s) as supervisor:
        supervisor.watch(attempts)
        async with asyncio.timeout(10):
            while attempts._ends or supervisor.sessions:
                await asyncio.sleep(0.01)
    return witness


async def test_a_pull_source_is_tried_again_each_time_as_a_session_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_BACK_OFF_S", (0.01,))
    attempts = Attempts(None, SourceError("broken"), SignallingError(404, "nobody sends yet"))
    witness = await watched(attempts)
    assert [source.closed for source in attempts.made] == [1, 1, 1]
    assert [state for state in witness.states if state[1] == "ended"] == [
        ("c1", "ended", "the stream ended"),
        ("c2", "ended", "broken"),
        ("c3", "ended", "nobody sends yet"),
    ]


async def test_what_another_attempt_would_only_repeat_is_given_up() -> None:
    attempts = Attempts(SignallingError(401, "show the token"), None)
    witness = Witness()
    async with Supervisor(make, observers=[witness]) as supervisor:
        supervisor.watch(attempts)
        async with asyncio.timeout(5):
            while supervisor._watches:
                await asyncio.sleep(0.01)
    assert len(attempts.made) == 1


async def test_stopping_a_watched_session_ends_the_watch() -> None:
    attempts = Attempts(None, None, silent=True)
    async with Supervisor(make) as supervisor:
        supervisor.watch(attempts)
        async with asyncio.timeout(5):
            while not supervisor.sessions:
                await asyncio.sleep(0.01)
        await supervisor.stop(supervisor.sessions[0])
        await asyncio.sleep(0.05)
        assert supervisor._watches == set()
    assert len(attempts.made) == 1


async def test_pauses_grow_only_while_no_frame_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BACK_OFF_S", (0.01, 0.02, 60.0))
    # Each lives, then falls silent: four of them would reach the long pause if a life did not count.
    attempts = Attempts(None, None, None, None, silent=True)
    await watched(attempts, silence_s=0.3)
    assert len(attempts.made) == 4


async def test_who_waits_for_a_sender_may_wait_long() -> None:
    class Listening(ScriptedSource):
        waits = True

        async def open(self) -> None:
            await asyncio.sleep(0.8)
            await super().open()

    witness = Witness()
    async with Supervisor(make, observers=[witness], silence_s=0.2) as supervisor:
        await supervisor.finished(await supervisor.start(Listening(3, live=True)))
    assert list(witness.state_names) == ["connecting", "live", "ended"]


async def test_stopping_twice_at_once_closes_the_source_all_the_same() -> None:
    class Slow(ScriptedSource):
        async def close(self) -> None:
            if not self.closed:
                await asyncio.sleep(0.1)
            self.closed += 1

    source = Slow(1, live=True, silent=True)
    async with Supervisor(make) as supervisor:
        session = await supervisor.start(source)
        await asyncio.sleep(0.1)
        await asyncio.gather(supervisor.stop(session), supervisor.stop(session))
    assert source.closed >= 1


async def test_a_session_stopped_before_it_began_closes_its_source() -> None:
    source = ScriptedSource(1, live=True)
    async with Supervisor(make) as supervisor:
        await supervisor.stop(await supervisor.start(source))
    assert source.closed >= 1


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
    assert ("c1", "ended", "an internal error (ZeroDivisionError); see the log") in witness.states
    assert ("c2", "ended", "the stream ended") in witness.states
    assert "ZeroDivisionError" in caplog.text


async def test_a_pipeline_that_cannot_be_made_closes_what_was_open(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*wiring: Any, after: Pipeline | None = None) -> Pipeline:
        raise MemoryError

    witness = Witness()
    source = ScriptedSource(2, live=True)
    async with Supervisor(refuse, observers=[witness]) as supervisor:
        await supervisor.finished(await supervisor.start(source))
    assert source.closed == 1
    assert witness.states[-1][1:] == ("ended", "an internal error (MemoryError); see the log")
