"""Nothing is decoded that builds on what was lost; what is missing is asked for, patiently but not for ever."""

from __future__ import annotations

import random

import pytest
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_guard.clock import NS_PER_S
from stream_guard.sources.recovery import DecoderAlarm, PatientNacks, RecoveringBuffer, begins_key_frame
from stream_guard.testing.clock import ManualClock

pytestmark = pytest.mark.unit

KEY = bytes([0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 2, 0x68, 1])


def picture(number: int, first: int, *, packets: int = 3, key: bool = False) -> list[RtpPacket]:
    """Return one picture's packets, the first numbered ``first``; its name stands in its last byte."""
    made = []
    for place in range(packets):
        data = KEY if key and not place else b"\x11" + bytes(9)
        packet = RtpPacket(
            payload_type=96,
            sequence_number=(first + place) % 65536,
            timestamp=number * 3000,
            marker=int(place == packets - 1),
        )
        packet.payload = packet._data = data + bytes([number % 256])
        made.append(packet)
    return made


def call(count: int, *, keys: tuple[int, ...] = (0,), first: int = 100) -> list[list[RtpPacket]]:
    return [picture(number, first + 3 * number, key=number in keys) for number in range(count)]


class Receiver:
    """A buffer and a clock; remembers which pictures came out, and when a key frame was asked for."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.buffer = RecoveringBuffer(64, clock=self.clock)
        self.shown: list[int] = []
        self.asked_s: list[float] = []

    def take(self, *packets: RtpPacket, wait_s: float = 0.0) -> None:
        for packet in packets:
            self.clock.advance(ns=round(wait_s * NS_PER_S))
            ask, frame = self.buffer.add(packet)
            if ask:
                self.asked_s.append(self.clock.now_ns() / NS_PER_S)
            if frame is not None:
                self.shown.append(frame.data[-1])


def test_a_call_without_losses_is_shown_whole_and_nothing_is_asked_for() -> None:
    receiver = Receiver()
    for one in call(300):
        receiver.take(*one, wait_s=0.011)
    assert receiver.shown == [number % 256 for number in range(300)]
    assert receiver.asked_s == []
    assert (receiver.buffer.passed_over, receiver.buffer.damaged) == (0, 0)


def test_what_does_not_begin_with_a_key_frame_waits_for_one() -> None:
    receiver = Receiver()
    for one in call(90, keys=(60,)):
        receiver.take(*one, wait_s=0.011)
    assert receiver.shown == list(range(60, 90))
    assert receiver.asked_s[0] == pytest.approx(0.5, abs=0.05)
    assert len(receiver.asked_s) == 3, "every half a second until it came after 2 s"
    assert receiver.buffer.passed_over == 60


def test_a_gap_that_is_filled_late_loses_nothing() -> None:
    receiver = Receiver()
    pictures = call(20)
    late = pictures[5].pop(1)
    for one in pictures[:15]:
        receiver.take(*one, wait_s=0.002)
    receiver.take(late)
    for one in pictures[15:]:
        receiver.take(*one, wait_s=0.002)
    assert receiver.shown == list(range(len(receiver.shown))), "in order, and none is left out"
    assert receiver.asked_s == []


def test_a_gap_that_stays_leads_to_a_key_frame_and_to_nothing_that_builds_on_it() -> None:
    receiver = Receiver()
    pictures = call(60, keys=(0, 40))
    del pictures[5][1]
    for one in pictures:
        receiver.take(*one, wait_s=0.02)
    assert receiver.shown == [0, 1, 2, 3, 4, *range(40, 60)]
    assert receiver.asked_s, "long before the buffer of 64 packets was full"
    assert receiver.asked_s[0] < 5 * 0.06 + 0.6


def test_a_full_buffer_shows_nothing_before_the_next_key_frame() -> None:
    """Without waiting for time to pass: 64 packets come at once."""
    receiver = Receiver()
    pictures = call(80, keys=(0, 70))
    del pictures[5][1]
    for one in pictures:
        receiver.take(*one)
    assert receiver.shown[:5] == [0, 1, 2, 3, 4]
    assert receiver.shown[5:] == list(range(70, 80))
    assert receiver.asked_s == [0.0], "once, as no time passes"


def test_an_outage_that_skips_thousands_of_packets_is_over_with_a_key_frame() -> None:
    receiver = Receiver()
    for one in call(10):
        receiver.take(*one, wait_s=0.011)
    receiver.clock.advance(ns=5 * NS_PER_S)
    later = call(30, keys=(10,), first=100 + 4000)
    for one in later:
        receiver.take(*one, wait_s=0.011)
    assert receiver.shown == [*range(10), *range(10, 30)]
    assert len(receiver.asked_s) == 1


def test_after_ten_seconds_without_a_key_frame_pictures_are_taken_and_counted() -> None:
    receiver = Receiver()
    for one in call(10):
        receiver.take(*one, wait_s=0.011)
    for number in range(10, 400):
        receiver.take(*picture(number, 5000 + 3 * number), wait_s=0.011)
    assert receiver.buffer.damaged == len(receiver.shown) - 10 > 50
    assert receiver.shown[10] + 256 == pytest.approx(10 + 10 / 0.033, abs=3)
    receiver.take(*picture(400, 5000 + 1200, key=True))
    damaged = receiver.buffer.damaged
    receiver.take(*picture(401, 5000 + 1203))
    assert receiver.buffer.damaged == damaged, "whole again"


def test_packets_that_come_twice_are_no_gap() -> None:
    receiver = Receiver()
    pictures = call(5)
    for one in pictures:
        receiver.take(*one, wait_s=0.011)
    for _ in range(50):
        receiver.take(*pictures[4], wait_s=0.05)
    assert receiver.shown == list(range(5))
    assert receiver.asked_s == []


def test_a_very_late_packet_does_not_begin_everything_anew() -> None:
    receiver = Receiver()
    pictures = call(100)
    for one in pictures[:60]:
        receiver.take(*one)
    receiver.take(pictures[0][0], pictures[1][1])
    for one in pictures[60:]:
        receiver.take(*one)
    assert receiver.shown == list(range(100))


def test_a_stream_that_begins_anew_far_behind_is_followed() -> None:
    receiver = Receiver()
    for one in call(10, first=5000):
        receiver.take(*one, wait_s=0.011)
    for one in call(60, keys=(0, 30), first=100):
        receiver.take(*one, wait_s=0.011)
    assert receiver.shown[10:] == list(range(30, 60))


def test_what_the_decoder_cannot_read_is_followed_by_a_key_frame() -> None:
    receiver = Receiver()
    alarm = DecoderAlarm(receiver.buffer)
    pictures = call(20, keys=(0, 10))
    for one in pictures[:5]:
        receiver.take(*one)
    alarm.set()
    assert alarm.is_set()
    for one in pictures[5:]:
        receiver.take(*one)
    assert receiver.shown == [*range(5), *range(10, 20)]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), loss=st.floats(0, 0.4), spread=st.integers(0, 40))
def test_whatever_is_lost_doubled_and_reordered_only_whole_chains_are_shown(
    seed: int, loss: float, spread: int
) -> None:
    chance = random.Random(seed)
    keys = tuple(sorted({0, *(chance.randrange(80) for _ in range(6))}))
    packets = [packet for one in call(80, keys=keys, first=65_400) for packet in one]
    order = sorted(
        ((place + chance.uniform(0, spread), packet) for place, packet in enumerate(packets) for _ in range(2)),
        key=lambda pair: pair[0],
    )
    receiver = Receiver()
    for _, packet in order:
        if chance.random() >= loss:
            receiver.take(packet, wait_s=0.005)
    assert receiver.shown == sorted(set(receiver.shown)), "in order, none twice"
    for before, shown in zip([None, *receiver.shown], receiver.shown, strict=False):
        assert shown in keys or before == shown - 1, "each is a key frame, or the one before it was shown"


def test_packets_are_asked_for_again_but_not_for_ever() -> None:
    clock = ManualClock()
    nacks = PatientNacks(clock)
    numbers = iter(range(10, 1000))

    def add(number: int) -> set[int]:
        packet = RtpPacket(sequence_number=number)
        return nacks.missing if nacks.add(packet) else set()

    assert add(next(numbers)) == set()
    next(numbers)
    assert add(next(numbers)) == {11}
    assert add(next(numbers)) == set(), "at once would be for nothing: the answer is on its way"
    asked = 0
    for _ in range(100):
        clock.advance(ns=50_000_000)
        asked += 11 in add(next(numbers))
    assert asked == 7, "eight times in all"


def test_packets_that_came_or_that_nobody_remembers_are_not_asked_for() -> None:
    clock = ManualClock()
    nacks = PatientNacks(clock)
    for number in (65_530, 65_534):
        nacks.add(RtpPacket(sequence_number=number))
    assert nacks.missing == {65_531, 65_532, 65_533}
    nacks.add(RtpPacket(sequence_number=65_532))
    clock.advance(ns=200_000_000)
    assert nacks.add(RtpPacket(sequence_number=2))
    assert nacks.missing == {65_531, 65_533, 65_535, 0, 1}
    nacks.add(RtpPacket(sequence_number=5000))
    assert len(nacks.missing) == 128


def test_key_frames_are_told_by_their_first_bytes() -> None:
    assert begins_key_frame(KEY)
    assert not begins_key_frame(b"\x11" + KEY[1:])
    assert begins_key_frame(b"\x00\x00\x00\x01\x67rest")
    assert begins_key_frame(b"\x00\x00\x00\x01\x65\x88rest")
    assert begins_key_frame(b"\0\0\0\1\x09\xf0\0\0\0\1\x67sps"), "behind a delimiter"
    assert not begins_key_frame(b"\x00\x00\x00\x01\x65\x08rest"), "its second slice"
    assert not begins_key_frame(b"\x00\x00\x00\x01\x41rest")
    assert not begins_key_frame(b"")


def test_what_is_replaced_is_there_in_aiortc() -> None:
    """Another aiortc may name its fields otherwise: then nothing would be asked for again, and nobody told."""
    source = set(RTCRtpReceiver.__init__.__code__.co_names)
    wanted = {"jitter_buffer", "nack_generator", "decoder_error"}
    assert {f"_RTCRtpReceiver__{name}" for name in wanted} <= source
