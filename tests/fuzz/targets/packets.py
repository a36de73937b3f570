"""RTP and RTCP as they come out of encryption: aiortc's transport and receivers, as we have bounded them."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

from aiortc import RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.rtp import RtpPacket, is_rtcp

from stream_guard.clock import MonotonicClock
from stream_guard.sources.decoding import bound_receivers
from tests.fuzz.target import Run, Target
from tests.fuzz.targets.offers import OFFER
from tests.fuzz.targets.offline import offline

_LENGTH = struct.Struct("!B")
_EXTENDED = bytes.fromhex("bede0002")


def _packets(data: bytes) -> Iterator[bytes]:
    """Yield the packets of an input: each its length in four bytes, so that it is aligned, then itself."""
    at = 0
    while at < len(data):
        length = 4 * data[at]
        yield data[at + 1 : at + 1 + length]
        at += 1 + length


def _joined(*packets: bytes) -> bytes:
    return b"".join(_LENGTH.pack(-(-len(one) // 4)) + one.ljust(-(-len(one) // 4) * 4, b"\0") for one in packets)


async def _receive(data: bytes) -> None:
    """Give every packet to a receiver that was agreed on, as its transport would."""
    connection = RTCPeerConnection()
    try:
        await connection.setRemoteDescription(RTCSessionDescription(OFFER.decode(), "offer"))
        answer = await connection.createAnswer()
        queues = bound_receivers(connection, clock=MonotonicClock(), refuse=lambda error: None)
        await connection.setLocalDescription(answer)
        video: Any = connection.getTransceivers()[1]
        dtls: Any = video.receiver.transport
        await video.receiver.receive(connection._RTCPeerConnection__remoteRtp(video))  # type: ignore[attr-defined]
        sent: list[bytes] = []

        async def send(packet: bytes) -> None:
            sent.append(packet)

        dtls._send_rtp = send
        for number, packet in enumerate(_packets(data)):
            if is_rtcp(packet):
                await dtls._handle_rtcp_data(packet)
            else:
                await dtls._handle_rtp_data(packet, arrival_time_ms=number * 10)
        assert len(vars(video.receiver)["_RTCRtpReceiver__remote_streams"]) <= 64
        assert all(waiting.qsize() <= 31 for waiting in queues)
        assert len(sent) <= 3 * sum(1 for _ in _packets(data))
    finally:
        await asyncio.wait_for(connection.close(), 20)


class _NoThread:
    """Stands in for the decoder's thread: pictures wait, and nobody decodes them."""

    def __init__(self, **options: Any) -> None:
        pass

    def start(self) -> None:
        """Do nothing."""

    def join(self) -> None:
        """Wait for nothing."""

    def is_alive(self) -> bool:
        """It never is."""
        return False


@contextmanager
def opened() -> Iterator[Run]:
    loop = asyncio.new_event_loop()
    threads = SimpleNamespace(Thread=_NoThread, Event=threading.Event)
    with offline(), mock.patch.object(rtcrtpreceiver, "threading", threads):
        try:
            yield lambda data: loop.run_until_complete(_receive(data))
        finally:
            loop.close()


def _rtp(number: int, payload: bytes, *, kind: int = 96, extension: bytes = b"") -> bytes:
    packet = RtpPacket(payload_type=kind, marker=1, sequence_number=number, timestamp=number * 3000, ssrc=2)
    packet.payload = payload
    head = packet.serialize()
    return bytes([head[0] | 0x10]) + head[1:12] + extension + payload if extension else head


_KEY = b"\x10\0\0\0\x9d\x01\x2a\x40\x01\xb4\x00" + bytes(21)

TARGET = Target(
    "packets",
    opened,
    (
        _joined(*(_rtp(n, _KEY) for n in range(6)), bytes.fromhex("80c80006") + bytes(24)),
        _joined(_rtp(1, _KEY, extension=_EXTENDED + b"\x22\1\2\3\x40\x31\0\0"), _rtp(2, b"\0\1" + _KEY, kind=97)),
        _joined(bytes.fromhex("81cb000100000002"), _rtp(3, b"\x65" + bytes(30), kind=102)),
        _joined(bytes.fromhex("81ca0003000000020103414243000000"), bytes.fromhex("81cd0003") + bytes(12)),
    ),
    ("aiortc.rtcrtpreceiver", "aiortc.rtp", "stream_guard.sources.datagrams", "stream_guard.sources.decoding"),
    (
        b"\x80\xe0",
        b"\x90\xe0",
        b"\x80\xc8",
        b"\x81\xc9",
        b"\x80\xcb",
        b"\x81\xcd",
        b"\x8f\xce",
        _EXTENDED,
        b"\xbe\xde\0\0",
    ),
    limit=2048,
)
