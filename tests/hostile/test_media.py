"""Peers that send more than can be looked at, over real WebRTC."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from typing import Any

import pytest
from aiortc.rtp import RtpPacket, is_rtcp

from stream_guard.errors import SourceError
from stream_guard.sources import decoding
from stream_guard.sources.base import Source
from tests.hostile.calls import called

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(90), pytest.mark.usefixtures("nothing_left")]


async def to_the_end(source: Source) -> None:
    while True:
        await source.recv()


async def test_a_decoder_that_is_too_slow_falls_behind_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the bound it would be 10 s behind after 10 s at a tenth of the speed; see the queue's length."""
    slow = True
    real = decoding._get_decoder

    def get_decoder(codec: Any) -> Any:
        decoder = real(codec)
        decode = decoder.decode

        def slowly(frame: Any) -> Any:
            if slow:
                time.sleep(0.3)
            return decode(frame)

        decoder.decode = slowly
        return decoder

    monkeypatch.setattr(decoding, "_get_decoder", get_decoder)
    async with called(fps=30) as (_, source):
        receiver = source._receiver
        assert receiver is not None
        (waiting,) = receiver._queues
        longest = 0
        async with asyncio.timeout(40):
            while not waiting.passed_over:
                longest = max(longest, waiting.qsize())
                await asyncio.sleep(0.02)
        assert 20 <= longest <= 30
        slow = False
        passed_over = waiting.passed_over
        seen = source.overwritten
        async with asyncio.timeout(20):
            last = -1
            for _ in range(10):
                frame = await source.recv()
                assert frame.sequence > last
                last = frame.sequence
        assert source.overwritten >= seen + passed_over, "what was never decoded is counted as lost"


async def test_a_sender_that_makes_up_stream_numbers_is_refused() -> None:
    async with called(fps=15) as (sender, source):
        await asyncio.wait_for(source.recv(), 20)
        (rtp,) = {one.transport for one in sender.connection.getSenders()}
        deliver = rtp._send_rtp
        numbers = iter(range(1, 1 << 30))

        async def send(data: bytes) -> None:
            await deliver(data)
            if not is_rtcp(data):
                packet = RtpPacket.parse(data)
                for _ in range(10):
                    packet.ssrc = next(numbers)
                    await deliver(packet.serialize())

        setattr(rtp, "_send_rtp", send)  # noqa: B010  a method, to the type checker
        with pytest.raises(SourceError, match=re.escape("(SSRCs)")):
            await asyncio.wait_for(to_the_end(source), 30)
        setattr(rtp, "_send_rtp", deliver)  # noqa: B010
        receiver = source._receiver
        assert receiver is not None
        tables = [vars(one)["_RTCRtpReceiver__remote_streams"] for one in receiver.connection.getReceivers()]
        assert max(map(len, tables)) <= 64


async def test_what_is_bounded_is_what_aiortc_uses() -> None:
    """Another aiortc may name its fields otherwise: then nothing would be bounded, and nobody told."""
    async with called(fps=15) as (_, source):
        await asyncio.wait_for(source.recv(), 20)
        receiver = source._receiver
        assert receiver is not None
        (inside,) = receiver.connection.getReceivers()
        assert vars(inside)["_RTCRtpReceiver__decoder_queue"] is receiver._queues[0]
        assert type(vars(inside)["_RTCRtpReceiver__remote_streams"]) is decoding._Sources
        assert vars(inside)["_RTCRtpReceiver__remote_streams"], "filled by aiortc"
        assert isinstance(vars(inside)["_RTCRtpReceiver__decoder_error"], threading.Event)
