"""A call that is hung up while somebody hangs it up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stream_guard.sources.base import Source
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.sources.whep import WhepSource

pytestmark = pytest.mark.unit


class SlowReceiver:
    """Takes its time to close."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.closed = 0

    async def close(self) -> None:
        await self.may_end.wait()
        self.closed += 1


async def hang_up(source: Any) -> None:
    """Close, be cancelled, and close again."""
    receiver = source._receiver = SlowReceiver()
    first = asyncio.create_task(source.close())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    receiver.may_end.set()
    await source.close()
    await source.close()
    assert receiver.closed == 1


@pytest.mark.parametrize(
    "source",
    [WebRtcSource("", loopback_only=True), WhepSource("whep://127.0.0.1:9/call", loopback_only=True)],
    ids=["whip", "whep"],
)
async def test_closing_goes_on_where_whoever_closes_is_cancelled(source: Source) -> None:
    await hang_up(source)


async def test_a_place_is_free_once_the_call_is_closed_to_the_end() -> None:
    source, freed = WebRtcSource("", loopback_only=True), list[bool]()
    source.when_closed(lambda: freed.append(True))
    await hang_up(source)
    assert freed == [True]
