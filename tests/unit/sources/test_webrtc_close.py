"""A call that is hung up while somebody hangs it up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stream_guard.sources.webrtc import WebRtcSource

pytestmark = pytest.mark.unit


class SlowReceiver:
    """Takes its time to close."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.closed = 0

    async def close(self) -> None:
        await self.may_end.wait()
        self.closed += 1


async def test_closing_goes_on_where_whoever_closes_is_cancelled() -> None:
    source: Any = WebRtcSource("", loopback_only=True)
    receiver = source._receiver = SlowReceiver()
    freed: list[bool] = []
    source.when_closed(lambda: freed.append(True))
    first = asyncio.create_task(source.close())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert freed == []
    receiver.may_end.set()
    await source.close()
    await source.close()
    assert (receiver.closed, freed) == (1, [True])
