"""Runs one server, one sender and one client, each a process of its own but the client, and joins what they saw."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_guard import client
from stream_guard.bench.children import ask, line, running
from stream_guard.bench.processes import Usage, measure
from stream_guard.bench.record import Decoded, Record, ScoredFrame, Sent, Session
from stream_guard.bench.sender import Plan
from stream_guard.clock import NS_PER_S, MonotonicClock

__all__ = ["play"]

_CLOCK = MonotonicClock()

_GRACE_S = 1.0
"""How long it goes on behind the time that counts, so that its last frames find their scores."""

Heard = dict[tuple[str, int], int]
"""(Session, frame) to when the client had its scores."""


@dataclass(frozen=True, slots=True)
class _Moment:
    at_ns: int
    server: Usage
    sender: Usage


async def play(
    clip: Path,
    plan: Plan,
    *,
    seconds: float,
    warm_up_s: float,
    settings: dict[str, object],
    tick: Callable[[float], None] = lambda seconds: None,
    beside: Callable[[str], Any] | None = None,
) -> Record:
    """Play a clip through a server and watch.

    Args:
        clip: what the sender plays.
        plan: how it is sent.
        seconds: how long frames count.
        warm_up_s: how long before they do.
        settings: of the server, as `stream_guard.config.Config` takes them.
        tick: is called a few times a second with the seconds that have passed since the first session stood.
        beside: called with the server's URL; returns an async context manager that runs while frames count.

    Raises:
        StreamGuardError: a process failed; what it said stands on stderr.
    """
    began_ns = _CLOCK.now_ns()
    heard: Heard = {}
    async with running(
        "stream_guard.bench.receiver", json.dumps(settings), *([] if plan.encoded else ["--detail"])
    ) as server:
        listening = await line(server, "listening")
        ready_s = (_CLOCK.now_ns() - began_ns) / NS_PER_S
        url = str(listening["url"])
        watching = asyncio.create_task(_watch(url, heard), name="bench client")
        try:
            async with running("stream_guard.bench.sender", f"{url}/whip", str(clip), plan.as_json()) as sender:
                names = [str((await line(sender, "session"))["session"]) for _ in range(plan.sessions)]
                await _wait(warm_up_s, 0.0, tick)
                async with beside(url) if beside is not None else _nothing():
                    before = await asyncio.to_thread(_look, server.pid, sender.pid)
                    await _wait(seconds, warm_up_s, tick)
                    after = await asyncio.to_thread(_look, server.pid, sender.pid)
                await asyncio.sleep(_GRACE_S)
                sent = (await ask(sender, "sent"))["sessions"]
            if watching.done():
                watching.result()
            told = await ask(server, "received")
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    return Record(
        engine=str(listening["engine"]),
        model=str(listening["model"]),
        ready_s=ready_s,
        sessions={name: _session(name, sent, told, heard) for name in names},
        packets={int(stamp): int(at_ns) for stamp, at_ns in told["packets"]},
        decoded=[Decoded(**one) for one in told["decoded"]],
        began_ns=before.at_ns,
        ended_ns=after.at_ns,
        server=after.server - before.server,
        sender=after.sender - before.sender,
    )


def _look(server: int, sender: int) -> _Moment:
    return _Moment(_CLOCK.now_ns(), measure(server), measure(sender))


def _session(name: str, sent: dict[str, Any], told: dict[str, Any], heard: Heard) -> Session:
    return Session(
        sent=[Sent(**one) for one in sent[name]],
        scored=[ScoredFrame(**one) for one in told["scored"].get(name, [])],
        told_ns={frame: at_ns for (session, frame), at_ns in heard.items() if session == name},
        admitted_ns=told["admitted"].get(name, []),
        dropped=[(at_ns, cause, count) for at_ns, cause, count in told["dropped"].get(name, [])],
    )


async def _watch(url: str, heard: Heard) -> None:
    """Follow the scores as any client would."""
    async with aclosing(client.scores(url, reconnect=False)) as scores:
        async for message in scores:
            # The first of a frame: a stream that falls silent is told of again, by its last frame.
            heard.setdefault((message.session, message.frame), _CLOCK.now_ns())


async def _wait(seconds: float, before_s: float, tick: Callable[[float], None]) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while (passed := loop.time() - began_s) < seconds:
        tick(before_s + passed)
        await asyncio.sleep(min(0.25, seconds - passed))
    tick(before_s + seconds)


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
