"""What a receiver does about packets that are lost: asks again, then for a whole picture, and waits for that.

aiortc asks for a missing packet only when the next one is found missing, and for all of them at once; it waits for
512 packets, which is 15 s of a slow stream, before it goes on; and then it decodes pictures that are predicted
from one that never came, which no camera made. A packet that is late by more than 100 others makes it begin anew.
None of that has a setting, so what decides it is replaced (see `stream_guard.sources.decoding`).
"""

from __future__ import annotations

import re
import threading
from typing import Any

from aiortc.jitterbuffer import MAX_MISORDER, JitterFrame
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket
from aiortc.utils import uint16_add, uint16_gt

from stream_guard.clock import NS_PER_MS, Clock
from stream_guard.sources.jitter import PromptJitterBuffer

__all__ = ["DecoderAlarm", "PatientNacks", "RecoveringBuffer", "begins_key_frame"]

_NACK_AGAIN_NS = 100 * NS_PER_MS
_MOST_NACKS = 8
"""How often a packet is asked for: 0.8 s, after which senders have forgotten it."""

_PATIENCE_NS = 500 * NS_PER_MS
"""How long a gap may stay before a whole picture is asked for: the jitter of a bad network, not more."""

_JUMP_NS = 100 * NS_PER_MS
"""How long a gap must have been there before pictures are passed over for a whole one behind it."""

_WITHOUT_NS = 10_000 * NS_PER_MS
"""After so long without a key frame pictures are taken as they are: some senders repair them bit by bit."""

_STRAYS = 32
"""Packets in a row, all far behind, that are a stream begun anew; fewer are late or doubled ones."""

_FAR_BEHIND = 8192

_H264_KEY = re.compile(rb"\x00\x00\x00\x01(?:[\x07\x27\x47\x67]|[\x05\x25\x45\x65][\x80-\xff])")
"""A parameter set, or the first slice of an IDR picture: its first macroblock, 0, is a single 1 (H.264, 7.3.3)."""

_H264_HEAD = 4096
"""Bytes in which a key frame's beginning is looked for: a delimiter and SEI messages may come first."""


def begins_key_frame(data: bytes) -> bool:
    """Return whether a packet's part of a picture is the beginning of one that needs none before it.

    Args:
        data: as aiortc unpacks it: VP8 (a key frame's start code, RFC 6386, section 9.1), or H.264 in Annex B (an
            IDR slice or a parameter set, H.264, table 7-1).
    """
    if data.startswith(b"\x00\x00\x00\x01"):  # no VP8 key frame begins so
        return bool(_H264_KEY.search(data[:_H264_HEAD]))
    return len(data) >= 10 and not data[0] & 1 and data[3:6] == b"\x9d\x01\x2a"


class PatientNacks:
    """Says which packets to ask for (RFC 4585, section 6.2.1): each every 100 ms, and eight times at most.

    Takes the place of aiortc's `NackGenerator`.

    Attributes:
        max_seq: the newest packet's number; None before the first.
    """

    def __init__(self, clock: Clock) -> None:
        self.max_seq: int | None = None
        self._clock = clock
        self._missing: dict[int, tuple[int, int]] = {}
        self._due: list[int] = []

    @property
    def missing(self) -> set[int]:
        """The packets to ask for now."""
        return set(self._due)

    def add(self, packet: RtpPacket) -> bool:
        """Take note of a packet; return whether there is anything to ask for."""
        number = packet.sequence_number
        if self.max_seq is None:
            self.max_seq = number
        elif uint16_gt(number, self.max_seq):
            # Senders remember so many; whatever is further back need not be asked for.
            gap = min(uint16_add(number, -self.max_seq) - 1, RTP_HISTORY_SIZE)
            for back in range(gap, 0, -1):
                self._missing[uint16_add(number, -back)] = 0, 0
            self.max_seq = number
        else:
            self._missing.pop(number, None)
        now_ns = self._clock.now_ns()
        self._due = []
        for one, (count, asked_ns) in list(self._missing.items()):
            if count >= _MOST_NACKS or uint16_add(self.max_seq, -one) > RTP_HISTORY_SIZE:
                del self._missing[one]
            elif not count or now_ns - asked_ns >= _NACK_AGAIN_NS:
                self._missing[one] = count + 1, now_ns
                self._due.append(one)
        return bool(self._due)


class RecoveringBuffer(PromptJitterBuffer):
    """Gives out nothing that builds on a picture that was lost.

    After a gap that nobody fills it asks for a key frame, every half a second, and goes on with the first one that
    is whole, whatever lies before it. Where none comes for ten seconds, pictures are given out as they are, and
    counted.

    Attributes:
        passed_over: whole pictures that were not given out, because one before them is missing.
        damaged: pictures that were given out all the same.
        broken: whether what comes next builds on something that is missing. May be set from another thread.
    """

    def __init__(self, capacity: int, *, clock: Clock) -> None:
        """Open an empty one.

        Args:
            capacity: packets that are held, a power of two.
            clock: for how long a gap has been there.
        """
        super().__init__(capacity)
        self.passed_over = self.damaged = 0
        self._clock = clock
        self._newest: int | None = None
        self._gap_since_ns: int | None = None
        self._broken_since_ns: int | None = None
        self._asked_ns: int | None = None
        self._strays = 0
        # Decoders make something of a picture whose predecessors they never saw, too.
        self.broken = True

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; return whether to ask for a key frame, and the picture that can be decoded now."""
        if self._is_stray(packet.sequence_number):
            return False, None
        now_ns = self._clock.now_ns()
        if self._origin is None:
            self._asked_ns = now_ns  # senders begin with a key frame: it gets its time
        skipped, frame = super().add(packet)
        if skipped:
            self._newest = packet.sequence_number
            self.broken = True
        elif self._newest is None or uint16_gt(packet.sequence_number, self._newest):
            self._newest = packet.sequence_number
        frame = self._decodable(frame, packet, now_ns)
        if frame is None:
            frame = self._behind_gap(packet, now_ns)
        else:
            self._gap_since_ns = None
        return self._should_ask(now_ns), frame

    def _is_stray(self, number: int) -> bool:
        """Return whether a packet comes so late that nobody waits for it any more."""
        behind = 0 if self._origin is None else uint16_add(self._origin, -number)
        if not MAX_MISORDER <= behind < _FAR_BEHIND:
            self._strays = 0
            return False
        self._strays += 1
        return self._strays < _STRAYS

    def _decodable(self, frame: JitterFrame | None, packet: RtpPacket, now_ns: int) -> JitterFrame | None:
        """Return the first of the whole pictures that builds on nothing that is missing."""
        if not self.broken:
            self._broken_since_ns = None
            return frame
        if self._broken_since_ns is None:
            self._broken_since_ns = now_ns
        while frame is not None:
            if begins_key_frame(frame.data):
                self.broken = False
                self._broken_since_ns = None
                return frame
            if now_ns - self._broken_since_ns >= _WITHOUT_NS:
                self.damaged += 1
                return frame
            self.passed_over += 1
            frame = self._remove_frame(packet.sequence_number)
        return None

    def _behind_gap(self, packet: RtpPacket, now_ns: int) -> JitterFrame | None:
        """Watch the gap that holds everything up; return the key frame behind it, once waiting is of no use."""
        if self._gap() is None:
            self._gap_since_ns = None
            return None
        if self._gap_since_ns is None:
            self._gap_since_ns = now_ns
        if now_ns - self._gap_since_ns < _JUMP_NS:
            return None
        place = self._whole_key_frame()
        if place is None:
            return None
        self.remove(place)
        self.broken = False
        self._gap_since_ns = self._broken_since_ns = None
        return self._remove_frame(packet.sequence_number)

    def _should_ask(self, now_ns: int) -> bool:
        held_up = self._gap_since_ns is not None and now_ns - self._gap_since_ns >= _PATIENCE_NS
        if not (self.broken or held_up):
            self._asked_ns = None
            return False
        if self._asked_ns is not None and now_ns - self._asked_ns < _PATIENCE_NS:
            return False
        self._asked_ns = now_ns
        return True

    def _gap(self) -> int | None:
        """Return the place of the first missing packet that later ones wait for; None if there is none."""
        if self._origin is None or self._newest is None:
            return None
        ahead = uint16_add(self._newest, -self._origin)
        if ahead >= self.capacity:
            return None  # all that came was given out: the newest packet lies behind us
        return next((count for count in range(ahead) if self._at(count) is None), None)

    def _whole_key_frame(self) -> int | None:
        """Return the place of the first packet of a key frame that is all there."""
        assert self._origin is not None
        assert self._newest is not None
        begin: int | None = None
        stamp: int | None = None
        first = 0
        for count in range(min(uint16_add(self._newest, -self._origin) + 1, self.capacity)):
            packet = self._at(count)
            if packet is None:
                begin = stamp = None
                continue
            if packet.timestamp != stamp:
                if begin is not None:
                    return begin  # its last packet bears no mark, but the next picture's first one is here
                stamp, first = packet.timestamp, count
            if begin is None and begins_key_frame(packet._data):
                begin = first
            if begin is not None and packet.marker and self._believed:
                return begin
        return None

    def _at(self, count: int) -> Any:
        return self._packets[((self._origin or 0) + count) % self.capacity]


class DecoderAlarm(threading.Event):
    """The flag by which aiortc's decoder asks for a key frame; what it could not decode is missing from then on."""

    def __init__(self, buffer: RecoveringBuffer) -> None:
        super().__init__()
        self._buffer = buffer

    def set(self) -> None:
        """Ask for a key frame, and pass over what comes before it."""
        self._buffer.broken = True
        super().set()
