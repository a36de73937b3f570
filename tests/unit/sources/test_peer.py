from __future__ import annotations

import pytest
from av import VideoFrame

from stream_guard.clock import MonotonicClock
from stream_guard.errors import UnsupportedMedia
from stream_guard.sources.peer import Receiver

pytestmark = pytest.mark.unit


async def test_a_picture_beyond_8k_ends_the_stream_before_it_is_converted() -> None:
    receiver = Receiver(clock=MonotonicClock(), loopback_only=True, connect_limit_s=1)
    receiver._receive(VideoFrame(7680, 4320, "gray"))
    receiver._receive(VideoFrame(16383, 4320, "gray"))
    assert (await receiver.frames.get()).width == 7680
    with pytest.raises(UnsupportedMedia, match="16383x4320"):
        await receiver.frames.get()
    await receiver.close()
