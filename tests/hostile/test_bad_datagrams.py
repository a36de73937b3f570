"""Packets that no peer sends: from whoever can reach the port, and from a peer in mid-call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from typing import Any

import pylibsrtp
import pytest
from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket, is_rtcp

from stream_guard.clock import MonotonicClock
from stream_guard.sources.base import Source
from stream_guard.sources.decoding import bound_receivers
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import WhipSender
from tests.hostile.calls import called

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(150), pytest.mark.usefixtures("nothing_left")]


def our_port(source: WebRtcSource) -> int:
    """Return where we listen for this call."""
    return next(int(line.split()[5]) for line in source.answer_sdp.splitlines() if line.startswith("a=candidate:"))


async def goes_on(source: Source, frames: int = 5) -> None:
    """Expect frames that came after now."""
    async with asyncio.timeout(40):
        first = (await source.recv()).sequence
        while (await source.recv()).sequence < first + frames:
            pass


async def test_strangers_cannot_end_or_disturb_a_call(caplog: pytest.LogCaptureFixture) -> None:
    """Everybody who can reach the port may send to it; what is not the peer's counts for nothing."""
    dice = random.Random(3)
    stun = bytes.fromhex("000100082112a442") + bytes(12)
    strange = [
        b"",
        b"\0",
        b"\x16\xfe\xff" + bytes(60),
        b"\x80\x60" + bytes(30),
        b"\x80\xc8" + bytes(30),
        # Attributes of a STUN message that are shorter than they must be (RFC 8489, section 14).
        *(
            stun + bytes([kind >> 8, kind & 255, 0, 1, 0, 0, 0, 0])
            for kind in (0x0020, 0x0024, 0x8028, 0x8029, 0x0008)
        ),
        *(dice.randbytes(dice.randrange(200)) for _ in range(200)),
    ]
    async with called(fps=15) as (_, source):
        await goes_on(source)
        with caplog.at_level(logging.WARNING), socket.socket(type=socket.SOCK_DGRAM) as stranger:
            for data in strange:
                stranger.sendto(data, ("127.0.0.1", our_port(source)))
                await asyncio.sleep(0)
            await goes_on(source)
    assert not [record for record in caplog.records if record.exc_info], caplog.text


async def _also_send(sender: WhipSender, *packets: bytes) -> None:
    """Send RTP or RTCP in the name of the sender, encrypted as its own; what cannot be encrypted is left out."""
    (transport,) = {one.transport for one in sender.connection.getSenders()}
    for packet in packets:
        with contextlib.suppress(pylibsrtp.Error):
            await transport._send_rtp(packet)


async def _one_of(sender: WhipSender) -> RtpPacket:
    """Wait for a packet of the video that passes by, and return it."""
    (transport,) = {one.transport for one in sender.connection.getSenders()}
    deliver, seen = transport._send_rtp, asyncio.get_running_loop().create_future()

    async def send(data: bytes) -> None:
        if not is_rtcp(data) and not seen.done():
            seen.set_result(RtpPacket.parse(data))
        await deliver(data)

    transport._send_rtp = send  # type: ignore[method-assign]
    try:
        return await asyncio.wait_for(seen, 30)
    finally:
        transport._send_rtp = deliver  # type: ignore[method-assign]


async def test_a_peers_malformed_packets_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """Header extensions of wrong lengths, reports of nothing, payloads cut short: the call goes on."""
    dice = random.Random(5)
    async with called(fps=15) as (sender, source):
        await goes_on(source)
        real = await _one_of(sender)
        head = real.serialize()[:12]
        extended = bytes([head[0] | 0x10]) + head[1:]
        packets = [
            *(extended + bytes.fromhex("bede0001") + bytes([number << 4, 7, 0, 0]) for number in range(1, 15)),
            *(
                extended + bytes.fromhex("bede0002") + bytes([number << 4 | 6]) + b"\xff" * 7
                for number in range(1, 15)
            ),
            *(head + bytes([first]) for first in range(256)),
            *(
                bytes([0x80 | count, kind, 0, words]) + bytes(4 * words)
                for kind in range(200, 207)
                for count in (0, 1, 31)
                for words in (0, 1, 5, 6, 7)
            ),
            *(b"\x80\xcf" + dice.randbytes(4 * dice.randrange(1, 20)) for _ in range(50)),
        ]
        packets = [packet for packet in packets if packet[1:2] != b"\xcb"]  # BYE ends a stream, and may
        with caplog.at_level(logging.WARNING):
            for packet in packets:
                await _also_send(sender, packet)
                await asyncio.sleep(0)
            await goes_on(source)
    assert not [record for record in caplog.records if record.exc_info], caplog.text


async def test_a_jitter_that_no_report_can_hold_hinders_no_goodbye(caplog: pytest.LogCaptureFixture) -> None:
    """RFC 3550, section 6.4.1, gives it 32 bits. Time stamps that leap need more, and then the task that writes
    reports would die, and closing wait for it for ever."""
    async with called(fps=15) as (_, source):
        await goes_on(source)
        receiver = source._receiver
        assert receiver is not None
        (inside,) = receiver.connection.getReceivers()
        streams: dict[int, Any] = vars(inside)["_RTCRtpReceiver__remote_streams"]
        for stream in streams.values():
            stream._jitter_q4 = 1 << 40
        reporting = vars(inside)["_RTCRtpReceiver__rtcp_task"]
        reported, write = asyncio.Event(), inside._send_rtcp

        async def report(packet: Any) -> None:
            reported.set()
            await write(packet)

        setattr(inside, "_send_rtcp", report)  # noqa: B010  a method, to the type checker
        await asyncio.wait_for(reported.wait(), 40)
        await asyncio.sleep(0)
        assert not reporting.done()
        await goes_on(source)
        with caplog.at_level(logging.WARNING):
            await source.close()
        assert "close cleanly" not in caplog.text


async def test_what_comes_before_anybody_reads_is_bounded() -> None:
    """Until a connection is there nobody reads: a stranger could fill the memory meanwhile."""
    connection = RTCPeerConnection()
    try:
        connection.addTransceiver("video", direction="recvonly")
        bound_receivers(connection, clock=MonotonicClock(), refuse=lambda error: None)
        ice: Any = connection.getReceivers()[0].transport.transport._connection
        for _ in range(5000):
            ice.data_received(bytes(1200), 1)
        assert ice._queue.qsize() <= 2048
        ice._queue.put_nowait(None)  # the end is always taken
        assert ice._queue.qsize() <= 2049
    finally:
        await connection.close()
