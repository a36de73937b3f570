"""The recording that is played: any file, or callers made on the spot, in a grid as in a call's gallery."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Literal, get_args

import av
import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from stream_guard.bench import mark
from stream_guard.errors import ConfigError, UnsupportedMedia

__all__ = ["Codec", "Shape", "encode", "make", "named_codec", "number", "parse_size", "pictures", "save", "saved"]

Codec = Literal["VP8", "H264"]

_KEY_FRAMES_EVERY_S = 2.0
"""In what is encoded beforehand: nobody can ask it for a key frame."""


_MOST_FACES = 25


@dataclass(frozen=True, slots=True)
class Shape:
    """What is played.

    Attributes:
        width, height: in pixels, even.
        fps: pictures a second.
        faces: callers in the grid.
        rows: of the grid, which has as many columns; 0 takes the smallest that holds all callers.
    """

    width: int = 1280
    height: int = 720
    fps: int = 30
    faces: int = 1
    rows: int = 0

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: it cannot be played.
        """
        if self.width % 2 or self.height % 2:
            raise ConfigError(f"{self.width}x{self.height}: video codecs need even sizes")
        if not 1 <= self.faces <= _MOST_FACES:
            raise ConfigError(f"{self.faces} faces cannot be shown; take 1 to {_MOST_FACES}")
        if self.rows and self.rows**2 < self.faces:
            raise ConfigError(f"{self.faces} faces do not fit into a grid of {self.rows} rows and columns")
        mark.check_size(self.width, self.height)

    @property
    def grid(self) -> int:
        """Rows and columns that the callers are placed in."""
        return self.rows or ceil(self.faces**0.5)


def make(path: Path, shape: Shape, *, seconds: float, tick: Callable[[], None] = lambda: None) -> None:
    """Write callers made on the spot as H.264 of high quality, so the sender's encoder sets the bitrate.

    It ends where it began (there and back), so it can be played over and over without a cut.

    Args:
        path: an ``.mp4`` file.
        shape: of the pictures.
        seconds: its length.
        tick: is called after each picture.
    """
    from stream_guard.testing.caller import Caller

    caller = Caller(width=shape.width // shape.grid, height=shape.height // shape.grid)
    count = round(seconds * shape.fps)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=shape.fps)
        stream.width, stream.height, stream.pix_fmt = shape.width, shape.height, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "14"}
        picture = np.zeros((shape.height, shape.width, 3), np.uint8)
        for number in range(count):
            at_s = min(number, count - number) / shape.fps
            _tile(picture, [caller.frame(at_s + 1.7 * tile) for tile in range(shape.faces)], shape.grid)
            out.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
            tick()
        out.mux(stream.encode(None))


def pictures(path: Path, shape: Shape) -> Iterator[VideoFrame]:
    """Decode a recording over and over; each picture in the shape asked for, as yuv420p, one's own to draw on.

    Args:
        path: any video file.
        shape: its pictures are scaled to this; its pace is not read.

    Raises:
        UnsupportedMedia: it holds no video.
    """
    while True:
        empty = True
        try:
            with av.open(str(path)) as recording:
                for frame in recording.decode(video=0):
                    same = (frame.width, frame.height, frame.format.name) == (shape.width, shape.height, "yuv420p")
                    picture = frame.reformat(shape.width, shape.height, "yuv420p") if not same else frame
                    # A copy: no decoder's picture types and times are left in it, and nobody else reads it.
                    yield VideoFrame.from_ndarray(picture.to_ndarray(), format="yuv420p")
                    empty = False
        except (av.FFmpegError, IndexError) as error:
            raise UnsupportedMedia(f"{path.name} is no video that can be played: {error}") from error
        if empty:
            raise UnsupportedMedia(f"{path.name} holds no pictures")


def number(picture: VideoFrame, count: int, fps: int) -> None:
    """Draw a picture's number into it, and give it its time at RTP's 90 kHz."""
    mark.draw(mark.luma(picture), count)
    picture.pts, picture.time_base = round(count * 90_000 / fps), Fraction(1, 90_000)


def encode(path: Path, shape: Shape, *, codec: Codec, kbps: int, count: int) -> list[bytes]:
    """Encode a recording's first pictures, numbered; for senders that must cost next to nothing.

    Returns:
        One encoded picture each; the first is a key frame.
    """
    context = av.CodecContext.create("libvpx" if codec == "VP8" else "libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = shape.width, shape.height, "yuv420p"
    context.bit_rate = kbps * 1000
    context.framerate, context.time_base = Fraction(shape.fps), Fraction(1, shape.fps)
    context.gop_size = round(_KEY_FRAMES_EVERY_S * shape.fps)
    if codec == "VP8":
        context.options = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0"}
    else:
        context.options = {"preset": "veryfast", "tune": "zerolatency"}
        context.profile = "Baseline"
    encoded = []
    for place, picture in zip(range(count), pictures(path, shape), strict=False):
        number(picture, place, shape.fps)
        picture.pts, picture.time_base = place, Fraction(1, shape.fps)
        encoded.append(b"".join(bytes(packet) for packet in context.encode(picture)))
    return encoded


def _tile(picture: NDArray[np.uint8], tiles: list[NDArray[np.uint8]], rows: int) -> None:
    for place, drawn in enumerate(tiles):
        height, width = drawn.shape[:2]
        top, left = place // rows * height, place % rows * width
        picture[top : top + height, left : left + width] = drawn


def save(path: Path, encoded: Sequence[bytes]) -> None:
    """Write encoded pictures: each its length, a little-endian uint32, and its bytes."""
    path.write_bytes(b"".join(struct.pack("<I", len(one)) + one for one in encoded))


def saved(path: Path) -> list[bytes]:
    """Read what `save` wrote."""
    content = path.read_bytes()
    encoded, place = [], 0
    while place < len(content):
        (length,) = struct.unpack_from("<I", content, place)
        encoded.append(content[place + 4 : place + 4 + length])
        place += 4 + length
    return encoded


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height of a text such as ``1280x720``.

    Raises:
        ConfigError: it is none.
    """
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise ConfigError(f"{text} is no size; write it as 1280x720")
    return int(width), int(height)


def named_codec(text: str) -> Codec:
    """Return a codec by its name, written in any case.

    Raises:
        ConfigError: a call has no such codec here.
    """
    for codec in get_args(Codec):
        if text.upper() == codec:
            return codec  # type: ignore[no-any-return]
    raise ConfigError(f"{text} cannot be sent; take VP8 or H264")
