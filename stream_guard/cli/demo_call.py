"""Runs the self-made caller against a server and watches, as any client would, whether the swap is flagged."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from stream_guard import client
from stream_guard.clock import NS_PER_S, MonotonicClock
from stream_guard.errors import StreamGuardError
from stream_guard.protocol.messages import Event, Scores, Session, Stats
from stream_guard.scoring.observation import EventKind

__all__ = ["Call", "Outcome", "follow_call"]

_CLOCK = MonotonicClock()

_LIMIT_S = 30.0
"""How much longer than the call itself everything may take, in seconds."""


@dataclass
class Call:
    """What is known of the call so far, for the table."""

    seconds: float
    began_ns: int | None = None
    swap_ns: int | None = None
    scores: Scores | None = None
    stats: Stats | None = None
    alarms_ns: list[int] = field(default_factory=list)
    frames: int = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the call began."""
        return 0.0 if self.began_ns is None else (_CLOCK.now_ns() - self.began_ns) / NS_PER_S


@dataclass(frozen=True)
class Outcome:
    """How it ended.

    Attributes:
        early: alarms before the swap began.
        delay_s: from the first swapped picture to the alarm, in seconds; None where there was none.
        frames: scored frames seen.
    """

    early: int
    delay_s: float | None
    frames: int
    p95_ms: float | None

    @property
    def passed(self) -> bool:
        """Whether the swap was flagged, and nothing before it."""
        return self.early == 0 and self.delay_s is not None

    def in_words(self) -> str:
        """Say it in one line."""
        if self.early:
            return f"False alarm: {self.early} before the swap began."
        if self.delay_s is None:
            return f"Missed: the swap was not flagged in {self.frames} scored frames."
        p95 = f", p95 {self.p95_ms:.0f} ms from arrival to score" if self.p95_ms is not None else ""
        return f"Flagged {self.delay_s:.1f} s after the swap began, not before ({self.frames} frames scored{p95})."


async def follow_call(url: str, *, seconds: float, codec: str, show: Callable[[Call], None]) -> Outcome:
    """Play the call and watch it.

    Args:
        url: of the server.
        seconds: length of the call; the swap begins half-way.
        codec: ``VP8`` or ``H264``.
        show: is called with the call as it stands, a few times a second.

    Raises:
        StreamGuardError: the caller failed.
    """
    call = Call(seconds)
    try:
        async with asyncio.timeout(seconds + _LIMIT_S):
            await _follow(url, call, codec, show)
    except TimeoutError:
        raise StreamGuardError(f"the call did not end within {seconds + _LIMIT_S:.0f} s") from None
    return _judge(call)


async def _follow(url: str, call: Call, codec: str, show: Callable[[Call], None]) -> None:
    """Run the caller and the client beside each other until both have ended."""
    async with _caller(url, call.seconds, codec) as process:
        assert process.stdout is not None
        watching = asyncio.create_task(_watch(url, call, show), name="demo client")
        try:
            async for line in process.stdout:
                fact = json.loads(line)
                if fact["event"] == "call":
                    call.began_ns = fact["at_ns"]
                else:
                    call.swap_ns = fact["at_ns"]
            if await process.wait() != 0:
                raise StreamGuardError("the self-made caller failed; what it said stands above")
            await watching
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


@asynccontextmanager
async def _caller(url: str, seconds: float, codec: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the caller's process, and make sure that it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "stream_guard.testing.call", "--whip", f"{url}/whip"),
        *("--seconds", str(seconds), "--swap-at", str(seconds / 2), "--codec", codec),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _watch(url: str, call: Call, show: Callable[[Call], None]) -> None:
    """Follow the server's messages until the session has ended."""
    async with aclosing(client.messages(url, reconnect=False)) as messages:
        async for message in messages:
            if isinstance(message, Scores):
                call.scores = message
                call.frames += 1
            elif isinstance(message, Stats):
                call.stats = message
            elif isinstance(message, Event) and message.kind is EventKind.ALARM_RAISED:
                call.alarms_ns.append(_CLOCK.now_ns())
            elif isinstance(message, Session) and message.state == "ended":
                return
            show(call)


def _judge(call: Call) -> Outcome:
    swap_ns = call.swap_ns
    early = sum(swap_ns is None or alarm_ns < swap_ns for alarm_ns in call.alarms_ns)
    later = [alarm_ns for alarm_ns in call.alarms_ns if swap_ns is not None and alarm_ns >= swap_ns]
    total = call.stats.stages.get("total") if call.stats else None
    return Outcome(
        early=early,
        delay_s=(later[0] - swap_ns) / NS_PER_S if later and swap_ns is not None else None,
        frames=call.frames,
        p95_ms=total.p95_ms if total else None,
    )
