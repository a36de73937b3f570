"""Files: what FFmpeg makes of them, and what `stream_guard.sources.pyav` makes of that."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av.logging

from tests.fuzz.target import Run, Target
from tests.hostile.bad_videos import read, write

_SMALL: dict[str, Any] = {"size": (32, 32), "frames": 3}


def _seeds() -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return tuple(
            write(folder / file, **_SMALL, codec=codec, pix_fmt=pix_fmt).read_bytes()
            for file, codec, pix_fmt in (
                ("a.mp4", "libx264", "yuv420p"),
                ("a.mkv", "libvpx", "yuv420p"),
                ("a.ts", "mpeg2video", "yuv420p"),
                ("a.avi", "mjpeg", "yuvj420p"),
                ("a.gif", "gif", "rgb8"),
                ("a.apng", "apng", "rgba"),
                ("a.y4m", "wrapped_avframe", "yuv420p"),
            )
        )


async def _look(path: Path) -> None:
    found = await read(path, limit_s=60, most=100)
    assert min(found.steps, default=0) >= 0


@contextmanager
def opened() -> Iterator[Run]:
    loop = asyncio.new_event_loop()
    level = av.logging.get_level()
    av.logging.set_level(None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"

        def run(data: bytes) -> None:
            path.write_bytes(data)
            loop.run_until_complete(_look(path))

        try:
            yield run
        finally:
            av.logging.set_level(level)
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


TARGET = Target(
    "media",
    opened,
    _seeds(),
    ("stream_guard.sources.pyav", "stream_guard.sources.failures", "stream_guard.sources.colour"),
    (b"DURATION", b"moov", b"trak", b"tkhd", b"stsz", b"\x1aE\xdf\xa3", b"strh", b"IHDR", b"F0:0", b"W9999 H9999"),
    limit=16384,
)
