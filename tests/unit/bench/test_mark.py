"""The number comes through every codec a call uses, at rates where the picture does not; or not at all."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.bench import mark
from stream_guard.errors import ConfigError

pytestmark = pytest.mark.unit

SIZES = [(1920, 1080), (1280, 720), (640, 360), (320, 240), (208, 256)]


def busy(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """A picture that leaves an encoder no bits to spare."""
    return np.random.default_rng(seed).integers(16, 236, (height, width), dtype=np.uint8)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("number", [0, 1, 2, 1023, 40_000, mark.MODULUS - 1])
def test_what_is_drawn_is_read(width: int, height: int, number: int) -> None:
    picture = busy(width, height)
    mark.draw(picture, number)
    assert mark.read(picture) == number


def test_numbers_are_modulo() -> None:
    picture = busy(640, 360)
    mark.draw(picture, mark.MODULUS + 7)
    assert mark.read(picture) == 7


@pytest.mark.parametrize("codec", ["libvpx", "libx264"])
@pytest.mark.parametrize("kbps", [50, 300])
def test_it_survives_codecs_at_the_lowest_rates(codec: str, kbps: int) -> None:
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 240, "yuv420p"
    encoder.bit_rate, encoder.time_base, encoder.framerate = kbps * 1000, Fraction(1, 30), Fraction(30)
    realtime = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "maxrate": str(kbps * 1000)}
    encoder.options = realtime if codec == "libvpx" else {"tune": "zerolatency", "preset": "ultrafast"}
    decoder = av.CodecContext.create("libvpx" if codec == "libvpx" else "h264", "r")
    read = []
    for number in range(700, 720):
        frame = av.VideoFrame.from_ndarray(np.full((360, 320), 128, np.uint8), format="yuv420p")
        mark.luma(frame)[:] = 64 + busy(320, 240, number) // 4  # a very noisy camera
        mark.draw(mark.luma(frame), number)
        frame.pts = number
        for packet in encoder.encode(frame):
            read += [mark.read(mark.luma(one)) for one in decoder.decode(packet)]
    assert len(read) > 5
    assert None not in read
    assert sorted(set(read)) == read, "each once, in order"
    assert set(read) <= set(range(700, 720))


def test_a_picture_without_a_mark_has_no_number() -> None:
    for seed in range(50):
        assert mark.read(busy(640, 360, seed)) is None
    assert mark.read(np.zeros((360, 640), np.uint8)) is None
    assert mark.read(np.full((360, 640), 255, np.uint8)) is None


def test_a_strip_torn_between_two_frames_is_not_read_as_a_third() -> None:
    for first in range(0, 2000, 37):
        one, other = busy(640, 360), busy(640, 360)
        mark.draw(one, first)
        mark.draw(other, first + 5)
        for column in range(0, 640, 16):
            torn = np.hstack([one[:, :column], other[:, column:]])
            assert mark.read(torn) in {None, first, first + 5}


def test_a_square_that_is_half_gone_is_not_guessed() -> None:
    picture = busy(640, 360)
    mark.draw(picture, 5)
    picture[320:336, 48:56] = 235 - picture[320:336, 48:56] + 16  # half of one square
    picture[336:352, 48:56] = 235 - picture[336:352, 48:56] + 16
    assert mark.read(picture) is None


@pytest.mark.parametrize(("width", "height"), [(8, 8), (160, 120), (1280, 64)])
def test_too_small_a_picture_is_refused(width: int, height: int) -> None:
    with pytest.raises(ConfigError, match="too small"):
        mark.check_size(width, height)
