"""Who calls and who listens during a soak: calls that end, calls that vanish, clients of every kind."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path

from stream_guard import client
from stream_guard.bench.children import line, running
from stream_guard.bench.sender import Plan
from stream_guard.errors import StreamGuardError
from stream_guard.protocol.messages import FaultReport, Scores, Session

__all__ = ["Callers", "listen"]

_CALL_S = (8.0, 30.0)
_PAUSE_S = (0.5, 3.0)


class Callers:
    """Keeps so many calls going, each a process of its own, until told to rest."""

    def __init__(self, url: str, packets: Path, plan: Plan, *, seed: int) -> None:
        """Prepare.

        Args:
            url: of the server.
            packets: of `stream_guard.bench.clip.save`.
            plan: how they are sent.
            seed: of who calls for how long.
        """
        self._arguments = (f"{url}/whip", str(packets), plan.as_json())
        self._random = random.Random(seed)
        self.count: Counter[str] = Counter()

    async def call_on(self, rest: asyncio.Event) -> None:
        """Call, hang up or vanish, and call again, until it is time to rest."""
        while not rest.is_set():
            seconds = self._random.uniform(*_CALL_S)
            how = self._random.choice(("hung up", "hung up", "vanished"))
            try:
                async with running("stream_guard.bench.sender", *self._arguments) as sender:
                    await line(sender, "session")
                    self.count["calls"] += 1
                    with suppress(TimeoutError):
                        await asyncio.wait_for(rest.wait(), seconds)
                    if how == "vanished":
                        sender.kill()
                    elif sender.stdin is not None:
                        sender.stdin.close()
                        await line(sender, "sent")
                    await sender.wait()
                    self.count[how] += 1
            except StreamGuardError:
                self.count["refused"] += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(rest.wait(), self._random.uniform(*_PAUSE_S))


async def listen(url: str, count: Counter[str], told: Callable[[str], None]) -> None:
    """Listen to everything, and come again after every minute or so, as a page that is loaded anew."""
    while True:
        with suppress(StreamGuardError, TimeoutError):
            async with asyncio.timeout(45), aclosing(client.messages(url)) as messages:
                async for message in messages:
                    count[message.type] += 1
                    if isinstance(message, FaultReport):
                        told(message.reason)
                    elif isinstance(message, Session) and message.state == "ended":
                        count[f"ended: {message.reason}"] += 1
                    elif isinstance(message, Scores):
                        count["faces scored"] += sum(face.frame_score is not None for face in message.faces)
