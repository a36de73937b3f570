"""Videos that are odd or broken, made on the spot, and what is read from them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import SourceEnded, SourceError
from stream_guard.frame import Frame
from stream_guard.sources.inputs import file_input
from stream_guard.sources.pyav import PyAvSource

__all__ = ["Read", "card", "read", "shows_card", "write", "write_sound"]

SIZE = (160, 96)
_CORNERS = ((200, 60, 30), (40, 160, 70), (20, 80, 180), (210, 205, 190))
"""Of the card: top left, top right, bottom left, bottom right."""


def card(size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return a picture of four colours, which shows how it is turned: uint8, shape (height, width, 3), RGB."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    for number, colour in enumerate(_CORNERS):
        rows = slice(height // 2) if number < 2 else slice(height // 2, None)
        columns = slice(width // 2, None) if number % 2 else slice(width // 2)
        picture[rows, columns] = colour
    return picture


def shows_card(rgb: NDArray[np.uint8], *, tolerance: int = 8, grey: bool = False, turns: int = 0) -> bool:
    """Return whether a picture is the card, turned counterclockwise so often by a quarter."""
    expected = np.rot90(card((rgb.shape[1], rgb.shape[0]) if turns % 2 == 0 else rgb.shape[:2]), turns).astype(
        float
    )
    if grey:
        expected = np.repeat((expected @ (0.299, 0.587, 0.114))[..., None], 3, axis=2)
    height, width = rgb.shape[:2]
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            spot = slice(y - height // 8, y + height // 8 + 1), slice(x - width // 8, x + width // 8 + 1)
            if np.abs(rgb[spot].mean(axis=(0, 1)) - expected[spot].mean(axis=(0, 1))).max() > tolerance:
                return False
    return True


def write(
    path: Path,
    *,
    size: tuple[int, int] = SIZE,
    frames: int = 5,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int | Fraction = 30,
    options: dict[str, str] | None = None,
    times: list[int] | None = None,
    rotation: int = 0,
    tags: dict[str, int] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a video of the card.

    Args:
        path: its ending names the container.
        size: in pixels.
        frames: how many.
        codec, pix_fmt, rate, options: of the encoder.
        times: of the frames, in milliseconds; else they follow from the rate.
        rotation: in degrees, as a note in the file.
        tags: what is written of colour: fields of the codec's context. The pixels are made to fit what they
            say of matrix and range.
        container_options: of the muxer.
    """
    tags = tags or {}
    still = {"update": "1"} if path.suffix == ".png" else {}
    with av.open(str(path), "w", options={**still, **(container_options or {})}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(card(size), format="rgb24").reformat(
                format=pix_fmt, dst_colorspace=tags.get("colorspace"), dst_color_range=tags.get("color_range")
            )
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path, *, cover: bool = False, codec: str = "aac") -> Path:
    """Write a tenth of a second of silence, with a picture of its sleeve if there is to be a cover."""
    with av.open(str(path), "w") as container:
        sound: Any = container.add_stream(codec, rate=48000, layout="mono")
        sleeve: Any = container.add_stream("mjpeg") if cover else None
        if cover:
            sleeve.width, sleeve.height = SIZE
            sleeve.pix_fmt = "yuvj420p"
            sleeve.disposition = av.stream.Disposition.attached_pic
            picture = av.VideoFrame.from_ndarray(card(), format="rgb24").reformat(format="yuvj420p")
            container.mux(sleeve.encode(picture))
            container.mux(sleeve.encode(None))
        format_ = sound.codec_context.format.name
        kind = np.float32 if "flt" in format_ else np.int16
        for number in range(4):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1200), kind), format=format_, layout="mono")
            silence.sample_rate, silence.pts = 48000, number * 1200
            container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
    return path


@dataclass(frozen=True)
class Read:
    """What came of a file: its frames, converted, and how it ended."""

    source: PyAvSource
    frames: list[Frame]
    end: SourceError

    @property
    def steps(self) -> list[float]:
        """Seconds from frame to frame."""
        return [after.media_s - before.media_s for before, after in zip(self.frames, self.frames[1:], strict=False)]


async def read(path: Path | str, *, limit_s: float = 50.0, most: int = 1000) -> Read:
    """Read a file as `stream-guard score` does, to its end; errors of any kind but ours are left to fly.

    Args:
        path: of the file.
        limit_s: how long it may take, in seconds.
        most: frames to read, if there are so many.
    """
    source = PyAvSource(file_input(str(path)))
    frames: list[Frame] = []
    end: SourceError
    try:
        async with asyncio.timeout(limit_s):
            await source.open()
            while len(frames) < most:
                frame = await source.recv()
                rgb = await asyncio.to_thread(frame.rgb)
                assert (rgb.dtype, rgb.shape) == (np.uint8, (frame.height, frame.width, 3))
                frames.append(frame)
        end = SourceEnded("that was enough")
    except SourceError as error:
        end = error
    finally:
        await source.close()
    assert str(end)
    assert str(end).isprintable(), "one line, and nothing that a terminal obeys"
    return Read(source, frames, end)
