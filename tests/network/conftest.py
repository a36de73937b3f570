"""What the tests of bad networks share: a call through a relay, and what becomes of its pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette

from stream_guard.bench.impairment import Impairment
from stream_guard.bench.relay import Relay
from stream_guard.errors import SourceEnded
from stream_guard.frame import Frame
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import WhipSender, serving
from tests.loopback.conftest import nothing_left

__all__ = ["Call", "called", "fading", "nothing_left", "strangeness"]

_GRAIN = np.random.default_rng(1).integers(0, 255, (2, 60, 80, 1), np.uint8)
_FADE_S = 8.0
_STEPS = 64


def fading(at_s: float) -> NDArray[np.uint8]:
    """Return a picture of a film without a cut that becomes another one: uint8, shape (240, 320, 3).

    No encoder makes a key frame of it by itself, and what is predicted from long ago is plainly wrong.
    """
    share = abs(at_s / _FADE_S % 2 - 1)
    grey = np.round(_GRAIN[0] * share + _GRAIN[1] * (1 - share)).astype(np.uint8)
    return np.tile(grey.repeat(4, axis=0).repeat(4, axis=1), 3)


def strangeness(rgb: NDArray[np.uint8]) -> float:
    """Return how far a picture is from all of the film: the least mean absolute difference, 0 to 255."""
    grey = rgb[..., 1].astype(np.int16)
    steps = (fading(_FADE_S * step / _STEPS)[..., 0] for step in range(_STEPS + 1))
    return min(float(np.abs(step - grey).mean()) for step in steps)


class Call:
    """A call that is being received.

    Attributes:
        sender, relay, source: its parts.
        came: (seconds on the loop's clock, the frame) of every picture that was decoded and read.
    """

    def __init__(self, sender: WhipSender, relay: Relay, source: WebRtcSource) -> None:
        self.sender, self.relay, self.source = sender, relay, source
        self.came: list[tuple[float, Frame]] = []

    async def read(self) -> None:
        """Read to the end."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                frame = await self.source.recv()
            except SourceEnded:
                return
            self.came.append((loop.time(), frame))

    async def until(self, ready: Callable[[], Any], limit_s: float = 15) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(limit_s):
            while not ready():
                await asyncio.sleep(0.02)

    async def more(self, pictures: int, limit_s: float = 15) -> float:
        """Wait for so many more pictures; returns how long that took, in seconds."""
        loop = asyncio.get_running_loop()
        began_s, wanted = loop.time(), len(self.came) + pictures
        await self.until(lambda: len(self.came) >= wanted, limit_s)
        return loop.time() - began_s


@asynccontextmanager
async def called(impairment: Impairment | None = None, **options: Any) -> AsyncIterator[Call]:
    """Yield a call whose datagrams pass a relay."""
    sources: asyncio.Queue[Source] = asyncio.Queue()

    async def start(source: Source) -> str:
        await sources.put(source)
        return "c1"

    endpoint = WhipEndpoint(start, loopback_only=True)
    relay = Relay(impairment or Impairment())
    draw = options.pop("draw", fading)
    try:
        async with serving(Starlette(routes=endpoint.routes)) as url:
            async with WhipSender(
                f"{url}/whip",
                draw,
                **({"fps": 15, "kbps": 600} | options),
                candidates_in_offer=False,
                by_way_of=relay.open,
            ) as sender:
                source = await asyncio.wait_for(sources.get(), 5)
                assert isinstance(source, WebRtcSource)
                call = Call(sender, relay, source)
                reading = asyncio.create_task(call.read(), name="read call")
                try:
                    yield call
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
            await endpoint.close()
    finally:
        relay.close()
