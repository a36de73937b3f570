"""RTP packets in any order, to pictures: `stream_guard.sources.recovery`, `jitter` and `decoding`."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

from aiortc.codecs.h264 import H264PayloadDescriptor
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import RtpPacket

from stream_guard.sources.decoding import DecodeQueue
from stream_guard.sources.recovery import PatientNacks, RecoveringBuffer
from stream_guard.testing.clock import ManualClock
from tests.fuzz.target import Target, plain

_HEAD = struct.Struct("!HIBB")
"""Sequence number, time stamp, flags (marker; wait 0, 50, 600 or 20000 ms), length of the payload."""

_MARKER, _WAITS_MS = 1, (0, 50, 600, 20_000)


def record(number: int, stamp: int, flags: int, payload: bytes) -> bytes:
    """Return a packet as it stands in an input."""
    return _HEAD.pack(number % 65536, stamp % (1 << 32), flags, len(payload)) + payload


def run(data: bytes) -> None:
    """The first byte chooses the codec; then come packets."""
    h264 = bool(data[:1] and data[0] & 1)
    clock = ManualClock(1)
    buffer, nacks = RecoveringBuffer(64, clock=clock), PatientNacks(clock)
    refused: list[Exception] = []
    waiting = DecodeQueue(video=True, clock=clock, ask_key_frame=lambda: None, refuse=refused.append)
    codec: Any = SimpleNamespace(name="H264" if h264 else "VP8")
    unpack: Any = H264PayloadDescriptor if h264 else VpxPayloadDescriptor
    at, taken, given = 1, 0, 0
    while at + _HEAD.size <= len(data):
        number, stamp, flags, length = _HEAD.unpack_from(data, at)
        payload = data[at + _HEAD.size : at + _HEAD.size + length]
        at += _HEAD.size + length
        clock.advance(ms=_WAITS_MS[flags >> 1 & 3])
        packet: Any = RtpPacket(sequence_number=number, timestamp=stamp, marker=flags & _MARKER, payload=payload)
        nacks.add(packet)
        assert len(nacks.missing) <= 128
        try:
            packet._data = unpack.parse(payload)[1] if payload else b""
        except ValueError:
            continue
        taken += len(packet._data)
        _, frame = buffer.add(packet)
        assert sum(one is not None for one in buffer._packets) <= 64
        if frame is not None:
            given += len(frame.data)
            waiting.put((codec, frame))
            assert waiting.qsize() <= 30
    assert given <= taken, "nothing is given out twice"
    for error in refused:
        assert "too large" in str(error) or "pictures a second" in str(error)


def _vp8(number: int, stamp: int, *, key: bool, flags: int = _MARKER) -> bytes:
    picture = bytes([0 if key else 1, 0, 0]) + (b"\x9d\x01\x2a\x40\x01\xb4\x00" if key else b"") + bytes(20)
    return record(number, stamp, flags, b"\x10" + picture)


_H264 = [b"\x67\x42\x00\x1f" + bytes(8), b"\x68\xce\x38\x80", b"\x65" + bytes(40), b"\x7c\x85" + bytes(20)]

TARGET = Target(
    "jitter",
    plain(run),
    (
        b"\0" + b"".join(_vp8(n, n * 3000, key=n % 10 == 0) for n in range(20)),
        b"\0" + b"".join(_vp8(65530 + n, (1 << 32) - 9000 + n * 3000, key=n == 0) for n in range(12)),
        b"\0" + b"".join(_vp8(n * 7 % 40, n * 7 % 40 * 3000, key=n % 5 == 0, flags=n % 8) for n in range(40)),
        b"\1" + b"".join(record(n, n // 4 * 3000, n % 4 == 3, _H264[n % 4]) for n in range(40)),
    ),
    ("stream_guard.sources.recovery", "stream_guard.sources.jitter", "stream_guard.sources.decoding"),
    (
        b"\x9d\x01\x2a",
        b"\xff\x3f\xff\x3f",
        b"\0\0\0\x01\x67",
        b"\x78\0\1",
        b"\x7c\x45",
        b"\xff\xff\xff\xff\xff\xff",
    ),
    limit=2048,
)
