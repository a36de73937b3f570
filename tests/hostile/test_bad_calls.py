"""Calls whose pictures are odd, broken or badly timed, over real WebRTC, each beside a call that is well."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from stream_guard.errors import SourceError, UnsupportedMedia
from stream_guard.frame import Frame
from stream_guard.sources.base import Source
from tests.hostile.bad_videos import SIZE, card, shows_card
from tests.hostile.calls import called

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(180), pytest.mark.usefixtures("nothing_left")]

FPS = 20
STEP = 90_000 // FPS


class Encoded(MediaStreamTrack):
    """Sends pictures that are encoded already, again from the start when they are over."""

    kind = "video"

    def __init__(self, pictures: Sequence[bytes], stamps: Sequence[int] | None = None) -> None:
        """Prepare.

        Args:
            pictures: encoded.
            stamps: their time stamps at 90 kHz; else they are in order.
        """
        super().__init__()
        self._pictures = pictures
        self._stamps = stamps
        self._number = 0

    async def recv(self) -> Any:
        """Return the next when its time has come."""
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(1 / FPS)
        number, self._number = self._number, self._number + 1
        packet = av.Packet(self._pictures[number % len(self._pictures)])
        packet.pts = number * STEP if self._stamps is None else self._stamps[number % len(self._stamps)]
        packet.time_base = Fraction(1, 90_000)
        return packet


def encoded(
    codec: str, *, size: tuple[int, int] = SIZE, pix_fmt: str = "yuv420p", frames: int = 4, **options: str
) -> list[bytes]:
    """Return the card as so many pictures, the first of them a key frame with its parameter sets."""
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = *size, pix_fmt
    encoder.time_base, encoder.bit_rate = Fraction(1, FPS), 2_000_000
    tune = {"preset": "ultrafast", "tune": "zerolatency"} if codec == "libx264" else {"deadline": "realtime"}
    encoder.options = {**tune, **{name.replace("_", "-"): value for name, value in options.items()}}
    frame = av.VideoFrame.from_ndarray(card(size), format="rgb24").reformat(format=pix_fmt)
    packets = []
    for number in range(frames):
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        packets += encoder.encode(frame)
    return [bytes(packet) for packet in [*packets, *encoder.encode(None)]]


async def seen(source: Source, *, until: Any, limit_s: float = 60) -> list[Frame]:
    """Read frames, each converted, until what was seen is enough."""
    frames: list[Frame] = []
    async with asyncio.timeout(limit_s):
        while not until(frames):
            frame = await source.recv()
            rgb = await asyncio.to_thread(frame.rgb)
            assert (rgb.dtype, rgb.shape) == (np.uint8, (frame.height, frame.width, 3))
            frames.append(frame)
    assert all(before.media_s <= after.media_s for before, after in pairwise(frames))
    return frames


async def goes_on(source: Source) -> None:
    """Expect a few frames that come after now."""
    number = (await asyncio.wait_for(source.recv(), 40)).sequence
    await seen(source, until=lambda frames: frames and frames[-1].sequence > number + 5)


async def test_a_call_that_changes_its_size_all_the_time() -> None:
    """As congestion control does it, and as nobody does: down to one pixel."""
    sizes = [(160, 90), (320, 180), (17, 31), (1, 1), (2, 2), (64, 1024), (640, 360)]
    track = Encoded([picture for size in sizes for picture in encoded("libvpx", size=size)])
    async with called() as (_, healthy), called(track) as (_, source):
        frames = await seen(source, until=lambda frames: {(f.width, f.height) for f in frames} >= set(sizes))
        for frame in frames:
            assert frame.width < 64 or shows_card(frame.rgb(), tolerance=30)
        transport = source.transport()
        assert (transport.width, transport.height) in sizes
        await goes_on(healthy)


async def test_a_call_that_changes_its_format_all_the_time() -> None:
    """H.264 with new parameter sets each time: chroma, depth, fields, grey, size."""
    kinds: list[dict[str, Any]] = [
        {},
        {"pix_fmt": "yuv444p", "size": (320, 180)},
        {"pix_fmt": "yuv422p10le", "size": (96, 64)},
        {"x264_params": "interlaced=1", "size": (128, 96)},
        {"pix_fmt": "yuv420p10le", "size": (176, 144)},
        {"pix_fmt": "gray", "size": (200, 100)},
    ]
    track = Encoded([picture for kind in kinds for picture in encoded("libx264", **kind)])
    wanted = {kind.get("size", SIZE) for kind in kinds}
    async with called() as (_, healthy), called(track, codec="H264") as (_, source):
        frames = await seen(source, until=lambda frames: {(f.width, f.height) for f in frames} >= wanted)
        for frame in frames:
            grey = (frame.width, frame.height) == (200, 100)
            assert grey or shows_card(frame.rgb(), tolerance=20), frame
        await goes_on(healthy)


async def test_colours_that_cannot_be_converted_are_refused_in_words() -> None:
    track = Encoded(encoded("libx264", x264_params="colormatrix=YCgCo"))
    async with called() as (_, healthy), called(track, codec="H264") as (_, source):
        with pytest.raises(UnsupportedMedia, match="YCgCo"):
            await seen(source, until=lambda frames: False)
        await goes_on(healthy)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_pictures_that_are_none(codec: str) -> None:
    """Noise, halves, one byte, and good ones again: what can be decoded is shown, and the call goes on."""
    dice = random.Random(9)
    good = encoded("libvpx" if codec == "VP8" else "libx264")
    halves = [picture[: len(picture) // 2] for picture in good]
    noise = [good[0][:10] + dice.randbytes(400) for _ in range(6)]
    starts = [b"\0\0\0\1" + dice.randbytes(60) for _ in range(6)]
    track = Encoded([*good, *halves, *noise, b"\0", b"\0\0\0\1\x67", *starts, *good])
    async with called() as (_, healthy), called(track, codec=codec) as (_, source):
        await seen(source, until=lambda frames: sum(shows_card(f.rgb(), tolerance=30) for f in frames) > 12)
        await goes_on(healthy)


async def test_stamps_that_leap_wrap_stand_still_and_go_back() -> None:
    """RTP time stamps are 32 bits that the sender counts as it likes (RFC 3550, section 5.1)."""
    pictures = encoded("libvpx", frames=40)
    turn = (1 << 32) - 5 * STEP
    stamps = [turn + n * STEP for n in range(10)]
    stamps += [stamps[-1] + 90_000 * 3600 + n * STEP for n in range(10)]
    stamps += [n * STEP for n in range(10)]
    stamps += [(1 << 31) * (n % 2) + n for n in range(10)]
    async with called() as (_, healthy), called(Encoded(pictures, stamps)) as (_, source):
        frames = await seen(source, until=lambda frames: len(frames) >= 60)
        assert frames[-1].media_s - frames[0].media_s < 60, "no hour has passed"
        assert all(shows_card(frame.rgb(), tolerance=30) for frame in frames)
        await goes_on(healthy)


async def test_a_call_of_nothing_but_noise_ends_when_its_sender_does() -> None:
    dice = random.Random(2)
    async with (
        called() as (_, healthy),
        called(Encoded([dice.randbytes(300) for _ in range(50)])) as (sender, source),
    ):
        reading = asyncio.ensure_future(seen(source, until=lambda frames: False, limit_s=120))
        await goes_on(healthy)
        await sender.delete()
        with pytest.raises(SourceError):
            await reading
        await goes_on(healthy)
