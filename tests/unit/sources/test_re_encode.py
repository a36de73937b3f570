"""Pictures through a call's codec and back: bitrate, size, what is left of them, and what is refused."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import UnsupportedMedia
from stream_guard.sources.base import Transport
from stream_guard.sources.re_encode import Decoder, Encoder, VideoSetting

pytestmark = pytest.mark.unit

FPS = 15
TEXTURE = cv2.normalize(
    cv2.GaussianBlur(
        np.random.default_rng(3).integers(0, 256, (400, 600, 3), dtype=np.uint8).astype(np.float32), (0, 0), 1.5
    ),
    None,
    0,
    255,
    cv2.NORM_MINMAX,
).astype(np.uint8)


def picture(number: int, width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """A textured picture that moves all the time."""
    x, y = int(60 + 50 * np.sin(number / 6)), int(60 + 40 * np.cos(number / 5))
    return np.ascontiguousarray(TEXTURE[y : y + height, x : x + width])


@pytest.mark.parametrize("codec", ["VP8", "H264"])
@pytest.mark.parametrize("kbps", [150, 600])
def test_the_bitrate_is_reached_and_fewer_bits_show_less(codec: Literal["VP8", "H264"], kbps: int) -> None:
    setting = VideoSetting(codec, 320, 240, FPS, kbps)
    encoder, decoder = Encoder(setting), Decoder(codec)
    coded = [encoder.encode(picture(number)) for number in range(5 * FPS)]
    seen = [decoder.decode(data) for data in coded]
    settled = coded[FPS:]
    reached = sum(8 * len(data) for data in settled) / len(settled) * FPS / 1000
    assert reached == pytest.approx(kbps, rel=0.25)
    assert sum(one is None for one in seen) == sum(not data for data in coded)
    errors = [np.abs(one.astype(int) - picture(at)).mean() for at, one in enumerate(seen) if one is not None]
    assert len(errors) > 2 * FPS
    mean = float(np.mean(errors[FPS:]))  # 11 to 13 with 150 kb/s, 6 to 8 with 600
    assert mean < 9 if kbps == 600 else mean > 10


def test_the_same_pictures_give_the_same_stream() -> None:
    setting = VideoSetting("VP8", 160, 120, FPS, 100)
    streams = []
    for _ in range(2):
        encoder = Encoder(setting)
        streams.append([encoder.encode(picture(number, 160, 120)) for number in range(8)])
    assert streams[0] == streams[1]


def test_pictures_of_another_size_are_brought_to_the_settings() -> None:
    encoder, decoder = Encoder(VideoSetting("VP8", 160, 120, FPS, 300)), Decoder("VP8")
    shown = decoder.decode(encoder.encode(picture(0)))
    assert shown is not None
    assert shown.shape == (120, 160, 3)
    assert decoder.decode(b"") is None


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_far_too_few_bits_are_no_error(codec: Literal["VP8", "H264"]) -> None:
    setting = VideoSetting(codec, 4096, 4096, 60, 20).for_picture(320, 240, fps=FPS)
    assert setting.kbps < 0.1
    encoder, decoder = Encoder(setting), Decoder(codec)
    seen = [decoder.decode(encoder.encode(picture(number))) for number in range(2 * FPS)]
    assert seen[0] is not None
    assert seen[0].shape == (240, 320, 3)


def test_a_picture_gets_as_many_bits_a_pixel_as_the_calls() -> None:
    call = VideoSetting("VP8", 640, 360, 30, 600)
    large = call.for_picture(1280, 720, fps=15)
    assert (large.width, large.height, large.fps) == (640, 360, 15)
    assert large.kbps == pytest.approx(300)
    small = call.for_picture(320, 240, fps=15)
    assert (small.width, small.height) == (320, 240)
    upright = call.for_picture(1080, 1920, fps=30)
    assert upright.width * upright.height == pytest.approx(640 * 360, rel=0.01)
    assert upright.height / upright.width == pytest.approx(16 / 9, rel=0.01)
    assert upright.width % 2 == upright.height % 2 == 0
    for other in (large, small, upright):
        assert other.bits_per_pixel == pytest.approx(call.bits_per_pixel)


@pytest.mark.parametrize("codec", ["VP8", "h264", "LIBVPX"])
def test_a_calls_transport_says_how_it_is_encoded(codec: str) -> None:
    setting = VideoSetting.of(Transport(codec=codec, width=640, height=360, fps=24.0, kbps=512.0))
    assert setting == VideoSetting("H264" if codec == "h264" else "VP8", 640, 360, 24.0, 512.0)


@pytest.mark.parametrize(
    ("transport", "words"),
    [
        (Transport(codec="VP9", width=640, height=360, fps=24.0, kbps=512.0), "the call's codec is VP9"),
        (Transport(), "of which nothing is known"),
        (Transport(codec="VP8", width=640, height=360, fps=24.0), "bitrate is not known"),
        (Transport(codec="VP8", width=640, height=360, fps=24.0, kbps=0.0), "bitrate is not known"),
        (Transport(codec="VP8", fps=24.0, kbps=300.0), "size or rate is not known"),
        (Transport(codec="VP8", width=640, height=360, kbps=300.0), "size or rate is not known"),
    ],
)
def test_what_cannot_be_imitated_is_refused_in_words(transport: Transport, words: str) -> None:
    with pytest.raises(UnsupportedMedia, match=words):
        VideoSetting.of(transport)
