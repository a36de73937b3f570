from __future__ import annotations

import numpy as np
import pytest
from aiortc import sdp
from av import VideoFrame

from stream_guard.clock import MonotonicClock
from stream_guard.errors import UnsupportedMedia
from stream_guard.sources.peer import Receiver
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import WhipSender

pytestmark = pytest.mark.unit


async def test_a_picture_beyond_8k_ends_the_stream_before_it_is_converted() -> None:
    receiver = Receiver(clock=MonotonicClock(), loopback_only=True, connect_limit_s=1)
    receiver._receive(VideoFrame(7680, 4320, "gray"))
    receiver._receive(VideoFrame(16383, 4320, "gray"))
    assert (await receiver.frames.get()).width == 7680
    with pytest.raises(UnsupportedMedia, match="16383x4320"):
        await receiver.frames.get()
    await receiver.close()


async def test_asking_for_the_transport_of_every_frame_writes_no_sdp(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    real = sdp.SessionDescription.__str__

    def counted(description: sdp.SessionDescription) -> str:
        nonlocal asked
        asked += 1
        return real(description)

    sender = WhipSender("http://127.0.0.1:9/whip", lambda t: np.zeros((48, 64, 3), np.uint8))
    async with WebRtcSource(await sender.offer(), loopback_only=True) as source:
        assert source.transport().codec == "VP8"
        monkeypatch.setattr(sdp.SessionDescription, "__str__", counted)
        for _ in range(100):
            assert source.transport().codec == "VP8"
    assert asked == 0
    await sender.connection.close()
