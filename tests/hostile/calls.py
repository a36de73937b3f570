"""A call of a WHIP sender, as the source it becomes here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack
from numpy.typing import NDArray
from starlette.applications import Starlette

from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import WhipSender, serving

__all__ = ["called", "plain_picture"]


def plain_picture(at_s: float) -> NDArray[np.uint8]:
    """Return a grey that changes: uint8, shape (120, 160, 3)."""
    return np.full((120, 160, 3), int(at_s * 40) % 255, np.uint8)


@asynccontextmanager
async def called(
    video: MediaStreamTrack | Callable[[float], NDArray[np.uint8]] = plain_picture, **options: Any
) -> AsyncIterator[tuple[WhipSender, WebRtcSource]]:
    """Yield a sender, and the source it has become here.

    Args:
        video: as for `WhipSender`.
        options: likewise.
    """
    sources: asyncio.Queue[Source] = asyncio.Queue()

    async def start(source: Source) -> str:
        await sources.put(source)
        return "c1"

    endpoint = WhipEndpoint(start, loopback_only=True)
    async with serving(Starlette(routes=endpoint.routes)) as url:
        async with WhipSender(f"{url}/whip", video, **options) as sender:
            source = await asyncio.wait_for(sources.get(), 20)
            assert isinstance(source, WebRtcSource)
            yield sender, source
        await endpoint.close()
