"""A picture is given out with its last packet; and markers that are wrong do no lasting harm."""

from __future__ import annotations

import pytest
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from stream_guard.sources.jitter import PromptJitterBuffer

pytestmark = pytest.mark.unit


def packet(sequence: int, timestamp: int, data: bytes = b"x", *, marker: bool = False) -> RtpPacket:
    made = RtpPacket(payload_type=96, sequence_number=sequence % 65536, timestamp=timestamp, marker=int(marker))
    made.payload = made._data = data
    return made


def pictures(buffer: JitterBuffer, packets: list[RtpPacket]) -> list[tuple[int, int, bytes]]:
    """Return (how many packets had come, time stamp, data) of each picture."""
    out = []
    for count, one in enumerate(packets, 1):
        _, frame = buffer.add(one)
        if frame is not None:
            out.append((count, frame.timestamp, frame.data))
    return out


CALL = [
    packet(10, 0, b"a"),
    packet(11, 0, b"b", marker=True),
    packet(12, 3000, b"c", marker=True),
    packet(13, 6000, b"d"),
    packet(14, 6000, b"e", marker=True),
]


def test_a_picture_is_given_out_with_its_last_packet() -> None:
    assert pictures(PromptJitterBuffer(16), CALL) == [(2, 0, b"ab"), (3, 3000, b"c"), (5, 6000, b"de")]


def test_what_aiortc_does_by_itself_is_one_picture_late() -> None:
    assert pictures(JitterBuffer(16, is_video=True), CALL) == [(3, 0, b"ab"), (4, 3000, b"c")]


def test_without_markers_the_next_picture_completes_one() -> None:
    unmarked = [packet(one.sequence_number, one.timestamp, one._data) for one in CALL]
    assert pictures(PromptJitterBuffer(16), unmarked) == [(3, 0, b"ab"), (4, 3000, b"c")]


def test_packets_out_of_order_are_put_in_order() -> None:
    first, second, third = CALL[0], CALL[1], CALL[2]
    assert pictures(PromptJitterBuffer(16), [first, third, second]) == [(3, 0, b"ab")]


def test_pictures_behind_a_gap_come_one_a_packet_once_it_is_filled() -> None:
    order = [CALL[0], CALL[2], CALL[3], CALL[1], CALL[4]]
    assert [data for _, _, data in pictures(PromptJitterBuffer(16), order)] == [b"ab", b"c"]


def test_padding_behind_a_picture_is_no_picture() -> None:
    padded = [*CALL[:2], packet(12, 0, b""), packet(13, 0, b""), packet(14, 3000, b"c", marker=True)]
    assert pictures(PromptJitterBuffer(16), padded) == [(2, 0, b"ab"), (5, 3000, b"c")]


def test_markers_that_come_too_early_are_believed_once() -> None:
    slices = [
        packet(place, place // 2 * 3000, bytes([65 + place]), marker=True)  # two marked packets a picture
        for place in range(8)
    ]
    assert [data for _, _, data in pictures(PromptJitterBuffer(16), slices)] == [b"A", b"CD", b"EF"]


def test_sequence_numbers_wrap() -> None:
    around = [packet(65535, 0, b"a"), packet(65536, 0, b"b", marker=True), packet(65537, 3000, b"c", marker=True)]
    assert [data for _, _, data in pictures(PromptJitterBuffer(16), around)] == [b"ab", b"c"]
