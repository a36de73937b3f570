from __future__ import annotations

import contextlib
import queue
import threading
from types import SimpleNamespace

import av
import numpy as np
import pytest

from stream_guard.errors import SourceError, UnsupportedMedia
from stream_guard.sources.decoding import DecodeQueue, _Sources, key_frame_size
from stream_guard.testing.clock import ManualClock

pytestmark = pytest.mark.unit

KEY = (None, b"\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01")  # VP8, 640x480
BETWEEN = (None, b"\x11" + b"\0" * 20)


class Setup:
    def __init__(self, *, video: bool = True) -> None:
        self.clock = ManualClock()
        self.asked = 0
        self.refused: list[SourceError] = []
        self.queue = DecodeQueue(video=video, clock=self.clock, ask_key_frame=self.ask, refuse=self.refused.append)

    def ask(self) -> None:
        self.asked += 1

    def come(self, *pictures: tuple[None, bytes], gap_ms: float = 33.3) -> None:
        for _, data in pictures:
            self.clock.advance(ms=gap_ms)
            self.queue.put((SimpleNamespace(name="VP8"), SimpleNamespace(data=data)))


def encoded(codec: str, size: tuple[int, int], count: int = 6) -> list[bytes]:
    context = av.CodecContext.create({"VP8": "libvpx", "H264": "libx264"}[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.framerate = *size, "yuv420p", 30
    context.options = {"VP8": {"deadline": "realtime"}, "H264": {"tune": "zerolatency", "g": "600"}}[codec]
    packets = []
    for number in range(count):
        shade = np.full((size[1], size[0], 3), 40 * number, np.uint8)
        packets += context.encode(av.VideoFrame.from_ndarray(shade, format="rgb24"))
    return [bytes(packet) for packet in packets]


@pytest.mark.parametrize(("codec", "shown"), [("VP8", (320, 180)), ("H264", (0, 0))])
def test_only_the_first_picture_of_a_stream_stands_alone(codec: str, shown: tuple[int, int]) -> None:
    sizes = [key_frame_size(codec, data) for data in encoded(codec, (320, 180))]
    assert len(sizes) >= 4
    assert sizes[0] == shown
    assert set(sizes[1:]) == {None}


def test_a_decoder_that_keeps_up_gets_everything() -> None:
    setup = Setup()
    for picture in [KEY, *[BETWEEN] * 500]:
        setup.come(picture)
        setup.queue.get_nowait()
    assert (setup.queue.passed_over, setup.asked, setup.refused) == (0, 0, [])


def test_a_decoder_that_is_behind_goes_on_at_the_next_key_frame() -> None:
    setup = Setup()
    setup.come(KEY, *[BETWEEN] * 29)
    assert setup.queue.qsize() == 30
    setup.come(*[BETWEEN] * 60)
    assert setup.queue.qsize() == 0, "nothing in it could be shown in time"
    assert setup.queue.passed_over == 90
    assert 2 <= setup.asked <= 6, "asked for, but not with every picture"
    setup.come(KEY, BETWEEN)
    assert setup.queue.qsize() == 2
    assert setup.queue.passed_over == 90
    assert setup.refused == []


def test_a_key_frame_that_finds_no_room_makes_it() -> None:
    setup = Setup()
    setup.come(*[KEY] * 31)
    assert setup.queue.qsize() == 1
    assert setup.queue.passed_over == 30


def test_its_size_is_bounded_whatever_comes() -> None:
    setup = Setup()
    random = np.random.default_rng(1)
    most = 0
    for kind in random.random(20_000) < 0.02:
        setup.come(KEY if kind else BETWEEN)
        most = max(most, setup.queue.qsize())
        if random.random() < 0.3:
            with contextlib.suppress(queue.Empty):
                setup.queue.get_nowait()
    assert most == 30


def test_sound_is_cut_short_and_asks_for_nothing() -> None:
    setup = Setup(video=False)
    setup.come(*[(None, b"sound")] * 1000)
    assert setup.queue.qsize() <= 30
    assert setup.asked == setup.queue.passed_over == 0


def test_the_end_is_always_taken() -> None:
    setup = Setup()
    setup.come(KEY, *[BETWEEN] * 29)
    setup.queue.put(None)
    ended = threading.Thread(target=lambda: [None for _ in iter(setup.queue.get, None)])
    ended.start()
    ended.join(5)
    assert not ended.is_alive()


def test_the_end_does_not_wait_for_a_backlog() -> None:
    """aiortc's event loop stands still until the decoder's thread has taken it."""
    setup = Setup()
    setup.come(KEY, *[BETWEEN] * 20)
    setup.queue.put(None)
    assert setup.queue.get_nowait() is None
    assert setup.queue.passed_over == 21


def test_a_decoder_that_keeps_up_shows_the_last_picture_too() -> None:
    setup = Setup()
    setup.come(KEY, BETWEEN)
    setup.queue.put(None)
    assert [setup.queue.get_nowait() is None for _ in range(3)] == [False, False, True]


def test_a_picture_beyond_8k_is_refused_before_it_is_decoded() -> None:
    setup = Setup()
    setup.come((None, KEY[1][:6] + (16383).to_bytes(2, "little") * 2))
    assert setup.queue.empty()
    (refusal,) = setup.refused
    assert isinstance(refusal, UnsupportedMedia)
    assert "16383x16383" in str(refusal)


@pytest.mark.parametrize(("per_second", "taken"), [(60, True), (200, True), (300, False), (5000, False)])
def test_a_frame_rate_no_camera_has_is_refused(per_second: int, taken: bool) -> None:
    setup = Setup()
    for _ in range(6 * per_second):
        setup.come(KEY, gap_ms=1000 / per_second)
        if not setup.queue.empty():
            setup.queue.get_nowait()
    assert (not setup.refused) == taken
    if not taken:
        assert "pictures a second" in str(setup.refused[0])


def test_a_burst_after_an_outage_is_no_frame_rate() -> None:
    setup = Setup()
    for _ in range(20):
        setup.clock.advance(s=5)
        setup.come(*[KEY] * 200, gap_ms=0.1)
    assert setup.refused == []


def test_numbers_a_sender_makes_up_fill_no_table() -> None:
    refused: list[SourceError] = []
    table = _Sources(refused.append)
    for ssrc in range(10_000):
        table[ssrc] = ssrc
    assert len(table) == 64
    assert 9_999 in table
    assert "SSRC" in str(refused[0])
    before = len(refused)
    table[9_999] = 1
    assert len(refused) == before
